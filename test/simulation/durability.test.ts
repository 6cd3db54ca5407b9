// What the simulation must show: promises of durability are kept over many seeds, the same seed is the same run, and bugs that
// are planted are found. SIM_SEEDS=1000 runs so many seeds of each scenario; `npm run simulate` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import {
  durabilityScenarios,
  runDurability,
  type DurabilityOptions,
} from '../../src/simulation/scenarios/durability.js';
import { World } from '../../src/simulation/world.js';

const seeds = Number(process.env.SIM_SEEDS ?? 2);
const PLANTED_SEEDS_MAX = 200;

for (const scenario of durabilityScenarios) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-30).join('\n')}`);
    }
  });
}

test('the same seed gives the same run, another seed another', async () => {
  for (const scenario of durabilityScenarios) {
    const first = await runScenario(scenario, 7);
    const second = await runScenario(scenario, 7);
    const other = await runScenario(scenario, 8);
    assert.equal(first.traceHash, second.traceHash);
    assert.equal(first.virtualMs, second.virtualMs);
    assert.notEqual(first.traceHash, other.traceHash);
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
