// recipes: locks, sales and queues of the recipes while servers fail over, machines stand still, and clocks jump.
//
// Each scenario has processes on hosts of their own that use a recipe as a program would. `holds` is what must be true in every run;
// what a page says may break is counted in `Broken`, so that a test can show that it does break.

import { JobQueue } from '../../recipes/data/job-queue.js';
import { fencedWrite } from '../../recipes/lock/fenced-store.js';
import type { Held } from '../../recipes/lock/held.js';
import { Lock } from '../../recipes/lock/lock.js';
import { Redlock } from '../../recipes/lock/redlock.js';
import { Seckill } from '../../recipes/seckill/seckill.js';
import { pause, type Surroundings } from '../../recipes/surroundings.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { hostSurroundings, RecipeClient } from '../recipe-commands.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';
import { Deployment, ElectionRecord } from './sentinel-deployment.js';

/** How often something happened that the pages say may happen. */
export interface Broken {
  /** Moments in which two processes both believed that they held a lock. */
  overlaps: number;
  /** Fencing tokens that were given twice, or went back. */
  fencesBack: number;
  /** Orders that were answered and are not in the books. */
  ordersLost: number;
  /** Jobs that were done more than once. */
  jobsTwice: number;
  /** Reads of a cache that gave what had been invalidated before they began. */
  staleReads: number;
  /** Calls that a rate limit allowed beyond its count. */
  callsTooMany: number;
  /** Writes that a queue had accepted and that never reached the source. */
  writesLost: number;
}

export const nothingBroken = (): Broken => ({
  overlaps: 0,
  fencesBack: 0,
  ordersLost: 0,
  jobsTwice: 0,
  staleReads: 0,
  callsTooMany: 0,
  writesLost: 0,
});

export const TTL_MS = 3000;
export const CALM_MS_MAX = 600_000;
const WORKERS = 4;

export interface Worker {
  readonly host: Host;
  readonly client: RecipeClient;
  readonly surroundings: Surroundings;
}

export function makeWorkers(world: World, net: SimulatedNetwork, target: () => ServerProcess | undefined): Worker[] {
  return Array.from({ length: WORKERS }, (_, index) => {
    const host = new Host(world, net, `work${index}`, `10.0.2.${index + 1}`);
    host.boot(() => undefined);
    return { host, client: new RecipeClient(host, target), surroundings: hostSurroundings(host) };
  });
}

/** All clients that believe to hold the lock at the same moment, as only a simulation can see it. */
class LockWatch {
  private readonly holders = new Set<Held>();
  private lastFence = 0;

  constructor(private readonly broken: Broken) {}

  enter(held: Held): void {
    for (const other of this.holders) if (other.isValid && held.isValid) this.broken.overlaps++;
    this.holders.add(held);
    if (held.fence > 0) {
      if (held.fence <= this.lastFence) this.broken.fencesBack++;
      this.lastFence = Math.max(this.lastFence, held.fence);
    }
  }

  leave(held: Held): void {
    this.holders.delete(held);
  }
}

/** Takes the lock, works for a while, writes, and releases, `rounds` times. Errors of the network are part of the game. */
async function lockAgain(worker: Worker, watch: LockWatch, rounds: number, writes: number[]): Promise<void> {
  const { client, surroundings, host } = worker;
  const { random } = host.world;
  const lock = new Lock(client, 'job', { ttlMs: TTL_MS, surroundings });
  for (let done = 0; done < rounds;) {
    try {
      const held = await lock.acquire();
      watch.enter(held);
      try {
        await pause(surroundings, random.below(1000));
        // Even a holder that stood still and does not look tries to write.
        if (await fencedWrite(client, 'value', held.fence, host.name)) writes.push(held.fence);
        done++;
      } finally {
        watch.leave(held);
        await held.release().catch(() => false);
      }
    } catch {
      await pause(surroundings, random.below(200));
    }
    await pause(surroundings, random.below(500));
  }
}

export type Fault = (
  world: World,
  server: ServerProcess,
  workers: readonly Worker[],
  net: SimulatedNetwork,
) => Promise<void>;

/** A process stands still for longer than the lock lives; or for a moment. */
export const pauseWorker: Fault = async (world, _server, workers) => {
  const { host } = world.random.pick(workers);
  host.pause();
  await world.run(world.random.below(2 * TTL_MS));
  host.resume();
};

export const cutWorker: Fault = async (world, server, workers, net) => {
  net.partition([world.random.pick(workers).host], [server.host]);
  await world.run(world.random.below(1500));
  net.heal();
};

export const pauseServer: Fault = async (world, server) => {
  server.host.pause();
  await world.run(world.random.below(1500));
  server.host.resume();
};

/** Clocks of processes say anything: recipes must not care. */
export const jumpWorkerClock: Fault = async (world, _server, workers) => {
  world.random.pick(workers).host.wallErrorMs = world.random.below(86_400_000) - 43_200_000;
};

export const jumpServerClockForward: Fault = async (world, server) => {
  server.host.wallErrorMs += TTL_MS + world.random.below(10_000);
};

/** A lock on one server that stays: at most one believes to hold it, unless the server's clock jumps; fences always grow. */
export async function runLock(world: World, broken: Broken, serverClockJumps: boolean): Promise<void> {
  const net = new SimulatedNetwork(world);
  const server = new ServerProcess(new Host(world, net, 'server', '10.0.0.1'), { save: '' });
  server.start();
  await world.runUntil('the server serves', 10_000, () => server.serves);
  const workers = makeWorkers(world, net, () => server);
  const watch = new LockWatch(broken);
  const writes: number[] = [];
  let ended = 0;
  for (const worker of workers)
    lockAgain(worker, watch, 6, writes).then(
      () => ended++,
      (error: Error) => world.fail(error),
    );
  const faults = [
    pauseWorker,
    cutWorker,
    pauseServer,
    jumpWorkerClock,
    ...(serverClockJumps ? [jumpServerClockForward] : []),
  ];
  for (let fault = 0; fault < 12; fault++) {
    await world.run(world.random.below(2000));
    await world.random.pick(faults)(world, server, workers, net);
  }
  await world.runUntil('all have had the lock', CALM_MS_MAX, () => ended === WORKERS);
  if (broken.fencesBack > 0) throw new Error('a fencing token came twice on a server that lost nothing');
  if (writes.some((fence, index) => index > 0 && fence < writes[index - 1]!))
    throw new Error(`an older holder overwrote a newer one: ${writes.join(' ')}`);
  if (broken.overlaps > 0 && !serverClockJumps) throw new Error('two believed to hold the lock');
}

export async function startDeployment(world: World): Promise<{ deployment: Deployment; workers: Worker[] }> {
  const deployment = new Deployment(world, 3, new ElectionRecord(world));
  deployment.start();
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  const target = (): ServerProcess | undefined => {
    const address = deployment.masterOf(deployment.sentinels[0]!);
    return deployment.servers.find(({ host }) => host.address === address);
  };
  return { deployment, workers: makeWorkers(world, deployment.net, target) };
}

/** The master dies with what its replicas have not heard of for a moment, and comes back as a replica. */
export async function failOver(world: World, deployment: Deployment): Promise<void> {
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  const master = deployment.agreed!;
  const replicas = deployment.servers.filter((server) => server !== master).map(({ host }) => host);
  deployment.net.partition([master.host], replicas);
  await world.run(world.random.below(1500));
  master.host.kill();
  await world.runUntil('another is the master', CALM_MS_MAX, () => {
    const now = deployment.agreed;
    return now !== undefined && now !== master && now.serves;
  });
  deployment.net.heal(); // not before: what is under way would arrive
  await world.run(world.random.below(3000));
  master.start();
}

/** A lock while masters fail over: everybody gets it in the end, and what is broken is counted. */
export async function runLockFailover(world: World, broken: Broken): Promise<void> {
  const { deployment, workers } = await startDeployment(world);
  const watch = new LockWatch(broken);
  let ended = 0;
  for (const worker of workers)
    lockAgain(worker, watch, 8, []).then(
      () => ended++,
      (error: Error) => world.fail(error),
    );
  for (let failover = 0; failover < 2; failover++) {
    await world.run(world.random.below(4000));
    await failOver(world, deployment);
  }
  await world.runUntil('all have had the lock', CALM_MS_MAX, () => ended === WORKERS);
}

/**
 * Redlock over three masters, of which at most one is away at a time. With disks that are synced, a server that comes back knows
 * what it granted; without, it does not, and grants again.
 */
export async function runRedlock(world: World, broken: Broken, syncsDisk: boolean): Promise<void> {
  const net = new SimulatedNetwork(world);
  const directives = syncsDisk ? { save: '', appendonly: 'yes', appendfsync: 'always' } : { save: '' };
  const servers = [1, 2, 3].map(
    (number) => new ServerProcess(new Host(world, net, `server${number}`, `10.0.0.${number}`), directives),
  );
  for (const server of servers) server.start();
  await world.runUntil('all serve', 10_000, () => servers.every(({ serves }) => serves));
  const watch = new LockWatch(broken);
  let ended = 0;
  const work = async (host: Host): Promise<void> => {
    const surroundings = hostSurroundings(host);
    const clients = servers.map((server) => new RecipeClient(host, () => server));
    const lock = new Redlock(clients, { ttlMs: TTL_MS, surroundings, attempts: 1000, retryMs: 100 });
    for (let round = 0; round < 6; round++) {
      const held = await lock.acquire('job');
      watch.enter(held);
      await pause(surroundings, world.random.below(1500));
      watch.leave(held);
      await held.release().catch(() => false);
      await pause(surroundings, world.random.below(300));
    }
  };
  for (let index = 0; index < WORKERS; index++) {
    const host = new Host(world, net, `work${index}`, `10.0.2.${index + 1}`);
    host.boot(() => undefined);
    work(host).then(
      () => ended++,
      (error: Error) => world.fail(error),
    );
  }
  for (let fault = 0; fault < 14 && ended < WORKERS; fault++) {
    await world.run(world.random.below(600));
    const server = world.random.pick(servers);
    server.host.kill();
    await world.run(world.random.below(300));
    server.start();
    await world.runUntil('it serves again', 30_000, () => server.serves);
  }
  await world.runUntil('all have had the lock', CALM_MS_MAX, () => ended === WORKERS);
  if (broken.overlaps > 0 && syncsDisk) throw new Error('two believed to hold the lock');
}

/** Sends until there is an answer. */
export async function insist<T>({ surroundings }: Worker, call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch {
      await pause(surroundings, 100 + surroundings.random() * 200);
    }
  }
}

/**
 * A sale while the master fails over in the middle. Invariants: the books of the last master are balanced, nothing is
 * sold beyond the stock in them, and an order that WAIT saw on both replicas is in them. Other confirmed orders may be
 * lost.
 */
export async function runSaleFailover(world: World, broken: Broken): Promise<void> {
  const { deployment, workers } = await startDeployment(world);
  const stock = 60;
  const nowMs = workers[0]!.host.clock.wallMs();
  const saleOf = (worker: Worker): Seckill => new Seckill(worker.client, 'phone');
  await insistAlong(world, workers[0]!, () =>
    saleOf(workers[0]!).load({ stock, limit: 1, opensAtMs: nowMs - 1000, closesAtMs: nowMs + 86_400_000 }),
  );
  await insistAlong(world, workers[0]!, async () => {
    if ((await workers[0]!.client.send('WAIT', [2, 500])) !== 2) throw new Error('not yet');
  });
  const answered = new Set<string>();
  const confirmed = new Set<string>();
  let ended = 0;
  const shop = async (worker: Worker, name: string): Promise<void> => {
    for (let buyer = 0; buyer < 40; buyer++) {
      const request = `${name}-${buyer}`;
      const { status } = await insist(worker, () => saleOf(worker).buy(request, request));
      if (status === 'sold') {
        answered.add(request);
        const seen = await worker.client.send('WAIT', [2, 300]).catch(() => 0);
        if (seen === 2) confirmed.add(request);
      }
      await pause(worker.surroundings, world.random.below(300));
    }
  };
  for (const worker of workers)
    shop(worker, worker.host.name).then(
      () => ended++,
      (error: Error) => world.fail(error),
    );
  await world.run(world.random.below(4000));
  await failOver(world, deployment);
  await world.runUntil('all have asked', CALM_MS_MAX, () => ended === WORKERS);
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  const booked = new Set<string>();
  const settlement = await insistAlong(world, workers[0]!, () =>
    saleOf(workers[0]!).settle(async (orders) => {
      for (const { request, count } of orders) {
        if (count !== 1) throw new Error(`${request} bought ${count}`);
        booked.add(request);
      }
    }),
  );
  if (!settlement.isBalanced || settlement.sold > stock || booked.size !== settlement.orders)
    throw new Error(`the books do not agree: ${JSON.stringify(settlement)}`);
  const missing = [...confirmed].filter((request) => !booked.has(request));
  if (missing.length > 0) throw new Error(`confirmed orders are lost: ${missing.join(' ')}`);
  broken.ordersLost += [...answered].filter((request) => !booked.has(request)).length;
}

/** Waits for a call while the world goes on. */
async function insistAlong<T>(world: World, worker: Worker, call: () => Promise<T>): Promise<T> {
  let result: { readonly value: T } | undefined;
  insist(worker, call).then(
    (value) => (result = { value }),
    (error: Error) => world.fail(error),
  );
  await world.runUntil('the call ends', CALM_MS_MAX, () => result !== undefined);
  return result!.value;
}

/** A queue while the master fails over: a job that WAIT saw on both replicas is done at least once; some are done twice. */
export async function runQueueFailover(world: World, broken: Broken): Promise<void> {
  const { deployment, workers } = await startDeployment(world);
  const options = { visibleMs: TTL_MS, attempts: 100 };
  const confirmed = new Set<string>();
  const done = new Map<string, number>();
  let added = false;
  let isOver = false;
  const produce = async (worker: Worker): Promise<void> => {
    const queue = new JobQueue(worker.client, 'mail', options);
    for (let index = 0; index < 40; index++) {
      const id = `job${index}`;
      await insist(worker, async () => {
        await queue.add(id, 0, id);
        // Not safe yet: added again, under the same id, until it is.
        if ((await worker.client.send('WAIT', [2, 300])) !== 2) throw new Error('not yet');
      });
      confirmed.add(id);
      await pause(worker.surroundings, world.random.below(150));
    }
    added = true;
  };
  const consume = async (worker: Worker): Promise<void> => {
    const queue = new JobQueue(worker.client, 'mail', options);
    while (!isOver) {
      const jobs = await queue.take(worker.host.name, 2).catch(() => []);
      for (const job of jobs) {
        await pause(worker.surroundings, world.random.below(400));
        done.set(job.body, (done.get(job.body) ?? 0) + 1);
        await job.done().catch(() => false);
      }
      await pause(worker.surroundings, 50 + world.random.below(200));
    }
  };
  produce(workers[0]!).catch((error: Error) => world.fail(error));
  for (const worker of workers.slice(1)) consume(worker).catch((error: Error) => world.fail(error));
  await world.run(1000 + world.random.below(4000));
  await failOver(world, deployment);
  const { host } = workers[1]!;
  host.pause(); // longer than its jobs are its own
  await world.run(2 * TTL_MS);
  host.resume();
  await world.runUntil('all jobs are added', CALM_MS_MAX, () => added);
  await world.runUntil('every confirmed job is done', CALM_MS_MAX, () => [...confirmed].every((id) => done.has(id)));
  isOver = true;
  broken.jobsTwice += [...done.values()].filter((count) => count > 1).length;
}

export const recipeScenarios: readonly Scenario[] = [
  {
    name: 'recipes-lock',
    description:
      'a lock on one server: processes stand still, connections break, clocks of processes jump; one holder, growing fences',
    run: (world) => runLock(world, nothingBroken(), false),
  },
  {
    name: 'recipes-lock-clock',
    description: 'the same while the server’s clock jumps ahead: fences still grow, and older holders cannot write',
    run: (world) => runLock(world, nothingBroken(), true),
  },
  {
    name: 'recipes-lock-failover',
    description: 'a lock while masters fail over: everybody gets it in the end',
    run: (world) => runLockFailover(world, nothingBroken()),
  },
  {
    name: 'recipes-redlock',
    description: 'Redlock over three masters with synced disks, of which one at a time dies: one holder',
    run: (world) => runRedlock(world, nothingBroken(), true),
  },
  {
    name: 'recipes-sale-failover',
    description: 'a sale while the master fails over: balanced books, and orders that WAIT confirmed are in them',
    run: (world) => runSaleFailover(world, nothingBroken()),
  },
  {
    name: 'recipes-queue-failover',
    description: 'a job queue while the master fails over: every confirmed job is done',
    run: (world) => runQueueFailover(world, nothingBroken()),
  },
];
