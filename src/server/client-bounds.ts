// client-bounds: the bounds, over all clients together, on things that a client can make in any number.
//
// Subscriptions, watched keys, prefixes and keys that are waited for are objects in the JavaScript heap; queued commands
// are bytes beside it. Code that keeps one asks first, and reports when it goes. When the sum of all clients is too
// much, the client that holds most is closed, with a line in the log: the process must not end for the sake of one.
// `maxmemory-clients` sets a lower bound, on everything that clients take.

import type { LogLevel } from '../base/log-level.js';
import type { Client } from '../service/clients/client.js';
import type { MemoryBounds } from './memory-bounds.js';

/** All clients, and the log. */
export interface ClientBoundsHost {
  readonly clients: ReadonlyMap<number, Client>;
  log(level: LogLevel, text: string): void;
  describeClient(client: Client): string;
}

/** Bytes of one of those objects besides its name, in its tables of both directions. */
export const ITEM_BYTES = 400;
/** A name is kept as bytes and as a string. */
export const NAME_COPIES = 2;

export class ClientBounds {
  private heapTotal = 0;
  private queueTotal = 0;

  constructor(
    private readonly server: ClientBoundsHost,
    readonly limits: MemoryBounds,
  ) {}

  /** Whether a client may keep one more thing with a name of so many bytes; if not, it is being closed. */
  admitItem(client: Client, nameBytes: number): boolean {
    return this.admitHeap(client, ITEM_BYTES + NAME_COPIES * nameBytes);
  }

  releaseItem(client: Client, nameBytes: number): void {
    this.releaseHeap(client, ITEM_BYTES + NAME_COPIES * nameBytes);
  }

  admitHeap(client: Client, bytes: number): boolean {
    if (client.connection === undefined) return true;
    if (client.connection.isClosing) return false;
    client.heldBytes += bytes;
    this.heapTotal += bytes;
    return this.heapTotal <= this.limits.stateBytes || this.closeLargest(client, false);
  }

  releaseHeap(client: Client, bytes: number): void {
    const held = Math.min(bytes, client.heldBytes);
    client.heldBytes -= held;
    this.heapTotal -= held;
  }

  /** Whether a client's queue of commands may have grown by so many bytes. */
  admitQueue(client: Client, bytes: number): boolean {
    if (client.connection === undefined) return true;
    if (client.connection.isClosing) return false;
    client.queuedBytes += bytes;
    this.queueTotal += bytes;
    return this.queueTotal <= this.limits.queueBytes || this.closeLargest(client, true);
  }

  releaseQueue(client: Client): void {
    this.queueTotal -= client.queuedBytes;
    client.queuedBytes = 0;
  }

  /** The client is gone, or going. */
  forget(client: Client): void {
    this.releaseHeap(client, client.heldBytes);
    this.releaseQueue(client);
  }

  /** Makes room; false when it is the asking client that had to go. */
  private closeLargest(asking: Client, isQueue: boolean): boolean {
    let largest = asking;
    const size = (client: Client): number => (isQueue ? client.queuedBytes : client.heldBytes);
    for (const client of this.server.clients.values()) if (size(client) > size(largest)) largest = client;
    const limit = isQueue ? this.limits.queueBytes : this.limits.stateBytes;
    const what = isQueue ? 'queued commands' : 'subscriptions, watched keys and other state';
    this.server.log(
      'warning',
      `Closing client that holds ${size(largest)} bytes of ${what}, more than any other; all clients together may hold ${limit}: ${this.server.describeClient(largest)}`,
    );
    this.forget(largest);
    largest.connection?.destroy();
    return largest !== asking;
  }
}
