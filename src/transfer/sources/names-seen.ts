// names-seen: which names of a big collection have come, so that one that a scan gives twice is taken once.
//
// The names themselves may be larger than the memory, and a Set of V8 ends at 16.7 million. So each stands here as 96 bits of keyed
// hashes, in an open-addressed table: 14 to 21 bytes for each. Two of a billion names have the same with a probability below
// 1e-11, and nobody who does not know the keys can bring it about. The table grows in 256 parts, one at a time, so
// that there is never a second one beside it.

import { randomBytes } from 'node:crypto';
import { HalfSipHash } from '../../base/siphash.js';

const PARTS = 256;
const WORDS = 3;
const SLOTS_FIRST = 64;
const GROWTH = 1.5;
/** Of the slots of a part. */
const FILL_MAX = 7 / 8;

export class NamesSeen {
  private readonly hashers: readonly HalfSipHash[];
  /** Slots of WORDS words each; all zero: free. */
  private readonly parts: Int32Array[] = [];
  private readonly used = new Uint32Array(PARTS);

  constructor() {
    const keys = new Int32Array(new Uint8Array(randomBytes(WORDS * 8)).buffer);
    this.hashers = Array.from({ length: WORDS }, (_, word) => new HalfSipHash(keys[2 * word]!, keys[2 * word + 1]!));
  }

  /** What the table takes. */
  get bytes(): number {
    return this.parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** Notes a name; false when it was there. */
  add(name: Uint8Array): boolean {
    const [first, second, third] = this.hashers;
    const high = first!.hash(name, 0, name.length);
    const middle = second!.hash(name, 0, name.length);
    // No name's words are all zero.
    const low = third!.hash(name, 0, name.length) | (high === 0 && middle === 0 ? 1 : 0);
    const number = high >>> 24;
    let part = (this.parts[number] ??= new Int32Array(SLOTS_FIRST * WORDS));
    if (this.used[number]! + 1 > (part.length / WORDS) * FILL_MAX) part = this.parts[number] = grown(part);
    if (!insert(part, high, middle, low)) return false;
    this.used[number]!++;
    return true;
  }
}

/** False when it is there. A part always has a free slot. */
function insert(part: Int32Array, high: number, middle: number, low: number): boolean {
  // The first bits have chosen the part.
  let at = Math.floor(((high & 0xffffff) * (part.length / WORDS)) / 0x1000000) * WORDS;
  for (;;) {
    const [a, b, c] = [part[at]!, part[at + 1]!, part[at + 2]!];
    if (a === 0 && b === 0 && c === 0) break;
    if (a === high && b === middle && c === low) return false;
    at += WORDS;
    if (at === part.length) at = 0;
  }
  part[at] = high;
  part[at + 1] = middle;
  part[at + 2] = low;
  return true;
}

function grown(part: Int32Array): Int32Array {
  const larger = new Int32Array(Math.ceil((part.length / WORDS) * GROWTH) * WORDS);
  for (let at = 0; at < part.length; at += WORDS) {
    const [high, middle, low] = [part[at]!, part[at + 1]!, part[at + 2]!];
    if (high !== 0 || middle !== 0 || low !== 0) insert(larger, high, middle, low);
  }
  return larger;
}
