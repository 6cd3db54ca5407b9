// Memory that data has left goes back to the system: at once where it is large, by MEMORY PURGE or with time otherwise.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type KvasirOptions, type KvasirProcess, startKvasir } from '../kvasir.js';

const MB = 1024 * 1024;

/** Waits until the process has at most so much; fails only when it stays above for good. */
async function shrinksTo(kvasir: KvasirProcess, bytes: number, what: string): Promise<void> {
  for (let tries = 0; kvasir.residentBytes()! > bytes; tries++) {
    assert.ok(tries < 3000, `${what}: ${Math.round(kvasir.residentBytes()! / MB)} MB stay`);
    await sleep(100);
  }
}

async function open(context: TestContext, options: KvasirOptions = {}): Promise<[KvasirProcess, Redis]> {
  const kvasir = await startKvasir(options);
  const client = new Redis(kvasir.port);
  context.after(async () => {
    client.disconnect();
    await kvasir.stop();
  });
  return [kvasir, client];
}

describe('memory goes back to the system', () => {
  test('after SETRANGE to 512 MB and DEL, and after many values, with figures that say so', async (context) => {
    const [kvasir, client] = await open(context);
    if (kvasir.residentBytes() === undefined) return context.skip('the system does not tell what is resident');
    const start = kvasir.residentBytes()!;
    await client.setrange('big', 512 * MB - 1, 'x');
    await client.del('big');
    await shrinksTo(kvasir, start + 64 * MB, 'after a DEL of 512 MB');

    const value = 'v'.repeat(1000);
    for (let from = 0; from < 100_000; from += 10_000) {
      const pipeline = client.pipeline();
      for (let index = from; index < from + 10_000; index++) pipeline.set(`key:${index}`, value);
      await pipeline.exec();
    }
    assert.ok(kvasir.residentBytes()! > start + 70 * MB);
    await client.flushall();
    await client.call('MEMORY', 'PURGE');
    // Some of it is the heap's: it grew for the requests.
    await shrinksTo(kvasir, start + 100 * MB, 'after FLUSHALL and MEMORY PURGE');
    const info = await client.info('memory');
    const figure = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)![1]);
    assert.ok(figure('allocator_resident') <= 16 * MB, 'only the first chunk is left');
    assert.ok(figure('allocator_resident') >= figure('allocator_active'));
    assert.ok(Math.abs(figure('mem_fragmentation_bytes') + figure('used_memory') - figure('used_memory_rss')) <= 1);
  });

  test('after a script that ended for want of memory, without MEMORY PURGE', async (context) => {
    const [kvasir, client] = await open(context, { nodeArgs: ['--max-old-space-size=700'] });
    if (kvasir.residentBytes() === undefined) return context.skip('the system does not tell what is resident');
    const start = kvasir.residentBytes()!;
    await assert.rejects(client.eval('local t = {} for i = 1, 1e9 do t[i] = {i} end', 0), /not enough memory/);
    assert.ok(kvasir.residentBytes()! > start + 350 * MB, `${kvasir.residentBytes()! - start} bytes`);
    await shrinksTo(kvasir, start + 250 * MB, 'after a script');
  });

  const notReading = async (context: TestContext, env: Record<string, string>): Promise<void> => {
    const [kvasir, client] = await open(context, { env });
    if (kvasir.residentBytes() === undefined) return context.skip('the system does not tell what is resident');
    await client.set('big', Buffer.alloc(MB));
    const start = kvasir.residentBytes()!;
    for (let round = 0; round < 3; round++) {
      const deaf = new Redis(kvasir.port, { retryStrategy: () => null });
      deaf.on('error', () => undefined);
      await deaf.ping();
      deaf.stream.pause();
      deaf.mget(Array.from({ length: 400 }, () => 'big')).catch(() => undefined);
      const waits = /^[^\n]* omem=([4-9]|3[5-9])\d{8} /m;
      for (let tries = 0; !waits.test(String(await client.client('LIST'))); tries++) {
        assert.ok(tries < 600, 'the replies wait');
        await sleep(100);
      }
      // Longer than the server takes to find itself quiet, with the replies still in use.
      if (round === 1) await sleep(7000);
      deaf.disconnect();
      await shrinksTo(kvasir, start + 150 * MB, `after client ${round}`);
    }
  };

  test('after clients that did not read their replies and have gone, again and again', (context) =>
    notReading(context, {}));

  test('after such clients of an I/O thread', (context) => notReading(context, { KVASIR_IO_THREADS: 'force:1' }));
});
