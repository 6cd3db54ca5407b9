// local-replicated: a master with replicas for a test.

import { LocalGroup } from './local-group.js';
import type { ReplicatedOptions, TestReplicated } from './test-kit.js';
import type { LocalTestServer } from './test-server.js';

const replicaDirectives = { 'repl-diskless-sync-delay': 0 } as const;

export class LocalReplicated extends LocalGroup implements TestReplicated {
  /** Use `createReplicated`. */
  async begin({ replicas = 1 }: ReplicatedOptions): Promise<void> {
    const { group } = this;
    const { server: master } = await group.start('master', { port: group.clientPort(), ...replicaDirectives });
    for (let index = 1; index <= replicas; index++) {
      const { server } = await group.start(`replica-${index}`, { port: group.clientPort(), ...replicaDirectives });
      server.run('REPLICAOF', master.host, master.port);
    }
    await this.synced();
  }

  get master(): LocalTestServer {
    const master = this.servers.find(({ inside }) => inside.role === 'master');
    if (master === undefined) throw new Error('there is no master');
    return master;
  }

  get replicas(): readonly LocalTestServer[] {
    return this.servers.filter(({ inside }) => inside.role === 'replica');
  }

  async synced(): Promise<void> {
    await this.settle('all replicas are in sync', () => {
      const { replication } = this.master.inside;
      const { offset } = replication!;
      return this.replicas.every(({ inside }) => isLinkUp(inside) && inside.replication!.offset === offset);
    });
  }

  async failover(name = this.nameOf(this.replicas[0]!)): Promise<void> {
    await this.synced();
    const next = this.group.node(name).server;
    const { master } = this;
    if (next === master) throw new Error(`'${name}' is the master already`);
    next.run('REPLICAOF', 'NO', 'ONE');
    for (const server of this.servers) if (server !== next) server.run('REPLICAOF', next.host, next.port);
    await this.synced();
  }
}

/** Whether a replica has its master's data. */
export function isLinkUp(inside: LocalTestServer['inside']): boolean {
  return inside.replication!.infoFields().some(([name, value]) => name === 'master_link_status' && value === 'up');
}
