// local-sentinel: a master with replicas and the sentinels that watch them, for a test.

import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import type { Environment } from '../io/environment.js';
import { systemUsage } from '../io/usage.js';
import { replaceFile } from '../io/files.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { collectSentinelDirectives } from '../sentinel/directives.js';
import { startFailover } from '../sentinel/failover.js';
import { launchSentinel, type RunningSentinel } from '../sentinel/launch.js';
import { Config } from '../service/config/config.js';
import { ConfigReader } from '../service/config/file.js';
import { NodeNetwork } from './kit-network.js';
import { LocalReplicated } from './local-replicated.js';
import { NodeClock } from './node-clock.js';
import type { SentinelOptions, TestSentinel } from './test-kit.js';
import type { LocalTestServer } from './test-server.js';

const FILE = '/sentinel.conf';
const DOWN_AFTER_MS = 1000;
const FAILOVER_TIMEOUT_MS = 10_000;

export class LocalSentinel extends LocalReplicated implements TestSentinel {
  masterName = 'mymaster';
  private readonly running: RunningSentinel[] = [];

  /** Use `createSentinel`. */
  override async begin(options: SentinelOptions): Promise<void> {
    await super.begin(options);
    const { sentinels = 3, name = 'mymaster' } = options;
    this.masterName = name;
    const quorum = options.quorum ?? Math.floor(sentinels / 2) + 1;
    for (let index = 1; index <= sentinels; index++) await this.startSentinel(index, quorum);
    await this.settle('all sentinels know each other and the replicas', () =>
      this.running.every(({ server }) => {
        const master = server.state.master(name);
        return (
          master !== undefined && master.peers.size === sentinels - 1 && master.replicas.size === this.replicas.length
        );
      }),
    );
  }

  private async startSentinel(index: number, quorum: number): Promise<void> {
    const { group, masterName, master } = this;
    const name = `sentinel-${index}`;
    const clock = new NodeClock(group.clock);
    const network = new NodeNetwork(group.net, name, new Set());
    const files = new SimulatedFiles();
    const lines = [
      `sentinel monitor ${masterName} ${master.host} ${master.port} ${quorum}`,
      `sentinel down-after-milliseconds ${masterName} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${masterName} ${FAILOVER_TIMEOUT_MS}`,
    ];
    replaceFile(files, FILE, `${FILE}.new`, latin1Bytes(`${lines.join('\n')}\n`));
    const config = new Config('/');
    config.file = FILE;
    config.special('bind').assign(['127.0.0.1']);
    config.number('port').set(BigInt(await this.sentinelPort()));
    const directives = collectSentinelDirectives(FILE);
    new ConfigReader(config, files, directives).load(FILE, '', '');
    const random = new Prng(index);
    const environment: Environment = {
      clock,
      network,
      files,
      usage: systemUsage,
      entropy: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
      hasThreads: false,
      sharesDisk: false,
      processId: index,
    };
    const running = await launchSentinel({
      environment,
      config,
      lines: directives.lines,
      users: directives.users,
      renamed: directives.renamed,
      log: () => undefined,
      dial: (host, port, events) => network.connect({ host, port, timeoutMs: 0 }, events),
      resolve: (host) => Promise.resolve([host]),
      spawn: () => undefined,
      isExecutable: () => true,
      addressHost: { addresses: () => ['127.0.0.1'], run: () => Promise.resolve(undefined) },
      history: undefined,
      setLogLevel: () => undefined,
      exit: () => running.close(),
    });
    this.running.push(running);
    group.watchers.set(name, { name, clock, network, close: () => this.remove(running) });
  }

  private remove(running: RunningSentinel): void {
    this.running.splice(this.running.indexOf(running), 1);
    running.close();
  }

  /** Port 0 means none to a sentinel, so a free one is looked for. */
  private async sentinelPort(): Promise<number> {
    const { net } = this.group;
    if (!net.hasSockets) return net.freePort();
    const events = {
      onData: () => undefined,
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => undefined,
    };
    const address = { host: '127.0.0.1', port: 0, backlog: 1, keepAliveSeconds: () => 0 };
    const probe = await net.system.listen(address, () => events);
    probe.close();
    return probe.port;
  }

  get sentinels(): readonly { readonly host: string; readonly port: number }[] {
    return this.running.map(({ server }) => ({ host: '127.0.0.1', port: server.port }));
  }

  /** The master by the word of the sentinels that run. */
  override get master(): LocalTestServer {
    const [first] = this.running;
    if (first === undefined) return super.master;
    const address = first.server.state.master(this.masterName)!.address;
    const found = this.servers.find(({ port }) => port === address.port);
    return found ?? super.master;
  }

  override get replicas(): readonly LocalTestServer[] {
    const { master } = this;
    return this.servers.filter((server) => server !== master);
  }

  async killMaster(): Promise<void> {
    const old = this.master;
    await this.kill(this.nameOf(old));
    await this.switched(old.port);
  }

  override async failover(): Promise<void> {
    const { port } = this.master;
    const [first] = this.running;
    if (first === undefined) throw new Error('no sentinel runs');
    const state = first.server.state;
    startFailover(state, state.master(this.masterName)!, 'forced');
    await this.switched(port);
  }

  /** All sentinels name another master, which is one, and the others follow it. */
  private async switched(oldPort: number): Promise<void> {
    await this.settle('the sentinels have made a replica the master', () =>
      this.running.every(({ server }) => {
        const { port } = server.state.master(this.masterName)!.address;
        const next = this.servers.find((each) => each.port === port);
        return port !== oldPort && next?.inside.role === 'master';
      }),
    );
  }
}
