// prefix-table: how many keys of a database begin with each prefix that ends in a separator, exact at every moment.
//
// Asked for by `prefix-table yes`; a database without a table pays nothing for it (the test that a cluster's slots need anyway). With
// one, each key that comes or goes is read once up to its last counted separator, without an object being made.
//
// A table that is made for keys that are there counts them in slices, in the order of their hashes: those before `cursor` are
// counted, and coming and going of a key tells by its hash whether that concerns the table yet.
//
// Bounds: only the first `depth` separators of a key and its first PREFIX_BYTES_MAX bytes are looked at, and all tables of a server
// together have at most `prefixesMax` prefixes. Beyond that a table is *full*: the counts that it has stay exact, also at
// zero, but what came later is unknown, until the keys are deleted together or the table is made anew.
//
// An open-addressed table: (hash, count, place in the pool of texts, length) in four arrays, at most half used. About 40 bytes a prefix and
// its text, twice that after growing.
//
// Not here: bytes of the values below a prefix, which would have to be told of every change; whoever shows them samples keys.

/** Longer prefixes are not counted. */
export const PREFIX_BYTES_MAX = 256;
const HASHES = 2 ** 32;
const CAPACITY_MIN = 64;
const FNV_PRIME = 0x01000193;

export interface PrefixOptions {
  /** The bytes that end a prefix. */
  readonly separators: Uint8Array;
  readonly depth: number;
  readonly prefixesMax: number;
  /** No client can know it, so none can choose prefixes that collide. */
  readonly seed: number;
}

/** The part that all tables of a server share. */
export class PrefixBudget {
  used = 0;
  readonly isSeparator = new Uint8Array(256);

  constructor(readonly options: PrefixOptions) {
    for (const byte of options.separators) this.isSeparator[byte] = 1;
  }
}

export class PrefixTable {
  /** Hashes below it are counted; 2^32: all. */
  cursor = 0;
  /** A prefix had no room. */
  isFull = false;
  private capacity = CAPACITY_MIN;
  private hashes = new Int32Array(CAPACITY_MIN);
  private counts = new Int32Array(CAPACITY_MIN);
  private places = new Int32Array(CAPACITY_MIN);
  /** 0: an empty slot. */
  private lengths = new Uint16Array(CAPACITY_MIN);
  private pool = new Uint8Array(1024);
  private poolUsed = 0;
  private used = 0;

  constructor(readonly budget: PrefixBudget) {}

  get isComplete(): boolean {
    return this.cursor >= HASHES;
  }

  get bytes(): number {
    return this.capacity * 14 + this.pool.length;
  }

  /** Forgets everything: the database has no keys any more. */
  reset(): void {
    this.release();
    this.cursor = HASHES;
  }

  /** Gives its share of the budget back; the table counts from nothing then. */
  release(): void {
    this.budget.used -= this.used;
    this.isFull = false;
    this.cursor = 0;
    this.used = 0;
    this.poolUsed = 0;
    this.allocate(CAPACITY_MIN);
    this.pool = new Uint8Array(1024);
  }

  /** A table with the same options that has counted nothing. For tests. */
  emptyCopy(): PrefixTable {
    return new PrefixTable(new PrefixBudget(this.options));
  }

  /** A key came (1) or went (-1). @hot */
  note(hash: number, bytes: Uint8Array, offset: number, length: number, change: number): void {
    if (hash >>> 0 < this.cursor) this.count(bytes, offset, length, change);
  }

  /** Adds to the counts of all prefixes of a key. @hot */
  count(bytes: Uint8Array, offset: number, length: number, change: number): void {
    const { isSeparator, options } = this.budget;
    const end = offset + (length < PREFIX_BYTES_MAX ? length : PREFIX_BYTES_MAX);
    let hash = options.seed;
    let left = options.depth;
    for (let at = offset; at < end; at++) {
      const byte = bytes[at]!;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
      hash ^= hash >>> 15;
      if (isSeparator[byte] === 0) continue;
      this.add(hash, bytes, offset, at + 1 - offset, change);
      if (--left === 0) return;
    }
  }

  /** The keys below a prefix. */
  countOf(prefix: Uint8Array): number {
    let hash = this.budget.options.seed;
    for (const byte of prefix) {
      hash = Math.imul(hash ^ byte, FNV_PRIME);
      hash ^= hash >>> 15;
    }
    const slot = this.slotOf(hash, prefix, 0, prefix.length);
    return this.lengths[slot] === 0 ? 0 : this.counts[slot]!;
  }

  /** Calls `take` with each prefix that has keys; `text` is borrowed. */
  forEach(take: (text: Uint8Array, count: number) => void): void {
    for (let slot = 0; slot < this.capacity; slot++) {
      const length = this.lengths[slot]!;
      const place = this.places[slot]!;
      if (length > 0 && this.counts[slot]! > 0) take(this.pool.subarray(place, place + length), this.counts[slot]!);
    }
  }

  /** How many separators a prefix has, itself ending in one; 0 for the empty one, -1 for what is no prefix. */
  depthOf(prefix: Uint8Array): number {
    if (prefix.length === 0) return 0;
    const { isSeparator } = this.budget;
    if (isSeparator[prefix[prefix.length - 1]!] === 0) return -1;
    let depth = 0;
    for (const byte of prefix) depth += isSeparator[byte]!;
    return depth;
  }

  get options(): PrefixOptions {
    return this.budget.options;
  }

  /** @hot */
  private add(hash: number, bytes: Uint8Array, offset: number, length: number, change: number): void {
    const slot = this.slotOf(hash, bytes, offset, length);
    if (this.lengths[slot] !== 0) this.counts[slot]! += change;
    else if (change > 0) this.insert(slot, hash, bytes, offset, length, change);
  }

  /** The slot of a prefix, or the empty one where it belongs. @hot */
  private slotOf(hash: number, bytes: Uint8Array, offset: number, length: number): number {
    const mask = this.capacity - 1;
    let slot = (hash ^ (hash >>> 16)) & mask;
    while (this.lengths[slot] !== 0) {
      if (this.hashes[slot] === hash && this.lengths[slot] === length && this.hasText(slot, bytes, offset, length))
        return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private hasText(slot: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const place = this.places[slot]!;
    for (let index = 0; index < length; index++) if (this.pool[place + index] !== bytes[offset + index]) return false;
    return true;
  }

  private insert(slot: number, hash: number, bytes: Uint8Array, offset: number, length: number, count: number): void {
    if (this.isFull) return;
    let free = slot;
    if (this.used * 2 >= this.capacity || this.budget.used >= this.options.prefixesMax) {
      this.rebuild();
      if (this.budget.used >= this.options.prefixesMax) {
        this.isFull = true;
        return;
      }
      free = this.slotOf(hash, bytes, offset, length);
    }
    this.put(free, hash, bytes, offset, length, count);
    this.used++;
    this.budget.used++;
  }

  private put(slot: number, hash: number, bytes: Uint8Array, offset: number, length: number, count: number): void {
    if (this.poolUsed + length > this.pool.length) {
      const grown = new Uint8Array(Math.max(this.pool.length * 2, this.poolUsed + length));
      grown.set(this.pool.subarray(0, this.poolUsed));
      this.pool = grown;
    }
    for (let index = 0; index < length; index++) this.pool[this.poolUsed + index] = bytes[offset + index]!;
    this.hashes[slot] = hash;
    this.counts[slot] = count;
    this.places[slot] = this.poolUsed;
    this.lengths[slot] = length;
    this.poolUsed += length;
  }

  /** Leaves out the prefixes without keys, and grows if that does not make room. */
  private rebuild(): void {
    const { capacity, hashes, counts, places, lengths, pool } = this;
    let live = 0;
    for (let slot = 0; slot < capacity; slot++) if (lengths[slot]! > 0 && counts[slot]! > 0) live++;
    let wanted = CAPACITY_MIN;
    while (wanted < live * 3) wanted *= 2;
    this.allocate(wanted);
    this.pool = new Uint8Array(Math.max(1024, pool.length));
    this.poolUsed = 0;
    for (let slot = 0; slot < capacity; slot++) {
      const length = lengths[slot]!;
      if (length === 0 || counts[slot]! <= 0) continue;
      const place = places[slot]!;
      this.put(this.slotOf(hashes[slot]!, pool, place, length), hashes[slot]!, pool, place, length, counts[slot]!);
    }
    this.budget.used += live - this.used;
    this.used = live;
  }

  private allocate(capacity: number): void {
    this.capacity = capacity;
    this.hashes = new Int32Array(capacity);
    this.counts = new Int32Array(capacity);
    this.places = new Int32Array(capacity);
    this.lengths = new Uint16Array(capacity);
  }
}
