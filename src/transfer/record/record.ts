// record: what flows through a transfer: keys with their values, function libraries, and commands of a live stream.
//
// A key's value has one of two forms, or both: `raw`, the bytes of RDB after the key, which cost nothing to pass
// on (RESTORE, another RDB), and `value`, its elements (see values.ts), which every sink can write. A source gives what it has;
// `valueOf` (decode.ts) makes the elements of the raw bytes when a sink wants them.
//
// A collection that is bigger than PART_BYTES comes in parts, so that memory does not depend on the biggest value: 'first' ...
// 'more' ... 'last'. Strings and streams are always whole.

import { NO_EXPIRY } from '../../persistence/rdb/format.js';
import type { PlainStrings } from '../../persistence/rdb/plain-strings.js';
import type { EncodedCommands } from './encoded-commands.js';
import type { Value } from './values.js';

/** How many bytes of a collection are in memory at a time. */
export const PART_BYTES = 4 << 20;

/** Where an expiry is asked for and there is none, as in the RDB that most records come from. */
export { NO_EXPIRY };

export type Part = 'whole' | 'first' | 'more' | 'last';

export interface KeyRecord {
  readonly what: 'key';
  database: number;
  key: Uint8Array;
  /** ValueKind of persistence/rdb/format. */
  readonly kind: number;
  /** Milliseconds since 1970; NO_EXPIRY for none, other negative times have passed. */
  expireAtMs: number;
  /** -1: not known. */
  readonly idleSeconds: number;
  readonly frequency: number;
  readonly part: Part;
  /** RDB type of `raw`. */
  readonly rdbType: number;
  /** The value as RDB, without type and key. */
  readonly raw: Uint8Array | undefined;
  readonly isValkey: boolean;
  value: Value | undefined;
}

export interface FunctionRecord {
  readonly what: 'function';
  readonly code: Uint8Array;
}

/** A command of a live stream or of an append-only file. */
export interface CommandRecord {
  readonly what: 'command';
  readonly database: number;
  readonly args: readonly Uint8Array[];
  /** Which node of a cluster it is for; undefined: for all of them. */
  readonly firstKey?: Uint8Array | undefined;
  /** Of a live stream: where it ends. */
  readonly offset?: number;
}

/** A field that describes an RDB file. */
export interface AuxRecord {
  readonly what: 'aux';
  readonly name: string;
  readonly text: string;
}

export type TransferRecord = KeyRecord | FunctionRecord | CommandRecord | AuxRecord;

/** Records that go through the pipeline together. */
export interface Batch {
  readonly records: TransferRecord[];
  /** Further keys; only of a source that was told that its sink takes them in this form. */
  readonly strings?: readonly PlainStrings[];
  /** Commands after the records; only of a source whose sink takes them in this form. */
  readonly commands?: EncodedCommands;
  /** Bytes of the source that were read so far. */
  readonly sourceBytes: number;
  /** Where the source can go on after this batch; undefined where it cannot. */
  readonly position?: Position;
}

/** Where a source goes on: JSON, and understood by the source that made it. */
export type Position = Readonly<Record<string, string | number | readonly string[]>>;

export interface Source {
  /** For messages. */
  readonly name: string;
  /** Bytes in all, or keys in all; undefined where it is not known. */
  readonly totalBytes: number | undefined;
  readonly totalKeys: number | undefined;
  batches(): AsyncGenerator<Batch, void>;
  /** Things worth telling: left-out data, damage. Asked after the end. */
  readonly warnings: readonly string[];
}

export interface Sink {
  readonly name: string;
  /** Takes the batch; returns when there is room for the next one. */
  write(batch: Batch): Promise<void>;
  /** Makes sure that everything has arrived. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Something that the user has to know; ends the program with `status`. */
export class TransferError extends Error {
  constructor(
    message: string,
    readonly status = 1,
  ) {
    super(message);
  }
}

export function keyRecord(fields: Partial<KeyRecord> & Pick<KeyRecord, 'key' | 'kind'>): KeyRecord {
  // Written out: a spread of both costs a microsecond a key.
  return {
    what: 'key',
    database: fields.database ?? 0,
    key: fields.key,
    kind: fields.kind,
    expireAtMs: fields.expireAtMs ?? NO_EXPIRY,
    idleSeconds: fields.idleSeconds ?? -1,
    frequency: fields.frequency ?? -1,
    part: fields.part ?? 'whole',
    rdbType: fields.rdbType ?? -1,
    raw: fields.raw,
    isValkey: fields.isValkey ?? false,
    value: fields.value,
  };
}
