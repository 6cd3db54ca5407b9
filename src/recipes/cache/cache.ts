// cache: values of a slow source (a database), each loaded by one process at a time.
//
// Against the three classic failures: penetration (keys that do not exist are asked for: null markers, a guard such as a Bloom
// filter), breakdown (a hot key ends and everybody loads it: one load at a time, early refresh, stale values meanwhile) and
// avalanche (many keys end at once, or Redis is gone: jitter; loads go on without Redis, one at a time for each process).
//
// A value is fresh for `ttlMs` and may be served stale for `staleMs` more: the key lives for both, and what is left of its life
// says which it is, so no clock of a client counts. Keys: cache:{name:key} and cache:{name:key}:load, cache-tag:{name:tag}.

import { type Commands, replyList, replyNumber, replyText, requireCount, requireFinite, tagged } from '../commands.js';
import { runScript } from '../script.js';
import { machineSurroundings, pause, type Surroundings } from '../surroundings.js';
import { deleteIfUnchanged, dropLeaseScript, putScript, readScript, storeScript, tagScript } from './cache-scripts.js';

export interface CacheOptions {
  /** How long a value is fresh. */
  readonly ttlMs: number;
  /** How long after that it is still served, while one process loads it anew; 0 if absent. */
  readonly staleMs?: number | undefined;
  /** How long "there is none" is remembered; a tenth of `ttlMs` if absent, 0: not at all. */
  readonly noneTtlMs?: number | undefined;
  /** The share by which times to live are shortened at random; 0.1 if absent. */
  readonly jitter?: number | undefined;
  /** How eagerly a value is refreshed before its end (XFetch's beta); 1 if absent, 0: never. */
  readonly early?: number | undefined;
  /** How long a load may take before another process may load too; 10,000 if absent. */
  readonly loadMs?: number | undefined;
  /** How often those who wait for another's load look; 20 if absent. */
  readonly pollMs?: number | undefined;
  /** Says false for keys that certainly do not exist: they are not loaded, nor remembered. */
  readonly guard?: ((key: string) => Promise<boolean> | boolean) | undefined;
  /** Gets errors of Redis and of refreshes in the background, which do not reach a caller. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly surroundings?: Surroundings | undefined;
}

export interface GetOptions {
  /** Names under which many entries can be invalidated at once. */
  readonly tags?: readonly string[] | undefined;
}

/** The stored value, as JSON. */
interface Envelope {
  /** The value; absent: there is none. */
  readonly v?: unknown;
  /** Milliseconds that its load took. */
  readonly d: number;
  /** How long it may be served stale. */
  readonly s: number;
  /** Versions of tags. */
  readonly t?: Readonly<Record<string, string>>;
}

interface Found {
  readonly text: string;
  readonly envelope: Envelope;
  readonly freshMs: number;
}

interface Loaded<T> {
  readonly value: T | undefined;
  /** The step of this process at which it was known to be current; who began to ask before that may have it. */
  readonly since: number;
}

const RETRIES_MAX = 10;
const TAG_SLACK_MS = 60_000;

/**
 * A cache of JSON values in front of a source.
 *
 * Holds: one load of a key at a time over all processes (a load that takes longer than `loadMs` gets company); a `get` that
 * begins after `invalidate` ended never gives what was loaded before it began, unless Redis is out of reach; a loader that dies delays others by `loadMs` at most.
 *
 * Does not hold: cache and source are two systems. If a process dies between its change of the source and `invalidate`, the old
 * value stays until its time to live ends. Costs: a hit is one round trip, two with tags; a miss two more.
 */
export class Cache {
  private readonly surroundings: Surroundings;
  private readonly flights = new Map<string, Promise<Loaded<unknown>>>();
  private readonly background = new Set<Promise<unknown>>();
  /** Counts what happens in this process, so that one thing can be said to come after another. */
  private step = 0;

  constructor(
    private readonly commands: Commands,
    readonly name: string,
    private readonly options: CacheOptions,
  ) {
    requireCount('ttlMs', options.ttlMs);
    requireCount('staleMs', options.staleMs ?? 0, 0);
    const jitter = options.jitter ?? 0.1;
    requireCount('noneTtlMs', options.noneTtlMs ?? 0, 0);
    requireCount('loadMs', options.loadMs ?? 10_000);
    requireCount('pollMs', options.pollMs ?? 20);
    if (!(requireFinite('early', options.early ?? 1) >= 0))
      throw new RangeError(`early must be at least 0, and is ${options.early}`);
    if (!(jitter >= 0 && jitter < 1)) throw new RangeError(`jitter must be at least 0 and below 1, and is ${jitter}`);
    this.surroundings = options.surroundings ?? machineSurroundings;
  }

  /** The value of a key: from the cache, else from `load`, which gives undefined for what does not exist. */
  async get<T>(key: string, load: () => Promise<T | undefined>, options: GetOptions = {}): Promise<T | undefined> {
    if (!(await this.mayExist(key))) return undefined;
    const began = ++this.step;
    for (let attempt = 0; ; attempt++) {
      const own = !this.flights.has(key);
      const flight = (this.flights.get(key) as Promise<Loaded<T>> | undefined) ?? this.begin(key, load, options);
      const { value, since } = await flight;
      // Who joined late must not get what was current before an invalidation that ended meanwhile.
      if (own || since > began || attempt === RETRIES_MAX) return value;
    }
  }

  /** Without an answer of the guard the source is asked. */
  private async mayExist(key: string): Promise<boolean> {
    try {
      return (await this.options.guard?.(key)) ?? true;
    } catch (error) {
      this.options.onError?.(error);
      return true;
    }
  }

  /** Stores a value. A load that is under way does not overwrite it. Throws a TypeError for what JSON has no text for. */
  async set(key: string, value: unknown, options: GetOptions = {}): Promise<void> {
    const { text, lifeMs } = this.envelope(value, 0, await this.tagVersions(options.tags ?? []));
    this.flights.delete(key);
    await runScript(this.commands, putScript, this.keys(key), [text, lifeMs]);
  }

  /** Forgets a key, and what is being loaded for it. */
  async invalidate(key: string): Promise<void> {
    this.flights.delete(key);
    await this.commands.send('DEL', this.keys(key));
    this.flights.delete(key);
  }

  /** Forgets all entries with a tag: one round trip, however many they are. They stay in memory until their time ends. */
  async invalidateTag(tag: string): Promise<void> {
    await this.commands.send('SET', [this.tagKey(tag), this.surroundings.token(), 'PX', this.tagLifeMs()]);
  }

  /** Changes the source, then forgets the key: the order to prefer. A reader may see the old value until both are done. */
  async updateThenInvalidate<T>(key: string, write: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await write();
    } catch (error) {
      // The write may have happened. The caller hears of its error, whatever becomes of this.
      await this.invalidate(key).catch(this.report);
      throw error;
    }
    await this.invalidate(key);
    return result;
  }

  /**
   * Forgets the key, then changes the source. A reader in between loads the old value and caches it for its whole time to live:
   * use `doubleDelete` or `updateThenInvalidate`.
   */
  async invalidateThenUpdate<T>(key: string, write: () => Promise<T>): Promise<T> {
    await this.invalidate(key);
    return await write();
  }

  /**
   * Forgets the key, changes the source, and forgets the key again at once and after `delayMs`: longer than a replica of the
   * source lags behind. The last deletion is lost if this process ends before.
   */
  async doubleDelete<T>(key: string, write: () => Promise<T>, delayMs: number): Promise<T> {
    requireCount('delayMs', delayMs, 0);
    await this.invalidate(key);
    const result = await this.updateThenInvalidate(key, write);
    this.inBackground(pause(this.surroundings, delayMs).then(() => this.invalidate(key)));
    return result;
  }

  /** Resolves when refreshes and deletions in the background are done. */
  async settled(): Promise<void> {
    while (this.background.size > 0) await Promise.all(this.background);
  }

  private begin<T>(key: string, load: () => Promise<T | undefined>, options: GetOptions): Promise<Loaded<T>> {
    const flight = this.find(key, load, options).finally(() => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    this.flights.set(key, flight);
    return flight;
  }

  private async find<T>(key: string, load: () => Promise<T | undefined>, options: GetOptions): Promise<Loaded<T>> {
    const token = this.surroundings.token();
    try {
      for (;;) {
        const since = ++this.step;
        const found = await this.read(key, token);
        if (found === 'ours') break;
        if (found === 'spoilt') continue;
        if (found === 'loading') {
          await pause(this.surroundings, this.options.pollMs ?? 20);
          continue;
        }
        if (!(await this.areCurrent(found.envelope.t))) {
          await runScript(this.commands, deleteIfUnchanged, [this.keys(key)[0]], [found.text]);
          continue;
        }
        if (this.isDue(found)) this.inBackground(this.refresh(key, load, options));
        return { value: found.envelope.v as T | undefined, since };
      }
    } catch (error) {
      // Redis cannot be asked: the source can. Other processes may load at the same time; all who ask in this one share a load,
      // although nobody can say whether it was invalidated meanwhile.
      this.options.onError?.(error);
      return { value: await load(), since: Infinity };
    }
    return await this.loadWith(token, key, load, options);
  }

  private async read(key: string, token: string): Promise<Found | 'ours' | 'loading' | 'spoilt'> {
    const reply = replyList(await runScript(this.commands, readScript, this.keys(key), [token, this.loadMs]));
    if (replyNumber(reply[0]) === 0) return replyNumber(reply[1]) === 1 ? 'ours' : 'loading';
    const text = replyText(reply[1])!;
    const envelope = parseEnvelope(text);
    if (envelope !== undefined) return { text, envelope, freshMs: replyNumber(reply[2]) - envelope.s };
    // Somebody else's value would keep this key out of the cache for as long as it lives.
    this.report(new Error(`the value of ${this.keys(key)[0]} is none of this cache, and is deleted`));
    await this.commands.send('DEL', [this.keys(key)[0]]);
    return 'spoilt';
  }

  /** True if a value should be loaded anew: it is stale, or near its end by a throw of dice that weighs how long its load takes. */
  private isDue({ envelope, freshMs }: Found): boolean {
    const { early = 1 } = this.options;
    if (freshMs <= 0) return true;
    return early > 0 && freshMs <= envelope.d * early * -Math.log(1 - this.surroundings.random());
  }

  private async refresh<T>(key: string, load: () => Promise<T | undefined>, options: GetOptions): Promise<void> {
    const token = this.surroundings.token();
    const lease = this.keys(key)[1];
    const reply = await this.commands.send('SET', [lease, token, 'NX', 'PX', this.loadMs]);
    if (replyText(reply) === 'OK') await this.loadWith(token, key, load, options);
  }

  private async loadWith<T>(
    token: string,
    key: string,
    load: () => Promise<T | undefined>,
    options: GetOptions,
  ): Promise<Loaded<T>> {
    const { noneTtlMs = Math.ceil(this.options.ttlMs / 10) } = this.options;
    let value: T | undefined;
    let stored: { readonly text: string; readonly lifeMs: number } | undefined;
    const beganMs = this.surroundings.steadyMs();
    let loadedSince = 0;
    try {
      // Before the load: a tag that is invalidated meanwhile has another version then.
      const versions = await this.tagVersions(options.tags ?? []).catch(this.report);
      loadedSince = ++this.step;
      value = await load();
      if (versions !== undefined && (value !== undefined || noneTtlMs > 0))
        stored = this.envelope(value, this.surroundings.steadyMs() - beganMs, versions);
    } catch (error) {
      await runScript(this.commands, dropLeaseScript, this.keys(key), [token]).catch(this.report);
      throw error;
    }
    if (stored === undefined) {
      await runScript(this.commands, dropLeaseScript, this.keys(key), [token]).catch(this.report);
      return { value, since: loadedSince };
    }
    const storedSince = ++this.step;
    const { text, lifeMs } = stored;
    const reply = await runScript(this.commands, storeScript, this.keys(key), [token, text, lifeMs]).catch(this.report);
    // The lease tells of invalidations of the key while it was loaded, and not of those of tags.
    const isCurrent = replyNumber(reply) === 1 && (options.tags ?? []).length === 0;
    return { value, since: isCurrent ? storedSince : loadedSince };
  }

  private envelope(value: unknown, loadedInMs: number, tags: Record<string, string>): { text: string; lifeMs: number } {
    const { ttlMs, staleMs = 0, noneTtlMs = Math.ceil(ttlMs / 10), jitter = 0.1 } = this.options;
    const wholeMs = value === undefined ? Math.max(noneTtlMs, 1) : ttlMs;
    const freshMs = Math.max(1, Math.round(wholeMs * (1 - jitter * this.surroundings.random())));
    const s = value === undefined ? 0 : staleMs;
    const envelope: Envelope = {
      ...(value === undefined ? {} : { v: value }),
      d: Math.round(loadedInMs),
      s,
      ...(Object.keys(tags).length === 0 ? {} : { t: tags }),
    };
    const text = JSON.stringify(envelope);
    // JSON leaves functions and symbols out: they would look like a key that does not exist.
    if (value !== undefined && !text.startsWith('{"v":'))
      throw new TypeError(`a ${typeof value} cannot be cached: values are stored as JSON`);
    return { text, lifeMs: freshMs + s };
  }

  private async areCurrent(versions: Readonly<Record<string, string>> | undefined): Promise<boolean> {
    if (versions === undefined) return true;
    const pairs = Object.entries(versions);
    const now = await Promise.all(pairs.map(([tag]) => this.commands.send('GET', [this.tagKey(tag)])));
    return pairs.every(([, version], index) => replyText(now[index]) === version);
  }

  private async tagVersions(tags: readonly string[]): Promise<Record<string, string>> {
    const versions = await Promise.all(
      tags.map((tag) =>
        runScript(this.commands, tagScript, [this.tagKey(tag)], [this.surroundings.token(), this.tagLifeMs()]),
      ),
    );
    return Object.fromEntries(tags.map((tag, index) => [tag, replyText(versions[index])!]));
  }

  private readonly report = (error: unknown): undefined => {
    this.options.onError?.(error);
    return undefined;
  };

  private inBackground(work: Promise<unknown>): void {
    const tracked = work.catch(this.report).finally(() => this.background.delete(tracked));
    this.background.add(tracked);
  }

  private get loadMs(): number {
    return this.options.loadMs ?? 10_000;
  }

  /** A tag must outlive every entry that names it; should it be lost, its entries count as invalidated. */
  private tagLifeMs(): number {
    return this.options.ttlMs + (this.options.staleMs ?? 0) + this.loadMs + TAG_SLACK_MS;
  }

  private keys(key: string): [string, string] {
    const whole = tagged('cache', this.name, key);
    return [whole, `${whole}:load`];
  }

  private tagKey(tag: string): string {
    return tagged('cache-tag', this.name, tag);
  }
}

function parseEnvelope(text: string): Envelope | undefined {
  try {
    const envelope = JSON.parse(text) as Envelope;
    return typeof envelope.d === 'number' && typeof envelope.s === 'number' ? envelope : undefined;
  } catch {
    return undefined;
  }
}
