// requests: the commands that a sentinel sends to servers and to other sentinels, under the names that they have there.

import type { Reply } from '../client/reply.js';
import { replyText } from '../client/reply.js';
import { type Address, sameAddress } from './address.js';
import { type Instance, masterOf, type Peer, type Replica, type Server } from './instance.js';
import type { SentinelState } from './state.js';

/** The channel over which sentinels find each other. */
export const HELLO_CHANNEL = '__sentinel__:hello';

/** Limit of commands without a reply on one link; a server that answers none gets no further ones. */
const PENDING_MAX = 100;

/** The name that an instance knows a command by (SENTINEL SET rename-command). Sentinels rename nothing for each other. */
function nameFor(instance: Instance, command: string): string {
  return instance.kind === 'sentinel' ? command : (masterOf(instance).renamed.get(command.toLowerCase()) ?? command);
}

/** Sends a command; `answered` comes with its reply unless the connection or the instance is gone by then. */
export function request(
  state: SentinelState,
  instance: Instance,
  args: readonly string[],
  answered: (reply: Reply) => void = () => undefined,
): void {
  const { link } = instance;
  link.pending++;
  state.sink.send(link, 'commands', [nameFor(instance, args[0]!), ...args.slice(1)], (reply) => {
    link.pending--;
    if (!instance.isGone) answered(reply);
  });
}

export function hasRoom(instance: Instance): boolean {
  return instance.link.pending < PENDING_MAX * instance.link.users;
}

// --- the first words on a connection ------------------------------------------------------------------------------------

/** Authenticates and names a new connection; the pub/sub connection then subscribes. */
export function introduce(state: SentinelState, instance: Instance, channel: 'commands' | 'pubsub'): void {
  const { link } = instance;
  const say = (...args: string[]): void => {
    if (channel === 'commands') request(state, instance, args);
    else
      state.sink.send(link, channel, [nameFor(instance, args[0]!), ...args.slice(1)], (reply) => {
        // Without a subscription the connection is of no use: it is tried anew, with a password that may be right by then.
        if (args[0] === 'SUBSCRIBE' && reply.kind === 'error') state.closeChannel(link, channel);
      });
  };
  const { user, pass } = credentials(state, instance);
  if (pass !== '') say('AUTH', ...(user === '' ? [] : [user]), pass);
  say('CLIENT', 'SETNAME', `sentinel-${state.myId.slice(0, 8)}-${channel === 'commands' ? 'cmd' : 'pubsub'}`);
  if (channel === 'pubsub') say('SUBSCRIBE', HELLO_CHANNEL);
}

function credentials(state: SentinelState, instance: Instance): { user: string; pass: string } {
  if (instance.kind !== 'sentinel') {
    const master = masterOf(instance);
    return { user: master.authUser, pass: master.authPass };
  }
  const { sentinelUser, sentinelPass } = state.settings;
  return sentinelPass !== '' ? { user: sentinelUser, pass: sentinelPass } : { user: '', pass: state.requirePass };
}

// --- what is asked again and again --------------------------------------------------------------------------------------

export function sendPing(state: SentinelState, instance: Instance): void {
  const { link } = instance;
  link.lastPingMs = state.nowMs;
  if (link.unansweredPingMs === 0) link.unansweredPingMs = state.nowMs;
  // Peers with a common link all learn from the one PING, so the answer belongs to the link.
  request(state, instance, ['PING'], (reply) => notePong(state, instance, reply));
}

function notePong(state: SentinelState, instance: Instance, reply: Reply): void {
  const { link } = instance;
  if (reply.kind !== 'status' && reply.kind !== 'error') return;
  const text = replyText(reply);
  const isWell = text.startsWith('PONG') || text.startsWith('LOADING') || text.startsWith('MASTERDOWN');
  if (isWell) {
    link.lastAvailableMs = state.nowMs;
    link.unansweredPingMs = 0;
    if (instance.kind === 'master' && instance.isRebooting && text.startsWith('PONG')) instance.isRebooting = false;
  } else if (text.startsWith('BUSY') && instance.kind !== 'sentinel' && instance.isDown && !instance.scriptKillSent) {
    instance.scriptKillSent = true;
    request(state, instance, ['SCRIPT', 'KILL']);
  }
  link.lastPongMs = state.nowMs;
}

/** Tells an instance, and by a server's pub/sub all that listen there, who this sentinel is and where it thinks the master is. */
export function sendHello(state: SentinelState, instance: Instance): void {
  if (instance.link.disconnected) return;
  const { settings } = state;
  const master = masterOf(instance);
  const host = settings.announceIp === '' ? state.sink.localHost(instance.link) : settings.announceIp;
  if (host === '') return;
  const at = master.currentAddress;
  const message = [
    host,
    settings.announcePort === 0 ? state.port : settings.announcePort,
    state.myId,
    state.currentEpoch,
    master.name,
    state.announced(at),
    at.port,
    master.configEpoch,
  ].join(',');
  request(state, instance, ['PUBLISH', HELLO_CHANNEL, message], (reply) => {
    if (reply.kind !== 'error') instance.lastPublishMs = state.nowMs;
  });
}

/** Lets the next tick send hello messages to all instances of a master, because there is news. */
export function hurryHello(state: SentinelState, instances: Iterable<Instance>): void {
  for (const instance of instances)
    instance.lastPublishMs = Math.min(instance.lastPublishMs, state.nowMs - state.timing['publish-period'] - 1);
}

// --- orders -------------------------------------------------------------------------------------------------------------

/**
 * Makes a server a replica of `to`, or a master when `to` is undefined, in one transaction: it also rewrites its config file, so
 * that a restart changes nothing, and clients are cut off, so that they ask for the new master.
 */
export function sendReplicaOf(state: SentinelState, server: Server, to: Address | undefined): void {
  if (to !== undefined && isSameServer(server, to)) return;
  const where = to === undefined ? ['NO', 'ONE'] : [state.announced(to), String(to.port)];
  const orders = [
    ['MULTI'],
    ['SLAVEOF', ...where],
    ['CONFIG', 'REWRITE'],
    ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
    ['EXEC'],
  ];
  for (const order of orders) request(state, server, order);
}

/** A server that is known under two addresses must not get a REPLICAOF of itself. */
function isSameServer(server: Server, to: Address): boolean {
  const master = masterOf(server);
  const target = [master.promoted, master].find((each) => each !== undefined && sameAddress(each.address, to));
  return sameAddress(server.address, to) || (server.runId !== '' && server.runId === target?.runId);
}

/** Asks the master to hand over to a replica without losing a write; `refused` gets the error reply if there is one. */
export function sendFailover(state: SentinelState, replica: Replica, refused: (text: string) => void): void {
  const { master } = replica;
  const { port } = replica.address;
  const host = state.announced(replica.address);
  const timeout = String(master.failoverTimeoutMs);
  request(state, master, ['FAILOVER', 'TO', host, String(port), 'TIMEOUT', timeout], (reply) => {
    if (reply.kind === 'error') refused(replyText(reply));
  });
}

/** Asks another sentinel whether it sees the master down; with a run id also for its vote. */
export function askPeer(state: SentinelState, peer: Peer, candidate: string, answered: (reply: Reply) => void): void {
  const { master } = peer;
  request(
    state,
    peer,
    [
      'SENTINEL',
      'is-master-down-by-addr',
      state.announced(master.address),
      String(master.address.port),
      String(state.currentEpoch),
      candidate,
    ],
    answered,
  );
}
