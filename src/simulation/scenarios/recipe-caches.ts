// recipe-caches: caches, queues of writes and rate limits of the recipes while processes stand still, connections break, and masters fail over.
//
// On one server that loses nothing the cache's promise must hold in every run. What a failover takes away is counted in `Broken`.

import { Cache } from '../../recipes/cache/cache.js';
import { WriteBehind } from '../../recipes/cache/write-behind.js';
import { fixedWindow, take } from '../../recipes/limits/rate-limit.js';
import { pause } from '../../recipes/surroundings.js';
import type { World } from '../world.js';
import { amongFaults } from './recipe-places.js';
import { type Broken, CALM_MS_MAX, failOver, insist, nothingBroken, startDeployment, type Worker } from './recipes.js';
import type { Scenario } from './scenario.js';

const ROUNDS = 12;

/** A source whose only row has a version, and what readers may still expect to see. */
class Row {
  version = 0;
  /** Every read that begins now must give at least this: its change, and the invalidation after it, have ended. */
  settled = 0;
}

/** The first worker changes the row; the others read it, each by two readers that share their process's cache. */
async function changeOrRead(
  worker: Worker,
  isWriter: boolean,
  row: Row,
  broken: Broken,
  isOver: () => boolean,
): Promise<void> {
  const { random } = worker.host.world;
  const { surroundings, client } = worker;
  let errors = 0;
  const cache = new Cache(client, 'rows', { ttlMs: 600_000, loadMs: 2000, surroundings, onError: () => errors++ });
  const write = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round++) {
      let version = 0;
      await insist(worker, () => cache.updateThenInvalidate('row', async () => void (version = ++row.version)));
      row.settled = Math.max(row.settled, version);
      await pause(surroundings, random.below(1500));
    }
  };
  const read = async (): Promise<void> => {
    while (!isOver()) {
      const [least, before] = [row.settled, errors];
      const seen = await cache.get('row', async () => {
        const { version } = row;
        await pause(surroundings, random.below(100));
        return version;
      });
      // Without Redis the readers of a process share a load, whatever was invalidated meanwhile.
      if ((seen ?? 0) < least && errors === before) broken.staleReads++;
      await pause(surroundings, random.below(60));
    }
  };
  await (isWriter ? write() : Promise.all([read(), read()]));
}

/** A cache on one server among faults of processes and networks: no read gives less than a change that had ended before it. */
export async function runCache(world: World, broken: Broken, serverClockJumps: boolean): Promise<void> {
  const row = new Row();
  let isOver = false;
  await amongFaults(world, serverClockJumps, ({ workers }) => async (worker) => {
    const isWriter = workers.indexOf(worker) === 0;
    await changeOrRead(worker, isWriter, row, broken, () => isOver);
    isOver = true;
  });
  if (broken.staleReads > 0) throw new Error(`${broken.staleReads} reads gave what was invalidated before they began`);
}

/** Runs work on all workers while the master fails over once. */
async function amongFailover(world: World, work: (worker: Worker, index: number) => Promise<void>): Promise<void> {
  const { deployment, workers } = await startDeployment(world);
  let ended = 0;
  workers.forEach((worker, index) =>
    work(worker, index).then(
      () => ended++,
      (error: Error) => world.fail(error),
    ),
  );
  await world.run(500 + world.random.below(4000));
  await failOver(world, deployment);
  await world.runUntil('all have ended', CALM_MS_MAX, () => ended === workers.length);
}

/** A cache while the master fails over: an invalidation that only the dead master had is lost, and the old value is back until its end. */
export async function runCacheFailover(world: World, broken: Broken): Promise<void> {
  const row = new Row();
  let isOver = false;
  await amongFailover(world, async (worker, index) => {
    await changeOrRead(worker, index === 0, row, broken, () => isOver);
    isOver = true;
  });
}

/** A limit while the master fails over: the last counts are lost, so more gets through, and never more than the count again. */
export async function runLimitFailover(world: World, broken: Broken): Promise<void> {
  const count = 30;
  const limit = fixedWindow('calls', count, 86_400_000);
  let allowed = 0;
  await amongFailover(world, async (worker) => {
    for (let call = 0; call < 40; call++) {
      if ((await insist(worker, () => take(worker.client, limit, 'all', 1, worker.surroundings))).allowed) allowed++;
      await pause(worker.surroundings, world.random.below(300));
    }
    const last = await insist(worker, () => take(worker.client, limit, 'all', 1, worker.surroundings));
    if (last.allowed) throw new Error('the limit let more through after all had asked enough');
  });
  if (allowed > 2 * count)
    throw new Error(`${allowed} of ${count} were allowed: one failover can forget them all once`);
  broken.callsTooMany += Math.max(0, allowed - count);
}

/** Writes through a queue while the master fails over: those that only the dead master had never reach the source. */
export async function runWriteBehindFailover(world: World, broken: Broken): Promise<void> {
  const source = new Map<string, number>();
  const accepted = new Map<string, number>();
  let writers = 3;
  await amongFailover(world, async (worker, index) => {
    const queue = new WriteBehind(worker.client, 'rows', { claimMs: 2000 });
    if (index > 0) {
      for (let round = 0; round < 30; round++) {
        const key = `row${index}-${round}`;
        await insist(worker, () => queue.write(key, String(round)));
        accepted.set(key, round);
        await pause(worker.surroundings, world.random.below(200));
      }
      writers--;
      return;
    }
    while (writers > 0 || (await insist(worker, () => queue.size())) > 0) {
      await insist(worker, () =>
        queue.flush(async (batch) => batch.forEach(({ key, value }) => source.set(key, Number(value)))),
      );
      await pause(worker.surroundings, 20);
    }
  });
  for (const [key, value] of source)
    if (accepted.has(key) && accepted.get(key) !== value) throw new Error(`${key} is wrong`);
  broken.writesLost += [...accepted.keys()].filter((key) => !source.has(key)).length;
}

export const recipeCacheScenarios: readonly Scenario[] = [
  {
    name: 'recipes-cache',
    description:
      'a cache on one server: processes stand still, connections break, clocks jump; no read gives what was invalidated before it',
    run: (world) => runCache(world, nothingBroken(), true),
  },
  {
    name: 'recipes-cache-failover',
    description: 'the same while the master fails over: all readers and the writer go on',
    run: (world) => runCacheFailover(world, nothingBroken()),
  },
  {
    name: 'recipes-limit-failover',
    description: 'a rate limit while the master fails over: at most the count once more',
    run: (world) => runLimitFailover(world, nothingBroken()),
  },
  {
    name: 'recipes-write-behind-failover',
    description: 'a queue of writes while the master fails over: what reaches the source is right',
    run: (world) => runWriteBehindFailover(world, nothingBroken()),
  },
];
