// scan: KEYS, SCAN, RANDOMKEY and TYPE: finding keys and their types.

import { typeNames } from '../../datatypes/object.js';
import { globMatchesRange } from '../../base/glob.js';
import { chunkOf } from '../../memory/layout.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, pattern, str } from '../../registry/grammar.js';
import { RefList } from '../../structures/dict.js';
import type { DataCall, DataCommand } from '../engine.js';

const found = new RefList();

function isExpired(call: DataCall, entry: number): boolean {
  const { entries, nowMs } = call.host.keyspace;
  return entries.hasNumber(entry) && entries.number(entry) < nowMs;
}

/** Replies with the keys of the entries in `found`. */
function replyKeys(call: DataCall): void {
  const { entries } = call.host.keyspace;
  call.reply.array(found.length);
  for (let index = 0; index < found.length; index++) {
    const entry = found.refs[index]!;
    call.reply.bulk(entries.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
  }
}

/** Keeps those of the entries in `found` that `accepts` says yes to. */
function keepFound(accepts: (entry: number) => boolean): void {
  let kept = 0;
  for (let index = 0; index < found.length; index++) {
    const entry = found.refs[index]!;
    if (accepts(entry)) found.refs[kept++] = entry;
  }
  found.length = kept;
}

/** Drops the entries in `found` that are past their time, and deletes them as a look-up would. */
function removeExpired(call: DataCall): void {
  const { entries } = call.host.keyspace;
  keepFound((entry) => {
    if (!isExpired(call, entry)) return true;
    const key = entries.keyBytes(entry);
    return call.db.peek(key, 0, key.length) !== 0;
  });
}

function keyMatches(call: DataCall, entry: number, glob: Uint8Array): boolean {
  const { entries } = call.host.keyspace;
  return globMatchesRange(
    glob,
    0,
    glob.length,
    entries.arena.u8[chunkOf(entry)]!,
    entries.keyStart(entry),
    entries.keyLength(entry),
    false,
  );
}

function isStar(glob: Uint8Array): boolean {
  return glob.length === 1 && glob[0] === 42;
}

export const keys: DataCommand = command({
  name: 'keys',
  since: '1.0.0',
  group: 'generic',
  arity: 2,
  flags: ['readonly'],
  categories: ['dangerous'],
  args: [pattern('pattern')],
  tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
  summary: 'Returns all keys that match a pattern.',
  complexity: 'O(N) where N is the number of keys in the database.',
  run(call) {
    const glob = call.copy(1);
    found.clear();
    call.db.scan(0, 0x7fffffff, found);
    keepFound(
      (entry) => !isExpired(call, entry) && !call.db.hides(entry) && (isStar(glob) || keyMatches(call, entry, glob)),
    );
    replyKeys(call);
  },
});

/** A cursor of SCAN and its kin: an unsigned 64-bit number; NaN after the error reply. */
export function readCursor(call: DataCall, index: number): number {
  const text = call.text(index);
  if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
    call.reply.error(errors.invalidCursor);
    return NaN;
  }
  const cursor = Number(text);
  // Our cursors are hashes; another number is none that we gave, and starting at the end is the end.
  return cursor < 4294967296 ? cursor : 4294967295;
}

export const scan: DataCommand = command({
  name: 'scan',
  since: '2.8.0',
  group: 'generic',
  arity: -2,
  flags: ['readonly'],
  args: [
    int('cursor'),
    optional(pattern('pattern', { token: 'MATCH' })),
    optional(int('count', { token: 'COUNT' })),
    optional(str('type', { token: 'TYPE', since: '6.0.0' })),
  ],
  history: [['6.0.0', 'Added the `TYPE` subcommand.']],
  tips: ['nondeterministic_output', 'request_policy:special', 'response_policy:special'],
  summary: 'Walks over the keys of the database, some at each call.',
  complexity: 'O(1) for every call; O(N) for a whole walk, where N is the number of keys.',
  run(call) {
    const cursor = readCursor(call, 1);
    if (Number.isNaN(cursor)) return;
    let glob: Uint8Array | undefined;
    let count = 10;
    let type = -1;
    for (let index = 2; index < call.count; index += 2) {
      const hasNext = index + 1 < call.count;
      if (call.is(index, 'count') && hasNext) {
        count = call.integer(index + 1);
        if (Number.isNaN(count)) {
          call.reply.error(errors.notInteger);
          return;
        }
        if (count < 1) {
          call.reply.error(errors.syntax);
          return;
        }
      } else if (call.is(index, 'match') && hasNext) {
        glob = call.copy(index + 1);
        if (isStar(glob)) glob = undefined;
      } else if (call.is(index, 'type') && hasNext) {
        const name = call.text(index + 1).toLowerCase();
        type = typeNames.indexOf(name);
        if (type < 0) {
          call.reply.error(`ERR unknown type name '${call.shown(index + 1)}'`);
          return;
        }
      } else {
        call.reply.error(errors.syntax);
        return;
      }
    }
    found.clear();
    const next = call.db.scan(cursor, Math.min(count, 0x7fffffff), found);
    const { entries } = call.host.keyspace;
    keepFound(
      (entry) =>
        (type < 0 || entries.type(entry) === type) &&
        (glob === undefined || keyMatches(call, entry, glob)) &&
        !call.db.hides(entry),
    );
    removeExpired(call);
    call.reply.array(2);
    call.reply.bulkInteger(next);
    replyKeys(call);
  },
});

export const randomkey: DataCommand = command({
  name: 'randomkey',
  since: '1.0.0',
  group: 'generic',
  arity: 1,
  flags: ['readonly'],
  tips: ['request_policy:all_shards', 'response_policy:special', 'nondeterministic_output'],
  summary: 'Returns a key drawn at random.',
  complexity: 'O(1)',
  run(call) {
    const { keyspace } = call.host;
    const { entries } = keyspace;
    // With very many expired keys about, one of them is returned in the end rather than searching for ever.
    for (let tries = 0; tries < 100; tries++) {
      const entry = keyspace.dicts.random(call.db.dict, keyspace.random);
      if (entry === 0) break;
      const bytes = entries.keyBytes(entry);
      if (call.db.hides(entry)) continue;
      if (isExpired(call, entry) && call.db.peek(bytes, 0, bytes.length) === 0 && tries < 99) continue;
      call.reply.bulk(bytes, 0, bytes.length);
      return;
    }
    call.reply.nil();
  },
});

export const type: DataCommand = command({
  name: 'type',
  since: '1.0.0',
  group: 'generic',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: [keyAt(1, ['RO'])],
  args: [key('key')],
  summary: 'Returns which type of value a key holds.',
  complexity: 'O(1)',
  run(call) {
    const { keyspace } = call.host;
    const entry = call.db.lookupQuietly(call.bytes, call.starts[1]!, call.lengths[1]!);
    call.reply.simple(entry === 0 ? 'none' : typeNames[keyspace.entries.type(entry)]!);
  },
});
