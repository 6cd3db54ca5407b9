// simulate: the failures of caches, with and without the protections of `Cache`, in virtual time against a real server.
//
// Four scenes: penetration (a crowd asks for what does not exist), breakdown (a hot key ends), avalanche (all keys end at once) and
// outage (Redis is gone for a while). Each runs twice with the same requests: once with GET, load, SET with a fixed time, as in
// most texts; once with `Cache`. Requests come from several processes, each with a cache object of its own.
//
// The machine gives the server and moves time on, so that this file knows no server.

import { BloomFilter } from '../bloom/bloom-filter.js';
import { Cache, type CacheOptions } from '../cache/cache.js';
import { type Commands, replyText } from '../commands.js';
import type { Surroundings } from '../surroundings.js';
import { Measurements, type Slice } from './measurements.js';
import { SlowSource } from './slow-source.js';

export const sceneNames = ['penetration', 'breakdown', 'avalanche', 'outage'] as const;
export type SceneName = (typeof sceneNames)[number];

/** Means of a simulation: a server, virtual time, chance. */
export interface SimulationMachine {
  readonly commands: Commands;
  readonly surroundings: Surroundings;
  /** Lets a millisecond pass, and all that follows from it. */
  step(): Promise<void>;
}

export interface SimulationOptions {
  readonly scene: SceneName;
  /** Seconds of virtual time; 20 if absent. */
  readonly seconds?: number | undefined;
}

export interface SceneReport {
  readonly scene: SceneName;
  readonly text: string;
  /** Capacity of the database, in queries a second. */
  readonly capacity: number;
  readonly sliceMs: number;
  readonly without: readonly Slice[];
  readonly with: readonly Slice[];
}

interface Scene {
  readonly text: string;
  readonly requestsPerSecond: number;
  readonly queryMs: number;
  readonly ttlMs: number;
  readonly keys: number;
  /** Which key is asked for: a number below `keys` exists. */
  readonly pick: (random: () => number, share: number) => number;
  /** Attackers besides, a second, at a share of the time. */
  readonly attack?: (share: number) => number;
  /** All keys are in the cache at the start. */
  readonly isFilled: boolean;
  readonly isDown?: (share: number) => boolean;
}

const SLICE_MS = 500;
const PROCESSES = 4;
const CONNECTIONS = 10;
const REDIS_MS = 1;
/** How long a client waits for a Redis that is gone. */
const REDIS_TIMEOUT_MS = 100;

const scenes: Readonly<Record<SceneName, Scene>> = {
  penetration: {
    text: 'From a quarter of the time to three quarters, 400 requests a second ask for ids that do not exist.',
    requestsPerSecond: 100,
    queryMs: 50,
    ttlMs: 60_000,
    keys: 200,
    pick: (random) => Math.floor(random() * 200),
    attack: (share) => (share >= 0.25 && share < 0.75 ? 400 : 0),
    isFilled: true,
  },
  breakdown: {
    text: 'One key gets all 200 requests a second; it lives for 4 seconds, and its query takes 400 ms.',
    requestsPerSecond: 200,
    queryMs: 400,
    ttlMs: 4000,
    keys: 1,
    pick: () => 0,
    isFilled: true,
  },
  avalanche: {
    text: '1000 keys were stored in one moment, for 8 seconds; 400 requests a second ask for them.',
    requestsPerSecond: 400,
    queryMs: 50,
    ttlMs: 8000,
    keys: 1000,
    pick: (random) => Math.floor(random() * 1000),
    isFilled: true,
  },
  outage: {
    text: 'Redis is gone from a quarter of the time to a half; 20 keys get 300 requests a second.',
    requestsPerSecond: 300,
    queryMs: 50,
    ttlMs: 60_000,
    keys: 20,
    pick: (random) => Math.floor(random() * 20),
    isFilled: true,
    isDown: (share) => share >= 0.25 && share < 0.5,
  },
};

type Getter = (key: number, load: () => Promise<string | undefined>) => Promise<string | undefined>;

/** Runs a scene twice. The same machine state and options give the same report. */
export async function simulateCache(machine: SimulationMachine, options: SimulationOptions): Promise<SceneReport> {
  const scene = scenes[options.scene];
  const durationMs = (options.seconds ?? 20) * 1000;
  if (!(durationMs >= 2000 && durationMs <= 3_600_000)) throw new RangeError('seconds must be from 2 to 3600');
  const runs: Slice[][] = [];
  for (const isProtected of [false, true])
    runs.push(await runScene(machine, scene, options.scene, durationMs, isProtected));
  return {
    scene: options.scene,
    text: scene.text,
    capacity: Math.round((CONNECTIONS * 1000) / scene.queryMs),
    sliceMs: SLICE_MS,
    without: runs[0]!,
    with: runs[1]!,
  };
}

async function runScene(
  machine: SimulationMachine,
  scene: Scene,
  name: string,
  durationMs: number,
  isProtected: boolean,
): Promise<Slice[]> {
  const { surroundings } = machine;
  const beganMs = { value: surroundings.steadyMs() };
  const since = (): number => surroundings.steadyMs() - beganMs.value;
  const share = (): number => since() / durationMs;
  let isRunning = false;
  const commands = slowCommands(machine, () => isRunning && scene.isDown?.(share()) === true);
  const source = new SlowSource(surroundings, CONNECTIONS, scene.queryMs);
  const measured = new Measurements(SLICE_MS, Math.ceil(durationMs / SLICE_MS));
  const runName = `simulated ${name} ${isProtected ? 'with' : 'without'}`;
  const getters = isProtected
    ? await protectedGetters(machine, commands, scene, runName)
    : Array.from({ length: PROCESSES }, () => plainGetter(commands, scene, runName));

  if (scene.isFilled)
    await untilSettled(
      machine,
      Promise.all(
        Array.from({ length: scene.keys }, (_, key) => getters[key % PROCESSES]!(key, async () => rowOf(key))),
      ),
    );
  source.onQuery = () => measured.countQuery(since());
  beganMs.value = surroundings.steadyMs();
  isRunning = true;
  const load = (key: number) => () => source.query(key < scene.keys ? rowOf(key) : undefined);
  const request = async (key: number, index: number): Promise<void> => {
    const atMs = since();
    const end = (failed: boolean): void => measured.countRequest(atMs, since() - atMs, failed);
    await getters[index % PROCESSES]!(key, load(key)).then(
      () => end(false),
      () => end(true),
    );
  };
  const open = new Set<Promise<void>>();
  const begin = (key: number, index: number): void => {
    const work = request(key, index).finally(() => open.delete(work));
    open.add(work);
  };
  let count = 0;
  let due = 0;
  let attackDue = 0;
  while (since() < durationMs) {
    due += scene.requestsPerSecond / 1000;
    attackDue += (scene.attack?.(share()) ?? 0) / 1000;
    for (; due >= 1; due--)
      begin(
        scene.pick(() => surroundings.random(), share()),
        count++,
      );
    for (; attackDue >= 1; attackDue--) begin(scene.keys + Math.floor(surroundings.random() * 1e9), count++);
    await machine.step();
  }
  await untilSettled(machine, Promise.all(open));
  return measured.slices();
}

function rowOf(key: number): string {
  return `row ${key}`;
}

/** The getter of most texts: any caller loads, all keys live equally long, and missing rows are not cached. */
function plainGetter(commands: Commands, scene: Scene, runName: string): Getter {
  return async (key, load) => {
    const name = `${runName}:${key}`;
    try {
      const found = replyText(await commands.send('GET', [name]));
      if (found !== undefined) return found;
    } catch {
      return await load();
    }
    const value = await load();
    if (value !== undefined) await commands.send('SET', [name, value, 'PX', scene.ttlMs]).catch(() => undefined);
    return value;
  };
}

async function protectedGetters(
  machine: SimulationMachine,
  commands: Commands,
  scene: Scene,
  runName: string,
): Promise<Getter[]> {
  const known = new BloomFilter(commands, runName, 10_000, 0.01);
  const ids = Array.from({ length: scene.keys }, (_, key) => String(key));
  for (let at = 0; at < ids.length; at += 500) await untilSettled(machine, known.addAll(ids.slice(at, at + 500)));
  const options: CacheOptions = {
    ttlMs: scene.ttlMs,
    staleMs: scene.ttlMs,
    jitter: 0.5,
    // A filter that cannot be asked denies nothing.
    guard: (key) => known.has(key).catch(() => true),
    surroundings: machine.surroundings,
  };
  return Array.from({ length: PROCESSES }, () => {
    const cache = new Cache(commands, runName, options);
    return (key, load) => cache.get(String(key), load);
  });
}

/** Commands that take a network's time, and find nobody while the server is down. */
function slowCommands({ commands, surroundings }: SimulationMachine, isDown: () => boolean): Commands {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => surroundings.after(ms, resolve));
  return {
    async send(command, args, key) {
      if (isDown()) {
        await wait(REDIS_TIMEOUT_MS);
        throw new Error('no answer');
      }
      await wait(REDIS_MS);
      return await commands.send(command, args, key);
    },
  };
}

async function untilSettled<T>(machine: SimulationMachine, work: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  work.then(settle, settle);
  while (!isSettled) await machine.step();
  return await work;
}
