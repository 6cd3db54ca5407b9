import { clusterScenarios } from './cluster.js';
import { durabilityScenarios } from './durability.js';
import { replicationScenarios } from './replication.js';
import { sentinelScenarios } from './sentinel.js';
import type { Scenario } from './scenario.js';

export const scenarios: readonly Scenario[] = [
  ...durabilityScenarios,
  ...replicationScenarios,
  ...clusterScenarios,
  ...sentinelScenarios,
];
