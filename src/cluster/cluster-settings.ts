// cluster-settings: the directives of the cluster as the machine wants them, read anew whenever it asks.

import type { Config } from '../service/config/config.js';
import type { BusSettings } from './bus.js';
import { BUS_PORT_OFFSET } from './node.js';

const SECOND_MS = 1000;

/** The ports that the server really has; -1 for none. */
export interface ServerPorts {
  readonly port: number;
  readonly tlsPort: number;
}

export class ClusterSettings implements BusSettings {
  constructor(
    private readonly config: Config,
    private readonly ports: ServerPorts,
  ) {}

  get nodeTimeoutMs(): number {
    return this.config.number('cluster-node-timeout').value;
  }

  get pingIntervalMs(): number {
    const { value } = this.config.number('cluster-ping-interval');
    return value > 0 ? value : this.nodeTimeoutMs / 2;
  }

  get replicaValidityFactor(): number {
    return this.config.number('cluster-replica-validity-factor').value;
  }

  get replicationPingMs(): number {
    return this.config.number('repl-ping-replica-period').value * SECOND_MS;
  }

  get migrationBarrier(): number {
    return this.config.number('cluster-migration-barrier').value;
  }

  get allowsReplicaMigration(): boolean {
    return this.config.flag('cluster-allow-replica-migration').value;
  }

  get requiresFullCoverage(): boolean {
    return this.config.flag('cluster-require-full-coverage').value;
  }

  get replicaNoFailover(): boolean {
    return this.config.flag('cluster-replica-no-failover').value;
  }

  get usesTls(): boolean {
    return this.config.flag('tls-cluster').value;
  }

  get announcedIp(): string {
    return this.config.text('cluster-announce-ip').value;
  }

  get announcedPort(): number {
    return this.announced('cluster-announce-port', this.ports.port);
  }

  get announcedTlsPort(): number {
    return this.announced('cluster-announce-tls-port', this.ports.tlsPort);
  }

  get announcedBusPort(): number {
    return this.announced('cluster-announce-bus-port', this.busPort);
  }

  private announced(
    name: 'cluster-announce-port' | 'cluster-announce-tls-port' | 'cluster-announce-bus-port',
    port: number,
  ): number {
    const { value } = this.config.number(name);
    return value > 0 ? value : Math.max(0, port);
  }

  get hostname(): string {
    return this.config.text('cluster-announce-hostname').value;
  }

  get humanName(): string {
    return this.config.text('cluster-announce-human-nodename').value;
  }

  /** Where the bus listens; above 65535 when the client port leaves no room for it. */
  get busPort(): number {
    const { value } = this.config.number('cluster-port');
    if (value > 0) return value;
    const { port, tlsPort } = this.ports;
    return (this.usesTls && tlsPort > 0 ? tlsPort : port > 0 ? port : tlsPort) + BUS_PORT_OFFSET;
  }
}
