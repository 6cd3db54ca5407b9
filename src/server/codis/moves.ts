// moves: keys on their way to another server in pieces, one batch for each database at a time (SLOTSMGRT*-ASYNC).
//
// The keys of a batch can be read until all of it has arrived; writes to them wait, or SLOTSMGRT-EXEC-WRAPPER reports
// the move. Then they are deleted here. A key that was written all the same (a script that did not declare it, an
// eviction) stays, and what was sent of it is taken back. When the connection is lost the keys stay as well: the other
// side's share expires by itself.

import { EventClass } from '../../keyspace/events.js';
import type { Clock } from '../../io/clock.js';
import type { Environment } from '../../io/environment.js';
import type { Database } from '../../keyspace/database.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import type { Command } from '../../registry/command.js';
import type { CommandTable } from '../../registry/table.js';
import type { Config } from '../../service/config/config.js';
import type { ServerCall } from '../call.js';
import type { Effects } from '../effects.js';
import type { Hooks } from '../hooks.js';
import type { MovingKey, Migrations } from '../migrations.js';
import { AsyncLink, type AsyncLinkEvents } from './async-link.js';
import { KeyMessages, type PieceLimits, type Word } from './key-messages.js';
import { countSlot } from './slot-keys.js';

const SLICE_MS = 2;

export interface CodisMovesHost {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  readonly config: Config;
  readonly options: { readonly environment: Environment };
  readonly effects: Effects;
  readonly hooks: Hooks;
  readonly migrations: Migrations;
  readonly table: CommandTable<ServerCall>;
  beginTurn(): void;
  serveReady(): void;
}

export interface BatchRequest extends PieceLimits {
  readonly host: string;
  readonly port: number;
  readonly database: Database;
  readonly keys: readonly Uint8Array[];
  /** The slot whose remaining keys the reply counts, -1 for a batch of named keys. */
  readonly slot: number;
}

/** Hears how a batch ended: writes the reply of a client that waits. */
export type Waiter = (write: (reply: ReplyWriter) => void) => void;

interface Sending {
  readonly messages: KeyMessages;
  readonly moving: MovingKey;
  isAbandoned: boolean;
}

/** The keys that are under way from one database. */
class Batch {
  readonly waiters: Waiter[] = [];
  readonly sendings: Sending[];
  private next = 0;
  /** Messages without an acknowledgement. */
  pending = 0;

  constructor(
    private readonly server: CodisMovesHost,
    readonly request: BatchRequest,
    readonly link: AsyncLink,
  ) {
    const { keyspace, migrations } = server;
    const moving = migrations.claim(request.database.index, request.keys);
    this.sendings = moving.map((key) => ({
      messages: new KeyMessages(keyspace, request.database, key.bytes, request),
      moving: key,
      isAbandoned: false,
    }));
  }

  get isSent(): boolean {
    return this.next >= this.sendings.length;
  }

  private readonly sink = (words: readonly Word[]): void => {
    this.pending++;
    this.link.send(words);
  };

  private greet(): void {
    if (this.link.isGreeted) return;
    this.link.isGreeted = true;
    const password = this.server.config.text('requirepass').value ?? '';
    if (password !== '') this.sink(['SLOTSRESTORE-ASYNC-AUTH', password]);
    this.sink(['SLOTSRESTORE-ASYNC-SELECT', this.request.database.index]);
  }

  /** Sends as much as the connection takes, in slices. */
  pump(): void {
    const { clock } = this.server;
    const endMs = clock.steadyMs() + SLICE_MS;
    while (!this.isSent && !this.link.isOver && this.link.unsentBytes < this.request.bytesMax) {
      const sending = this.sendings[this.next]!;
      this.greet();
      if (sending.moving.hasChanged && !sending.isAbandoned && sending.messages.wasThere) {
        sending.isAbandoned = true;
        sending.messages.abandon(this.sink);
      } else {
        sending.messages.step(this.sink);
      }
      if (sending.messages.isDone) this.next++;
      if (clock.steadyMs() < endMs || this.isSent) continue;
      clock.soon(() => {
        this.server.beginTurn();
        this.pump();
      });
      return;
    }
  }

  /** All of it has arrived: deletes the keys that did not change meanwhile, and returns how many. */
  finish(): number {
    const { keyspace, effects, migrations } = this.server;
    const { database } = this.request;
    let count = 0;
    migrations.release(this.sendings.map(({ moving }) => moving));
    for (const { messages, moving, isAbandoned } of this.sendings) {
      if (!messages.wasThere || isAbandoned || moving.hasChanged) continue;
      const { key } = messages;
      const entry = database.lookupWrite(key, 0, key.length);
      count++;
      if (entry === 0) continue;
      database.remove(entry, database.hash);
      keyspace.changed(database, key, 0, key.length, 1);
      keyspace.notify(EventClass.GENERIC, 'del', database, key, 0, key.length);
      effects.add(database.index, ['DEL', key]);
    }
    return count;
  }

  giveUp(): void {
    this.server.migrations.release(this.sendings.map(({ moving }) => moving));
  }

  tell(write: (reply: ReplyWriter) => void): void {
    for (const waiter of this.waiters.splice(0)) waiter(write);
  }
}

export class CodisMoves {
  private readonly links = new Map<number, AsyncLink>();
  private readonly batches = new Map<number, Batch>();
  private readonly commands = new Map<string, Command<ServerCall>>();

  constructor(private readonly server: CodisMovesHost) {
    // Before rename-command takes any away.
    for (const command of server.table.commands.values()) this.commands.set(command.name, command);
    server.hooks.stops.push(() => {
      for (const link of [...this.links.values()]) link.close('interrupted: the server stops');
      return Promise.resolve();
    });
  }

  /** A command by the name that Redis gives it. */
  commandNamed(name: string): Command<ServerCall> {
    return this.commands.get(name.toLowerCase())!;
  }

  batchOf(database: number): Batch | undefined {
    return this.batches.get(database);
  }

  linkOf(database: number): AsyncLink | undefined {
    return this.links.get(database);
  }

  /** Begins a batch; the database has none, and none of the keys is under way. */
  begin(request: BatchRequest, waiter: Waiter): void {
    const { index } = request.database;
    const link = this.link(request);
    const batch = new Batch(this.server, request, link);
    batch.waiters.push(waiter);
    this.batches.set(index, batch);
    link.setBusy(true, request.timeoutMs);
    batch.pump();
    this.endIfDone(batch);
  }

  private link(request: BatchRequest): AsyncLink {
    const { index } = request.database;
    const kept = this.links.get(index);
    if (kept?.host === request.host && kept.port === request.port) return kept;
    kept?.close('interrupted: build new connection');
    const events: AsyncLinkEvents = {
      acknowledged: (code, text) => this.acknowledged(index, code, text),
      drained: () => {
        this.server.beginTurn();
        this.batches.get(index)?.pump();
      },
      ended: (reason) => this.lost(index, link, reason),
    };
    const link: AsyncLink = new AsyncLink(
      this.server.clock,
      this.server.options.environment.network,
      request.host,
      request.port,
      request.timeoutMs,
      events,
    );
    this.links.set(index, link);
    return link;
  }

  private acknowledged(index: number, code: number, text: string): void {
    const batch = this.batches.get(index);
    const link = this.links.get(index);
    if (batch === undefined || batch.pending === 0) {
      link?.close('interrupted: an acknowledgement came that nobody waits for');
      return;
    }
    if (code !== 0) {
      link?.close(`interrupted: ${text.slice(0, 200)}`);
      return;
    }
    this.server.beginTurn();
    batch.pending--;
    batch.pump();
    this.endIfDone(batch);
  }

  private endIfDone(batch: Batch): void {
    if (!batch.isSent || batch.pending > 0) return;
    const { database, slot } = batch.request;
    this.batches.delete(database.index);
    batch.link.setBusy(false);
    const count = batch.finish();
    const left = slot < 0 ? 0 : countSlot(database, slot);
    batch.tell((reply) => {
      if (slot >= 0) reply.array(2);
      reply.integer(count);
      if (slot >= 0) reply.integer(left);
    });
    this.server.serveReady();
  }

  private lost(index: number, link: AsyncLink, reason: string): void {
    if (this.links.get(index) === link) this.links.delete(index);
    const batch = this.batches.get(index);
    if (batch?.link !== link) return;
    this.batches.delete(index);
    batch.giveUp();
    batch.tell((reply) => reply.error(`ERR ${reason.replace(/[\r\n]/g, ' ')}`));
  }

  /** SLOTSMGRT-ASYNC-CANCEL: whether there was a connection. */
  cancel(index: number): boolean {
    const link = this.links.get(index);
    link?.close('interrupted: canceled');
    return link !== undefined;
  }
}
