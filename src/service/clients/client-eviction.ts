// client-eviction: `maxmemory-clients`: when all clients together take too much memory, the largest are closed.
//
// Of each client the last known size is kept, and their sum, so that a request costs one addition. Only when the sum is too large are
// all clients measured again. Without a limit no sizes are kept. Replicas, masters and CLIENT NO-EVICT do not count.
//
// No client is closed while messages are being delivered: that waits for the end of the request, or of the event.

import { runUrgently } from '../../io/urgent.js';
import type { Config } from '../config/config.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Client } from './client.js';
import { type ClientMemoryHost, memoryOf } from './client-line.js';

/** All clients, what each takes, and the limit. */
export interface ClientEvictionHost extends ClientMemoryHost {
  readonly clients: ReadonlyMap<number, Client>;
  readonly config: Config;
  readonly hooks: { readonly ticks: (() => void)[] };
  log(level: LogLevel, text: string): void;
  describeClient(client: Client): string;
}

export class ClientEviction {
  /** Clients that were closed. */
  count = 0;
  private limitBytes = 0;
  private totalBytes = 0;
  private readonly sizes = new Map<Client, number>();
  private scheduled = false;

  constructor(private readonly server: ClientEvictionHost) {
    server.config.onSet(['maxmemory-clients', 'maxmemory'], () => {
      this.readLimit();
      this.check();
      return undefined;
    });
    server.hooks.ticks.push(() => this.measureAll());
    this.readLimit();
  }

  get isOn(): boolean {
    return this.limitBytes > 0;
  }

  /** A negative setting is a share of maxmemory, in percent. */
  private readLimit(): void {
    const wanted = this.server.config.number('maxmemory-clients').value;
    this.limitBytes = wanted >= 0 ? wanted : Math.floor((this.server.config.number('maxmemory').value * -wanted) / 100);
    this.measureAll();
  }

  /** A client may have grown or shrunk. */
  measure(client: Client): void {
    const counts =
      (client.kind === 'normal' || client.kind === 'pubsub') &&
      !client.noEvict &&
      client.connection?.isClosing === false;
    const bytes = counts ? memoryOf(this.server, client) : 0;
    this.totalBytes += bytes - (this.sizes.get(client) ?? 0);
    this.sizes.set(client, bytes);
  }

  private measureAll(): void {
    this.sizes.clear();
    this.totalBytes = 0;
    if (!this.isOn) return;
    for (const client of this.server.clients.values()) this.measure(client);
    if (this.totalBytes > this.limitBytes) this.checkSoon();
  }

  forget(client: Client): void {
    this.totalBytes -= this.sizes.get(client) ?? 0;
    this.sizes.delete(client);
  }

  /** Output piles up for a client, while something else is going on. */
  grew(client: Client): void {
    this.measure(client);
    if (this.totalBytes > this.limitBytes) this.checkSoon();
  }

  private checkSoon(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    runUrgently(() => {
      this.scheduled = false;
      this.check();
    });
  }

  /** Closes the largest clients until the others fit. */
  check(): void {
    if (!this.isOn || this.totalBytes <= this.limitBytes) return;
    this.measureAll();
    const largestFirst = [...this.sizes].sort(([, a], [, b]) => b - a);
    for (const [client, bytes] of largestFirst) {
      if (this.totalBytes <= this.limitBytes || bytes === 0) return;
      this.server.log('notice', `Evicting client: ${this.server.describeClient(client)}`);
      this.count++;
      this.forget(client);
      client.connection?.abandon();
    }
  }
}
