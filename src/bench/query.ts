// query: asks a server a few questions before the benchmark (CONFIG GET, CLUSTER NODES), one connection a time.
//
// A small blocking-style client of its own: it must speak to servers that are broken in the way a benchmark run should
// report, with redis-benchmark's words, and it needs no more than strings and flat arrays.
import { openConnection } from './connection.js';
import type { Address, Connection } from './connection.js';
import { encodeCommand } from './request.js';

export class ErrorReply extends Error {}

type Reply = string | null | ErrorReply | Reply[];

export class QueryConnection {
  private readonly connection: Connection;
  private readonly state: QueryState;

  private constructor(connection: Connection, state: QueryState) {
    this.connection = connection;
    this.state = state;
  }

  static async open(address: Address): Promise<QueryConnection> {
    const state = new QueryState();
    const connection = await openConnection(address, {
      onBytes: (buffer, length) => state.take(Buffer.from(buffer.subarray(0, length))),
      onLost: (reason) => state.lose(new Error(reason)),
    });
    return new QueryConnection(connection, state);
  }

  /** The reply; an error reply is returned, a lost connection thrown. */
  ask(...args: string[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.state.wait(resolve, reject);
      this.connection.send(encodeCommand(args));
    });
  }

  close(): void {
    this.connection.close();
  }
}

class QueryState {
  private received = Buffer.alloc(0);
  private waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  private lost: Error | undefined;

  wait(resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
    if (this.lost !== undefined) reject(this.lost);
    else this.waiting.push({ resolve, reject });
  }

  lose(error: Error): void {
    this.lost = error;
    for (const waiter of this.waiting.splice(0)) waiter.reject(error);
  }

  take(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    while (this.waiting.length > 0) {
      const cursor = { at: 0 };
      let reply: Reply | undefined;
      try {
        reply = readReply(this.received, cursor);
      } catch (error) {
        this.lose(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (reply === undefined) return;
      this.received = this.received.subarray(cursor.at);
      this.waiting.shift()!.resolve(reply);
    }
  }
}

/** One reply from `cursor.at` on, or undefined when it is not complete yet. */
function readReply(bytes: Buffer, cursor: { at: number }): Reply | undefined {
  const end = bytes.indexOf('\r\n', cursor.at);
  if (end < 0) return undefined;
  const type = String.fromCharCode(bytes[cursor.at]!);
  const line = bytes.toString('utf8', cursor.at + 1, end);
  cursor.at = end + 2;
  if (type === '+' || type === ':') return line;
  if (type === '-') return new ErrorReply(line);
  const count = Number(line);
  if ((type !== '$' && type !== '*') || !Number.isInteger(count)) {
    throw new Error(`Protocol error, got ${JSON.stringify(type)} as reply type byte`);
  }
  if (count < 0) return null;
  if (type === '$') {
    if (bytes.length < cursor.at + count + 2) return undefined;
    const text = bytes.toString('utf8', cursor.at, cursor.at + count);
    cursor.at += count + 2;
    return text;
  }
  const items: Reply[] = [];
  while (items.length < count) {
    const item = readReply(bytes, cursor);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}
