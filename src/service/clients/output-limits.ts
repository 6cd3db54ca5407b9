// output-limits: `client-output-buffer-limit`: clients that leave too much unread are closed, at once or after a while.

import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { ClientClass, OutputLimit } from '../config/special-settings.js';
import type { CommandStats } from '../watch/command-stats.js';
import type { Client } from './client.js';

/** The limits, and the listener for output that piles up. */
export interface OutputLimitsHost {
  readonly clock: Clock;
  readonly settings: {
    readonly outputLimits: Readonly<Record<ClientClass, OutputLimit>>;
    /** A replica's limits are not below this: it may get so much at once when it comes back. */
    readonly backlogBytes: number;
  };
  readonly stats: CommandStats;
  readonly clientEviction: { readonly isOn: boolean; grew(client: Client): void };
  log(level: LogLevel, text: string): void;
  describeClient(client: Client): string;
}

export class OutputLimits {
  private readonly overSoftLimit = new Set<Client>();

  constructor(private readonly host: OutputLimitsHost) {}

  /** A soft limit passes with time, also when nothing more is sent. */
  checkSoftLimits(): void {
    // The stream holds what a replica has not read: replication checks it.
    for (const client of this.overSoftLimit)
      if (client.kind !== 'replica') this.check(client, client.connection?.wire.unsentBytes ?? 0);
  }

  /** Closes the client if its unsent output passes its limit. */
  check(client: Client, unsentBytes: number): void {
    const { host } = this;
    const isReplica = client.kind === 'replica';
    const { softSeconds, ...limits } =
      host.settings.outputLimits[
        client.kind === 'replica' ? 'slave' : client.kind === 'master' ? 'normal' : client.kind
      ];
    const atLeast = isReplica ? host.settings.backlogBytes : 0;
    const hardBytes = limits.hardBytes === 0 ? 0 : Math.max(limits.hardBytes, atLeast);
    const softBytes = limits.softBytes === 0 ? 0 : Math.max(limits.softBytes, atLeast);
    const nowMs = host.clock.steadyMs();
    if (softBytes === 0 || unsentBytes <= softBytes) {
      client.softLimitSinceMs = 0;
      this.overSoftLimit.delete(client);
    } else if (client.softLimitSinceMs === 0) {
      client.softLimitSinceMs = nowMs;
      this.overSoftLimit.add(client);
    }
    const softPassed = client.softLimitSinceMs > 0 && nowMs - client.softLimitSinceMs > softSeconds * 1000;
    if ((hardBytes === 0 || unsentBytes <= hardBytes) && !softPassed) {
      if (host.clientEviction.isOn) host.clientEviction.grew(client);
      return;
    }
    host.stats.outputLimitDisconnections++;
    host.log(
      'warning',
      `Client ${host.describeClient(client)} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    client.connection?.destroy();
  }

  forget(client: Client): void {
    this.overSoftLimit.delete(client);
  }
}
