import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { fencedRead, fencedWrite } from './fenced-store.js';
import { LockLostError, LockTimeoutError } from './held.js';
import { Lock } from './lock.js';
import type { LockOptions } from './lock-options.js';
import { ReadWriteLock } from './read-write-lock.js';
import { Redlock } from './redlock.js';
import { Semaphore } from './semaphore.js';

const world = await recipeWorld();
const { surroundings } = world;

beforeEach(() => world.server.flush());

/** Runs `count` workers of which each does `rounds` pieces of work, and gives how many were at work at once at most. */
async function crowd(
  count: number,
  rounds: number,
  enter: (worker: number, work: () => Promise<void>) => Promise<void>,
): Promise<number> {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside++;
    most = Math.max(most, inside);
    await world.sleep(1 + world.prng.below(5));
    inside--;
  };
  const worker = async (index: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) await enter(index, work);
  };
  await world.during(Promise.all(Array.from({ length: count }, (_, index) => worker(index))));
  return most;
}

describe(`Lock (RECIPE_SEED=${worldSeed})`, () => {
  const options: LockOptions = { surroundings, ttlMs: 300, retryMs: 10 };

  it('lets one at a time through, though requests and replies get lost', async () => {
    let done = 0;
    const most = await crowd(8, 5, async (_worker, work) => {
      const lock = new Lock(world.client({ lossRate: 0.02 }), 'crowd', { ...options, ttlMs: 5000 });
      for (;;) {
        try {
          await lock.run(work);
          done++;
          return;
        } catch (error) {
          assert.match((error as Error).message, /connection broke|is lost/);
        }
      }
    });
    assert.equal(most, 1);
    assert.equal(done, 40);
  });

  it('is taken in the order in which waiters asked', async () => {
    const first = await world.during(new Lock(world.direct, 'turns', options).acquire());
    const order: number[] = [];
    const waiters: Promise<void>[] = [];
    for (let index = 0; index < 6; index++) {
      const lock = new Lock(world.direct, 'turns', { ...options, retryMs: 7 + 3 * ((index * 5) % 6) });
      waiters.push(lock.run(async () => void order.push(index)));
      await world.during(world.sleep(1));
    }
    assert.equal(await new Lock(world.direct, 'turns', options).tryAcquire(), undefined);
    await first.release();
    await world.during(Promise.all(waiters));
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5]);
  });

  it('nobody overtakes a waiter by tryAcquire', async () => {
    const held = await new Lock(world.direct, 'queue', options).acquire();
    const waiting = new Lock(world.direct, 'queue', { ...options, retryMs: 100 }).acquire();
    await world.during(world.sleep(1));
    await held.release();
    assert.equal(await new Lock(world.direct, 'queue', options).tryAcquire(), undefined);
    const next = await world.during(waiting);
    assert.ok(next.isValid);
    await next.release();
  });

  it('passes a dead waiter by', async () => {
    const held = await new Lock(world.direct, 'dead', options).acquire();
    const dying = world.client();
    const dead = new Lock(dying, 'dead', options).acquire();
    dead.catch(() => undefined);
    await world.during(world.sleep(15));
    dying.cut();
    await held.release();
    const next = await world.during(new Lock(world.direct, 'dead', options).acquire());
    assert.ok(next.isValid);
    await next.release();
  });

  it('passes on when its holder dies, with a greater fencing token', async () => {
    const dying = world.client();
    const held = await world.during(new Lock(dying, 'holder', options).acquire());
    dying.cut();
    const heir = await world.during(new Lock(world.direct, 'holder', options).acquire());
    assert.ok(heir.fence > held.fence);
    assert.equal(held.isValid, false);
    await world.during(world.sleep(1));
    assert.ok(held.signal.aborted);
    assert.ok(held.signal.reason instanceof LockLostError);
    dying.heal();
    assert.equal(await world.during(held.release()), false, 'somebody else holds it');
    assert.ok(await heir.extend());
    await heir.release();
  });

  it('is extended while its holder lives, and never outlives the holder as its holder sees it', async () => {
    const client = world.client();
    const held = await world.during(new Lock(client, 'long', options).acquire());
    await world.during(world.sleep(3000));
    assert.ok(held.isValid);
    assert.equal(await new Lock(world.direct, 'long', options).tryAcquire(), undefined);
    client.cut();
    await world.during(
      (async () => {
        while (held.isValid) {
          assert.equal(
            world.server.run('EXISTS', 'lock:{long}'),
            1,
            'the server still has what the holder believes in',
          );
          await world.sleep(1);
        }
      })(),
    );
  });

  it('can be taken again by the same owner, and is free after as many releases', async () => {
    const mine = new Lock(world.direct, 'again', { ...options, owner: 'me' });
    const outer = await mine.acquire();
    const inner = await mine.acquire();
    assert.equal(inner.fence, outer.fence);
    await inner.release();
    assert.equal(await inner.release(), false);
    assert.equal(await new Lock(world.direct, 'again', options).tryAcquire(), undefined);
    assert.ok(await outer.release());
    const other = await new Lock(world.direct, 'again', options).tryAcquire();
    assert.ok(other !== undefined);
    await other.release();
  });

  it('gives up in time, and leaves no place in the line', async () => {
    const held = await new Lock(world.direct, 'late', options).acquire();
    await assert.rejects(
      world.during(new Lock(world.direct, 'late', options).acquire({ waitMs: 100 })),
      LockTimeoutError,
    );
    const abort = new AbortController();
    const waiting = new Lock(world.direct, 'late', options).acquire({ signal: abort.signal });
    abort.abort(new Error('no more'));
    await assert.rejects(world.during(waiting), /no more/);
    assert.equal(world.server.run('ZCARD', 'lock:{late}:line'), 0);
    await held.release();
    const next = await new Lock(world.direct, 'late', options).tryAcquire();
    assert.ok(next !== undefined);
    await next.release();
  });

  it('cannot stop a holder that stands still, but a fencing token can', async () => {
    const asleep = await new Lock(world.direct, 'fence', { ...options, renews: false }).acquire();
    const stale = asleep.fence; // what a process goes on with that did not notice its own pause
    await world.during(world.sleep(400));
    const heir = await new Lock(world.direct, 'fence', options).acquire();
    assert.ok(await fencedWrite(world.direct, 'resource', heir.fence, 'new'));
    assert.equal(await fencedWrite(world.direct, 'resource', stale, 'old'), false);
    assert.equal(await fencedRead(world.direct, 'resource'), 'new');
    await assert.rejects(async () => asleep.assertValid(), LockLostError);
    await heir.release();
  });

  it('does not wait longer than it says for a server that is silent', async () => {
    const silent = { send: () => new Promise<unknown>(() => undefined) };
    const beganMs = world.clock.steadyMs();
    const never = new Lock(silent, 'silent', options).acquire({ waitMs: 100 });
    await assert.rejects(world.during(never), LockTimeoutError);
    assert.ok(world.clock.steadyMs() - beganMs < 1200, 'a second to clean up at most');
    const abort = new AbortController();
    const aborted = new ReadWriteLock(silent, 'silent', options).write({ signal: abort.signal });
    await world.during(world.sleep(10));
    abort.abort(new Error('no more'));
    await assert.rejects(world.during(aborted), /no more/);
  });

  it('gives back what a late reply brings', async () => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    let asked = 0;
    const slow = {
      send: async (command: string, args: readonly (string | number | Uint8Array)[]) => {
        const reply = await world.direct.send(command, args).catch((error: unknown) => error);
        if (asked++ < 2) await answered; // EVALSHA, EVAL
        if (reply instanceof Error) throw reply;
        return reply;
      },
    };
    const late = new Lock(slow, 'late reply', options).acquire({ waitMs: 50 });
    await assert.rejects(world.during(late), LockTimeoutError);
    answer();
    await world.during(world.sleep(1));
    const free = await new Lock(world.direct, 'late reply', options).tryAcquire();
    assert.ok(free !== undefined);
    await free.release();
  });

  it('does not stay taken when the reply to tryAcquire is lost', async () => {
    let isCut = true;
    const cut = {
      send: async (command: string, args: readonly (string | number | Uint8Array)[]) => {
        const reply = await world.direct.send(command, args);
        if (isCut) {
          isCut = false;
          throw new Error('the connection broke');
        }
        return reply;
      },
    };
    await (await new Lock(world.direct, 'warm', options).acquire()).release(); // the server knows the scripts
    await assert.rejects(new Lock(cut, 'lost', options).tryAcquire(), /connection broke/);
    await world.during(world.sleep(1));
    const held = await new Lock(world.direct, 'lost', options).tryAcquire();
    assert.ok(held !== undefined);
    isCut = true;
    await held.release();
    const semaphore = await new Semaphore(world.direct, 'warm', 1, options).acquire();
    await semaphore.release();
    await assert.rejects(new Semaphore(cut, 'lost', 1, options).tryAcquire(), /connection broke/);
    await world.during(world.sleep(1));
    const place = (await new Semaphore(world.direct, 'lost', 1, options).tryAcquire()).held;
    assert.ok(place !== undefined);
    await place.release();
  });

  it('can be released again when that failed, and no third time', async () => {
    const client = world.client();
    const held = await world.during(new Lock(client, 'twice', options).acquire());
    client.cut();
    await assert.rejects(world.during(held.release()), /connection broke/);
    assert.equal(held.isValid, false);
    client.heal();
    const isOurs = world.server.run('EXISTS', 'lock:{twice}') === 1;
    assert.equal(await world.during(held.release()), isOurs);
    assert.equal(await held.release(), false);
    assert.equal(await held.extend(), false);
    assert.ok((await new Lock(world.direct, 'twice', { ...options, renews: false }).tryAcquire()) !== undefined);
  });

  it('lasts longer than a timer does', async () => {
    const days = 40 * 86_400_000;
    const timers: { delayMs: number; run: () => void }[] = [];
    const capped = {
      ...surroundings,
      after: (delayMs: number, run: () => void) => {
        timers.push({ delayMs, run });
        return () => undefined;
      },
    };
    const held = await new Lock(world.direct, 'days', { surroundings: capped, ttlMs: days, renews: false }).acquire();
    timers.pop()!.run(); // as a timer of Node after 24 days
    assert.ok(held.isValid);
    assert.equal(held.signal.aborted, false);
    await held.release();
  });

  it('refuses times that are none, and owners without a name', async () => {
    for (const wrong of [NaN, -1, 0, 1.5, Infinity, 2 ** 53]) {
      for (const bad of [{ ttlMs: wrong }, { retryMs: wrong }]) {
        assert.throws(() => new Lock(world.direct, 'x', bad), RangeError);
        assert.throws(() => new ReadWriteLock(world.direct, 'x', bad), RangeError);
        assert.throws(() => new Semaphore(world.direct, 'x', 1, bad), RangeError);
        assert.throws(() => new Redlock([world.direct], bad), RangeError);
        await assert.rejects(new Lock(world.direct, 'x').acquire(bad), RangeError);
        await assert.rejects(new Lock(world.direct, 'x').tryAcquire(bad), RangeError);
        await assert.rejects(new ReadWriteLock(world.direct, 'x').read(bad), RangeError);
        await assert.rejects(new Semaphore(world.direct, 'x', 1).tryAcquire(bad), RangeError);
      }
      assert.throws(() => new Semaphore(world.direct, 'x', wrong), RangeError);
      assert.throws(() => new Redlock([world.direct], { attempts: wrong }), RangeError);
      assert.throws(() => new Redlock([world.direct], { nodeTimeoutMs: wrong }), RangeError);
      await assert.rejects(fencedWrite(world.direct, 'x', wrong, 'y'), RangeError);
    }
    for (const waitMs of [NaN, -1]) await assert.rejects(new Lock(world.direct, 'x').acquire({ waitMs }), RangeError);
    assert.throws(() => new Lock(world.direct, 'x', { owner: '' }), RangeError);
    assert.throws(() => new Redlock([world.direct], { ttlMs: 2 }), /leaves no time/);
    assert.equal(world.server.run('DBSIZE'), 0);
  });

  it('takes one round trip to take and one to release', async () => {
    const client = world.client();
    const lock = new Lock(client, 'cost', options);
    await world.during(lock.run(() => undefined)); // the server learns the scripts
    const before = client.roundTrips;
    await world.during(lock.run(() => undefined));
    assert.equal(client.roundTrips - before, 2);
  });
});

describe('ReadWriteLock', () => {
  const options: LockOptions = { surroundings, ttlMs: 500, retryMs: 10 };

  it('lets readers in together and writers alone', async () => {
    let readers = 0;
    let writers = 0;
    let readersMost = 0;
    await crowd(10, 4, async (worker, work) => {
      const lock = new ReadWriteLock(world.client(), 'rw', options);
      if (worker < 3)
        await lock.runWriting(async () => {
          assert.equal(readers + writers, 0);
          writers++;
          await work();
          writers--;
        });
      else
        await lock.runReading(async () => {
          assert.equal(writers, 0);
          readersMost = Math.max(readersMost, ++readers);
          await work();
          readers--;
        });
    });
    assert.ok(readersMost > 1, `${readersMost} readers at once`);
  });

  it('gives a waiting writer its turn before new readers', async () => {
    const lock = new ReadWriteLock(world.direct, 'turn', options);
    const reader = await lock.read();
    const writer = lock.write();
    await world.during(world.sleep(1));
    const late = lock.read();
    await world.during(world.sleep(30));
    await reader.release();
    const order: string[] = [];
    await world.during(
      Promise.all([
        writer.then(async (held) => {
          order.push('writer');
          await held.release();
        }),
        late.then(async (held) => {
          order.push('reader');
          await held.release();
        }),
      ]),
    );
    assert.deepEqual(order, ['writer', 'reader']);
  });

  it('forgets a reader that died', async () => {
    const dying = world.client();
    await world.during(new ReadWriteLock(dying, 'died', options).read());
    dying.cut();
    const writer = await world.during(new ReadWriteLock(world.direct, 'died', options).write());
    assert.ok(writer.fence > 0);
    await writer.release();
  });
});

describe('Semaphore', () => {
  const options: LockOptions = { surroundings, ttlMs: 300, retryMs: 10 };

  it('lets so many in at once, and no more', async () => {
    const most = await crowd(12, 4, (_worker, work) => new Semaphore(world.client(), 'three', 3, options).run(work));
    assert.equal(most, 3);
  });

  it('gives the place of a dead holder to another', async () => {
    const dying = world.client();
    await world.during(new Semaphore(dying, 'place', 1, options).acquire());
    assert.equal((await new Semaphore(world.direct, 'place', 1, options).tryAcquire()).held, undefined);
    dying.cut();
    const heir = await world.during(new Semaphore(world.direct, 'place', 1, options).acquire());
    assert.ok(heir.isValid);
    await heir.release();
  });
});

describe('Redlock', () => {
  it('is granted by a majority, refused by a minority, and leaves nothing behind', async () => {
    const others = [await recipeWorld(2), await recipeWorld(3)];
    const clients = [world.client(), world.client(), world.client()];
    const nodes = clients.map((client, index) => {
      const server = index === 0 ? world.server : others[index - 1]!.server;
      return {
        ...client,
        send: async (command: string, args: readonly (string | number | Uint8Array)[]) => {
          await client.send('PING', []); // the way to the node, which may be cut
          return server.run(command, ...args);
        },
      };
    });
    const options = { surroundings, ttlMs: 1000, retryMs: 20, renews: false };
    const first = await world.during(new Redlock(nodes, options).acquire('job'));
    await assert.rejects(world.during(new Redlock(nodes, options).acquire('job')), LockTimeoutError);
    assert.ok(await world.during(first.extend()));
    assert.ok(await world.during(first.release()));

    clients[2]!.cut();
    const second = await world.during(new Redlock(nodes, options).acquire('job'));
    assert.ok(second.isValid && second.remainingMs < 1000);
    await world.during(second.release());

    clients[1]!.cut();
    await assert.rejects(
      world.during(new Redlock(nodes, options).acquire('job')),
      /granted by 2 of 3 nodes: (the connection broke|no answer within 100 ms)/,
    );
    assert.equal(world.server.run('EXISTS', 'job'), 0);
  });
});
