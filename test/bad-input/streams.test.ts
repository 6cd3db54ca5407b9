// Thousands of broken streams: Kvasir answers and closes as redis-server does, serves others, and keeps no memory.
// KVASIR_SEED chooses others, KVASIR_STREAMS=100000 tries more.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { startKvasir } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { Sender } from './sender.js';
import { randomStream } from './streams.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const streamCount = Number(process.env.KVASIR_STREAMS ?? 6_000);
const connectionsAtOnce = 48;
const hasThreads = process.env.KVASIR_IO_THREADS !== undefined;
const socketName = 'socket';

/** The comparable part: each server drops the bytes after a protocol error at its own time. */
function comparable(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  const error = text.indexOf('-ERR Protocol error');
  return error < 0 ? text : text.slice(0, text.indexOf('\r\n', error));
}

describe('broken byte streams', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  test(`${streamCount} streams from seed ${seed} get the answers that redis-server gives`, async () => {
    const args = ['--unixsocket', socketName, '--save', ''];
    const redis = await startRedis({ args });
    const kvasir = await startKvasir({ args });
    try {
      const ourPath = join(kvasir.folder, socketName);
      const theirPath = join(redis.folder, socketName);
      const problems: string[] = [];
      let next = 0;
      let residentBefore = 0;
      const worker = async (last: number): Promise<void> => {
        const [toOurs, toTheirs] = await Promise.all([Sender.connect(ourPath), Sender.connect(theirPath)]);
        while (next < last && problems.length < 5) {
          const number = next++;
          const parts = randomStream(new Prng(seed * 1_000_003 + number));
          const [ours, theirs] = await Promise.all([toOurs.send(parts), toTheirs.send(parts)]);
          const [ourText, theirText] = [comparable(ours.bytes), comparable(theirs.bytes)];
          if (!ours.timedOut && ourText === theirText) continue;
          // The control connection may be another thread's: then a part may be sent after the end of the connection.
          if (hasThreads && ours.wasReset && theirText.startsWith(ourText)) continue;
          problems.push(
            `stream ${number} of seed ${seed}: ${JSON.stringify(parts.map((part) => part.toString('latin1')))}\n  Kvasir: ${ours.timedOut ? '(did not close) ' : ''}${JSON.stringify(ours.bytes.toString('latin1'))}\n  redis:  ${JSON.stringify(theirs.bytes.toString('latin1'))}`,
          );
        }
        toOurs.close();
        toTheirs.close();
      };
      const warmUp = Math.min(streamCount, Math.floor(streamCount / 5));
      for (const last of [warmUp, streamCount]) {
        await Promise.all(Array.from({ length: connectionsAtOnce }, () => worker(last)));
        if (last === warmUp) residentBefore = kvasir.residentBytes() ?? 0;
      }
      assert.deepEqual(problems, [], problems.join('\n'));
      assert.equal(await kvasir.send('PING'), 'PONG');
      assert.match(await kvasir.send('INFO', 'clients'), /connected_clients:1\r?\n/);
      const grown = (kvasir.residentBytes() ?? 0) - residentBefore;
      assert.ok(grown < 64 * 1024 * 1024, `memory grew by ${grown} bytes`);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n--- Kvasir's log\n${kvasir.log().slice(-3000)}`, { cause: error });
    } finally {
      await kvasir.stop();
      await redis.stop();
    }
  });
});
