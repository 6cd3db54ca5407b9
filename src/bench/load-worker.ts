// load-worker: one load thread; opens, runs and closes the jobs that the main thread posts.
import { parentPort } from 'node:worker_threads';
import { Load } from './load.js';
import type { LoadJob } from './load.js';

export type WorkerOrder = { kind: 'open'; job: LoadJob } | { kind: 'run' } | { kind: 'close' };
export type WorkerReport = { kind: 'opened' } | { kind: 'done' } | { kind: 'failed'; message: string };

if (parentPort !== null) {
  const port = parentPort;
  let load: Load | undefined;
  const report = (message: WorkerReport): void => port.postMessage(message);
  const fail = (error: unknown): void =>
    report({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  port.on('message', (order: WorkerOrder) => {
    if (order.kind === 'open') {
      load = new Load(order.job);
      load.open().then(() => report({ kind: 'opened' }), fail);
    } else if (order.kind === 'run') load?.run().then(() => report({ kind: 'done' }), fail);
    else load?.close();
  });
}
