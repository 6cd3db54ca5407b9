// sentinel-names: a master that is watched by its name, and a name server that is late, silent, wrong or gone; no failover waits for it.

import type { World } from '../world.js';
import type { Scenario } from './scenario.js';
import { Deployment, DOWN_AFTER_MS, ElectionRecord, FAILOVER_TIMEOUT_MS } from './sentinel-deployment.js';

const CALM_MS_MAX = 600_000;
const FAILOVER_MS_MAX = DOWN_AFTER_MS + 10_000 + 2 * FAILOVER_TIMEOUT_MS + 5000;
const ROUNDS = 4;

type Manner = 'well' | 'late' | 'silent' | 'gone' | 'empty';
const faults: readonly Manner[] = ['late', 'silent', 'gone', 'empty'];

/** Answers for all sentinels; what was asked while it was silent is never answered. */
class NameServer {
  manner: Manner = 'well';

  constructor(
    private readonly world: World,
    private readonly addresses: ReadonlyMap<string, string>,
  ) {}

  resolve(name: string): Promise<readonly string[]> {
    const { world, manner } = this;
    const ip = this.addresses.get(name);
    return new Promise((resolve, reject) => {
      if (manner === 'silent') return;
      const delayMs = manner === 'late' ? 3000 + world.random.below(20_000) : 1 + world.random.below(20);
      world.schedule(delayMs, () => {
        if (manner === 'gone' || ip === undefined) reject(new Error('ENOTFOUND'));
        else resolve(manner === 'empty' ? [] : [ip]);
      });
    });
  }
}

export async function runNames(world: World): Promise<void> {
  const { random } = world;
  const deployment = new Deployment(world, 3, new ElectionRecord(world), {
    before: ['sentinel resolve-hostnames yes'],
    masterHost: 'first.example',
  });
  const { servers, sentinels } = deployment;
  const names = new NameServer(world, new Map(servers.map(({ host }) => [`${host.name}.example`, host.address])));
  for (const sentinel of sentinels) sentinel.resolve = (name) => names.resolve(name);
  // The name server may be late with the first answer, too.
  if (random.chance(50)) names.manner = random.pick(faults);
  deployment.start();
  await world.run(random.below(10_000));
  names.manner = 'well';
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  for (let round = 0; round < ROUNDS; round++) {
    names.manner = random.pick(faults);
    const master = deployment.agreed!;
    await world.run(random.below(5000));
    if (random.chance(30)) {
      const sentinel = random.pick(sentinels);
      sentinel.host.kill();
      sentinel.start();
      // One that has never resolved the name does not watch yet; the others do without it.
    }
    master.host.kill();
    await world.runUntil('most agree on a new master', FAILOVER_MS_MAX + 60_000, () => {
      const moved = sentinels.filter((each) => {
        const at = deployment.addressAt(each);
        return at !== '' && at !== master.host.address;
      });
      return moved.length * 2 > sentinels.length;
    });
    master.start();
    await world.run(random.below(20_000));
    names.manner = 'well';
    await world.runUntil('all agree again', CALM_MS_MAX, () => deployment.isCalm);
    await world.run(3 * FAILOVER_TIMEOUT_MS);
  }
}

export const sentinelNamesScenario: Scenario = {
  name: 'sentinel-names',
  description: 'a master watched by its name, and a name server that is late, silent, empty or gone',
  run: runNames,
};
