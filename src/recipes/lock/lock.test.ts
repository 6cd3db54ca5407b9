import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { fencedRead, fencedWrite } from './fenced-store.js';
import { LockLostError, LockTimeoutError } from './held.js';
import { Lock, type LockOptions } from './lock.js';
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
    await assert.rejects(world.during(new Redlock(nodes, options).acquire('job')), /granted by 2 of 3 nodes/);
    assert.equal(world.server.run('EXISTS', 'job'), 0);
  });
});
