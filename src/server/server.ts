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
// Not here: reading and sending (service/clients/connection), time-driven work (cron), transactions, blocking.

import type { CommandPlaces } from '../persistence/host.js';
import { utf8 } from '../base/bytes.js';
import type { LogLevel } from '../base/log-level.js';
import { FieldExpireCycle } from '../commands/hash/expire-cycle.js';
import { fieldsetBytes, forgetFieldsets } from '../commands/hash/import.js';
import {
  type BlockRequest,
  type DataCall,
  type DataLimits,
  defaultDataLimits,
  type Engine,
  type Part,
} from '../commands/engine.js';
import type { Database, ReclaimTimer } from '../keyspace/database.js';
import { Eviction } from '../keyspace/eviction.js';
import { Keyspace } from '../keyspace/keyspace.js';
import { errors, wrongArity } from '../protocol/errors.js';
import { type DeferredLength, ReplyTooLarge, ReplyWriter } from '../protocol/reply.js';
import { RequestReader } from '../protocol/request.js';
import { argumentsOf, Call } from '../registry/call.js';
import { type Command, commandFlags, fitsArity } from '../registry/command.js';
import type { CommandTable } from '../registry/table.js';
import { Client, type ClientOwner, Gate } from '../service/clients/client.js';
import { ClientFeatures } from '../service/clients/client-features.js';
import { Connection, type ConnectionHost } from '../service/clients/connection.js';
import type { Clock } from '../io/clock.js';
import type { Files } from '../io/files.js';
import type { Persistence } from '../persistence/persistence.js';
import type { Wire } from '../io/wire.js';
import { Accounting, wireBytes } from '../service/dispatch/accounting.js';
import { Permissions } from '../service/dispatch/permissions.js';
import { OutputLimits } from '../service/clients/output-limits.js';
import { Acl } from '../service/acl/acl.js';
import { AclCheck, type Denial } from '../service/acl/denial.js';
import { type AclContext, AclLog } from '../service/acl/log.js';
import { AclCommands } from '../service/acl/selector.js';
import type { User } from '../service/acl/user.js';
import type { Config } from '../service/config/config.js';
import type { LateReply, ServiceClient, ServiceHost } from '../service/host.js';
import { Info } from '../service/info/info.js';
import { PubSub } from '../service/pubsub/pubsub.js';
import { CommandLog } from '../service/watch/command-log.js';
import type { LatencyHistogram } from '../service/watch/latency-histogram.js';
import { LatencyMonitor } from '../service/watch/latency-monitor.js';
import { AclChanges } from '../service/acl/acl-changes.js';
import { Blocking } from './blocking.js';
import type { CommandFor, FunctionStore, ServerCall, ServerOptions, ShutdownOptions } from './call.js';
import { ClientBounds, ITEM_BYTES } from './client-bounds.js';
import type { CommandQueue } from './command-queue.js';
import { memoryBounds } from './memory-bounds.js';
import { ClientEviction } from '../service/clients/client-eviction.js';
import { clientLine, type ClientState } from '../service/clients/client-line.js';
import { attachPersistence } from './durability.js';
import { Effects, REPLICAS } from './effects.js';
import { allDeclarations, makeTable } from './declarations.js';
import { CommandStats } from '../service/watch/command-stats.js';
import { ExpireCycle } from './expire-cycle.js';
import { provideInfo } from './info.js';
import { KeyspaceEvents } from './keyspace-events.js';
import { Cron } from './cron.js';
import { Hooks } from './hooks.js';
import { HotKeys } from './hot-keys.js';
import { Monitors } from '../service/watch/monitors.js';
import { Scripting } from './scripting/scripting.js';
import type { ReplicationPort } from './replication-port.js';
import { Pause } from '../service/clients/pause.js';
import { Settings, UNSENT_BYTES_MIN } from './settings.js';
import { stackOf } from '../service/process/stack.js';
import { Tracking } from './tracking.js';
import { Transactions } from './transactions.js';

const MILLION = 1_000_000;
/** Commands of constant time are timed once in so many, and count for all of them, when they are no longer rare. */
const SAMPLE_EVERY = 16;
const HTTP_WARNING_INTERVAL_MS = 60_000;

export class DataServer implements Engine, ClientOwner, ConnectionHost, ServiceHost {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits = defaultDataLimits();
  readonly table: CommandTable<ServerCall>;
  readonly call: ServerCall = new Call<Database, DataServer, Client>();
  readonly places = this.call;
  readonly reader = new RequestReader();
  readonly writer: ReplyWriter = this.call.reply;
  readonly hooks = new Hooks();
  readonly clients = new Map<number, Client>();
  readonly clientFeatures = new ClientFeatures();
  readonly stats = new CommandStats();
  readonly config: Config;
  readonly settings: Settings;
  readonly files: Files;
  readonly clock: Clock;
  readonly aclCommands: AclCommands;
  readonly acl: Acl;
  readonly aclCheck = new AclCheck<Call<never, never, never>>();
  readonly aclLog = new AclLog();
  readonly pubsub = new PubSub();
  readonly slowLog = new CommandLog();
  readonly largeRequests = new CommandLog();
  readonly largeReplies = new CommandLog();
  readonly latency = new LatencyMonitor();
  readonly histograms = new Map<string, LatencyHistogram>();
  readonly info = new Info();
  readonly monitors: Monitors;
  readonly hotKeys: HotKeys;
  readonly blocking: Blocking;
  readonly transactions: Transactions;
  readonly scripting: Scripting;
  readonly pause: Pause;
  readonly tracking: Tracking;
  readonly clientEviction: ClientEviction;
  private readonly outputLimits: OutputLimits;
  private readonly permissions: Permissions;
  private readonly accounting: Accounting;
  readonly clientBounds: ClientBounds = new ClientBounds(this, memoryBounds());
  readonly events: KeyspaceEvents;
  readonly expireCycle: ExpireCycle;
  private readonly fieldExpireCycle: FieldExpireCycle;
  readonly eviction: Eviction;
  readonly cron: Cron;
  readonly startedMs: number;
  readonly processTag: string;
  queryBytesMax = 1024 * 1024 * 1024;
  unsentBytesMax = UNSENT_BYTES_MIN;
  readonly effects = new Effects();
  /** What scripting keeps of functions, for snapshots. */
  functionStore: FunctionStore = { codes: () => [], load: () => undefined, clear: () => undefined };
  readonly persistence: Persistence;
  loading = false;
  /** The server's own gates. */
  gates = 0;
  /** Depth of commands that run inside others: EXEC, scripts. */
  depth = 0;
  /** DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what is otherwise not allowed there; for tests. */
  allowsAllInScripts = false;
  /** Every command is timed; else those of constant time only now and then. */
  timesAll = false;
  /** The port that clients connect to; -1: none. */
  port = -1;
  /** The port for TLS; -1: none. */
  tlsPort = -1;
  executable = '';
  /** The process is the server's alone, and so is its heap. */
  ownsProcess = false;
  /** Steady time at which the last measured command began. */
  startedMsOfCommand = 0;
  private sampleCounter = 0;
  private nextClientId = 1;
  private rewritten: Part[] | undefined;
  private propagatedToo: (readonly Part[])[] = [];
  private prevented = false;
  /** `keyspace.dirty` after the last command. */
  private dirtySeen = 0;
  /** Messages for the client that is being served: they come behind its reply. */
  private readonly ownMessages: Uint8Array[] = [];
  private serving: Client | undefined;
  /** A waiting client whose command is run again now, inside the turn of the one that is served. */
  private waking: Client | undefined;
  private readonly wakingMessages: Uint8Array[] = [];

  constructor(readonly options: ServerOptions) {
    this.config = options.config;
    this.files = options.environment.files;
    this.clock = options.environment.clock;
    this.processTag = String(options.environment.processId);
    this.keyspace = new Keyspace(options);
    this.startedMs = this.clock.wallMs();
    this.stats.onTooManyErrorCodes = (codes) => {
      this.log(
        'warning',
        `Errorstats stopped adding new errors because the number of errors reached the limit (${codes.length}). Current errors code list: ${codes.join(', ')}`,
      );
    };
    this.table = makeTable();
    this.call.host = this;
    this.settings = new Settings(this.config);
    this.permissions = new Permissions(this);
    this.accounting = new Accounting(this);
    this.aclCommands = new AclCommands(this.table.all() as Iterable<Command<never>>);
    this.acl = new Acl(this.aclCommands, () => this.config.choice('acl-pubsub-default').value === 'allchannels');
    this.acl.listener = new AclChanges(this);
    this.monitors = new Monitors(this);
    this.hotKeys = new HotKeys(this);
    this.blocking = new Blocking(this);
    this.transactions = new Transactions(this);
    this.scripting = new Scripting(this);
    this.pause = new Pause(this);
    this.events = new KeyspaceEvents(this);
    this.tracking = new Tracking(this);
    this.clientEviction = new ClientEviction(this);
    this.outputLimits = new OutputLimits(this);
    this.expireCycle = new ExpireCycle(this.keyspace);
    this.fieldExpireCycle = new FieldExpireCycle(this.keyspace, (database, args) => {
      this.effects.add(database, args);
    });
    this.eviction = new Eviction(this.keyspace);
    this.cron = new Cron(this);
    this.keyspace.listener = this.events;
    this.pubsub.admits = (subscriber, nameBytes) => this.clientBounds.admitItem(subscriber as Client, nameBytes);
    this.pubsub.released = (subscriber, nameBytes) => this.clientBounds.releaseItem(subscriber as Client, nameBytes);
    this.events.publish = (channel, message) => void this.pubsub.publish(channel, message);
    this.beginTurn();
    this.settings.apply(this);
    provideInfo(this);
    this.config.onSet(Settings.applied, () => {
      this.settings.apply(this);
      return undefined;
    });
    this.config.onSet(['requirepass'], () => {
      this.acl.setDefaultPassword(this.config.text('requirepass').value);
      return undefined;
    });
    this.persistence = attachPersistence(this);
    this.hooks.writeRefusals.push(() => (this.lacksReplicas ? errors.noReplicas : undefined));
    this.addClientFeatures();
  }

  /** Everything that is kept for a client beside the client itself. */
  private addClientFeatures(): void {
    const { clientFeatures, transactions, pubsub } = this;
    clientFeatures.add(this.blocking);
    clientFeatures.add(transactions);
    clientFeatures.add(this.monitors);
    clientFeatures.add(this.pause);
    clientFeatures.add(this.scripting);
    clientFeatures.add({
      forget: (client) => pubsub.forget(client),
      reset: (client) => pubsub.forget(client),
      bytes: (client) => (pubsub.count(client, 'channels') + pubsub.count(client, 'shardChannels')) * ITEM_BYTES,
    });
    clientFeatures.add(this.tracking);
    clientFeatures.add({ reset: forgetFieldsets, bytes: fieldsetBytes });
    clientFeatures.add(this.clientBounds);
    clientFeatures.add(this.clientEviction);
    clientFeatures.add(this.outputLimits);
  }

  /** Whether anybody keeps or repeats effects. */
  get propagates(): boolean {
    return this.effects.wanted;
  }

  log(level: LogLevel, text: string): void {
    this.options.log(level, text);
  }

  nowMs(): number {
    return this.keyspace.nowMs;
  }

  // --- clients ------------------------------------------------------------------------------------------------------

  /** A client has connected. */
  accept(wire: Wire, unixSocket: boolean): Connection {
    this.beginTurn();
    const client = new Client(this.nextClientId++, this, this.keyspace.nowMs, wire.remote, wire.local, unixSocket);
    const connection = new Connection(wire, this, client);
    client.connection = connection;
    this.stats.connections++;
    const refusal = this.refuseClient(client);
    if (refusal !== undefined) {
      this.stats.rejectedConnections++;
      connection.send(utf8(`-${refusal}\r\n`));
      connection.closeAfterReply();
      return connection;
    }
    this.clients.set(client.id, client);
    this.login(client, this.acl.defaultUser, this.acl.defaultUser.noPassword && this.acl.defaultUser.enabled);
    return connection;
  }

  private refuseClient(client: Client): string | undefined {
    if (this.clients.size >= this.settings.maxClients) return 'ERR max number of clients reached';
    if (this.settings.protectedMode && this.acl.defaultUser.noPassword && !client.isLocal) return protectedModeText;
    return undefined;
  }

  /** A client without a socket, for commands that the server or its embedder runs. */
  internalClient(): Client {
    const client = new Client(this.nextClientId++, this, this.keyspace.nowMs, '', '', false);
    client.authenticated = true;
    return client;
  }

  /** The client is this user from now on. */
  login(client: Client, user: User | undefined, authenticated: boolean): void {
    client.user = user;
    client.authenticated = authenticated;
    this.updateUserGates(client);
  }

  updateUserGates(client: Client): void {
    const restricted = client.user !== undefined && !client.user.unrestricted;
    client.gates =
      (client.gates & ~(Gate.AUTH | Gate.ACL)) |
      (client.authenticated || !this.requiresPassword ? 0 : Gate.AUTH) |
      (restricted ? Gate.ACL : 0);
  }

  clientClosed(client: Client): void {
    this.clients.delete(client.id);
    this.clientFeatures.forget(client);
    this.stats.bytesIn += client.connection?.bytesIn ?? 0;
    this.stats.bytesOut += client.connection?.bytesOut ?? 0;
    this.stats.reads += client.connection?.reads ?? 0;
    this.stats.writes += client.connection?.writes ?? 0;
  }

  /** A soft limit passes with time, also when nothing more is sent. */
  checkSoftLimits(): void {
    this.outputLimits.checkSoftLimits();
  }

  /** Closes clients whose unsent output passes client-output-buffer-limit. */
  checkOutput(client: Client, unsentBytes: number): void {
    this.outputLimits.check(client, unsentBytes);
  }

  protocolError(client: Client, text: string): void {
    this.log('verbose', `Protocol error (${text}) from client: ${this.describeClient(client)}`);
  }

  queryGrown(client: Client): void {
    if (!this.clientEviction.isOn) return;
    this.clientEviction.measure(client);
    this.clientEviction.check();
  }

  queryLimitReached(client: Client): void {
    this.stats.queryLimitDisconnections++;
    this.log('warning', `Closing client that reached max query buffer length: ${this.describeClient(client)}`);
  }

  describeClient(client: Client): string {
    return clientLine(this, client);
  }

  /** Closes clients that sent nothing for `timeout` seconds; those that wait for something stay. */
  closeIdleClients(): void {
    const { timeoutSeconds } = this.settings;
    if (timeoutSeconds === 0) return;
    for (const client of this.clients.values()) {
      if (client.kind !== 'normal' || client.blocked || client.monitors) continue;
      if (this.keyspace.nowMs - client.lastInteractionMs <= timeoutSeconds * 1000) continue;
      this.log('verbose', 'Closing idle client');
      client.connection?.abandon();
    }
  }

  push(client: Client, bytes: Uint8Array): void {
    if (client === this.waking) this.wakingMessages.push(bytes);
    else if (client === this.serving) this.ownMessages.push(bytes);
    else if (this.scripting.parked.keepsMessage(client, bytes)) return;
    else client.connection?.sendSoon(bytes);
  }

  private readonly talking: Connection[] = [];

  /** Messages of one turn go out together: a publisher's pipeline costs each subscriber one write. */
  sendMessagesSoon(connection: Connection): void {
    this.talking.push(connection);
    if (this.talking.length === 1) queueMicrotask(this.sendAllMessages);
  }

  private readonly sendAllMessages = (): void => {
    for (const connection of this.talking.splice(0)) connection.sendMessages();
  };

  /** The client whose command is running. */
  get actingClient(): Client | undefined {
    return this.waking ?? this.serving;
  }

  /** Puts the messages for the client that is served behind what it was answered so far. */
  private writeOwnMessages(client: Client): void {
    for (const message of this.ownMessages.splice(0))
      if (!this.scripting.parked.keepsMessage(client, message)) this.writer.raw(message);
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
  role: 'master' | 'replica' = 'master';

  get requiresPassword(): boolean {
    return this.permissions.requiresPassword;
  }

  /** Checks a name and password and, when they are right, makes the client that user. */
  authenticate(client: Client, userName: string, password: string): boolean {
    const user = this.permissions.authenticate(client, userName, password, this.call.text(0));
    if (user !== undefined) this.login(client, user, true);
    return user !== undefined;
  }

  /** RESET: the client is as it was after connecting. */
  resetClient(client: Client): void {
    this.clientFeatures.reset(client);
    client.kind = 'normal';
    client.protocol = 2;
    client.databaseIndex = 0;
    client.name = '';
    client.noEvict = false;
    client.readOnly = false;
    client.replyMode = 'on';
    client.gates &= ~(Gate.SILENT | Gate.NO_TOUCH | Gate.SUBSCRIBED);
    this.login(client, this.acl.defaultUser, this.acl.defaultUser.noPassword && this.acl.defaultUser.enabled);
  }

  subscriptionsChanged(client: ServiceClient): void {
    const own = client as Client;
    const subscribed = this.pubsub.isSubscribed(own);
    if (subscribed === (own.kind === 'pubsub')) return;
    own.kind = subscribed ? 'pubsub' : 'normal';
    own.gates = subscribed ? own.gates | Gate.SUBSCRIBED : own.gates & ~Gate.SUBSCRIBED;
  }

  /** The running command's client waits until `resume`. */
  suspend(call: { readonly client: unknown }): LateReply {
    const client = call.client as Client;
    client.blocked = true;
    return {
      resume: (write) => {
        client.blocked = false;
        this.send(client, write);
        client.connection?.proceed();
      },
    };
  }

  inTransaction(): boolean {
    return this.transactions.executing;
  }

  forwardToReplicas(call: { count: number; copy(index: number): Uint8Array; client: unknown }): void {
    this.effects.addFor(REPLICAS, (call.client as Client).databaseIndex, argumentsOf(call));
  }

  resetStatistics(): void {
    this.stats.reset();
    Object.assign(this.keyspace.stats, { hits: 0, misses: 0, expired: 0, evicted: 0, expiredFields: 0, lazyFreed: 0 });
    this.histograms.clear();
    this.cron.resetStatistics();
    this.clientEviction.count = 0;
    this.scripting.cache.evictedCount = 0;
    for (const reset of this.hooks.statisticsResets) reset();
  }

  /** An argument as logs and monitors show it: secrets are left out. */
  shownArgument(call: ServerCall, index: number): Uint8Array {
    return this.accounting.shownArgument(call, index);
  }

  /** rename-command; an empty name takes the command away. Throws when there is no such command or the name is taken. */
  renameCommand(from: string, to: string): void {
    const refusal = this.table.rename(from, to);
    if (refusal !== undefined) throw new Error(refusal);
  }

  // --- running commands ---------------------------------------------------------------------------------------------

  beginTurn(): void {
    this.keyspace.nowMs = this.clock.wallMs();
  }

  beginChunk(bytes: Uint8Array): void {
    this.beginTurn();
    this.keyspace.arena.setInput(bytes);
  }

  /** Runs the request in `call` for a client: the way of everything that comes from a socket. @hot */
  dispatch(client: Client): void {
    const { call } = this;
    client.lastInteractionMs = this.keyspace.nowMs;
    this.serving = client;
    call.client = client;
    call.db = this.keyspace.databases[client.databaseIndex]!;
    const command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    if (
      command !== undefined &&
      (this.gates | client.gates) === 0 &&
      command.runsByName &&
      fitsArity(command, call.count)
    ) {
      call.command = command as Command<never>;
      client.lastCommand = command.fullName;
      client.commandCount++;
      this.runUngated(call, command);
    } else {
      this.dispatchWithCare(client, command);
    }
    if (this.blocking.hasReadyKeys && this.depth === 0) this.blocking.serveReadyKeys();
    this.serving = undefined;
    if (this.ownMessages.length > 0) this.writeOwnMessages(client);
    if (this.clientEviction.isOn) {
      this.clientEviction.measure(client);
      this.clientEviction.check();
    }
  }

  /** As `dispatch`, for requests that may be wrong, have subcommands, or must pass gates. */
  private dispatchWithCare(client: Client, found: Command<ServerCall> | undefined): void {
    const { call } = this;
    if (found === undefined && this.isHttp(call)) {
      this.refuseHttp(client);
      return;
    }
    const start = (client.gates & Gate.SILENT) === 0 ? undefined : call.reply.defer();
    const command = this.check(call, found);
    // What was asked last, also where it was refused or queued.
    client.lastCommand = command?.fullName ?? (found?.subcommands.size === 0 ? found.fullName : '');
    if (command === undefined) {
      if ((client.gates & Gate.MULTI) !== 0) this.transactions.markBroken(client);
      this.stats.countErrorReply(call.reply.lastError);
      if (start !== undefined) this.silence(client, undefined, start);
      this.tracking.requestEnded(client, undefined);
    } else {
      call.command = command as Command<never>;
      const gates = this.gates | client.gates;
      if (gates === 0) {
        client.commandCount++;
        this.run(call, command);
      } else {
        this.dispatchGated(client, command, gates);
        if ((gates & Gate.TRACKING) !== 0) this.tracking.requestEnded(client, command);
        if (start !== undefined) this.silence(client, command, start);
      }
    }
  }

  /** Bytes of the request that is being run for this client, as it came over the wire; 0 for others. */
  requestBytes(client: Client): number {
    return client === this.serving ? wireBytes(this.call) : 0;
  }

  /** Bytes of the arguments of the command that a client runs or waits with. */
  argumentBytes(client: Client): number {
    if (client !== this.serving) return this.blocking.argumentBytes(client);
    let bytes = 0;
    for (let index = 0; index < this.call.count; index++) bytes += this.call.lengths[index]!;
    return bytes;
  }

  dispatchFailed(client: Client, error: unknown): void {
    this.log('warning', `Internal error while serving ${client.remote}: ${stackOf(error)}`);
    this.serving = undefined;
    this.waking = undefined;
    this.ownMessages.length = 0;
    this.wakingMessages.length = 0;
    client.connection?.closeAfterReply();
  }

  private dispatchGated(client: Client, command: Command<ServerCall>, gates: number): void {
    const { call } = this;
    const left = this.keyspace.leavesClocks;
    if (this.passGates(client, command, gates)) {
      client.commandCount++;
      if ((gates & Gate.NO_TOUCH) !== 0) this.keyspace.leavesClocks = true;
      if ((gates & Gate.OUTPUT) !== 0 && client.kind === 'normal') this.runLimited(client, command);
      else this.run(call, command);
      this.keyspace.leavesClocks = left;
    }
  }

  /**
   * Runs a command for a client whose output is limited: if all its replies together are too large, it is cut off without any,
   * even where its socket could take them. Who only reads is stopped midway.
   */
  private runLimited(client: Client, command: Command<ServerCall>): void {
    const { reply } = this.call;
    const { hardBytes } = this.settings.outputLimits.normal;
    if (hardBytes > 0 && (command.flags & commandFlags.readonly) !== 0)
      reply.bytesMax = Math.max(hardBytes, FREE_OUTPUT_BYTES);
    this.run(this.call, command);
    reply.bytesMax = Infinity;
    const { connection } = client;
    if (connection === undefined) return;
    const bytes = reply.pendingBytes + connection.wire.unsentBytes;
    this.checkOutput(client, bytes <= FREE_OUTPUT_BYTES ? 0 : bytes);
    if (connection.isClosing) reply.clear();
  }

  /** Takes a reply back that CLIENT REPLY said not to give. */
  private silence(client: Client, command: Command<ServerCall> | undefined, start: DeferredLength): void {
    if (client.replyMode === 'on') return;
    // Confirmations of subscriptions are messages: they come whatever CLIENT REPLY says.
    const isMessage =
      command !== undefined && (command.flags & commandFlags.pubsub) !== 0 && command.name.endsWith('subscribe');
    if (!isMessage) this.call.reply.rewind(start);
    if (command?.fullName === 'client|reply' && client.replyMode === 'skip-next') {
      client.replyMode = 'skip';
    } else if (client.replyMode === 'skip') {
      client.replyMode = 'on';
      client.gates &= ~Gate.SILENT;
    }
  }

  /** The command of a call, with its subcommand and arity checked; undefined after an error reply. */
  resolve(call: ServerCall): Command<ServerCall> | undefined {
    return this.check(call, this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!));
  }

  /** As `resolve`, when the table was asked for the name already. @hot */
  private check(call: ServerCall, found: Command<ServerCall> | undefined): Command<ServerCall> | undefined {
    let command = found;
    if (command === undefined) {
      this.replyUnknown(call);
      return undefined;
    }
    if (command.subcommands.size > 0 && call.count > 1) {
      const sub = command.subcommands.get(call.text(1).toLowerCase());
      if (sub === undefined) {
        call.reply.error(
          `ERR unknown subcommand '${clip(call.shown(1), 128)}'. Try ${command.name.toUpperCase()} HELP.`,
        );
        return undefined;
      }
      command = sub;
    }
    if (!fitsArity(command, call.count) || command.run === undefined) {
      const text = wrongArity(command.fullName);
      if (command.name === 'exec') this.transactions.end(call.client);
      call.reply.error(command.name === 'exec' ? execAborted(text) : text);
      this.stats.countRefusal(command.id);
      return undefined;
    }
    return command;
  }

  private isHttp(call: ServerCall): boolean {
    if (call.lengths[0]! > 5) return false;
    const name = call.text(0).toLowerCase();
    return name === 'post' || name === 'host:';
  }

  private httpWarnedMs = -Infinity;

  /** A web page can make a browser send HTTP here: what stands behind the header must not run as commands. */
  private refuseHttp(client: Client): void {
    client.connection?.closeAfterReply();
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.httpWarnedMs < HTTP_WARNING_INTERVAL_MS) return;
    this.httpWarnedMs = nowMs;
    this.log(
      'warning',
      `Possible SECURITY ATTACK: ${client.remote} sent HTTP (POST or Host:), as a browser does that a web page misuses to send commands. Connection closed.`,
    );
  }

  private replyUnknown(call: ServerCall): void {
    let shown = '';
    for (let index = 1; index < call.count && shown.length < 128; index++)
      shown += `'${clip(call.shown(index), 128 - shown.length)}' `;
    call.reply.error(`ERR unknown command '${clip(call.shown(0), 128)}', with args beginning with: ${shown}`);
  }

  /** Runs a command and passes its effects on. Also for commands inside EXEC and scripts. */
  run(call: ServerCall, command: Command<ServerCall>): void {
    if ((this.gates & Gate.HOT_KEYS) !== 0) this.runCounted(call, command);
    else this.runUngated(call, command);
    if ((call.client.gates & Gate.TRACKING) !== 0) this.tracking.commandRan(call.client, command, call);
    const isShown = (command.flags & (commandFlags.admin | commandFlags.skip_monitor)) === 0;
    if ((this.gates & Gate.MONITORED) !== 0 && isShown && !this.blocking.isServing(call.client)) {
      this.monitors.feed(call, call.db.index, this.scripting.calls.isOwn(call) ? 'lua' : undefined);
    }
  }

  /** Runs a command and counts what it costs for its keys. */
  private runCounted(call: ServerCall, command: Command<ServerCall>): void {
    const session = this.hotKeys.active;
    // A script's commands are part of its EVAL, EXEC is the sum of its commands.
    if (session === undefined || this.scripting.calls.isOwn(call) || command.name === 'exec') {
      this.runUngated(call, command);
      return;
    }
    const { clock } = this;
    const before = call.reply.pendingBytes;
    const startMs = clock.steadyMs();
    this.runUngated(call, command);
    session.count(
      call,
      command,
      (clock.steadyMs() - startMs) * 1000,
      wireBytes(call) + call.reply.pendingBytes - before,
    );
  }

  /** Runs a command that nobody monitors or tracks, and passes its effects on. @hot */
  private runUngated(call: ServerCall, command: Command<ServerCall>): void {
    const { keyspace, stats } = this;
    const dirty = keyspace.dirty;
    const { errorCount, pendingBytes } = call.reply;
    if (this.timesAll || call.count > command.constantUpTo || stats.isRare(command.id)) {
      this.runTimed(call, command, 1);
    } else if ((++this.sampleCounter & (SAMPLE_EVERY - 1)) === 0) {
      this.runTimed(call, command, SAMPLE_EVERY);
    } else {
      try {
        command.run!(call);
      } catch (error) {
        this.replyCrash(call, command, error);
      }
    }
    // A command that waits is counted when it ends, by whoever serves it (see Blocking).
    if ((call.client as Client).blocked !== true) stats.count(command.id);
    // The failures of commands inside EXEC were counted there.
    if (call.reply.errorCount !== errorCount && (command.name !== 'exec' || isErrorOfExec(call.reply.lastError)))
      stats.countError(command.id, call.reply.lastError);
    // What commands inside this one (EXEC, scripts) changed was passed on by them.
    const hasEffect = keyspace.dirty > dirty && keyspace.dirty !== this.dirtySeen;
    this.dirtySeen = keyspace.dirty;
    if (hasEffect && this.effects.wanted) this.propagate(call);
    else if (this.rewritten !== undefined || this.prevented || this.propagatedToo.length > 0) this.dropPropagation();
    // A large request has come in a large buffer, so that the others cost one comparison.
    const { settings } = this;
    if (
      call.bytes.length >= settings.largeRequestBytes ||
      call.reply.pendingBytes - pendingBytes >= settings.largeReplyBytes
    ) {
      this.accounting.recordLarge(call, command, call.reply.pendingBytes - pendingBytes);
    }
  }

  /** Runs a command and measures it; the measurement stands for `times` runs. */
  private runTimed(call: ServerCall, command: Command<ServerCall>, times: number): void {
    const { clock } = this;
    const startMs = clock.steadyMs();
    this.startedMsOfCommand = startMs;
    try {
      command.run!(call);
    } catch (error) {
      this.replyCrash(call, command, error);
    }
    // A command that waits has not run yet: it is measured when it replies.
    if (this.blocking.count > 0 && this.blocking.isWaiting(call.client)) return;
    // A parked script goes on; it is measured when it has ended.
    if (this.scripting.parked.isFor(call)) return;
    this.accounting.account(call, command, (clock.steadyMs() - startMs) * 1000, times);
  }

  /** LATENCY: notes an event if it took as long as latency-monitor-threshold. */
  noteLatency(event: string, milliseconds: number): void {
    this.accounting.noteLatency(event, milliseconds);
  }

  /** For LATENCY: keys that go by themselves, one by one. */
  readonly reclaimTimer: ReclaimTimer = {
    clock: () => this.clock.steadyMs(),
    took: (reason, milliseconds) =>
      this.noteLatency(reason === 'expired' ? 'expire-del' : 'eviction-del', milliseconds),
  };

  /** A command has ended whose client waited for it: a parked script. Its request was looked at when it came. */
  finishLate(call: ServerCall, micros: number, replyBytes: number): void {
    const command = call.command as unknown as Command<ServerCall>;
    this.stats.count(command.id);
    this.accounting.account(call, command, micros, 1);
    this.accounting.recordLargeReply(call, command, replyBytes);
  }

  /** Serves clients that wait for keys, if something was put in them; not inside a transaction or script. */
  serveReady(): void {
    if (this.blocking.hasReadyKeys && this.depth === 0) this.blocking.serveReadyKeys();
  }

  private replyCrash(call: ServerCall, command: Command<ServerCall>, error: unknown): void {
    // Whoever set the limit ends the connection.
    if (error instanceof ReplyTooLarge) return;
    this.log('warning', `Internal error in ${command.fullName}: ${stackOf(error)}`);
    call.reply.error(
      `ERR internal error in '${command.fullName}': ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  /** Looks at each gate; false: the command was answered, queued or put off already. */
  private passGates(client: Client, command: Command<ServerCall>, gates: number): boolean {
    const { call } = this;
    // What a script may do stands in its first line.
    const flags =
      (command.flags & commandFlags.no_mandatory_keys) === 0 ? command.flags : this.scripting.flagsOf(call, command);
    if ((gates & Gate.BUSY) !== 0 && this.scripting.parked.holds(client, call)) return false;
    if ((gates & Gate.AUTH) !== 0 && (flags & commandFlags.no_auth) === 0)
      return this.reject(client, command, errors.noAuth);
    if ((gates & Gate.ACL) !== 0 && !this.isAllowed(client, command, call)) return false;
    if ((gates & Gate.SUBSCRIBED) !== 0 && client.protocol === 2 && !allowedWhileSubscribed.has(command.name)) {
      const text = `ERR Can't execute '${command.fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
      return this.reject(client, command, text);
    }
    if ((gates & Gate.LOADING) !== 0 && (flags & commandFlags.loading) === 0)
      return this.reject(client, command, errors.loading);
    if ((gates & Gate.STALE) !== 0 && (flags & commandFlags.stale) === 0)
      return this.reject(client, command, errors.masterDown);
    if ((gates & Gate.BUSY) !== 0 && (flags & commandFlags.allow_busy) === 0)
      return this.reject(client, command, this.scripting.parked.busyText);
    if (
      (gates & Gate.WRITES) !== 0 &&
      ((flags & commandFlags.write) !== 0 ||
        (command.name === 'exec' && this.transactions.has(client, commandFlags.write)))
    ) {
      const text = this.refuseWrite(client, command);
      if (text !== undefined) return this.reject(client, command, text);
    }
    if ((gates & Gate.MEMORY) !== 0 && !this.passMemoryGate(client, command, flags)) return false;
    if ((gates & Gate.MULTI) !== 0 && this.transactions.queues(command)) {
      this.transactions.queue(client, call, command, flags);
      return false;
    }
    if ((gates & Gate.PAUSED) !== 0 && this.pause.holds(client, command, flags)) {
      this.pause.putOff(client, call);
      return false;
    }
    return true;
  }

  /** Why a write is refused now (a read-only replica, MISCONF, too few replicas); undefined when it is not. */
  refuseWrite(client: Client, command: Command<ServerCall>): string | undefined {
    for (const refusal of this.hooks.writeRefusals) {
      const text = refusal(client, command);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** Fewer good replicas than min-replicas-to-write asks for. */
  private get lacksReplicas(): boolean {
    return this.settings.minReplicas > this.goodReplicas && this.role === 'master';
  }

  /** Replicas that have been heard of within min-replicas-max-lag; counted by replication. */
  goodReplicas = 0;

  private isAllowed(client: Client, command: Command<ServerCall>, call: ServerCall): boolean {
    const text = this.permissions.refusal(client, command, call);
    return text === undefined || this.reject(client, command, text);
  }

  mayReadEveryKey(call: { readonly client: unknown }): boolean {
    return this.permissions.mayReadEveryKey(call);
  }

  /** As isAllowed, for a command of a transaction: it was allowed when it was queued. */
  private isStillAllowed(client: Client, command: Command<ServerCall>, call: ServerCall): boolean {
    const text = this.permissions.lateRefusal(client, command, call);
    if (text !== undefined) call.reply.error(text);
    return text === undefined;
  }

  logDenial(client: Client, call: ServerCall, denial: Denial, context: AclContext): void {
    this.permissions.logDenial(client, call, denial, context);
  }

  private passMemoryGate(client: Client, command: Command<ServerCall>, flags: number): boolean {
    if (this.usedBytes <= this.settings.maxMemory) return true;
    const enough = this.evictSome();
    // Send invalidations for evicted keys before this reply.
    if (this.ownMessages.length > 0 && (client.gates & Gate.SILENT) === 0) this.writeOwnMessages(client);
    const inMulti = (client.gates & Gate.MULTI) !== 0;
    const refused =
      (flags & commandFlags.denyoom) !== 0 ||
      (inMulti && command.name === 'exec' && this.transactions.has(client, commandFlags.denyoom));
    if (enough || !refused) return true;
    return this.reject(client, command, errors.outOfMemory);
  }

  /** Bytes that count against maxmemory. */
  get usedBytes(): number {
    return this.keyspace.usedBytes + BASE_BYTES + this.clientBytes;
  }

  /** Bytes of clients' buffers when they were counted last; counted only where there is a limit. */
  private clientBytes = 0;
  private clientBytesCountedMs = 0;

  countClientBytes(): void {
    let bytes = 0;
    this.clientBytesCountedMs = this.keyspace.nowMs;
    if (this.settings.maxMemory > 0) {
      for (const { connection, kind } of this.clients.values()) {
        if (connection !== undefined && kind !== 'replica')
          bytes += connection.queryBufferBytes + connection.wire.unsentBytes;
      }
    }
    this.clientBytes = bytes;
  }

  /** What of `usedBytes` was there before the first key. */
  readonly baseBytes = BASE_BYTES;

  /** Deletes keys until memory suffices, the policy finds none, or the time for it is over; false: memory does not suffice. */
  evictSome(): boolean {
    const { maxMemory, evictionTenacity } = this.settings;
    if (maxMemory === 0 || this.loading || this.keyspace.expiryPaused || this.usedBytes <= maxMemory) return true;
    // Clients may have gone since the last tick: no key goes for their sake.
    if (this.clientBytes > 0 && this.clientBytesCountedMs !== this.keyspace.nowMs) {
      this.countClientBytes();
      if (this.usedBytes <= maxMemory) return true;
    }
    const { clock } = this;
    const startMs = clock.steadyMs();
    const limitMs =
      evictionTenacity <= 10
        ? 0.05 * evictionTenacity
        : evictionTenacity < 100
          ? 0.5 * 1.15 ** (evictionTenacity - 10)
          : Infinity;
    let evicted = 0;
    let isEnough = true;
    let freeingMs = 0;
    while (isEnough && this.usedBytes > maxMemory) {
      // What was deleted already is freed before more keys go.
      if (this.keyspace.hasGarbage) {
        const beforeMs = clock.steadyMs();
        this.keyspace.freeSome(256);
        freeingMs += clock.steadyMs() - beforeMs;
      } else if (!this.eviction.evictOne()) isEnough = false;
      else evicted++;
      // After that long, commands go on although there is too much: the cron and the next writes go on with it.
      if ((evicted & 15) === 15 && clock.steadyMs() - startMs > limitMs) break;
    }
    this.noteLatency('eviction-lazyfree', freeingMs);
    this.noteLatency('eviction-cycle', clock.steadyMs() - startMs);
    return isEnough;
  }

  /** Answers with an error instead of running; inside MULTI the transaction is broken. */
  reject(client: Client, command: Command<ServerCall>, text: string): false {
    if ((client.gates & Gate.MULTI) !== 0) this.transactions.markBroken(client);
    if (command.name === 'exec') this.transactions.end(client);
    this.call.reply.error(command.name === 'exec' ? execAborted(text) : text);
    this.stats.countRefused(command.id, text);
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
    // The user's rules may have changed while the client waited.
    this.waking = client;
    if ((client.gates & Gate.ACL) === 0 || this.isAllowed(client, command, call)) {
      this.run(call, command);
      if (!this.blocking.isWaiting(client)) this.stats.count(command.id);
    }
    this.waking = undefined;
    for (const message of this.wakingMessages.splice(0)) reply.raw(message);
    call.reply = outer;
    const bytes = reply.takeBytes();
    this.spareWriters.push(reply);
    return bytes;
  }

  /**
   * Runs a command of a client that is obeyed (the AOF, the master), past the gates, which are for other clients. Its reply is
   * dropped; the text says why it could not run, or is the error that it replied with.
   */
  obey(client: Client, command: CommandPlaces): { readonly unknown?: string; readonly error?: string } {
    const { call } = this;
    call.reserve(command.count);
    for (let index = 0; index < command.count; index++) {
      call.starts[index] = command.starts[index]!;
      call.lengths[index] = command.lengths[index]!;
    }
    call.bytes = command.bytes;
    call.count = command.count;
    call.client = client;
    call.db = this.keyspace.databases[client.databaseIndex]!;
    const { errorCount } = this.writer;
    const known = this.resolve(call);
    if (known === undefined) {
      const name = call.shown(0);
      this.writer.clear();
      return { unknown: name };
    }
    call.command = known as Command<never>;
    if ((client.gates & Gate.MULTI) !== 0 && this.transactions.queues(known))
      this.transactions.queue(client, call, known, known.flags);
    else this.run(call, known);
    const hasFailed = this.writer.errorCount !== errorCount;
    const error = hasFailed ? this.writer.lastError : '';
    this.writer.clear();
    return hasFailed ? { error } : NOTHING_WRONG;
  }

  /** Gives a put-off request of a client to `dispatch` and sends its reply. */
  replay(client: Client, args: readonly Uint8Array[]): void {
    if (client.connection?.closed === true) return;
    this.beginTurn();
    this.call.setArguments(args);
    this.writer.protocol = client.protocol;
    this.dispatch(client);
    client.connection?.flush();
  }

  /** The state of a client in the features of this server, as CLIENT LIST shows it. */
  stateOf(client: Client): ClientState {
    const { transactions } = this;
    const tracking = this.tracking.of(client);
    return {
      isBlocked: this.blocking.isBlocked(client),
      isTrackingBroken: tracking?.isBroken === true,
      broadcasts: tracking?.options.broadcasts === true,
      redirection: this.redirectionOf(client),
      isTouched: transactions.isTouched(client),
      watchedCount: transactions.watchedCount(client),
      queuedCount: transactions.queuedCount(client),
      queuedBytes: transactions.queuedBytes(client),
    };
  }

  /** CLIENT UNBLOCK: ends a client's waiting as if its time were over, or with an error; whether it waited. */
  unblock(client: Client, withError: boolean): boolean {
    return this.blocking.unblock(client, withError);
  }

  hasQueued(client: Client, flags: number): boolean {
    return this.transactions.has(client, flags);
  }

  /** During a pause keys past their time stay, but are not shown. */
  pauseExpiry(isPaused: boolean): void {
    this.keyspace.expiryPaused = isPaused;
    this.keyspace.hidesExpired = isPaused;
  }

  /** Client id that a tracking client's messages go to; -1 without tracking, 0 to itself. */
  redirectionOf(client: Client): number {
    return this.tracking.of(client)?.options.redirection ?? -1;
  }

  /** Runs the commands of a transaction in the present call's reply. */
  runQueued(client: Client, queue: CommandQueue): void {
    this.depth++;
    this.effects.begin();
    this.runQueuedFrom(client, queue, argumentsOf(this.call));
  }

  private runQueuedFrom(client: Client, queue: CommandQueue, exec: readonly Uint8Array[]): void {
    const { call } = this;
    call.denyBlocking = true;
    this.transactions.executing = true;
    while (queue.hasNext && !this.scripting.parked.active) {
      const command = queue.next(call);
      call.db = this.keyspace.databases[client.databaseIndex]!;
      call.command = command as Command<never>;
      if ((client.gates & Gate.ACL) === 0 || this.isStillAllowed(client, command, call)) this.run(call, command);
    }
    call.denyBlocking = false;
    this.transactions.executing = false;
    // A script is parked: the transaction goes on when it has ended.
    if (this.scripting.parked.active) {
      this.scripting.parked.continueWith(() => this.runQueuedFrom(client, queue, exec));
      return;
    }
    this.effects.end();
    this.depth--;
    // Whoever looks at the call after this sees EXEC again.
    call.setArguments(exec);
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
    for (const flushed of this.hooks.flushes) flushed(index);
  }

  swapDatabases(first: number, second: number): void {
    this.transactions.databaseChanged(first, second);
    this.transactions.databaseChanged(second, first);
    this.keyspace.swap(first, second);
    this.keyspace.dirty++;
    this.blocking.allChanged();
  }

  /** Whether anybody wants to hear of changed keys; called when watchers, trackers or waiting clients come or go. */
  updateListening(): void {
    this.keyspace.listening =
      this.transactions.isWatching || this.blocking.count > 0 || this.events.invalidate !== undefined;
  }

  /** What replicas and the AOF get for a key that was deleted by age or for memory. */
  reclaimCommand(reason: 'expired' | 'evicted'): 'DEL' | 'UNLINK' {
    return (reason === 'expired' ? this.settings.lazyExpire : this.settings.lazyEviction) ? 'UNLINK' : 'DEL';
  }

  /** Deletes fields of hashes that are past their time, until `isOver` says so. */
  fieldExpireStep(isOver: () => boolean): void {
    if (this.expireCycle.active) this.fieldExpireCycle.run(isOver);
  }

  /** Loads what must be there before the first client is served. */
  async prepareServing(): Promise<void> {
    for (const prepare of this.hooks.beforeServing) await prepare();
  }

  /** Saves what must be saved; returns the reason when that failed and the shutdown must not go on. */
  async prepareShutdown(how: ShutdownOptions): Promise<string | undefined> {
    for (const prepare of this.hooks.beforeShutdown) {
      const refusal = await prepare(how);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /** Set by whoever gives the server its replication. */
  replication: ReplicationPort | undefined;

  /** Closes files: the last thing before the end. */
  async stop(): Promise<void> {
    for (const stop of this.hooks.stops) await stop();
  }

  /** A signal asked for the end: the next tick begins it, unless SHUTDOWN ABORT comes before. */
  pendingShutdown: (() => void) | undefined;

  /** Ends the server: saves as configured, closes clients, exits. Set by whoever started it. */
  shutdown: (how: ShutdownOptions) => Promise<string | undefined> = () => Promise.resolve(undefined);

  // --- effects ------------------------------------------------------------------------------------------------------

  block(call: DataCall | ServerCall, request: BlockRequest): void {
    this.blocking.block(call as ServerCall, request);
  }

  rewrite(_call: unknown, args: readonly Part[]): void {
    this.rewritten = [...args];
  }

  alsoPropagate(_call: unknown, args: readonly Part[]): void {
    this.propagatedToo.push(args);
  }

  preventPropagation(_call: unknown): void {
    this.prevented = true;
  }

  private propagate(call: ServerCall): void {
    const { effects, propagatedToo } = this;
    const { index } = call.db;
    if (propagatedToo.length > 0) effects.begin();
    if (this.rewritten !== undefined) effects.add(index, this.rewritten);
    else if (!this.prevented) effects.addCall(index, call);
    if (propagatedToo.length > 0) {
      for (const args of propagatedToo) effects.add(index, args);
      effects.end();
    }
    this.dropPropagation();
  }

  private dropPropagation(): void {
    this.rewritten = undefined;
    this.prevented = false;
    this.propagatedToo = [];
  }

  /** Replies wait for the end of the turn, until what they acknowledge is durable. */
  holdsReplies = false;
  private readonly waiting: Connection[] = [];

  holdReplies(connection: Connection): void {
    this.waiting.push(connection);
    for (const held of this.hooks.repliesHeld) held();
  }

  /** Sends what was held; if it is not durable the clients are cut off instead: they must not believe it. */
  releaseReplies(isDurable: boolean): void {
    for (const connection of this.waiting.splice(0)) connection.release(isDurable);
  }
}

/** The compiler checks here that the server has everything that its commands reach. */
allDeclarations satisfies readonly CommandFor<DataServer>[];
const NOTHING_WRONG = {};

/** No more output than this never counts against the limit: in Redis it lies in a buffer of each client's own. */
const FREE_OUTPUT_BYTES = 16384;

/** What an empty server counts as used, so that figures and limits are of Redis's kind. */
const BASE_BYTES = MILLION;

const allowedWhileSubscribed = new Set([
  'subscribe',
  'ssubscribe',
  'psubscribe',
  'unsubscribe',
  'sunsubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
]);

const protectedModeText =
  "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.";

/** Whether an error comes from EXEC itself, not from a command in it. */
function isErrorOfExec(text: string): boolean {
  return text.startsWith('EXECABORT') || text === errors.execWithoutMulti;
}

/** EXEC's own words for an error that ends the transaction. */
function execAborted(text: string): string {
  return `EXECABORT Transaction discarded because of: ${text.replace(/^ERR /, '')}`;
}

function clip(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}
