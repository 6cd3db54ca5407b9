import { clusterScenarios } from './cluster.js';
import { durabilityScenarios } from './durability.js';
import { hostilePeersScenarios } from './hostile-peers.js';
import { replicationScenarios } from './replication.js';
import { replicationRolesScenario } from './replication-roles.js';
import type { Scenario } from './scenario.js';
import { sentinelScenarios } from './sentinel.js';
import { sentinelLiarScenario } from './sentinel-liar.js';
import { slotsScenario } from './slots.js';

export const scenarios: readonly Scenario[] = [
  ...durabilityScenarios,
  ...replicationScenarios,
  replicationRolesScenario,
  ...hostilePeersScenarios,
  ...clusterScenarios,
  ...sentinelScenarios,
  sentinelLiarScenario,
  slotsScenario('slots'),
];
