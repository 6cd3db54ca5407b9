// make-coordinator: the coordinator that a configuration or a flag names.
import type { Clock } from '../../../io/clock.js';
import { FilesystemCoordinator } from '../../doors/filesystem-coordinator.js';
import { type Coordinator, coordinatorKind } from './coordinator.js';
import { RedisCoordinator } from './redis-coordinator.js';

/** Throws an Error that says what there is when the name is none. */
export function makeCoordinator(clock: Clock, name: string, address: string, auth: string): Coordinator {
  return coordinatorKind(name) === 'redis'
    ? new RedisCoordinator(clock, address, auth)
    : new FilesystemCoordinator(address);
}
