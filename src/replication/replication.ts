// replication: the role of this server, and its consequence: the stream that it sends or obeys.
//
// A master feeds its effects into the stream (history, replicas). A replica gets the stream from its master (master-link),
// applies it past the gates, and keeps it, byte for byte, for replicas of its own; it changes nothing by itself, so keys that
// are past their time are hidden but stay until the master says so.
//
// Not here: the sides in detail (replicas, full-sync, master-link), the commands (server/commands/replication).

import { errors } from '../protocol/errors.js';
import { SERVER_VERSION } from '../base/version.js';
import type { Clock } from '../io/clock.js';
import type { ConnectEvents, Network } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { Call } from '../registry/call.js';
import type { Database } from '../keyspace/database.js';
import { type Client, Gate } from '../service/clients/client.js';
import { OutgoingTls } from '../service/doors/outgoing-tls.js';
import { Rate } from '../service/watch/activity.js';
import type { EffectSink } from '../server/effects.js';
import type { CallFor } from '../server/call.js';
import type { DataServer } from '../server/server.js';
import type { PauseStep, ReplicationPort } from '../server/replication-port.js';
import { attachDiskBacklog } from './disk/attach.js';
import type { DiskBacklog } from './disk/disk-backlog.js';
import type { FailoverRequest } from '../server/replication-port.js';
import { DurableOffset } from './durable-offset.js';
import { Failover, type FailoverHost } from './failover.js';
import { FullSync } from './full-sync.js';
import type { HandshakeOptions } from './handshake.js';
import { History } from './history.js';
import { IncomingData } from './incoming-data.js';
import { LocalExpiry } from './local-expiry.js';
import { MasterClient } from './master-client.js';
import { MasterLink, type LinkOwner } from './master-link.js';
import { NO_ID } from './psync.js';
import type { Replica } from './replica.js';
import { Replicas } from './replicas.js';
import { placeOfAof, placeOfRdb } from './restored-place.js';
import { StreamApplier, type StreamTarget } from './stream-applier.js';

const SECOND_MS = 1000;
const ID_BYTES = 20;
const ACK_EVERY_MS = 1000;
const SAMPLE_MS = 100;

export class Replication implements ReplicationPort, LinkOwner, StreamTarget, FailoverHost {
  readonly clock: Clock;
  private readonly network: Network;
  private readonly tls: OutgoingTls;
  readonly places = new Call<Database, DataServer, Client>();
  readonly history: History;
  readonly replicas: Replicas;
  readonly fullSync: FullSync;
  private readonly disk: DiskBacklog;
  private link: MasterLink | undefined;
  private readonly applier: StreamApplier = new StreamApplier(this);
  private readonly handOver: Failover;
  /** Runs the commands of the master. */
  private readonly master: MasterClient;
  /** Bytes from masters whose links have ended. */
  private receivedBytes = 0;
  private readonly localExpiry: LocalExpiry;
  private readonly inRate = new Rate();
  private readonly outRate = new Rate();
  private sampledMs = 0;
  private readonly incoming: IncomingData;
  private lastAckMs = 0;
  private readonly durable = new DurableOffset();
  /** How many loads of a master's data are under way. */
  private finishing = 0;
  /** When the link to a master last went down; minus infinity before it was ever up. */
  private linkLostMs = -Infinity;
  /** Offset that the last full sync brought: the replica can go on from what it has. */
  hasHistory = false;

  constructor(private readonly server: DataServer) {
    const { environment } = server.options;
    this.clock = server.clock;
    this.network = environment.network;
    this.tls = new OutgoingTls(server.config, (level, text) => server.log(level, text));
    this.history = new History(() => Buffer.from(environment.entropy(ID_BYTES)).toString('hex'));
    this.fullSync = new FullSync(server, this.history, server.persistence.host, () =>
      this.replicas.encoder.forgetDatabase(),
    );
    this.replicas = new Replicas(server, this.history, this.fullSync);
    this.fullSync.owner = this.replicas;
    this.master = new MasterClient(server);
    this.localExpiry = new LocalExpiry(server.keyspace);
    this.incoming = new IncomingData(server, this);
    this.handOver = new Failover(this);
    this.disk = attachDiskBacklog(server, this);
    this.history.archive = this.disk;
    this.replicas.disk = this.disk;
    this.replicas.onAcknowledged = () => {
      server.blocking.retryWaits();
      // The role must not change in the middle of the replica's command.
      if (this.handOver.isActive) this.clock.soon(() => this.handOver.check());
    };
    server.effects.attach(this.sink);
    server.hooks.ticks.push(() => this.tick());
    server.hooks.statisticsResets.push(() => this.resetStatistics());
    server.hooks.writeRefusals.push((client) => this.refuseWrite(client));
    server.hooks.replicationIdChanges.push(() => this.history.renew());
    server.clientFeatures.add({ forget: (client) => this.replicas.forget(client) });
    server.config.onSet(['repl-backlog-size'], () => {
      this.history.stream?.resize(server.config.number('repl-backlog-size').value);
      return undefined;
    });
    server.config.onSet(['replica-read-only', 'replica-serve-stale-data'], () => {
      this.updateGates();
      return undefined;
    });
  }

  // --- the master's side ----------------------------------------------------------------------------------------------

  private get feeds(): boolean {
    return this.link === undefined && this.history.stream !== undefined;
  }

  private readonly sink: EffectSink = ((replication: Replication): EffectSink => ({
    bit: 2,
    get wants() {
      return replication.feeds || replication.countsWrites;
    },
    append(database, call) {
      if (replication.feeds) {
        replication.replicas.encoder.command(database, call);
        replication.replicas.publish();
      } else replication.history.countUnkept();
      replication.noteWriter();
    },
    appendParts(database, parts) {
      if (replication.feeds) {
        replication.replicas.encoder.parts(database, parts);
        replication.replicas.publish();
      } else replication.history.countUnkept();
      replication.noteWriter();
    },
  }))(this);

  /**
   * As in Redis, a master with an AOF that nobody follows counts its writes: WAITAOF of one must not be content with a
   * replica that comes later and does not have it on its disk yet.
   */
  private get countsWrites(): boolean {
    return this.link === undefined && this.server.persistence.isLogging;
  }

  /** WAIT waits for what the client itself has written. */
  private noteWriter(): void {
    const client = this.server.actingClient;
    if (client !== undefined) client.writtenOffset = this.history.offset;
  }

  get isMaster(): boolean {
    return this.link === undefined;
  }

  get offset(): number {
    return this.history.offset;
  }

  get id(): string {
    return this.history.id;
  }

  psync(
    call: Pick<CallFor<never>, 'client' | 'reply'>,
    id: string | undefined,
    offset: number,
    isFailover: boolean,
  ): void {
    if (call.client.kind === 'replica') return;
    if (isFailover && !this.takeOver(call, id)) return;
    if (this.handOver.isActive) {
      call.reply.error("NOMASTERLINK Can't SYNC while failing over");
      return;
    }
    if (this.link !== undefined && !this.link.isUp) {
      call.reply.error("NOMASTERLINK Can't SYNC while not connected with my master");
      return;
    }
    this.replicas.sync(call, id, offset);
  }

  /** PSYNC FAILOVER: the master of this replica wants to follow it; false after an error. */
  private takeOver(call: Pick<CallFor<never>, 'client' | 'reply'>, id: string | undefined): boolean {
    this.log('notice', `Failover request received for replid ${(id ?? '').slice(0, ID_BYTES * 2)}.`);
    if (this.link === undefined) call.reply.error("ERR PSYNC FAILOVER can't be sent to a master.");
    else if (id?.toLowerCase() !== this.history.id) call.reply.error('ERR PSYNC FAILOVER replid must match my replid.');
    else {
      this.promote();
      this.log('notice', `MASTER MODE enabled (failover request from '${this.server.describeClient(call.client)}')`);
      return true;
    }
    return false;
  }

  // --- failover -------------------------------------------------------------------------------------------------------

  get pause(): DataServer['pause'] {
    return this.server.pause;
  }

  get followers(): ReadonlySet<Replica> {
    return this.replicas.followers;
  }

  get isFailingOver(): boolean {
    return this.handOver.isActive;
  }

  failover(request: FailoverRequest): string | undefined {
    return this.handOver.begin(request);
  }

  abortFailover(): string | undefined {
    return this.handOver.cancel();
  }

  /** The failover did not come about. */
  resume(): void {
    this.promote();
  }

  answered(isAccepted: boolean): void {
    this.handOver.answered(isAccepted);
  }

  describeReplica(client: Client, option: string, value: string): string | undefined {
    return this.replicas.describe(client, option, value);
  }

  acknowledge(client: Client, offset: number, aofOffset: number | undefined): void {
    this.replicas.acknowledge(client, offset, aofOffset);
  }

  /** REPLCONF GETACK came in the stream. */
  answerGetAck(client: Client): void {
    if (client === this.master.client) this.sendAck();
  }

  countReplicas(offset: number, inAof: boolean): number {
    return this.replicas.countAt(offset, inAof);
  }

  requestAcks(): void {
    this.replicas.requestAcks();
  }

  // --- roles ----------------------------------------------------------------------------------------------------------

  replicaOf(host: string, port: number): boolean {
    if (this.link !== undefined && this.link.host === host && this.link.port === port) return false;
    this.follow(host, port);
    return true;
  }

  /**
   * Follows a master. Replicas of this server stay: if the history goes on they need not even know; else they are cut off when
   * it is replaced or renamed.
   */
  follow(host: string, port: number): void {
    const { server } = this;
    const wasMaster = this.link === undefined;
    this.endLink();
    server.config.special('replicaof').value = { host, port };
    // A master that becomes a replica may be known to its new master: its history goes on if the offset fits.
    if (wasMaster) this.hasHistory = this.history.stream !== undefined;
    server.blocking.releaseAll(
      'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)',
    );
    this.link = new MasterLink(host, port, this);
    this.applier.reset();
    this.roleChanged();
    this.link.start();
  }

  private endLink(): void {
    const { link } = this;
    if (link === undefined) return;
    // What it has brought is applied by a replica still.
    link.stop();
    this.link = undefined;
    this.receivedBytes += link.bytesIn;
    this.master.leave();
  }

  /** REPLICAOF NO ONE; false: it is a master already. */
  promote(): boolean {
    const { server } = this;
    if (this.link === undefined) return false;
    this.endLink();
    server.config.special('replicaof').value = undefined;
    this.history.promote();
    this.replicas.encoder.forgetDatabase();
    // Replicas learn the new name of the history when they come back.
    this.replicas.disconnectAll();
    this.roleChanged();
    return true;
  }

  private roleChanged(): void {
    const { server } = this;
    const isMaster = this.link === undefined;
    server.role = isMaster ? 'master' : 'replica';
    server.pauseExpiry(server.pause.active);
    server.effects.update();
    this.updateGates();
    for (const told of server.hooks.roleChanges) told();
  }

  private updateGates(): void {
    const { server } = this;
    if (this.link !== undefined) server.gates |= Gate.WRITES;
    const isWritable = this.link !== undefined && !server.config.flag('replica-read-only').value;
    server.keyspace.deletesHidden = isWritable;
    server.keyspace.expiryWatch = isWritable ? this.localExpiry : null;
    const isStale = this.link !== undefined && !this.link.isUp && !server.config.flag('replica-serve-stale-data').value;
    server.gates = isStale ? server.gates | Gate.STALE : server.gates & ~Gate.STALE;
  }

  /** Why a write is refused because of the role. */
  private refuseWrite(client: Client): string | undefined {
    if (this.link === undefined || client.obeyed || !this.server.config.flag('replica-read-only').value)
      return undefined;
    return errors.readOnly;
  }

  // --- the replica's side ---------------------------------------------------------------------------------------------

  get timeoutMs(): number {
    return this.server.config.number('repl-timeout').value * SECOND_MS;
  }

  private get usesTls(): boolean {
    return this.server.config.flag('tls-replication').value;
  }

  dial(host: string, port: number, events: ConnectEvents): Wire {
    const { value } = this.server.config.text('bind-source-addr');
    const sourceAddress = value === '' ? undefined : value;
    if (this.usesTls) return this.tls.dial(host, port, events, sourceAddress);
    const source = sourceAddress === undefined ? {} : { sourceAddress };
    return this.network.connect({ host, port, timeoutMs: this.timeoutMs, ...source }, events);
  }

  log(level: 'notice' | 'warning', text: string): void {
    this.server.log(level, text);
  }

  /** Bytes of the stream that are kept while the data comes on another connection. */
  get earlyBytesMax(): number {
    const { config, settings } = this.server;
    const own = config.number('replica-full-sync-buffer-limit').value;
    return (own > 0 ? own : settings.outputLimits.slave.hardBytes) || Infinity;
  }

  handshakeOptions(): HandshakeOptions {
    const { server, history } = this;
    const { config } = server;
    const announced = config.number('replica-announce-port').value;
    return {
      user: config.text('masteruser').value,
      password: config.text('masterauth').value,
      announcedPort: announced > 0 ? announced : this.usesTls && server.tlsPort > 0 ? server.tlsPort : server.port,
      announcedAddress: config.text('replica-announce-ip').value,
      version: SERVER_VERSION,
      id: this.hasHistory ? history.id : '?',
      offset: this.hasHistory ? history.offset + 1 : -1,
      isFailover: this.handOver.isInProgress,
      takesChannel: config.flag('repl-rdb-channel').value,
    };
  }

  beginData(bytes: number, id: string | undefined, onFailure: (reason: string) => void, onRoom: () => void): void {
    this.incoming.begin(bytes, id, onFailure, onRoom);
  }

  takeData(bytes: Uint8Array): boolean {
    return this.incoming.take(bytes);
  }

  dropData(): void {
    this.incoming.drop();
  }

  isSameHistory(id: string | undefined): boolean {
    return this.hasHistory && id === this.history.id;
  }

  dataGoes(): void {
    this.localExpiry.clear();
    // Replicas of the old history must sync again.
    this.replicas.disconnectAll();
    this.history.lose();
    this.hasHistory = false;
  }

  get isLoading(): boolean {
    return this.finishing > 0;
  }

  async finishData(id: string | undefined, offset: number): Promise<void> {
    this.finishing++;
    try {
      await this.incoming.finish();
      this.takeOverData(id, offset);
    } finally {
      this.finishing--;
      // The link that the data came over learns first that it is here.
      this.clock.soon(() => this.link?.loaded());
    }
  }

  private takeOverData(id: string | undefined, offset: number): void {
    const { server, history } = this;
    this.dataGoes();
    this.master.begin();
    this.applier.reset();
    this.durable.reset();
    history.adopt(id ?? NO_ID, Math.max(0, offset), server.config.number('repl-backlog-size').value);
    this.hasHistory = id !== undefined;
    // Nobody's replica any more: the writes from here on are not the master's.
    if (this.link === undefined) {
      history.promote();
      server.effects.update();
    }
    this.log('notice', 'MASTER <-> REPLICA sync: Finished with success');
  }

  continueStream(id: string | undefined): void {
    if (id !== undefined && id !== this.history.id) {
      this.log('notice', `Master replication ID changed to ${id}`);
      this.history.rename(id);
      this.replicas.disconnectAll();
    }
    // Bytes of a command that had not come whole come again.
    this.applier.reset();
  }

  takeStream(bytes: Uint8Array, count: number): string | undefined {
    this.master.received(count);
    return this.applier.push(bytes, count);
  }

  get streamIsFull(): boolean {
    return this.applier.isFull;
  }

  get streamWaits(): boolean {
    return this.applier.hasSlices;
  }

  sliceApplied(refusal: string | undefined): void {
    this.link?.streamTaken(refusal);
  }

  takeLast(bytes: Uint8Array, count: number): boolean {
    return this.applier.pushLast(bytes, count);
  }

  /** As Redis does: bytes of the stream may be missing, so the data is asked for anew. */
  streamIsBroken(): void {
    this.hasHistory = false;
  }

  linkChanged(isUp: boolean): void {
    if (isUp) {
      this.updateGates();
      this.master.join(this.link!);
      this.sendAck();
      this.server.log('notice', 'MASTER <-> REPLICA sync: the stream is up');
      return;
    }
    // The master's last words are as good as the ones before.
    this.applier.finish();
    this.linkLostMs = this.clock.steadyMs();
    this.updateGates();
    this.master.leave();
  }

  get mustWait(): boolean {
    const { pause, persistence, scripting } = this.server;
    // CLIENT PAUSE holds the master's writes too, as in Redis: the data stands still.
    return scripting.parked.active || pause.active || persistence.isReloading;
  }

  beginTurn(): void {
    this.server.beginTurn();
  }

  apply(): boolean {
    const { server, places } = this;
    const { client } = this.master;
    const { keyspace } = server;
    keyspace.arena.setInput(places.bytes);
    const { hidesExpired, expiryWatch } = keyspace;
    keyspace.hidesExpired = false;
    keyspace.expiryWatch = null;
    const { unknown, error } = server.obey(client, places);
    keyspace.hidesExpired = hidesExpired;
    keyspace.expiryWatch = expiryWatch;
    client.lastInteractionMs = keyspace.nowMs;
    if (unknown !== undefined || error !== undefined)
      this.failed(error ?? `ERR unknown command '${unknown}'`, places.shown(0));
    server.serveReady();
    return (client.gates & Gate.MULTI) !== 0;
  }

  /** A command of the master has failed here: the data sets may differ from now on. */
  private failed(error: string, command: string): void {
    const { server } = this;
    server.stats.unexpectedErrors++;
    // The error of a command that is not known names it already.
    const name = error.startsWith('ERR unknown command') ? '<unknown>' : command;
    this.log(
      'warning',
      `== CRITICAL == This replica is sending an error to its master: '${error}' after processing the command '${name}'`,
    );
    const behavior = server.config.choice('propagation-error-behavior').value;
    if (behavior === 'ignore' || !server.config.flag('replica-read-only').value) return;
    this.log(
      'warning',
      `This replica panicked sending an error to its master after processing the command '${name}' (propagation-error-behavior ${behavior}): it ends, so that nobody reads data that differs`,
    );
    server.options.exit(1);
  }

  applied(bytes: Uint8Array, from: number, to: number): void {
    // A command of the stream may have made this server a master, whose stream is its own.
    if (this.link !== undefined) this.replicas.passOn(bytes, from, to);
  }

  /** Milliseconds since this replica was up to date with its master; Infinity if it never was. */
  get masterDataAgeMs(): number {
    const { link } = this;
    return this.clock.steadyMs() - (link?.isUp === true ? link.heardMs : this.linkLostMs);
  }

  private sendAck(): void {
    if (this.link === undefined || !this.link.isUp) return;
    this.lastAckMs = this.clock.steadyMs();
    const { aof } = this.server.persistence;
    const words = ['REPLCONF', 'ACK', String(this.history.offset)];
    if (aof.log.isOpen) {
      const durable = this.durable.update(aof.log.appendedBytes, this.history.offset, aof.durableBytes);
      words.push('FACK', String(durable));
    } else this.durable.reset();
    this.link.send(...words);
  }

  // --- time -----------------------------------------------------------------------------------------------------------

  private tick(): void {
    this.fullSync.tick();
    this.replicas.tick(this.link === undefined);
    this.handOver.check();
    this.sampleTraffic();
    if (this.link !== undefined) this.localExpiry.tick();
    const { link } = this;
    if (link === undefined) return;
    link.tick();
    this.applier.rest();
    if (link.isUp && this.applier.pendingBytes > 0 && !this.mustWait) this.sliceApplied(this.applier.proceed());
    if (this.clock.steadyMs() - this.lastAckMs >= ACK_EVERY_MS) this.sendAck();
  }

  private sampleTraffic(): void {
    const nowMs = this.clock.wallMs();
    if (nowMs - this.sampledMs < SAMPLE_MS) return;
    this.sampledMs = nowMs;
    const { bytesIn, bytesOut } = this.traffic;
    this.inRate.track(bytesIn, nowMs);
    this.outRate.track(bytesOut, nowMs);
  }

  /**
   * The data from the disk is loaded: a history that it belongs to goes on, for a replica with its master, for a master
   * with the replicas that come back (under its second id, as it may have forgotten writes). Then follows what `replicaof` names.
   */
  start(aux: ReadonlyMap<string, string>): void {
    this.disk.load();
    this.goOn(aux, this.server.config.special('replicaof').value !== undefined);
    const configured = this.server.config.special('replicaof').value;
    if (configured === undefined) return;
    const { hasHistory } = this;
    this.replicaOf(configured.host, configured.port);
    this.hasHistory = hasHistory;
  }

  /** Takes up the history that the data from the disk belongs to, if it is known. */
  private goOn(aux: ReadonlyMap<string, string>, isReplica: boolean): void {
    const { history, server } = this;
    const { aof } = server.persistence;
    const place = aof.state === 'on' ? placeOfAof(server.files, aof.increments, this.disk) : placeOfRdb(aux);
    const expired = server.persistence.takeExpired();
    if (place === undefined || expired === undefined || (isReplica && place.commands.length > 0)) {
      this.disk.dropUnplaced();
      return;
    }
    history.resume(place.id, place.offset, server.config.number('repl-backlog-size').value);
    this.hasHistory = isReplica;
    this.master.client.databaseIndex = this.databaseOf(place.streamDatabase);
    if (isReplica) return;
    history.promote();
    this.replicas.encoder.forgetDatabase();
    for (const [database, key] of expired)
      this.replicas.encoder.parts(database, [server.reclaimCommand('expired'), key]);
    this.replicas.publish();
    // Writes go to the stream from the first one on, also before a replica comes back.
    server.effects.update();
    if (place.commands.length === 0) return;
    this.replicas.encoder.raw(place.commands);
    this.replicas.publish();
  }

  /** The database that the stream ends in, -1 for unknown. */
  get streamDatabase(): number {
    return this.link === undefined ? this.replicas.encoder.database : this.master.client.databaseIndex;
  }

  /** More of the stream is on the disk. */
  written(): void {
    this.replicas.useDisk();
  }

  private databaseOf(index: number): number {
    return this.server.keyspace.databases[index] === undefined ? 0 : index;
  }

  stop(): void {
    this.link?.stop();
    this.disk.finish();
  }

  // --- INFO and ROLE --------------------------------------------------------------------------------------------------

  infoFields(): [string, string | number][] {
    const { history, link, replicas, server } = this;
    const { config } = server;
    const { stream } = history;
    const fields: [string, string | number][] = [['role', link === undefined ? 'master' : 'slave']];
    if (link !== undefined) {
      const nowMs = this.clock.steadyMs();
      const seconds = (ms: number): number => Math.floor((nowMs - ms) / SECOND_MS);
      const isTransferring = link.state === 'transfer' || link.state === 'loading';
      fields.push(
        ['master_host', link.host],
        ['master_port', link.port],
        ['master_link_status', link.isUp ? 'up' : 'down'],
        ['master_last_io_seconds_ago', link.isUp ? seconds(link.heardMs) : -1],
        ['master_sync_in_progress', isTransferring ? 1 : 0],
        ['slave_read_repl_offset', history.offset + this.applier.pendingBytes],
        ['slave_repl_offset', history.offset],
        ['replica_full_sync_buffer_size', link.earlyBytes],
        ['replica_full_sync_buffer_peak', link.earlyBytesPeak],
      );
      if (isTransferring)
        fields.push(
          ['master_sync_total_bytes', link.transferTotal],
          ['master_sync_read_bytes', link.transferBytes],
          ['master_sync_left_bytes', link.transferTotal < 0 ? -1 : link.transferTotal - link.transferBytes],
          [
            'master_sync_perc',
            link.transferTotal <= 0 ? '0.00' : ((100 * link.transferBytes) / link.transferTotal).toFixed(2),
          ],
          ['master_sync_last_io_seconds_ago', seconds(link.heardMs)],
        );
      if (!link.isUp) fields.push(['master_link_down_since_seconds', seconds(link.downSinceMs)]);
      fields.push(
        ['slave_priority', config.number('replica-priority').value],
        ['slave_read_only', config.flag('replica-read-only').value ? 1 : 0],
        ['replica_announced', config.flag('replica-announced').value ? 1 : 0],
      );
    }
    const followers = replicas.infoFields();
    fields.push(followers[0]!);
    if (config.number('min-replicas-to-write').value > 0 && config.number('min-replicas-max-lag').value > 0)
      fields.push(['min_slaves_good_slaves', server.goodReplicas]);
    fields.push(
      ...followers.slice(1),
      ['master_failover_state', this.handOver.state],
      ['master_replid', history.id],
      ['master_replid2', history.secondId],
      ['master_repl_offset', history.offset],
      ['second_repl_offset', history.secondOffset],
      ['repl_backlog_active', stream === undefined ? 0 : 1],
      ['repl_backlog_size', config.number('repl-backlog-size').value],
      ['repl_backlog_first_byte_offset', stream === undefined ? 0 : stream.startOffset + 1],
      ['repl_backlog_histlen', stream?.length ?? 0],
    );
    if (this.disk.isOn)
      fields.push(
        ['repl_backlog_disk_size', config.number('repl-backlog-disk-size').value],
        ['repl_backlog_disk_bytes', this.disk.bytes],
        ['repl_backlog_disk_first_byte_offset', (this.disk.startOffset ?? -1) + 1],
      );
    return fields;
  }

  writeRole(call: Pick<CallFor<never>, 'reply'>): void {
    const { reply } = call;
    const { link } = this;
    if (link === undefined) {
      const online = [...this.replicas.followers].filter((replica) => replica.state === 'online');
      reply.array(3);
      reply.bulkText('master');
      reply.integer(this.history.offset);
      reply.array(online.length);
      for (const replica of online) {
        reply.array(3);
        reply.bulkText(replica.address);
        reply.bulkText(String(replica.port));
        reply.bulkText(String(replica.ackOffset));
      }
      return;
    }
    reply.array(5);
    reply.bulkText('slave');
    reply.bulkText(link.host);
    reply.integer(link.port);
    reply.bulkText(link.state === 'transfer' || link.state === 'loading' ? 'sync' : link.state);
    reply.integer(link.isUp ? this.history.offset : -1);
  }

  /**
   * Fields of an RDB's header: a server that loads the file can continue from it. Without a stream nothing is counted, so id
   * and offset would be those of later files with other data too.
   */
  auxFields(): readonly (readonly [string, string])[] {
    if (this.history.stream === undefined) return [];
    return [
      ['repl-stream-db', String(Math.max(0, this.streamDatabase))],
      ['repl-id', this.history.id],
      ['repl-offset', String(this.history.offset)],
    ];
  }

  get syncs(): ReplicationPort['syncs'] {
    return this.replicas.syncs;
  }

  private resetStatistics(): void {
    Object.assign(this.replicas.syncs, { full: 0, partial: 0, refused: 0 });
    this.receivedBytes = -(this.link?.bytesIn ?? 0);
    this.replicas.resetTraffic();
    this.inRate.reset();
    this.outRate.reset();
  }

  get traffic(): ReplicationPort['traffic'] {
    return {
      bytesIn: this.receivedBytes + (this.link?.bytesIn ?? 0),
      bytesOut: this.replicas.bytesOut,
      bytesInPerSecond: this.inRate.perSecond,
      bytesOutPerSecond: this.outRate.perSecond,
    };
  }

  get followerCount(): number {
    return this.replicas.followerCount;
  }

  get localExpiryCount(): number {
    return this.localExpiry.count;
  }

  get areInSync(): boolean {
    return this.replicas.areInSync;
  }

  lagLines(): readonly string[] {
    return this.replicas.lagLines();
  }

  replicate(parts: readonly Uint8Array[]): void {
    if (this.feeds) this.replicas.say(...parts);
  }

  pauseAt(steps: ReadonlySet<PauseStep>, pause: () => void): void {
    this.reachedStep = (step) => {
      if (steps.has(step)) pause();
      return steps.has(step);
    };
    this.fullSync.onBegun = () => void this.reachedStep('after-fork');
  }

  reachedStep: (step: PauseStep) => boolean = () => false;

  delayRdbClients(seconds: number): void {
    this.replicas.rdbClientDelayMs = seconds * SECOND_MS;
  }

  /** Bytes of memory that the stream takes: what only replicas that lag need, and in all. */
  get laggingBytes(): number {
    return this.history.stream?.laggingBytes ?? 0;
  }

  get memoryBytes(): number {
    return this.history.stream?.memoryBytes ?? 0;
  }

  get earlyBytes(): number {
    return this.link?.earlyBytes ?? 0;
  }
}

export function attachReplication(server: DataServer): Replication {
  const replication = new Replication(server);
  server.replication = replication;
  return replication;
}
