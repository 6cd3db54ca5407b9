// directives: collects the lines of a sentinel's configuration that are no settings.

import { splitWords } from '../base/quoting.js';
import type { Directives } from '../service/config/file.js';
import type { SentinelLine } from './config-reader.js';
import { makeSentinelTable } from './sentinel-server.js';

export interface SentinelDirectives extends Directives {
  readonly lines: SentinelLine[];
  readonly users: (readonly string[])[];
  readonly renamed: (readonly [string, string])[];
}

/** `path` is that of the config file; `checkUser` may refuse a `user` line while its number is known. */
export function collectSentinelDirectives(
  path: string,
  checkUser: Directives['user'] = () => undefined,
): SentinelDirectives {
  const lines: SentinelLine[] = [];
  const users: (readonly string[])[] = [];
  const renamed: [string, string][] = [];
  const table = makeSentinelTable();
  return {
    lines,
    users,
    renamed,
    user(words) {
      users.push(words);
      return checkUser(words);
    },
    renameCommand(from, to) {
      // One file may serve servers and sentinels: commands that a sentinel lacks are no fault.
      if (table.commands.get(from.toLowerCase()) === undefined) return undefined;
      renamed.push([from, to]);
      return table.rename(from, to);
    },
    loadModule: () => 'a sentinel loads no modules',
    sentinel(words, lineNumber, line) {
      const source = (splitWords(line)?.[0] ?? '').startsWith('--') ? 'option' : 'file';
      lines.push({ words, place: { source, path, lineNumber, line } });
      return undefined;
    },
  };
}
