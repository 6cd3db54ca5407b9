// increment: HINCRBY and HINCRBYFLOAT: numbers in fields, kept as decimal text. A field's expiry stays.

import { INT64_MAX, INT64_MIN, latin1Bytes, parseBigInteger, parseInteger, writeInteger } from '../../base/bytes.js';
import { addExtended, extendedText, parseExtended, type Extended } from '../../base/double-exact.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { double, int, key, str } from '../../registry/grammar.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  findLive,
  Found,
  hashesOf,
  openHashToChange,
  propagateAs,
  propagateUnchanged,
  storeHash,
  tellArguments,
} from './access.js';

/** Sums of two such numbers are exact. */
const SAFE = 2 ** 52;
const ZERO: Extended = { mantissa: 0n, exponent: 0 };
const scratch = new Uint8Array(32);

/** The open hash's entry after the field at argument 2 was looked for; 0 when the hash is missing, or gone by now. */
let target = 0;

/** Opens the hash and binds to the field; whether it is there. `target` is WRONG_TYPE after an error reply. @hot */
function findNumber(call: DataCall): boolean {
  target = openHashToChange(call);
  if (target === 0 || target === WRONG_TYPE) return false;
  const found = findLive(call, target, 2);
  if (found === Found.GONE) target = 0;
  return found === Found.YES;
}

/** Stores the number as the field's value. @hot */
function storeNumber(call: DataCall, text: Uint8Array, length: number, event: string): void {
  const hashes = hashesOf(call);
  if (target === 0) hashes.openNew();
  hashes.set(call.bytes, call.starts[2]!, call.lengths[2]!, text, 0, length, call.host.limits, true);
  storeHash(call, target);
  changed(call, 1, 1);
  tellArguments(call, event, 2, 1, 3);
}

const flags = ['write', 'denyoom', 'fast'] as const;
const keys = [keyAt(1, ['RW', 'access', 'update'])];

export const hincrby: DataCommand = command({
  name: 'hincrby',
  since: '2.0.0',
  group: 'hash',
  arity: 4,
  flags,
  keys,
  args: [key('key'), str('field'), int('increment')],
  summary: 'Adds a number to the integer of a field, which starts at 0.',
  complexity: 'O(1)',
  run(call) {
    const by = call.integer(3);
    if (Number.isNaN(by)) {
      call.reply.error(errors.notInteger);
      return;
    }
    let before = 0;
    const hashes = hashesOf(call);
    const found = findNumber(call);
    if (target === WRONG_TYPE) return;
    if (found) before = parseInteger(hashes.bytes, hashes.start, hashes.length);
    if (Number.isNaN(before)) {
      call.reply.error('ERR hash value is not an integer');
      return;
    }
    if (before > SAFE || before < -SAFE || by > SAFE || by < -SAFE) {
      const exact = found ? parseBigInteger(hashes.bytes, hashes.start, hashes.length)! : 0n;
      incrementExactly(call, exact + call.bigInteger(3)!);
      return;
    }
    storeNumber(call, scratch, writeInteger(scratch, 0, before + by), 'hincrby');
    propagateUnchanged(call);
    call.reply.integer(before + by);
  },
});

function incrementExactly(call: DataCall, sum: bigint): void {
  if (sum < INT64_MIN || sum > INT64_MAX) {
    call.reply.error(errors.overflow);
    return;
  }
  const text = latin1Bytes(sum.toString());
  storeNumber(call, text, text.length, 'hincrby');
  propagateUnchanged(call);
  call.reply.bigInteger(sum);
}

export const hincrbyfloat: DataCommand = command({
  name: 'hincrbyfloat',
  since: '2.6.0',
  group: 'hash',
  arity: 4,
  flags,
  keys,
  args: [key('key'), str('field'), double('increment')],
  summary: 'Adds a number with a fraction to the number of a field, which starts at 0.',
  complexity: 'O(1)',
  run(call) {
    const by = parseExtended(call.bytes, call.starts[3]!, call.lengths[3]!);
    if (by === undefined || typeof by === 'string') {
      call.reply.error(by === undefined ? errors.notFloat : 'ERR value is NaN or Infinity');
      return;
    }
    let before: Extended | 'inf' | '-inf' | undefined = ZERO;
    const hashes = hashesOf(call);
    const hadField = findNumber(call);
    if (hadField) before = parseExtended(hashes.bytes, hashes.start, hashes.length);
    if (target === WRONG_TYPE) return;
    if (before === undefined) {
      call.reply.error('ERR hash value is not a float');
      return;
    }
    const sum = typeof before === 'string' ? undefined : addExtended(before, by);
    if (sum === undefined) {
      call.reply.error(errors.nanOrInfinity);
      return;
    }
    const text = latin1Bytes(extendedText(sum));
    const expires = hadField && hashes.expiry >= 0;
    storeNumber(call, text, text.length, 'hincrbyfloat');
    // HSET alone would take the time of the field away.
    const head = expires ? ['HSETEX', call.copy(1), 'KEEPTTL', 'FIELDS', 1] : ['HSET', call.copy(1)];
    propagateAs(call, [...head, call.copy(2), text]);
    call.reply.bulk(text, 0, text.length);
  },
});
