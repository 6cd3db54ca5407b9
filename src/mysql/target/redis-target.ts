// redis-target: what the engine wants of Redis: changes that come with the new state, and reading for comparisons.

import type { Reply } from '../../client/reply.js';
import type { Command } from '../mapping/effects.js';
import type { Word } from '../mapping/template.js';

/** A command with its place in the stream, by which a slot of a cluster knows whether it has had it. */
export interface PlacedCommand extends Command {
  /** Where its transaction begins (a number that grows) and which row of it, for `isDone` of clusters. */
  readonly origin?: Origin;
}

export interface Origin {
  /** Text of the position before the transaction. */
  readonly start: string;
  readonly row: number;
}

export interface TargetBatch {
  readonly commands: readonly PlacedCommand[];
  /** Fields of the state to set, or to remove when undefined. */
  readonly state: ReadonlyMap<string, string | undefined>;
  /** The mark that a slot keeps of this batch; undefined for batches that are no part of the stream. */
  readonly mark: string | undefined;
}

/** The target cannot be reached, or the connection was lost; what was sent may have happened or not. */
export class TargetLost extends Error {}
/** The target's certificate is not trusted, or it does not speak TLS: another attempt ends the same way. */
export class TargetUntrusted extends TargetLost {}
/** Another process has taken the synchronization over. */
export class TakenOver extends Error {}
/** Redis refused a command of a transaction that it carried out otherwise. */
export class CommandFailed extends Error {
  constructor(
    message: string,
    readonly key: Word,
  ) {
    super(message);
  }
}

export interface RedisTarget {
  readonly name: string;
  readonly isCluster: boolean;
  /** The state as it was read. */
  readonly state: ReadonlyMap<string, string>;
  /** The mark that each slot keeps, in clusters. */
  readonly marks: ReadonlyMap<number, string>;
  /** Carries out the commands and changes the state, both or neither (in clusters: slot by slot, then the state). */
  apply(batch: TargetBatch): Promise<void>;
  /** Replies to commands that only read. */
  read(commands: readonly Command[]): Promise<Reply[]>;
  /** The keys that a pattern matches. */
  scan(glob: string): AsyncGenerator<Uint8Array[]>;
  close(): void;
}

export interface TargetOptions {
  readonly stateKey: string;
  /** Names this process among those that may hold the state. */
  readonly token: string;
  /** False: only read. */
  readonly takesOver: boolean;
  /** The token that must still be there; undefined at the first connection of a process. */
  readonly expectsOwn: boolean;
}

export const OWNER_FIELD = 'owner';
