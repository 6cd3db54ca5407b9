// main: measures ways to have a Redis in a test, and prints the table of docs/compared.md.
//
//   npm run compare                            all of them, each in a process of its own
//   npm run compare -- "ioredis-mock"          one of them
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runSuite, seed, TEST_COUNT } from './suite.js';
import { processorTicksOf, residentBytesOf, variants } from './variants.js';

interface Measured {
  readonly startMs: number;
  readonly againMs: number;
  readonly megabytes: number;
  readonly suiteMs: number;
  readonly seededMs: number;
  /** Processor time of the test process and its server for one suite with data. */
  readonly processorMs: number;
}

/** Of several runs, as the machine has other things to do as well. */
const ROUNDS = 3;

async function started(name: string): Promise<{ ms: number; running: Awaited<ReturnType<(typeof variants)[string]>> }> {
  const began = performance.now();
  const running = await variants[name]!();
  await running.client.ping();
  return { ms: performance.now() - began, running };
}

/** Processor time of this process and others. */
function processorMs(pids: readonly number[]): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000 + pids.reduce((sum, pid) => sum + processorTicksOf(pid) * 10, 0);
}

/** Start, memory and suites of one variant, in this process. */
export async function measure(name: string): Promise<Measured> {
  const before = process.memoryUsage.rss();
  const { ms: startMs, running } = await started(name);
  const own = process.memoryUsage.rss() - before;
  const others = running.pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0);
  const { client, isolate } = running;
  let suiteMs = Infinity;
  let seededMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) suiteMs = Math.min(suiteMs, await runSuite(client, false, isolate));
  await isolate();
  await seed(client);
  running.keep?.();
  const isolateAndSeed = async (): Promise<void> => {
    await isolate();
    if (running.keep === undefined) await seed(client);
  };
  const processorBefore = processorMs(running.pids);
  for (let round = 0; round < ROUNDS; round++)
    seededMs = Math.min(seededMs, await runSuite(client, true, isolateAndSeed));
  const suiteProcessorMs = (processorMs(running.pids) - processorBefore) / ROUNDS;
  await running.stop();
  const again = await started(name);
  await again.running.stop();
  return {
    startMs,
    againMs: again.ms,
    megabytes: (own + others) / 2 ** 20,
    suiteMs,
    seededMs,
    processorMs: suiteProcessorMs,
  };
}

function measureApart(name: string): Measured | string {
  try {
    const text = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--json', name], { encoding: 'utf8' });
    return JSON.parse(text) as Measured;
  } catch (error) {
    return /Cannot find module '([^']+)'/.exec(String(error))?.[0] ?? String(error).split('\n')[0]!;
  }
}

function row(name: string, measured: Measured | string): string {
  if (typeof measured === 'string') return `| ${name} | ${measured} | | | | | |`;
  const { startMs, againMs, megabytes, suiteMs, seededMs, processorMs: ms } = measured;
  const cells = [startMs, againMs, megabytes, suiteMs, seededMs, ms].map((figure) =>
    figure.toFixed(figure < 10 ? 1 : 0),
  );
  return `| ${name} | ${cells.join(' | ')} |`;
}

const words = process.argv.slice(2);
if (words[0] === '--json') {
  process.stdout.write(JSON.stringify(await measure(words[1]!)));
} else {
  process.stdout.write(
    `| | first start, ms | another start, ms | memory, MB | ${TEST_COUNT} tests, ms | ${TEST_COUNT} tests with data, ms | their processor time, ms |\n|---|--:|--:|--:|--:|--:|--:|\n`,
  );
  for (const name of words.length > 0 ? words : Object.keys(variants))
    process.stdout.write(`${row(name, measureApart(name))}\n`);
}
