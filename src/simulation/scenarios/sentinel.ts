// sentinel: a master, two replicas and three or five sentinels, with everything that may happen to hosts, links, disks and clocks;
// there are never two leaders in one epoch, and when it calms down there is one master that all agree on.

import type { World } from '../world.js';
import type { Scenario } from './scenario.js';
import { Deployment, DOWN_AFTER_MS, ElectionRecord, FAILOVER_TIMEOUT_MS } from './sentinel-deployment.js';
import { strikes } from './sentinel-strikes.js';

const FAULTS = 7;
/** Tilt lasts 30 s, an old master is let be for 8 s, and failovers that fail are tried again after two timeouts. */
const CALM_MS_MAX = 600_000;
/** From the death of the master to a new one that most agree on, with all else well: down-after, votes, and one more try. */
const FAILOVER_MS_MAX = DOWN_AFTER_MS + 10_000 + 2 * FAILOVER_TIMEOUT_MS + 5000;

export interface SentinelOptions {
  readonly sentinelCount: number;
  /** False: only leaders are compared. */
  readonly checksVotes?: boolean;
  /** Tests plant bugs here. */
  readonly plant?: (deployment: Deployment) => void;
}

export async function runSentinels(world: World, options: SentinelOptions): Promise<void> {
  const { sentinelCount, checksVotes, plant } = options;
  const record = new ElectionRecord(world, checksVotes);
  const deployment = new Deployment(world, sentinelCount, record);
  plant?.(deployment);
  deployment.start();
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  for (let fault = 0; fault < FAULTS; fault++) {
    await world.run(world.random.below(6000));
    await world.random.pick(strikes)(world, deployment);
  }
  await world.runUntil('all agree again', CALM_MS_MAX, () => deployment.isCalm);
  // A sentinel that failed over or voted lately waits for two timeouts.
  await world.run(3 * FAILOVER_TIMEOUT_MS);
  await world.runUntil('all agree after a while', CALM_MS_MAX, () => deployment.isCalm);
  const last = deployment.agreed!;
  last.host.kill();
  await world.runUntil('most agree on a new master', FAILOVER_MS_MAX, () => {
    const moved = deployment.sentinels.filter((process) => {
      const at = deployment.masterOf(process);
      return at !== '' && at !== last.host.address;
    });
    return moved.length * 2 > sentinelCount;
  });
  last.start();
  await world.runUntil('the old master follows', CALM_MS_MAX, () => deployment.isCalm);
}

export const sentinelScenarios: readonly Scenario[] = [
  {
    name: 'sentinel',
    description: 'three sentinels, a master and two replicas: cuts, pauses, kills, clocks; one master in the end',
    run: (world) => runSentinels(world, { sentinelCount: 3 }),
  },
  {
    name: 'sentinel-five',
    description: 'the same with five sentinels',
    run: (world) => runSentinels(world, { sentinelCount: 5 }),
  },
];
