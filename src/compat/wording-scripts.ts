// wording-scripts: the errors of scripts. Until 6.2 they named the function that Lua ran instead of the script, and had no code.

import { isBefore } from './profile.js';
import type { WordingRule } from './wording-rule.js';

/** Errors that the redis table itself raised; then and now. */
const raised: readonly (readonly [now: string, then: string])[] = [
  [
    'Wrong number of args calling Redis command from script',
    'Wrong number of args calling Redis command From Lua script',
  ],
  ['Unknown Redis command called from script', 'Unknown Redis command called from Lua script'],
  ['This Redis command is not allowed from script', 'This Redis command is not allowed from scripts'],
];

/** A compiled script was a function of this name. */
const FRAME = /^(ERR Error running script \(call to f_[0-9a-f]{40}\): )@user_script:\d+: (@user_script: \d+: )?/;

function thenSaid(text: string, line: string): string {
  const own = raised.find(([now]) => text === `ERR ${now}`);
  if (own !== undefined) return `@user_script: ${line}: ${own[1]}`;
  // What Lua itself says names the place.
  return /^ERR (user_script:|redis\.)/.test(text) ? text.slice(4) : text;
}

export const scriptRules: readonly WordingRule[] = [
  {
    product: 'valkey',
    match: /^ERR (Unknown|Wrong number of args calling) Redis command (.*)$/,
    to: 'ERR $1 command $2',
  },
  { product: 'valkey', match: /^ERR redis\.(\w+\(\))/, to: 'ERR server.$1' },
  {
    before: '7.0.0',
    match: /^(.*) script: ([0-9a-f]{40}), on @user_script:(\d+)\.$/,
    to: ([, text, sha, line]) =>
      `ERR Error running script (call to f_${sha}): @user_script:${line}: ${thenSaid(text!, line!)}`,
  },
  { before: '4.0.0', match: /attempted to access nonexistent global/, to: 'attempted to access unexisting global' },
  {
    before: '6.2.0',
    match: /: @user_script:\d+: user_script:(\d+): Script attempted to access/,
    to: ': @enable_strict_lua:15: user_script:$1: Script attempted to access',
  },
  // The text of a script was put into a function, whose end was the next line.
  {
    before: '6.2.0',
    match: /^(ERR Error compiling script \(new function\): user_script):(\d+):(.*) near '<eof>'/,
    to: ([, head, line, what], _call, profile) =>
      `${head}:${Number(line) + (isBefore(profile, '3.0.0') ? 0 : 1)}:${what} near 'end'`,
  },
  // Its line end became a space.
  { before: '6.0.0', match: /^(ERR Error (running|compiling) script .*[^ ])$/, to: '$1 ' },
  { before: '2.8.0', match: FRAME, to: '$1' },
];
