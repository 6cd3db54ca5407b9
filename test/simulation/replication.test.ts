// SIM_SEEDS=1000 runs so many seeds; `npm run simulate -- --scenario replication --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { hostilePeersScenarios } from '../../src/simulation/scenarios/hostile-peers.js';
import { replicationRolesScenario } from '../../src/simulation/scenarios/replication-roles.js';
import { replicationScenarios } from '../../src/simulation/scenarios/replication.js';

const seeds = Number(process.env.SIM_SEEDS ?? 1);

/** The trace of the first seed of each scenario. */
const traces = new Map<string, string>();

for (const scenario of [...replicationScenarios, replicationRolesScenario, ...hostilePeersScenarios]) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline, traceHash } = await runScenario(scenario, seed);
      if (seed === 1) traces.set(scenario.name, traceHash);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-30).join('\n')}`);
    }
  });
}

test('the same seed gives the same run', async () => {
  const [scenario] = replicationScenarios;
  const { traceHash } = await runScenario(scenario!, 1);
  assert.equal(traces.get(scenario!.name), traceHash);
});
