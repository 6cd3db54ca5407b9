// log: the server's log, in Redis's format: `pid:role day month year time mark message`.

import type { LogLevel } from '../../base/log-level.js';
import { appendFileSync } from 'node:fs';

const order: Readonly<Record<LogLevel | 'nothing', number>> = {
  debug: 0,
  verbose: 1,
  notice: 2,
  warning: 3,
  nothing: 4,
};
const marks: Readonly<Record<LogLevel, string>> = { debug: '.', verbose: '-', notice: '*', warning: '#' };
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export class Log {
  level: LogLevel | 'nothing' = 'notice';
  /** Path of the log file; empty for standard output. */
  file = '';
  /** M: master, S: replica, X: sentinel. */
  role: 'M' | 'S' | 'X' = 'M';

  constructor(private readonly clock: () => number) {}

  write(level: LogLevel, text: string): void {
    if (order[level] < order[this.level]) return;
    this.emit(`${process.pid}:${this.role} ${this.timestamp()} ${marks[level]} ${text}\n`);
  }

  /** A line as it is, for the banner. */
  raw(text: string): void {
    if (order.notice >= order[this.level]) this.emit(`${text}\n`);
  }

  private emit(line: string): void {
    if (this.file === '') {
      process.stdout.write(line);
      return;
    }
    // Opened for every line, as Redis does, so that log rotation by renaming works.
    try {
      appendFileSync(this.file, line);
    } catch (error) {
      process.stderr.write(`cannot write to the log ${this.file}: ${String(error)}\n${line}`);
    }
  }

  private timestamp(): string {
    const date = new Date(this.clock());
    const two = (value: number): string => String(value).padStart(2, '0');
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
    return `${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()} ${time}`;
  }
}
