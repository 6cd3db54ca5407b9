// slot-import: the destination's side of a move: asks the source for slots, applies its commands, and takes the slots
// over.
//
//   clearing ──> connecting ──> handshake ──> snapshot ──> streaming ──> handoff ──> completed
//      ^                                          any failure
//      └──────────────── waiting <──────────────────────┘ (an import asked for here)   ──> failed, canceled
//
// The source sends commands, applied past the gates as a master's would be; they go to the AOF and to the replicas. A
// command that is no write of these slots ends the attempt: a broken source must not reach other keys of this node.
// Until this node owns the slots, no client can reach their keys and they do not expire here: the source sends the
// deletions.
//
// The slots may be taken only for a while after this node last said that it has everything (see slot-export).
//
// Not here: the connection (peer-link), the change of owners (takeover).

import { Call } from '../../registry/call.js';
import type { Database } from '../../keyspace/database.js';
import type { Clock, Timer } from '../../io/clock.js';
import { SLOT_COUNT } from '../../base/key-slot.js';
import { slotsOf } from '../../base/slot-ranges.js';
import { StreamApplier, type StreamTarget } from '../../replication/stream-applier.js';
import type { DataServer } from '../../server/server.js';
import type { ServerCall } from '../../server/call.js';
import type { SlotMoveOrder } from '../../server/slot-moves-port.js';
import type { Client } from '../../service/clients/client.js';
import { PeerLink } from './peer-link.js';
import { numberOf, reasonOf } from './peer-words.js';
import type { SlotMove } from './slot-move.js';
import type { MovesOwner } from './slot-moves-owner.js';

const CLEARED_LOOK_MS = 5;
const RETRY_MS = 1000;
const ALIVE_EVERY_MS = 1000;

export class SlotImport implements StreamTarget {
  readonly places = new Call<Database, DataServer, Client>();
  readonly slots: readonly number[];
  readonly clock: Clock;
  private link: PeerLink | undefined;
  private readonly applier: StreamApplier = new StreamApplier(this);
  private timer: Timer | undefined;
  private readonly client: Client;
  private readonly isExpected = new Uint8Array(SLOT_COUNT);
  private ackMs = -Infinity;
  private aliveMs = 0;
  private handoffMs = 0;
  private isReadingPaused = false;
  private isOver = false;

  constructor(
    private readonly owner: MovesOwner,
    readonly move: SlotMove,
  ) {
    this.clock = owner.clock;
    this.slots = slotsOf(move.ranges);
    for (const slot of this.slots) this.isExpected[slot] = 1;
    this.client = owner.server.internalClient();
    this.client.obeyed = true;
  }

  start(): void {
    const { owner, slots, move } = this;
    move.enter('clearing');
    move.restart();
    owner.stage(slots);
    owner.dropStaged(slots);
    this.connectWhenCleared();
  }

  /** Nothing of an earlier attempt may mix with what comes. */
  private connectWhenCleared(): void {
    const { owner } = this;
    if (this.slots.some((slot) => owner.keysInSlot(slot) > 0)) {
      owner.dropStaged(this.slots);
      this.timer = owner.clock.after(CLEARED_LOOK_MS, () => this.connectWhenCleared());
      return;
    }
    this.connect();
  }

  private connect(): void {
    const { owner, move } = this;
    move.enter('connecting');
    move.heard();
    this.applier.reset();
    this.isReadingPaused = false;
    const link = new PeerLink(
      {
        accepted: () => {
          if (this.link === link) this.accepted();
        },
        bytes: (bytes, count) => {
          if (this.link === link) this.take(bytes, count);
        },
        ended: (reason) => {
          if (this.link !== link) return;
          // The source may have said why before.
          this.applier.finish();
          if (this.link === link) this.fail(reason);
        },
      },
      owner,
    );
    this.link = link;
    const ranges = move.ranges.flatMap(({ first, last }) => [String(first), String(last)]);
    link.open(move.sourceId, ['CLUSTER', 'SYNCSLOTS', 'SYNC', move.id, owner.myId, ...ranges]);
    if (this.link === link && move.phase === 'connecting') move.enter('handshake');
  }

  private accepted(): void {
    const { move } = this;
    move.heard();
    move.enter('snapshot');
    if (move.rateLimit > 0) this.say('PACE', 'LIMIT', String(move.rateLimit));
    if (move.isPaused) this.say('PACE', 'PAUSE');
  }

  /** Tells the source, once it listens, what `accepted` would tell it otherwise. */
  private sayPace(...words: readonly string[]): void {
    const { phase } = this.move;
    if (phase === 'snapshot' || phase === 'streaming' || phase === 'handoff') this.say('PACE', ...words);
  }

  private say(...words: readonly string[]): void {
    this.link?.send('CLUSTER', 'SYNCSLOTS', ...words);
  }

  // --- the stream -----------------------------------------------------------------------------------------------------

  private take(bytes: Uint8Array, count: number): void {
    const { owner, move } = this;
    move.heard();
    const { server } = owner;
    if (server.memoryLimit.isPassed && !server.evictSome()) {
      this.fail('OOM: more memory is in use than maxmemory allows');
      return;
    }
    this.sliceApplied(this.applier.push(bytes, count));
  }

  sliceApplied(refusal: string | undefined): void {
    if (refusal !== undefined) this.fail(refusal);
    else this.pace();
  }

  private pace(): void {
    const { isFull } = this.applier;
    if (isFull === this.isReadingPaused || this.link === undefined) return;
    this.isReadingPaused = isFull;
    if (isFull) this.link.pauseReading();
    else this.link.resumeReading();
  }

  get mustWait(): boolean {
    return this.isOver || this.link === undefined || this.owner.server.scripting.parked.active;
  }

  beginTurn(): void {
    this.owner.server.beginTurn();
  }

  apply(): boolean {
    const { places, owner } = this;
    if (places.is(0, 'cluster')) {
      this.takeWords();
      return false;
    }
    const slot = owner.slotOfAllKeys(places as unknown as ServerCall);
    if (slot < 0 || this.isExpected[slot] === 0) {
      this.fail(`The source sent '${reasonOf(places.text(0))}', which is no write of the slots that it moves`);
      return false;
    }
    const { server } = owner;
    const { keyspace } = server;
    keyspace.arena.setInput(places.bytes);
    const { expiryPaused, hidesExpired } = keyspace;
    keyspace.expiryPaused = true;
    keyspace.hidesExpired = false;
    const { error } = server.obey(this.client, places);
    keyspace.expiryPaused = expiryPaused;
    keyspace.hidesExpired = hidesExpired;
    if (error !== undefined) this.fail(`A command of the source failed: ${error}`);
    server.serveReady();
    return false;
  }

  applied(): void {
    return;
  }

  /** The source says something about the move. */
  private takeWords(): void {
    const { places, move } = this;
    const word = places.count > 2 ? places.text(2).toUpperCase() : '';
    const number = (index: number): number => (index < places.count ? numberOf(places.text(index)) : 0);
    if (word === 'MARK') {
      if (move.phase === 'snapshot') move.enter('streaming');
      this.ackMs = this.owner.clock.steadyMs();
      this.say('ACK', String(number(3)));
    } else if (word === 'STATUS') {
      move.keysTotal = number(4);
      move.progress(number(3), number(5));
      move.isPaused = number(6) === 1;
      move.rateLimit = number(7);
    } else if (word === 'HANDOFF') {
      move.enter('handoff');
      this.handoffMs = this.owner.clock.steadyMs();
      this.takeOverWhenReady(number(4), number(5));
    } else if (word === 'FAIL') this.fail(places.count > 3 ? reasonOf(places.text(3)) : 'The source gave up');
  }

  private takeOverWhenReady(leaseMs: number, sourceEpoch: number): void {
    const { owner, move } = this;
    if (this.isOver || move.phase !== 'handoff') return;
    const again = (): void => {
      this.timer = owner.clock.after(1, () => this.takeOverWhenReady(leaseMs, sourceEpoch));
    };
    if (owner.clock.steadyMs() - this.ackMs >= leaseMs) {
      this.decline('The handoff of the slots came too late');
      return;
    }
    const epoch = owner.isDurable ? owner.takeOver(move, this.slots, sourceEpoch) : 'later';
    if (epoch === 'later') {
      again();
      return;
    }
    if (epoch === 'never') {
      this.decline('The slots have another owner by now, or this node cannot serve them');
      return;
    }
    move.writePauseMs = owner.clock.steadyMs() - this.handoffMs;
    this.say('TAKEN', String(epoch));
    this.close('completed', '');
  }

  /** The slots will not be taken: the source need not wait to find out. */
  private decline(reason: string): void {
    this.say('DECLINED', reason);
    this.fail(reason);
  }

  // --- the end --------------------------------------------------------------------------------------------------------

  order(order: SlotMoveOrder): void {
    const { move } = this;
    if (order.kind === 'limit') {
      move.rateLimit = order.bytesPerSecond;
      this.sayPace('LIMIT', String(order.bytesPerSecond));
    } else {
      move.isPaused = order.kind === 'pause';
      this.sayPace(order.kind === 'pause' ? 'PAUSE' : 'RESUME');
    }
  }

  /** Owners, roles or nodes have changed. */
  check(): void {
    const { owner, move, slots } = this;
    if (this.isOver || move.phase === 'waiting') return;
    if (!owner.isMaster) this.close('failed', 'This node has become a replica');
    else if (slots.some((slot) => owner.ownerId(slot) !== move.sourceId)) this.fail('The slots changed their owner');
  }

  /** Called by the server's tick. */
  tick(): void {
    const { owner, move } = this;
    if (this.isOver || this.link === undefined) return;
    if (this.applier.pendingBytes > 0 && !this.mustWait) {
      this.sliceApplied(this.applier.proceed());
    }
    const nowMs = owner.clock.steadyMs();
    if (nowMs - this.aliveMs >= ALIVE_EVERY_MS) {
      this.aliveMs = nowMs;
      if (move.phase === 'snapshot' || move.phase === 'streaming') this.say('ALIVE');
    }
    if (owner.clock.wallMs() - move.heardMs > owner.timeoutMs) this.fail('The source does not answer');
  }

  /** This attempt has failed. */
  fail(reason: string): void {
    const { owner, move } = this;
    if (this.isOver) return;
    if (!move.retriesFailures || !owner.isMaster) {
      this.close('failed', reason);
      return;
    }
    this.endLink();
    move.lastError = reason;
    owner.log('notice', `Slot migration ${move.id} failed and is tried again: ${reason}`);
    move.enter('waiting');
    owner.dropStaged(this.slots);
    this.timer = owner.clock.after(RETRY_MS, () => this.retry());
  }

  private retry(): void {
    const { owner, move } = this;
    const sourceId = owner.ownerId(this.slots[0]!);
    if (sourceId === owner.myId || this.slots.some((slot) => owner.ownerId(slot) !== sourceId)) {
      this.close('failed', 'The slots do not belong to one other node any more');
      return;
    }
    move.retries++;
    move.sourceId = sourceId ?? move.sourceId;
    this.start();
  }

  private endLink(): void {
    const { link } = this;
    this.link = undefined;
    this.timer?.cancel();
    this.timer = undefined;
    link?.close();
  }

  cancel(): void {
    this.close('canceled', 'canceled');
  }

  /** For good. */
  close(phase: 'completed' | 'failed' | 'canceled', reason: string): void {
    if (this.isOver) return;
    const { move, owner } = this;
    this.isOver = true;
    this.endLink();
    if (phase !== 'completed') move.lastError = reason;
    move.enter(phase);
    if (phase !== 'completed') owner.dropStaged(this.slots);
    owner.importEnded(move);
  }
}
