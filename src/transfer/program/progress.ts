// progress: how far a transfer is: keys, bytes, rate, time left; on the error output once a second.
//
// On a terminal the line replaces itself. Elsewhere nothing is shown unless asked for (`--progress`), then a line every ten
// seconds, as JSON with `--json`.

import type { Source } from '../record/record.js';

const TERMINAL_MS = 500;
const LINES_MS = 10_000;

export interface Counts {
  keys: number;
  commands: number;
  bytes: number;
  errors: number;
}

export class Progress {
  readonly counts: Counts = { keys: 0, commands: 0, bytes: 0, errors: 0 };
  readonly startedMs = performance.now();
  private shownMs = performance.now();
  private isShown = false;
  private readonly isTerminal = process.stderr.isTTY;

  constructor(
    private readonly source: Pick<Source, 'totalBytes' | 'totalKeys'>,
    private readonly mode: { readonly quiet: boolean; readonly always: boolean; readonly json: boolean },
  ) {}

  get seconds(): number {
    return (performance.now() - this.startedMs) / 1000;
  }

  /** Seconds that are left, undefined where they are unknown. */
  get secondsLeft(): number | undefined {
    const { totalBytes, totalKeys } = this.source;
    const share =
      totalBytes !== undefined && totalBytes > 0
        ? this.counts.bytes / totalBytes
        : totalKeys !== undefined && totalKeys > 0
          ? this.counts.keys / totalKeys
          : 0;
    return share > 0.001 ? Math.max(0, (this.seconds * (1 - share)) / share) : undefined;
  }

  update(): void {
    if (this.mode.quiet || (!this.isTerminal && !this.mode.always)) return;
    const now = performance.now();
    if (now - this.shownMs < (this.isTerminal ? TERMINAL_MS : LINES_MS)) return;
    this.shownMs = now;
    if (this.isTerminal && !this.mode.json) {
      process.stderr.write(`\r${this.line()}\x1b[K`);
      this.isShown = true;
    } else process.stderr.write(`${this.mode.json ? JSON.stringify(this.summary()) : this.line()}\n`);
  }

  clear(): void {
    if (this.isShown) process.stderr.write('\r\x1b[K');
    this.isShown = false;
  }

  line(): string {
    const { keys, commands, bytes } = this.counts;
    const { seconds, secondsLeft } = this;
    const rate = seconds > 0 ? bytes / seconds : 0;
    const parts = [`${keys.toLocaleString('en')} keys`];
    if (commands > 0) parts.push(`${commands.toLocaleString('en')} commands`);
    parts.push(humanBytes(bytes), `${humanBytes(rate)}/s`);
    if (secondsLeft !== undefined) parts.push(`${humanTime(secondsLeft)} left`);
    return parts.join(', ');
  }

  summary(): Record<string, number> {
    const { seconds, secondsLeft, counts } = this;
    return {
      ...counts,
      seconds: Math.round(seconds * 1000) / 1000,
      bytesPerSecond: Math.round(counts.bytes / Math.max(seconds, 0.001)),
      ...(secondsLeft === undefined ? {} : { secondsLeft: Math.round(secondsLeft) }),
    };
  }
}

export function humanBytes(bytes: number): string {
  const names = ['B', 'KB', 'MB', 'GB', 'TB'];
  let index = 0;
  let value = bytes;
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024;
    index++;
  }
  return `${index === 0 ? Math.round(value) : value.toFixed(value < 10 ? 2 : 1)} ${names[index]!}`;
}

export function humanTime(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (number: number): string => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
