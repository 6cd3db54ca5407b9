// proxy-process: a whole proxy of a codis as the process of a simulated host.

import { codisDefaults } from '../proxy/codis/codis-config.js';
import { codisPoolConfig, makeCodisRouter } from '../proxy/codis/codis-pool.js';
import type { CodisRouter } from '../proxy/codis/codis-router.js';
import { Proxy } from '../proxy/proxy.js';
import type { CommandDeclaration } from '../registry/command.js';
import { allDeclarations } from '../server/declarations.js';
import type { Host } from './host.js';
import { simulatedEnvironment } from './simulated-environment.js';

export class ProxyProcess {
  router: CodisRouter | undefined;
  readonly port = 19_000;

  constructor(readonly host: Host) {}

  start(): void {
    const { host } = this;
    host.boot(() => {
      this.launch().then(
        () => host.world.note(host.name, 'proxies'),
        (error: Error) => host.world.fail(new Error(`${host.name} does not start: ${error.message}`)),
      );
    });
  }

  private async launch(): Promise<void> {
    const { host } = this;
    const environment = simulatedEnvironment(host, 1);
    const proxy = new Proxy({
      environment,
      log: () => undefined,
      declarations: allDeclarations as unknown as readonly CommandDeclaration<never>[],
      hostName: host.name,
      memoryBytes: () => 0,
      readPools: () => ({ pools: [], mistakes: ['it is told what it serves'] }),
      stopped: () => undefined,
    });
    const config = { ...codisDefaults, proxy_addr: `${host.address}:${this.port}`, backend_recv_timeout: '3s' };
    const pool = codisPoolConfig(config);
    if (typeof pool === 'string') throw new Error(pool);
    const router = makeCodisRouter(config, pool, proxy.backendHost(pool), proxy.random);
    await proxy.open(pool, router);
    router.isOnline = true;
    this.router = router;
  }
}
