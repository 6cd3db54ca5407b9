// hot-cache: the values of a pool's hottest strings, kept in the proxy, so that one key does not wear out one server.
//
// Only GET of a key that is hot is answered from here. A value is fetched over a connection of the cache's own, on which the server
// tracks what was read (CLIENT TRACKING) and reports changes. A write through this proxy takes the value away before it
// is sent, and the key is fetched again only when the server has answered everything that was out then: so a client that has
// written a key reads what it wrote. Another client may see the old value for as long as the server's message is on its way.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { ReplyReader } from '../../client/reply-reader.js';
import { isAggregate } from '../../client/reply.js';
import type { Backend } from '../pool/backend.js';
import type { BackendConnection } from '../wire/backend-connection.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { KeyWatch } from './key-watch.js';

const HEAT_MIN = 200;
const NULL = 95;
const nilReply = latin1Bytes('$-1\r\n');
const VALUE_BYTES_MAX = 16 * 1024;

interface Kept {
  readonly reply: Uint8Array;
  readonly server: CachedServer;
}

/** A server's tracking connection. */
class CachedServer {
  private connection: BackendConnection | undefined;
  /** Keys that were written, until the server has answered what was out then. */
  readonly unsettled = new Map<string, number>();

  constructor(
    readonly backend: Backend,
    private readonly gone: (server: CachedServer, name: string | undefined) => void,
  ) {}

  fetch(sink: ReplySink, bytes: Uint8Array, from: number, count: number): void {
    if (this.connection === undefined || this.connection.isClosed) {
      this.connection = this.backend.tracker(
        (push, start, end) => this.pushed(push, start, end),
        () => this.gone(this, undefined),
      );
    }
    this.connection.send(sink, 0, bytes, from, count);
  }

  private pushed(bytes: Uint8Array, from: number, to: number): void {
    const reader = new ReplyReader();
    reader.feed(Buffer.from(bytes.slice(from, to)));
    const message = reader.next();
    if (message === undefined || !isAggregate(message)) return;
    const [, names] = message.elements;
    // Nil stands for all keys.
    if (names === undefined || !isAggregate(names)) {
      this.gone(this, undefined);
      return;
    }
    for (const each of names.elements) if ('bytes' in each) this.gone(this, latin1(each.bytes));
  }

  written(name: string): void {
    this.unsettled.set(name, (this.unsettled.get(name) ?? 0) + 1);
    void this.backend.settle().then(() => {
      const left = this.unsettled.get(name)! - 1;
      if (left === 0) this.unsettled.delete(name);
      else this.unsettled.set(name, left);
    });
  }

  close(): void {
    this.connection?.closeQuietly();
  }
}

export class HotCache {
  hits = 0;
  fetches = 0;
  private readonly kept = new Map<string, Kept>();
  /** Fetches under way, by key; false once the key has changed meanwhile. */
  private readonly fetching = new Map<string, { isGood: boolean }>();
  private readonly servers = new Map<Backend, CachedServer>();

  constructor(
    private readonly watch: KeyWatch,
    private readonly keysMax: number,
  ) {}

  get size(): number {
    return this.kept.size;
  }

  private serverOf(backend: Backend): CachedServer {
    let server = this.servers.get(backend);
    if (server === undefined) {
      server = new CachedServer(backend, (from, name) => this.changed(from, name));
      this.servers.set(backend, server);
    }
    return server;
  }

  private changed(server: CachedServer, name: string | undefined): void {
    if (name !== undefined) {
      this.kept.delete(name);
      const fetch = this.fetching.get(name);
      if (fetch !== undefined) fetch.isGood = false;
      return;
    }
    for (const [key, { server: of }] of this.kept) if (of === server) this.kept.delete(key);
    for (const fetch of this.fetching.values()) fetch.isGood = false;
  }

  /**
   * GET of a key of database 0: the whole reply if it is kept; else, when the key is hot, fetches it for `owner` and returns
   * `fetched`; else undefined.
   */
  get(
    name: string,
    backend: Backend,
    owner: ReplySink,
    tag: number,
    request: Uint8Array,
  ): Uint8Array | 'fetched' | undefined {
    const kept = this.kept.get(name);
    if (kept !== undefined) {
      this.hits++;
      return kept.reply;
    }
    if (this.watch.heatOf(0, name) < HEAT_MIN || this.fetching.has(name)) return undefined;
    const server = this.serverOf(backend);
    if (server.unsettled.has(name)) return undefined;
    const fetch = { isGood: true };
    this.fetching.set(name, fetch);
    this.fetches++;
    server.fetch(
      {
        takeReply: (_tag, bytes, from, to) => {
          this.fetching.delete(name);
          if (fetch.isGood && bytes[from] === 36 && to - from <= VALUE_BYTES_MAX)
            this.keep(name, bytes.slice(from, to), server);
          // The connection speaks RESP3, the client RESP2.
          if (bytes[from] === NULL) owner.takeReply(tag, nilReply, 0, nilReply.length);
          else owner.takeReply(tag, bytes, from, to);
        },
        takePart: () => false,
        takeFailure: (_tag, text, wasSent) => {
          this.fetching.delete(name);
          owner.takeFailure(tag, text, wasSent);
        },
      },
      request,
      0,
      request.length,
    );
    return 'fetched';
  }

  private keep(name: string, reply: Uint8Array, server: CachedServer): void {
    if (this.kept.size >= this.keysMax) {
      const [oldest] = this.kept.keys();
      this.kept.delete(oldest!);
    }
    this.kept.set(name, { reply, server });
  }

  /** A request that writes the key is about to be sent to its server. */
  written(name: string, backend: Backend): void {
    if (!this.kept.has(name) && !this.fetching.has(name) && this.watch.heatOf(0, name) < HEAT_MIN / 4) return;
    const server = this.serverOf(backend);
    this.changed(server, name);
    server.written(name);
  }

  /** Any key may have changed. */
  clear(): void {
    this.kept.clear();
    for (const fetch of this.fetching.values()) fetch.isGood = false;
  }

  close(): void {
    this.clear();
    for (const server of this.servers.values()) server.close();
    this.servers.clear();
  }
}
