// slot-walk: copies slots, one after the other, as commands that make their keys.
//
// A slot of a few small keys, as most are, is written in one go. Another one is a snapshot of its own (persistence/snapshot): its
// keys are written as they were when it began, big ones in parts, while commands go on. There is one walk at a time in a
// server, so a slot may have to wait for a BGSAVE, and a BGSAVE for a slot, but never for a whole migration.
//
// Not here: changes of slots that were copied (slot-export).

import type { Keyspace } from '../../keyspace/keyspace.js';
import { firstHashOf } from '../../keyspace/slot-keys.js';
import { Encoding, Type } from '../../datatypes/object.js';
import type { Clock } from '../../io/clock.js';
import { CommandSnapshotEncoder } from '../../persistence/aof/command-snapshot.js';
import type { RdbWriter } from '../../persistence/rdb/writer.js';
import { BigValues } from '../../persistence/snapshot/big-value.js';
import type { Cuts } from '../../persistence/snapshot/cuts.js';
import { Snapshot } from '../../persistence/snapshot/snapshot.js';
import type { SnapshotSink } from '../../persistence/snapshot/snapshot-sink.js';
import { RefList } from '../../structures/dict.js';

const KEYS_AT_ONCE = 64;
const BYTES_AT_ONCE = 512 * 1024;
/** Estimated size of a collection that is stored outside its entry. */
const COLLECTION_BYTES = 16 * 1024;
const BIG_BYTES = 64 * 1024;
const SLICE_MS = 2;

/** There is one database, so none is selected. */
class SlotEncoder extends CommandSnapshotEncoder {
  override selectDatabase(): void {
    return;
  }
}

export class SlotWalk {
  /** Keys that were written. */
  keysDone = 0;
  private snapshot: Snapshot | undefined;
  private counted = 0;
  private readonly refs = new RefList();
  private readonly bigValues: BigValues;
  private readonly encoder: CommandSnapshotEncoder;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly cuts: Cuts,
    private readonly clock: Clock,
    private readonly sink: SnapshotSink,
    private readonly writer: RdbWriter,
  ) {
    this.encoder = new SlotEncoder(keyspace, []);
    this.bigValues = new BigValues(keyspace, BIG_BYTES);
  }

  /** The bytes written last may be the first part of a command: nothing else may be sent now. */
  get isMidCommand(): boolean {
    return this.snapshot?.isMidCommand === true;
  }

  /** Bytes that are kept because commands changed what was not written yet. */
  get heldBytes(): number {
    return this.snapshot?.heldBytes ?? 0;
  }

  /** Goes on with a slot until `isTime` says so. 'busy': another snapshot is under way. */
  step(slot: number, isTime: () => boolean): 'done' | 'more' | 'busy' {
    const { keyspace, cuts } = this;
    if (this.snapshot === undefined) {
      const count = keyspace.databases[0]!.slots!.counts[slot]!;
      if (count === 0 || this.takeAtOnce(slot, count)) return 'done';
      if (!cuts.lend()) return 'busy';
      this.counted = 0;
      this.snapshot = new Snapshot(keyspace, this.encoder, this.sink, this.writer, BIG_BYTES, slot);
    }
    const { snapshot } = this;
    snapshot.walk(isTime);
    this.keysDone += snapshot.entriesDone - this.counted;
    this.counted = snapshot.entriesDone;
    if (!snapshot.isOver) return 'more';
    this.snapshot = undefined;
    cuts.giveBack();
    return 'done';
  }

  /** Writes a slot that has little in it; false when it has more. */
  private takeAtOnce(slot: number, count: number): boolean {
    if (count > KEYS_AT_ONCE) return false;
    const { keyspace, refs, writer } = this;
    const database = keyspace.databases[0]!;
    refs.clear();
    const end = firstHashOf(slot + 1);
    for (let cursor = firstHashOf(slot); cursor < end;) cursor = database.scanSlot(slot, cursor, KEYS_AT_ONCE, refs);
    let bytes = 0;
    for (let index = 0; index < refs.length && bytes <= BYTES_AT_ONCE; index++) bytes += this.weigh(refs.refs[index]!);
    if (bytes > BYTES_AT_ONCE) return false;
    for (let index = 0; index < refs.length; index++) this.encoder.write(writer, refs.refs[index]!);
    this.keysDone += refs.length;
    return true;
  }

  private weigh(entry: number): number {
    const { entries } = this.keyspace;
    if (entries.type(entry) === Type.STRING) return entries.word2(entry);
    if (this.bigValues.isBig(entry) || entries.encoding(entry) === Encoding.STREAM) return BYTES_AT_ONCE + 1;
    return COLLECTION_BYTES;
  }

  /** Gives up. The marks of a snapshot are removed in slices, between events. */
  abort(): void {
    const { snapshot } = this;
    if (snapshot === undefined) return;
    this.snapshot = undefined;
    snapshot.abort();
    const finish = (): void => {
      const endMs = this.clock.steadyMs() + SLICE_MS;
      snapshot.walk(() => this.clock.steadyMs() >= endMs);
      if (snapshot.isOver) this.cuts.giveBack();
      else this.clock.soon(finish);
    };
    finish();
  }
}
