// pool-proxy-process: a whole kvasir-proxy with a nutcracker.yml as the process of a simulated host.

import { readNutcrackerConfig } from '../proxy/config/nutcracker-config.js';
import type { PoolConfig } from '../proxy/config/pool-config.js';
import { Proxy } from '../proxy/proxy.js';
import type { CommandDeclaration } from '../registry/command.js';
import { allDeclarations } from '../server/declarations.js';
import type { Host } from './host.js';
import { simulatedEnvironment } from './simulated-environment.js';

export class PoolProxyProcess {
  private boots = 0;

  /** `text` is the file's content, which may be another one at each reload and start. */
  constructor(
    readonly host: Host,
    readonly port: number,
    public text: string,
  ) {}

  start(): void {
    const { host } = this;
    host.boot(() => {
      this.launch().catch((error: Error) =>
        host.world.fail(new Error(`${host.name} does not start: ${error.message}`)),
      );
    });
  }

  private readPools(): { pools: readonly PoolConfig[]; mistakes: readonly string[] } {
    const { pools, mistakes } = readNutcrackerConfig(this.text, 'nutcracker.yml');
    return { pools, mistakes: mistakes.map(({ line, text }) => `${line}: ${text}`) };
  }

  private async launch(): Promise<void> {
    const { host } = this;
    const proxy = new Proxy({
      environment: simulatedEnvironment(host, ++this.boots),
      log: (level, text) => host.world.note(host.name, `${level} ${text}`),
      declarations: allDeclarations as unknown as readonly CommandDeclaration<never>[],
      hostName: host.name,
      memoryBytes: () => 0,
      readPools: () => this.readPools(),
      stopped: () => undefined,
    });
    const { pools, mistakes } = this.readPools();
    if (mistakes.length > 0) throw new Error(mistakes.join('; '));
    await proxy.start(pools);
  }
}
