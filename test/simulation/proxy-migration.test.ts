// SIM_SEEDS=1000 runs so many seeds; `npm run simulate -- --scenario proxy-migration --seed N` replays one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MigratingRouter } from '../../src/proxy/online/migrating-router.js';
import { runScenario } from '../../src/simulation/run-scenario.js';
import { proxyMigrationScenario } from '../../src/simulation/scenarios/proxy-migration.js';

const asked = process.env.SIM_SEEDS;
const seeds = Number(asked ?? 2);

test(`${proxyMigrationScenario.name}: ${seeds} seeds`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const { error, timeline } = await runScenario(proxyMigrationScenario, seed);
    assert.equal(error, undefined, `seed ${seed}: ${error?.message}\n${timeline.slice(-40).join('\n')}`);
  }
});

// A dozen seeds go by before one has a write under way at the right moment.
const isLong = asked === undefined ? 'SIM_SEEDS asks for it' : false;

test(
  'a migration that begins before what was sent to the old servers is answered is found out',
  { skip: isLong },
  async (t) => {
    const { begin } = MigratingRouter.prototype;
    t.after(() => Object.assign(MigratingRouter.prototype, { begin }));
    Object.assign(MigratingRouter.prototype, {
      begin(this: MigratingRouter) {
        return begin.call(this, Promise.resolve());
      },
    });
    for (let seed = 1; seed <= 60; seed++) {
      const { error } = await runScenario(proxyMigrationScenario, seed);
      if (error !== undefined) return;
    }
    assert.fail('no seed finds it');
  },
);
