// stream-filter: filters and renames in a stream of commands, where a command may have several keys.
//
// A command goes on when all its keys do, and is dropped when none does. Of the commands that are a list of independent keys (DEL,
// UNLINK, MSET) the keys that do not go on are taken out; another command that has both kinds is dropped and counted. For a
// cluster, such lists are cut by slot, and MULTI and EXEC are left out, since their commands may belong to several nodes.
//
// A proxy also has several servers, but takes lists and cuts them itself; UNLINK, which old ones do not know, becomes DEL. A proxy
// that refuses MULTI has no commands about all keys either, and may close the connection at a command that it does not know: those
// without keys are left out and counted.

import { keySlot } from '../../base/key-slot.js';
import { latin1 } from '../../base/bytes.js';
import type { Filters } from '../filters.js';
import type { CommandRecord } from '../record/record.js';
import { CommandKeys } from './command-keys.js';

/** Commands of independent keys, and how many words each key takes. */
const lists: Readonly<Record<string, number>> = { DEL: 1, UNLINK: 1, MSET: 2 };

/** Messages are no data: the clients of a proxy miss nothing that they would get from it. */
const messages = new Set(['PUBLISH', 'SPUBLISH']);
/** What a master tells its replicas of its own cluster: nothing that another server could do, or should. */
const ownAffairs = new Set(['CLUSTER']);
const DEL = Buffer.from('DEL');

export type StreamTarget = 'server' | 'cluster' | 'proxy' | 'old-proxy';

export class StreamFilter {
  private readonly keys = new CommandKeys();
  /** Commands that could not be divided. */
  mixed = 0;
  /** Commands without keys that a proxy cannot get, by their names. */
  readonly keyless = new Map<string, number>();

  constructor(
    private readonly filters: Filters,
    private readonly target: StreamTarget,
  ) {}

  apply(record: CommandRecord): CommandRecord[] {
    const { filters } = this;
    const name = latin1(record.args[0]!).toUpperCase();
    if (!filters.passesDatabase(record.database)) return [];
    const database = filters.newDatabase(record.database);
    if (this.target !== 'server' && (name === 'MULTI' || name === 'EXEC')) return [];
    const places = this.keys.placesOf(record.args) ?? [];
    if (places.length === 0) return this.keylessOf({ ...record, database }, name);
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

  private keylessOf(record: CommandRecord, name: string): CommandRecord[] {
    if (ownAffairs.has(name)) return [];
    if (!this.isForProxy) return [record];
    if (messages.has(name)) return [];
    if (this.target === 'proxy') return [record];
    this.leaveOut(name);
    return [];
  }

  private get isForProxy(): boolean {
    return this.target === 'proxy' || this.target === 'old-proxy';
  }

  private leaveOut(name: string): void {
    this.keyless.set(name, (this.keyless.get(name) ?? 0) + 1);
  }

  /** Whether a function library goes on. */
  takesFunctions(): boolean {
    if (this.target !== 'old-proxy') return true;
    this.leaveOut('FUNCTION LOAD');
    return false;
  }

  private divide(
    record: CommandRecord,
    database: number,
    places: readonly number[],
    passes: readonly boolean[],
    each: number,
  ): CommandRecord[] {
    const groups = new Map<number, Uint8Array[]>();
    const first = this.isForProxy && each === 1 ? DEL : record.args[0]!;
    places.forEach((place, index) => {
      if (!passes[index]!) return;
      const key = this.filters.newName(record.args[place]!);
      const slot = this.target === 'cluster' ? keySlot(key) : 0;
      const words = groups.get(slot) ?? [first];
      words.push(key, ...record.args.slice(place + 1, place + each));
      groups.set(slot, words);
    });
    return [...groups.values()].map((args) => ({ what: 'command', database, args, firstKey: args[1] }));
  }
}
