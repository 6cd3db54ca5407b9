// mirror-router: a second pool that gets all writes too: to move to other servers, or to keep a copy that is always warm.
//
// The first pool alone answers. A write goes to both at once; one that the second answers otherwise than the first is counted, and its
// keys are remembered and copied anew. So are the keys of what cannot be sent twice: transactions, blocking commands, commands
// whose effect is chance (SPOP). A key that is written while it is copied is copied once more. A comparison draws keys by chance; a
// repair walks over all of them.

import { isAggregate, replyText, type Reply } from '../../client/reply.js';
import { type Clock, delay } from '../../io/clock.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Backend } from '../pool/backend.js';
import { ask } from '../routing/ask.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import { sendFor } from '../routing/send-for.js';
import type { ReplySink } from '../wire/reply-sink.js';
import { frameKeys } from './frame-keys.js';
import { callByKey, nameOf, type PlanFinder } from './router-call.js';

/** Keys that wait to be copied; when there are more, only a repair finds the others. */
const DIRTY_MAX = 100_000;
const COPY_EVERY_MS = 100;
const SCAN_COUNT = 200;
const ERROR = 45;

/** Their effect differs from call to call: the key is copied instead. */
const chanceful = new Set(['spop', 'xadd', 'eval', 'evalsha', 'fcall']);

export interface MirrorCounts {
  writes: number;
  /** Replies that differed, or did not come. */
  differences: number;
  copied: number;
  compared: number;
  unequal: number;
  deleted: number;
  error: string;
}

export interface MirrorOptions {
  readonly clock: Clock;
  readonly planOf: PlanFinder;
  readonly databaseCount: number;
  log(level: LogLevel, text: string): void;
}

/** The second pool's reply, set against the first's. */
class Pair {
  private first: string | undefined;
  private second: string | undefined;

  constructor(private readonly done: (isSame: boolean) => void) {}

  take(isFirst: boolean, text: string): void {
    if (isFirst) this.first = text;
    else this.second = text;
    if (this.first !== undefined && this.second !== undefined) this.done(this.first === this.second);
  }
}

/** Passes the first pool's reply on, and notes what kind it was. */
class FirstReply implements ReplySink {
  constructor(
    private readonly pair: Pair,
    private readonly owner: ReplySink,
    private readonly tag: number,
  ) {}

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    this.pair.take(true, shape(bytes, from, to));
    this.owner.takeReply(this.tag, bytes, from, to);
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    const isTaken = this.owner.takePart(this.tag, bytes, from, to, isFirst, isLast);
    // A reply of many parts is not compared byte by byte.
    if (isTaken && isLast) this.pair.take(true, 'long');
    return isTaken;
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    this.pair.take(true, `-${text}`);
    this.owner.takeFailure(this.tag, text, wasSent);
  }
}

/** A reply as far as it is compared: short ones whole, errors by their first word. */
function shape(bytes: Uint8Array, from: number, to: number): string {
  if (bytes[from] === ERROR) return Buffer.from(bytes.subarray(from, to)).toString('latin1').split(' ')[0]!;
  return to - from > 4096 ? 'long' : Buffer.from(bytes.subarray(from, to)).toString('latin1');
}

export class MirrorRouter implements Router {
  readonly counts: MirrorCounts = {
    writes: 0,
    differences: 0,
    copied: 0,
    compared: 0,
    unequal: 0,
    deleted: 0,
    error: '',
  };
  /** Keys whose copy may differ, by name. */
  private readonly dirty = new Map<string, { databaseIndex: number; key: Uint8Array }>();
  /** Keys that are being copied, and how often. */
  private readonly underWay = new Map<string, { databaseIndex: number; key: Uint8Array; count: number }>();
  private isCopying = false;
  private isClosed = false;

  constructor(
    public first: Router,
    public second: Router,
    private readonly options: MirrorOptions,
  ) {}

  get error(): string {
    return this.first.error;
  }

  pick(bytes: Uint8Array, start: number, length: number, isWrite: boolean): Backend | undefined {
    return this.first.pick(bytes, start, length, isWrite);
  }

  /** Keys go together if they do in both pools. */
  placeOf(bytes: Uint8Array, start: number, length: number): number {
    return this.first.placeOf(bytes, start, length) * 1_000_003 + this.second.placeOf(bytes, start, length);
  }

  get backends(): readonly Backend[] {
    return this.first.backends;
  }

  any(): Backend | undefined {
    return this.first.any();
  }

  get ejectCount(): number | undefined {
    return this.first.ejectCount;
  }

  get publishesEverywhere(): boolean {
    return this.first.publishesEverywhere;
  }

  get dirtyCount(): number {
    return this.dirty.size;
  }

  /** Reads go to the second pool from now on, and writes are copied back to the first. */
  switchOver(): void {
    [this.first, this.second] = [this.second, this.first];
  }

  readonly forward = (owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame): void => {
    if (!plan.isWrite) {
      sendBy(this.first, owner, tag, asker, plan, frame);
      return;
    }
    const keys = frameKeys(plan, frame);
    const touchAll = (): void => {
      for (const key of keys) this.touch(asker.databaseIndex, key);
    };
    this.counts.writes++;
    // A copy that is under way has read what this request changes.
    for (const key of keys)
      if (this.underWay.has(nameOf(asker.databaseIndex, key))) this.touch(asker.databaseIndex, key);
    if (chanceful.has(plan.command.name)) {
      const pair = new Pair(touchAll);
      pair.take(false, '');
      sendBy(this.first, new FirstReply(pair, owner, tag), 0, asker, plan, frame);
      return;
    }
    const pair = new Pair((isSame) => {
      if (isSame) return;
      this.counts.differences++;
      touchAll();
    });
    sendBy(this.first, new FirstReply(pair, owner, tag), 0, asker, plan, frame);
    const second: ReplySink = {
      takeReply: (_tag, bytes, from, to) => pair.take(false, shape(bytes, from, to)),
      takePart: (_tag, _bytes, _from, _to, _isFirst, isLast) => {
        if (isLast) pair.take(false, 'long');
        return true;
      },
      takeFailure: (_tag, text) => {
        this.counts.error = text;
        pair.take(false, `failed ${text}`);
      },
    };
    const server = this.second.pick(frame.bytes, frame.keyStart, frame.keyLength, true);
    if (server?.connection(asker.lane, asker.databaseIndex, asker.protocol).isCongested === true)
      // Clients do not wait for the second pool, and it does not get more than it takes: the key is copied when it does.
      pair.take(false, 'late');
    else sendBy(this.second, second, 0, plainAsker(asker), plan, frame);
  };

  /** A write to all servers (FLUSHALL): the second pool gets it too. */
  forwardToAll(asker: Asker, plan: Plan, frame: Frame): void {
    if (!plan.isWrite) return;
    // FLUSHALL: what is being copied was read before.
    for (const { databaseIndex, key } of this.underWay.values()) this.touch(databaseIndex, key);
    const swallow: ReplySink = { takeReply: () => undefined, takePart: () => true, takeFailure: () => undefined };
    for (const backend of this.second.backends)
      backend
        .connection(asker.lane, asker.databaseIndex, asker.protocol)
        .send(swallow, 0, frame.bytes, frame.from, frame.count);
  }

  /** The key may differ in the second pool: it is copied soon. */
  touch(databaseIndex: number, key: Uint8Array): void {
    if (this.dirty.size < DIRTY_MAX) this.dirty.set(nameOf(databaseIndex, key), { databaseIndex, key });
    if (this.isCopying || this.isClosed) return;
    this.isCopying = true;
    this.options.clock.after(COPY_EVERY_MS, () => void this.copyDirty());
  }

  private async copyDirty(): Promise<void> {
    for (const [name, { databaseIndex, key }] of [...this.dirty]) {
      if (this.isClosed) break;
      this.dirty.delete(name);
      try {
        await this.copy(databaseIndex, key);
      } catch (error) {
        this.counts.error = error instanceof Error ? error.message : String(error);
        this.dirty.set(name, { databaseIndex, key });
        break;
      }
    }
    this.isCopying = false;
    const [next] = this.dirty.values();
    if (next !== undefined) this.touch(next.databaseIndex, next.key);
  }

  private read(router: Router, databaseIndex: number, key: Uint8Array): Promise<[Reply, Reply]> {
    const { planOf } = this.options;
    return Promise.all([
      callByKey(router, planOf, databaseIndex, ['DUMP', key]),
      callByKey(router, planOf, databaseIndex, ['PTTL', key]),
    ]);
  }

  /** Has a key that clients write during `work` copied once more, since `work` goes by what the key was before. */
  private async watched(databaseIndex: number, key: Uint8Array, work: () => Promise<void>): Promise<void> {
    const name = nameOf(databaseIndex, key);
    const { underWay } = this;
    const watched = underWay.get(name) ?? { databaseIndex, key, count: 0 };
    underWay.set(name, watched);
    watched.count++;
    try {
      await work();
    } finally {
      if (--watched.count === 0) underWay.delete(name);
    }
  }

  /** Makes the second pool's key what the first's is. */
  private copy(databaseIndex: number, key: Uint8Array): Promise<void> {
    return this.watched(databaseIndex, key, () => this.copyOnce(databaseIndex, key));
  }

  private async copyOnce(databaseIndex: number, key: Uint8Array): Promise<void> {
    const { planOf } = this.options;
    const [dumped, ttl] = await this.read(this.first, databaseIndex, key);
    if (dumped.kind !== 'bulk') {
      await callByKey(this.second, planOf, databaseIndex, ['DEL', key]);
    } else {
      const ttlMs = Number(replyText(ttl));
      const words = [
        'RESTORE',
        key,
        String(ttlMs < 0 ? 0 : Math.max(1, ttlMs)),
        new Uint8Array(dumped.bytes),
        'REPLACE',
      ] as const;
      await callByKey(this.second, planOf, databaseIndex, words);
    }
    this.counts.copied++;
  }

  private async isEqual(databaseIndex: number, key: Uint8Array): Promise<boolean> {
    const [[one, oneTtl], [other, otherTtl]] = await Promise.all([
      this.read(this.first, databaseIndex, key),
      this.read(this.second, databaseIndex, key),
    ]);
    this.counts.compared++;
    const isTtlClose = Number(replyText(oneTtl)) < 0 === Number(replyText(otherTtl)) < 0;
    const isEqual = isTtlClose && one.kind === other.kind && replyText(one) === replyText(other);
    if (!isEqual) this.counts.unequal++;
    return isEqual;
  }

  /** Compares keys drawn by chance; how many differ. Those are copied. */
  async compare(count: number): Promise<number> {
    let unequal = 0;
    for (let index = 0; index < count; index++) {
      const { backends } = this.first;
      const backend = backends[index % Math.max(1, backends.length)];
      if (backend === undefined) break;
      const reply = await ask(backend, ['RANDOMKEY']);
      if (!('bytes' in reply)) continue;
      const key = new Uint8Array(reply.bytes);
      if (await this.isEqual(0, key)) continue;
      unequal++;
      this.touch(0, key);
    }
    return unequal;
  }

  /** Walks over both pools: copies what differs, deletes what only the second has. Resolves with how many keys were not equal. */
  async repair(): Promise<number> {
    let unequal = 0;
    await this.walk(this.first, async (databaseIndex, key) => {
      if (await this.isEqual(databaseIndex, key)) return;
      unequal++;
      await this.copy(databaseIndex, key);
    });
    await this.walk(this.second, (databaseIndex, key) =>
      this.watched(databaseIndex, key, async () => {
        const [there] = await this.read(this.first, databaseIndex, key);
        if (there.kind === 'bulk') return;
        unequal++;
        this.counts.deleted++;
        await callByKey(this.second, this.options.planOf, databaseIndex, ['DEL', key]);
      }),
    );
    this.options.log('notice', `the mirror is repaired: ${unequal} keys were not equal`);
    return unequal;
  }

  private async walk(router: Router, visit: (databaseIndex: number, key: Uint8Array) => Promise<void>): Promise<void> {
    for (const backend of router.backends) {
      for (let database = 0; database < this.options.databaseCount; database++) {
        let cursor = '0';
        do {
          if (this.isClosed) throw new Error('the pool is gone');
          const reply = await ask(backend, ['SCAN', cursor, 'COUNT', String(SCAN_COUNT)], database);
          if (!isAggregate(reply)) throw new Error(replyText(reply));
          cursor = replyText(reply.elements[0]);
          const [, keys] = reply.elements;
          if (keys !== undefined && isAggregate(keys))
            for (const each of keys.elements) if ('bytes' in each) await visit(database, new Uint8Array(each.bytes));
          await delay(this.options.clock, 0);
        } while (cursor !== '0');
      }
    }
  }

  close(): void {
    this.isClosed = true;
    this.first.close();
    this.second.close();
  }
}

/** As the client, but its order is that of the first pool alone. */
function plainAsker(asker: Asker): Asker {
  return { lane: asker.lane, databaseIndex: asker.databaseIndex, protocol: asker.protocol };
}

function sendBy(router: Router, owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame): void {
  if (router.forward !== undefined) {
    router.forward(owner, tag, asker, plan, frame);
    return;
  }
  const backend = router.pick(frame.bytes, frame.keyStart, frame.keyLength, plan.isWrite);
  if (backend === undefined) owner.takeFailure(tag, router.error, false);
  else sendFor(asker, backend, owner, tag, frame.bytes, frame.from, frame.count);
}
