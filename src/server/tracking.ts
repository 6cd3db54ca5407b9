// tracking: client-side caching: the keys that each client has read, and the messages about their changes (CLIENT
// TRACKING).
//
// Two modes. A client in the default mode is remembered for each key that it reads, by its number, until the key changes; then the
// entry goes, so it gets one message for each key that it read. The table is bounded (tracking-table-max-keys): the
// oldest keys go, as if they had changed. A broadcasting client names prefixes instead; its reads are not remembered,
// and at the end of the turn of the event loop it gets one message with all changed keys of a prefix.
//
// Keys count without their database, as in Redis: a client's cache does not know databases. Numbers of clients that are gone or have
// stopped tracking stay in the table until the key changes: taking them out would mean looking through all keys.
//
// Prefixes are found by their lengths: a changed key is cut to each length that some prefix has, so that ten thousand prefixes of
// five lengths cost five lookups.
//
// Not here: the order of messages and replies (TrackingHost.push), the commands (commands/tracking).

import type { KeyspaceEvents } from './keyspace-events.js';
import type { Config } from '../service/config/config.js';
import type { Clock } from '../io/clock.js';
import type { ClientBounds } from './client-bounds.js';
import { latin1, latin1Bytes } from '../base/bytes.js';
import type { Command } from '../registry/command.js';
import { commandFlags } from '../registry/command.js';
import { findKeys, FoundKeys } from '../registry/find-keys.js';
import { type Client, Gate } from '../service/clients/client.js';
import { lowerBound } from './prefix-overlap.js';
import type { ServerCall } from './call.js';
import type { Hooks } from './hooks.js';

/** The clients that get invalidations, and the sources of changes. */
export interface TrackingHost {
  readonly clients: ReadonlyMap<number, Client>;
  readonly actingClient: Client | undefined;
  readonly clientBounds: ClientBounds;
  readonly clock: Clock;
  readonly config: Config;
  readonly events: Pick<KeyspaceEvents, 'invalidate'>;
  readonly hooks: Pick<Hooks, 'flushes' | 'replacements' | 'ticks'>;
  updateListening(): void;
}

export interface TrackingOptions {
  /** Number of the client that gets the messages; 0: the tracking client itself. */
  readonly redirection: number;
  readonly broadcasts: boolean;
  readonly optIn: boolean;
  readonly optOut: boolean;
  /** The client does not hear of its own changes. */
  readonly noLoop: boolean;
}

/** How one client tracks. */
export interface TrackingState {
  options: TrackingOptions;
  /** CLIENT CACHING was called: it speaks of the next command or transaction. */
  caching: boolean;
  /** The client that should get the messages is gone. */
  isBroken: boolean;
  /** Sorted. */
  prefixes: string[];
  prefixBytes: number;
}

interface Prefix {
  readonly clients: Set<Client>;
  /** Keys that changed in this turn, and whose command changed them last. */
  changed: Map<string, Client | undefined>;
}

/** Approximate bytes of a key in the table besides its name, and of one client that has read it. */
const KEY_BYTES = 100;
const ITEM_BYTES = 40;
const CHANNEL = '__redis__:invalidate';
/** Keys that are dropped from a table that is too large in one go. */
const TRIM_KEYS_MAX = 1000;
/** Scripts that only read: what they run is tracked, not they. */
const scripts = new Set(['eval_ro', 'evalsha_ro', 'fcall_ro']);

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export class Tracking {
  private readonly states = new Map<Client, TrackingState>();
  /** The readers of a key: one client's number, or several. */
  private readonly readers = new Map<string, number | Set<number>>();
  /** Where `trim` goes on. A new iterator would pass all places of keys that have gone, each time. */
  private oldest = this.readers.keys();
  private itemCount = 0;
  /** Bytes of the names of keys that were read. */
  private keyBytes = 0;
  private readonly prefixes = new Map<string, Prefix>();
  /** How many prefixes there are of each length. */
  private readonly prefixLengths = new Map<number, number>();
  private broadcastDue = false;
  private keysMax = 0;
  private readonly found = new FoundKeys();

  private get tableBytesMax(): number {
    return this.server.clientBounds.limits.trackingBytes;
  }

  constructor(private readonly server: TrackingHost) {
    server.hooks.flushes.push(() => this.flushed());
    server.hooks.replacements.push(() => this.flushed());
    server.hooks.ticks.push(() => this.trim());
    const readLimit = (): undefined => {
      this.keysMax = server.config.number('tracking-table-max-keys').value;
      this.trim();
    };
    server.config.onSet(['tracking-table-max-keys'], readLimit);
    readLimit();
  }

  // --- figures ------------------------------------------------------------------------------------------------------

  /** How a client tracks; undefined when it does not. */
  of(client: Client): TrackingState | undefined {
    return this.states.get(client);
  }

  get clientCount(): number {
    return this.states.size;
  }

  get keyCount(): number {
    return this.readers.size;
  }

  /** Pairs of key and client. */
  get items(): number {
    return this.itemCount;
  }

  get prefixCount(): number {
    return this.prefixes.size;
  }

  /** Bytes that a client's prefixes take. */
  bytes(client: Client): number {
    return this.states.get(client)?.prefixBytes ?? 0;
  }

  // --- on and off ---------------------------------------------------------------------------------------------------

  /** The client tracks from now on; `prefixes` come on top of those it has. */
  enable(client: Client, options: TrackingOptions, prefixes: readonly string[]): void {
    let state = this.states.get(client);
    if (state === undefined) {
      state = { options, caching: false, isBroken: false, prefixes: [], prefixBytes: 0 };
      this.states.set(client, state);
    }
    state.options = options;
    state.isBroken = false;
    client.gates |= Gate.TRACKING;
    if (options.broadcasts) this.addPrefixes(client, state, prefixes.length === 0 ? [''] : prefixes);
    this.updateListening();
  }

  disable(client: Client): void {
    const state = this.states.get(client);
    if (state === undefined) return;
    for (const text of state.prefixes) this.removePrefix(client, text);
    this.states.delete(client);
    client.gates &= ~Gate.TRACKING;
    this.updateListening();
  }

  reset(client: Client): void {
    this.disable(client);
  }

  /** The client is gone; without anybody who tracks, what was read is of no use. */
  forget(client: Client): void {
    this.disable(client);
    if (this.states.size > 0 || this.readers.size === 0) return;
    this.clearReaders();
    this.updateListening();
  }

  /** Adds prefixes that do not overlap, but for '', which may be there already. */
  private addPrefixes(client: Client, state: TrackingState, texts: readonly string[]): void {
    const mine = state.prefixes;
    const added = texts.filter(
      (text) => !(text === '' && mine[0] === '') && this.server.clientBounds.admitItem(client, text.length),
    );
    // Prefixes may come one a command: then nothing is sorted anew.
    if (added.length === 1) mine.splice(lowerBound(mine, added[0]!), 0, added[0]!);
    else state.prefixes = [...mine, ...added].sort();
    for (const text of added) {
      state.prefixBytes += PREFIX_BYTES + text.length;
      let prefix = this.prefixes.get(text);
      if (prefix === undefined) {
        prefix = { clients: new Set(), changed: new Map() };
        this.prefixes.set(text, prefix);
        this.prefixLengths.set(text.length, (this.prefixLengths.get(text.length) ?? 0) + 1);
      }
      prefix.clients.add(client);
    }
  }

  private removePrefix(client: Client, text: string): void {
    const prefix = this.prefixes.get(text)!;
    this.server.clientBounds.releaseItem(client, text.length);
    prefix.clients.delete(client);
    if (prefix.clients.size > 0) return;
    this.prefixes.delete(text);
    const left = this.prefixLengths.get(text.length)! - 1;
    if (left === 0) this.prefixLengths.delete(text.length);
    else this.prefixLengths.set(text.length, left);
  }

  private updateListening(): void {
    const needed = this.states.size > 0 || this.readers.size > 0;
    this.server.events.invalidate = needed ? this.invalidate : undefined;
    this.server.updateListening();
  }

  // --- reading ------------------------------------------------------------------------------------------------------

  /** A tracking client has run a command: what it read is remembered. */
  commandRan(client: Client, command: Command<ServerCall>, call: ServerCall): void {
    if ((command.flags & commandFlags.readonly) === 0 || scripts.has(command.name)) return;
    const state = this.states.get(client);
    if (state === undefined || state.options.broadcasts) return;
    const { options, caching } = state;
    if ((options.optIn && !caching) || (options.optOut && caching)) return;
    const { found } = this;
    if (!findKeys(command, call, false, found)) return;
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      this.remember(client.id, latin1(call.bytes, call.starts[at]!, call.lengths[at]!));
    }
    if (this.isTooLarge) this.trim();
  }

  /** By tracking-table-max-keys, or by what the heap can bear. */
  private get isTooLarge(): boolean {
    return (this.keysMax > 0 && this.readers.size > this.keysMax) || this.tableBytes > this.tableBytesMax;
  }

  private get tableBytes(): number {
    return this.keyBytes + this.readers.size * KEY_BYTES + this.itemCount * ITEM_BYTES;
  }

  private remember(id: number, key: string): void {
    const known = this.readers.get(key);
    if (known === undefined) {
      this.readers.set(key, id);
      this.keyBytes += key.length;
    } else if (typeof known === 'number') {
      if (known === id) return;
      this.readers.set(key, new Set([known, id]));
    } else {
      if (known.has(id)) return;
      known.add(id);
    }
    this.itemCount++;
  }

  /** A request of a tracking client is over: CLIENT CACHING spoke of one command, or of one transaction. */
  requestEnded(client: Client, command: Command<ServerCall> | undefined): void {
    if ((client.gates & Gate.MULTI) !== 0 || command?.parent?.name === 'client') return;
    const state = this.states.get(client);
    if (state !== undefined) state.caching = false;
  }

  // --- changes ------------------------------------------------------------------------------------------------------

  /** A key was changed by a client, or (undefined) by age or for memory. */
  private readonly invalidate = (
    bytes: Uint8Array,
    offset: number,
    length: number,
    changer: Client | undefined,
  ): void => {
    const key = latin1(bytes, offset, length);
    if (this.prefixLengths.size > 0) this.noteForPrefixes(key, changer);
    if (this.readers.size > 0) this.invalidateReaders(key, this.server.actingClient);
  };

  private invalidateReaders(key: string, changer: Client | undefined): void {
    const ids = this.readers.get(key);
    if (ids === undefined) return;
    this.readers.delete(key);
    this.keyBytes -= key.length;
    if (typeof ids === 'number') {
      this.itemCount--;
      this.tellReader(ids, key, changer);
    } else {
      this.itemCount -= ids.size;
      for (const id of ids) this.tellReader(id, key, changer);
    }
  }

  private tellReader(id: number, key: string, changer: Client | undefined): void {
    const client = this.server.clients.get(id);
    const state = client === undefined ? undefined : this.states.get(client);
    if (client === undefined || state === undefined || state.options.broadcasts) return;
    if (state.options.noLoop && client === changer) return;
    this.tell(client, state, `*1\r\n${bulk(key)}`);
  }

  private noteForPrefixes(key: string, changer: Client | undefined): void {
    for (const length of this.prefixLengths.keys()) {
      if (length > key.length) continue;
      const prefix = this.prefixes.get(key.slice(0, length));
      if (prefix === undefined) continue;
      prefix.changed.set(key, changer);
      if (this.broadcastDue) continue;
      this.broadcastDue = true;
      this.server.clock.soon(() => this.broadcast());
    }
  }

  private broadcast(): void {
    this.broadcastDue = false;
    const due = [...this.prefixes].filter(([, prefix]) => prefix.changed.size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [, prefix] of due) {
      const { changed } = prefix;
      prefix.changed = new Map();
      const all = keyList([...changed.keys()].sort());
      for (const client of prefix.clients) {
        const state = this.states.get(client)!;
        if (!state.options.noLoop) {
          this.tell(client, state, all);
          continue;
        }
        const others = [...changed]
          .filter(([, changer]) => changer !== client)
          .map(([key]) => key)
          .sort();
        if (others.length > 0) this.tell(client, state, keyList(others));
      }
    }
  }

  /** All keys of a database are gone: for caches, which know no databases, all keys are. */
  private flushed(): void {
    for (const [client, state] of this.states) this.tell(client, state, undefined);
    this.clearReaders();
  }

  private clearReaders(): void {
    this.readers.clear();
    this.itemCount = 0;
    this.keyBytes = 0;
  }

  /** Drops the oldest keys of a table that is too large, and says that they had changed. */
  private trim(): void {
    for (let dropped = 0; this.isTooLarge && dropped < TRIM_KEYS_MAX; dropped++) {
      let next = this.oldest.next();
      if (next.done === true) {
        this.oldest = this.readers.keys();
        next = this.oldest.next();
        if (next.done === true) return;
      }
      this.invalidateReaders(next.value, undefined);
    }
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  /** Sends a list of keys, or (undefined) that all keys are gone, to a client or to the one that it named. */
  private tell(client: Client, state: TrackingState, keys: string | undefined): void {
    const { redirection } = state.options;
    let receiver = client;
    if (redirection !== 0) {
      const named = this.server.clients.get(redirection);
      if (named === undefined) {
        state.isBroken = true;
        if (client.protocol === 3)
          client.push(latin1Bytes(`>2\r\n${bulk('tracking-redir-broken')}:${redirection}\r\n`));
        return;
      }
      receiver = named;
    }
    if (receiver.protocol === 3) receiver.push(latin1Bytes(`>2\r\n${bulk('invalidate')}${keys ?? '_\r\n'}`));
    // In RESP2 only a subscriber can get a message without a request.
    else if (redirection !== 0 && receiver.kind === 'pubsub')
      receiver.push(latin1Bytes(`*3\r\n${bulk('message')}${bulk(CHANNEL)}${keys ?? '$-1\r\n'}`));
  }
}

/** Bytes charged for a client's prefix besides its text. */
const PREFIX_BYTES = 96;

function keyList(keys: readonly string[]): string {
  return `*${keys.length}\r\n${keys.map(bulk).join('')}`;
}
