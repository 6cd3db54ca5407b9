// server: the data server: it owns the keyspace, runs commands one at a time, and is the Engine of data commands.
//
// The parts of any server (clients, dispatch, users, statistics) are in service/resp-server. This class adds the steps
// that keys need in the life of a command:
//   1. `enter` gives the call the client's database.
//   2. The gates of data: a script that keeps the server busy, loading, memory, transactions, pauses.
//   3. Its changes: `keyspace.dirty` moved, so the command (or its replacement) goes to AOF and replicas.
//   4. `leave`: keys that became ready serve blocked clients, before the next command.
//
// Not here: time-driven work (cron), transactions, blocking, the memory limit, start and stop (start).

import { writeAsOld } from '../compat/old-writer.js';
import { findProfile, isBefore, type Profile } from '../compat/profile.js';
import type { CommandPlaces } from '../persistence/host.js';
import { FieldExpireCycle } from '../commands/hash/expire-cycle.js';
import { fieldsetBytes, forgetFieldsets } from '../commands/hash/import.js';
import { type DataLimits, defaultDataLimits } from '../registry/data-limits.js';
import { type BlockRequest, type DataCall, type DataClient, type Engine, type Part } from '../commands/engine.js';
import type { Database, ReclaimTimer } from '../keyspace/database.js';
import { Eviction } from '../keyspace/eviction.js';
import { Keyspace } from '../keyspace/keyspace.js';
import { errors } from '../protocol/errors.js';
import { ReplyWriter } from '../protocol/reply.js';
import { argumentsOf } from '../registry/call.js';
import type { CommandTable } from '../registry/table.js';
import { type Command, commandFlags } from '../registry/command.js';
import { type Client, Gate } from '../service/clients/client.js';
import type { ClientState } from '../service/clients/client-line.js';
import { wireBytes } from '../service/dispatch/accounting.js';
import { type GateEntry, HELD, type Verdict } from '../service/dispatch/gates.js';
import type { IoThreads } from '../service/doors/io-threads.js';
import { RespServer } from '../service/resp-server.js';
import { Monitors } from '../service/watch/monitors.js';
import type { Persistence } from '../persistence/persistence.js';
import { Blocking } from './blocking.js';
import type { CommandFor, FunctionStore, ServerCall, ServerOptions, ShutdownOptions } from './call.js';
import { ClientBounds, ITEM_BYTES } from './client-bounds.js';
import type { CommandQueue } from './command-queue.js';
import { memoryBounds } from './memory-bounds.js';
import { attachPersistence } from './durability.js';
import { Effects, REPLICAS } from './effects.js';
import { codisPart } from '../base/codis-slot.js';
import { keySlot } from '../base/key-slot.js';
import { allDeclarations, makeTable } from './declarations.js';
import { codisCommands } from './codis/index.js';
import { CodisMoves } from './codis/moves.js';
import { ExpireCycle } from './expire-cycle.js';
import { provideInfo } from './info.js';
import { KeptCommands, type Outcome } from './kept-commands.js';
import { KeyspaceEvents } from './keyspace-events.js';
import { Cron } from './cron.js';
import { Hooks } from './hooks.js';
import { HotKeys } from './hot-keys.js';
import { BASE_BYTES, MemoryLimit } from './memory-limit.js';
import { Migrations } from './migrations.js';
import { Propagation } from './propagation.js';
import { Scripting } from './scripting/scripting.js';
import { ClusterGate } from './cluster-gate.js';
import { SlotKeysOfServer } from './cluster-keys.js';
import type { ClusterPort } from './cluster-port.js';
import type { ReplicationPort } from './replication-port.js';
import { SlotStats } from './slot-stats.js';
import { Settings } from './settings.js';
import { Shutdown } from './shutdown.js';
import { Tracking } from './tracking.js';
import { Transactions } from './transactions.js';

export class DataServer extends RespServer<Database> implements Engine {
  declare readonly settings: Settings;
  declare readonly hooks: Hooks;
  readonly keyspace: Keyspace;
  readonly limits: DataLimits = defaultDataLimits();
  readonly monitors: Monitors;
  readonly hotKeys: HotKeys;
  /** Threads that serve sockets; undefined where there can be none. */
  ioThreads: IoThreads | undefined;
  readonly blocking: Blocking;
  readonly transactions: Transactions;
  readonly scripting: Scripting;
  readonly tracking: Tracking;
  readonly clusterGate: ClusterGate;
  readonly migrations: Migrations;
  readonly clusterKeys: SlotKeysOfServer;
  /** With `codis-enabled yes`: keys on their way to other servers of a codis. */
  readonly codis: CodisMoves | undefined;
  readonly slotStats = new SlotStats();
  readonly clientBounds: ClientBounds = new ClientBounds(this, memoryBounds());
  readonly events: KeyspaceEvents;
  readonly expireCycle: ExpireCycle;
  private readonly fieldExpireCycle: FieldExpireCycle;
  readonly eviction: Eviction;
  readonly memoryLimit: MemoryLimit = new MemoryLimit(this);
  readonly cron: Cron;
  readonly effects = new Effects();
  private readonly propagation = new Propagation(this.effects);
  private readonly kept = new KeptCommands(this);
  /** The server that this one answers as; undefined: none but itself. */
  readonly profile: Profile | undefined;
  /** The commands of today, for what comes from a file or a master, on a server that answers as an old one. */
  private readonly ownTable: CommandTable<ServerCall> | undefined;
  /** The functions that scripting holds, for snapshots. */
  functionStore: FunctionStore = { codes: () => [], load: () => undefined, clear: () => undefined };
  readonly persistence: Persistence;
  override mode: 'standalone' | 'cluster' = 'standalone';
  /** Depth of commands that run inside others: EXEC, scripts. */
  depth = 0;
  /** DEBUG SET-DISABLE-DENY-SCRIPTS: scripts may call what is otherwise not allowed there; for tests. */
  allowsAllInScripts = false;
  /** The process is the server's alone, and so is its heap. */
  ownsProcess = false;
  /** `keyspace.dirty` after the last command. */
  private dirtySeen = 0;
  /** The share of `usedBytes` that existed before the first key. */
  readonly baseBytes = BASE_BYTES;

  constructor(readonly options: ServerOptions) {
    const profile = findProfile(options.config.choice('compat').value);
    super(options, makeTable(options.config.flag('codis-enabled').value, profile), {
      settings: new Settings(options.config),
      hooks: new Hooks(),
    });
    this.profile = profile;
    if (profile !== undefined) {
      this.ownTable = makeTable(this.config.flag('codis-enabled').value);
      writeAsOld(this.writer, profile, () => this.call);
      this.outbox.makeWriter = () => writeAsOld(new ReplyWriter(), profile, () => this.call);
    }
    const isInCluster = this.config.flag('cluster-enabled').value;
    this.mode = isInCluster ? 'cluster' : 'standalone';
    const isInCodis = this.config.flag('codis-enabled').value;
    this.keyspace = new Keyspace({ ...options, slotOf: isInCluster ? keySlot : isInCodis ? codisPart : undefined });
    this.monitors = new Monitors(this);
    this.hotKeys = new HotKeys(this);
    this.blocking = new Blocking(this);
    this.transactions = new Transactions(this);
    this.scripting = new Scripting(this);
    this.clusterGate = new ClusterGate(this);
    this.migrations = new Migrations(this);
    this.codis = isInCodis ? new CodisMoves(this) : undefined;
    this.clusterKeys = new SlotKeysOfServer(this);
    this.events = new KeyspaceEvents(this);
    this.tracking = new Tracking(this);
    this.expireCycle = new ExpireCycle(this.keyspace);
    this.fieldExpireCycle = new FieldExpireCycle(this.keyspace, (database, args) => {
      this.effects.add(database, args);
    });
    this.eviction = new Eviction(this.keyspace);
    this.cron = new Cron(this);
    this.keyspace.listener = this.events;
    this.acl.bytesMax = this.clientBounds.limits.userBytes;
    this.pubsub.admits = (subscriber, nameBytes) => this.clientBounds.admitItem(subscriber as Client, nameBytes);
    this.pubsub.released = (subscriber, nameBytes) => this.clientBounds.releaseItem(subscriber as Client, nameBytes);
    this.events.publish = (channel, message) => void this.pubsub.publish(channel, message);
    this.gateEntries = this.allGates();
    this.beginTurn();
    this.settings.apply(this);
    provideInfo(this);
    this.slotStats.isOn = isInCluster && this.config.flag('cluster-slot-stats-enabled').value;
    this.config.onSet(['cluster-slot-stats-enabled'], () => {
      this.slotStats.isOn = isInCluster && this.config.flag('cluster-slot-stats-enabled').value;
      return undefined;
    });
    this.config.onSet(Settings.applied, () => {
      this.settings.apply(this);
      return undefined;
    });
    this.persistence = attachPersistence(this);
    this.hooks.writeRefusals.push(() => (this.lacksReplicas ? errors.noReplicas : undefined));
    this.addClientFeatures();
  }

  /** Everything that is kept for a client beside the client itself. */
  private addClientFeatures(): void {
    const { clientFeatures, pubsub } = this;
    clientFeatures.add(this.blocking);
    clientFeatures.add(this.transactions);
    clientFeatures.add(this.monitors);
    clientFeatures.add(this.scripting);
    clientFeatures.add(this.migrations);
    this.addServiceFeatures();
    clientFeatures.add({
      bytes: (client) => (pubsub.count(client, 'channels') + pubsub.count(client, 'shardChannels')) * ITEM_BYTES,
    });
    clientFeatures.add(this.tracking);
    clientFeatures.add({
      reset: (client) => {
        this.releaseState(client, fieldsetBytes(client));
        forgetFieldsets(client);
      },
      bytes: fieldsetBytes,
    });
    clientFeatures.add(this.clientBounds);
  }

  /** Whether anybody keeps or repeats effects. */
  get propagates(): boolean {
    return this.effects.wanted;
  }

  override nowMs(): number {
    return this.keyspace.nowMs;
  }

  // --- clients ------------------------------------------------------------------------------------------------------

  override keepsMessage(client: Client, message: Uint8Array): boolean {
    return this.scripting.parked.keepsMessage(client, message);
  }

  override inTransaction(): boolean {
    return this.transactions.executing;
  }

  override forwardToReplicas(call: { count: number; copy(index: number): Uint8Array; client: unknown }): void {
    this.effects.addFor(REPLICAS, (call.client as Client).databaseIndex, argumentsOf(call));
  }

  override resetStatistics(): void {
    super.resetStatistics();
    Object.assign(this.keyspace.stats, { hits: 0, misses: 0, expired: 0, evicted: 0, expiredFields: 0, lazyFreed: 0 });
    this.cron.resetStatistics();
    this.scripting.cache.evictedCount = 0;
    this.slotStats.reset();
  }

  override stateOf(client: Client): ClientState {
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

  override unblock(client: Client, withError: boolean): boolean {
    return this.blocking.unblock(client, withError);
  }

  override hasQueued(client: Client, flags: number): boolean {
    return this.transactions.has(client, flags);
  }

  /** During a pause keys past their time stay, but are not shown. */
  override pauseExpiry(isPaused: boolean): void {
    const stays = isPaused || this.role === 'replica';
    this.keyspace.expiryPaused = stays;
    this.keyspace.hidesExpired = stays;
  }

  /** Client id that a tracking client's messages go to; -1 without tracking, 0 to itself. */
  redirectionOf(client: Client): number {
    return this.tracking.of(client)?.options.redirection ?? -1;
  }

  /** Bytes of the arguments of the command that a client runs or waits with. */
  override argumentBytes(client: Client): number {
    return client === this.outbox.serving ? super.argumentBytes(client) : this.blocking.argumentBytes(client);
  }

  // --- running commands ---------------------------------------------------------------------------------------------

  override beginTurn(): void {
    this.turnMs = this.keyspace.nowMs = this.clock.wallMs();
  }

  override beginChunk(bytes: Uint8Array): void {
    if (this.ioThreads !== undefined) this.ioThreads.beforeRequests();
    this.beginTurn();
    this.keyspace.arena.setInput(bytes);
  }

  /** @hot */
  protected override enter(client: Client): void {
    this.call.db = this.keyspace.databases[client.databaseIndex]!;
  }

  /** @hot */
  protected override leave(): void {
    if (this.call.db.slots !== null) this.call.db.slots.forget();
    this.serveReady();
  }

  /** The first line of a script states its rights. */
  protected override flagsOf(command: Command<ServerCall>): number {
    const runsScript = (command.flags & commandFlags.no_mandatory_keys) !== 0;
    return runsScript ? this.scripting.flagsOf(this.call, command) : command.flags;
  }

  protected override refusalOf(client: Client, command: Command<ServerCall>, text: string): string {
    if (command.name !== 'exec') return text;
    this.transactions.end(client);
    client.gates &= ~Gate.ASKING;
    return isRedirection(text) ? text : execAborted(text);
  }

  override resolve(call: ServerCall): Command<ServerCall> | undefined {
    if (this.ownTable === undefined) return super.resolve(call);
    return this.check(call, this.ownTable.find(call.bytes, call.starts[0]!, call.lengths[0]!));
  }

  protected override requestRefused(client: Client): void {
    // EXEC used to run what was left.
    const isForgiven = this.profile !== undefined && isBefore(this.profile, '2.6.5');
    if ((client.gates & Gate.MULTI) !== 0 && !isForgiven) this.transactions.markBroken(client);
    else client.gates &= ~Gate.ASKING;
  }

  protected override requestEnded(client: Client, command: Command<ServerCall> | undefined): void {
    this.tracking.requestEnded(client, command);
  }

  protected override runGated(client: Client, command: Command<ServerCall>, gates: number): void {
    const left = this.keyspace.leavesClocks;
    if ((gates & Gate.NO_TOUCH) !== 0) this.keyspace.leavesClocks = true;
    if (this.slotStats.isOn) this.runForSlot(client, command, gates);
    else super.runGated(client, command, gates);
    this.keyspace.leavesClocks = left;
    if ((gates & Gate.ASKING) !== 0) this.endAsking(client, command.name);
  }

  /** Runs a command and counts what it costs for its slot. */
  private runForSlot(client: Client, command: Command<ServerCall>, gates: number): void {
    const slot = this.clusterGate.lastSlot;
    const { call, clock } = this;
    const before = call.reply.pendingBytes;
    const bytesIn = wireBytes(call);
    const startMs = clock.steadyMs();
    super.runGated(client, command, gates);
    if (slot >= 0)
      this.slotStats.count(slot, (clock.steadyMs() - startMs) * 1000, bytesIn, call.reply.pendingBytes - before);
  }

  /** ASKING holds for one command, or for a transaction. */
  private endAsking(client: Client, name: string): void {
    if ((client.gates & Gate.MULTI) === 0 && name !== 'asking') client.gates &= ~Gate.ASKING;
  }

  /** @hot */
  protected override admits(command: Command<ServerCall>): boolean {
    return !this.slotStats.isOn && this.clusterGate.admits(this.call, command);
  }

  /** A command that waits is measured when it replies, a parked script when it has ended. */
  protected override isUnfinished(call: ServerCall): boolean {
    return (this.blocking.count > 0 && this.blocking.isWaiting(call.client)) || this.scripting.parked.isFor(call);
  }

  /** The failures of commands inside EXEC were counted there. */
  protected override ownsError(command: Command<ServerCall>, text: string): boolean {
    return command.name !== 'exec' || isErrorOfExec(text);
  }

  /** Runs a command and passes its effects on. Also for commands inside EXEC and scripts. */
  override run(call: ServerCall, command: Command<ServerCall>): void {
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
  protected override runUngated(call: ServerCall, command: Command<ServerCall>): void {
    const { keyspace, propagation } = this;
    const dirty = keyspace.dirty;
    super.runUngated(call, command);
    // Commands inside this one (EXEC, scripts) propagated their own changes.
    const hasEffect = keyspace.dirty > dirty && keyspace.dirty !== this.dirtySeen;
    this.dirtySeen = keyspace.dirty;
    if (hasEffect && this.effects.wanted) propagation.send(call);
    else if (propagation.isPending) propagation.drop();
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

  // --- gates --------------------------------------------------------------------------------------------------------

  /** The order is Redis's: who may run it, whether the server can, whether now. */
  private allGates(): readonly GateEntry[] {
    const { scripting } = this;
    const holdIfParked = (client: Client): Verdict => (scripting.parked.holds(client, this.call) ? HELD : undefined);
    const refuseUnless = (flag: number, text: () => string): GateEntry['check'] => {
      return (_client, _command, flags) => ((flags & flag) === 0 ? text() : undefined);
    };
    // The state may have changed after the commands were queued.
    const refuseUnlessAll = (flag: number, text: () => string): GateEntry['check'] => {
      return (client, command, flags) =>
        (flags & flag) === 0 || (command.name === 'exec' && this.transactions.lacks(client, flag)) ? text() : undefined;
    };
    return [
      { bit: Gate.BUSY, check: holdIfParked },
      ...this.serviceGates(),
      { bit: Gate.CLUSTER, check: (client, command, flags) => this.slotGate(client, command, flags) },
      { bit: Gate.REPLICA, check: refuseReplica },
      { bit: Gate.LOADING, check: refuseUnlessAll(commandFlags.loading, () => errors.loading) },
      { bit: Gate.LOADING_ASIDE, check: (client, command, flags) => this.loadingAsideGate(client, command, flags) },
      { bit: Gate.STALE, check: refuseUnlessAll(commandFlags.stale, () => errors.masterDown) },
      { bit: Gate.BUSY, check: refuseUnless(commandFlags.allow_busy, () => scripting.parked.busyText) },
      { bit: Gate.WRITES, check: (client, command, flags) => this.writesGate(client, command, flags) },
      { bit: Gate.MEMORY, check: (client, command, flags) => this.memoryGate(client, command, flags) },
      { bit: Gate.MULTI, check: (client, command, flags) => this.multiGate(client, command, flags) },
      { bit: Gate.PAUSED, check: (client, command, flags) => this.pauseGate(client, command, flags) },
      { bit: Gate.MOVING, check: (client, command, flags) => this.movingGate(client, command, flags) },
    ];
  }

  /** Whether a command has one of these flags, or is an EXEC of a command that has. */
  private hasFlag(client: Client, command: Command<never>, flags: number, mask: number): boolean {
    return (flags & mask) !== 0 || (command.name === 'exec' && this.transactions.has(client, mask));
  }

  private slotGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (client.obeyed) return undefined;
    return this.clusterGate.refuse(client, command as Command<ServerCall>, this.call, flags);
  }

  private writesGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (this.hasFlag(client, command, flags, commandFlags.write)) return this.refuseWrite(client, command);
    return command.name === 'ping' && !client.obeyed ? this.refusePing() : undefined;
  }

  private refusePing(): string | undefined {
    for (const refusal of this.hooks.pingRefusals) {
      const text = refusal();
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** Some commands would meet the data that comes, or the history that goes with it. */
  private loadingAsideGate(client: Client, command: Command<never>, flags: number): Verdict {
    return this.hasFlag(client, command, flags, commandFlags.no_async_loading) ? errors.loading : undefined;
  }

  private memoryGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (!this.memoryLimit.isPassed) return undefined;
    const isEnough = this.memoryLimit.evictSome();
    // Send invalidations for evicted keys before this reply.
    if (this.outbox.hasOwnMessages && (client.gates & Gate.SILENT) === 0) this.outbox.writeOwnMessages(client);
    return isEnough || !this.hasFlag(client, command, flags, commandFlags.denyoom) ? undefined : errors.outOfMemory;
  }

  private multiGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (!this.transactions.queues(command)) return undefined;
    return this.transactions.queue(client, this.call, command as Command<ServerCall>, flags) ?? HELD;
  }

  private pauseGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (!this.pause.holds(client, command, flags)) return undefined;
    this.pause.putOff(client, this.call);
    return HELD;
  }

  private movingGate(client: Client, command: Command<never>, flags: number): Verdict {
    if (client.obeyed || !this.migrations.holds(client, command as Command<ServerCall>, this.call, flags))
      return undefined;
    this.migrations.putOff(client, this.call);
    return HELD;
  }

  /** Why a write is refused now (a read-only replica, MISCONF, too few replicas); undefined when it is not. */
  refuseWrite(client: Client, command: Command<never>): string | undefined {
    for (const refusal of this.hooks.writeRefusals) {
      const text = refusal(client, command as Command<ServerCall>);
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

  /** Bytes that count against maxmemory. */
  get usedBytes(): number {
    return this.memoryLimit.usedBytes;
  }

  /** As MemoryLimit.evictSome. */
  evictSome(): boolean {
    return this.memoryLimit.evictSome();
  }

  // --- commands that do not come from the connection that is served --------------------------------------------------

  /** As KeptCommands.runFor. */
  runFor(client: Client, command: Command<ServerCall>, args: readonly Uint8Array[], database: number): Uint8Array {
    return this.kept.runFor(client, command, args, database);
  }

  /** As KeptCommands.obey. */
  obey(client: Client, command: CommandPlaces): Outcome {
    return this.kept.obey(client, command);
  }

  /** As KeptCommands.runQueued. */
  runQueued(client: Client, queue: CommandQueue): void {
    this.kept.runQueued(client, queue);
  }

  // --- databases ----------------------------------------------------------------------------------------------------

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
      this.transactions.isWatching ||
      this.blocking.count > 0 ||
      this.events.invalidate !== undefined ||
      this.migrations.isActive;
  }

  /** Propagates the deletion of a key that expired, was evicted or emptied to replicas and the AOF. */
  reclaimCommand(reason: 'expired' | 'evicted' | 'emptied'): 'DEL' | 'UNLINK' {
    const { lazyExpire, lazyEviction, lazyServerDel } = this.settings;
    const isLazy = reason === 'expired' ? lazyExpire : reason === 'evicted' ? lazyEviction : lazyServerDel;
    return isLazy ? 'UNLINK' : 'DEL';
  }

  /** Deletes fields of hashes that are past their time, until `isOver` says so. */
  fieldExpireStep(isOver: () => boolean): void {
    if (this.expireCycle.active) this.fieldExpireCycle.run(isOver);
  }

  // --- start and stop -----------------------------------------------------------------------------------------------

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

  /** Set by the code that gives the server its replication. */
  replication: ReplicationPort | undefined;

  private cluster_: ClusterPort | undefined;

  get cluster(): ClusterPort | undefined {
    return this.cluster_;
  }

  /** Set by the code that makes the server a node of a cluster. */
  set cluster(cluster: ClusterPort | undefined) {
    this.cluster_ = cluster;
    this.gates = cluster === undefined ? this.gates & ~Gate.CLUSTER : this.gates | Gate.CLUSTER;
  }

  /** Closes files: the last thing before the end. */
  async stop(): Promise<void> {
    for (const stop of this.hooks.stops) await stop();
  }

  /** A signal asked for the end: the next tick begins it, unless SHUTDOWN ABORT comes before. */
  pendingShutdown: (() => void) | undefined;

  /** How the server ends: saves as configured, closes clients, exits. */
  readonly shutdown = new Shutdown(this);

  // --- effects ------------------------------------------------------------------------------------------------------

  block(call: DataCall | ServerCall, request: BlockRequest): void {
    this.blocking.block(call as ServerCall, request);
  }

  admitState(client: DataClient, bytes: number): boolean {
    return this.clientBounds.admitHeap(client as Client, bytes);
  }

  releaseState(client: DataClient, bytes: number): void {
    this.clientBounds.releaseHeap(client as Client, bytes);
  }

  rewrite(_call: unknown, args: readonly Part[]): void {
    this.propagation.rewrite(args);
  }

  alsoPropagate(_call: unknown, args: readonly Part[]): void {
    this.propagation.alsoPropagate(args);
  }

  preventPropagation(_call: unknown): void {
    this.propagation.prevent();
  }
}

const keyFlags = commandFlags.write | commandFlags.readonly | commandFlags.may_replicate;

/** The connection of a replica is for the stream. */
function refuseReplica(_client: Client, _command: unknown, flags: number): Verdict {
  return (flags & keyFlags) === 0 ? undefined : "ERR Replica can't interact with the keyspace";
}

/** The compiler checks here that the server has everything that its commands reach. */
[...allDeclarations, ...codisCommands] satisfies readonly CommandFor<DataServer>[];

/** Whether an error comes from EXEC itself, not from a command in it. */
function isErrorOfExec(text: string): boolean {
  return text.startsWith('EXECABORT') || text === errors.execWithoutMulti;
}

/** Whether clients read an error by its first word and look for another node. */
function isRedirection(text: string): boolean {
  return /^(MOVED|ASK|CROSSSLOT|TRYAGAIN|CLUSTERDOWN) /.test(text);
}

/** EXEC's own words for an error that ends the transaction. */
function execAborted(text: string): string {
  return `EXECABORT Transaction discarded because of: ${text.replace(/^ERR /, '')}`;
}
