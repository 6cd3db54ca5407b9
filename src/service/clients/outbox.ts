// outbox: output besides the reply that is being written: messages, replies for clients that are not served now, and
// replies that wait until the acknowledged writes are durable.
//
// A message for the client that is served comes after its reply. A message for a client whose waiting command is run again
// (`wakes`) comes after the reply to that command. Messages for all others leave together at the end of the turn.

import { assert } from '../../base/assert.js';
import { ReplyWriter } from '../../protocol/reply.js';
import type { Client } from './client.js';
import type { Connection } from './connection.js';

export interface OutboxHost {
  /** The writer of the client that is served. */
  readonly writer: ReplyWriter;
  /** Whether the message waits elsewhere: for a client that is served by a script which goes on later. */
  keepsMessage(client: Client, message: Uint8Array): boolean;
}

export class Outbox {
  /** The client whose request is being run. */
  serving: Client | undefined;
  /** A waiting client whose command is run again now, in the turn of the one that is served. */
  private waking: Client | undefined;
  private readonly ownMessages: Uint8Array[] = [];
  private readonly wakingMessages: Uint8Array[] = [];
  private readonly talking: Connection[] = [];
  private readonly held: Connection[] = [];
  private readonly spareWriters: ReplyWriter[] = [];

  constructor(private readonly host: OutboxHost) {}

  /** The client whose command is running. */
  get actingClient(): Client | undefined {
    return this.waking ?? this.serving;
  }

  /** Sends a message that the client did not ask for now. */
  push(client: Client, message: Uint8Array): void {
    if (client === this.waking) this.wakingMessages.push(message);
    else if (client === this.serving) this.ownMessages.push(message);
    else if (this.host.keepsMessage(client, message)) return;
    else client.connection?.sendSoon(message);
  }

  /** Messages of one turn go out together: a publisher's pipeline costs each subscriber one write. */
  sendMessagesSoon(connection: Connection): void {
    this.talking.push(connection);
    if (this.talking.length === 1) queueMicrotask(this.sendAllMessages);
  }

  private readonly sendAllMessages = (): void => {
    for (const connection of this.talking.splice(0)) connection.sendMessages();
  };

  get hasOwnMessages(): boolean {
    return this.ownMessages.length > 0;
  }

  /** Puts the messages for the client that is served after what was replied so far. */
  writeOwnMessages(client: Client): void {
    for (const message of this.ownMessages.splice(0))
      if (!this.host.keepsMessage(client, message)) this.host.writer.raw(message);
  }

  /** Writes to a client that is not the one being served now. */
  send(client: Client, write: (reply: ReplyWriter) => void): void {
    const bytes = this.compose(client, write);
    if (bytes.length > 0) client.connection?.send(bytes);
  }

  /** The reply of `write`, and the messages that come for the client meanwhile. */
  wake(client: Client, write: (reply: ReplyWriter) => void): Uint8Array {
    return this.compose(client, (reply) => {
      this.waking = client;
      write(reply);
      this.waking = undefined;
      for (const message of this.wakingMessages.splice(0)) reply.raw(message);
    });
  }

  /** A writer for what is composed beside the replies of the turn. */
  makeWriter: () => ReplyWriter = () => new ReplyWriter();

  private compose(client: Client, write: (reply: ReplyWriter) => void): Uint8Array {
    const reply = this.spareWriters.pop() ?? this.makeWriter();
    assert(reply.pendingBytes === 0, 'nobody writes into a spare writer');
    reply.protocol = client.protocol;
    write(reply);
    const bytes = reply.takeBytes();
    this.spareWriters.push(reply);
    return bytes;
  }

  /** Forgets everything of the request that was being run: it ended by an exception. */
  abandonRequest(): void {
    this.serving = undefined;
    this.waking = undefined;
    this.ownMessages.length = 0;
    this.wakingMessages.length = 0;
  }

  /** The connection's replies wait for `release`. */
  hold(connection: Connection): void {
    this.held.push(connection);
  }

  /** Sends what was held. If it is not durable, the clients are cut off instead: they must not believe it. */
  release(isDurable: boolean): void {
    for (const connection of this.held.splice(0)) connection.release(isDurable);
  }
}
