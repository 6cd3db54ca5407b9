// create-groups: servers that belong together, for a test.

import { LocalCluster } from './local-cluster.js';
import type { LocalGroup } from './local-group.js';
import { LocalReplicated } from './local-replicated.js';
import { LocalSentinel } from './local-sentinel.js';
import type {
  ClusterOptions,
  ReplicatedOptions,
  SentinelOptions,
  TestCluster,
  TestReplicated,
  TestSentinel,
} from './test-kit.js';

/** Starts a group; what was started is stopped when that fails. */
async function begun<Group extends LocalGroup>(group: Group, begin: () => Promise<void>): Promise<Group> {
  try {
    await begin();
    return group;
  } catch (error) {
    await group.close();
    throw error;
  }
}

/** Starts a master with `replicas` replicas (1 if absent), in sync. */
export function createReplicated(options: ReplicatedOptions = {}): Promise<TestReplicated> {
  const group = new LocalReplicated(options);
  return begun(group, () => group.begin(options));
}

/** Starts a cluster of `masters` masters (3 if absent) with `replicas` replicas each (none if absent), which serves. */
export function createCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const group = new LocalCluster(options);
  return begun(group, () => group.begin(options));
}

/** Starts a master with `replicas` replicas (1 if absent) and `sentinels` sentinels (3 if absent) that know each other. */
export function createSentinel(options: SentinelOptions = {}): Promise<TestSentinel> {
  const group = new LocalSentinel(options);
  return begun(group, () => group.begin(options));
}
