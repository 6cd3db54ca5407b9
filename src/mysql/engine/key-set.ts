// key-set: a set of keys (or keys with a member) by 53 bits of their hash: 16 bytes for each, whatever their length.
//
// It answers whether a key that Redis has is wanted. Two different ones may look the same once in 2^53; a stale key is then left over,
// and never a wanted one removed.

import { xxh3 } from '../../base/xxh3.js';
import type { Word } from '../mapping/template.js';
import { wordBytes } from '../mapping/effects.js';

const FILL_MAX = 0.6;

export class KeySet {
  private slots = new Float64Array(1024);
  size = 0;

  add(key: Word, part?: Word): void {
    if (this.size > this.slots.length * FILL_MAX) this.grow();
    const hash = hashOf(key, part);
    const at = this.find(hash);
    if (this.slots[at] !== 0) return;
    this.slots[at] = hash;
    this.size++;
  }

  has(key: Word, part?: Word): boolean {
    return this.slots[this.find(hashOf(key, part))] !== 0;
  }

  private find(hash: number): number {
    const mask = this.slots.length - 1;
    let at = hash % (mask + 1);
    while (this.slots[at] !== 0 && this.slots[at] !== hash) at = (at + 1) & mask;
    return at;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Float64Array(old.length * 2);
    for (const hash of old) if (hash !== 0) this.slots[this.find(hash)] = hash;
  }
}

function hashOf(key: Word, part: Word | undefined): number {
  let bytes = wordBytes(key);
  if (part !== undefined) {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    bytes = Buffer.concat([head, bytes, wordBytes(part)]);
  }
  return Number(xxh3(bytes, 0, bytes.length) >> 11n) || 1;
}
