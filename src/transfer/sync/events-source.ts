// events-source: the data of a server or cluster by SCAN and DUMP, and then every key that changes, by keyspace events; for sources
// that let nobody replicate.
//
// An event only names a key: its value is read and written as a whole, so what comes twice or late does no harm, and the target
// ends like the source. Whenever events may have been lost (a connection, a restart, a new master, FLUSHALL), all keys are
// looked at again, and keys of the target that the source does not have are deleted.

import { addTo } from '../../base/grouped.js';
import { SLOT_COUNT } from '../../base/key-slot.js';
import { addressText } from '../../client/slot-map.js';
import type { ServerAddress } from '../link/address.js';
import { nodeAddress } from '../link/cluster.js';
import { KeyAccess } from '../link/key-access.js';
import { LinkLost } from '../link/pipeline.js';
import { listOf } from '../link/replies.js';
import {
  type Batch,
  type KeyRecord,
  type Position,
  type Source,
  TransferError,
  type TransferRecord,
} from '../record/record.js';
import { sleep } from '../sleep.js';
import { readFunctions } from '../sources/functions.js';
import { type DatabaseKey, nameOf } from './fences.js';
import { KeyEvents } from './key-events.js';
import { deletion } from './stream-link.js';

const LOOK_MS = 1000;
const RETRY_MS = 500;
const KEYS_AT_ONCE = 200;

export interface EventsSourceOptions {
  readonly from: Position | undefined;
  /** False: one pass, without events. */
  readonly follows: boolean;
  readonly isAssumed: boolean;
  readonly passes: (key: Uint8Array, database: number) => boolean;
  /** Filters that look at the value; undefined: there are none. */
  readonly accepts: ((record: KeyRecord) => boolean) | undefined;
  readonly match: Uint8Array | undefined;
  readonly extras: (() => AsyncGenerator<DatabaseKey[], void>) | undefined;
  readonly awayMs: number;
  readonly nowMs: () => number;
  readonly isStopping: () => boolean;
  readonly say: (message: string) => void;
}

export class EventsSource implements Source {
  readonly totalBytes = undefined;
  totalKeys: number | undefined;
  readonly warnings: string[] = [];
  phase: 'connecting' | 'scanning' | 'following' = 'connecting';
  /** How often all keys were looked at. */
  passCount = 0;
  private readonly changed = new Map<string, DatabaseKey>();
  private readonly events = new Map<string, KeyEvents>();
  private readonly settings = new Map<string, string>();
  private access: KeyAccess | undefined;
  private owners: readonly string[] = [];
  private flushes = '';
  private sourceBytes = 0;
  private wake: (() => void) | undefined;

  constructor(
    private readonly address: ServerAddress,
    private readonly options: EventsSourceOptions,
  ) {}

  get name(): string {
    return this.address.name;
  }

  get changedKeys(): number {
    return this.changed.size;
  }

  stop(): void {
    this.wake?.();
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const { options } = this;
    let isAgain = options.from !== undefined;
    let lostSinceMs: number | undefined;
    try {
      while (!options.isStopping()) {
        try {
          yield* this.pass(isAgain);
          lostSinceMs = undefined;
          if (!options.follows) return;
          const reason = yield* this.follow();
          if (reason === undefined) return;
          options.say(`${this.name}: ${reason}; looking at all keys again`);
        } catch (error) {
          const now = performance.now();
          const isFirst = this.passCount === 0;
          if (!(error instanceof LinkLost) || isFirst || !options.follows) throw error;
          if (now - (lostSinceMs ??= now) > options.awayMs) throw error;
          if (now === lostSinceMs) options.say(`${error.message}; connecting again`);
          await sleep(RETRY_MS);
        }
        isAgain = true;
      }
    } finally {
      await this.close();
    }
  }

  private dropEvents(): void {
    for (const one of this.events.values()) one.drop();
    this.events.clear();
  }

  async close(): Promise<void> {
    await Promise.all([...this.events.values()].map((one) => one.close()));
    this.events.clear();
    this.access?.close();
  }

  // --- all keys

  private async *pass(isAgain: boolean): AsyncGenerator<Batch, void> {
    this.phase = 'connecting';
    if (this.access === undefined) this.access = await KeyAccess.open(this.address, this.options.nowMs);
    else await this.access.refresh();
    const { access, options } = this;
    if (options.follows) await this.listen();
    this.phase = 'scanning';
    this.passCount++;
    yield { records: await readFunctions(await access.pipelineOf(access.masters[0])), ...this.place() };
    for (const database of await access.databases()) {
      for await (const page of access.scan(database, options.match)) {
        const keys = page.filter((key) => options.passes(key, database));
        for (let at = 0; at < keys.length; at += KEYS_AT_ONCE)
          yield* this.read(database, keys.slice(at, at + KEYS_AT_ONCE), false);
        // Records read before are written now, so that newer values can follow.
        yield* this.drain();
        if (options.isStopping()) return;
        if (this.hasLostEvents()) return;
      }
    }
    if (!isAgain || options.extras === undefined) return;
    for await (const keys of options.extras()) {
      for (const key of keys) this.changed.set(nameOf(key), key);
      yield* this.drain();
    }
  }

  /** `deletes`: the target may have the key. */
  private async *read(database: number, keys: readonly Uint8Array[], deletes: boolean): AsyncGenerator<Batch, void> {
    const { accepts } = this.options;
    const records: TransferRecord[] = [];
    const found = await this.access!.read(database, keys);
    for (const [index, { record, exists }] of found.entries()) {
      const key = keys[index]!;
      if (record === undefined && exists) throw new TransferError(`${this.name} gives a value that cannot be read`);
      if (record === undefined || (deletes && accepts?.(record) === false)) {
        if (deletes) records.push(deletion({ database, key }));
        continue;
      }
      records.push(record);
      this.sourceBytes += key.length + (record.raw?.length ?? 0);
    }
    yield { records, ...this.place() };
  }

  /** A run that goes on begins with all keys: the file only says that the target has some. */
  private place(): { sourceBytes: number; position: Position } {
    return { sourceBytes: this.sourceBytes, position: { events: this.passCount } };
  }

  // --- events

  private async listen(): Promise<void> {
    const { access, options } = this;
    this.dropEvents();
    this.changed.clear();
    for (const master of access!.masters) {
      const address = master === undefined ? this.address : nodeAddress(this.address, master);
      const events = await KeyEvents.open(address, {
        isAssumed: options.isAssumed,
        say: options.say,
        onKey: (one) => {
          if (!options.passes(one.key, one.database)) return;
          this.changed.set(nameOf(one), one);
          this.wake?.();
        },
      });
      // The setting that is put back at the end is the first one that was found.
      if (events.former !== undefined) this.settings.set(address.name, events.former);
      events.former = this.settings.get(address.name);
      this.events.set(address.name, events);
    }
    this.owners = this.ownersNow();
    this.flushes = await this.flushesNow();
  }

  private ownersNow(): string[] {
    const map = this.access!.slotMap;
    if (map === undefined) return [];
    return Array.from({ length: SLOT_COUNT }, (_, slot) => {
      const owner = map.ownerOf(slot);
      return owner === undefined ? '' : addressText(owner);
    });
  }

  private async flushesNow(): Promise<string> {
    return (await Promise.all([...this.events.values()].map((one) => one.flushes()))).join(';');
  }

  private hasLostEvents(): boolean {
    return [...this.events.values()].some(({ isLost }) => isLost);
  }

  /** The reason for which all keys have to be looked at; undefined at the end. */
  private async *follow(): AsyncGenerator<Batch, string | undefined> {
    this.phase = 'following';
    let lookedMs = performance.now();
    for (;;) {
      yield* this.drain();
      yield { records: [], ...this.place() };
      if (this.options.isStopping()) return undefined;
      if (this.hasLostEvents()) return 'events were lost with a connection';
      if (performance.now() - lookedMs >= LOOK_MS) {
        lookedMs = performance.now();
        const reason = await this.look();
        if (reason !== undefined) return reason;
      }
      if (this.changed.size > 0) continue;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (this.hasLostEvents()) this.wake();
      });
      this.wake = undefined;
    }
  }

  private async *drain(): AsyncGenerator<Batch, void> {
    while (this.changed.size > 0) {
      const groups = new Map<number, Uint8Array[]>();
      let count = 0;
      for (const [name, { database, key }] of this.changed) {
        if (count++ >= KEYS_AT_ONCE) break;
        // Before it is read: a change meanwhile brings it back.
        this.changed.delete(name);
        addTo(groups, database, key);
      }
      for (const [database, keys] of groups) yield* this.read(database, keys, true);
    }
  }

  /** Looks for changes that no event reports: flushed databases, and slots that have another master. */
  private async look(): Promise<string | undefined> {
    const flushes = await this.flushesNow();
    if (flushes !== this.flushes) return 'databases were flushed or exchanged';
    const access = this.access!;
    if (!access.isCluster) return undefined;
    await access.refresh().catch(() => undefined);
    const owners = this.ownersNow();
    const before = this.owners;
    this.owners = owners;
    for (const master of access.masters)
      if (!this.events.has(nodeAddress(this.address, master!).name)) return `${addressText(master!)} is a new master`;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (owners[slot] === before[slot] || owners[slot] === '') continue;
      const pipeline = await access.pipelineOf(access.slotMap!.ownerOf(slot));
      for (const key of listOf(await pipeline.must('CLUSTER', 'GETKEYSINSLOT', String(slot), '2147483647')))
        if (this.options.passes(key, 0)) this.changed.set(nameOf({ database: 0, key }), { database: 0, key });
    }
    return undefined;
  }
}
