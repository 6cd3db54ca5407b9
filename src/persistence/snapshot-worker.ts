// snapshot-worker: the thread that writes a snapshot's file, so that the engine only copies bytes.

import { parentPort } from 'node:worker_threads';
import { errorCode } from '../base/system-error.js';
import { RealFiles } from '../io/files.js';
import { SnapshotFile } from './snapshot-file.js';
import type { FromWorker, ToWorker } from './snapshot-sink.js';

const port = parentPort!;
let file: SnapshotFile | undefined;
let hasFailed = false;
let givenUp: Int32Array<ArrayBufferLike> = new Int32Array(1);

function reply(message: FromWorker, buffers: ArrayBuffer[] = []): void {
  port.postMessage(message, buffers);
}

function handle(message: ToWorker): void {
  switch (message.kind) {
    case 'open':
      givenUp = new Int32Array(message.givenUp);
      file = new SnapshotFile(new RealFiles(), message.options);
      return;
    case 'chunk':
      if (!hasFailed && Atomics.load(givenUp, 0) === 0) file!.add(new Uint8Array(message.buffer), message.length, message.marks, message.markCount);
      reply({ kind: 'taken', buffer: message.buffer, length: message.length }, [message.buffer]);
      return;
    case 'finish':
      file!.finish();
      reply({ kind: 'done', bytes: file!.written });
      port.close();
      return;
    case 'abort':
      file?.abort();
      reply({ kind: 'aborted' });
      port.close();
  }
}

port.on('message', (message: ToWorker) => {
  if (hasFailed && message.kind !== 'chunk') return;
  try {
    handle(message);
  } catch (error) {
    hasFailed = true;
    file?.abort();
    reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error), code: errorCode(error) });
    port.close();
  }
});
