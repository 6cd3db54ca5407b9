// kept-commands: runs commands that do not come from the connection in hand: those of waiting clients, of EXEC, and of
// trusted sources (the AOF, the master).
//
// All use the server's one call: its arguments, client, database and command are put in, and it runs past the gates, which it has
// passed already or need not pass.

import { assert } from '../base/assert.js';
import type { CommandPlaces } from '../persistence/host.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { ReplyWriter } from '../protocol/reply.js';
import { argumentsOf } from '../registry/call.js';
import type { Command } from '../registry/command.js';
import { type Client, Gate } from '../service/clients/client.js';
import type { Outbox } from '../service/clients/outbox.js';
import type { Permissions } from '../service/dispatch/permissions.js';
import type { CommandStats } from '../service/watch/command-stats.js';
import type { ServerCall } from './call.js';
import type { CommandQueue } from './command-queue.js';
import type { Effects } from './effects.js';
import type { Transactions } from './transactions.js';

/** The server's call, and the ways to run it. */
export interface KeptCommandsHost {
  readonly call: ServerCall;
  readonly writer: ReplyWriter;
  readonly keyspace: Keyspace;
  readonly stats: CommandStats;
  readonly outbox: Outbox;
  readonly permissions: Permissions;
  readonly transactions: Transactions;
  readonly effects: Effects;
  readonly blocking: { isWaiting(client: Client): boolean };
  readonly scripting: { readonly parked: { readonly active: boolean; continueWith(goOn: () => void): void } };
  /** Depth of commands that run inside others: EXEC, scripts. */
  depth: number;
  resolve(call: ServerCall): Command<ServerCall> | undefined;
  reject(client: Client, command: Command<ServerCall>, text: string): void;
  run(call: ServerCall, command: Command<ServerCall>): void;
}

/** Why an obeyed command could not run, or the error that it replied with; empty when all went well. */
export interface Outcome {
  readonly unknown?: string;
  readonly error?: string;
}

const NOTHING_WRONG: Outcome = {};

export class KeptCommands {
  constructor(private readonly host: KeptCommandsHost) {}

  /** The call is of this client, with the arguments that it has, and runs in this database. */
  private enter(client: Client, database: number, command: Command<ServerCall>): ServerCall {
    const { call, keyspace } = this.host;
    assert(database >= 0 && database < keyspace.databases.length, 'a kept command runs in a database that exists');
    assert(command.run !== undefined, 'a kept command was resolved');
    call.client = client;
    call.db = keyspace.databases[database]!;
    call.command = command as Command<never>;
    return call;
  }

  /** Runs a command for a client that waited with it; returns its reply. */
  runFor(client: Client, command: Command<ServerCall>, args: readonly Uint8Array[], database: number): Uint8Array {
    const { host } = this;
    const outer = host.call.reply;
    const bytes = host.outbox.wake(client, (reply) => {
      host.call.reply = reply;
      host.call.setArguments(args);
      const call = this.enter(client, database, command);
      // The user's rules may have changed while the client waited.
      const refusal = this.isRestricted(client) ? host.permissions.refusal(client, command, call) : undefined;
      if (refusal !== undefined) host.reject(client, command, refusal);
      else {
        host.run(call, command);
        if (!host.blocking.isWaiting(client)) host.stats.count(command.id);
      }
    });
    host.call.reply = outer;
    return bytes;
  }

  private isRestricted(client: Client): boolean {
    return (client.gates & Gate.ACL) !== 0;
  }

  /** Runs a command of a client that is obeyed. Its reply is dropped. */
  obey(client: Client, command: CommandPlaces): Outcome {
    const { call, writer, transactions } = this.host;
    call.reserve(command.count);
    for (let index = 0; index < command.count; index++) {
      call.starts[index] = command.starts[index]!;
      call.lengths[index] = command.lengths[index]!;
    }
    call.bytes = command.bytes;
    call.count = command.count;
    call.client = client;
    const { errorCount } = writer;
    const known = this.host.resolve(call);
    if (known === undefined) {
      writer.clear();
      return { unknown: call.shown(0) };
    }
    this.enter(client, client.databaseIndex, known);
    if ((client.gates & Gate.MULTI) !== 0 && transactions.queues(known))
      transactions.queue(client, call, known, known.flags);
    else this.host.run(call, known);
    const error = writer.errorCount !== errorCount ? writer.lastError : undefined;
    writer.clear();
    return error === undefined ? NOTHING_WRONG : { error };
  }

  /** Runs the commands of a transaction in the present call's reply. */
  runQueued(client: Client, queue: CommandQueue): void {
    this.host.depth++;
    this.host.effects.begin();
    this.runQueuedFrom(client, queue, argumentsOf(this.host.call));
  }

  private runQueuedFrom(client: Client, queue: CommandQueue, exec: readonly Uint8Array[]): void {
    const { host } = this;
    const { call, scripting, transactions } = host;
    call.denyBlocking = true;
    transactions.executing = true;
    while (queue.hasNext && !scripting.parked.active) {
      const command = queue.next(call);
      this.enter(client, client.databaseIndex, command);
      // It was allowed when it was queued.
      const refusal = this.isRestricted(client) ? host.permissions.lateRefusal(client, command, call) : undefined;
      if (refusal === undefined) host.run(call, command);
      else call.reply.error(refusal);
    }
    call.denyBlocking = false;
    transactions.executing = false;
    // A script is parked: the transaction goes on when it has ended.
    if (scripting.parked.active) {
      scripting.parked.continueWith(() => this.runQueuedFrom(client, queue, exec));
      return;
    }
    host.effects.end();
    assert(host.depth > 0, 'EXEC ends within itself');
    host.depth--;
    // Code that looks at the call after this sees EXEC again.
    call.setArguments(exec);
  }
}
