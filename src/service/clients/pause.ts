// pause: CLIENT PAUSE: commands are put off until the time is over or CLIENT UNPAUSE comes.

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

export class Pause {
  private mode: PauseMode = 'write';
  private endMs = 0;
  private timer: Timer | undefined;
  private readonly putOffCalls = new Map<Client, readonly Uint8Array[]>();

  constructor(private readonly server: PauseHost) {}

  /** A pause that is under way is never shortened or weakened by another. */
  begin(durationMs: number, mode: PauseMode): void {
    const active = this.timer !== undefined;
    if (!active || mode === 'all') this.mode = mode;
    this.endMs = Math.max(active ? this.endMs : 0, this.server.nowMs() + durationMs);
    this.server.gates |= Gate.PAUSED;
    this.server.pauseExpiry(true);
    this.arm();
  }

  get reason(): string {
    return this.timer === undefined ? 'none' : 'client_pause';
  }

  get remainingMs(): number {
    return this.timer === undefined ? 0 : Math.max(0, this.endMs - this.server.clock.wallMs());
  }

  get modeName(): string {
    return this.timer === undefined ? 'none' : this.mode;
  }

  private arm(): void {
    this.timer?.cancel();
    const waitMs = this.endMs - this.server.clock.wallMs();
    this.timer = this.server.clock.after(waitMs, () => {
      if (this.server.clock.wallMs() < this.endMs) this.arm();
      else this.end();
    });
  }

  end(): void {
    if (this.timer === undefined) return;
    this.timer?.cancel();
    this.timer = undefined;
    this.server.gates &= ~Gate.PAUSED;
    this.server.pauseExpiry(false);
    for (const [client, args] of [...this.putOffCalls]) {
      this.putOffCalls.delete(client);
      // What comes meanwhile must stay behind the command that was put off.
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
