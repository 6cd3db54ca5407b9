// wording: the texts of errors as old versions worded them.
//
// Each rule is one step of history: before `before`, what matches was said in the other words. The rules run from the newest step to
// the oldest, so that a text passes through the wordings of the versions between. A text that no rule knows stays as it is.
//
// Not here: who calls it (old-writer); errors for options that came later (too-new).

import { subcommandRules } from './wording-subcommands.js';
import { scriptRules } from './wording-scripts.js';
import { isBefore, type Profile } from './profile.js';
import type { WordingRule, Words } from './wording-rule.js';

/** At most so many bytes of the arguments of an unknown command are shown. */
const SHOWN_ARGUMENTS_MAX = 128;

function unknownWithBackticks(call: Words): string {
  let shown = '';
  for (let index = 1; index < call.count && shown.length < SHOWN_ARGUMENTS_MAX; index++)
    shown += `\`${call.shown(index).slice(0, SHOWN_ARGUMENTS_MAX - shown.length)}\`, `;
  return `ERR unknown command \`${call.shown(0).slice(0, SHOWN_ARGUMENTS_MAX)}\`, with args beginning with: ${shown}`;
}

const isNumber = (call: Words, index: number): boolean => !Number.isNaN(call.integer(index));
const notInteger = 'ERR value is not an integer or out of range';

const unknownCommands: readonly WordingRule[] = [
  {
    before: '7.0.0',
    match: /^ERR unknown command '.*', with args beginning with: /,
    to: (_groups, call) => unknownWithBackticks(call),
  },
  {
    before: '4.0.0',
    match: /^ERR unknown command `/,
    to: (_groups, call) => `ERR unknown command '${call.shown(0)}'`,
  },
];

const access: readonly WordingRule[] = [
  {
    before: '6.2.0',
    match: /^WRONGPASS invalid username-password pair or user is disabled\.$/,
    to: 'WRONGPASS invalid username-password pair',
  },
  { before: '6.0.0', match: /^WRONGPASS .*/, to: 'ERR invalid password' },
  {
    before: '6.0.0',
    match: /^ERR AUTH <password> called without any password configured.*/,
    to: 'ERR Client sent AUTH, but no password is set',
  },
  { before: '2.8.0', match: /^NOAUTH Authentication required\.$/, to: 'ERR operation not permitted' },
  {
    before: '7.0.0',
    match: /^ERR Can't execute '(.*)': only .* are allowed in this context$/,
    to: "ERR Can't execute '$1': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
  },
  {
    before: '6.2.0',
    match: /^ERR Can't execute '(.*)': only .* are allowed in this context$/,
    to: "ERR Can't execute '$1': only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT are allowed in this context",
  },
  {
    before: '6.0.0',
    match: /^ERR Can't execute '.*': only .* are allowed in this context$/,
    to: 'ERR only (P)SUBSCRIBE / (P)UNSUBSCRIBE / PING / QUIT allowed in this context',
  },
  {
    before: '3.0.0',
    match: /^ERR only \(P\)SUBSCRIBE \/ \(P\)UNSUBSCRIBE \/ PING \/ QUIT allowed in this context$/,
    to: 'ERR only (P)SUBSCRIBE / (P)UNSUBSCRIBE / QUIT allowed in this context',
  },
];

const state: readonly WordingRule[] = [
  {
    before: '7.0.0',
    match: /^(MISCONF .*) it's currently unable to persist to disk(.*)$/,
    to: '$1 it is currently not able to persist on disk$2',
  },
  {
    before: '4.0.0',
    match: /^MISCONF Redis is configured to save RDB snapshots/,
    to: 'MISCONF Redis is configured to save RDB snapshots, but is currently not able to persist on disk. Commands that may modify the data set are disabled. Please check Redis logs for details about the error.',
  },
  { before: '5.0.0', match: /^(READONLY .*) replica\.$/, to: '$1 slave.' },
  { before: '5.0.0', match: /^(NOREPLICAS .*) replicas to write\.$/, to: '$1 slaves to write.' },
  { before: '5.0.0', match: /^(MASTERDOWN .*) replica-serve-stale-data(.*)$/, to: '$1 slave-serve-stale-data$2' },
  { before: '2.6.0', match: /^OOM (.*)\.$/, to: 'ERR $1' },
  { before: '2.8.0', match: /^WRONGTYPE (Operation .*)$/, to: 'ERR $1' },
  {
    before: '6.0.0',
    commands: ['exec'],
    match: /^EXECABORT Transaction discarded because of: (wrong number of arguments .*)$/,
    to: 'ERR $1',
  },
  { before: '3.0.0', match: /^BUSYKEY .*/, to: 'ERR Target key name is busy.' },
];

const arguments_: readonly WordingRule[] = [
  { before: '7.0.0', match: /^ERR invalid expire time in '(\S+)' command$/, to: 'ERR invalid expire time in $1' },
  { before: '2.8.0', match: /^ERR invalid expire time in \S+$/, to: 'ERR invalid expire time in SETEX' },
  {
    before: '7.0.0',
    match: /^ERR at least 1 input key is needed for '(\S+)' command$/,
    to: 'ERR at least 1 input key is needed for $1',
  },
  {
    before: '6.2.0',
    match: /^ERR at least 1 input key is needed for .*/,
    to: 'ERR at least 1 input key is needed for ZUNIONSTORE/ZINTERSTORE',
  },
  {
    before: '2.6.0',
    commands: ['zunionstore', 'zinterstore'],
    match: /^ERR value is not an integer or out of range$/,
    to: (_groups, call) =>
      isNumber(call, 2) ? undefined : 'ERR at least 1 input key is needed for ZUNIONSTORE/ZINTERSTORE',
  },
  {
    before: '7.0.0',
    commands: ['mset', 'msetnx'],
    match: /^ERR wrong number of arguments for /,
    // Too few for the arity were counted elsewhere.
    to: (_groups, call) => (call.count >= 3 ? 'ERR wrong number of arguments for MSET' : undefined),
  },
  {
    before: '6.0.0',
    commands: ['hset', 'hmset'],
    match: /^ERR wrong number of arguments for /,
    to: (_groups, call, profile) =>
      call.count >= 4 && (call.is(0, 'hmset') || !isBefore(profile, '4.0.0'))
        ? 'ERR wrong number of arguments for HMSET'
        : undefined,
  },
  { before: '4.0.0', match: /^ERR hash value is not a float$/, to: 'ERR hash value is not a valid float' },
  {
    before: '6.0.0',
    match: /^ERR string exceeds maximum allowed size \(proto-max-bulk-len\)$/,
    to: 'ERR string exceeds maximum allowed size (512MB)',
  },
  {
    before: '6.2.0',
    commands: ['move'],
    match: /^ERR (DB index is out of range|value is not an integer or out of range)$/,
    to: 'ERR index out of range',
  },
  {
    before: '6.2.0',
    commands: ['select'],
    match: /^ERR value is not an integer or out of range$/,
    to: 'ERR invalid DB index',
  },
  { before: '4.0.0', commands: ['select'], match: /^ERR DB index is out of range$/, to: 'ERR invalid DB index' },
  {
    before: '6.0.0',
    match: /^ERR timeout is not a float or out of range$/,
    to: 'ERR timeout is not an integer or out of range',
  },
  {
    before: '7.0.0',
    match: /^ERR unsupported unit provided\. please use M, KM, FT, MI$/,
    to: 'ERR unsupported unit provided. please use m, km, ft, mi',
  },
  {
    before: '7.0.0',
    commands: ['client'],
    match: /^ERR client-id should be greater than 0$/,
    to: (_groups, call) => (isNumber(call, 3) ? undefined : notInteger),
  },
  {
    before: '7.0.0',
    commands: ['slowlog'],
    match: /^ERR count should be greater than or equal to -1$/,
    to: (_groups, call) => (isNumber(call, 2) ? undefined : notInteger),
  },
  { before: '2.2.0', match: /^ERR (.*) is not an integer or out of range$/, to: 'ERR $1 is not an integer' },
  { before: '2.6.0', match: /^ERR value is not a valid float$/, to: 'ERR value is not a double' },
  {
    before: '2.6.0',
    match: /^ERR (min or max|weight value) is not a float$/,
    to: 'ERR $1 is not a double',
  },
];

const configuration: readonly WordingRule[] = [
  {
    before: '7.0.0',
    match: /^ERR Unknown option or number of arguments for CONFIG SET - '(.*)'$/,
    to: 'ERR Unsupported CONFIG parameter: $1',
  },
  {
    before: '7.0.0',
    match: /^ERR CONFIG SET failed \(possibly related to argument '(.*)'\) - can't set immutable config$/,
    to: 'ERR Unsupported CONFIG parameter: $1',
  },
  {
    before: '7.0.0',
    match: /^ERR CONFIG SET failed \(possibly related to argument '(.*)'\) - (.*)$/,
    to: (groups, call) =>
      `ERR Invalid argument '${call.shown(3)}' for CONFIG SET '${groups[1]}' - ${groups[2]!.replace('argument(s)', 'argument')}`,
  },
  {
    before: '6.0.0',
    match: /^ERR Invalid argument '(.*)' for CONFIG SET '(.*)' - .*$/,
    to: "ERR Invalid argument '$1' for CONFIG SET '$2'",
  },
  {
    before: '2.2.0',
    match: /^ERR Invalid argument '(.*)' for CONFIG SET '(.*)'$/,
    to: "ERR invalid argument '$1' for CONFIG SET '$2'",
  },
  { before: '2.2.0', match: /^ERR Unsupported CONFIG parameter: (.*)$/, to: 'ERR not supported CONFIG parameter $1' },
];

const valkey: readonly WordingRule[] = [
  { product: 'valkey', match: /^NOSCRIPT No matching script\. Please use EVAL\.$/, to: 'NOSCRIPT No matching script.' },
  { product: 'valkey', match: /^(LOADING|BUSY|MISCONF) Redis is (.*)$/, to: '$1 Valkey is $2' },
  {
    product: 'valkey',
    match: /^ERR (MULTI calls can not be nested|WATCH inside MULTI is not allowed)$/,
    to: 'ERR Command not allowed inside a transaction',
  },
];

const rules: readonly WordingRule[] = [
  ...unknownCommands,
  ...subcommandRules,
  ...access,
  ...state,
  ...arguments_,
  ...configuration,
  ...scriptRules,
  ...valkey,
];

/** The function that words errors for a profile. */
export function wordingOf(profile: Profile): (text: string, call: Words) => string {
  const own = rules.filter(
    ({ before, product }) =>
      (before === undefined || isBefore(profile, before)) && (product === undefined || product === profile.product),
  );
  return (text, call) => {
    let worded = text;
    for (const { commands, match, to } of own) {
      if (commands !== undefined && !commands.some((name) => call.count > 0 && call.is(0, name))) continue;
      const groups = match.exec(worded);
      if (groups === null) continue;
      worded = typeof to === 'string' ? worded.replace(match, to) : (to(groups, call, profile) ?? worded);
    }
    return worded;
  };
}
