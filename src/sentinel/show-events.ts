// show-events: prints the event history of a sentinel, for people or as JSON.

import { systemErrorText } from '../base/system-error.js';
import { RealFiles } from '../io/files.js';
import { historyPath, readHistory } from './history.js';

const COUNT_DEFAULT = 20;

/** `args`: path of the config file, then a count and `--json` in any order. Returns the exit code. */
export function showEvents(args: readonly string[]): number {
  const json = args.includes('--json');
  const [path, countWord = String(COUNT_DEFAULT), ...rest] = args.filter((word) => word !== '--json');
  if (path === undefined || rest.length > 0 || !/^\d{1,9}$/.test(countWord)) {
    process.stderr.write('Usage: kvasir-sentinel --events /path/to/sentinel.conf [count] [--json]\n');
    return 1;
  }
  const files = new RealFiles();
  const file = historyPath(path);
  if (files.sizeOf(file) < 0) {
    process.stderr.write(`There is no event history ${file}: is ${path} the config file of a sentinel that has run?\n`);
    return 1;
  }
  try {
    const count = Number(countWord);
    for (const event of count === 0 ? [] : readHistory(files, file).slice(-count)) {
      const line = json
        ? JSON.stringify(event)
        : `${new Date(event.at).toISOString()} ${event.type.padEnd(20)} ${event.text}`;
      process.stdout.write(`${line}\n`);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`Cannot read ${file}: ${systemErrorText(error)}\n`);
    return 1;
  }
}
