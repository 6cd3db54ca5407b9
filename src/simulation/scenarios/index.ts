import { durabilityScenarios } from './durability.js';
import type { Scenario } from './scenario.js';

export const scenarios: readonly Scenario[] = [...durabilityScenarios];
