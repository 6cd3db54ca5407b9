// guarded-log: an embedding program's `log`, which must never hurt the server that calls it.
//
// It is called in the middle of everything: an error of it would end a start half way or a command between two changes. So
// errors end here; the first becomes a warning of the process, since a log that fails may fail at every line.
import type { LogLevel } from '../base/log-level.js';

export function guardedLog(log: (level: LogLevel, text: string) => unknown): (level: LogLevel, text: string) => void {
  let hasFailed = false;
  const tell = (error: unknown): void => {
    if (hasFailed) return;
    hasFailed = true;
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.emitWarning(`the log of startServer failed, and the server goes on: ${reason}`, 'KvasirWarning');
  };
  return (level, text) => {
    try {
      const returned = log(level, text);
      // An asynchronous one; its rejection would end the process.
      if (returned instanceof Promise) returned.catch(tell);
    } catch (error) {
      tell(error);
    }
  };
}
