// master-client: the master as a client of this server: it runs the commands of the stream, and CLIENT LIST shows it.
//
// It has a connection like other clients, so that CLIENT KILL finds it, but one that takes no requests and sends nothing:
// the stream comes through the link, and a master gets no replies.

import { Connection } from '../service/clients/connection.js';
import type { Client } from '../service/clients/client.js';
import type { Wire } from '../io/wire.js';
import type { DataServer } from '../server/server.js';

/** The link behind the client. */
export interface LinkEnds {
  readonly remote: string;
  readonly local: string;
  /** Bytes that have come over this connection. */
  readonly connectionBytes: number;
  /** CLIENT KILL. */
  cut(reason: string): void;
}

/** The output of the master's client: nowhere. */
class MutedWire implements Wire {
  readonly unsentBytes = 0;

  constructor(private readonly link: LinkEnds) {}

  get remote(): string {
    return this.link.remote;
  }

  get local(): string {
    return this.link.local;
  }

  write(): boolean {
    return true;
  }

  writeAll(): boolean {
    return true;
  }

  pauseReading(): void {
    return;
  }

  resumeReading(): void {
    return;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.link.cut('the connection was closed here (CLIENT KILL)');
  }
}

export class MasterClient {
  client: Client;

  constructor(private readonly server: DataServer) {
    this.client = this.make('', '');
  }

  private make(remote: string, local: string): Client {
    const client = this.server.internalClient(remote, local);
    client.kind = 'master';
    client.obeyed = true;
    return client;
  }

  /** Another data set: the stream begins with database 0. */
  begin(): void {
    this.leave();
    this.client = this.make('', '');
  }

  /** The stream is up: the client is one among the others, with the database that the stream had selected. */
  join(link: LinkEnds): void {
    const { server } = this;
    const client = this.make(link.remote, link.local);
    client.databaseIndex = this.client.databaseIndex;
    client.connection = new Connection(new MutedWire(link), server, client);
    client.connection.bytesIn = link.connectionBytes;
    server.registry.list(client);
    this.client = client;
  }

  /** Bytes of the stream have come. */
  received(count: number): void {
    const { connection } = this.client;
    if (connection !== undefined) connection.bytesIn += count;
  }

  /** The link has ended; half a transaction is forgotten, as the master sends it again from its beginning. */
  leave(): void {
    const { client, server } = this;
    const { connection } = client;
    server.transactions.forget(client);
    if (connection === undefined) return;
    client.connection = undefined;
    if (server.clients.has(client.id)) connection.abandon();
    const next = this.make('', '');
    next.databaseIndex = client.databaseIndex;
    this.client = next;
  }
}
