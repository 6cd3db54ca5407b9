// random: HRANDFIELD.

import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, optional, token } from '../../registry/grammar.js';
import { WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { readRandomCount, replyDrawn } from '../random-count.js';
import { expireAll, hashesOf, openHash } from './access.js';

const WITH_VALUES_MAX = 2 ** 62;

function replyField(call: DataCall, withValues: boolean): void {
  const { reply } = call;
  const hashes = hashesOf(call);
  if (withValues && reply.protocol === 3) reply.array(2);
  reply.bulkOf(hashes.fieldBytes, hashes.fieldView, hashes.fieldStart, hashes.fieldLength);
  if (withValues) reply.bulkOf(hashes.bytes, hashes.view, hashes.start, hashes.length);
}

function replyMany(call: DataCall): void {
  const { reply } = call;
  const wanted = readRandomCount(call, 2);
  if (Number.isNaN(wanted)) return;
  if (call.count > 4 || (call.count === 4 && !call.is(3, 'withvalues'))) {
    reply.error(errors.syntax);
    return;
  }
  const withValues = call.count === 4;
  if (withValues && Math.abs(wanted) >= WITH_VALUES_MAX) {
    reply.error(errors.valueOutOfRange);
    return;
  }
  const entry = openHash(call);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 || wanted === 0 || expireAll(call, entry)) {
    reply.emptyArray();
    return;
  }
  const hashes = hashesOf(call);
  const { random } = call.host.keyspace;
  const size = hashes.size();
  const width = withValues && reply.protocol === 2 ? 2 : 1;
  if (wanted < 0) {
    const places = hashes.listPlaces(-wanted);
    replyDrawn(call, -wanted, -wanted * width, () => {
      if (places === undefined) hashes.random(random);
      else hashes.readPlace(places.refs[random.below(places.length)]!);
      replyField(call, withValues);
    });
    return;
  }
  reply.array(Math.min(wanted, size) * width);
  if (wanted < size) hashes.sample(wanted, random, () => replyField(call, withValues));
  else for (let more = hashes.first(); more; more = hashes.next()) replyField(call, withValues);
}

export const hrandfield: DataCommand = command({
  name: 'hrandfield',
  since: '6.2.0',
  group: 'hash',
  arity: -2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), optional(block('options', int('count'), optional(token('WITHVALUES'))))],
  tips: ['nondeterministic_output'],
  summary: 'Returns fields of a hash drawn at random.',
  complexity: 'O(N) where N is the number of fields returned.',
  run(call) {
    if (call.count > 2) {
      replyMany(call);
      return;
    }
    const entry = openHash(call);
    if (entry === WRONG_TYPE) return;
    if (entry === 0 || expireAll(call, entry)) {
      call.reply.nil();
      return;
    }
    hashesOf(call).random(call.host.keyspace.random);
    replyField(call, false);
  },
});
