// pause: commands are put off for a while: CLIENT PAUSE, a shutdown that waits for replicas, a failover.
//
// Pauses of several reasons may overlap: a command waits until none holds it any more.

import type { ClientCall } from '../call.js';
import { argumentsOf } from '../../registry/call.js';
import type { Clock, Timer } from '../../io/clock.js';
import { type Command, commandFlags } from '../../registry/command.js';
import { type Client, Gate } from './client.js';

/** The gate of the pause, and the way back for what was put off. */
export interface PauseHost {
  gates: number;
  readonly clock: Clock;
  nowMs(): number;
  /** During a pause no key expires, so that a replica is as its master. */
  pauseExpiry(isPaused: boolean): void;
  /** Whether the client has queued a command with one of these flags for EXEC. */
  hasQueued(client: Client, flags: number): boolean;
  replay(client: Client, args: readonly Uint8Array[]): void;
}

export type PauseMode = 'all' | 'write';

/** The reason of a pause: each ends only its own. */
export type PauseReason = 'client' | 'shutdown' | 'failover' | 'slots';

const reasonNames: Readonly<Record<PauseReason, string>> = {
  client: 'client_pause',
  shutdown: 'shutdown_in_progress',
  failover: 'failover_in_progress',
  slots: 'slot_handoff_in_progress',
};

interface Period {
  mode: PauseMode;
  /** Infinity: until `end`. */
  endMs: number;
}

export class Pause {
  private readonly periods = new Map<PauseReason, Period>();
  /** The strictest mode of the pauses that are under way. */
  private mode: PauseMode = 'write';
  private timer: Timer | undefined;
  private readonly putOffCalls = new Map<Client, readonly Uint8Array[]>();

  constructor(private readonly server: PauseHost) {}

  /** A pause that is under way is never shortened or weakened by another of the same reason. */
  begin(durationMs: number, mode: PauseMode, reason: PauseReason = 'client'): void {
    const endMs = this.server.nowMs() + durationMs;
    const period = this.periods.get(reason);
    if (period === undefined) this.periods.set(reason, { mode, endMs });
    else {
      if (mode === 'all') period.mode = mode;
      period.endMs = Math.max(period.endMs, endMs);
    }
    this.server.gates |= Gate.PAUSED;
    this.server.pauseExpiry(true);
    this.update();
  }

  get active(): boolean {
    return this.periods.size > 0;
  }

  /** The reason of the pause that lasts longest, as INFO shows it. */
  get reason(): string {
    let found = 'none';
    let endMs = -1;
    for (const [reason, period] of this.periods) {
      if (period.endMs <= endMs) continue;
      endMs = period.endMs;
      found = reasonNames[reason];
    }
    return found;
  }

  /** Milliseconds until the last pause with a known end is over. */
  get remainingMs(): number {
    let endMs = 0;
    for (const period of this.periods.values()) if (period.endMs < Infinity) endMs = Math.max(endMs, period.endMs);
    return Math.max(0, endMs - this.server.clock.wallMs());
  }

  get modeName(): string {
    return this.active ? this.mode : 'none';
  }

  /** Finds the strictest mode, and waits for the next pause to end by itself. */
  private update(): void {
    const periods = [...this.periods.values()];
    this.mode = periods.some(({ mode }) => mode === 'all') ? 'all' : 'write';
    this.timer?.cancel();
    this.timer = undefined;
    const endMs = Math.min(...periods.map((period) => period.endMs));
    if (endMs === Infinity) return;
    this.timer = this.server.clock.after(endMs - this.server.clock.wallMs(), () => this.endDue());
  }

  private endDue(): void {
    const nowMs = this.server.clock.wallMs();
    let hasEnded = false;
    for (const [reason, { endMs }] of this.periods) {
      if (endMs > nowMs) continue;
      this.periods.delete(reason);
      hasEnded = true;
    }
    this.update();
    if (hasEnded) this.weakened();
  }

  end(reason: PauseReason = 'client'): void {
    if (!this.periods.delete(reason)) return;
    this.update();
    this.weakened();
  }

  /** A pause is over: the commands that were put off try again, and those that another pause holds wait on. */
  private weakened(): void {
    if (!this.active) {
      this.server.gates &= ~Gate.PAUSED;
      this.server.pauseExpiry(false);
    }
    for (const [client, args] of [...this.putOffCalls]) {
      this.putOffCalls.delete(client);
      // Later requests must wait for the postponed command.
      this.server.clock.soon(() => {
        client.paused = false;
        this.server.replay(client, args);
        client.connection?.proceed();
      });
    }
  }

  /** Whether this command, whose flags are these now, must wait. With mode 'all' that goes for CLIENT UNPAUSE too. */
  holds(client: Client, command: Pick<Command, 'name'>, flags: number): boolean {
    if (client.kind === 'replica') return false;
    const writes = commandFlags.write | commandFlags.may_replicate;
    if (this.mode === 'all' || (flags & writes) !== 0) return true;
    return command.name === 'exec' && this.server.hasQueued(client, writes);
  }

  putOff(client: Client, call: ClientCall): void {
    this.putOffCalls.set(client, argumentsOf(call));
    client.paused = true;
  }

  forget(client: Client): void {
    this.putOffCalls.delete(client);
  }

  get count(): number {
    return this.putOffCalls.size;
  }
}
