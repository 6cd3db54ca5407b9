// reads: the commands that tell about slots, and the one that empties them: SLOTSINFO, SLOTSHASHKEY, SLOTSSCAN, SLOTSCHECK, SLOTSDEL.
import { codisSlot, CODIS_SLOT_COUNT } from '../../base/codis-slot.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int, key, many, optional } from '../../registry/grammar.js';
import { chunkOf } from '../../memory/layout.js';
import { RefList } from '../../structures/dict.js';
import { type CodisCall, type CodisCommand, readInt, readSlot } from './call.js';
import { countSlot, firstHashOfSlot, scanSlot } from './slot-keys.js';

const KEYS_AT_ONCE = 256;
const found = new RefList();

export const slotsInfo: CodisCommand = command({
  name: 'slotsinfo',
  since: '3.2.11',
  group: 'generic',
  arity: -1,
  flags: ['readonly', 'fast'],
  args: [optional(int('start')), optional(int('count'))],
  summary: 'Returns how many keys each codis slot has, without empty ones.',
  complexity: 'O(N) where N is the number of slots asked for',
  run(call: CodisCall) {
    let begin = 0;
    let end = CODIS_SLOT_COUNT;
    if (call.count >= 2 && (begin = readSlot(call, 1)) < 0) return;
    if (call.count >= 3) {
      const count = readInt(call, 2);
      if (Number.isNaN(count)) return;
      if (count < 0) {
        call.reply.error(`ERR invalid slot count = ${count}`);
        return;
      }
      end = Math.min(end, begin + count);
    }
    if (call.count >= 4) {
      call.reply.error("ERR wrong number of arguments for 'slotsinfo' command");
      return;
    }
    const filled: [number, number][] = [];
    for (let slot = begin; slot < end; slot++) {
      const count = countSlot(call.db, slot);
      if (count > 0) filled.push([slot, count]);
    }
    replyPairs(call, filled);
  },
});

function replyPairs(call: CodisCall, pairs: readonly (readonly [number, number])[]): void {
  call.reply.array(pairs.length);
  for (const [first, second] of pairs) {
    call.reply.array(2);
    call.reply.integer(first);
    call.reply.integer(second);
  }
}

export const slotsHashKey: CodisCommand = command({
  name: 'slotshashkey',
  since: '3.2.11',
  group: 'generic',
  arity: -1,
  flags: ['readonly', 'fast'],
  args: [optional(many(key('key')))],
  summary: 'Returns the codis slots of keys, which need not be there.',
  complexity: 'O(N) where N is the number of keys',
  run(call: CodisCall) {
    call.reply.array(call.count - 1);
    for (let index = 1; index < call.count; index++)
      call.reply.integer(codisSlot(call.bytes, call.starts[index]!, call.lengths[index]!));
  },
});

export const slotsScan: CodisCommand = command({
  name: 'slotsscan',
  since: '3.2.11',
  group: 'generic',
  arity: -3,
  flags: ['readonly'],
  args: [int('slot'), int('cursor'), optional(int('count', { token: 'COUNT' }))],
  summary: 'Walks over the keys of a codis slot, some at each call.',
  complexity: 'O(1) for every call; O(N) for a whole walk, where N is the number of keys of the slot',
  run(call: CodisCall) {
    const slot = readSlot(call, 1);
    if (slot < 0) return;
    const text = call.text(2);
    if (!/^[0-9]{1,20}$/.test(text) || BigInt(text) >= 2n ** 64n) {
      call.reply.error(errors.invalidCursor);
      return;
    }
    if (call.count !== 3 && call.count !== 5) {
      call.reply.error("ERR wrong number of arguments for 'slotsscan' command");
      return;
    }
    let count = 10;
    if (call.count === 5) {
      if (!call.is(3, 'count')) {
        call.reply.error(errors.syntax);
        return;
      }
      count = readInt(call, 4);
      if (Number.isNaN(count)) return;
      if (count < 1) {
        call.reply.error(errors.syntax);
        return;
      }
    }
    const first = firstHashOfSlot(slot);
    const end = firstHashOfSlot(slot + 1);
    // The client's cursor is the place within the slot, so that 0 begins and ends.
    const given = Math.min(Number(text), end - first);
    found.clear();
    let cursor = first + given;
    while (cursor < end && found.length < count) cursor = scanSlot(call.db, slot, cursor, count - found.length, found);
    call.reply.array(2);
    call.reply.bulkText(String(cursor >= end ? 0 : cursor - first));
    replyKeys(call);
  },
});

/** Replies with the keys of `found`, without those past their time. */
function replyKeys(call: CodisCall): void {
  const { entries, nowMs } = call.host.keyspace;
  let kept = 0;
  for (let index = 0; index < found.length; index++) {
    const entry = found.refs[index]!;
    if (!entries.hasNumber(entry) || entries.number(entry) >= nowMs) found.refs[kept++] = entry;
  }
  found.length = kept;
  call.reply.array(kept);
  for (let index = 0; index < kept; index++) {
    const entry = found.refs[index]!;
    call.reply.bulk(entries.arena.u8[chunkOf(entry)]!, entries.keyStart(entry), entries.keyLength(entry));
  }
}

export const slotsCheck: CodisCommand = command({
  name: 'slotscheck',
  since: '3.2.11',
  group: 'generic',
  arity: 1,
  flags: ['readonly'],
  summary: 'Checks that every key stands in its codis slot, and that the counts are right.',
  complexity: 'O(N) where N is the number of keys in the database',
  run(call: CodisCall) {
    const { entries } = call.host.keyspace;
    for (let slot = 0; slot < CODIS_SLOT_COUNT; slot++) {
      const end = firstHashOfSlot(slot + 1);
      let seen = 0;
      for (let cursor = firstHashOfSlot(slot); cursor < end;) {
        found.clear();
        cursor = scanSlot(call.db, slot, cursor, KEYS_AT_ONCE, found);
        for (let index = 0; index < found.length; index++) {
          const bytes = entries.keyBytes(found.refs[index]!);
          if (codisSlot(bytes) !== slot) {
            call.reply.error(
              `ERR step 1, miss = '${Buffer.from(bytes)
                .toString('latin1')
                .replace(/[\r\n]/g, ' ')}'`,
            );
            return;
          }
        }
        seen += found.length;
      }
      if (seen !== countSlot(call.db, slot)) {
        call.reply.error(`ERR step 2, slot ${slot} has ${seen} keys and counts ${countSlot(call.db, slot)}`);
        return;
      }
    }
    call.reply.ok();
  },
});

export const slotsDel: CodisCommand = command({
  name: 'slotsdel',
  since: '3.2.11',
  group: 'generic',
  arity: -2,
  flags: ['write'],
  categories: ['dangerous'],
  args: [many(int('slot'))],
  summary: 'Deletes all keys of codis slots.',
  complexity: 'O(N) where N is the number of keys deleted',
  run(call: CodisCall) {
    const slots: number[] = [];
    for (let index = 1; index < call.count; index++) {
      const slot = readSlot(call, index);
      if (slot < 0) return;
      slots.push(slot);
    }
    for (const slot of slots) deleteSlot(call, slot);
    replyPairs(
      call,
      slots.map((slot) => [slot, countSlot(call.db, slot)] as const),
    );
  },
});

function deleteSlot(call: CodisCall, slot: number): void {
  const { keyspace, effects } = call.host;
  const { db } = call;
  const end = firstHashOfSlot(slot + 1);
  call.host.preventPropagation(call);
  while (countSlot(db, slot) > 0) {
    found.clear();
    for (let cursor = firstHashOfSlot(slot); cursor < end && found.length === 0;)
      cursor = scanSlot(db, slot, cursor, KEYS_AT_ONCE, found);
    for (let index = 0; index < found.length; index++) {
      const bytes = keyspace.entries.keyBytes(found.refs[index]!);
      db.remove(found.refs[index]!, db.hashOf(bytes, 0, bytes.length));
      keyspace.changed(db, bytes, 0, bytes.length, 1);
      effects.add(db.index, ['DEL', bytes]);
    }
  }
}
