// show: the subcommands of SENTINEL that report the sentinel's knowledge.

import { command } from '../../registry/command.js';
import { int, many, optional, str } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import { isBelievable, isEpoch, vote } from '../election.js';
import type { Master } from '../instance.js';
import { adminFlags, masterArgument, type SentinelCall, type SentinelCommand } from './host.js';
import { replyInstance, replyInstances } from './instance-fields.js';

const facts = { group: 'sentinel', since: '2.8.4', flags: adminFlags, complexity: 'O(1)' } as const;
const perReplica = 'O(N) where N is the number of replicas';

const masters: SentinelCommand = command({
  ...facts,
  name: 'masters',
  arity: 2,
  complexity: 'O(N) where N is the number of masters',
  summary: 'Returns a list of monitored masters.',
  run: ({ reply, host: { state } }: SentinelCall) => replyInstances(reply, state, [...state.masters.values()]),
});

const master: SentinelCommand = command({
  ...facts,
  name: 'master',
  arity: 3,
  args: [str('master-name')],
  summary: 'Returns the state of a master.',
  run(call: SentinelCall) {
    const found = masterArgument(call, 2);
    if (found !== undefined) replyInstance(call.reply, call.host.state, found);
  },
});

function runReplicas(call: SentinelCall): void {
  const found = masterArgument(call, 2);
  if (found === undefined) return;
  const announced = [...found.replicas.values()].filter(({ isAnnounced }) => isAnnounced);
  replyInstances(call.reply, call.host.state, announced);
}

const replicas: SentinelCommand = command({
  ...facts,
  name: 'replicas',
  since: '5.0.0',
  arity: 3,
  args: [str('master-name')],
  complexity: perReplica,
  summary: 'Returns a list of the monitored replicas.',
  run: runReplicas,
});

const slaves: SentinelCommand = command({
  ...facts,
  name: 'slaves',
  since: '2.8.0',
  arity: 3,
  args: [str('master-name')],
  complexity: perReplica,
  deprecatedSince: '5.0.0',
  replacedBy: '`SENTINEL REPLICAS`',
  docFlags: ['deprecated'],
  summary: 'Returns a list of the monitored replicas.',
  run: runReplicas,
});

const sentinels: SentinelCommand = command({
  ...facts,
  name: 'sentinels',
  arity: 3,
  args: [str('master-name')],
  complexity: 'O(N) where N is the number of Sentinels',
  summary: 'Returns a list of the other sentinels of a master.',
  run(call: SentinelCall) {
    const found = masterArgument(call, 2);
    if (found !== undefined) replyInstances(call.reply, call.host.state, [...found.peers.values()]);
  },
});

const getMasterAddress: SentinelCommand = command({
  ...facts,
  name: 'get-master-addr-by-name',
  arity: 3,
  args: [str('master-name')],
  summary: 'Returns the address and the port of a master.',
  run(call: SentinelCall) {
    const { state } = call.host;
    const found = state.master(call.text(2));
    if (found === undefined) {
      call.reply.nilArray();
      return;
    }
    const address = found.currentAddress;
    call.reply.array(2);
    call.reply.bulkLatin1(state.announced(address));
    call.reply.bulkInteger(address.port);
  },
});

const isMasterDown: SentinelCommand = command({
  ...facts,
  name: 'is-master-down-by-addr',
  arity: 6,
  args: [str('ip'), int('port'), int('current-epoch'), str('runid')],
  summary: 'Tells another sentinel whether a master is down, and votes for the leader of its failover.',
  run(call: SentinelCall) {
    const { state } = call.host;
    const port = call.integer(3);
    const epoch = call.integer(4);
    if (!Number.isInteger(port) || port < -(2 ** 31) || port >= 2 ** 31 || !isEpoch(epoch)) {
      call.reply.error(errors.notInteger);
      return;
    }
    const host = call.text(2);
    const runId = call.text(5);
    const found = state.masterAt({ host, ip: state.names.ip(host), port });
    const isDown = !state.isTilted && found?.isDown === true;
    let leader = '';
    let leaderEpoch = 0;
    if (found !== undefined && /^[0-9a-zA-Z]{40}$/.test(runId) && isBelievable(state, epoch))
      ({ leader, epoch: leaderEpoch } = vote(state, found, epoch, runId));
    call.reply.array(3);
    call.reply.integer(isDown ? 1 : 0);
    call.reply.bulkLatin1(leader === '' ? '*' : leader);
    call.reply.integer(leaderEpoch);
  },
});

const myId: SentinelCommand = command({
  ...facts,
  name: 'myid',
  since: '6.2.0',
  arity: 2,
  summary: 'Returns the id of the sentinel.',
  run: ({ reply, host }: SentinelCall) => reply.bulkLatin1(host.state.myId),
});

const checkQuorum: SentinelCommand = command({
  ...facts,
  name: 'ckquorum',
  arity: 3,
  args: [str('master-name')],
  summary: 'Tells whether enough sentinels are there for a failover.',
  run(call: SentinelCall) {
    const found = masterArgument(call, 2);
    if (found === undefined) return;
    let usable = 1;
    for (const peer of found.peers.values()) if (!peer.isDown) usable++;
    const majority = Math.floor((found.peers.size + 1) / 2) + 1;
    if (usable >= found.quorum && usable >= majority) {
      call.reply.simple(`OK ${usable} usable Sentinels. Quorum and failover authorization can be reached`);
      return;
    }
    let text = `NOQUORUM ${usable} usable Sentinels. `;
    if (usable < found.quorum) text += 'Not enough available Sentinels to reach the specified quorum for this master';
    if (usable < majority) {
      if (usable < found.quorum) text += '. ';
      text += 'Not enough available Sentinels to reach the majority and authorize a failover';
    }
    call.reply.error(text);
  },
});

const infoCache: SentinelCommand = command({
  ...facts,
  name: 'info-cache',
  since: '3.2.0',
  arity: -3,
  args: [many(str('nodename'))],
  complexity: 'O(N) where N is the number of instances',
  summary: 'Returns the last INFO replies of masters and their replicas.',
  run(call: SentinelCall) {
    const { state } = call.host;
    const names = new Set<string>();
    for (let index = 2; index < call.count; index++) names.add(call.text(index));
    const found = [...state.masters.values()].filter(({ name }) => names.has(name));
    call.reply.map(found.length);
    for (const each of found) replyInfos(call, each);
  },
});

function replyInfos({ reply, host: { state } }: SentinelCall, found: Master): void {
  reply.bulkLatin1(found.name);
  reply.array(1 + found.replicas.size);
  for (const server of [found, ...found.replicas.values()]) {
    reply.array(2);
    reply.integer(server.infoRefreshMs === 0 ? 0 : Math.floor(state.nowMs - server.infoRefreshMs));
    if (server.info === '') reply.nil();
    else reply.bulkLatin1(server.info);
  }
}

const pendingScripts: SentinelCommand = command({
  ...facts,
  name: 'pending-scripts',
  arity: 2,
  summary: 'Returns the scripts that run or wait.',
  run({ reply, host: { scripts, state } }: SentinelCall) {
    reply.array(scripts.pending.length);
    for (const { argv, process, startMs, tries } of scripts.pending) {
      const delayMs = process === undefined ? startMs - state.nowMs : state.nowMs - startMs;
      reply.map(5);
      reply.bulkText('argv');
      reply.array(argv.length);
      for (const word of argv) reply.bulkLatin1(word);
      reply.bulkText('flags');
      reply.bulkText(process === undefined ? 'scheduled' : 'running');
      reply.bulkText('pid');
      reply.bulkInteger(process?.pid ?? 0);
      reply.bulkText(process === undefined ? 'run-delay' : 'run-time');
      reply.bulkInteger(Math.max(0, Math.floor(delayMs)));
      reply.bulkText('retry-num');
      reply.bulkInteger(tries);
    }
  },
});

/** Events that SENTINEL EVENTS shows without a count. */
const EVENTS_DEFAULT = 20;

const events: SentinelCommand = command({
  ...facts,
  name: 'events',
  since: '7.4.0',
  arity: -2,
  args: [optional(int('count'))],
  complexity: 'O(N) where N is the number of events',
  summary: 'Returns the last events, oldest first: time, event, and text.',
  run(call: SentinelCall) {
    const count = call.count === 2 ? EVENTS_DEFAULT : call.integer(2);
    if (call.count > 3 || !(count >= 0)) {
      call.reply.error(call.count > 3 ? errors.syntax : errors.notInteger);
      return;
    }
    const last = call.host.history?.last(count) ?? [];
    call.reply.array(last.length);
    for (const { at, type, text } of last) {
      call.reply.array(3);
      call.reply.integer(at);
      call.reply.bulkLatin1(type);
      call.reply.bulkLatin1(text);
    }
  },
});

export const showCommands: readonly SentinelCommand[] = [
  masters,
  master,
  replicas,
  slaves,
  sentinels,
  getMasterAddress,
  isMasterDown,
  myId,
  checkQuorum,
  infoCache,
  pendingScripts,
  events,
];
