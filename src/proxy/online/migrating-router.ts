// migrating-router: a pool on its way to another: old servers to new ones, or ketama to the slots of a cluster, while clients work.
//
// The new place serves all requests. Before a request runs, each of its keys is fetched: what the old place still has is copied there,
// deleted here, and only then the request goes on; so a key is at one place whenever anybody looks. A run in the background
// fetches the others. A key that is in both places was copied before a crash and never used since: the new one is as good.
//
// Nothing moves before `begin`: until then clients still use the old servers alone, and requests sent there must be
// answered before a key is copied, or an acknowledged write would be left behind.
//
// Only one proxy may do this at a time, and no client may write to the old servers around it: such writes stay at the
// old place.

import { isAggregate, replyText, type Reply } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { delay } from '../../io/clock.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Backend } from '../pool/backend.js';
import { ask } from '../routing/ask.js';
import type { Plan } from '../routing/plan.js';
import { type Asker, type Router, settleRouter } from '../routing/router.js';
import type { Preparation } from './preparation.js';
import { callByKey, nameOf, type PlanFinder, ReplyError } from './router-call.js';

/** Keys that are known to be missing at the old place; further ones are forgotten, and asked about again. */
const KNOWN_MAX = 200_000;
const SCAN_COUNT = 200;
const AT_ONCE = 16;
const RETRY_MS = 1000;

export interface MigrationProgress {
  state: 'running' | 'paused' | 'done';
  scanned: number;
  moved: number;
  failed: number;
  bytes: number;
  /** The last reason why something failed. */
  error: string;
}

export interface MigratingOptions {
  readonly clock: Clock;
  readonly planOf: PlanFinder;
  readonly databaseCount: number;
  log(level: LogLevel, text: string): void;
}

function sameServer(a: Backend, b: Backend): boolean {
  return a.options.host === b.options.host && a.options.port === b.options.port && a.options.path === b.options.path;
}

export class MigratingRouter implements Router, Preparation {
  readonly progress: MigrationProgress = { state: 'running', scanned: 0, moved: 0, failed: 0, bytes: 0, error: '' };
  /** Keys a second in the background; 0 for as many as go. */
  speed = 0;
  private readonly known = new Set<string>();
  private readonly underWay = new Map<string, Promise<void>>();
  /** Keys under way that a FLUSHALL or FLUSHDB has caught: what was copied before must not stay. */
  private readonly flushed = new Set<string>();
  private isClosed = false;
  private isBegun = false;
  private isReady = false;
  private readonly ready: Promise<void>;
  private becomeReady: () => void = () => undefined;

  constructor(
    readonly old: Router,
    readonly target: Router,
    private readonly options: MigratingOptions,
  ) {
    this.ready = new Promise((resolve) => (this.becomeReady = resolve));
  }

  /** Clients' requests come here from now on; they wait until `settled`: when all is answered that was sent before. */
  async begin(settled: Promise<void>): Promise<void> {
    if (this.isBegun) return;
    this.isBegun = true;
    await settled;
    this.isReady = true;
    this.becomeReady();
    void this.run();
  }

  // --- a router: the target's, with the old servers among those that are asked together

  get error(): string {
    return this.target.error;
  }

  pick(bytes: Uint8Array, start: number, length: number, isWrite: boolean): Backend | undefined {
    return this.target.pick(bytes, start, length, isWrite);
  }

  placeOf(bytes: Uint8Array, start: number, length: number): number {
    return this.target.placeOf(bytes, start, length);
  }

  /** The old servers first: a key that moves while SCAN walks over them is met at the end. */
  get backends(): readonly Backend[] {
    const { backends } = this.target;
    if (this.progress.state === 'done') return backends;
    const leaving = this.old.backends.filter((backend) => !backends.some((other) => sameServer(backend, other)));
    return [...leaving, ...backends];
  }

  any(): Backend | undefined {
    return this.target.any();
  }

  get ejectCount(): number | undefined {
    return this.target.ejectCount;
  }

  get publishesEverywhere(): boolean {
    return this.target.publishesEverywhere;
  }

  get forward(): Router['forward'] {
    return this.target.forward;
  }

  get preparation(): Preparation | undefined {
    return this.progress.state === 'done' ? undefined : this;
  }

  /** Waits for the requests under way: else they would run beside the next ones. */
  async settle(): Promise<void> {
    this.isClosed = true;
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay.values());
    await Promise.all([settleRouter(this.old), settleRouter(this.target)]);
    // It may have opened connections once more.
    this.close();
  }

  close(): void {
    this.isClosed = true;
    this.old.close();
    this.target.close();
  }

  forwardToAll(asker: Asker, plan: Plan): void {
    const { name } = plan.command;
    if (name !== 'flushall' && name !== 'flushdb') return;
    for (const key of this.underWay.keys())
      if (name === 'flushall' || key.startsWith(`${asker.databaseIndex}:`)) this.flushed.add(key);
  }

  // --- keys

  prepare(databaseIndex: number, keys: readonly Uint8Array[]): Promise<void> | undefined {
    if (!this.isReady) return this.ready.then(() => this.prepare(databaseIndex, keys));
    let waits: Promise<void>[] | undefined;
    for (const key of keys) {
      if (this.known.has(nameOf(databaseIndex, key))) continue;
      (waits ??= []).push(this.fetch(databaseIndex, key));
    }
    return waits === undefined ? undefined : Promise.all(waits).then(() => undefined);
  }

  prepareAll(): Promise<void> | undefined {
    return this.isReady ? undefined : this.ready;
  }

  /** Resolves when the key is not at the old place any more. */
  private fetch(databaseIndex: number, key: Uint8Array): Promise<void> {
    const name = nameOf(databaseIndex, key);
    const running = this.underWay.get(name);
    if (running !== undefined) return running;
    const work = this.move(databaseIndex, key).then(
      () => {
        this.underWay.delete(name);
        if (this.known.size >= KNOWN_MAX) this.known.clear();
        this.known.add(name);
      },
      (error: unknown) => {
        this.underWay.delete(name);
        this.progress.failed++;
        this.progress.error = error instanceof Error ? error.message : String(error);
        throw error;
      },
    );
    this.underWay.set(name, work);
    void work.catch(() => undefined).then(() => this.flushed.delete(name));
    return work;
  }

  /** Whether the key's old and new servers differ; throws while one of them is not known. */
  private isElsewhere(key: Uint8Array): boolean {
    const from = this.old.pick(key, 0, key.length, true);
    const to = this.target.pick(key, 0, key.length, true);
    if (from === undefined) throw new Error(this.old.error);
    return to === undefined || !sameServer(from, to);
  }

  private async move(databaseIndex: number, key: Uint8Array): Promise<void> {
    if (!this.isElsewhere(key)) return;
    const { planOf } = this.options;
    const [dumped, ttl] = await Promise.all([
      callByKey(this.old, planOf, databaseIndex, ['DUMP', key]),
      callByKey(this.old, planOf, databaseIndex, ['PTTL', key]),
    ]);
    if (dumped.kind !== 'bulk') return;
    const ttlMs = Number(replyText(ttl));
    // It has expired between the two.
    if (ttlMs === -2) return;
    const payload = new Uint8Array(dumped.bytes);
    try {
      await callByKey(this.target, planOf, databaseIndex, [
        'RESTORE',
        key,
        String(ttlMs < 0 ? 0 : Math.max(1, ttlMs)),
        payload,
      ]);
      this.progress.bytes += payload.length;
    } catch (error) {
      if (!(error instanceof ReplyError) || !error.message.startsWith('BUSYKEY')) throw error;
    }
    // Nobody has written the key since: whoever wants to waits for this.
    if (this.flushed.has(nameOf(databaseIndex, key))) await callByKey(this.target, planOf, databaseIndex, ['DEL', key]);
    await callByKey(this.old, planOf, databaseIndex, ['DEL', key]);
    this.progress.moved++;
  }

  // --- the run in the background

  private async run(): Promise<void> {
    const { clock, log } = this.options;
    while (!this.isClosed) {
      try {
        if (await this.pass()) {
          await this.refuseOtherDatabases();
          break;
        }
      } catch (error) {
        this.progress.error = error instanceof Error ? error.message : String(error);
        log('warning', `the migration waits: ${this.progress.error}`);
        await delay(clock, RETRY_MS);
      }
    }
    if (this.isClosed) return;
    this.progress.state = 'done';
    this.known.clear();
    log('notice', `the migration is done: ${this.progress.moved} keys have moved`);
  }

  /** Walks over the old servers once; true when none has a key that belongs elsewhere. */
  private async pass(): Promise<boolean> {
    let isClean = this.old.backends.length > 0;
    for (const backend of this.old.backends)
      for (let database = 0; database < this.options.databaseCount; database++)
        if (!(await this.walk(backend, database))) isClean = false;
    return isClean;
  }

  /** Throws when an old server has keys in a database that the new place does not have: they would be left behind. */
  private async refuseOtherDatabases(): Promise<void> {
    for (const backend of this.old.backends) {
      if (this.target.backends.some((other) => sameServer(backend, other))) continue;
      const info = replyText(await ask(backend, ['INFO', 'keyspace']));
      for (const [, index, keys] of info.matchAll(/^db(\d+):keys=(\d+)/gm)) {
        const database = Number(index) - backend.options.databaseIndex;
        if (database >= this.options.databaseCount)
          throw new Error(
            `${backend.options.label} has ${keys} keys in database ${index}, and the new place has no database for them`,
          );
      }
    }
  }

  private async walk(backend: Backend, database: number): Promise<boolean> {
    let isClean = true;
    let cursor = '0';
    do {
      while (this.progress.state === 'paused' && !this.isClosed) await delay(this.options.clock, 100);
      if (this.isClosed) return false;
      const reply = await ask(backend, ['SCAN', cursor, 'COUNT', String(SCAN_COUNT)], database);
      if (!isAggregate(reply)) throw new Error(replyText(reply) || 'bad reply of SCAN');
      cursor = replyText(reply.elements[0]);
      const keys = keysOf(reply.elements[1]).filter((key) => this.isElsewhere(key) && this.isAt(key, backend));
      this.progress.scanned += isAggregate(reply.elements[1]!) ? reply.elements[1].elements.length : 0;
      if (keys.length > 0) isClean = false;
      for (let index = 0; index < keys.length; index += AT_ONCE) {
        const some = keys.slice(index, index + AT_ONCE);
        const startMs = this.options.clock.steadyMs();
        await Promise.all(some.map((key) => this.fetch(database, key)));
        const wantedMs = this.speed > 0 ? (some.length * 1000) / this.speed : 0;
        const leftMs = wantedMs - (this.options.clock.steadyMs() - startMs);
        if (leftMs > 0) await delay(this.options.clock, leftMs);
      }
    } while (cursor !== '0');
    return isClean;
  }

  /** Whether the old scheme puts the key on this server: what it has besides is somebody else's, or the target's. */
  private isAt(key: Uint8Array, backend: Backend): boolean {
    return this.old.pick(key, 0, key.length, true) === backend;
  }
}

function keysOf(reply: Reply | undefined): Uint8Array[] {
  if (reply === undefined || !isAggregate(reply)) return [];
  return reply.elements.flatMap((each) => ('bytes' in each ? [new Uint8Array(each.bytes)] : []));
}
