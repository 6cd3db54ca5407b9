// ref-marks: a set of refs as bits, one for each place in the arena where a block can begin.
//
// Tells whether a payload is among a great many without a look at its block, which would be a cache miss each. A megabyte for
// each chunk of 64 MB that has a marked block; made for one pass and thrown away.

import { CHUNK_SHIFT, GRANULE_MASK } from './layout.js';

const WORDS = (GRANULE_MASK + 1) >>> 5;

export class RefMarks {
  private readonly chunks: (Int32Array | undefined)[] = [];

  add(ref: number): void {
    const chunk = ref >>> CHUNK_SHIFT;
    const words = (this.chunks[chunk] ??= new Int32Array(WORDS));
    const place = ref & GRANULE_MASK;
    words[place >>> 5]! |= 1 << (place & 31);
  }

  has(ref: number): boolean {
    const words = this.chunks[ref >>> CHUNK_SHIFT];
    if (words === undefined) return false;
    const place = ref & GRANULE_MASK;
    return (words[place >>> 5]! & (1 << (place & 31))) !== 0;
  }
}
