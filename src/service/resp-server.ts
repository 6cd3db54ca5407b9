// resp-server: the parts of every server of this package: clients, users, permissions, pub/sub, statistics, logs,
// configuration.
//
// The data server, Sentinel and the proxy extend it with their own commands. A server needs every part that its table
// of commands uses: `serviceCommands` and `clientCommands` need only this class.
//
// Not here: dispatch (dispatch/dispatcher), doors (doors/listeners), anything with keys.

import type { LogLevel } from '../base/log-level.js';
import type { ReplyWriter } from '../protocol/reply.js';
import type { Clock } from '../io/clock.js';
import type { Environment } from '../io/environment.js';
import type { Files } from '../io/files.js';
import type { Usage } from '../io/usage.js';
import type { Wire } from '../io/wire.js';
import { RequestReader } from '../protocol/request.js';
import type { Call } from '../registry/call.js';
import type { Command } from '../registry/command.js';
import type { CommandTable } from '../registry/table.js';
import { Acl } from './acl/acl.js';
import { AclChanges } from './acl/acl-changes.js';
import { AclCheck, type Denial } from './acl/denial.js';
import { type AclContext, AclLog } from './acl/log.js';
import { AclCommands } from './acl/selector.js';
import type { User } from './acl/user.js';
import type { ClientCall, RunCall } from './call.js';
import type { Client, ClientOwner } from './clients/client.js';
import { ClientEviction } from './clients/client-eviction.js';
import { ClientFeatures } from './clients/client-features.js';
import { clientLine, type ClientState, plainState } from './clients/client-line.js';
import { ClientRegistry } from './clients/client-registry.js';
import type { Connection, ConnectionHost } from './clients/connection.js';
import { Outbox } from './clients/outbox.js';
import { OutputLimits } from './clients/output-limits.js';
import { Pause } from './clients/pause.js';
import type { Config } from './config/config.js';
import { ServiceSettings, UNSENT_BYTES_MIN } from './config/settings.js';
import { Accounting } from './dispatch/accounting.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { Permissions } from './dispatch/permissions.js';
import { ServiceHooks } from './hooks.js';
import type { LateReply, ServerMode, ServiceClient, ServiceHost } from './host.js';
import { Info } from './info/info.js';
import { PubSub } from './pubsub/pubsub.js';
import { Activity } from './watch/activity.js';
import { CommandLog } from './watch/command-log.js';
import { CommandStats } from './watch/command-stats.js';
import type { LatencyHistogram } from './watch/latency-histogram.js';
import { LatencyMonitor } from './watch/latency-monitor.js';

export interface RespServerOptions {
  /** 40 hex digits that no other run has. */
  readonly runId: string;
  readonly environment: Environment;
  readonly log: (level: LogLevel, text: string) => void;
  readonly config: Config;
}

export abstract class RespServer<Database = undefined>
  extends Dispatcher<Database>
  implements ClientOwner, ConnectionHost, ServiceHost
{
  readonly config: Config;
  readonly settings: ServiceSettings;
  readonly files: Files;
  readonly clock: Clock;
  readonly usage: Usage;
  readonly processTag: string;
  readonly startedMs: number;
  readonly reader = new RequestReader();
  readonly hooks: ServiceHooks;
  readonly stats = new CommandStats();
  readonly clientFeatures = new ClientFeatures();
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
  readonly activity: Activity;
  readonly runId: string;
  readonly permissions: Permissions;
  readonly registry: ClientRegistry;
  /** All clients with a connection, by id. */
  readonly clients: ReadonlyMap<number, Client>;
  readonly outbox: Outbox;
  readonly outputLimits: OutputLimits;
  readonly clientEviction: ClientEviction;
  readonly pause: Pause;
  protected readonly accounting: Accounting;
  queryBytesMax = 1024 * 1024 * 1024;
  unsentBytesMax = UNSENT_BYTES_MIN;
  /** The port that clients connect to; -1: none. */
  port = -1;
  /** The port for TLS; -1: none. */
  tlsPort = -1;
  executable = '';
  /** The supervisor that started the process, as INFO reports it. */
  supervisedBy: 'systemd' | 'no' = 'no';
  loading = false;
  role: 'master' | 'replica' = 'master';
  mode: ServerMode = 'standalone';
  /** Replies wait for the end of the turn, until what they acknowledge is durable. */
  holdsReplies = false;

  constructor(
    private readonly serviceOptions: RespServerOptions,
    table: CommandTable<RunCall<Database>>,
    /** A kind of server with more settings or hooks brings its own. */
    parts: { readonly settings?: ServiceSettings; readonly hooks?: ServiceHooks } = {},
  ) {
    super(table);
    const { config, environment } = serviceOptions;
    this.config = config;
    this.files = environment.files;
    this.clock = environment.clock;
    this.usage = environment.usage;
    this.processTag = String(environment.processId);
    this.turnMs = this.startedMs = this.clock.wallMs();
    this.settings = parts.settings ?? new ServiceSettings(config);
    this.hooks = parts.hooks ?? new ServiceHooks();
    this.stats.onTooManyErrorCodes = (codes) => {
      this.log(
        'warning',
        `Errorstats stopped adding new errors because the number of errors reached the limit (${codes.length}). Current errors code list: ${codes.join(', ')}`,
      );
    };
    this.permissions = new Permissions(this);
    this.accounting = new Accounting(this);
    this.registry = new ClientRegistry(this);
    this.clients = this.registry.all;
    this.activity = new Activity(this);
    this.runId = serviceOptions.runId;
    this.outbox = new Outbox(this);
    this.aclCommands = new AclCommands(table.all() as Iterable<Command<never>>);
    this.acl = new Acl(this.aclCommands, () => config.choice('acl-pubsub-default').value === 'allchannels');
    this.acl.listener = new AclChanges(this);
    this.pause = new Pause(this);
    this.clientEviction = new ClientEviction(this);
    this.outputLimits = new OutputLimits(this);
    config.onSet(['requirepass'], () => {
      this.acl.setDefaultPassword(config.text('requirepass').value);
      return undefined;
    });
  }

  /** Settings of clients take effect, now and after each CONFIG SET; for servers without further settings. */
  protected followSettings(): void {
    this.settings.applyService(this);
    this.config.onSet(ServiceSettings.appliedByService, () => {
      this.settings.applyService(this);
      return undefined;
    });
  }

  /** The features that keep state for a client, in the order in which they are asked. */
  protected addServiceFeatures(): void {
    const { pubsub, clientFeatures } = this;
    clientFeatures.add(this.pause);
    clientFeatures.add({
      forget: (client) => pubsub.forget(client),
      reset: (client) => pubsub.forget(client),
    });
    clientFeatures.add(this.clientEviction);
    clientFeatures.add(this.outputLimits);
  }

  log(level: LogLevel, text: string): void {
    this.serviceOptions.log(level, text);
  }

  nowMs(): number {
    return this.turnMs;
  }

  beginTurn(): void {
    this.turnMs = this.clock.wallMs();
  }

  beginChunk(_bytes: Uint8Array): void {
    this.beginTurn();
  }

  /** Work that time brings; for a server without a cron of its own. */
  tick(): void {
    this.beginTurn();
    this.activity.sample(this.turnMs);
    this.registry.closeIdle();
    this.outputLimits.checkSoftLimits();
    for (const tick of this.hooks.ticks) tick();
  }

  // --- clients ------------------------------------------------------------------------------------------------------

  accept(wire: Wire, unixSocket: boolean): Connection {
    this.beginTurn();
    const connection = this.registry.accept(wire, unixSocket);
    for (const accepted of this.hooks.accepted) accepted(connection);
    return connection;
  }

  /** A client without a socket, for commands that the server or its embedder runs. */
  internalClient(remote = '', local = ''): Client {
    return this.registry.internal(remote, local);
  }

  login(client: Client, user: User | undefined, authenticated: boolean): void {
    this.registry.login(client, user, authenticated);
  }

  updateUserGates(client: Client): void {
    this.registry.updateUserGates(client);
  }

  clientClosed(client: Client): void {
    this.registry.closed(client);
  }

  resetClient(client: Client): void {
    this.registry.reset(client);
  }

  subscriptionsChanged(client: ServiceClient): void {
    this.registry.subscriptionsChanged(client as Client);
  }

  /** The client whose command is running. */
  get actingClient(): Client | undefined {
    return this.outbox.actingClient;
  }

  push(client: Client, bytes: Uint8Array): void {
    this.outbox.push(client, bytes);
  }

  /** Whether a message waits elsewhere; see OutboxHost. */
  keepsMessage(_client: Client, _message: Uint8Array): boolean {
    return false;
  }

  sendMessagesSoon(connection: Connection): void {
    this.outbox.sendMessagesSoon(connection);
  }

  /** Writes to a client that is not the one being served now. */
  send(client: Client, write: (reply: ReplyWriter) => void): void {
    this.outbox.send(client, write);
  }

  holdReplies(connection: Connection): void {
    this.outbox.hold(connection);
    for (const held of this.hooks.repliesHeld) held();
  }

  /** Sends what was held; if it is not durable the clients are cut off instead. */
  releaseReplies(isDurable: boolean): void {
    this.outbox.release(isDurable);
  }

  /** A replica's output lies in the stream of writes as well: replication looks at both, and keeps why it cut one off. */
  checkOutput(client: Client, unsentBytes: number): void {
    if (client.kind !== 'replica') this.outputLimits.check(client, unsentBytes);
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

  /** The state of a client in the features of this server, as CLIENT LIST shows it. */
  stateOf(_client: Client): ClientState {
    return plainState;
  }

  /** CLIENT UNBLOCK: ends a client's waiting as if its time were over, or with an error; whether it waited. */
  unblock(_client: Client, _withError: boolean): boolean {
    return false;
  }

  /** Clients that wait until `resume`: for a file to be loaded, or the end. */
  suspendedCount = 0;

  /** The running command's client waits until `resume`. */
  suspend(call: { readonly client: unknown }): LateReply {
    const client = call.client as Client;
    client.blocked = true;
    this.suspendedCount++;
    return {
      resume: (write) => {
        client.blocked = false;
        this.suspendedCount--;
        this.send(client, write);
        client.connection?.proceed();
      },
    };
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

  // --- users --------------------------------------------------------------------------------------------------------

  get requiresPassword(): boolean {
    return this.permissions.requiresPassword;
  }

  /** Checks a name and password and, when they are right, makes the client that user. */
  authenticate(client: Client, userName: string, password: string): boolean {
    const user = this.permissions.authenticate(client, userName, password, this.call.text(0));
    if (user !== undefined) this.login(client, user, true);
    return user !== undefined;
  }

  mayReadEveryKey(call: { readonly client: unknown }): boolean {
    return this.permissions.mayReadEveryKey(call);
  }

  logDenial(client: Client, call: ClientCall, denial: Denial, context: AclContext): void {
    this.permissions.logDenial(client, call, denial, context);
  }

  // --- what only some servers have ----------------------------------------------------------------------------------

  pauseExpiry(_isPaused: boolean): void {}

  hasQueued(_client: Client, _flags: number): boolean {
    return false;
  }

  inTransaction(): boolean {
    return false;
  }

  forwardToReplicas(_call: { count: number; copy(index: number): Uint8Array; client: unknown }): void {}

  // --- figures ------------------------------------------------------------------------------------------------------

  /** CONFIG RESETSTAT. */
  resetStatistics(): void {
    this.stats.reset();
    this.activity.reset();
    this.histograms.clear();
    this.clientEviction.count = 0;
    for (const reset of this.hooks.statisticsResets) reset();
  }

  /** LATENCY: notes an event if it took as long as latency-monitor-threshold. */
  noteLatency(event: string, milliseconds: number): void {
    this.accounting.noteLatency(event, milliseconds);
  }

  /** An argument as logs and monitors show it: secrets are left out. */
  shownArgument(call: ClientCall, index: number): Uint8Array {
    return this.accounting.shownArgument(call, index);
  }

  /** rename-command; an empty name takes the command away. Throws when there is no such command or the name is taken. */
  renameCommand(from: string, to: string): void {
    const refusal = this.table.rename(from, to);
    if (refusal !== undefined) throw new Error(refusal);
  }
}
