// hooks: the places where features join in with the server's work.
//
// Each is a list, so that any number of features (persistence, tracking, replication) can use the same one. Features add themselves
// once, when they are made; nothing is ever taken out. None of these lists is walked on the way of a plain command.
//
// Not here: state that a feature keeps for a client (service/clients/client-features).

import type { Command } from '../registry/command.js';
import type { Client } from '../service/clients/client.js';
import { ServiceHooks } from '../service/hooks.js';
import type { ServerCall, ShutdownOptions } from './call.js';

export class Hooks extends ServiceHooks {
  /** Called after FLUSHDB (with an index) and FLUSHALL (-1): persistence saves, tracking invalidates everything. */
  readonly flushes: ((index: number) => void)[] = [];
  /** Awaited, one after the other, before the first client is served: data comes from disk. A rejection ends the start. */
  readonly beforeServing: (() => Promise<void>)[] = [];
  /** Awaited, one after the other, before the server ends: each saves what it must, or returns why the server must not end. */
  readonly beforeShutdown: ((how: ShutdownOptions) => Promise<string | undefined>)[] = [];
  /** Awaited last of all: files are closed. */
  readonly stops: (() => Promise<void>)[] = [];
  /** Each may return why a write is refused now; the first reason counts. Asked only while Gate.WRITES is up. */
  readonly writeRefusals: ((client: Client, command: Command<ServerCall>) => string | undefined)[] = [];
  /** As `writeRefusals`, for PING: a watcher such as Sentinel then learns that the disk does not take the data. */
  readonly pingRefusals: (() => string | undefined)[] = [];
  /** Called when all data has been replaced by a master's. */
  readonly replacements: (() => void)[] = [];
  /** Called when the server has become a master or a replica. */
  readonly roleChanges: (() => void)[] = [];
  /** Called by DEBUG CHANGE-REPL-ID. */
  readonly replicationIdChanges: (() => void)[] = [];
}
