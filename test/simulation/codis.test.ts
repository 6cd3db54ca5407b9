// SIM_SEEDS=1000 runs so many seeds of each; `npm run simulate -- --scenario codis-async --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { Session } from '../../src/proxy/session/session.js';
import { codisScenarios } from '../../src/simulation/scenarios/codis.js';

const seeds = Number(process.env.SIM_SEEDS ?? 2);

for (const scenario of codisScenarios) {
  test(`${scenario.name}: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { error, timeline } = await runScenario(scenario, seed);
      assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
    }
  });
}

test('a client whose requests overtake each other while a slot moves is found out', async (t) => {
  const { hold, letGo } = Session.prototype;
  t.after(() => Object.assign(Session.prototype, { hold, letGo }));
  Object.assign(Session.prototype, { hold: () => undefined, letGo: () => undefined });
  for (let seed = 1; seed <= 20; seed++)
    for (const scenario of codisScenarios) {
      const { error } = await runScenario(scenario, seed);
      if (error !== undefined) return;
    }
  assert.fail('no seed finds it');
});
