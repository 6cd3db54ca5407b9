// proxy-migration: a pool moves from two servers to two others by `migrate_to` while clients write; the proxy is killed and started
// again, and cut off from a server, at any moment, also between the change of its configuration and the first key.
//
// The checker demands: every write that was answered is there in the end, none ran twice, no key that was deleted came back, each key is at
// one server, and the old ones are empty.

import { Prng } from '../../base/prng.js';
import { replyText, SimulatedClient } from '../client.js';
import { Host } from '../host.js';
import { KnownKeys } from '../known-keys.js';
import { SimulatedNetwork } from '../network.js';
import { PoolProxyProcess } from '../pool-proxy-process.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';

const CLIENTS = 3;
const ROUNDS = 60;
const KEYS = 12;
const STEP_MS = 200_000;
const PORT = 22_121;

class Deployment {
  readonly net: SimulatedNetwork;
  readonly servers: readonly ServerProcess[];
  readonly proxy: PoolProxyProcess;
  readonly users: Host;
  private readonly text: string;
  isMigrating = false;

  constructor(readonly world: World) {
    this.net = new SimulatedNetwork(world);
    this.servers = ['old1', 'old2', 'new1', 'new2'].map(
      (name, index) => new ServerProcess(new Host(world, this.net, name, `10.0.0.${index + 1}`), { save: '' }),
    );
    const pool = (name: string, port: number, scheme: string, first: number): string =>
      `${name}:\n  listen: 10.0.1.1:${port}\n  redis: true\n  timeout: 2000\n  databases: 1\n${scheme}  servers:\n` +
      [0, 1].map((index) => `   - 10.0.0.${first + index}:6379:1 s${index}\n`).join('');
    this.text =
      pool('old', PORT, '  distribution: ketama\n  hash: md5\n', 1) +
      pool('new', PORT + 1, '  distribution: modula\n  hash: crc32a\n', 3);
    this.proxy = new PoolProxyProcess(new Host(world, this.net, 'proxy', '10.0.1.1'), PORT, this.text);
    this.users = new Host(world, this.net, 'users', '10.0.2.1');
    this.users.boot(() => undefined);
  }

  async start(): Promise<void> {
    for (const server of this.servers) server.start();
    this.proxy.start();
    await this.world.runUntil('all servers serve', STEP_MS, () => this.servers.every(({ serves }) => serves));
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.users.clock.after(ms, resolve));
  }

  /** A client that is connected, when the proxy lets it. */
  async connected(name: string): Promise<SimulatedClient> {
    const client = new SimulatedClient(this.users, name);
    for (;;) {
      try {
        await client.connect({ host: this.proxy.host, port: PORT });
        return client;
      } catch {
        await this.pause(20);
      }
    }
  }

  /** As `kvasir-proxy migrate`: the file first, then the proxy is told, if it is there. */
  async migrate(): Promise<void> {
    this.proxy.text = this.text.replace('  redis: true\n', '  redis: true\n  migrate_to: new\n');
    this.isMigrating = true;
    for (;;) {
      const client = await this.connected('admin');
      try {
        const reply = replyText(await client.call('PROXY', 'RELOAD'));
        client.close();
        if (reply === 'OK') return;
        this.world.fail(new Error(`PROXY RELOAD: ${reply}`));
      } catch {
        // It was killed.
      }
    }
  }

  async waitForEnd(): Promise<void> {
    for (;;) {
      const client = await this.connected('admin');
      try {
        if (replyText(await client.call('PROXY', 'MIGRATE', 'STATUS')).includes('state done')) return;
      } catch {
        // It was killed.
      } finally {
        client.close();
      }
      await this.pause(100);
    }
  }
}

class User {
  readonly known: KnownKeys;
  isOver = false;

  constructor(
    private readonly deployment: Deployment,
    private readonly name: string,
  ) {
    const { world } = deployment;
    this.known = new KnownKeys(name, KEYS, (text) => world.fail(new Error(text)));
  }

  async run(): Promise<void> {
    const { deployment, name, known } = this;
    const prng = new Prng(deployment.world.random.uint32() | 0);
    let client = await deployment.connected(name);
    for (let round = 0; round < ROUNDS; round++) {
      const work = Array.from({ length: 1 + prng.below(8) }, async (_, place) => {
        const request = known.draw(prng, `${name}.${round}.${place}`);
        let reply: string | undefined;
        try {
          reply = replyText(await client.call(...request.words));
        } catch {
          // The connection is lost.
        }
        // After an error of the proxy's a request has run or not.
        request.take(reply?.startsWith('-ERR') === true ? undefined : reply);
      });
      await Promise.all(work);
      await deployment.pause(prng.below(40));
      if (!client.isOpen) client = await deployment.connected(name);
    }
    client.close();
    this.isOver = true;
  }
}

/** Kills the proxy, or cuts it off from a server, now and then. */
function disturb(deployment: Deployment, prng: Prng, isOver: () => boolean): void {
  const { net, proxy, servers, world } = deployment;
  const again = (): void => {
    net.heal();
    if (isOver()) return;
    if (!proxy.host.isUp) proxy.start();
    else if (prng.chance(40)) proxy.host.kill();
    else if (prng.chance(50)) net.partition([proxy.host], [prng.pick(servers).host]);
    world.schedule(20 + prng.below(proxy.host.isUp ? 1500 : 300), again);
  };
  world.schedule(50 + prng.below(1000), again);
}

async function checkEnd(deployment: Deployment, users: readonly User[]): Promise<void> {
  const { world, servers } = deployment;
  const client = await deployment.connected('check');
  let expected = 0;
  for (const { known } of users) expected += await known.check(async (words) => replyText(await client.call(...words)));
  client.close();
  const sizes: number[] = [];
  for (const server of servers) {
    const direct = new SimulatedClient(deployment.users, 'check');
    await direct.connect({ host: server.host, port: 6379 });
    sizes.push(Number(replyText(await direct.call('DBSIZE'))));
    direct.close();
  }
  const [first, second, third, fourth] = sizes;
  if (first! + second! > 0) world.fail(new Error(`keys are left at the old place: ${first} and ${second}`));
  if (third! + fourth! !== expected)
    world.fail(new Error(`${third} and ${fourth} keys are at the new place, and there are ${expected}`));
}

async function run(world: World): Promise<void> {
  const prng = new Prng(world.random.uint32() | 0);
  const deployment = new Deployment(world);
  await deployment.start();
  const users = Array.from({ length: CLIENTS }, (_, index) => new User(deployment, `c${index}`));
  let isMigrated = false;
  const migration = (async () => {
    await deployment.pause(prng.below(800));
    await deployment.migrate();
    await deployment.waitForEnd();
    isMigrated = true;
  })();
  const isOver = (): boolean => isMigrated && users.every((user) => user.isOver);
  // After a while nothing goes wrong any more, so that the migration can end.
  let isCalm = false;
  world.schedule(6000 + prng.below(4000), () => (isCalm = true));
  disturb(deployment, prng, () => isCalm && deployment.proxy.host.isUp);
  const work = Promise.all([migration, ...users.map((user) => user.run())]).catch((error: Error) => world.fail(error));
  await world.runUntil('all clients are done, and the keys have moved', STEP_MS, isOver);
  await work;
  let isChecked = false;
  void checkEnd(deployment, users).then(
    () => (isChecked = true),
    (error: Error) => world.fail(error),
  );
  await world.runUntil('the end is checked', STEP_MS, () => isChecked);
}

export const proxyMigrationScenario: Scenario = {
  name: 'proxy-migration',
  description: 'a pool moves to other servers while clients write, and the proxy is killed and cut off on the way',
  run,
};
