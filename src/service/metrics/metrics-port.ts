// metrics-port: the directives `metrics-port` and `metrics-bind`: opens the door for a monitoring system and follows CONFIG SET.
//
// Metrics need no password, so they stay on this machine unless `metrics-bind` says otherwise.

import type { LogLevel } from '../../base/log-level.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Network } from '../../io/network.js';
import type { Config } from '../config/config.js';
import { ScrapeDoor } from './scrape-door.js';
import { ServerMetrics, type ServerMetricsHost } from './server-metrics.js';

export interface MetricsPortHost extends ServerMetricsHost {
  readonly config: Config;
  log(level: LogLevel, text: string): void;
}

export class MetricsPort {
  private readonly door: ScrapeDoor;
  private hosts: readonly string[] = [];
  private wantedPort = 0;

  constructor(
    private readonly server: MetricsPortHost,
    network: Network,
  ) {
    this.door = new ScrapeDoor(network, server.clock, new ServerMetrics(server));
  }

  /** The port that is listened on; -1 for none. */
  get port(): number {
    return this.door.port;
  }

  /** Opens the door as configured, and again after CONFIG SET. Rejects with the reason when that fails. */
  async open(): Promise<void> {
    this.server.config.onSet(['metrics-port', 'metrics-bind'], () => this.reopen());
    const { hosts, wantedPort } = this.wanted();
    try {
      await this.door.open(hosts, wantedPort);
    } catch (error) {
      throw new Error(`Failed listening on metrics-port ${wantedPort}: ${systemErrorText(error)}`);
    }
    this.hosts = hosts;
    this.wantedPort = wantedPort;
    this.tell();
  }

  close(): void {
    this.door.close();
  }

  private wanted(): { hosts: readonly string[]; wantedPort: number } {
    const { config } = this.server;
    const hosts = config
      .text('metrics-bind')
      .value.split(/\s+/)
      .filter((host) => host !== '')
      .map((host) => (host === '*' ? '0.0.0.0' : host));
    return { hosts, wantedPort: hosts.length === 0 ? 0 : config.number('metrics-port').value };
  }

  private async reopen(): Promise<string | undefined> {
    const { hosts, wantedPort } = this.wanted();
    try {
      await this.door.open(hosts, wantedPort);
    } catch (error) {
      this.server.log('warning', `Failed listening on metrics-port ${wantedPort}: ${systemErrorText(error)}`);
      // The door that was open before may be in nobody's way.
      await this.door.open(this.hosts, this.wantedPort).catch(() => undefined);
      return 'Unable to listen on this port. Check server logs.';
    }
    this.hosts = hosts;
    this.wantedPort = wantedPort;
    this.tell();
    return undefined;
  }

  private tell(): void {
    if (this.port >= 0)
      this.server.log('notice', `Metrics are at http://${this.hosts[0]!.replace(/^-/, '')}:${this.port}/metrics`);
  }
}
