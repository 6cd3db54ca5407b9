// main: measures ways to have a Redis in a test, and prints the table of docs/compared.md.
//
//   npm run compare                            all of them, each in a process of its own
//   npm run compare -- "ioredis-mock"          one of them
//   npm run compare -- --clusters              starts of clusters of the test kit
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createCluster } from '../../../src/testing/create-groups.js';
import { runSuite, seed, TEST_COUNT } from './suite.js';
import { processorTicksOf, residentBytesOf, variants } from './variants.js';

interface Runs {
  readonly first: number;
  readonly best: number;
}

interface Measured {
  readonly startMs: number;
  readonly againMs: number;
  readonly megabytes: number;
  /** The first run, in which the test's process compiles what it runs, and the best of all. */
  readonly suiteMs: Runs;
  readonly seededMs: Runs;
  /** Processor time of the test process and its server for one suite with data. */
  readonly processorMs: Runs;
}

/** Of several runs, as the machine has other things to do as well. */
const ROUNDS = 6;

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

async function runsOf(run: () => Promise<number>): Promise<Runs> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await run());
  return { first: times[0]!, best: Math.min(...times) };
}

/** Start, memory and suites of one variant, in this process. */
export async function measure(name: string): Promise<Measured> {
  const before = process.memoryUsage.rss();
  const { ms: startMs, running } = await started(name);
  const own = process.memoryUsage.rss() - before;
  const others = running.pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0);
  const { client, isolate } = running;
  const suiteMs = await runsOf(() => runSuite(client, false, isolate));
  await isolate();
  await seed(client);
  running.keep?.();
  const isolateAndSeed = async (): Promise<void> => {
    await isolate();
    if (running.keep === undefined) await seed(client);
  };
  const processor: number[] = [];
  const seededMs = await runsOf(async () => {
    const before = processorMs(running.pids);
    const ms = await runSuite(client, true, isolateAndSeed);
    processor.push(processorMs(running.pids) - before);
    return ms;
  });
  await running.stop();
  const again = await started(name);
  await again.running.stop();
  return {
    startMs,
    againMs: again.ms,
    megabytes: (own + others) / 2 ** 20,
    suiteMs,
    seededMs,
    processorMs: { first: processor[0]!, best: Math.min(...processor) },
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
  const cells = [startMs, againMs, megabytes].map((figure) => figure.toFixed(figure < 10 ? 1 : 0));
  for (const { first, best } of [suiteMs, seededMs, ms]) cells.push(`${first.toFixed(0)}, ${best.toFixed(0)}`);
  return `| ${name} | ${cells.join(' | ')} |`;
}

/** Milliseconds and processor milliseconds of a cluster of three masters and three replicas, from the call until it serves. */
async function clusterStarts(sockets: boolean): Promise<string> {
  const starts: string[] = [];
  for (let round = 0; round < 4; round++) {
    const beganMs = performance.now();
    const beganProcessorMs = processorMs([]);
    await using cluster = await createCluster({ masters: 3, replicas: 1, sockets });
    assert.equal(cluster.run('SET', 'a', '1'), 'OK');
    const processor = processorMs([]) - beganProcessorMs;
    starts.push(`${(performance.now() - beganMs).toFixed(0)} (${processor.toFixed(0)})`);
  }
  return starts.join(', ');
}

const words = process.argv.slice(2);
if (words[0] === '--clusters') {
  for (const sockets of [true, false])
    process.stdout.write(
      `A cluster of 3 + 3 ${sockets ? 'on ports' : 'without sockets'} serves after ${await clusterStarts(sockets)} ms; of the processor in brackets.\n`,
    );
} else if (words[0] === '--json') {
  process.stdout.write(JSON.stringify(await measure(words[1]!)));
} else {
  process.stdout.write(
    `| | first start, ms | another start, ms | memory, MB | ${TEST_COUNT} tests: first, best, ms | with data: first, best, ms | their processor time: first, best, ms |\n|---|--:|--:|--:|--:|--:|--:|\n`,
  );
  for (const name of words.length > 0 ? words : Object.keys(variants))
    process.stdout.write(`${row(name, measureApart(name))}\n`);
}
