// configure: the subcommands of SENTINEL about the sentinel itself: CONFIG, DEBUG and SIMULATE-FAILURE.

import { globMatches } from '../../base/glob.js';
import { latin1Bytes } from '../../base/bytes.js';
import { command } from '../../registry/command.js';
import { block, many, oneof, optional, pattern, str, token } from '../../registry/grammar.js';
import { wrongArity } from '../../protocol/errors.js';
import { isHost, isPort } from '../address.js';
import { timingNames, type TimingName } from '../timing.js';
import { adminFlags, saveAndReply, type SentinelCall, type SentinelCommand, type SentinelHost } from './host.js';

const facts = { group: 'sentinel', flags: adminFlags, complexity: 'O(1)' } as const;

interface Parameter {
  read(host: SentinelHost): string;
  isValid(value: string): boolean;
  write(host: SentinelHost, value: string): void;
}

function yesOrNo(name: 'resolveHostnames' | 'announceHostnames'): Parameter {
  return {
    read: ({ state }) => (state.settings[name] ? 'yes' : 'no'),
    isValid: (value) => /^(yes|no)$/i.test(value),
    write: ({ state }, value) => (state.settings[name] = value.toLowerCase() === 'yes'),
  };
}

function text(name: 'announceIp' | 'sentinelUser' | 'sentinelPass', isValid: (value: string) => boolean): Parameter {
  return {
    read: ({ state }) => state.settings[name],
    isValid,
    write: ({ state }, value) => (state.settings[name] = value),
  };
}

const isOneLine = (value: string): boolean => !/[\0\r\n]/.test(value);

const parameters: Readonly<Record<string, Parameter>> = {
  'resolve-hostnames': yesOrNo('resolveHostnames'),
  'announce-hostnames': yesOrNo('announceHostnames'),
  'announce-ip': text('announceIp', (value) => value === '' || isHost(value)),
  'announce-port': {
    read: ({ state }) => String(state.settings.announcePort),
    isValid: (value) => /^\d{1,5}$/.test(value) && isPort(Number(value)),
    write: ({ state }, value) => (state.settings.announcePort = Number(value)),
  },
  'sentinel-user': text('sentinelUser', isOneLine),
  'sentinel-pass': text('sentinelPass', isOneLine),
  loglevel: {
    read: (host) => host.logLevel,
    isValid: (value) => /^(debug|verbose|notice|warning|nothing)$/i.test(value),
    write: (host, value) => void host.setLogLevel(value.toLowerCase()),
  },
};

function runConfigGet(call: SentinelCall): void {
  const found = new Map<string, string>();
  for (let index = 3; index < call.count; index++) {
    const glob = call.copy(index);
    for (const [name, parameter] of Object.entries(parameters))
      if (globMatches(glob, latin1Bytes(name), true)) found.set(name, parameter.read(call.host));
  }
  call.reply.map(found.size);
  for (const [name, value] of found) {
    call.reply.bulkLatin1(name);
    call.reply.bulkLatin1(value);
  }
}

function runConfigSet(call: SentinelCall): void {
  const { host, reply } = call;
  const changes = new Map<string, string>();
  // Nothing is set unless all can be.
  for (let index = 3; index < call.count; index += 2) {
    const name = call.text(index).toLowerCase();
    const parameter = parameters[name];
    if (parameter === undefined)
      return reply.error(`ERR Invalid argument '${call.shown(index)}' to SENTINEL CONFIG SET`);
    if (changes.has(name)) return reply.error(`ERR Duplicate argument '${call.shown(index)}' to SENTINEL CONFIG SET`);
    if (index + 1 >= call.count) return reply.error(`ERR Missing argument '${call.shown(index)}' value`);
    const value = call.text(index + 1);
    if (!parameter.isValid(value))
      return reply.error(`ERR Invalid value '${call.shown(index + 1)}' to SENTINEL CONFIG SET '${call.shown(index)}'`);
    changes.set(name, value);
  }
  for (const [name, value] of changes) parameters[name]!.write(host, value);
  if (changes.has('sentinel-user') || changes.has('sentinel-pass'))
    for (const master of host.state.masters.values())
      for (const peer of master.peers.values()) host.state.closeLink(peer.link);
  saveAndReply(call);
}

const config: SentinelCommand = command({
  ...facts,
  name: 'config',
  since: '6.2.0',
  arity: -4,
  args: [
    oneof(
      'action',
      { ...block('set', many(block('parameter-value', str('parameter'), str('value')))), token: 'SET' },
      many({ ...pattern('parameter'), token: 'GET' }),
    ),
  ],
  complexity: 'O(N) when N is the number of configuration parameters provided',
  history: [['7.2.0', 'Added the ability to set and get multiple parameters in one call.']],
  summary: 'Shows and changes settings of the sentinel.',
  run(call: SentinelCall) {
    if (call.is(2, 'get')) runConfigGet(call);
    else if (call.is(2, 'set')) {
      if (call.count < 5) call.reply.error(wrongArity('sentinel|config'));
      else runConfigSet(call);
    } else
      call.reply.error(
        'ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> [<param> <value> ...] are supported.',
      );
  },
});

function runDebug(call: SentinelCall): void {
  const { timing } = call.host.state;
  if (call.count === 2) {
    call.reply.map(timingNames.length);
    for (const name of timingNames) {
      call.reply.bulkText(name.toUpperCase());
      call.reply.bulkInteger(timing[name]);
    }
    return;
  }
  for (let index = 2; index < call.count; index += 2) {
    const name = call.text(index).toLowerCase() as TimingName;
    if (!timingNames.includes(name) || index + 1 >= call.count) {
      call.reply.error(`ERR Unknown option or number of arguments for SENTINEL DEBUG '${call.shown(index)}'`);
      return;
    }
    const value = call.integer(index + 1);
    if (!(value > 0)) {
      call.reply.error(`ERR Invalid argument '${call.shown(index + 1)}' for SENTINEL DEBUG '${call.shown(index)}'`);
      return;
    }
    timing[name] = value;
  }
  call.reply.ok();
}

const debug: SentinelCommand = command({
  ...facts,
  name: 'debug',
  since: '7.0.0',
  arity: -2,
  args: [optional(many(block('data', str('parameter'), str('value'))))],
  complexity: 'O(N) where N is the number of configurable parameters',
  summary: 'Shows or changes periods and limits of the sentinel.',
  run: runDebug,
});

const simulateFailure: SentinelCommand = command({
  ...facts,
  name: 'simulate-failure',
  since: '3.2.0',
  arity: -3,
  args: [optional(many(oneof('mode', token('CRASH-AFTER-ELECTION'), token('CRASH-AFTER-PROMOTION'), token('HELP'))))],
  summary: 'Lets the sentinel crash in the middle of a failover.',
  run(call: SentinelCall) {
    const { state } = call.host;
    state.crashesAfterElection = false;
    state.crashesAfterPromotion = false;
    for (let index = 2; index < call.count; index++) {
      if (call.is(index, 'crash-after-election')) state.crashesAfterElection = true;
      else if (call.is(index, 'crash-after-promotion')) state.crashesAfterPromotion = true;
      else if (call.is(index, 'help')) {
        call.reply.array(2);
        call.reply.bulkText('crash-after-election');
        call.reply.bulkText('crash-after-promotion');
        return;
      } else {
        call.reply.error('ERR Unknown failure simulation specified');
        return;
      }
    }
    call.reply.ok();
  },
});

export const configureCommands: readonly SentinelCommand[] = [config, debug, simulateFailure];
