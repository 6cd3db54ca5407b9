// slot-export: the source's side of a move: copies the slots, sends their changes, and hands them over.
//
//   CLUSTER SYNCSLOTS SYNC ──> snapshot ──> streaming ──> handoff ──> granted ──> completed
//                                 │             │            │          │ nobody takes them in time
//                                 └─────────────┴────────────┴──> failed, canceled
//
// The slots are copied one after the other. A change in a slot that was copied is sent at once, one in a slot that is being
// copied follows it, and one in a slot that is still to come is part of its copy. So no more is kept than one slot's changes,
// and the copy may be slowed down or paused for as long as anybody likes.
//
// When all slots are copied and the destination lags little, writes are paused. With the last change goes HANDOFF: the
// destination becomes the owner at once or, when too much time has passed since it asked, never. Here that time is twice as
// long. So if the source has heard nothing then, either the slots were not taken or the node that took them is out of reach. The
// source then serves them again with a new epoch, as a failover would, if it is with the majority; and it says so.
//
// Not here: the bytes of the copy (slot-walk), the start of a move and the fate of the keys (slot-moves).

import type { Timer } from '../../io/clock.js';
import type { Part } from '../../commands/engine.js';
import { RdbWriter, Compression } from '../../persistence/rdb/writer.js';
import type { SnapshotSink } from '../../persistence/snapshot/snapshot-sink.js';
import { WalkPace } from '../../persistence/snapshot/walk-pace.js';
import { CommandEncoder } from '../../protocol/command-encoder.js';
import { slotsOf } from '../../base/slot-ranges.js';
import { SyncPace } from '../../replication/sync-pace.js';
import type { Client } from '../../service/clients/client.js';
import { type EffectSink, REPLICAS } from '../../server/effects.js';
import type { SlotMoveOrder } from '../../server/slot-moves-port.js';
import type { SlotFilter } from './slot-filter.js';
import type { SlotMove } from './slot-move.js';
import type { MovesOwner } from './slot-moves-owner.js';
import { SlotWalk } from './slot-walk.js';

const CHUNK_BYTES = 256 * 1024;
/** Bytes that the connection may hold before the copy waits. */
const WINDOW_BYTES = 1 << 20;
/** Changes that the other side does not take are kept up to here. */
const HELD_BYTES_MAX = 256 << 20;
const IDLE_SLICE_MS = 5;
const BUSY_RETRY_MS = 10;
/** Writes wait for less than this to be applied, unless it cannot be had. */
const LAG_BYTES_WANTED = 16 * 1024;
const MARKS_PATIENT = 200;
const MARK_EVERY_MS = 2;
/** A move that is paused is not handed over; this only finds out when it goes on. */
const MARK_PAUSED_MS = 100;
const TELL_EVERY_MS = 1000;

const Stage = { none: 0, pending: 1, walking: 2, passed: 3 } as const;

export class SlotExport implements SnapshotSink, EffectSink {
  readonly wants = true;
  readonly bit = REPLICAS;
  onRoom = (): void => undefined;
  onError: (error: Error) => void = () => undefined;
  private readonly slots: readonly number[];
  private readonly stages = new Uint8Array(16384);
  private next = 0;
  private readonly walk: SlotWalk;
  private readonly copied = new RdbWriter(Compression.none, CHUNK_BYTES);
  /** Changes in slots that were copied; they follow `copied`. */
  private readonly stream = new CommandEncoder();
  /** Changes in the slot that is being copied. */
  private readonly held = new CommandEncoder();
  private readonly pace: WalkPace;
  private readonly limit: SyncPace;
  private lastCommandCount = 0;
  private timer: Timer | undefined;
  private soon: Timer | undefined;
  private flushIsDue = false;
  private sentBytes = 0;
  private mark = 0;
  private markBytes = 0;
  private markIsOut = false;
  private deadline: Timer | undefined;
  private pausedMs = 0;
  private toldMs = 0;
  private isOver = false;

  constructor(
    private readonly owner: MovesOwner,
    readonly move: SlotMove,
    private readonly filter: SlotFilter,
    private readonly client: Client,
  ) {
    const { server, clock } = owner;
    this.slots = slotsOf(move.ranges);
    for (const slot of this.slots) this.stages[slot] = Stage.pending;
    this.walk = new SlotWalk(server.keyspace, server.persistence.cuts, clock, this, this.copied);
    this.pace = new WalkPace(clock);
    this.limit = new SyncPace(clock, () => move.rateLimit);
  }

  /** Begins; the destination has been told so. */
  start(): void {
    const { move, owner } = this;
    // The destination has gone already.
    if (this.isOver) return;
    move.keysTotal = this.slots.reduce((sum, slot) => sum + owner.keysInSlot(slot), 0);
    move.enter('snapshot');
    move.progress(0, 0);
    owner.server.effects.attach(this);
    const { connection } = this.client;
    if (connection !== undefined) connection.whenDrained = () => this.goOnSoon();
    this.tell();
    this.goOnSoon();
  }

  // --- the copy -------------------------------------------------------------------------------------------------------

  private get isCopying(): boolean {
    return this.move.phase === 'snapshot';
  }

  private get unsentBytes(): number {
    return (this.client.connection?.wire.unsentBytes ?? 0) + this.copied.length + this.stream.length;
  }

  get pendingBytes(): number {
    return this.unsentBytes;
  }

  get room(): boolean {
    return !this.move.isPaused && this.unsentBytes < WINDOW_BYTES && this.limit.waitMs === 0;
  }

  private goOnSoon(): void {
    if (this.isOver || this.soon !== undefined || this.timer !== undefined) return;
    this.soon = this.owner.clock.soon(() => {
      this.soon = undefined;
      this.goOn();
    });
  }

  private goOnAfter(milliseconds: number): void {
    if (this.isOver || this.timer !== undefined) return;
    this.timer = this.owner.clock.after(milliseconds, () => {
      this.timer = undefined;
      const { restMs } = this.pace;
      if (restMs > 0) this.goOnAfter(restMs);
      else this.goOn();
    });
  }

  private goOn(): void {
    if (this.isOver || !this.isCopying) return;
    const { host } = this.owner;
    const { clock } = this.owner;
    const isBusy = host.commandCount !== this.lastCommandCount;
    this.lastCommandCount = host.commandCount;
    const endMs = clock.steadyMs() + IDLE_SLICE_MS;
    const isTime = (): boolean => (isBusy ? this.pace.isSliceOver : clock.steadyMs() >= endMs);
    this.pace.sliceBegins();
    const outcome = this.copySome(isTime);
    this.pace.sliceEnds();
    this.flush();
    this.move.progress(this.walk.keysDone, this.sentBytes);
    if (this.next === this.slots.length) this.copyDone();
    else if (outcome === 'busy') this.goOnAfter(BUSY_RETRY_MS);
    else if (this.room) {
      if (isBusy) this.goOnAfter(Math.max(1, this.pace.restMs));
      else this.goOnSoon();
    } else if (this.limit.waitMs > 0 && !this.move.isPaused) this.goOnAfter(this.limit.waitMs);
    // Else the connection drains, or the move is resumed.
  }

  private copySome(isTime: () => boolean): 'more' | 'busy' {
    while (this.next < this.slots.length && this.room) {
      const slot = this.slots[this.next]!;
      this.stages[slot] = Stage.walking;
      const outcome = this.walk.step(slot, isTime);
      if (outcome === 'busy') {
        // Nothing of it was written: its changes will be part of it.
        this.stages[slot] = Stage.pending;
        return 'busy';
      }
      if (outcome === 'done') {
        this.stages[slot] = Stage.passed;
        this.next++;
        if (this.held.length > 0) {
          this.stream.raw(this.held.bytes.subarray(0, this.held.length));
          this.held.clear();
        }
      }
      if (isTime()) break;
    }
    return 'more';
  }

  /** SnapshotSink: a slot's snapshot sends what it has. */
  send(writer: RdbWriter): void {
    if (writer.length === 0) return;
    const bytes = writer.bytes.slice(0, writer.length);
    writer.clear();
    this.sendBytes(bytes);
  }

  finish(done: (error: Error | null, bytes: number) => void): void {
    done(null, this.sentBytes);
  }

  abort(): void {
    return;
  }

  private sendBytes(bytes: Uint8Array): void {
    if (this.isOver) return;
    this.sentBytes += bytes.length;
    this.limit.sent(bytes.length);
    this.client.connection?.send(bytes);
  }

  /** Sends what has gathered, the copy before the changes. */
  private flush(): void {
    if (this.isOver || this.walk.isMidCommand) return;
    this.send(this.copied);
    if (this.stream.length === 0) return;
    const bytes = this.stream.bytes.slice(0, this.stream.length);
    this.stream.clear();
    this.sendBytes(bytes);
  }

  private flushSoon(): void {
    if (this.flushIsDue) return;
    this.flushIsDue = true;
    this.owner.clock.soon(() => {
      this.flushIsDue = false;
      this.flush();
    });
  }

  // --- changes --------------------------------------------------------------------------------------------------------

  append(_database: number, call: Parameters<EffectSink['append']>[1]): void {
    const stage = this.stageOf(this.filter.slotOf(call));
    if (stage === undefined) return;
    stage.command(-1, call);
    this.changed();
  }

  appendParts(_database: number, parts: readonly Part[]): void {
    const stage = this.stageOf(this.filter.slotOfParts(parts));
    if (stage === undefined) return;
    stage.parts(-1, parts);
    this.changed();
  }

  private stageOf(slot: number): CommandEncoder | undefined {
    if (slot < 0) return undefined;
    const stage = this.stages[slot]!;
    return stage === Stage.passed ? this.stream : stage === Stage.walking ? this.held : undefined;
  }

  private changed(): void {
    if (this.unsentBytes + this.held.length + this.walk.heldBytes > HELD_BYTES_MAX)
      this.fail('Changes come faster than the target takes them: more than 256 MB wait');
    else this.flushSoon();
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  private copyDone(): void {
    this.move.enter('streaming');
    this.move.progress(this.walk.keysDone, this.sentBytes);
    this.tell();
    this.sendMark();
  }

  private words(...words: readonly (string | number)[]): void {
    this.stream.parts(-1, ['CLUSTER', 'SYNCSLOTS', ...words]);
  }

  /** The destination answers when it has applied everything before. */
  private sendMark(): void {
    if (this.isOver || this.markIsOut || this.move.phase !== 'streaming') return;
    this.markIsOut = true;
    this.words('MARK', ++this.mark);
    this.flush();
    this.markBytes = this.sentBytes;
  }

  private markLater(): void {
    this.owner.clock.after(this.move.isPaused ? MARK_PAUSED_MS : MARK_EVERY_MS, () => this.sendMark());
  }

  /** The destination has everything up to a mark. */
  acknowledged(mark: number): void {
    if (mark !== this.mark || !this.markIsOut) return;
    this.markIsOut = false;
    if (this.move.phase !== 'streaming') return;
    this.flush();
    const { owner } = this;
    const lagMax = this.mark < MARKS_PATIENT ? Math.min(LAG_BYTES_WANTED, owner.handoffLagMax) : owner.handoffLagMax;
    const isClose = this.sentBytes - this.markBytes <= lagMax && this.unsentBytes <= lagMax;
    if (!isClose || this.move.isPaused || owner.isInMidWrite || owner.isHandingOver) this.markLater();
    else this.handOff();
  }

  private handOff(): void {
    const { move, owner } = this;
    const timeoutMs = owner.writePauseTimeoutMs;
    move.enter('handoff');
    this.pausedMs = owner.clock.steadyMs();
    if (!owner.skipsPause) owner.server.pause.begin(2 * timeoutMs, 'write', 'slots');
    const epoch = owner.grant(move, this.slots);
    this.words('HANDOFF', this.mark, Math.ceil(timeoutMs / 2), epoch);
    this.flush();
    move.enter('granted');
    this.deadline = owner.clock.after(timeoutMs, () => this.notTaken());
  }

  /** The destination owns the slots. */
  taken(epoch: number): void {
    if (this.move.phase === 'granted') this.owner.giveUp(this.move, this.slots, epoch);
  }

  /** The destination will not take the slots. */
  declined(reason: string): void {
    if (this.move.phase === 'granted') this.fail(`The target did not take the slots: ${reason}`);
  }

  private notTaken(): void {
    const { owner, move, slots } = this;
    if (this.isOver) return;
    if (!owner.isClusterOk) {
      // Nobody is served anyway, and the others may know better.
      this.deadline = owner.clock.after(owner.writePauseTimeoutMs, () => this.notTaken());
      return;
    }
    owner.log(
      'warning',
      `Slot migration ${move.id}: node ${move.destinationId} has not said within ${owner.writePauseTimeoutMs} ms that it took slots ${this.rangesText}. This node serves them again. Write loss risk! if that node has taken them and serves somebody out of reach`,
    );
    owner.reclaim(slots);
    this.fail('Timed out after the handoff: the target did not say that it took the slots');
  }

  private get rangesText(): string {
    return this.move.ranges.map(({ first, last }) => `${first}-${last}`).join(' ');
  }

  /** Owners, roles or nodes have changed. */
  check(): void {
    const { owner, move, slots } = this;
    if (this.isOver) return;
    if (slots.every((slot) => owner.ownerId(slot) === move.destinationId)) {
      if (move.phase === 'granted') this.close('completed', '');
      else this.fail('The slots were given to the target by somebody else');
    } else if (!owner.isMaster) this.fail('This node has become a replica');
    else if (move.phase === 'granted') {
      // Slots that others have by now may have gone on from the target, which then has taken all. Its word, or the deadline,
      // decides about the remaining ones.
      if (!slots.some((slot) => owner.isMine(slot))) this.close('completed', '');
    } else if (slots.some((slot) => !owner.isMine(slot))) this.fail('The slots changed their owner');
    else if (!owner.isMasterNode(move.destinationId)) this.fail('The target is no master of this cluster any more');
  }

  order(order: SlotMoveOrder): void {
    const { move } = this;
    if (order.kind === 'limit') move.rateLimit = order.bytesPerSecond;
    else move.isPaused = order.kind === 'pause';
    this.tell();
    this.timer?.cancel();
    this.timer = undefined;
    this.goOnSoon();
  }

  /** Called by the server's tick. */
  tick(): void {
    if (this.isOver) return;
    const nowMs = this.owner.clock.steadyMs();
    if (this.isCopying) this.move.progress(this.walk.keysDone, this.sentBytes);
    if (nowMs - this.toldMs >= TELL_EVERY_MS) this.tell();
    if (this.move.phase !== 'granted' && this.owner.clock.wallMs() - this.move.heardMs > this.owner.timeoutMs)
      this.fail('The target does not answer');
  }

  /** Tells the destination how far the copy is. */
  private tell(): void {
    const { move } = this;
    this.toldMs = this.owner.clock.steadyMs();
    this.words('STATUS', move.keysDone, move.keysTotal, this.sentBytes, move.isPaused ? 1 : 0, move.rateLimit);
    this.flush();
  }

  /** The connection has ended. */
  disconnected(): void {
    // Whether the slots are taken is not known yet: the bus reports it, or the deadline decides.
    if (this.move.phase !== 'granted') this.fail('The connection to the target is lost');
  }

  fail(reason: string): void {
    this.close('failed', reason);
  }

  /** False: it is too late, the slots have been left to the destination. */
  cancel(): boolean {
    if (this.move.phase === 'granted') return false;
    this.close('canceled', 'canceled');
    return true;
  }

  private close(phase: 'completed' | 'failed' | 'canceled', reason: string): void {
    if (this.isOver) return;
    const { move, owner, client } = this;
    if (phase !== 'completed') {
      this.words('FAIL', reason);
      this.flush();
    }
    this.isOver = true;
    this.timer?.cancel();
    this.soon?.cancel();
    this.deadline?.cancel();
    this.walk.abort();
    owner.server.effects.detach(this);
    if (this.pausedMs > 0) {
      move.writePauseMs = owner.clock.steadyMs() - this.pausedMs;
      owner.server.pause.end('slots');
    }
    move.lastError = phase === 'completed' ? '' : reason;
    move.enter(phase);
    if (client.connection !== undefined) client.connection.whenDrained = undefined;
    client.connection?.closeAfterReply();
    owner.exportEnded(move);
  }
}
