// watching: connects to instances and sends them the periodic commands.

import { INFO_PERIOD_IN_FAILOVER_MS } from './timing.js';
import type { Instance, Replica, Server } from './instance.js';
import { sameAddress } from './address.js';
import { masterOf } from './instance.js';
import { hasRoom, introduce, request, sendHello, sendPing } from './requests.js';
import { takeInfo } from './info.js';
import type { SentinelState } from './state.js';

/** Bounds how often INFO is asked while it is not answered. */
const INFO_AGAIN_MS = 900;

/** Opens the connections that are missing, at most once in a ping period. */
export function reconnect(state: SentinelState, instance: Instance): void {
  const { link } = instance;
  if (hasMoved(state, instance)) state.closeLink(link);
  // A sentinel whose place others have taken has port 0 until it says where it is now.
  if (!link.disconnected || instance.address.port === 0) return;
  if (state.nowMs - link.lastReconnectMs < state.timing['ping-period']) return;
  link.lastReconnectMs = state.nowMs;
  refreshAddress(state, instance);
  if (instance.isGone) return;
  if (!link.hasCommands) {
    link.hasCommands = true;
    link.pending = 0;
    link.commandsSinceMs = state.nowMs;
    state.sink.open(link, 'commands', instance.address);
    introduce(state, instance, 'commands');
    if (instance.kind !== 'sentinel') instance.infoAskedMs = 0;
    sendPing(state, instance);
  }
  if (instance.kind !== 'sentinel' && !link.hasPubSub) {
    link.hasPubSub = true;
    link.pubSubSinceMs = state.nowMs;
    link.pubSubActivityMs = state.nowMs;
    state.sink.open(link, 'pubsub', instance.address);
    introduce(state, instance, 'pubsub');
  }
  link.disconnected = !link.hasCommands || (instance.kind !== 'sentinel' && !link.hasPubSub);
}

/** The name of a server that is silent means another host now: the connections lead to where nobody is any more. */
function hasMoved(state: SentinelState, { link, address }: Instance): boolean {
  const { settings, timing, nowMs, names } = state;
  if (!settings.resolveHostnames || link.unansweredPingMs === 0) return false;
  if (link.disconnected || nowMs - link.unansweredPingMs < timing['ping-period']) return false;
  const ip = names.ip(address.host);
  return ip !== '' && ip !== address.ip;
}

/** A name may have another address by now; when it has none any more, the last one stays. */
function refreshAddress(state: SentinelState, instance: Instance): void {
  if (!state.settings.resolveHostnames) return;
  const ip = state.names.ip(instance.address.host);
  if (ip === '' || ip === instance.address.ip) return;
  instance.address = { ...instance.address, ip };
  if (instance.kind !== 'sentinel') dropTwins(state, instance);
}

/** While its name did not resolve, the same server may have been found by its address. */
function dropTwins(state: SentinelState, server: Server): void {
  const master = masterOf(server);
  for (const twin of [...master.replicas.values()]) {
    const isMaster = sameAddress(twin.address, master.address);
    const isOther = twin !== server && sameAddress(twin.address, server.address);
    if (twin.isPromoted || (!isMaster && !isOther)) continue;
    state.event('notice', '-dup-slave', twin);
    state.removeReplica(twin);
    state.saveSoon();
  }
}

export function sendPeriodic(state: SentinelState, instance: Instance): void {
  const { link } = instance;
  const { nowMs, timing } = state;
  if (link.disconnected || !hasRoom(instance)) return;
  if (instance.kind !== 'sentinel') {
    const sinceInfo = nowMs - instance.infoRefreshMs;
    const isDue = instance.infoRefreshMs === 0 || sinceInfo > infoPeriod(state, instance);
    // One that does not answer is not asked at every tick, or PING would find no room.
    if (isDue && nowMs - instance.infoAskedMs >= INFO_AGAIN_MS) {
      instance.infoAskedMs = nowMs;
      request(state, instance, ['INFO'], (reply) => takeInfo(state, instance, reply));
    }
  }
  const pingPeriod = Math.min(instance.downAfterMs, timing['ping-period']);
  if (nowMs - link.lastPongMs > pingPeriod && nowMs - link.lastPingMs > pingPeriod / 2) sendPing(state, instance);
  if (nowMs - instance.lastPublishMs > timing['publish-period']) sendHello(state, instance);
}

function infoPeriod(state: SentinelState, instance: Instance): number {
  const period = state.timing['info-period'];
  if (instance.kind !== 'slave') return period;
  const master = masterOf(instance);
  const matters = master.isObjectivelyDown || master.failsOver || (instance as Replica).masterLinkDownMs !== 0;
  return matters ? Math.min(INFO_PERIOD_IN_FAILOVER_MS, period) : period;
}
