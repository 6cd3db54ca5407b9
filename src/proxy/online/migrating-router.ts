// migrating-router: a pool on its way to another: old servers to new ones, or ketama to the slots of a cluster, while clients work.
//
// The new place serves all requests. Before a request runs, each of its keys is fetched: what the old place still has is copied there,
// deleted here, and only then the request goes on; so a key is at one place whenever anybody looks. A run in the background
// fetches the others. A key that is in both places was copied before a crash and never used since: the new one is as good.
//
// Only one proxy may do this at a time, and nobody may write to the old servers around it: whoever does writes at the old place.

import { isAggregate, replyText, type Reply } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { delay } from '../../io/clock.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Backend } from '../pool/backend.js';
import { ask } from '../routing/ask.js';
import type { Router } from '../routing/router.js';
import type { Preparation } from './preparation.js';
import { callByKey, nameOf, type PlanFinder, ReplyError } from './router-call.js';

/** Keys that are known not to be at the old place; more are forgotten, and asked about again. */
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
  private isClosed = false;

  constructor(
    readonly old: Router,
    readonly target: Router,
    private readonly options: MigratingOptions,
  ) {
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

  get backends(): readonly Backend[] {
    if (this.progress.state === 'done') return this.target.backends;
    const found = [...this.target.backends];
    for (const backend of this.old.backends)
      if (!found.some((other) => sameServer(backend, other))) found.push(backend);
    return found;
  }

  any(): Backend | undefined {
    return this.target.any();
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

  close(): void {
    this.isClosed = true;
    this.old.close();
    this.target.close();
  }

  // --- keys

  prepare(databaseIndex: number, keys: readonly Uint8Array[]): Promise<void> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const key of keys) {
      if (this.known.has(nameOf(databaseIndex, key))) continue;
      (waits ??= []).push(this.fetch(databaseIndex, key));
    }
    return waits === undefined ? undefined : Promise.all(waits).then(() => undefined);
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
    await callByKey(this.old, planOf, databaseIndex, ['DEL', key]);
    this.progress.moved++;
  }

  // --- the run in the background

  private async run(): Promise<void> {
    const { clock, log } = this.options;
    while (!this.isClosed) {
      try {
        if (await this.pass()) break;
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
