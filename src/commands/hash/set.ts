// set: HSET, its old form HMSET, and HSETNX: giving fields values.

import { wrongArity } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, key, many, str } from '../../registry/grammar.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  dropExpired,
  findLive,
  Found,
  hashesOf,
  openHashToChange,
  propagateUnchanged,
  storeHash,
  tellArguments,
} from './access.js';

/** Room for a new listpack: strings of up to 63 bytes take two bytes more than they have. */
const ENTRY_OVERHEAD_BYTES = 2;

/** Opens a new hash that suits the fields and values from argument `first` on. */
export function openNewHash(call: DataCall, first: number): void {
  const hashes = hashesOf(call);
  const longest = call.host.limits.hashMaxListpackValue;
  let bytes = 0;
  for (let index = first; index < call.count; index++) {
    const length = call.lengths[index]!;
    if (length > longest) {
      hashes.openNewDict();
      return;
    }
    bytes += length + ENTRY_OVERHEAD_BYTES;
  }
  hashes.openNew(bytes);
}

/** Sets the fields from argument `first` on in the open hash; returns how many are new. @hot */
export function setFields(call: DataCall, first: number, keepExpiry: boolean): number {
  const { bytes, starts, lengths } = call;
  const { limits } = call.host;
  const hashes = hashesOf(call);
  const end = call.count;
  if (end - first > 2 * limits.hashMaxListpackEntries) hashes.convertToDict();
  let created = 0;
  for (let index = first; index < end; index += 2) {
    if (
      hashes.set(
        bytes,
        starts[index]!,
        lengths[index]!,
        bytes,
        starts[index + 1]!,
        lengths[index + 1]!,
        limits,
        keepExpiry,
      )
    )
      created++;
  }
  return created;
}

/** Sets all pairs of the command; -1 after an error reply, else how many fields are new. @hot */
function setPairs(call: DataCall): number {
  if ((call.count & 1) !== 0) {
    call.reply.error(wrongArity(call.command.name));
    return -1;
  }
  const opened = openHashToChange(call);
  if (opened === WRONG_TYPE) return -1;
  const entry = dropExpired(call, opened, 2, 2);
  if (entry === 0) openNewHash(call, 2);
  const created = setFields(call, 2, false);
  if (entry === 0) hashesOf(call).trim();
  storeHash(call, entry);
  propagateUnchanged(call);
  changed(call, 1, (call.count - 2) >> 1);
  tellArguments(call, 'hset', 2, 2);
  return created;
}

const flags = ['write', 'denyoom', 'fast'] as const;
const args = [key('key'), many(block('data', str('field'), str('value')))];

export const hset: DataCommand = command({
  name: 'hset',
  since: '2.0.0',
  group: 'hash',
  arity: -4,
  flags,
  keys: [keyAt(1, ['RW', 'update'])],
  args,
  history: [['4.0.0', 'Accepts multiple `field` and `value` arguments.']],
  summary: 'Gives fields of a hash values, and makes the fields and the hash as needed.',
  complexity: 'O(1) for each field.',
  run(call) {
    const created = setPairs(call);
    if (created >= 0) call.reply.integer(created);
  },
});

export const hmset: DataCommand = command({
  name: 'hmset',
  since: '2.0.0',
  group: 'hash',
  arity: -4,
  flags,
  keys: [keyAt(1, ['RW', 'update'])],
  args,
  summary: 'Gives fields of a hash values (the old form of HSET).',
  complexity: 'O(1) for each field.',
  deprecatedSince: '4.0.0',
  replacedBy: '`HSET` with multiple field-value pairs',
  docFlags: ['deprecated'],
  run(call) {
    if (setPairs(call) >= 0) call.reply.ok();
  },
});

export const hsetnx: DataCommand = command({
  name: 'hsetnx',
  since: '2.0.0',
  group: 'hash',
  arity: 4,
  flags,
  keys: [keyAt(1, ['RW', 'insert'])],
  args: [key('key'), str('field'), str('value')],
  summary: 'Gives a field of a hash a value if there is no such field yet.',
  complexity: 'O(1)',
  run(call) {
    let entry = openHashToChange(call);
    if (entry === WRONG_TYPE) return;
    if (entry !== 0) {
      const found = findLive(call, entry, 2);
      if (found === Found.YES) {
        call.reply.integer(0);
        return;
      }
      if (found === Found.GONE) entry = 0;
    }
    if (entry === 0) openNewHash(call, 2);
    setFields(call, 2, false);
    storeHash(call, entry);
    propagateUnchanged(call);
    changed(call, 1, 1);
    tellArguments(call, 'hset', 2, 2);
    call.reply.integer(1);
  },
});
