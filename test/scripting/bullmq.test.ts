// A BullMQ queue: its Lua scripts run unchanged, and its jobs come out as they must: all of them, in time, retried, limited.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Queue, QueueEvents, Worker, type Job } from 'bullmq';
import { startKvasir, type KvasirProcess } from '../kvasir.js';

describe('BullMQ', () => {
  let kvasir: KvasirProcess;
  const closing: (() => Promise<unknown>)[] = [];

  before(async () => {
    kvasir = await startKvasir({ args: ['--maxmemory-policy', 'noeviction'] });
  });
  after(async () => {
    for (const close of closing.reverse()) await close();
    await kvasir?.stop();
  });

  const connection = (): { host: string; port: number } => ({ host: '127.0.0.1', port: kvasir.port });

  function queueOf(name: string): Queue {
    const queue = new Queue(name, { connection: connection() });
    closing.push(() => queue.close());
    return queue;
  }

  function worker(name: string, work: (job: Job) => Promise<unknown>, options: object = {}): Worker {
    const made = new Worker(name, work, { connection: connection(), ...options });
    made.on('error', (error) => assert.fail(error));
    closing.push(() => made.close());
    return made;
  }

  test('a thousand jobs with priorities, delays and retries are all done, each once', async () => {
    const queue = queueOf('many');
    const done = new Map<number, number>();
    const tried = new Map<number, number>();
    await queue.addBulk(
      Array.from({ length: 1000 }, (_, number) => ({
        name: 'job',
        data: { number },
        opts: {
          ...(number % 10 === 0 ? { delay: number % 50 } : {}),
          ...(number % 7 === 0 ? { priority: 1 + (number % 5) } : {}),
          ...(number % 13 === 0 ? { attempts: 3, backoff: { type: 'fixed', delay: 5 } } : {}),
        },
      })),
    );
    await new Promise<void>((resolve) => {
      const made = worker(
        'many',
        async (job) => {
          const { number } = job.data as { number: number };
          const count = (tried.get(number) ?? 0) + 1;
          tried.set(number, count);
          if (number % 13 === 0 && count < 3) throw new Error('again');
          done.set(number, (done.get(number) ?? 0) + 1);
          return number * 2;
        },
        { concurrency: 20 },
      );
      made.on('completed', () => {
        if (done.size === 1000) resolve();
      });
    });
    assert.ok([...done.values()].every((count) => count === 1));
    assert.ok([...tried].every(([number, count]) => count === (number % 13 === 0 ? 3 : 1)));
    const counts = await queue.getJobCounts();
    assert.deepEqual(
      [counts.waiting, counts.active, counts.delayed, counts.failed, counts.prioritized],
      [0, 0, 0, 0, 0],
    );
  });

  test('results come through QueueEvents, failures stay with their reason', async () => {
    const queue = queueOf('results');
    const events = new QueueEvents('results', { connection: connection() });
    closing.push(() => events.close());
    await events.waitUntilReady();
    worker('results', async (job) => {
      if (job.name === 'bad') throw new Error('no good');
      return { sum: (job.data as number[]).reduce((sum, each) => sum + each, 0) };
    });
    const good = await queue.add('good', [1, 2, 3]);
    const bad = await queue.add('bad', []);
    assert.deepEqual(await good.waitUntilFinished(events), { sum: 6 });
    await assert.rejects(bad.waitUntilFinished(events), /no good/);
    assert.equal((await queue.getFailed())[0]!.failedReason, 'no good');
  });

  test('a rate limit lets through no more than it says, and all in the end', async () => {
    const queue = queueOf('limited');
    await queue.addBulk(Array.from({ length: 12 }, (_, number) => ({ name: 'job', data: number })));
    const starts: number[] = [];
    const beganMs = Date.now();
    await new Promise<void>((resolve) => {
      worker(
        'limited',
        async () => {
          starts.push(Date.now());
          if (starts.length === 12) resolve();
        },
        { limiter: { max: 4, duration: 200 } },
      );
    });
    // Whatever the speed of the machine: before the fifth a window has passed, before the ninth two. Clocks may round.
    assert.ok(starts[4]! - beganMs >= 190 && starts[8]! - beganMs >= 380, String(starts.map((ms) => ms - beganMs)));
  });
});
