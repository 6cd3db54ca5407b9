// hooks: the places where features join in with the work of any server.
//
// Each is a list, so that any number of features can use the same one. Features add themselves once, when they are made;
// nothing is ever taken out. None of these lists is walked on the way of a plain command.

import type { Connection } from './clients/connection.js';

export class ServiceHooks {
  /** Called at every tick of the cron. */
  readonly ticks: (() => void)[] = [];
  /** Called with each connection that was accepted and not refused. */
  readonly accepted: ((connection: Connection) => void)[] = [];
  /** Called by CONFIG RESETSTAT. */
  readonly statisticsResets: (() => void)[] = [];
  /** Called when replies are held; one of them must see to `releaseReplies` being called at the end of the turn. */
  readonly repliesHeld: (() => void)[] = [];
}
