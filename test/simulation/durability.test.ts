// The simulation shows that promises of durability are kept over many seeds, that the same seed is the same run, and
// that planted bugs are found. SIM_SEEDS=1000 runs so many seeds of each scenario; `npm run simulate` replays one.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runScenario } from '../../src/simulation/run-scenario.js';
import {
  durabilityScenarios,
  runDurability,
  type DurabilityOptions,
} from '../../src/simulation/scenarios/durability.js';
import { World } from '../../src/simulation/world.js';

const seeds = Number(process.env.SIM_SEEDS ?? 2);
const PLANTED_SEEDS_MAX = 200;

/** Runs of the first two seeds, by the names of their scenarios. */
const runs = new Map<string, Awaited<ReturnType<typeof runScenario>>[]>();

for (const scenario of durabilityScenarios) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const run = await runScenario(scenario, seed);
      const { error, timeline } = run;
      if (seed <= 2) runs.set(scenario.name, [...(runs.get(scenario.name) ?? []), run]);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-30).join('\n')}`);
    }
  });
}

/** The last line that `npm run simulate` prints for a seed, in a process that has loaded and run nothing else. */
async function replay(name: string, seed: number): Promise<string> {
  const main = fileURLToPath(new URL('../../src/simulation/main.js', import.meta.url));
  const args = [main, '--scenario', name, '--seed', String(seed)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 28 });
  const lines = stdout.trimEnd().split('\n');
  assert.ok(lines.length > 20, 'a timeline comes before it');
  return lines.at(-1)!;
}

test('the same seed gives the same run, in another process too, another seed another', async () => {
  for (const [index, scenario] of durabilityScenarios.entries()) {
    const [first, other] = runs.get(scenario.name) ?? [];
    if (index === 0)
      assert.ok((await replay(scenario.name, 1)).includes(`seed 1: passed; trace ${first?.traceHash}, `));
    else {
      const again = await runScenario(scenario, 1);
      assert.equal(first?.traceHash, again.traceHash);
      assert.equal(first?.virtualMs, again.virtualMs);
    }
    if (seeds >= 2) assert.notEqual(first?.traceHash, other?.traceHash);
  }
});

async function firstFailure(options: DurabilityOptions): Promise<string> {
  for (let seed = 1; seed <= PLANTED_SEEDS_MAX; seed++) {
    const failure = await runDurability(new World(seed), options).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure !== undefined) return failure;
  }
  return 'nothing was found';
}

test('a disk that only says that data is durable is found', async () => {
  const failure = await firstFailure({
    policy: 'always',
    plant: (process) => {
      process.host.files.syncsLie = true;
      process.onServing = () => (process.host.files.syncsLie = true);
    },
  });
  assert.match(failure, /data was lost|does not start/);
});

test('a server that replies before it appends is found', async () => {
  const failure = await firstFailure({
    policy: 'always',
    plant: (process) => {
      process.onServing = ({ server }) =>
        Object.defineProperty(server, 'holdsReplies', { get: () => false, set: () => undefined });
    },
  });
  assert.match(failure, /data was lost/);
});
