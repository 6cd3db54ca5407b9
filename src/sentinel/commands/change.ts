// change: the subcommands of SENTINEL that change the watched masters and their settings, and start failovers.

import { globMatches } from '../../base/glob.js';
import { latin1Bytes } from '../../base/bytes.js';
import { ipVersion } from '../../io/ip-address.js';
import { command } from '../../registry/command.js';
import { block, int, many, optional, pattern, str, token } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import { isHost, isPort } from '../address.js';
import { resetMaster } from '../change-master.js';
import { chooseReplica } from '../choose-replica.js';
import { startFailover } from '../failover.js';
import { adminFlags, masterArgument, saveAndReply, type SentinelCall, type SentinelCommand } from './host.js';
import { setMaster } from './set-master.js';

const facts = { group: 'sentinel', since: '2.8.4', flags: adminFlags, complexity: 'O(1)' } as const;

function runMonitor(call: SentinelCall): void {
  const { host, reply } = call;
  const quorum = call.integer(5);
  const port = call.integer(4);
  if (Number.isNaN(quorum)) return reply.error('ERR Invalid quorum');
  if (quorum < 1) return reply.error('ERR Quorum must be 1 or greater.');
  if (Number.isNaN(port)) return reply.error('ERR Invalid port');
  const name = call.text(2);
  const address = call.text(3);
  const mayBeName = host.state.settings.resolveHostnames && isHost(address);
  if (ipVersion(address) === 0 && !mayBeName) return reply.error(errors.invalidHost);
  if (ipVersion(address) !== 0) return addMaster(call, reply, name, address, port, quorum);
  const late = host.suspend(call);
  void host.prepareName(address).then((ip) =>
    late.resume((lateReply) => {
      if (ip === '') lateReply.error(errors.invalidHost);
      else addMaster(call, lateReply, name, address, port, quorum);
    }),
  );
}

function addMaster(
  { host }: SentinelCall,
  reply: SentinelCall['reply'],
  name: string,
  where: string,
  port: number,
  quorum: number,
): void {
  const { state } = host;
  if (state.master(name) !== undefined) return reply.error('ERR Duplicate master name.');
  if (!isPort(port)) return reply.error('ERR Invalid port number.');
  if (name === '' || /[\0\r\n]/.test(name)) return reply.error('ERR Invalid master name.');
  const address = state.addressOf(where, port);
  if (address === undefined) return reply.error("ERR Can't resolve instance hostname.");
  const master = state.addMaster(name, address, quorum);
  state.event('warning', '+monitor', master, ` quorum ${master.quorum}`);
  if (state.save()) reply.ok();
  else reply.error(errors.configNotSaved);
}

const monitor: SentinelCommand = command({
  ...facts,
  name: 'monitor',
  arity: 6,
  args: [str('name'), str('ip'), int('port'), int('quorum')],
  summary: 'Starts watching a master.',
  run: runMonitor,
});

const remove: SentinelCommand = command({
  ...facts,
  name: 'remove',
  arity: 3,
  args: [str('master-name')],
  summary: 'Stops watching a master.',
  run(call: SentinelCall) {
    const master = masterArgument(call, 2);
    if (master === undefined) return;
    const { state } = call.host;
    state.event('warning', '-monitor', master);
    state.removeMaster(master);
    saveAndReply(call);
  },
});

const set: SentinelCommand = command({
  ...facts,
  name: 'set',
  arity: -5,
  args: [str('master-name'), many(block('data', str('option'), str('value')))],
  complexity: 'O(1)',
  summary: 'Changes how a master is watched.',
  run: setMaster,
});

const reset: SentinelCommand = command({
  ...facts,
  name: 'reset',
  arity: 3,
  args: [pattern('pattern')],
  complexity: 'O(N) where N is the number of monitored masters',
  summary: 'Forgets what is known of the servers and sentinels of masters, by a pattern of their names.',
  run(call: SentinelCall) {
    const { state } = call.host;
    const glob = call.copy(2);
    let count = 0;
    for (const master of state.masters.values()) {
      if (!globMatches(glob, latin1Bytes(master.name))) continue;
      resetMaster(state, master, true);
      state.event('warning', '+reset-master', master);
      count++;
    }
    if (count > 0) state.save();
    call.reply.integer(count);
  },
});

const failover: SentinelCommand = command({
  ...facts,
  name: 'failover',
  arity: -3,
  args: [str('master-name'), optional(token('COORDINATED'))],
  summary: 'Makes a replica the master although the master is well.',
  run(call: SentinelCall) {
    const { state } = call.host;
    if (call.count > 4 || (call.count === 4 && !call.is(3, 'coordinated'))) {
      call.reply.error(errors.syntax);
      return;
    }
    const master = masterArgument(call, 2);
    if (master === undefined) return;
    if (master.failsOver) {
      call.reply.error('INPROG Failover already in progress');
      return;
    }
    if (chooseReplica(state, master) === undefined) {
      call.reply.error('NOGOODSLAVE No suitable replica to promote');
      return;
    }
    const isCoordinated = call.count === 4;
    state.sink.log(
      'warning',
      `Executing user requested ${isCoordinated ? 'coordinated ' : ''}FAILOVER of '${master.name}'`,
    );
    startFailover(state, master, isCoordinated ? 'coordinated' : 'forced');
    call.reply.ok();
  },
});

const flushConfig: SentinelCommand = command({
  ...facts,
  name: 'flushconfig',
  arity: 2,
  summary: 'Writes the config file anew.',
  run: saveAndReply,
});

export const changeCommands: readonly SentinelCommand[] = [monitor, remove, set, reset, failover, flushConfig];
