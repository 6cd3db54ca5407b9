// stream-idempotency: the recent messages of a stream's producers, so that a message sent again is not added again.
//
// A producer names itself and its message (XADD IDMP), or the message's content is its name (IDMPAUTO). Of each producer the
// last so many names are remembered for so many seconds, with the ids that the entries got; the oldest come first, as a Map
// keeps them, so forgetting is O(1). The producers stand in the order in which they added last: each new message takes a few
// of them away that have been silent for too long, so that producers who come once and never again do not pile up. Streams
// without such producers cost nothing. Kept on the JavaScript heap, and bounded: see `bytes`.
//
// Not in RDB files, whose versions up to 12 have no place for it; the AOF repeats the commands. See docs/persistence.md.

import { StreamId } from '../structures/stream-id.js';

/** About what a name or a producer takes besides its bytes. */
const ITEM_BYTES = 160;
/** How many silent producers a new message takes away at most. */
const SILENT_PRODUCERS_PER_MESSAGE = 2;

interface Remembered {
  readonly id: StreamId;
  readonly addedMs: number;
}

/** The memory of one stream. */
export class ProducerTable {
  /** Names that were ever remembered, and messages that were recognized. */
  added = 0;
  duplicates = 0;
  private readonly producers = new Map<string, Map<string, Remembered>>();

  constructor(
    /** How long a name is remembered. */
    public durationSeconds: number,
    /** How many names of each producer. */
    public sizeMax: number,
  ) {}

  get producerCount(): number {
    return this.producers.size;
  }

  get nameCount(): number {
    let count = 0;
    for (const names of this.producers.values()) count += names.size;
    return count;
  }

  get bytes(): number {
    let bytes = ITEM_BYTES;
    for (const [producer, names] of this.producers) {
      bytes += ITEM_BYTES + producer.length;
      for (const name of names.keys()) bytes += ITEM_BYTES + name.length;
    }
    return bytes;
  }

  /** The id that the message of this name got, if it is remembered. */
  find(producer: string, name: string, nowMs: number): StreamId | undefined {
    this.forgetOld(producer, nowMs);
    return this.producers.get(producer)?.get(name)?.id;
  }

  remember(producer: string, name: string, id: StreamId, nowMs: number): void {
    const names = this.producers.get(producer) ?? new Map<string, Remembered>();
    this.producers.delete(producer);
    this.producers.set(producer, names);
    const copy = new StreamId();
    copy.set(id);
    names.delete(name);
    // A message replayed from an AOF was added at the time of its id.
    names.set(name, { id: copy, addedMs: Math.min(nowMs, id.ms) });
    this.added++;
    for (const oldest of names.keys()) {
      if (names.size <= this.sizeMax) break;
      names.delete(oldest);
    }
    this.forgetSilent(nowMs);
  }

  /** Forgets what is over of the producers that have been silent for longest. */
  private forgetSilent(nowMs: number): void {
    let left = SILENT_PRODUCERS_PER_MESSAGE;
    for (const producer of this.producers.keys()) {
      this.forgetOld(producer, nowMs);
      if (this.producers.has(producer) || --left === 0) return;
    }
  }

  /** Sets how much is remembered; a change forgets everything. */
  configure(durationSeconds: number, sizeMax: number): void {
    if (durationSeconds === this.durationSeconds && sizeMax === this.sizeMax) return;
    this.durationSeconds = durationSeconds;
    this.sizeMax = sizeMax;
    this.producers.clear();
  }

  /** Forgets what is over, of all producers. */
  forgetAllOld(nowMs: number): void {
    for (const producer of this.producers.keys()) this.forgetOld(producer, nowMs);
  }

  private forgetOld(producer: string, nowMs: number): void {
    const names = this.producers.get(producer);
    if (names === undefined) return;
    const limit = nowMs - 1000 * this.durationSeconds;
    for (const [name, { addedMs }] of names) {
      if (addedMs > limit) break;
      names.delete(name);
    }
    if (names.size === 0) this.producers.delete(producer);
  }

  forEach(visit: (producer: string, name: string, id: StreamId) => void): void {
    for (const [producer, names] of this.producers) for (const [name, { id }] of names) visit(producer, name, id);
  }

  copy(): ProducerTable {
    const made = new ProducerTable(this.durationSeconds, this.sizeMax);
    for (const [producer, names] of this.producers) made.producers.set(producer, new Map(names));
    made.added = this.added;
    made.duplicates = this.duplicates;
    return made;
  }
}

/** The tables of all streams that have one, by the streams' refs. */
export class StreamIdempotency {
  private readonly tables = new Map<number, ProducerTable>();

  get(stream: number): ProducerTable | undefined {
    return this.tables.get(stream);
  }

  set(stream: number, table: ProducerTable): void {
    this.tables.set(stream, table);
  }

  /** The stream is gone. @hot */
  forget(stream: number): void {
    if (this.tables.size > 0) this.tables.delete(stream);
  }
}
