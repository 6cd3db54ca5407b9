// stream-filter: filters and renames in a stream of commands, where a command may have several keys.
//
// A command goes on when all its keys do, and is dropped when none does. Of the commands that are a list of independent keys (DEL,
// UNLINK, MSET) the keys that do not go on are taken out; another command that has both kinds is dropped and counted. For a
// cluster, such lists are cut by slot, and MULTI and EXEC are left out, since their commands may belong to several nodes.

import { keySlot } from '../../base/key-slot.js';
import { latin1 } from '../../base/bytes.js';
import type { Filters } from '../filters.js';
import type { CommandRecord } from '../record/record.js';
import { CommandKeys } from './command-keys.js';

/** Commands of independent keys, and how many words each key takes. */
const lists: Readonly<Record<string, number>> = { DEL: 1, UNLINK: 1, MSET: 2 };

export class StreamFilter {
  private readonly keys = new CommandKeys();
  /** Commands that could not be divided. */
  mixed = 0;

  constructor(
    private readonly filters: Filters,
    private readonly isForCluster: boolean,
  ) {}

  apply(record: CommandRecord): CommandRecord[] {
    const { filters } = this;
    const name = latin1(record.args[0]!).toUpperCase();
    if (!filters.passesDatabase(record.database)) return [];
    const database = filters.newDatabase(record.database);
    if (this.isForCluster && (name === 'MULTI' || name === 'EXEC')) return [];
    const places = this.keys.placesOf(record.args) ?? [];
    if (places.length === 0) return [{ ...record, database }];
    const passes = places.map((place) => filters.passesName(record.args[place]!, record.database));
    const each = lists[name];
    if (each !== undefined) return this.divide(record, database, places, passes, each);
    if (!passes.includes(true)) return [];
    if (passes.includes(false)) {
      this.mixed++;
      return [];
    }
    const args = [...record.args];
    for (const place of places) args[place] = filters.newName(args[place]!);
    return [{ what: 'command', database, args, firstKey: args[places[0]!] }];
  }

  private divide(
    record: CommandRecord,
    database: number,
    places: readonly number[],
    passes: readonly boolean[],
    each: number,
  ): CommandRecord[] {
    const groups = new Map<number, Uint8Array[]>();
    places.forEach((place, index) => {
      if (!passes[index]!) return;
      const key = this.filters.newName(record.args[place]!);
      const slot = this.isForCluster ? keySlot(key) : 0;
      const words = groups.get(slot) ?? [record.args[0]!];
      words.push(key, ...record.args.slice(place + 1, place + each));
      groups.set(slot, words);
    });
    return [...groups.values()].map((args) => ({ what: 'command', database, args, firstKey: args[1] }));
  }
}
