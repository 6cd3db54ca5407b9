// direct-calls: runs commands in a server of this process without a connection, and gives the reply at once.

import { utf8 } from '../base/bytes.js';
import { ReplyReader } from '../client/reply-reader.js';
import type { DataServer } from '../server/server.js';
import type { Client } from '../service/clients/client.js';
import { type CallArgument, type PlainReply, plainReply } from './plain-reply.js';

export class DirectCalls {
  private readonly client: Client;

  constructor(private readonly server: DataServer) {
    this.client = server.internalClient();
    this.client.protocol = 3;
  }

  /**
   * Runs a command and returns its reply as plain values. Throws an Error with the text of an error reply, and for a command that
   * would wait: nothing could end the wait here.
   */
  run(command: string, args: readonly CallArgument[]): PlainReply {
    const reply = this.reply([command, ...args]);
    if (reply instanceof Error) throw reply;
    return reply;
  }

  private reply(words: readonly CallArgument[]): PlainReply {
    const { server, client } = this;
    const { writer, call } = server;
    server.beginTurn();
    call.setArguments(words.map((word) => (word instanceof Uint8Array ? word : utf8(String(word)))));
    call.denyBlocking = true;
    writer.protocol = 3;
    try {
      server.dispatch(client);
    } finally {
      call.denyBlocking = false;
    }
    const reader = new ReplyReader();
    reader.feed(writer.takeBytes());
    const reply = reader.next();
    if (reply === undefined) throw new Error(`${String(words[0])} gives no reply here: it waits, or answers later`);
    return plainReply(reply);
  }
}
