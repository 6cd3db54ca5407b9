// machine: one sentinel without its sockets: the work of each tick, and the effects of connections that end.
//
// Its inputs are the time, replies (through the functions given to `SentinelPort.send`), ends of connections, and hello
// messages; what it does goes out through the port. The same inputs have the same outputs, so that a simulated world can run it.

import { askOthers, checkObjectivelyDown, checkSubjectivelyDown } from './down.js';
import { advanceFailover, startIfNeeded, switchToPromoted } from './failover.js';
import { takeHello } from './hello.js';
import { type Instance, type Link, type Master, masterOf } from './instance.js';
import type { Channel } from './port.js';
import { StaleEntries } from './stale.js';
import type { SentinelState } from './state.js';
import { reconnect, sendPeriodic } from './watching.js';

export class Machine {
  private lastWallMs: number | undefined;
  private lastTickMs = 0;
  private readonly stale: StaleEntries;

  constructor(readonly state: SentinelState) {
    this.stale = new StaleEntries(state);
  }

  /** To be called about ten times a second, with the steady time (see SentinelState) and the wall clock's. */
  tick(nowMs: number, wallMs: number): void {
    const { state } = this;
    state.nowMs = nowMs;
    this.checkTilt(wallMs);
    for (const master of [...state.masters.values()]) this.tickMaster(master);
    this.stale.tick();
    state.saveIfNeeded();
  }

  /**
   * When much time has passed since the last tick (the process was stopped, or the machine is overloaded), or the clock was
   * set, replies that seem missing may lie unread: for a while the sentinel only looks.
   */
  private checkTilt(wallMs: number): void {
    const { state } = this;
    const trigger = state.timing['tilt-trigger'];
    const sinceMs = this.lastTickMs === 0 ? 0 : state.nowMs - this.lastTickMs;
    const wallSinceMs = this.lastWallMs === undefined ? 0 : wallMs - this.lastWallMs;
    this.lastTickMs = state.nowMs;
    this.lastWallMs = wallMs;
    if (sinceMs <= trigger && wallSinceMs <= trigger && wallSinceMs >= 0) return;
    state.isTilted = true;
    state.tiltCount++;
    state.tiltSinceMs = state.nowMs;
    state.report('warning', '+tilt', '#tilt mode entered', undefined);
  }

  private tickMaster(master: Master): void {
    const { state } = this;
    this.tickInstance(master);
    for (const replica of [...master.replicas.values()]) this.tickInstance(replica);
    for (const peer of [...master.peers.values()]) this.tickInstance(peer);
    if (master.failoverState === 'update_config') switchToPromoted(state, master);
  }

  private tickInstance(instance: Instance): void {
    const { state } = this;
    // One that was forgotten during this tick.
    if (instance.isGone) return;
    reconnect(state, instance);
    sendPeriodic(state, instance);
    if (state.isTilted) {
      if (state.nowMs - state.tiltSinceMs < state.timing['tilt-period']) return;
      state.isTilted = false;
      state.report('warning', '-tilt', '#tilt mode exited', undefined);
    }
    checkSubjectivelyDown(state, instance);
    if (instance.kind !== 'master') return;
    checkObjectivelyDown(state, instance);
    if (startIfNeeded(state, instance)) askOthers(state, instance, true);
    advanceFailover(state, instance);
    askOthers(state, instance, false);
  }

  /** A connection has ended by itself. */
  linkLost(link: Link, channel: Channel, nowMs: number, reason: string): void {
    const { state } = this;
    state.nowMs = nowMs;
    if (channel === 'commands') {
      link.hasCommands = false;
      link.pending = 0;
    } else link.hasPubSub = false;
    link.disconnected = true;
    const instance = this.instanceOf(link);
    if (instance === undefined) return;
    const type = channel === 'commands' ? '-cmd-link-reconnection' : '-pubsub-link-reconnection';
    state.event('debug', type, instance, ` #${reason}`);
  }

  /** Something came over a pub/sub connection; `text` if it is a hello message. */
  pubSubMessage(link: Link, text: string | undefined, nowMs: number): void {
    this.state.nowMs = nowMs;
    link.pubSubActivityMs = nowMs;
    // Over the servers of one master nobody may speak of another's.
    const instance = text === undefined ? undefined : this.instanceOf(link);
    if (instance !== undefined) takeHello(this.state, text!, masterOf(instance));
  }

  private instanceOf(link: Link): Instance | undefined {
    for (const master of this.state.masters.values())
      for (const instance of master.instances()) if (instance.link === link) return instance;
    return undefined;
  }
}
