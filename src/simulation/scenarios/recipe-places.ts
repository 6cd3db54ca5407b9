// recipe-places: semaphores, read/write locks and delayed jobs of the recipes on one server, while machines stand still and clocks jump.
//
// As in `recipes`, a watch sees all processes at once. Validity is what the holder itself may believe (`isValid`), because a process that
// stands still cannot know better; the pages say what follows from that.

import { JobQueue } from '../../recipes/data/job-queue.js';
import type { Held } from '../../recipes/lock/held.js';
import { ReadWriteLock } from '../../recipes/lock/read-write-lock.js';
import { Semaphore } from '../../recipes/lock/semaphore.js';
import { pause } from '../../recipes/surroundings.js';
import { Host } from '../host.js';
import { SimulatedNetwork } from '../network.js';
import { ServerProcess } from '../server-process.js';
import type { World } from '../world.js';
import {
  type Broken,
  CALM_MS_MAX,
  cutWorker,
  type Fault,
  jumpServerClockForward,
  jumpWorkerClock,
  makeWorkers,
  nothingBroken,
  pauseServer,
  pauseWorker,
  TTL_MS,
  type Worker,
} from './recipes.js';
import type { Scenario } from './scenario.js';

const PLACES = 2;
const ROUNDS = 6;
const FAULTS = 12;

interface Scene {
  readonly world: World;
  readonly server: ServerProcess;
  readonly workers: readonly Worker[];
}

/** One server and its clients; `work` runs on each of them among faults, until all have ended. */
export async function amongFaults(
  world: World,
  serverClockJumps: boolean,
  makeWork: (scene: Scene) => (worker: Worker) => Promise<void>,
): Promise<void> {
  const net = new SimulatedNetwork(world);
  const server = new ServerProcess(new Host(world, net, 'server', '10.0.0.1'), { save: '' });
  server.start();
  await world.runUntil('the server serves', 10_000, () => server.serves);
  const workers = makeWorkers(world, net, () => server);
  const work = makeWork({ world, server, workers });
  let ended = 0;
  for (const worker of workers)
    work(worker).then(
      () => ended++,
      (error: Error) => world.fail(error),
    );
  const faults: Fault[] = [pauseWorker, cutWorker, pauseServer, jumpWorkerClock];
  if (serverClockJumps) faults.push(jumpServerClockForward);
  for (let fault = 0; fault < FAULTS; fault++) {
    await world.run(world.random.below(2000));
    await world.random.pick(faults)(world, server, workers, net);
  }
  await world.runUntil('all have ended', CALM_MS_MAX, () => ended === workers.length);
}

/** Takes what `acquire` gives, `ROUNDS` times. Errors of the network are part of the game. */
async function holdAgain(
  { surroundings, host }: Worker,
  acquire: () => Promise<Held>,
  enter: (held: Held) => () => void,
): Promise<void> {
  const { random } = host.world;
  for (let done = 0; done < ROUNDS;) {
    try {
      const held = await acquire();
      const leave = enter(held);
      try {
        await pause(surroundings, random.below(1000));
        done++;
      } finally {
        leave();
        await held.release().catch(() => false);
      }
    } catch {
      await pause(surroundings, random.below(200));
    }
    await pause(surroundings, random.below(500));
  }
}

/** A semaphore: never more than its places are believed to be held, unless the server's clock jumps; and everybody gets one. */
export async function runSemaphore(world: World, broken: Broken, serverClockJumps: boolean): Promise<void> {
  const holders = new Set<Held>();
  const enter = (held: Held) => {
    holders.add(held);
    if ([...holders].filter(({ isValid }) => isValid).length > PLACES) broken.overlaps++;
    return () => holders.delete(held);
  };
  await amongFaults(world, serverClockJumps, () => (worker) => {
    const { client, surroundings } = worker;
    const semaphore = new Semaphore(client, 'printers', PLACES, { ttlMs: TTL_MS, surroundings });
    return holdAgain(worker, () => semaphore.acquire(), enter);
  });
  if (broken.overlaps > 0 && !serverClockJumps) throw new Error(`more than ${PLACES} believed to have a place`);
}

/** A read/write lock: a writer is alone, unless the server's clock jumps; fences of writers grow; readers and writers all get it. */
export async function runReadWriteLock(world: World, broken: Broken, serverClockJumps: boolean): Promise<void> {
  const holders = new Map<Held, 'read' | 'write'>();
  let lastFence = 0;
  const enter = (mode: 'read' | 'write') => (held: Held) => {
    for (const [other, otherMode] of holders)
      if (other.isValid && held.isValid && (mode === 'write' || otherMode === 'write')) broken.overlaps++;
    holders.set(held, mode);
    if (mode === 'write') {
      if (held.fence <= lastFence) broken.fencesBack++;
      lastFence = Math.max(lastFence, held.fence);
    }
    return () => holders.delete(held);
  };
  await amongFaults(world, serverClockJumps, ({ workers }) => (worker) => {
    const { client, surroundings } = worker;
    const lock = new ReadWriteLock(client, 'report', { ttlMs: TTL_MS, surroundings });
    const writes = workers.indexOf(worker) === 0;
    return writes
      ? holdAgain(worker, () => lock.write(), enter('write'))
      : holdAgain(worker, () => lock.read(), enter('read'));
  });
  if (broken.fencesBack > 0) throw new Error('a fence came twice on a server that lost nothing');
  if (broken.overlaps > 0 && !serverClockJumps) throw new Error('a writer was not alone');
}

/**
 * Delayed jobs: none is given before it is due by the server's clock, whatever the clocks of workers say; each is ended by one worker; and
 * all are done. A worker that stood still may have done one that another did as well.
 */
export async function runDelayedJobs(world: World, broken: Broken, serverClockJumps: boolean): Promise<void> {
  const jobs = 12;
  const dueMs = new Map<string, number>();
  const done = new Map<string, number>();
  const ended = new Map<string, number>();
  const count = (counts: Map<string, number>, id: string): void => void counts.set(id, (counts.get(id) ?? 0) + 1);
  await amongFaults(world, serverClockJumps, ({ server, workers }) => {
    const serverMs = (): number => server.host.clock.wallMs();
    const produce = async ({ surroundings }: Worker, queue: JobQueue): Promise<void> => {
      for (let index = 0; index < jobs; index++) {
        const delayMs = 1 + world.random.below(5000);
        dueMs.set(`job${index}`, Math.floor(serverMs()) + delayMs);
        // The reply may be lost: the same id is added once.
        while ((await queue.add(`job${index}`, delayMs, `job${index}`).catch(() => undefined)) === undefined)
          await pause(surroundings, 100);
        await pause(surroundings, world.random.below(400));
      }
    };
    const consume = async ({ surroundings, host }: Worker, queue: JobQueue): Promise<void> => {
      while (done.size < jobs) {
        for (const job of await queue.take(host.name, 2).catch(() => [])) {
          if (serverMs() < dueMs.get(job.body)!) throw new Error(`${job.body} came before it was due`);
          await pause(surroundings, world.random.below(500));
          count(done, job.body);
          if (await job.done().catch(() => false)) count(ended, job.body);
        }
        await pause(surroundings, 50 + world.random.below(200));
      }
    };
    return async (worker) => {
      const queue = new JobQueue(worker.client, 'mail', { visibleMs: TTL_MS, attempts: 100 });
      await (workers.indexOf(worker) === 0 ? produce(worker, queue) : consume(worker, queue));
    };
  });
  const twice = [...ended].filter(([, times]) => times > 1).map(([id]) => id);
  if (twice.length > 0) throw new Error(`ended by two workers: ${twice.join(' ')}`);
  broken.jobsTwice += [...done.values()].filter((times) => times > 1).length;
}

type Run = (world: World, broken: Broken, serverClockJumps: boolean) => Promise<void>;

function scenario(name: string, description: string, run: Run, serverClockJumps = false): Scenario {
  return { name, description, run: (world) => run(world, nothingBroken(), serverClockJumps) };
}

export const recipePlaceScenarios: readonly Scenario[] = [
  scenario(
    'recipes-semaphore',
    'a semaphore of two places: processes stand still, connections break, clocks of processes jump; at most two hold it',
    runSemaphore,
  ),
  scenario(
    'recipes-read-write-lock',
    'one writer and readers among the same faults: the writer is alone, and all get the lock',
    runReadWriteLock,
  ),
  scenario(
    'recipes-delayed-jobs',
    'delayed jobs while clocks of the server and of workers jump: none before it is due, all are done, each ended once',
    runDelayedJobs,
    true,
  ),
];
