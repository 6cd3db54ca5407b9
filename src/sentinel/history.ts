// history: the last events of a sentinel, kept in a file beside its config file, so that a failover can be understood days later.
//
// The file holds one JSON object a line, {"at": milliseconds since 1970, "type", "master", "text"}. When it has twice the lines that
// are kept, the older half goes. A line that a crash has torn is left out. A disk that is full costs events of the file alone.

import { latin1, latin1Bytes } from '../base/bytes.js';
import { systemErrorText } from '../base/system-error.js';
import { type Files, type OpenFile, readWhole, replaceFile, writeFully } from '../io/files.js';

export interface HistoryEvent {
  readonly at: number;
  readonly type: string;
  /** The name of the master that it is about; empty when it is about none. */
  readonly master: string;
  readonly text: string;
}

/** Events that are kept. */
export const HISTORY_MAX = 5000;
const FILE_BYTES_MAX = 16 << 20;

export function historyPath(configFile: string): string {
  return `${configFile}.events`;
}

/** The events in a file, oldest first. */
export function readHistory(files: Files, path: string): HistoryEvent[] {
  const size = files.sizeOf(path);
  if (size < 0 || size > FILE_BYTES_MAX) return [];
  const events: HistoryEvent[] = [];
  for (const line of latin1(readWhole(files, path)).split('\n')) {
    const event = parseLine(line);
    if (event !== undefined) events.push(event);
  }
  return events.slice(-HISTORY_MAX);
}

function parseLine(line: string): HistoryEvent | undefined {
  try {
    const value = JSON.parse(line) as Partial<HistoryEvent> | null;
    if (value === null || typeof value.at !== 'number') return undefined;
    const { at, type, master, text } = value;
    if (typeof type !== 'string' || typeof master !== 'string' || typeof text !== 'string') return undefined;
    return { at, type, master, text };
  } catch {
    return undefined;
  }
}

export class History {
  private events: HistoryEvent[];
  private linesInFile: number;
  private file: OpenFile | undefined;
  private hasComplained = false;

  constructor(
    private readonly files: Files,
    private readonly path: string,
    private readonly complain: (text: string) => void,
  ) {
    this.events = this.read();
    this.linesInFile = this.events.length;
    // Whatever was torn or is too much goes now.
    if (files.sizeOf(path) > 0) this.shorten();
  }

  private read(): HistoryEvent[] {
    try {
      return readHistory(this.files, this.path);
    } catch {
      return [];
    }
  }

  add(event: HistoryEvent): void {
    this.events.push(event);
    if (this.events.length >= HISTORY_MAX * 2) this.events = this.events.slice(-HISTORY_MAX);
    if (this.linesInFile >= HISTORY_MAX * 2) this.shorten();
    const bytes = latin1Bytes(lineOf(event));
    this.attempt(() => {
      this.file ??= this.files.open(this.path, 'append');
      writeFully(this.file, bytes, 0, bytes.length);
      this.linesInFile++;
    });
  }

  /** The last `count` events, oldest first. */
  last(count: number): readonly HistoryEvent[] {
    return count <= 0 ? [] : this.events.slice(-Math.min(count, HISTORY_MAX));
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }

  private shorten(): void {
    this.close();
    const kept = this.events.slice(-HISTORY_MAX);
    this.attempt(() => {
      replaceFile(this.files, this.path, `${this.path}.tmp`, latin1Bytes(kept.map(lineOf).join('')));
      this.linesInFile = kept.length;
    });
  }

  private attempt(write: () => void): void {
    try {
      write();
      this.hasComplained = false;
    } catch (error) {
      this.close();
      if (!this.hasComplained)
        this.complain(
          `Events cannot be kept in ${this.path}: ${systemErrorText(error)}. SENTINEL EVENTS still shows them`,
        );
      this.hasComplained = true;
    }
  }
}

/** In ASCII, so that bytes of any encoding come back as they were. */
function lineOf(event: HistoryEvent): string {
  const text = JSON.stringify(event);
  return `${text.replace(/[\x7f-\uffff]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
