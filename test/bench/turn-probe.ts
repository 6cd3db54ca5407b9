// turn-probe: loaded by `node --import` into the server that a bench measures: notes the processor time of the main thread between
// two turns of its event loop that a timer of a millisecond sees.
//
// The longest answer to PING also has what the machine's other processes took. The server's own part is this: what no client can be
// served in is at most the longest of these times. Only Linux counts a thread's time.

import { openSync, readSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const path = process.env.KVASIR_TURNS;
if (path !== undefined && isMainThread) {
  const counter = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const text = Buffer.alloc(64);
  const processorMs = (): number => {
    const count = readSync(counter, text, 0, text.length, 0);
    return Number(text.toString('latin1', 0, count).split(' ')[0]) / 1e6;
  };
  let longestMs = 0;
  let lastMs = processorMs();
  const look = (): void => {
    const nowMs = processorMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  setInterval(look, 1).unref();
  // Asks for the longest time since the last signal.
  process.on('SIGUSR2', () => {
    writeFileSync(path, `${longestMs}\n`);
    longestMs = 0;
  });
}
