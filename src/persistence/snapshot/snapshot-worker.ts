// snapshot-worker: the thread that writes a snapshot's file, so that the engine only copies bytes.

import { parentPort } from 'node:worker_threads';
import { errorCode } from '../../base/system-error.js';
import { RealFiles } from '../../io/files.js';
import { SnapshotFile } from './snapshot-file.js';
import { FileState, type FromWorker, type ToWorker } from './snapshot-sink.js';

const port = parentPort!;
let file: SnapshotFile | undefined;
let hasFailed = false;
let state: Int32Array<ArrayBufferLike> = new Int32Array(1);

function reply(message: FromWorker, buffers: ArrayBuffer[] = []): void {
  port.postMessage(message, buffers);
}

function isGivenUp(): boolean {
  return Atomics.load(state, 0) === FileState.givenUp;
}

function finish(whole: SnapshotFile): void {
  whole.complete();
  // Else the order to give up has been sent.
  if (Atomics.compareExchange(state, 0, FileState.writing, FileState.placing) !== FileState.writing) return;
  try {
    whole.putInPlace();
  } finally {
    Atomics.store(state, 0, FileState.placed);
    Atomics.notify(state, 0);
  }
  reply({ kind: 'done', bytes: whole.written });
  port.close();
}

function handle(message: ToWorker): void {
  switch (message.kind) {
    case 'open':
      state = new Int32Array(message.state);
      if (isGivenUp()) return;
      file = new SnapshotFile(new RealFiles(), message.options);
      return;
    case 'chunk':
      if (!hasFailed && !isGivenUp())
        file!.add(new Uint8Array(message.buffer), message.length, message.marks, message.markCount);
      reply({ kind: 'taken', buffer: message.buffer, length: message.length }, [message.buffer]);
      return;
    case 'finish':
      if (!isGivenUp()) finish(file!);
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
