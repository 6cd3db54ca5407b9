// instance-move: a server of a pool goes to another machine, as users of presharding do it, in one command.
//
//   1. The new instance becomes a replica of the old and loads its data.
//   2. Requests for this server wait in the proxy; those that are out are answered.
//   3. When the new instance has everything it becomes a master, and takes the server's place in the pool.
//   4. The requests that waited go on, to the new instance.
//
// Until step 3 the move can be broken off at any point: the old server goes on, and the new one is made a master of its own again.
// The old instance keeps its data; the caller ends it.

import { replyText } from '../../client/reply.js';
import { type Clock, delay } from '../../io/clock.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Backend } from '../pool/backend.js';
import { ask } from '../routing/ask.js';
import type { Router } from '../routing/router.js';
import type { Preparation } from './preparation.js';

const LOOK_EVERY_MS = 50;
/** Requests wait for so long at most. */
const HOLD_MS_MAX = 10_000;

export type MoveStage = 'syncing' | 'switching' | 'done' | 'failed';

/** A pool whose server can be exchanged. */
export interface ExchangingRouter extends Router {
  preparation: Preparation | undefined;
  exchange(old: Backend, by: Backend): void;
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
}

export class InstanceMove implements Preparation {
  stage: MoveStage = 'syncing';
  error = '';
  private isStopped = false;
  private waiters: (() => void)[] = [];

  constructor(
    private readonly router: ExchangingRouter,
    readonly old: Backend,
    readonly by: Backend,
    private readonly clock: Clock,
    /** The new instance's credentials at the old one: user and password, or nothing. */
    private readonly auth: readonly string[],
    private readonly log: (level: LogLevel, text: string) => void,
  ) {}

  /** Breaks the move off, if it is not too late. */
  stop(): boolean {
    if (this.stage !== 'syncing') return false;
    this.isStopped = true;
    return true;
  }

  /** Requests for the server that is exchanged wait. */
  prepare(_databaseIndex: number, keys: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.stage !== 'switching') return undefined;
    const isOurs = keys.some((key) => this.router.pick(key, 0, key.length, true) === this.old);
    return isOurs ? this.wait() : undefined;
  }

  prepareAll(): Promise<void> | undefined {
    return this.stage === 'switching' ? this.wait() : undefined;
  }

  private wait(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private async info(backend: Backend): Promise<string> {
    return replyText(await ask(backend, ['INFO', 'replication']));
  }

  private async tell(backend: Backend, words: readonly string[]): Promise<void> {
    const reply = await ask(backend, words);
    if (reply.kind === 'error') throw new Error(`${backend.options.label}: ${replyText(reply)}`);
  }

  /** Runs the whole move; resolves when it is done or has failed. */
  async run(): Promise<void> {
    try {
      await this.sync();
      await this.exchange();
      this.stage = 'done';
      this.log('notice', `server '${this.old.options.name}' is at ${this.by.options.label} now`);
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
      this.stage = 'failed';
      this.log('warning', `the move of '${this.old.options.name}' failed, nothing has changed: ${this.error}`);
      await ask(this.by, ['REPLICAOF', 'NO', 'ONE']).catch(() => undefined);
      this.by.close();
    } finally {
      if (this.router.preparation === this) this.router.preparation = undefined;
      const { waiters } = this;
      this.waiters = [];
      for (const proceed of waiters) proceed();
    }
  }

  private async sync(): Promise<void> {
    const { old, by, auth } = this;
    const before = await this.info(by);
    if (field(before, 'role') !== 'master') throw new Error(`${by.options.label} is a replica already`);
    const size = Number(replyText(await ask(by, ['DBSIZE'])));
    if (size > 0) throw new Error(`${by.options.label} has ${size} keys: an empty instance is wanted`);
    if (auth.length > 0) await this.tell(by, ['CONFIG', 'SET', 'masterauth', auth.at(-1)!]);
    if (auth.length > 1) await this.tell(by, ['CONFIG', 'SET', 'masteruser', auth[0]!]);
    await this.tell(by, ['REPLICAOF', old.options.host, String(old.options.port)]);
    for (;;) {
      if (this.isStopped) throw new Error('it was broken off');
      if (field(await this.info(by), 'master_link_status') === 'up') return;
      await delay(this.clock, LOOK_EVERY_MS);
    }
  }

  private async exchange(): Promise<void> {
    const { old, by, router, clock } = this;
    if (this.isStopped) throw new Error('it was broken off');
    this.stage = 'switching';
    router.preparation = this;
    const giveUpMs = clock.steadyMs() + HOLD_MS_MAX;
    await old.settle();
    for (;;) {
      const offset = field(await this.info(old), 'master_repl_offset');
      const info = await this.info(by);
      const reached = Number(field(info, 'slave_repl_offset'));
      if (field(info, 'master_link_status') === 'up' && reached >= Number(offset)) break;
      if (clock.steadyMs() > giveUpMs) throw new Error('the new instance does not catch up');
      await delay(clock, LOOK_EVERY_MS / 5);
    }
    await this.tell(by, ['REPLICAOF', 'NO', 'ONE']);
    router.exchange(old, by);
  }
}
