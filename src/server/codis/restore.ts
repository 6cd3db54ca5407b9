// restore: SLOTSRESTORE: keys that come from another server of a codis, all or none of them.
import { EventClass } from '../../keyspace/events.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { isDumpPayload, restoreEntry } from '../../persistence/commands/dump.js';
import { command, keysFrom } from '../../registry/command.js';
import { block, int, key, many, str } from '../../registry/grammar.js';
import type { CodisCall, CodisCommand } from './call.js';

/** The entry of a payload at an argument, in no database yet, or the reason why there is none. */
export function entryOfPayload(
  call: CodisCall,
  keyIndex: number,
  payloadIndex: number,
  expires: boolean,
): number | 'checksum' | 'format' {
  const { host, bytes, starts, lengths } = call;
  const { persistence } = host;
  const start = starts[payloadIndex]!;
  const length = lengths[payloadIndex]!;
  if (!isDumpPayload(bytes, start, length, persistence.verifiesPayloads)) return 'checksum';
  const made = restoreEntry(
    host.keyspace,
    host.limits,
    persistence.payloadTolerance,
    (what) => persistence.payloadRepaired(call.text(keyIndex), what),
    { key: bytes, keyOffset: starts[keyIndex]!, keyLength: lengths[keyIndex]!, expires },
    bytes,
    start,
    length,
  );
  if (typeof made === 'number') return made;
  persistence.payloadRefused(made);
  return 'format';
}

/** Puts a new entry under the key at an argument, in place of the old one. */
export function placeEntry(call: CodisCall, keyIndex: number, entry: number, expireAtMs: number): void {
  const { db, bytes, starts, lengths } = call;
  const { keyspace } = call.host;
  const old = db.lookupWrite(bytes, starts[keyIndex]!, lengths[keyIndex]!);
  if (old !== 0) db.remove(old, db.hash);
  if (expireAtMs > 0) keyspace.entries.setNumber(entry, expireAtMs);
  keyspace.entries.setClock(entry, keyspace.newClock() >>> 8);
  db.attach(entry, db.hashOf(bytes, starts[keyIndex]!, lengths[keyIndex]!));
  keyspace.changed(db, bytes, starts[keyIndex]!, lengths[keyIndex]!, 1);
  keyspace.notify(EventClass.GENERIC, 'restore', db, bytes, starts[keyIndex]!, lengths[keyIndex]!);
}

function run(call: CodisCall): void {
  if ((call.count - 1) % 3 !== 0) {
    call.reply.error(wrongArity('slotsrestore'));
    return;
  }
  const { keyspace } = call.host;
  const made: number[] = [];
  const expiries: number[] = [];
  for (let index = 1; index < call.count; index += 3) {
    const ttl = call.integer(index + 1);
    let error: string | undefined;
    if (Number.isNaN(ttl)) error = errors.notInteger;
    else if (ttl < 0) error = 'ERR invalid ttl value, must be >= 0';
    const entry = error === undefined ? entryOfPayload(call, index, index + 2, ttl > 0) : 'format';
    if (error === undefined && typeof entry === 'string')
      error = entry === 'checksum' ? 'ERR dump payload version or checksum are wrong' : 'ERR bad data format';
    if (error !== undefined || typeof entry === 'string') {
      for (const each of made) keyspace.releaseEntry(each);
      call.reply.error(error!);
      return;
    }
    made.push(entry);
    expiries.push(ttl > 0 ? ttl + keyspace.nowMs : 0);
  }
  for (const [place, entry] of made.entries()) {
    const index = 1 + place * 3;
    placeEntry(call, index, entry, expiries[place]!);
    const [bytes, payload] = [call.copy(index), call.copy(index + 2)];
    const words = ['RESTORE', bytes, expiries[place]!, payload, 'REPLACE', 'ABSTTL'] as const;
    if (call.host.effects.wanted) call.host.alsoPropagate(call, words);
  }
  // The client's expiry counts from now; the propagated commands name the time itself.
  call.host.preventPropagation(call);
  call.reply.ok();
}

export const slotsRestore: CodisCommand = command({
  name: 'slotsrestore',
  since: '3.2.11',
  group: 'generic',
  arity: -4,
  flags: ['write', 'denyoom'],
  categories: ['dangerous'],
  keys: [keysFrom(1, -1, 3, ['OW', 'update'])],
  args: [many(block('data', key('key'), int('ttl'), str('serialized-value')))],
  summary: 'Makes keys of the bytes that another server of a codis sent, in place of what is there.',
  complexity: 'O(N), N bytes of the values',
  run,
});
