// live-source: the data and then the writes of a server, or of all masters of a cluster, as one stream.
//
// Each slot has one link whose commands count. When slots move, their commands are held back on both sides (only the names of the
// keys are kept) until the new owner's stream is followed and the old one's was taken up to the move. Then the keys of these slots,
// and those that were named, are read from the new owner (stream-link), and its stream counts from that moment. So the target
// never depends on an order between two streams.
//
// The same reading makes a run exact that goes on after a kill: for commands after the noted position it is not known whether the
// target has them, so their keys are read instead of the commands being repeated.
//
// A failover is a lost link whose slots another node serves: it is asked to go on at the same offset. When it cannot, its whole
// data set comes, and keys that it does not have are deleted from the target.

import { latin1 } from '../../base/bytes.js';
import { addTo } from '../../base/grouped.js';
import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { replyText } from '../../client/reply.js';
import type { ServerAddress } from '../link/address.js';
import { nodeAddress } from '../link/cluster.js';
import { LinkLost } from '../link/pipeline.js';
import {
  type Batch,
  type CommandRecord,
  type Position,
  type Source,
  TransferError,
  type TransferRecord,
} from '../record/record.js';
import type { CommandKeys } from './command-keys.js';
import { type DatabaseKey, keyNamed, nameOf } from './fences.js';
import type { PsyncOptions } from './psync-source.js';
import { deletion, StreamLink, type Turn } from './stream-link.js';
import { type NodeView, readTopology, slotsOfText, slotsText, type Topology } from './topology.js';

const POLL_MS = 500;
const RETRY_MS = 500;
const PENDING_MAX = 20_000;
const KEYLESS_DATA = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB']);

/** Finds keys of the target among those for which `isOurs` holds. */
type FindKeys = (isOurs: (key: Uint8Array) => boolean) => AsyncGenerator<DatabaseKey[], void>;

export interface LiveSourceOptions extends Omit<PsyncOptions, 'from'> {
  readonly from: Position | undefined;
  readonly isCluster: boolean;
  readonly passes: (key: Uint8Array, database: number) => boolean;
  /** Keys of the target that the source does not have, by their names in the source; undefined: leave them. */
  readonly extras: FindKeys | undefined;
  /** The same without a look at the source. */
  readonly allKeys: FindKeys | undefined;
  /** How long a source may be away. */
  readonly awayMs: number;
  readonly say: (message: string) => void;
}

/** A slot on its way from one link to another. */
interface Move {
  readonly keys: Map<string, DatabaseKey>;
  to: StreamLink | undefined;
  /** The old link is waited for up to there. */
  untilOffset: number;
}

export class LiveSource implements Source {
  readonly totalKeys = undefined;
  readonly links: StreamLink[] = [];
  private readonly owners = new Array<StreamLink | undefined>(SLOT_COUNT).fill(undefined);
  private readonly moves = new Map<number, Move>();
  /** The server's declarations of commands, which take a moment to load; from the first command on. */
  private keys: CommandKeys | undefined;
  private topology: Topology | undefined;
  private polledMs = -Infinity;
  private hasStopped = false;

  constructor(
    private readonly seed: ServerAddress,
    private readonly options: LiveSourceOptions,
  ) {}

  get name(): string {
    return this.options.isCluster ? `cluster of ${this.seed.name}` : this.seed.name;
  }

  get warnings(): string[] {
    return this.links.flatMap(({ source }) => source?.warnings ?? []);
  }

  get totalBytes(): number | undefined {
    let sum = 0;
    for (const { source } of this.links) {
      if (source?.totalBytes === undefined) return undefined;
      sum += source.totalBytes;
    }
    return sum;
  }

  get phase(): string {
    return this.links.find(({ isLoading }) => isLoading)?.source?.phase ?? this.links[0]?.source?.phase ?? 'connecting';
  }

  /** For a page: sums over all links. */
  get sums(): { offset: number; receivedOffset: number; lagBytes: number; links: number; movingSlots: number } {
    const sums = { offset: 0, receivedOffset: 0, lagBytes: 0, links: this.links.length, movingSlots: this.moves.size };
    for (const { source } of this.links) {
      sums.offset += source?.givenOffset ?? 0;
      sums.receivedOffset += source?.receivedOffset ?? 0;
      sums.lagBytes += source?.lagBytes ?? 0;
    }
    return sums;
  }

  get isSnapshotOnly(): boolean {
    return this.options.isSnapshotOnly;
  }

  stop(): void {
    this.hasStopped = true;
    for (const link of this.links) link.stop();
  }

  close(): void {
    for (const link of this.links) link.close();
  }

  async *batches(): AsyncGenerator<Batch, void> {
    try {
      await this.open();
      while (this.links.some(({ isDone }) => !isDone)) {
        if (this.options.isCluster && performance.now() - this.polledMs >= POLL_MS) {
          await this.poll();
          yield* this.guarded(this.settle());
        }
        const turn = await Promise.race(this.links.filter(({ isDone }) => !isDone).map((link) => link.next()));
        yield* this.guarded(this.handle(turn), turn.link);
      }
      // Keys that are read once more after the end belong to the result too.
      for (const link of this.links) yield* this.guarded(this.read(link), link);
    } finally {
      this.close();
    }
  }

  // --- begin

  private addLink(address: ServerAddress, nodeId: string): StreamLink {
    const link = new StreamLink(address, nodeId, this.options);
    this.links.push(link);
    if (this.hasStopped) link.stop();
    return link;
  }

  private async open(): Promise<void> {
    const { from } = this.options;
    if (!this.options.isCluster) {
      const link = this.addLink(this.seed, '');
      if (from !== undefined) resume(link, from, from.clean !== undefined);
      link.restart();
      return;
    }
    this.readMap([await this.askForView(this.seed)]);
    const map = this.topology!;
    const saved = Array.isArray(from?.links) ? (from.links as readonly string[]) : [];
    for (const line of saved) {
      const [host, port, nodeId = '', id = '?', offset = '-1', isHeld, ranges = ''] = line.split(' ');
      const address = map.addresses.get(nodeId) ?? { host: host!, port: Number(port) };
      const link = this.addLink(nodeAddress(this.seed, address), nodeId);
      for (const slot of slotsOfText(ranges)) this.owners[slot] = link;
      const position = { id, offset: Number(offset), database: 0, ...(isHeld === 'held' ? { held: 1 } : {}) };
      resume(link, position, from!.clean !== undefined);
    }
    if (!map.owners.some((id) => id !== undefined))
      throw new TransferError(`${this.name}: no node of the cluster serves slots`);
    if (saved.length === 0)
      map.owners.forEach((id, slot) => {
        if (id === undefined) return;
        this.owners[slot] = this.links.find(({ nodeId }) => nodeId === id) ?? this.addLink(this.addressOf(id), id);
        // An older file has no list of slots: all that the target has may be old.
        this.owners[slot].isResync = from !== undefined;
      });
    await this.follow();
    for (const link of this.links) if (link.source === undefined) link.restart();
  }

  private addressOf(id: string): ServerAddress {
    return nodeAddress(this.seed, this.topology!.addresses.get(id)!);
  }

  // --- the map of slots

  private async askForView(address: ServerAddress, link?: StreamLink): Promise<NodeView> {
    const asking = link ?? new StreamLink(address, '', this.options);
    try {
      const pipeline = await asking.pipeline();
      const reply = await pipeline.must('CLUSTER', 'NODES');
      return { asked: address.endpoint, text: replyText(reply) };
    } finally {
      if (link === undefined) asking.close();
    }
  }

  private readMap(views: readonly NodeView[]): void {
    this.topology = readTopology(views);
    this.polledMs = performance.now();
  }

  private async poll(): Promise<void> {
    const asked = await Promise.allSettled(this.links.map((link) => this.askForView(link.address, link)));
    const views = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (views.length === 0) {
      const others = [this.seed, ...[...this.topology!.addresses.values()].map((node) => nodeAddress(this.seed, node))];
      for (const other of others) {
        const view = await this.askForView(other).catch(() => undefined);
        if (view !== undefined) views.push(view);
        if (view !== undefined) break;
      }
    }
    this.polledMs = performance.now();
    if (views.length === 0) return;
    this.readMap(views);
    await this.follow();
  }

  /** Draws the conclusions from the map. */
  private async follow(): Promise<void> {
    const { owners, open } = this.topology!;
    const serving = new Set(owners);
    for (const link of this.links) if (!serving.has(link.nodeId)) this.findSuccessor(link);
    for (const id of serving)
      if (id !== undefined && !this.links.some(({ nodeId }) => nodeId === id))
        this.addLink(this.addressOf(id), id).restart();
    const byId = new Map(this.links.map((link) => [link.nodeId, link]));
    const offsets = new Map<StreamLink, number>();
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const id = owners[slot];
      if (id === undefined) continue;
      const to = byId.get(id)!;
      const isOpen = open.has(slot);
      if (this.owners[slot] !== to || isOpen) this.beginMove(slot);
      const move = this.moves.get(slot);
      if (move === undefined) continue;
      const goal = isOpen ? undefined : to;
      if (move.to === goal) continue;
      move.to = goal;
      const old = this.owners[slot];
      move.untilOffset = Infinity;
      if (goal === undefined) continue;
      if (old === undefined || old.isDone) move.untilOffset = -1;
      else {
        if (!offsets.has(old)) offsets.set(old, await old.offsetNow().catch(() => NaN));
        move.untilOffset = offsets.get(old)!;
        // The old master is away: it is asked again, until it answers or was taken out of the cluster.
        if (Number.isNaN(move.untilOffset)) move.to = undefined;
      }
    }
    this.dropLeft();
  }

  /** The node that has taken over a link's slots, unless it has a link of its own. */
  private findSuccessor(link: StreamLink): void {
    const counts = new Map<string, number>();
    this.owners.forEach((owner, slot) => {
      const id = this.topology!.owners[slot];
      if (owner === link && id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    });
    const [best] = [...counts].sort((a, b) => b[1] - a[1]);
    if (best === undefined || this.links.some(({ nodeId }) => nodeId === best[0])) return;
    link.nodeId = best[0];
    const { name } = link.address;
    link.address = this.addressOf(best[0]);
    this.options.say(`${link.address.name} serves the slots of ${name} now`);
    if (link.source !== undefined) link.restart();
  }

  /** Links whose node has left the cluster and has nothing more to say. */
  private dropLeft(): void {
    for (const link of [...this.links]) {
      if (this.topology!.owners.includes(link.nodeId) || this.topology!.addresses.has(link.nodeId)) continue;
      this.owners.forEach((owner, slot) => {
        if (owner === link) this.owners[slot] = undefined;
        const move = this.moves.get(slot);
        if (owner === link && move !== undefined) move.untilOffset = -1;
      });
      link.close();
      this.links.splice(this.links.indexOf(link), 1);
    }
  }

  private beginMove(slot: number): Move {
    let move = this.moves.get(slot);
    if (move !== undefined) return move;
    move = { keys: new Map(), to: undefined, untilOffset: Infinity };
    this.moves.set(slot, move);
    for (const link of this.links) link.hold ??= link.position;
    return move;
  }

  /** Lets the new owners' streams count for slots that have arrived. */
  private async *settle(): AsyncGenerator<Batch, void> {
    const ready = new Map<StreamLink, number[]>();
    const orphans = new Set<number>();
    for (const [slot, { to, untilOffset }] of this.moves) {
      if (to?.isFollowing !== true) continue;
      const old = this.owners[slot];
      if (old !== undefined && old.givenOffset < untilOffset) continue;
      if (old === undefined) orphans.add(slot);
      addTo(ready, to, slot);
    }
    // A lost master's last deletions are unknown.
    if (orphans.size > 0) yield* this.remove(this.options.extras, (key) => orphans.has(keySlot(key)));
    for (const [link, slots] of ready) {
      for (const { slot, keys, offset } of await link.keysOfSlots(slots)) {
        for (const key of keys) this.await(link, { database: 0, key });
        for (const one of this.moves.get(slot)!.keys.values()) this.await(link, one);
        link.slotReadUntil.set(slot, offset);
        link.fencedUntil = Math.max(link.fencedUntil, offset);
        this.owners[slot] = link;
        this.moves.delete(slot);
      }
      yield* this.guarded(this.read(link), link);
    }
    this.release();
  }

  private await(link: StreamLink, key: DatabaseKey): void {
    if (this.options.passes(key.key, key.database)) link.pending.set(nameOf(key), key);
  }

  // --- batches

  private *lost(link: StreamLink, error: unknown): Generator<Batch, void> {
    if (!(error instanceof LinkLost)) throw error;
    if (this.options.isCluster && link.position !== undefined && !this.owners.includes(link)) {
      // Its slots have gone to others, and so has the node.
      link.close();
      this.links.splice(this.links.indexOf(link), 1);
      return;
    }
    const now = performance.now();
    // A first connection has to succeed, and who copies once begins again himself.
    const isNew = link.position === undefined && link.generation === 1 && !this.options.isCluster;
    if (isNew || this.options.stopsAfterSnapshot || now - (link.lostSinceMs ??= now) > this.options.awayMs) throw error;
    if (!this.hasStopped) {
      if (now === link.lostSinceMs) this.options.say(`${error.message}; connecting again`);
      link.restart(RETRY_MS);
    } else link.isDone = true;
    yield { records: [], sourceBytes: this.sourceBytes };
  }

  /** A lost connection to a source is made again; everything else goes up. */
  private async *guarded(batches: AsyncGenerator<Batch, void>, link?: StreamLink): AsyncGenerator<Batch, void> {
    try {
      yield* batches;
    } catch (error) {
      if (link !== undefined) yield* this.lost(link, error);
      else if (!(error instanceof LinkLost)) throw error;
    }
  }

  private get sourceBytes(): number {
    let sum = 0;
    for (const link of this.links) sum += link.loadedBytes + link.followedBytes;
    return sum;
  }

  private async *handle(turn: Turn): AsyncGenerator<Batch, void> {
    const { link, generation, result, error } = turn;
    link.took(generation);
    if (generation !== link.generation) return;
    if (error !== undefined) {
      yield* this.lost(link, error);
      return;
    }
    if (result!.done === true) {
      link.isDone = true;
      return;
    }
    const batch = result!.value;
    if (link.lostSinceMs !== undefined) this.options.say(`${link.address.name} is reachable again`);
    link.lostSinceMs = undefined;
    if (link.isLoading && !link.source!.isFull) await this.goOn(link);
    const hasCommands = batch.records.some(({ what }) => what === 'command');
    if (hasCommands) this.keys ??= new (await import('./command-keys.js')).CommandKeys();
    const records: TransferRecord[] = [];
    for (const record of batch.records) {
      if (record.what !== 'command') {
        if (record.what !== 'key' || !this.options.isCluster || this.owners[keySlot(record.key)] === link)
          records.push(record);
        continue;
      }
      const cleared = this.judge(link, record, records);
      if (!cleared) continue;
      // A node's FLUSHALL is about its own slots.
      if (records.length > 0) yield { records: records.splice(0), sourceBytes: this.sourceBytes };
      yield* this.remove(this.options.allKeys, (key) => this.owners[keySlot(key)] === link);
    }
    const isLoaded = link.isLoading && batch.position !== undefined;
    if (batch.position !== undefined && !isLoaded) link.position = batch.position;
    link.count(batch.sourceBytes);
    const { strings } = batch;
    yield {
      records,
      sourceBytes: this.sourceBytes,
      ...(strings === undefined ? {} : { strings }),
      ...this.positions(),
    };
    if (isLoaded) yield* this.loaded(link, batch.position!);
    if (link.hold !== undefined) this.release();
    if (link.pending.size >= PENDING_MAX || (link.pending.size > 0 && link.givenOffset >= link.readUntil))
      yield* this.read(link);
  }

  /** The stream goes on where it was left. */
  private async goOn(link: StreamLink): Promise<void> {
    if (link.isUncertain) link.readUntil = await link.offsetNow();
    if (link.isUncertain) link.hold ??= link.position;
    link.isUncertain = false;
    link.isResync = true;
    link.isLoading = false;
  }

  /** The whole data set was given out. */
  private async *loaded(link: StreamLink, position: Position): AsyncGenerator<Batch, void> {
    link.fences.clear();
    link.pending.clear();
    link.slotReadUntil.clear();
    link.hold = undefined;
    const isOurs = (key: Uint8Array): boolean => !this.options.isCluster || this.owners[keySlot(key)] === link;
    if (link.isResync) {
      yield* this.remove(this.options.extras, isOurs);
      // A key that was made since may have an older value in the target.
      link.readUntil = await link.offsetNow();
      link.hold = position;
    }
    link.isUncertain = false;
    link.isResync = true;
    link.position = position;
    link.isLoading = false;
    if (this.moves.size > 0) link.hold = position;
    yield { records: [], sourceBytes: this.sourceBytes, ...this.positions() };
  }

  /** Deletes keys of the target: those that `find` gives, if they may be deleted. */
  private async *remove(find: FindKeys | undefined, isOurs: (key: Uint8Array) => boolean): AsyncGenerator<Batch, void> {
    if (find === undefined) return;
    for await (const keys of find(isOurs)) yield { records: keys.map(deletion), sourceBytes: this.sourceBytes };
  }

  /** Puts the command to the records, or its keys to those that are read; true when it empties a node of a cluster. */
  private judge(link: StreamLink, record: CommandRecord, records: TransferRecord[]): boolean {
    const offset = record.offset!;
    const keys = this.keysOf(record);
    if (keys.length === 0) return this.judgeKeyless(link, record, records);
    const slot = this.options.isCluster ? keySlot(keys[0]!.key) : 0;
    if (this.options.isCluster && (this.owners[slot] !== link || this.moves.has(slot))) {
      const move = this.beginMove(slot);
      // The map has to be looked at before this slot counts again.
      if (move.to === undefined) this.polledMs = Math.min(this.polledMs, performance.now() - POLL_MS / 2);
      for (const key of keys) move.keys.set(nameOf(key), key);
      return false;
    }
    const readUntil = Math.max(link.readUntil, link.slotReadUntil.get(slot) ?? -1);
    const verdict = link.fences.judge(keys, offset, readUntil);
    if (verdict === 'apply') records.push(record);
    if (verdict !== 'reread') return false;
    link.hold ??= link.position;
    for (const key of keys) this.await(link, key);
    return false;
  }

  private judgeKeyless(link: StreamLink, record: CommandRecord, records: TransferRecord[]): boolean {
    const name = latin1(record.args[0]!).toUpperCase();
    if (KEYLESS_DATA.has(name)) {
      // Values that were read after it are gone from the target now.
      for (const name of link.fences.after(record.offset!)) this.await(link, keyNamed(name));
      if (link.pending.size > 0) link.hold ??= link.position;
      if (this.options.isCluster) return true;
    }
    const isOfLink = name === 'MULTI' || name === 'EXEC' || KEYLESS_DATA.has(name);
    // Scripts and functions go to all masters.
    if (isOfLink || link === this.links.find(({ isDone }) => !isDone)) records.push(record);
    return false;
  }

  private keysOf({ args, database }: CommandRecord): DatabaseKey[] {
    const keys = (this.keys!.placesOf(args) ?? []).map((place) => ({ database, key: args[place]! }));
    const name = args.length > 2 ? latin1(args[0]!).toUpperCase() : '';
    if (name === 'MOVE') keys.push({ database: Number(latin1(args[2]!)), key: args[1]! });
    if (name === 'COPY' && args.length > 4 && latin1(args[3]!).toUpperCase() === 'DB')
      keys.push({ database: Number(latin1(args[4]!)), key: args[2]! });
    return keys;
  }

  /** Reads the keys that wait, in the place of commands that cannot be separated. */
  private async *read(link: StreamLink): AsyncGenerator<Batch, void> {
    const moved = (one: DatabaseKey): void => void this.beginMove(keySlot(one.key)).keys.set(nameOf(one), one);
    for await (const records of link.reread(this.options.isCluster, moved))
      yield { records, sourceBytes: this.sourceBytes };
    this.release();
    yield { records: [], sourceBytes: this.sourceBytes, ...this.positions() };
  }

  /** Forgets the older positions when no key waits. */
  private release(): void {
    if (this.moves.size > 0) return;
    for (const link of this.links)
      if (link.pending.size === 0 && !(link.givenOffset < link.readUntil)) link.hold = undefined;
  }

  private positions(): { position?: Position } {
    if (!this.options.isCluster) {
      const [link] = this.links;
      if (link?.position === undefined) return { position: { id: '?', offset: -1 } };
      const position = link.hold ?? link.position;
      return { position: link.isHeld ? { ...position, held: 1 } : position };
    }
    const slots = new Map<StreamLink, number[]>();
    this.owners.forEach((owner, slot) => {
      if (owner !== undefined) addTo(slots, owner, slot);
    });
    return {
      position: {
        links: this.links.map((link) => {
          const { host, port } = link.address.endpoint;
          const position = link.hold ?? link.position ?? { id: '?', offset: -1 };
          const isHeld = link.isHeld ? 'held' : '-';
          const words = [
            host,
            port,
            link.nodeId,
            position.id,
            position.offset,
            isHeld,
            slotsText(slots.get(link) ?? []),
          ];
          return words.join(' ');
        }),
      },
    };
  }
}

/** Lets a link go on at a position that a file had. */
function resume(link: StreamLink, position: Position, isClean: boolean): void {
  link.isResync = true;
  if (!(Number(position.offset) >= 0)) return;
  link.position = position;
  link.isUncertain = !isClean || position.held !== undefined;
}
