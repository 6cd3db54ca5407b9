// codis-log: the log of codis's programs, with its levels by name.
import { appendFileSync, writeSync } from 'node:fs';
import type { LogLevel } from '../../base/log-level.js';
import { systemEnvironment } from '../../io/environment.js';

const levels: Readonly<Record<string, number>> = { ERROR: 3, WARN: 2, WARNING: 2, INFO: 1, DEBUG: 0 };
const numbers: Readonly<Record<LogLevel, number>> = { debug: 0, verbose: 0, notice: 1, warning: 2 };

export class CodisLog {
  private level: number;

  constructor(
    private readonly file: string | undefined,
    level: string,
  ) {
    this.level = levels[level.toUpperCase()] ?? 1;
  }

  /** Changes what is logged; false for a level that there is not. */
  readonly setLevel = (name: string): boolean => {
    const wanted = levels[name.toUpperCase()];
    if (wanted === undefined) return false;
    this.level = wanted;
    return true;
  };

  readonly write = (level: LogLevel, text: string): void => {
    if (numbers[level] < this.level) return;
    const line = `${new Date(systemEnvironment.clock.wallMs()).toISOString()} [${level.toUpperCase()}] ${text}\n`;
    try {
      if (this.file === undefined) writeSync(2, line);
      else appendFileSync(this.file, line);
    } catch {
      // A full disk or a closed terminal is no reason to stop serving.
    }
  };
}
