// fingerprint: 64 bits that are equal for equal values, whatever their encoding and the order of what has no order.
//
// Elements of a list count with their place; those of sets, hashes and sorted sets are added, so that parts can come in any
// order. Times to live of fields count, the time of a stream's consumers does not.

import { xxh3 } from '../../base/xxh3.js';
import { scoreText, type Value } from './values.js';

const MASK = (1n << 64n) - 1n;

export class Fingerprint {
  private sum = 0n;
  private place = 0;

  constructor(private readonly withFieldTimes = true) {}

  private add(prefix: string, ...parts: readonly Uint8Array[]): void {
    const pieces: Uint8Array[] = [Buffer.from(prefix)];
    for (const part of parts) pieces.push(Buffer.from(`:${part.length}:`), part);
    const bytes = Buffer.concat(pieces);
    this.sum = (this.sum + xxh3(bytes, 0, bytes.length)) & MASK;
  }

  take(value: Value): void {
    switch (value.kind) {
      case 'string':
        this.add('s', value.bytes);
        return;
      case 'list':
        for (const one of value.elements) this.add(`l${this.place++}`, one);
        return;
      case 'set':
        for (const one of value.elements) this.add('e', one);
        return;
      case 'zset':
        value.elements.forEach((one, index) => this.add(`z${scoreText(value.scores[index]!)}`, one));
        return;
      case 'hash':
        value.fields.forEach((one, index) => {
          const expireAtMs = value.expireAtMs[index] ?? 0;
          this.add(`h${this.withFieldTimes || expireAtMs <= 0 ? expireAtMs : 'expires'}`, one, value.values[index]!);
        });
        return;
      case 'stream':
        for (const { id, pairs } of value.entries) this.add(`x${id}`, ...pairs);
        this.add(`i${value.lastId}`);
        for (const group of value.groups) {
          this.add(`g${group.lastId}`, group.name);
          for (const consumer of group.consumers)
            for (const id of consumer.pending) this.add(`p${id}`, group.name, consumer.name);
        }
        return;
      case 'module':
        this.add(value.module);
    }
  }

  get value(): bigint {
    return this.sum;
  }
}
