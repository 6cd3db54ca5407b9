// prefixes: PREFIXES: how many keys begin with which prefix, by the table that the server keeps while `prefix-table` is on.
//
//   PREFIXES [IN prefix] [COUNT n]
//
// With IN: the prefixes one separator deeper; IN "" is the top. Without: those of all depths. The ones with the most keys come first.
// `keys` is how many keys the database has, or how many begin with the prefix. The counts are exact once `complete` is 1, and all are
// there unless `full` is 1.

import { command } from '../../registry/command.js';
import { int, optional, str } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import type { CallFor, CommandFor } from '../call.js';

type ServerCall = CallFor<object>;
type ServerCommand = CommandFor<object>;

const COUNT_DEFAULT = 1000;
const COUNT_MAX = 1_000_000;

interface Found {
  readonly text: Uint8Array;
  readonly count: number;
}

function run(call: ServerCall): void {
  const { reply, db } = call;
  let wanted = COUNT_DEFAULT;
  let within: Uint8Array | undefined;
  for (let index = 1; index < call.count; index += 2) {
    const hasNext = index + 1 < call.count;
    if (call.is(index, 'in') && hasNext) within = call.copy(index + 1);
    else if (call.is(index, 'count') && hasNext) wanted = call.integer(index + 1);
    else wanted = -1;
  }
  if (Number.isNaN(wanted)) return reply.error(errors.notInteger);
  if (wanted < 1 || wanted > COUNT_MAX) return reply.error(errors.syntax);
  const table = db.prefixes;
  if (table === null)
    return reply.error("ERR Prefixes are not counted: turn that on with 'CONFIG SET prefix-table yes'");
  const depth = within === undefined ? -1 : table.depthOf(within);
  if (within !== undefined && depth < 0)
    return reply.error('ERR The prefix does not end with one of prefix-table-separators');
  if (depth >= table.options.depth)
    return reply.error('ERR Prefixes are not counted that deep: see prefix-table-depth');
  const found: Found[] = [];
  table.forEach((text, count) => {
    if (within !== undefined && (table.depthOf(text) !== depth + 1 || !startsWith(text, within))) return;
    found.push({ text: text.slice(), count });
  });
  found.sort((a, b) => b.count - a.count);
  const isCut = found.length > wanted;
  if (isCut) found.length = wanted;
  const { separators } = table.options;
  reply.map(7);
  field(call, 'separators');
  reply.bulk(separators, 0, separators.length);
  number(call, 'keys', within === undefined || within.length === 0 ? db.size : table.countOf(within));
  number(call, 'complete', table.isComplete ? 1 : 0);
  number(call, 'full', table.isFull ? 1 : 0);
  number(call, 'cut', isCut ? 1 : 0);
  number(call, 'bytes', table.bytes);
  field(call, 'prefixes');
  reply.map(found.length);
  for (const { text, count } of found) {
    reply.bulk(text, 0, text.length);
    reply.integer(count);
  }
}

function field(call: ServerCall, name: string): void {
  call.reply.bulkLatin1(name);
}

function number(call: ServerCall, name: string, value: number): void {
  field(call, name);
  call.reply.integer(value);
}

function startsWith(text: Uint8Array, prefix: Uint8Array): boolean {
  if (text.length <= prefix.length) return false;
  for (let index = 0; index < prefix.length; index++) if (text[index] !== prefix[index]) return false;
  return true;
}

export const prefixesCommand: ServerCommand = command({
  name: 'prefixes',
  since: '9.0.0',
  group: 'generic',
  arity: -1,
  flags: ['readonly', 'admin'],
  categories: ['keyspace'],
  args: [optional(str('prefix', { token: 'IN' })), optional(int('count', { token: 'COUNT' }))],
  tips: ['nondeterministic_output'],
  summary: 'Returns how many keys begin with which prefix, without walking over them.',
  complexity: 'O(N log N) where N is the number of prefixes.',
  run,
});
