// SIM_SEEDS=1000 runs so many seeds; `npm run simulate -- --scenario slots --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { slotsScenario } from '../../src/simulation/scenarios/slots.js';

const seeds = Number(process.env.SIM_SEEDS ?? 1);

test(`slots that move in one step: ${seeds} seeds`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const { error, timeline } = await runScenario(slotsScenario('slots'), seed);
    assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
  }
});

test('a handoff during which writes go on is found out', async () => {
  const planted = slotsScenario('slots', (cluster) => (cluster.slotMoves.skipsPause = true));
  // The fifth one has found it; a change of the simulated servers may make it another.
  for (const seed of [5, ...Array.from({ length: 20 }, (_, index) => index + 1)]) {
    const { error } = await runScenario(planted, seed);
    if (error === undefined) continue;
    assert.match(error.message, /changes/);
    return;
  }
  assert.fail('no seed finds the lost writes');
});
