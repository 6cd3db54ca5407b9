// client-features: the state that features keep for a client: a feature registers it once, for closing, RESET and
// memory counts.
//
// Features are asked in the order in which they were added: one that counts the state of others comes after them.

import type { Client } from './client.js';

export interface ClientFeature {
  /** The client is gone. */
  forget?(client: Client): void;
  /** RESET: the client is to be as it was after connecting. */
  reset?(client: Client): void;
  /** Bytes that are kept for the client. */
  bytes?(client: Client): number;
}

export class ClientFeatures {
  private readonly features: ClientFeature[] = [];
  /** Those that count bytes: with maxmemory-clients they are asked after every request. */
  private readonly counted: ClientFeature[] = [];

  add(feature: ClientFeature): void {
    this.features.push(feature);
    if (feature.bytes !== undefined) this.counted.push(feature);
  }

  forget(client: Client): void {
    for (const feature of this.features) feature.forget?.(client);
  }

  reset(client: Client): void {
    for (const feature of this.features) feature.reset?.(client);
  }

  bytes(client: Client): number {
    let bytes = 0;
    for (const feature of this.counted) bytes += feature.bytes!(client);
    return bytes;
  }
}
