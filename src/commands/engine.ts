// engine: the surroundings of a data command besides its arguments; the server implements them, tests may too.

import { utf8 } from '../base/bytes.js';
import type { Call } from '../registry/call.js';
import type { CommandDeclaration } from '../registry/command.js';
import type { DataLimits } from '../registry/data-limits.js';
import type { Database } from '../keyspace/database.js';
import type { Keyspace } from '../keyspace/keyspace.js';

/** A part of a command that is propagated: bytes, ASCII text, or a whole number. */
export type Part = Uint8Array | string | number | bigint;

/** A part as the bytes that are propagated. */
export function partBytes(part: Part): Uint8Array {
  return part instanceof Uint8Array ? part : utf8(String(part));
}

export interface BlockRequest {
  /** Argument indexes of the keys to wait for; not kept. */
  readonly keys: readonly number[];
  /** How long to wait; 0: for ever. */
  readonly timeoutMs: number;
  /** Writes the reply when the time is over, or CLIENT UNBLOCK says so. */
  readonly onTimeout: (reply: DataCall['reply']) => void;
  /**
   * The command to run again when a key has changed: the same command if absent. XREAD puts the ids that `$` stood for here.
   */
  readonly args?: readonly Part[];
  /** The type that a key must have to wake the client: BLPOP goes on waiting when a key becomes a string. Any if absent. */
  readonly onlyType?: number;
  /** When to run the command again even if nothing has changed by then, in wall-clock ms (what is pending becomes idle). */
  readonly retryAtMs?: number;
  /** Run again when a key is deleted or gets another type too (XREADGROUP answers with an error then). */
  readonly wakesOnDelete?: boolean;
}

export interface Engine {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  /** Whether anybody (AOF, replicas) wants to know effects; rewriting may be skipped if not. */
  readonly propagates: boolean;
  /**
   * The command waits: its client is suspended, and the same command is run again from the start when one of the keys
   * was changed, first come first served, until it replies without calling `block`. The caller has checked
   * `call.denyBlocking` and returns at once, without having replied.
   */
  block(call: DataCall, request: BlockRequest): void;
  /** Whether the caller's user may read keys of any name: what makes up key names asks. Everybody may if absent. */
  mayReadEveryKey?(call: DataCall): boolean;
  /**
   * Whether the calling client may keep so many more bytes in the heap until it gives them back. If not, a client is being
   * closed for it, perhaps this one. Everybody may if absent.
   */
  admitState?(client: DataClient, bytes: number): boolean;
  releaseState?(client: DataClient, bytes: number): void;
  /** The command to propagate for a key that goes because of its age, or because a command took all that was in it. */
  reclaimCommand(reason: 'expired' | 'emptied'): 'DEL' | 'UNLINK';
  /** Propagates this in place of the command as it was called (SPOP -> SREM). May be called once per run. */
  rewrite(call: DataCall, args: readonly Part[]): void;
  /** Propagates this too, after the command itself or its rewriting, in order. */
  alsoPropagate(call: DataCall, args: readonly Part[]): void;
  /** Propagates nothing of this run, whatever it changed. */
  preventPropagation(call: DataCall): void;
}

/** The calling client as commands see it. */
export interface DataClient {
  readonly id: number;
  /** Number of the selected database. */
  databaseIndex: number;
  protocol: 2 | 3;
  /** Its commands were checked and limited where they came from: the AOF, the master. */
  readonly obeyed?: boolean;
}

export type DataCall = Call<Database, Engine, DataClient>;
export type DataCommand = CommandDeclaration<DataCall>;
