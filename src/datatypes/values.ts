// values: all kinds of values of one arena, and the operations on any of them: freeing, measuring.
//
// A collection's entry has word 2 = the ref of its block or handle; which one follows from type and encoding.

import type { Entries } from '../structures/entry.js';
import type { Dicts } from '../structures/dict.js';
import { EXTERNAL } from '../structures/entry.js';
import { Listpacks } from '../structures/listpack.js';
import type { Container } from './container.js';
import { Hashes } from './hash.js';
import { Lists } from './list.js';
import { Streams } from './stream.js';
import { Type } from './object.js';
import { Sets } from './set.js';
import { SortedSets } from './sorted-set.js';

export class Values {
  readonly listpacks: Listpacks;
  readonly lists: Lists;
  readonly streams: Streams;
  readonly hashes: Hashes;
  readonly sets: Sets;
  readonly sortedSets: SortedSets;
  private readonly containers: (Container | undefined)[] = [];

  constructor(
    readonly entries: Entries,
    readonly dicts: Dicts,
  ) {
    this.listpacks = new Listpacks(entries.arena);
    this.lists = new Lists(entries, this.listpacks);
    this.register(Type.LIST, this.lists);
    this.streams = new Streams(this.listpacks);
    this.register(Type.STREAM, this.streams);
    this.hashes = new Hashes(entries, dicts);
    this.register(Type.HASH, this.hashes);
    this.sets = new Sets(entries, dicts);
    this.register(Type.SET, this.sets);
    this.sortedSets = new SortedSets(entries, dicts, this.listpacks);
    this.register(Type.ZSET, this.sortedSets);
  }

  /** Tells how values of a type are handled; each collection type does so once. */
  register(type: number, container: Container): void {
    this.containers[type] = container;
  }

  container(type: number): Container {
    const container = this.containers[type];
    if (container === undefined) throw new Error(`no container is registered for type ${type}`);
    return container;
  }

  /** Elements of a collection, 1 for a string. */
  count(entry: number): number {
    const type = this.entries.type(entry);
    return type === Type.STRING
      ? 1
      : this.container(type).count(this.entries.encoding(entry), this.entries.word2(entry));
  }

  /** Bytes of an entry with its value. */
  memoryBytes(entry: number, samples: number): number {
    const arena = this.entries.arena;
    const own = arena.usable(entry);
    const type = this.entries.type(entry);
    if (type !== Type.STRING)
      return own + this.container(type).memoryBytes(this.entries.encoding(entry), this.entries.word2(entry), samples);
    return (this.entries.flags(entry) & EXTERNAL) === 0 ? own : own + arena.usable(this.entries.valueBlock(entry));
  }
}
