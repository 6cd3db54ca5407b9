// server-link: the dashboard's questions to servers: connections that are kept for a while, each question with a time limit.
import { systemErrorText } from '../../../base/system-error.js';
import { Connection } from '../../../client/connection.js';
import { isError, replyText, type Reply } from '../../../client/reply.js';
import type { Clock } from '../../../io/clock.js';

const IDLE_MAX = 4;

export type ServerCall = (...words: (string | Uint8Array)[]) => Promise<Reply>;

/** Splits `host:port`; throws an Error when it is none. */
export function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon <= 0 || !Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`invalid address ${text}`);
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
}

/** Rejects with `what` when the work takes longer. */
export function within<T>(clock: Clock, timeoutMs: number, what: string, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => reject(new Error(`${what}: no answer within ${timeoutMs} ms`)), true);
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

export class ServerLinks {
  private readonly idle = new Map<string, Connection[]>();
  private isClosed = false;

  constructor(
    private readonly clock: Clock,
    /** Words after AUTH; none for servers without a password. */
    private readonly auth: readonly string[],
    private readonly timeoutMs: number,
  ) {}

  private async open(address: string, timeoutMs: number): Promise<Connection> {
    let idle = this.idle.get(address)?.pop();
    while (idle?.lost !== undefined) idle = this.idle.get(address)?.pop();
    if (idle !== undefined) return idle;
    const { host, port } = addressOf(address);
    const opening = Connection.open({ host, port, timeoutMs });
    // A connection that opens after the limit is closed by its receiver: nobody waits for it.
    let isLate = false;
    opening.then(
      (connection) => isLate && connection.close(),
      () => undefined,
    );
    try {
      const connection = await within(this.clock, timeoutMs, `connecting to ${address}`, opening);
      if (this.auth.length === 0) return connection;
      const reply = await within(this.clock, timeoutMs, address, connection.call('AUTH', ...this.auth));
      if (isError(reply)) {
        connection.close();
        throw new Error(`${address}: ${replyText(reply)}`);
      }
      return connection;
    } catch (error) {
      isLate = true;
      throw error;
    }
  }

  /**
   * Runs questions to one server, each of which may take `timeoutMs`; rejects with its name and what is wrong. An error reply to any of
   * them rejects too.
   */
  async ask<T>(address: string, run: (call: ServerCall) => Promise<T>, timeoutMs = this.timeoutMs): Promise<T> {
    let connection: Connection;
    try {
      connection = await this.open(address, Math.min(timeoutMs, this.timeoutMs));
    } catch (error) {
      const text = error instanceof Error ? error.message : systemErrorText(error);
      throw new Error(text.includes(address) ? text : `${address}: ${text}`, { cause: error });
    }
    try {
      const result = await run(async (...words) => {
        const reply = await within(this.clock, timeoutMs, address, connection.call(...words));
        if (isError(reply)) throw new Error(`${address}: ${replyText(reply)}`);
        return reply;
      });
      const kept = this.idle.get(address) ?? [];
      this.idle.set(address, kept);
      if (this.isClosed || kept.length >= IDLE_MAX) connection.close();
      else kept.push(connection);
      return result;
    } catch (error) {
      connection.close();
      throw error instanceof Error ? error : new Error(String(error));
    }
  }

  close(): void {
    this.isClosed = true;
    for (const connections of this.idle.values()) for (const connection of connections) connection.close();
    this.idle.clear();
  }
}

/** The fields of an INFO, by name. */
export function infoFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}
