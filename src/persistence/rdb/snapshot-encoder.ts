// snapshot-encoder: a snapshot as an RDB file: the header, facts about the server, functions, entries with their
// expiries.

import type { Keyspace } from '../../keyspace/keyspace.js';
import type { BigBlocks, BigValue, PartHead } from '../snapshot/big-value.js';
import { Opcode, RDB_VERSION, RDB_VERSION_FIELD_TTL } from './format.js';
import type { RdbWriter } from './writer.js';
import type { SnapshotEncoder } from '../snapshot/snapshot.js';
import { ValueEncoder } from './value-encoder.js';

export interface RdbSnapshotOptions {
  /** Auxiliary fields, in order. */
  readonly aux: readonly (readonly [name: string, value: string])[];
  readonly functions: readonly Uint8Array[];
  /** With a policy that looks at uses, they are saved too. */
  readonly uses: 'none' | 'idle' | 'frequency';
}

/** The version a snapshot of these keys needs. */
export function snapshotVersion(keyspace: Keyspace): number {
  return keyspace.databases.some((database) => database.fieldExpiries.count > 0) ? RDB_VERSION_FIELD_TTL : RDB_VERSION;
}

export class RdbSnapshotEncoder implements SnapshotEncoder {
  private readonly values: ValueEncoder;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly options: RdbSnapshotOptions,
    writer: RdbWriter,
  ) {
    this.values = new ValueEncoder(keyspace, writer);
  }

  start(writer: RdbWriter): void {
    writer.header(snapshotVersion(this.keyspace));
    for (const [name, value] of this.options.aux) writer.aux(name, value);
    for (const code of this.options.functions) writer.function(code);
  }

  selectDatabase(writer: RdbWriter, index: number): void {
    writer.selectDb(index);
  }

  announceDatabase(writer: RdbWriter, keys: number, expires: number): void {
    writer.resizeDb(keys, expires);
  }

  /** @hot */
  write(writer: RdbWriter, entry: number): void {
    this.attributes(writer, entry);
    this.values.write(entry, false);
  }

  open(writer: RdbWriter, entry: number): PartHead {
    this.attributes(writer, entry);
    return this.values.open(entry);
  }

  members(writer: RdbWriter, value: BigValue, members: Int32Array, count: number): void {
    this.values.writer = writer;
    this.values.members(value, members, count);
  }

  block(writer: RdbWriter, value: BigBlocks, index: number): void {
    this.values.writer = writer;
    this.values.block(value, index);
  }

  close(): void {
    return;
  }

  /** Writes the fields before an entry's type. */
  private attributes(writer: RdbWriter, entry: number): void {
    const { entries } = this.keyspace;
    if (entries.hasNumber(entry)) {
      writer.byte(Opcode.expireMs);
      writer.int64(entries.number(entry));
    }
    if (this.options.uses === 'idle') {
      writer.byte(Opcode.idle);
      writer.writeLength(Math.floor(this.keyspace.idleMs(entry) / 1000));
    } else if (this.options.uses === 'frequency') {
      writer.byte(Opcode.freq);
      writer.byte(this.keyspace.frequency(entry));
    }
    this.values.writer = writer;
  }

  end(writer: RdbWriter): void {
    writer.byte(Opcode.end);
  }
}
