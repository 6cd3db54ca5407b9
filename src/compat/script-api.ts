// script-api: which members of the redis table scripts of old servers did not have.

import { isBefore, type Profile } from './profile.js';

const since: readonly (readonly [before: string, names: readonly string[]])[] = [
  ['7.0.0', ['REDIS_VERSION', 'REDIS_VERSION_NUM', 'acl_check_cmd']],
  ['6.0.0', ['setresp']],
  [
    '3.2.0',
    [
      'replicate_commands',
      'set_repl',
      'breakpoint',
      'debug',
      'REPL_NONE',
      'REPL_AOF',
      'REPL_SLAVE',
      'REPL_REPLICA',
      'REPL_ALL',
    ],
  ],
];

export function missingInScripts(profile: Profile): readonly string[] {
  return since.flatMap(([before, names]) => (isBefore(profile, before) ? names : []));
}
