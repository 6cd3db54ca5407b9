import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { recipeWorld, type RecipeWorld } from '../../../test/recipes/world.js';
import { htmlCharts, textChart } from './charts.js';
import { sceneNames, type SceneReport, simulateCache } from './simulate.js';

function run(world: RecipeWorld, scene: (typeof sceneNames)[number], seconds: number): Promise<SceneReport> {
  const step = async (): Promise<void> => {
    world.clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return simulateCache({ commands: world.direct, surroundings: world.surroundings, step }, { scene, seconds });
}

const mostQueries = (slices: SceneReport['with']): number => Math.max(...slices.map(({ queries }) => queries));
const mostMs = (slices: SceneReport['with']): number => Math.max(...slices.map(({ p95Ms }) => p95Ms));

describe('the simulator of cache failures', () => {
  it('shows that protections keep the database within what it bears, and that it breaks without', async () => {
    const world = await recipeWorld(5);
    const seconds = { penetration: 3, breakdown: 5, avalanche: 9, outage: 4 };
    for (const scene of sceneNames) {
      const report = await run(world, scene, seconds[scene]);
      assert.ok(mostQueries(report.without) > report.capacity, `${scene}: ${mostQueries(report.without)} without`);
      assert.ok(mostQueries(report.with) <= 1.1 * report.capacity, `${scene}: ${mostQueries(report.with)} with`);
      assert.ok(
        mostMs(report.without) > 2 * mostMs(report.with),
        `${scene}: ${mostMs(report.without)} ms without, ${mostMs(report.with)} with`,
      );
      const chart = textChart(report);
      assert.match(chart, new RegExp(`^${scene}: `));
      assert.ok(chart.includes('█') && chart.includes('with protections'));
      const page = htmlCharts([report]);
      assert.equal(page.match(/<polyline/g)!.length, 4);
      assert.ok(!/NaN|undefined|<script|https?:/.test(page));
    }
  });

  it('gives the same report for the same seed', async () => {
    const reports = await Promise.all([8, 8].map(async (seed) => run(await recipeWorld(seed), 'penetration', 2)));
    assert.deepEqual(reports[0], reports[1]);
  });

  it('refuses times that make no sense', async () => {
    const world = await recipeWorld(1);
    for (const seconds of [0, 1e9, NaN]) await assert.rejects(run(world, 'outage', seconds), RangeError);
  });
});
