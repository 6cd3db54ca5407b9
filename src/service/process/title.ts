// title: the name by which `ps`, `pgrep` and `killall` know this process, and its title.
//
// A program under an old name (`kvasir link`) is started by `node --title=redis-server`, and keeps that name.

import { writeFileSync } from 'node:fs';

const OPTION = '--title=';

/** The name that the process was started by, or else the program's own. */
export function programName(own: string): string {
  return process.execArgv.find((word) => word.startsWith(OPTION))?.slice(OPTION.length) ?? own;
}

/** Shows the old name that the process was started by, if any, with the words of its command line, as that program did. */
export function showOldName(): void {
  const name = programName('');
  if (name !== '') showTitle(name, [name, ...process.argv.slice(2)].join(' '));
}

/** Sets the title. The short name, which Node would cut out of the title, becomes the program's. */
export function showTitle(name: string, title: string): void {
  process.title = title;
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/comm', name);
  } catch {
    // Without it the name is the beginning of the title.
  }
}
