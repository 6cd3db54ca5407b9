// router: which server a key belongs to; one kind for each scheme (twemproxy's pools, codis slots, cluster slots, a master with
// replicas).
//
// A session asks it for each request and knows nothing of schemes. Where a request may have to be repeated elsewhere (a cluster's
// redirections, a slot on its way), the router takes the whole request over.

import type { ReplySink } from '../wire/reply-sink.js';
import type { Backend } from '../pool/backend.js';
import type { Preparation } from '../online/preparation.js';
import type { Plan } from './plan.js';

/** A request as bytes, valid during the call only. */
export interface Frame {
  bytes: Uint8Array;
  from: number;
  count: number;
  /** The key that says where it goes; length -1 when it has none. */
  keyStart: number;
  keyLength: number;
}

/** The sender of a request, which decides which of a server's connections is used. */
export interface Asker {
  readonly lane: number;
  readonly databaseIndex: number;
  readonly protocol: 2 | 3;
  /** Its later requests wait until `letGo`: the present one takes another way, on which they could overtake it. */
  hold?(): void;
  letGo?(): void;
  /** Its later requests wait until the function that it returns is called. */
  waitForServer?(): () => void;
}

export interface Router {
  /** Why `pick` found no server: an error for the client, without the '-'. */
  readonly error: string;
  /** The server of a key. @hot */
  pick(bytes: Uint8Array, start: number, length: number, isWrite: boolean): Backend | undefined;
  /** A number that is the same for keys that a transaction or a script may name together. */
  placeOf(bytes: Uint8Array, start: number, length: number): number;
  /** One server for each part of the data. */
  readonly backends: readonly Backend[];
  any(): Backend | undefined;
  /** How often a server was ejected, where that is done. */
  readonly ejectCount?: number | undefined;
  /** A message published at one server reaches the subscribers of all of them. */
  readonly publishesEverywhere: boolean;
  /** Sends the request itself, because it may have to be repeated. */
  readonly forward: ((owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame) => void) | undefined;
  /** Called when a request goes to all servers, for further receivers of it. */
  forwardToAll?(asker: Asker, plan: Plan, frame: Frame): void;
  /** A key is about to be written by a request that `forward` does not see. */
  touch?(databaseIndex: number, key: Uint8Array): void;
  /** Work that must finish before requests run; undefined most of the time. */
  readonly preparation?: Preparation | undefined;
  /** Resolves when all that was sent so far is answered, where the servers alone do not know that. */
  settle?(): Promise<void>;
  /** Gives up its connections and timers, after the outstanding replies have come. */
  close(): void;
}

/** Resolves when all that was sent by this router so far is answered, or will never be. */
export async function settleRouter(router: Router): Promise<void> {
  if (router.settle !== undefined) await router.settle();
  else await Promise.all(router.backends.map((backend) => backend.settle()));
}
