// sentinel-departures: a sentinel and a replica that never come back; the others forget them by themselves, all of them, and fail over
// with the majority of those that are left. While two sentinels are only cut off, nobody of the smaller side forgets anybody.

import type { World } from '../world.js';
import type { Scenario } from './scenario.js';
import { Deployment, ElectionRecord, MASTER_NAME } from './sentinel-deployment.js';

const CALM_MS_MAX = 600_000;
const STALE_AFTER_MS = 60_000;
/** Everybody looks once a minute, and all must agree at that moment. */
const FORGET_MS_MAX = STALE_AFTER_MS * 6;

export async function runDepartures(world: World): Promise<void> {
  const { random } = world;
  const more = { after: [`sentinel stale-after ${MASTER_NAME} ${STALE_AFTER_MS}`] };
  const deployment = new Deployment(world, 5, new ElectionRecord(world), more);
  const { net, servers, sentinels, hosts } = deployment;
  deployment.start();
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);

  const cutOff = sentinels.slice(0, 2).map(({ host }) => host);
  net.partition(
    cutOff,
    hosts.filter((host) => !cutOff.includes(host)),
  );
  await world.run(STALE_AFTER_MS * 4);
  for (const process of sentinels.slice(0, 2))
    if (process.server!.state.master(MASTER_NAME)!.peers.size !== 4)
      throw new Error(`${process.host.name} has forgotten sentinels although it is on the smaller side`);
  net.heal();
  await world.runUntil('all agree after the cut', CALM_MS_MAX, () => deployment.isCalm);

  const master = deployment.agreed!;
  const replica = random.pick(servers.filter((server) => server !== master));
  const departed = random.pick(sentinels);
  replica.host.kill();
  departed.host.powerOff();
  const staying = sentinels.filter((process) => process !== departed);
  const seen = (process: (typeof sentinels)[number]) => process.server!.state.master(MASTER_NAME)!;
  await world.runUntil('all have forgotten the sentinel and the replica', FORGET_MS_MAX, () =>
    staying.every((each) => seen(each).peers.size === 3 && seen(each).replicas.size === 1),
  );
  master.host.kill();
  await world.runUntil('the rest fails over', 60_000, () =>
    staying.every((each) => ![replica.host.address, master.host.address].includes(deployment.masterOf(each))),
  );
  master.start();
  // Those that come back after all are met again.
  replica.start();
  departed.start();
  await world.runUntil('all agree in the end', CALM_MS_MAX, () => deployment.isCalm);
}

export const sentinelDeparturesScenario: Scenario = {
  name: 'sentinel-departures',
  description: 'a sentinel and a replica that are gone for good are forgotten, and none that is only cut off',
  run: runDepartures,
};
