// audit-log: every change as one line of JSON, each with the hash of the line before it, so that a changed, inserted or removed
// line shows.
//
//   {"n":17,"at":"2026-01-02T03:04:05.006Z","user":"ada","address":"127.0.0.1","server":"cache","action":"hset",
//    "keys":["user:1"],"result":"ok","previous":"<hash of line 16>","hash":"<sha256 of all before this field>"}
//
// The file is only appended to. Its last hash can be noted elsewhere; whoever rewrites the whole chain cannot hide that. A line
// that a crash cut off is kept under another name, and the chain goes on from the last whole line.
import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, fstatSync, openSync, readSync, statSync, truncateSync } from 'node:fs';
import type { Clock } from '../../io/clock.js';
import type { DataFolder } from './data-folder.js';

const fileName = 'audit.log';
const firstHash = '0'.repeat(64);
const tailBytes = 1 << 20;
const keysMax = 20;
const textMax = 300;

export interface AuditEvent {
  readonly user: string;
  readonly address: string;
  readonly server?: string | undefined;
  readonly action: string;
  readonly keys?: readonly string[] | undefined;
  /** Words that tell more, without secrets and values. */
  readonly detail?: string | undefined;
  readonly result: string;
}

export interface AuditLine extends AuditEvent {
  readonly n: number;
  readonly at: string;
  readonly previous: string;
  readonly hash: string;
}

export class AuditLog {
  private count = 0;
  private lastHash = firstHash;

  constructor(
    private readonly folder: DataFolder,
    private readonly clock: Clock,
  ) {
    this.resume();
  }

  add(event: AuditEvent): void {
    const { keys = [] } = event;
    const shownKeys = keys.slice(0, keysMax).map(shorten);
    const body = {
      n: this.count + 1,
      at: new Date(this.clock.wallMs()).toISOString(),
      user: event.user,
      address: event.address,
      ...(event.server === undefined ? {} : { server: event.server }),
      action: shorten(event.action),
      ...(keys.length === 0 ? {} : { keys: shownKeys }),
      ...(keys.length > keysMax ? { moreKeys: keys.length - keysMax } : {}),
      ...(event.detail === undefined ? {} : { detail: shorten(event.detail) }),
      result: shorten(event.result),
      previous: this.lastHash,
    };
    const text = JSON.stringify(body);
    const hash = hashOf(text);
    appendFileSync(this.folder.pathOf(fileName), `${text.slice(0, -1)},"hash":"${hash}"}\n`, { mode: 0o600 });
    this.count++;
    this.lastHash = hash;
  }

  /** The newest lines first, up to `count`, before line number `before`. */
  newest(count: number, before = Infinity): AuditLine[] {
    const lines: AuditLine[] = [];
    for (const line of this.linesBackwards()) {
      const entry = JSON.parse(line) as AuditLine;
      if (entry.n >= before) continue;
      lines.push(entry);
      if (lines.length >= count) break;
    }
    return lines;
  }

  /** Checks the whole chain; the number of the first line that is wrong, or undefined. */
  verify(): { lines: number; brokenAt: number | undefined } {
    let previous = firstHash;
    let number = 0;
    const bytes = this.folder.readBytes(fileName)?.toString('utf8') ?? '';
    for (const line of bytes.split('\n')) {
      if (line === '') continue;
      number++;
      const match = /^(.*),"hash":"([0-9a-f]{64})"\}$/.exec(line);
      let isGood = false;
      try {
        const entry = JSON.parse(line) as AuditLine;
        isGood =
          match !== null && entry.n === number && entry.previous === previous && hashOf(`${match[1]!}}`) === match[2];
      } catch {
        isGood = false;
      }
      if (!isGood) return { lines: number, brokenAt: number };
      previous = match![2]!;
    }
    return { lines: number, brokenAt: undefined };
  }

  private *linesBackwards(): Generator<string, void> {
    const path = this.folder.pathOf(fileName);
    if (!this.folder.has(fileName)) return;
    const descriptor = openSync(path, 'r');
    try {
      let end = fstatSync(descriptor).size;
      let rest = '';
      while (end > 0) {
        const from = Math.max(0, end - tailBytes);
        const bytes = Buffer.alloc(end - from);
        readSync(descriptor, bytes, 0, bytes.length, from);
        // One character a byte, so that a cut within a character does no harm.
        const lines = (bytes.toString('latin1') + rest).split('\n');
        rest = from > 0 ? lines.shift()! : '';
        for (const line of lines.reverse()) if (line !== '') yield Buffer.from(line, 'latin1').toString('utf8');
        end = from;
      }
    } finally {
      closeSync(descriptor);
    }
  }

  private resume(): void {
    const path = this.folder.pathOf(fileName);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0) return;
    const bytes = this.folder.readBytes(fileName)!;
    const whole = bytes.lastIndexOf(10) + 1;
    if (whole < bytes.length) {
      this.folder.write(`${fileName}.cut-${this.clock.wallMs()}`, bytes.subarray(whole));
      truncateSync(path, whole);
    }
    const [last] = this.newest(1);
    if (last === undefined) return;
    this.count = last.n;
    this.lastHash = last.hash;
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function shorten(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}…`;
}
