// stream-link: the stream of one master, and what is known of it: how far it was given out, and which keys have to be read apart
// from it, over a second connection to the same server.
//
// A value is read in a transaction with the offset of the stream (MULTI, DUMP ..., INFO replication, EXEC): the reply
// says which commands of the stream the value has in it. In a cluster such a transaction has keys of one slot.

import { keySlot } from '../../base/key-slot.js';
import { isError, type Reply, replyText } from '../../client/reply.js';
import { expiryOf, readingOf } from '../link/key-access.js';
import { LinkLost, Pipeline } from '../link/pipeline.js';
import { elementsOf, infoField, listOf } from '../link/replies.js';
import type { ServerAddress } from '../link/address.js';
import { type Batch, type Position, TransferError, type TransferRecord } from '../record/record.js';
import { type DatabaseKey, Fences, nameOf } from './fences.js';
import { PsyncSource, type PsyncOptions } from './psync-source.js';
import { sleep } from '../sleep.js';

/** Keys in a transaction, and transactions on their way. */
const KEYS_AT_ONCE = 100;
const GROUPS_AT_ONCE = 8;

export interface Turn {
  readonly link: StreamLink;
  readonly generation: number;
  readonly result?: IteratorResult<Batch, void>;
  readonly error?: unknown;
}

interface Group {
  readonly database: number;
  readonly keys: readonly DatabaseKey[];
  failure: string | undefined;
  reply: Reply | undefined;
}

export class StreamLink {
  source: PsyncSource | undefined;
  readonly fences = new Fences();
  /** Keys that wait to be read. */
  readonly pending = new Map<string, DatabaseKey>();
  /** Commands up to there may have been written already or not. */
  readUntil = -1;
  /** Per slot: commands up to there came before its list of keys was read. */
  readonly slotReadUntil = new Map<number, number>();
  /** Up to which the sink has got everything; undefined before the data set has arrived. */
  position: Position | undefined;
  /** The position before the first key that waits: a run that goes on has to begin there. */
  hold: Position | undefined;
  isLoading = true;
  isDone = false;
  /** The target has an older state of this data. */
  isResync = false;
  /** It is not known whether commands after the position were written. */
  isUncertain = false;
  generation = 0;
  /** The highest offset at which something was read apart from the stream. */
  fencedUntil = -1;
  loadedBytes = 0;
  followedBytes = 0;
  private followsFrom: number | undefined;
  lostSinceMs: number | undefined;
  private iterator: AsyncGenerator<Batch, void> | undefined;
  private turn: Promise<Turn> | undefined;
  private control: Pipeline | undefined;
  private hasExpireTime = true;

  constructor(
    public address: ServerAddress,
    /** Id of the node in its cluster, empty outside of one. */
    public nodeId: string,
    private readonly options: Omit<PsyncOptions, 'from'>,
  ) {}

  get givenOffset(): number {
    return Number(this.position?.offset ?? -1);
  }

  get isFollowing(): boolean {
    return !this.isLoading && !this.isDone;
  }

  /** Whether a run that goes on at the position must not simply repeat the commands. */
  get isHeld(): boolean {
    return this.hold !== undefined || this.givenOffset < Math.max(this.fencedUntil, this.readUntil);
  }

  /** Counts what was taken: bytes of the data set, and then of commands. */
  count(bytes: number): void {
    if (this.isLoading) this.loadedBytes = bytes;
    else this.followedBytes = bytes - (this.followsFrom ??= bytes);
  }

  /** Connects, now or after a while, and goes on at the position. */
  restart(afterMs = 0): void {
    this.generation++;
    const { generation } = this;
    this.source?.close();
    this.isLoading = true;
    const source = new PsyncSource(this.address, { ...this.options, from: this.position });
    this.source = source;
    this.iterator = source.batches();
    const { iterator } = this;
    const wait = afterMs === 0 ? Promise.resolve() : sleep(afterMs);
    this.turn = wait.then(() =>
      generation === this.generation ? this.pull(iterator, generation) : this.over(generation),
    );
  }

  private over(generation: number): Turn {
    return { link: this, generation };
  }

  private pull(iterator: AsyncGenerator<Batch, void>, generation: number): Promise<Turn> {
    return iterator.next().then(
      (result) => ({ link: this, generation, result }),
      (error: unknown) => ({ link: this, generation, error }),
    );
  }

  /** The next turn of this link. */
  next(): Promise<Turn> {
    this.turn ??= this.pull(this.iterator!, this.generation);
    return this.turn;
  }

  /** The turn was handled. */
  took(generation: number): void {
    if (generation === this.generation) this.turn = undefined;
  }

  stop(): void {
    this.source?.stop();
  }

  close(): void {
    this.generation++;
    this.source?.close();
    this.control?.close();
  }

  async pipeline(): Promise<Pipeline> {
    if (this.control !== undefined && this.control.lost === undefined && this.control.name === this.address.name)
      return this.control;
    this.control?.close();
    const control = await Pipeline.open(this.address);
    this.control = control;
    const version = infoField(replyText(await control.must('INFO', 'server')), 'redis_version') ?? '';
    this.hasExpireTime = Number(version.split('.')[0]) >= 7;
    return control;
  }

  /** Where the stream of the server is now. */
  async offsetNow(): Promise<number> {
    return offsetOf(await (await this.pipeline()).must('INFO', 'replication'), this.address.name);
  }

  /** The keys of slots, each list with the offset at that moment. */
  async keysOfSlots(slots: readonly number[]): Promise<{ slot: number; keys: Uint8Array[]; offset: number }[]> {
    const control = await this.pipeline();
    const found: { slot: number; keys: Uint8Array[]; offset: number }[] = [];
    for (const slot of slots) {
      control.add(['MULTI']);
      control.add(['CLUSTER', 'GETKEYSINSLOT', String(slot), '2147483647']);
      control.add(['INFO', 'replication']);
      control.add(['EXEC'], (reply) => {
        const [list, info] = elementsOf(reply);
        if (info !== undefined) found.push({ slot, keys: listOf(list), offset: offsetOf(info, this.address.name) });
      });
      if (control.isFull) await control.ready();
    }
    await control.drain();
    return found;
  }

  /** Reads the keys that wait; `onMoved` gets those of a slot that the server no longer serves. */
  async *reread(isCluster: boolean, onMoved: (key: DatabaseKey) => void): AsyncGenerator<TransferRecord[], void> {
    while (this.pending.size > 0) {
      const groups = groupsOf(this.pending.values(), isCluster);
      const control = await this.pipeline();
      for (const group of groups) this.ask(control, group, isCluster);
      await control.drain();
      const records: TransferRecord[] = [];
      for (const group of groups) {
        const { reply, failure, keys } = group;
        if (failure !== undefined || reply === undefined || isError(reply)) {
          const why = failure ?? replyText(reply);
          if (!/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)/.test(why))
            throw new TransferError(`${this.address.name} does not let keys be read: ${why}`);
          for (const key of keys) {
            this.pending.delete(nameOf(key));
            onMoved(key);
          }
          continue;
        }
        this.take(elementsOf(reply), group, records);
      }
      if (records.length > 0) yield records;
    }
  }

  private ask(control: Pipeline, group: Group, isCluster: boolean): void {
    const note = (reply: Reply): void => {
      if (isError(reply)) group.failure ??= replyText(reply);
    };
    if (!isCluster) control.add(['SELECT', String(group.database)], note);
    control.add(['MULTI'], note);
    for (const { key } of group.keys) {
      control.add(['DUMP', key], note);
      control.add([this.hasExpireTime ? 'PEXPIRETIME' : 'PTTL', key], note);
    }
    control.add(['INFO', 'replication'], note);
    control.add(['EXEC'], (reply) => (group.reply = reply));
  }

  private take(replies: readonly Reply[], group: Group, records: TransferRecord[]): void {
    const offset = offsetOf(replies[group.keys.length * 2], this.address.name);
    group.keys.forEach((one, index) => {
      const expireAtMs = expiryOf(replies[index * 2 + 1], this.hasExpireTime, Date.now);
      const { record, exists } = readingOf(replies[index * 2], expireAtMs, one.database, one.key);
      if (record === undefined && exists)
        throw new TransferError(`${this.address.name} gives a value that cannot be read`);
      records.push(record ?? deletion(one));
      this.pending.delete(nameOf(one));
      this.fences.set(nameOf(one), offset);
    });
    this.fencedUntil = Math.max(this.fencedUntil, offset);
  }
}

export function deletion({ database, key }: DatabaseKey): TransferRecord {
  return { what: 'command', database, args: [Buffer.from('DEL'), key], firstKey: key };
}

function groupsOf(keys: Iterable<DatabaseKey>, isCluster: boolean): Group[] {
  const groups = new Map<number, DatabaseKey[]>();
  const made: Group[] = [];
  let count = 0;
  for (const one of keys) {
    if (count++ >= KEYS_AT_ONCE * GROUPS_AT_ONCE) break;
    const place = isCluster ? keySlot(one.key) : one.database;
    let list = groups.get(place);
    if (list === undefined || list.length >= KEYS_AT_ONCE) {
      list = [];
      groups.set(place, list);
      made.push({ database: one.database, keys: list, failure: undefined, reply: undefined });
    }
    list.push(one);
  }
  return made;
}

function offsetOf(reply: Reply | undefined, name: string): number {
  const offset = Number(infoField(replyText(reply), 'master_repl_offset') ?? NaN);
  if (!(offset >= 0)) throw new LinkLost(`${name}: INFO replication has no offset`);
  return offset;
}
