// SIM_SEEDS=1000 runs so many seeds; `npm run simulate -- --scenario replication --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { hostilePeersScenarios } from '../../src/simulation/scenarios/hostile-peers.js';
import { replicationRolesScenario } from '../../src/simulation/scenarios/replication-roles.js';
import { replicationScenarios } from '../../src/simulation/scenarios/replication.js';

const seeds = Number(process.env.SIM_SEEDS ?? 1);

for (const scenario of [...replicationScenarios, replicationRolesScenario, ...hostilePeersScenarios]) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-30).join('\n')}`);
    }
  });
}

test('the same seed gives the same run', async () => {
  const first = await runScenario(replicationScenarios[0]!, 5);
  const second = await runScenario(replicationScenarios[0]!, 5);
  assert.equal(first.traceHash, second.traceHash);
});
