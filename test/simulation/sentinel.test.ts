// Sentinels in simulated worlds. SIM_SEEDS=1000 runs so many seeds of each scenario; `npm run simulate -- --scenario sentinel --seed N`
// replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { sentinelScenarios } from '../../src/simulation/scenarios/sentinel.js';

const seeds = Number(process.env.SIM_SEEDS ?? 2);

for (const scenario of sentinelScenarios) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
    }
  });
}

test('the same seed gives the same run of sentinels', async () => {
  const first = await runScenario(sentinelScenarios[0]!, 3);
  const second = await runScenario(sentinelScenarios[0]!, 3);
  assert.equal(first.traceHash, second.traceHash);
  assert.equal(first.virtualMs, second.virtualMs);
});
