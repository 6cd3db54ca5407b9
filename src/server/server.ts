// server: the data server: it owns the keyspace and the clients, runs commands one at a time, and is the Engine of data commands.
//
// The life of a command:
//   1. `dispatch` finds it by the bytes of its name and checks its arity.
//   2. The gates: one mask of the server's and the client's. 0 means: run. Else `passGates` looks at each bit.
//   3. `run` calls the handler, which writes one reply.
//   4. What it changed: `keyspace.dirty` moved, so the command (or what it put in its place) goes to AOF and replicas.
//   5. Keys that became ready serve blocked clients, before the next command.
// A handler that throws is a bug: the client gets an error, the log gets the stack, the server lives on.
//
// Not here: reading and sending (service/connection), time-driven work (cron), transactions, blocking.

import { utf8 } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import { dataCommands } from '../commands/index.js';
import { type BlockRequest, type DataLimits, defaultDataLimits, type Engine, type Part } from '../commands/engine.js';
import type { Database } from '../keyspace/database.js';
import { Keyspace } from '../keyspace/keyspace.js';
import { errors, wrongArity } from '../protocol/errors.js';
import { ReplyWriter } from '../protocol/reply.js';
import { RequestReader } from '../protocol/request.js';
import { Call } from '../registry/call.js';
import { type Command, type CommandDeclaration, commandFlags } from '../registry/command.js';
import { CommandTable } from '../registry/table.js';
import { Client, type ClientOwner, Gate } from '../service/client.js';
import { Connection, type ConnectionHost } from '../service/connection.js';
import type { Wire } from '../io/sockets.js';
import { Blocking } from './blocking.js';
import { serverCommands } from './commands/index.js';
import { CommandStats } from './command-stats.js';
import { ExpireCycle } from './expire-cycle.js';
import { KeyspaceEvents } from './keyspace-events.js';
import { Transactions } from './transactions.js';

export type ServerCall = Call<Database, DataServer, Client>;
export type ServerCommand = CommandDeclaration<ServerCall>;

export interface ServerOptions {
  readonly databaseCount: number;
  readonly random: RandomSource;
  readonly hashKey: readonly [number, number];
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** Milliseconds from any point, with fractions; for durations. */
  readonly steadyClock: () => number;
  readonly log: (level: 'debug' | 'verbose' | 'notice' | 'warning', text: string) => void;
}

export class DataServer implements Engine, ClientOwner, ConnectionHost {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits = defaultDataLimits();
  readonly table: CommandTable<ServerCall>;
  readonly call: ServerCall = new Call<Database, DataServer, Client>();
  readonly places = this.call;
  readonly reader = new RequestReader();
  readonly writer: ReplyWriter = this.call.reply;
  readonly clients = new Map<number, Client>();
  readonly stats = new CommandStats();
  readonly blocking: Blocking;
  readonly transactions: Transactions;
  readonly events: KeyspaceEvents;
  readonly expireCycle: ExpireCycle;
  queryBytesMax = 1024 * 1024 * 1024;
  propagates = false;
  /** The server's own gates. */
  gates = 0;
  /** Depth of commands that run inside others: EXEC, scripts. */
  depth = 0;
  /** The time when the present turn of the event loop began, steady. */
  turnStartMs = 0;
  private nextClientId = 1;
  private rewritten: Part[] | undefined;
  private propagatedToo: (readonly Part[])[] = [];
  private prevented = false;

  constructor(readonly options: ServerOptions) {
    this.keyspace = new Keyspace(options);
    this.table = new CommandTable<ServerCall>([...(dataCommands as readonly ServerCommand[]), ...serverCommands]);
    this.call.host = this;
    this.blocking = new Blocking(this);
    this.transactions = new Transactions(this);
    this.events = new KeyspaceEvents(this);
    this.expireCycle = new ExpireCycle(this.keyspace);
    this.keyspace.listener = this.events;
    this.beginTurn();
  }

  log(level: 'debug' | 'verbose' | 'notice' | 'warning', text: string): void {
    this.options.log(level, text);
  }

  // --- clients ------------------------------------------------------------------------------------------------------

  /** A client has connected. */
  accept(wire: Wire, unixSocket: boolean): Connection {
    const client = new Client(this.nextClientId++, this, this.keyspace.nowMs, wire.remote, wire.local, unixSocket);
    client.authenticated = true;
    const connection = new Connection(wire, this, client);
    client.connection = connection;
    this.clients.set(client.id, client);
    this.stats.connections++;
    return connection;
  }

  /** A client without a socket, for commands that the server or its embedder runs. */
  internalClient(): Client {
    const client = new Client(this.nextClientId++, this, this.keyspace.nowMs, '', '', false);
    client.authenticated = true;
    return client;
  }

  clientClosed(client: Client): void {
    this.clients.delete(client.id);
    this.blocking.forget(client);
    this.transactions.forget(client);
  }

  checkOutput(_client: Client, _unsentBytes: number): void {
    return;
  }

  protocolError(client: Client, text: string): void {
    this.log('verbose', `Protocol error (${text}) from client: ${client.remote}`);
  }

  queryLimitReached(client: Client): void {
    this.log('warning', `Closing client that reached max query buffer length: ${client.remote}`);
  }

  /** Writes to a client that is not the one being served now. */
  send(client: Client, write: (reply: ReplyWriter) => void): void {
    const reply = this.spareWriter();
    reply.protocol = client.protocol;
    write(reply);
    const bytes = reply.takeBytes();
    this.spareWriters.push(reply);
    if (bytes.length > 0) client.connection?.send(bytes);
  }

  private readonly spareWriters: ReplyWriter[] = [];

  private spareWriter(): ReplyWriter {
    return this.spareWriters.pop() ?? new ReplyWriter();
  }

  readonly mode: 'standalone' | 'cluster' = 'standalone';
  readonly role: 'master' | 'replica' = 'master';

  get requiresPassword(): boolean {
    return false;
  }

  /** Checks a name and password and, when they are right, makes the client that user. */
  authenticate(client: Client, userName: string, _password: string): boolean {
    client.userName = userName;
    client.authenticated = true;
    return true;
  }

  /** RESET: the client is as it was after connecting. */
  resetClient(client: Client): void {
    this.transactions.end(client);
    client.protocol = 2;
    client.databaseIndex = 0;
    client.name = '';
    client.monitors = false;
    client.noEvict = false;
    client.gates &= ~(Gate.SILENT | Gate.TRACKING | Gate.NO_TOUCH | Gate.SUBSCRIBED);
    client.userName = 'default';
    client.authenticated = !this.requiresPassword;
  }

  // --- running commands ---------------------------------------------------------------------------------------------

  beginTurn(): void {
    this.keyspace.nowMs = this.options.wallClock();
  }

  /** Runs the request in `call` for a client: the way of everything that comes from a socket. @hot */
  dispatch(client: Client): void {
    const { call } = this;
    const command = this.resolve(call);
    client.lastInteractionMs = this.keyspace.nowMs;
    if (command === undefined) {
      if ((client.gates & Gate.MULTI) !== 0) this.transactions.markBroken(client);
      this.stats.rejected++;
      return;
    }
    call.client = client;
    call.db = this.keyspace.databases[client.databaseIndex]!;
    call.command = command as Command<never>;
    if ((this.gates | client.gates) !== 0 && !this.passGates(client, command)) return;
    client.lastCommand = command.fullName;
    client.commandCount++;
    this.run(call, command);
    if (this.blocking.hasReadyKeys && this.depth === 0) this.blocking.serveReadyKeys();
  }

  /** The command of a call, with its subcommand and arity checked; undefined after an error reply. @hot */
  resolve(call: ServerCall): Command<ServerCall> | undefined {
    let command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    if (command === undefined) {
      this.replyUnknown(call);
      return undefined;
    }
    if (command.subcommands.size > 0 && call.count > 1) {
      const sub = command.subcommands.get(call.text(1).toLowerCase());
      if (sub === undefined) {
        call.reply.error(`ERR unknown subcommand '${clip(call.utf8(1), 128)}'. Try ${command.name.toUpperCase()} HELP.`);
        return undefined;
      }
      command = sub;
    }
    const { arity } = command;
    if ((arity > 0 && arity !== call.count) || call.count < -arity || command.run === undefined) {
      call.reply.error(wrongArity(command.fullName));
      return undefined;
    }
    return command;
  }

  private replyUnknown(call: ServerCall): void {
    let shown = '';
    for (let index = 1; index < call.count && shown.length < 128; index++) shown += `'${clip(call.utf8(index), 128 - shown.length)}' `;
    call.reply.error(`ERR unknown command '${clip(call.utf8(0), 128)}', with args beginning with: ${shown}`);
  }

  /** Runs a command and passes its effects on. Also for commands inside EXEC and scripts. @hot */
  run(call: ServerCall, command: Command<ServerCall>): void {
    const { keyspace, stats } = this;
    const dirty = keyspace.dirty;
    const errorCount = call.reply.errorCount;
    try {
      command.run!(call);
    } catch (error) {
      this.replyCrash(call, command, error);
    }
    stats.count(command.id);
    if (call.reply.errorCount !== errorCount) stats.countError(command.id, call.reply.lastError);
    if (this.propagates && keyspace.dirty !== dirty) this.propagate(call);
    else if (this.rewritten !== undefined || this.prevented || this.propagatedToo.length > 0) this.dropPropagation();
  }

  private replyCrash(call: ServerCall, command: Command<ServerCall>, error: unknown): void {
    this.log('warning', `Internal error in ${command.fullName}: ${error instanceof Error ? error.stack : String(error)}`);
    call.reply.error(`ERR internal error in '${command.fullName}': ${error instanceof Error ? error.message : String(error)}`);
  }

  /** Looks at each gate; false: the command was answered or queued already. */
  private passGates(client: Client, command: Command<ServerCall>): boolean {
    const { call } = this;
    const gates = this.gates | client.gates;
    if ((gates & Gate.AUTH) !== 0 && (command.flags & commandFlags.no_auth) === 0) {
      return this.reject(client, errors.noAuth);
    }
    if ((gates & Gate.MULTI) !== 0 && this.transactions.queues(command)) {
      this.transactions.queue(client, call, command);
      return false;
    }
    return true;
  }

  /** Answers with an error instead of running; inside MULTI the transaction is broken. */
  reject(client: Client, text: string): false {
    if ((client.gates & Gate.MULTI) !== 0) this.transactions.markBroken(client);
    this.call.reply.error(text);
    this.stats.rejected++;
    return false;
  }

  /** Runs a kept command for a client that is not served now; returns its reply. */
  runFor(client: Client, command: Command<ServerCall>, args: readonly Uint8Array[], database: number): Uint8Array {
    const { call } = this;
    const outer = call.reply;
    const reply = this.spareWriter();
    reply.protocol = client.protocol;
    call.reply = reply;
    call.setArguments(args);
    call.client = client;
    call.db = this.keyspace.databases[database]!;
    call.command = command as Command<never>;
    this.run(call, command);
    call.reply = outer;
    const bytes = reply.takeBytes();
    this.spareWriters.push(reply);
    return bytes;
  }

  /** Runs the commands of a transaction in the present call's reply. */
  runQueued(client: Client, queued: readonly { readonly command: Command<ServerCall>; readonly args: readonly Uint8Array[] }[]): void {
    const { call } = this;
    this.depth++;
    call.denyBlocking = true;
    for (const { command, args } of queued) {
      call.setArguments(args);
      call.db = this.keyspace.databases[client.databaseIndex]!;
      call.command = command as Command<never>;
      client.lastCommand = command.fullName;
      this.run(call, command);
    }
    call.denyBlocking = false;
    this.depth--;
  }

  /** Deletes all keys of a database, or (-1) of all. */
  flush(index: number): void {
    this.transactions.databaseChanged(index);
    for (const database of this.keyspace.databases) {
      if (index >= 0 && database.index !== index) continue;
      this.keyspace.dirty += database.size;
      database.clear();
    }
    // Even when nothing was there, replicas and the AOF hear of it.
    this.keyspace.dirty++;
    this.blocking.allChanged();
    this.onFlush(index);
  }

  /** Told after FLUSHDB (an index) and FLUSHALL (-1): persistence saves, tracking invalidates everything. */
  onFlush: (index: number) => void = () => undefined;

  swapDatabases(first: number, second: number): void {
    this.transactions.databaseChanged(first, second);
    this.transactions.databaseChanged(second, first);
    this.keyspace.swap(first, second);
    this.keyspace.dirty++;
    this.blocking.allChanged();
  }

  /** Whether anybody wants to hear of changed keys; called when watchers, trackers or waiting clients come or go. */
  updateListening(): void {
    this.keyspace.listening = this.transactions.isWatching || this.blocking.count > 0 || this.events.invalidate !== undefined;
  }

  /** What replicas and the AOF get for a key that was deleted by age or for memory. */
  get reclaimCommand(): 'DEL' | 'UNLINK' {
    return 'DEL';
  }

  // --- effects ------------------------------------------------------------------------------------------------------

  block(call: ServerCall, request: BlockRequest): void {
    this.blocking.block(call, request);
  }

  rewrite(_call: ServerCall, args: readonly Part[]): void {
    this.rewritten = [...args];
  }

  alsoPropagate(_call: ServerCall, args: readonly Part[]): void {
    this.propagatedToo.push(args);
  }

  preventPropagation(_call: ServerCall): void {
    this.prevented = true;
  }

  private propagate(call: ServerCall): void {
    if (!this.prevented) this.feed(call.db.index, this.rewritten ?? argumentsOf(call));
    for (const args of this.propagatedToo) this.feed(call.db.index, args);
    this.dropPropagation();
  }

  private dropPropagation(): void {
    this.rewritten = undefined;
    this.prevented = false;
    this.propagatedToo = [];
  }

  /** Hands one command to those who record effects. */
  feed: (database: number, args: readonly Part[]) => void = () => undefined;
}

/** Copies of a call's arguments. */
export function argumentsOf(call: { count: number; copy(index: number): Uint8Array }): Uint8Array[] {
  const args: Uint8Array[] = [];
  for (let index = 0; index < call.count; index++) args.push(call.copy(index));
  return args;
}

export function partBytes(part: Part): Uint8Array {
  return part instanceof Uint8Array ? part : utf8(String(part));
}

function clip(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}
