// intrinsic-latency: how long this machine keeps a process waiting that asks for nothing but the processor.
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';

/** Rounds between looks at the event loop, where Ctrl-C arrives; the look itself must not count as latency. */
const roundsPerTurn = 200_000;

const state = new Uint8Array(256);

/** A fixed piece of work without system calls or garbage; the result is used so that it cannot be left out. */
function computeSomething(): number {
  let sum = 0;
  let a = 0;
  let b = 0;
  for (let round = 0; round < 100; round++) {
    a = (a + 1) & 255;
    b = (b + state[a]!) & 255;
    const taken = state[a]!;
    state[a] = state[b]!;
    state[b] = taken;
    sum += state[(state[a]! + state[b]!) & 255]!;
  }
  return sum;
}

export async function runIntrinsicLatency(_session: Session, options: CliOptions, console: Console): Promise<number> {
  for (let index = 0; index < state.length; index++) state[index] = index;
  let asked = false;
  process.once('SIGINT', () => (asked = true));
  const runMs = options.intrinsicLatencySeconds * 1000;
  const endMs = performance.now() + runMs;
  let maxMicros = 0;
  let runs = 0;
  let sum = 0;
  for (;;) {
    let nowMs = 0;
    for (let round = 0; round < roundsPerTurn; round++) {
      const startMs = performance.now();
      sum += computeSomething();
      nowMs = performance.now();
      runs++;
      const micros = Math.floor((nowMs - startMs) * 1000);
      if (micros > maxMicros) {
        maxMicros = micros;
        console.write(`Max latency so far: ${maxMicros} microseconds.\n`);
        console.flush();
      }
      if (nowMs > endMs) break;
    }
    if (asked || nowMs > endMs) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (sum < 0) return 1;
  const averageMicros = (runMs * 1000) / runs;
  console.write(
    `\n${runs} total runs (avg latency: ${averageMicros.toFixed(4)} microseconds / ` +
      `${(averageMicros * 1000).toFixed(2)} nanoseconds per run).\n`,
  );
  console.write(
    `Worst run took ${(averageMicros > 0 ? maxMicros / averageMicros : 0).toFixed(0)}x longer than the average latency.\n`,
  );
  return 0;
}
