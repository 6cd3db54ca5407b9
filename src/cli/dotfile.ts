// dotfile: where the files of the prompt lie: below the home folder, or where an environment variable says.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Undefined when the variable turns the file off (/dev/null, or empty) or there is no home. */
export function dotfilePath(variable: string, name: string): string | undefined {
  const override = process.env[variable];
  if (override !== undefined) return override === '' || override === '/dev/null' ? undefined : override;
  const home = process.env.HOME ?? homedir();
  return home === '' ? undefined : join(home, name);
}
