import { clusterScenarios } from './cluster.js';
import { codisScenarios } from './codis.js';
import { durabilityScenarios } from './durability.js';
import { hostilePeersScenarios } from './hostile-peers.js';
import { proxyMigrationScenario } from './proxy-migration.js';
import { replicationScenarios } from './replication.js';
import { replicationRolesScenario } from './replication-roles.js';
import { recipeCacheScenarios } from './recipe-caches.js';
import { recipePlaceScenarios } from './recipe-places.js';
import { recipeScenarios } from './recipes.js';
import type { Scenario } from './scenario.js';
import { sentinelScenarios } from './sentinel.js';
import { sentinelDeparturesScenario } from './sentinel-departures.js';
import { sentinelLiarScenario } from './sentinel-liar.js';
import { sentinelNamesScenario } from './sentinel-names.js';
import { slotsScenario } from './slots.js';

export const scenarios: readonly Scenario[] = [
  ...durabilityScenarios,
  ...replicationScenarios,
  replicationRolesScenario,
  ...hostilePeersScenarios,
  ...clusterScenarios,
  ...codisScenarios,
  proxyMigrationScenario,
  ...sentinelScenarios,
  sentinelLiarScenario,
  sentinelNamesScenario,
  sentinelDeparturesScenario,
  slotsScenario('slots'),
  ...recipeScenarios,
  ...recipePlaceScenarios,
  ...recipeCacheScenarios,
];
