// world: a server on a frozen virtual clock, and clients of it whose requests and replies take random times or get lost.
//
//   const world = await recipeWorld(seed);
//   const commands = world.client();           // requests and replies take 0 to 5 ms each
//   await world.during(Promise.all([...]));    // moves time on until the promise is settled
//
// Everything follows from the seed: the order in which concurrent requests arrive, and which of them get lost.

import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { VirtualClock } from '../../src/io/virtual-clock.js';
import { fromServer } from '../../src/recipes/adapters/server.js';
import { surroundingsOf } from '../../src/recipes/clock-surroundings.js';
import type { Commands } from '../../src/recipes/commands.js';
import type { Surroundings } from '../../src/recipes/surroundings.js';
import { createServer } from '../../src/testing/create-server.js';
import type { TestServer } from '../../src/testing/test-kit.js';

const LOST_AFTER_MS = 1000;
const STEP_MS = 1;
const SIMULATED_MS_MAX = 3_600_000;

export interface ClientOptions {
  /** The longest time of a request, and of a reply. */
  readonly latencyMs?: number;
  /** Of how many requests the request, or its reply, gets lost: the promise rejects a second later. */
  readonly lossRate?: number;
  /** The world's own server if absent. */
  readonly server?: TestServer;
}

export interface Client extends Commands {
  /** How many requests were sent. */
  readonly roundTrips: number;
  /** From now on nothing gets through; requests reject after a second. */
  cut(): void;
  heal(): void;
}

/** The seed of a test: RECIPE_SEED, or a fixed one; the message of a failure shows it through the test's name. */
export const worldSeed = Number(process.env['RECIPE_SEED'] ?? 20260101);

export class RecipeWorld {
  readonly prng: Prng;
  readonly surroundings: Surroundings;

  constructor(
    readonly server: TestServer,
    readonly clock: VirtualClock,
    seed: number,
  ) {
    this.prng = new Prng(seed);
    this.surroundings = surroundingsOf(clock, this.prng);
  }

  /** Commands without delay. */
  get direct(): Commands {
    return fromServer(this.server);
  }

  client({ latencyMs = 5, lossRate = 0, server = this.server }: ClientOptions = {}): Client {
    const wait = (ms: number): Promise<void> => new Promise((resolve) => this.clock.after(ms, resolve));
    const latency = (): Promise<void> => wait(this.prng.below(latencyMs * 1000 + 1) / 1000);
    const isLost = (): boolean => lossRate > 0 && this.prng.unit() < lossRate;
    let isCut = false;
    let roundTrips = 0;
    const lose = async (): Promise<never> => {
      await wait(LOST_AFTER_MS);
      throw new Error('the connection broke');
    };
    return {
      get roundTrips() {
        return roundTrips;
      },
      cut: () => void (isCut = true),
      heal: () => void (isCut = false),
      send: async (command, args) => {
        roundTrips++;
        await latency();
        if (isCut || isLost()) return await lose();
        let reply: unknown;
        let failure: unknown;
        try {
          reply = server.run(command, ...args);
        } catch (error) {
          failure = error;
        }
        await latency();
        // The command has run all the same.
        if (isCut || isLost()) return await lose();
        if (failure !== undefined) throw failure as Error;
        return reply;
      },
    };
  }

  /** Resolves after so much virtual time; somebody else must move time on. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve));
  }

  /** Moves time on until the promise is settled, and gives what it gives. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    work.then(settle, settle);
    const beganMs = this.clock.steadyMs();
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isSettled) return await work;
      assert.ok(
        this.clock.steadyMs() - beganMs < SIMULATED_MS_MAX,
        'nothing came of it within an hour of virtual time',
      );
      this.clock.advance(STEP_MS);
    }
  }
}

/** Another server in a world, independent of the first; it is closed after the tests. */
export async function furtherServer(world: RecipeWorld): Promise<TestServer> {
  const server = await createServer({ port: false, clock: world.clock, seed: world.prng.uint32() });
  after(() => server.close());
  return server;
}

/** A world for one test file; its server is closed after the tests. */
export async function recipeWorld(seed = worldSeed): Promise<RecipeWorld> {
  const clock = new VirtualClock({ now: Date.UTC(2026, 0, 5, 12), frozen: true });
  const server = await createServer({ port: false, clock, seed });
  after(async () => {
    clock.run();
    await server.close();
  });
  return new RecipeWorld(server, clock, seed);
}
