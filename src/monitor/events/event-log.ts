// event-log: events of all targets, kept in a file: one JSON object a line, {"at", "target", "kind", "severity", "text"}.
//
// A line is appended at once and survives kill -9; a line that a crash has torn is left out. When the file has twice the events that
// are kept, it is replaced by one with those alone. A disk that is full costs events of the file; those in memory
// remain.

import { utf8 } from '../../base/bytes.js';
import { systemErrorText } from '../../base/system-error.js';
import { type Files, type OpenFile, readWhole, replaceFile, writeFully } from '../../io/files.js';
import { type EventKind, type MonitorEvent, type Severity, severityOf } from './event.js';

const EVENT_COUNT_MAX = 50_000;
const FILE_BYTES_MAX = 64 << 20;
const LINE_LENGTH_MAX = 4096;

export class EventLog {
  private events: MonitorEvent[] = [];
  private linesInFile = 0;
  private file: OpenFile | undefined;
  private hasComplained = false;

  /** Without a path events are in memory alone. */
  constructor(
    private readonly files: Files,
    private readonly path: string | undefined,
    private readonly log: (text: string) => void,
    private readonly countMax = EVENT_COUNT_MAX,
  ) {
    if (path === undefined) return;
    this.events = readEvents(files, path).slice(-countMax);
    this.linesInFile = this.events.length;
    // The file may end in a torn line, and in more events than are kept.
    if (files.sizeOf(path) > 0) this.rewrite();
  }

  add(event: MonitorEvent): void {
    this.events.push(event);
    if (this.events.length > this.countMax) this.events.splice(0, this.events.length - this.countMax);
    if (this.path === undefined) return;
    try {
      if (this.linesInFile >= 2 * this.countMax) {
        this.rewrite();
        return;
      }
      this.file ??= this.files.open(this.path, 'append');
      const line = utf8(`${JSON.stringify(event)}\n`);
      writeFully(this.file, line, 0, line.length);
      this.linesInFile++;
      this.hasComplained = false;
    } catch (error) {
      this.complain(error);
    }
  }

  /** Events from one time up to another, in the order in which they came; of all targets if none is named. */
  between(targetId: string | undefined, fromMs: number, toMs: number): MonitorEvent[] {
    return this.events.filter(
      ({ at, target }) => at >= fromMs && at < toMs && (targetId === undefined || target === targetId),
    );
  }

  /** Forgets what happened to a target. */
  forget(targetId: string): void {
    this.events = this.events.filter(({ target }) => target !== targetId);
    if (this.path !== undefined) this.rewrite();
  }

  close(): void {
    this.file?.close();
    this.file = undefined;
  }

  private rewrite(): void {
    this.close();
    const lines = this.events.map((event) => `${JSON.stringify(event)}\n`).join('');
    try {
      replaceFile(this.files, this.path!, `${this.path!}.new`, utf8(lines));
      this.linesInFile = this.events.length;
    } catch (error) {
      this.complain(error);
    }
  }

  private complain(error: unknown): void {
    if (!this.hasComplained) this.log(`${this.path!}: events cannot be kept: ${systemErrorText(error)}`);
    this.hasComplained = true;
  }
}

function readEvents(files: Files, path: string): MonitorEvent[] {
  const size = files.sizeOf(path);
  if (size <= 0 || size > FILE_BYTES_MAX) return [];
  const events: MonitorEvent[] = [];
  for (const line of Buffer.from(readWhole(files, path)).toString().split('\n')) {
    const event = line.length > LINE_LENGTH_MAX ? undefined : parseEvent(line);
    if (event !== undefined) events.push(event);
  }
  return events;
}

function parseEvent(line: string): MonitorEvent | undefined {
  let value: Partial<Record<keyof MonitorEvent, unknown>> | null;
  try {
    value = JSON.parse(line) as typeof value;
  } catch {
    return undefined;
  }
  if (value === null || typeof value !== 'object') return undefined;
  const { at, target, kind, severity, text } = value;
  if (typeof at !== 'number' || typeof target !== 'string' || typeof kind !== 'string' || typeof text !== 'string')
    return undefined;
  const known = severity === 'info' || severity === 'warning' || severity === 'critical';
  return {
    at,
    target,
    kind: kind as EventKind,
    severity: known ? (severity as Severity) : severityOf(kind as EventKind),
    text,
  };
}
