// near-cache: values of Redis kept in the process, until the server says that their keys changed (client-side caching).
//
// A hit costs no round trip. The race that matters: a reply with the old value can arrive after the news of the change. So each
// reply that is awaited stands in the table already, and news takes it out: what comes back then is given to those who asked,
// and is not kept.

import { type CommandArgument, type Commands, replyText, requireCount } from '../commands.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';
import type { Invalidations } from './invalidations.js';

export interface NearCacheOptions {
  /** Keys that are kept here begin with one of these; others are always read from the server. */
  readonly prefixes: readonly string[];
  /** How many keys are kept; 10,000 if absent. The one that was not used for longest goes first. */
  readonly keysMax?: number | undefined;
  /** After this a reply is read anew even without news; 60,000 if absent. Bounds how long a connection that died silently is believed. */
  readonly maxAgeMs?: number | undefined;
  readonly surroundings?: Surroundings | undefined;
}

interface Kept {
  readonly reply: Promise<unknown>;
  readonly untilMs: number;
}

/**
 * Holds: a read that begins after the news of a change arrived does not give what was there before it; a value is never kept
 * while nobody listens, nor for longer than `maxAgeMs`. Own changes through `write` are seen at once by this process.
 *
 * Does not hold: between a change and its news (a network's delay) other processes read the old value. Two keys need not be of the
 * same moment. Breaks by a listener that is cut off without noticing: up to `maxAgeMs`. A hit costs nothing, a miss one round trip;
 * each change of any key with the prefixes costs every listening process one message.
 */
export class NearCache {
  /** Replies by key and command; in the order of use. */
  private readonly kept = new Map<string, Map<string, Kept>>();
  private readonly surroundings: Surroundings;
  private readonly close_: () => void;
  private isListening = false;
  private wake: (() => void) | undefined;
  private hitCount = 0;
  private missCount = 0;
  /** Resolves when the server's news are listened to for the first time. Reads work before, from the server. */
  readonly ready: Promise<void>;

  constructor(
    private readonly commands: Commands,
    invalidations: Invalidations,
    private readonly options: NearCacheOptions,
  ) {
    requireCount('keysMax', options.keysMax ?? 10_000);
    requireCount('maxAgeMs', options.maxAgeMs ?? 60_000);
    requireCount('the number of prefixes', options.prefixes.length);
    // The server refuses them, and nobody would listen.
    for (const [index, prefix] of options.prefixes.entries())
      if (options.prefixes.some((other, place) => place !== index && other.startsWith(prefix)))
        throw new RangeError(`two prefixes overlap: ${prefix} is the beginning of another`);
    this.surroundings = options.surroundings ?? machineSurroundings;
    this.ready = new Promise((resolve) => (this.wake = resolve));
    this.close_ = invalidations.listen(options.prefixes, {
      changed: (key) => this.forget(key),
      lost: () => {
        this.isListening = false;
        this.kept.clear();
      },
      ready: () => {
        this.kept.clear();
        this.isListening = true;
        this.wake?.();
      },
    });
  }

  /** The text of a key. */
  async get(key: string): Promise<string | undefined> {
    return replyText(await this.ask('GET', key));
  }

  /** The reply of a command that reads one key ('HGETALL', 'SMEMBERS', ...). Do not change what it gives: others get the same. */
  async ask(command: string, key: string, ...args: readonly CommandArgument[]): Promise<unknown> {
    if (!this.isListening || !this.options.prefixes.some((prefix) => key.startsWith(prefix)))
      return await this.commands.send(command, [key, ...args], key);
    const name = JSON.stringify([command, ...args.map(String)]);
    const nowMs = this.surroundings.steadyMs();
    const found = this.kept.get(key)?.get(name);
    if (found !== undefined && nowMs < found.untilMs) {
      this.hitCount++;
      this.touch(key);
      return await found.reply;
    }
    this.missCount++;
    const reply = this.commands.send(command, [key, ...args], key);
    const kept: Kept = { reply, untilMs: nowMs + (this.options.maxAgeMs ?? 60_000) };
    this.touch(key).set(name, kept);
    try {
      return await reply;
    } catch (error) {
      const replies = this.kept.get(key);
      if (replies?.get(name) === kept) replies.delete(name);
      throw error;
    }
  }

  /** Runs a change of a key; later reads of this process see it, whenever the server's news arrives. */
  async write<T>(key: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.forget(key);
    }
  }

  /** Forgets a key; all without one. */
  forget(key?: string): void {
    if (key === undefined) this.kept.clear();
    else this.kept.delete(key);
  }

  get figures(): {
    readonly hits: number;
    readonly misses: number;
    readonly keys: number;
    readonly isListening: boolean;
  } {
    return { hits: this.hitCount, misses: this.missCount, keys: this.kept.size, isListening: this.isListening };
  }

  /** Ends the listening; reads go on, from the server. */
  close(): void {
    this.isListening = false;
    this.kept.clear();
    this.close_();
  }

  /** The replies of a key, which becomes the youngest. */
  private touch(key: string): Map<string, Kept> {
    const replies = this.kept.get(key) ?? new Map<string, Kept>();
    this.kept.delete(key);
    this.kept.set(key, replies);
    if (this.kept.size > (this.options.keysMax ?? 10_000)) this.kept.delete(this.kept.keys().next().value!);
    return replies;
  }
}
