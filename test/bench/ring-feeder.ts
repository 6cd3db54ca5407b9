// ring-feeder: what a request costs the main thread when it comes over a ring and the thread behind the ring is never the bottleneck.
//
// A program of its own: a server, and a thread that stands in for an I/O thread without sockets. It writes the requests of redis-benchmark
// into the ring of each connection, and the next as soon as the reply to the last has come. It needs less time for that than the main
// thread, which so always finds more to do, as it would with processors enough for the threads and the load.
//
//   node ring-feeder.js get|set CONNECTIONS PIPELINE REQUESTS
//
// prints a line of JSON: microseconds of the main thread for each request, how often it found no request, and how many it served.

import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startEmbedded } from '../../src/embed/start-embedded.js';
import { systemClock } from '../../src/io/clock.js';
import type { AcceptedHandle } from '../../src/io/handle-wire.js';
import type { DescriptorPipe } from '../../src/io/threads/descriptor-pipe.js';
import { IoThread } from '../../src/io/threads/io-thread.js';
import { ENGINE_WORD_COUNT, Kind, makeAreas, type SharedAreas, Word } from '../../src/io/threads/layout.js';
import { IoThreadPool } from '../../src/io/threads/pool.js';
import { RingReader, RingWriter } from '../../src/io/threads/ring.js';
import { noWire } from '../../src/io/wire.js';
import { inlineLargeFunctions, raiseInliningBudget } from '../../src/server/inlining.js';
import { mainSeconds } from './servers.js';

interface Load {
  readonly areas: SharedAreas;
  readonly command: string;
  readonly connections: number;
  readonly pipeline: number;
  readonly requests: number;
}

export interface Saturated {
  readonly mainMicros: number;
  /** Turns of the main thread that found nothing in the ring, and requests that were served. */
  readonly idleTurns: number;
  readonly served: number;
}

/** Requests before the time counts, as a share of all. */
const WARM_SHARE = 0.3;
/** Requests that the feeder writes before the main thread sees them. */
const BATCH = 16;
const KEY = 'key:__rand_int__';
const VALUE = 'x'.repeat(16);

// --- the feeder -----------------------------------------------------------------------------------------------------

function feed({ areas, command, connections, pipeline, requests }: Load): void {
  const words = new Int32Array(areas.words);
  const writer = new RingWriter(areas.requests, words, Word.requestHead, Word.requestTail);
  const reader = new RingReader(areas.replies, words, Word.replyHead, Word.replyTail);
  const one = encodeCommand(command === 'get' ? ['GET', KEY] : ['SET', KEY, VALUE]);
  const request = Buffer.concat(Array<Buffer>(pipeline).fill(one));
  const replyBytes = pipeline * (command === 'get' ? `$${VALUE.length}\r\n${VALUE}\r\n` : '+OK\r\n').length;
  const received = new Int32Array(connections);
  let written = 0;
  const publish = (): void => {
    writer.publish();
    Atomics.notify(words, Word.requestHead);
  };
  const ask = (slot: number): void => {
    if (!writer.put(slot, Kind.data, request, 0, request.length)) throw new Error('the ring of requests is full');
    if (++written % BATCH === 0) publish();
  };
  for (let slot = 0; slot < connections; slot++) ask(slot);
  const warm = Math.floor(requests * WARM_SHARE);
  let isWarm = false;
  for (let done = 0; done < requests;) {
    publish();
    while (reader.next()) {
      if (reader.kind !== Kind.data) continue;
      const { slot } = reader;
      received[slot]! += reader.length;
      if (received[slot]! < replyBytes) continue;
      received[slot] = 0;
      done += pipeline;
      ask(slot);
    }
    reader.publish();
    if (!isWarm && done >= warm) {
      isWarm = true;
      parentPort!.postMessage(done);
    }
    if (done >= requests) parentPort!.postMessage(done);
  }
}

// --- the main thread ------------------------------------------------------------------------------------------------

async function serve(load: Omit<Load, 'areas'>): Promise<void> {
  raiseInliningBudget();
  inlineLargeFunctions(true);
  const { running, shown } = await startEmbedded({});
  await new Promise((resolve) => {
    const client = shown.connect();
    client.once('data', resolve).resume();
    client.write(encodeCommand(['SET', KEY, VALUE]));
  });
  const pool = new IoThreadPool(systemClock, { returned: () => undefined, died: () => undefined });
  const areas = makeAreas(new SharedArrayBuffer(ENGINE_WORD_COUNT * 4));
  const words = new Int32Array(areas.words);
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { ...load, areas } satisfies Load });
  const thread = new IoThread(0, worker, areas, pool);
  thread.connected({ sendSocket: () => true, wake: () => undefined } as unknown as DescriptorPipe);
  pool.threads.push(thread);
  for (let index = 0; index < load.connections; index++) {
    const wire = { ...noWire, remote: `127.0.0.1:${index + 1}`, local: '127.0.0.1:0' };
    const connection = running.server.accept(wire, false);
    connection.wire = thread.adopt({} as AcceptedHandle, wire, true, connection)!;
  }

  let begun: { readonly seconds: number; readonly done: number } | undefined;
  let idleTurns = 0;
  const ended = new Promise<Saturated>((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (done: number) => {
      const seconds = mainSeconds(process.pid);
      if (begun === undefined) {
        begun = { seconds, done };
        idleTurns = 0;
        return;
      }
      const served = done - begun.done;
      resolve({ mainMicros: ((seconds - begun.seconds) / served) * 1e6, idleTurns, served });
    });
  });
  let isOver = false;
  const turn = (): void => {
    const head = Atomics.load(words, Word.requestHead);
    if (thread.hasWork) pool.visit();
    else {
      idleTurns++;
      Atomics.wait(words, Word.requestHead, head, 1);
    }
    if (!isOver) setImmediate(turn);
  };
  turn();
  const figures = await ended;
  isOver = true;
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await worker.terminate();
  await shown.close();
  process.exit();
}

if (isMainThread) {
  const [command, connections, pipeline, requests] = process.argv.slice(2);
  await serve({
    command: command!,
    connections: Number(connections),
    pipeline: Number(pipeline),
    requests: Number(requests),
  });
} else feed(workerData as Load);
