// random: SPOP and SRANDMEMBER: members drawn at random, taken out or not.
//
// SPOP is propagated by its effect: SREM of the members that it took, DEL when it took them all.

import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional, since } from '../../registry/grammar.js';
import { changed, notify, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { readRandomCount, replyDrawn } from '../random-count.js';
import { membersRemoved, openSet, openSetToChange, replyMember, setsOf } from './access.js';

/** Members in one propagated SREM. */
const BATCH = 1024;

/** A copy of the member that was read. */
function memberCopy(call: DataCall): Uint8Array {
  const sets = setsOf(call);
  return sets.bytes.slice(sets.start, sets.start + sets.length);
}

/** @hot */
function popOne(call: DataCall): void {
  const entry = openSetToChange(call, 1);
  if (entry === WRONG_TYPE) return;
  if (entry === 0) {
    call.reply.nil();
    return;
  }
  const sets = setsOf(call);
  sets.random(call.host.keyspace.random);
  replyMember(call);
  if (call.host.propagates) call.host.rewrite(call, ['SREM', call.copy(1), memberCopy(call)]);
  sets.deleteDrawn();
  membersRemoved(call, entry, 'spop', 1);
}

function popMany(call: DataCall): void {
  const wanted = call.integer(2);
  if (Number.isNaN(wanted) || wanted < 0) {
    call.reply.error(errors.notPositive);
    return;
  }
  const entry = openSetToChange(call, 1);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 || wanted === 0) {
    call.reply.set(0);
    return;
  }
  const sets = setsOf(call);
  const size = sets.size();
  if (wanted >= size) {
    popAll(call, entry, size);
    return;
  }
  call.reply.set(wanted);
  const popped: Part[] = [];
  const { propagates } = call.host;
  sets.pop(wanted, call.host.keyspace.random, () => {
    replyMember(call);
    if (propagates) popped.push(memberCopy(call));
  });
  if (propagates) {
    call.host.preventPropagation(call);
    for (let from = 0; from < popped.length; from += BATCH) {
      call.host.alsoPropagate(call, ['SREM', call.copy(1), ...popped.slice(from, from + BATCH)]);
    }
  }
  membersRemoved(call, entry, 'spop', wanted);
}

function popAll(call: DataCall, entry: number, size: number): void {
  const sets = setsOf(call);
  call.reply.set(size);
  for (let more = sets.first(); more; more = sets.next()) replyMember(call);
  if (call.host.propagates) call.host.rewrite(call, [call.host.reclaimCommand('emptied'), call.copy(1)]);
  call.db.remove(entry, call.db.hash);
  changed(call, 1, size);
  notify(call, EventClass.SET, 'spop', 1);
  notify(call, EventClass.GENERIC, 'del', 1);
}

export const spop: DataCommand = command({
  name: 'spop',
  since: '1.0.0',
  group: 'set',
  arity: -2,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'delete'])],
  args: [key('key'), since('3.2.0', optional(int('count')))],
  history: [['3.2.0', 'Added the `count` argument.']],
  tips: ['nondeterministic_output'],
  summary: 'Takes members drawn at random out of a set and returns them.',
  complexity: 'O(1) without a count, else O(N) where N is the number of members taken.',
  constantUpTo: 2,
  run(call) {
    if (call.count === 2) popOne(call);
    else if (call.count === 3) popMany(call);
    else call.reply.error(errors.syntax);
  },
});

function drawMany(call: DataCall): void {
  const wanted = readRandomCount(call, 2);
  if (Number.isNaN(wanted)) return;
  const entry = openSet(call, 1);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 || wanted === 0) {
    call.reply.emptyArray();
    return;
  }
  const sets = setsOf(call);
  const { random } = call.host.keyspace;
  const size = sets.size();
  if (wanted < 0) {
    const places = sets.listPlaces(-wanted);
    replyDrawn(call, -wanted, -wanted, () => {
      if (places === undefined) sets.random(random);
      else sets.readPlace(places.refs[random.below(places.length)]!);
      replyMember(call);
    });
    return;
  }
  call.reply.array(Math.min(wanted, size));
  if (wanted < size) sets.sample(wanted, random, () => replyMember(call));
  else for (let more = sets.first(); more; more = sets.next()) replyMember(call);
}

export const srandmember: DataCommand = command({
  name: 'srandmember',
  since: '1.0.0',
  group: 'set',
  arity: -2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), since('2.6.0', optional(int('count')))],
  history: [['2.6.0', 'Added the optional `count` argument.']],
  tips: ['nondeterministic_output'],
  summary: 'Returns members of a set drawn at random.',
  complexity: 'O(1) without a count, else O(N) where N is the number of members returned.',
  constantUpTo: 2,
  run(call) {
    if (call.count === 3) {
      drawMany(call);
      return;
    }
    if (call.count > 3) {
      call.reply.error(errors.syntax);
      return;
    }
    const entry = openSet(call, 1);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      call.reply.nil();
      return;
    }
    setsOf(call).random(call.host.keyspace.random);
    replyMember(call);
  },
});
