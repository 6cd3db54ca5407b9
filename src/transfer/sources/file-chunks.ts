// file-chunks: the bytes of a file or of standard input, chunk by chunk; each chunk belongs to who takes it.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

import { noteBytes } from '../garbage.js';

const CHUNK_BYTES = 1 << 20;

export function fileSize(path: string): number {
  const descriptor = openSync(path, 'r');
  try {
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

export function* fileChunks(path: string, from = 0, to = Infinity): Generator<Uint8Array, void> {
  const descriptor = openSync(path, 'r');
  try {
    for (let at = from; at < to;) {
      const size = Math.min(CHUNK_BYTES, to - at);
      // All of it is written before anybody sees it, so it need not be cleared. No Buffer, whose slices would not be copies.
      const chunk = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer, 0, size);
      const count = readSync(descriptor, chunk, 0, chunk.length, at);
      if (count === 0) return;
      at += count;
      noteBytes(count);
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(descriptor);
  }
}

export async function* standardInput(): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of process.stdin) {
    noteBytes((chunk as Buffer).length);
    yield chunk as Buffer;
  }
}

/** The first bytes of a file. */
export function fileHead(path: string, count: number): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(count);
    return head.subarray(0, readSync(descriptor, head, 0, count, 0));
  } finally {
    closeSync(descriptor);
  }
}
