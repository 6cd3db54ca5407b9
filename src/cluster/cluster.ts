// cluster: makes a data server a node of a cluster: the bus gets a port, and its decisions become roles, keys and
// messages.
//
// Not here: the protocol (step), replies of CLUSTER and redirections (server), the stream from a master (replication).

import { SLOT_COUNT } from '../base/key-slot.js';
import type { LogLevel } from '../base/log-level.js';
import type { RandomSource } from '../base/prng.js';
import type { Clock } from '../io/clock.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { attachReplication, type Replication } from '../replication/replication.js';
import type { ClusterLinkView, ClusterNodeView, ClusterPort } from '../server/cluster-port.js';
import type { DataServer } from '../server/server.js';
import { StartError } from '../server/start.js';
import { OutgoingTls } from '../service/doors/outgoing-tls.js';
import { PeerDoor } from '../service/doors/peer-door.js';
import { ClusterSettings } from './cluster-settings.js';
import * as commands from './commands.js';
import { bumpEpoch } from './epochs.js';
import { countReports } from './failure.js';
import { messageTypeNames } from './message.js';
import { sendPublication } from './messages.js';
import { type ClusterNode } from './node.js';
import { NodeRunner, type RunnerOwner } from './node-runner.js';
import { NodesFile } from './nodes-file.js';
import { NodesFileError } from './nodes-parser.js';
import { handOver } from './hand-over.js';
import { PeerLink } from './migration/peer-link.js';
import { SlotMoves } from './migration/slot-moves.js';
import { type LinePort, nodeLine, nodesText } from './nodes-text.js';
import type { ClusterState, DownReason } from './state.js';
import { updateMyself } from './tick.js';

const ID_BYTES = 20;
const CONNECT_MS_MAX = 60_000;
const PORT_MAX = 65_535;
const KEEP_ALIVE_SECONDS = 30;
/** Settings for a node's announcements about itself. */
const ANNOUNCEMENTS = [
  'cluster-announce-ip',
  'cluster-announce-port',
  'cluster-announce-tls-port',
  'cluster-announce-bus-port',
  'cluster-announce-hostname',
  'cluster-announce-human-nodename',
  'cluster-replica-no-failover',
] as const;

export class Cluster implements ClusterPort, RunnerOwner {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly settings: ClusterSettings;
  readonly messageTypeNames = messageTypeNames;
  private readonly runner: NodeRunner;
  private readonly state: ClusterState;
  readonly slotMoves: SlotMoves;
  private readonly door: PeerDoor;
  private readonly tls: OutgoingTls;
  /** The data is loaded: roles may change. */
  private isServing = false;
  private willTell = false;

  constructor(
    private readonly server: DataServer,
    private readonly replication: Replication,
  ) {
    const { config, options } = server;
    this.clock = server.clock;
    this.random = options.random;
    this.settings = new ClusterSettings(config, server);
    const path = config.path('cluster-config-file');
    try {
      this.runner = new NodeRunner(this, new NodesFile(server.files, path, server.processTag));
    } catch (error) {
      if (!(error instanceof NodesFileError)) throw error;
      throw new StartError(`Unrecoverable error: corrupted cluster config file ${path}, ${error.message}`);
    }
    this.state = this.runner.bus.state;
    this.slotMoves = new SlotMoves(server, {
      runner: this.runner,
      newId: () => this.newId(),
      dialClientPort: (node, events) => this.dialClientPort(node, events),
    });
    this.tls = new OutgoingTls(config, (level, text) => server.log(level, text));
    this.door = new PeerDoor(
      server,
      options.environment.network,
      () => this.settings.usesTls,
      KEEP_ALIVE_SECONDS,
      (wire) => this.runner.links.accept(wire),
    );
    this.ensureRole();
    // CLUSTER shows what CONFIG SET announces at once, not after the next tick.
    config.onSet(ANNOUNCEMENTS, () => {
      this.runner.change(updateMyself);
      return undefined;
    });
    server.hooks.beforeServing.push(() => {
      this.adoptKeys();
      return Promise.resolve();
    });
    server.pubsub.relay = (sharded, channel, payload) => {
      if (sharded) this.publishShard(channel, payload);
      else this.publish(channel, payload);
    };
  }

  // --- life -----------------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    const { server, settings } = this;
    const port = settings.busPort;
    if (port > PORT_MAX)
      throw new StartError(
        `Redis port number too high for cluster mode: the port of the cluster bus would be ${port}. Use a port of ${PORT_MAX - 10_000} or less, or set cluster-port`,
      );
    if (!this.door.prepare()) throw new StartError('Failed to configure TLS. Check logs for more info.');
    const backlog = server.config.number('tcp-backlog').value;
    for (const word of server.config.special('bind').value) {
      const isOptional = word.startsWith('-');
      const host = word
        .replace(/^-/, '')
        .replace(/^\*$/, '0.0.0.0')
        .replace(/^::\*$/, '::');
      try {
        await this.door.open(host, port, backlog);
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        if (isOptional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue;
        this.stop();
        throw new StartError(`Failed listening on port ${port} (cluster), aborting: ${message}`);
      }
    }
    // A server that loads nothing has no hook before serving. One that loads must not follow a master yet: the rest of its own
    // file would be applied to the data of the master.
    if (!server.loading && !this.isServing) this.adoptKeys();
    this.runner.start();
  }

  handOver(): Promise<boolean> {
    return handOver({
      clock: this.clock,
      myself: this.state.myself,
      log: (level, text) => this.log(level, text),
      command: (node, words, refused) => {
        const link = new PeerLink(
          { accepted: () => link.close(), bytes: () => undefined, ended: refused },
          this.slotMoves,
        );
        link.open(node.id, words);
      },
    });
  }

  stop(): void {
    this.door.close();
    this.runner.stop();
  }

  /** Data of slots without an owner belongs to this node; that of others' slots is on its way to them. */
  private adoptKeys(): void {
    const { state } = this;
    this.isServing = true;
    if (state.myself.isReplica) return;
    if (!this.isEmpty()) this.adoptSlots();
    this.slotMoves.dropLeftovers();
  }

  private adoptSlots(): void {
    const { state, server } = this;
    this.runner.change((bus) => {
      for (let slot = 0; slot < SLOT_COUNT; slot++) {
        const owner = state.owners[slot];
        if (owner === state.myself || state.importingFrom.has(slot) || server.clusterKeys.countKeys(slot) === 0)
          continue;
        // It was coming here in one step, and has not got here.
        if (state.staged.has(slot)) continue;
        if (owner === undefined) {
          bus.log('notice', `I have keys for unassigned slot ${slot}. Taking responsibility for it.`);
          state.assign(slot, state.myself);
        } else {
          bus.log(
            'notice',
            `I have keys for slot ${slot}, but the slot is assigned to another node. Setting it to importing state.`,
          );
          state.importingFrom.set(slot, owner);
        }
        bus.changed();
      }
    });
  }

  // --- RunnerOwner: what the machine asks and wants ---------------------------------------------------------------------

  newId(): string {
    return Buffer.from(this.server.options.environment.entropy(ID_BYTES)).toString('hex');
  }

  replicationOffset(): number {
    const { replication, server } = this;
    // The old data has gone and the new is not whole: CLUSTER SLOTS of the others hides this replica, CLUSTER SHARDS says so.
    return server.loading && !replication.isMaster ? 0 : replication.offset;
  }

  dataAgeMs(): number {
    return this.replication.masterDataAgeMs;
  }

  isLoading(): boolean {
    return !this.isServing || this.server.loading;
  }

  isEmpty(): boolean {
    return this.server.keyspace.databases.every((database) => database.size === 0);
  }

  keysInSlot(slot: number): number {
    return this.server.clusterKeys.countKeys(slot);
  }

  get sendBufferLimit(): number {
    return this.server.config.number('cluster-link-sendbuf-limit').value;
  }

  log(level: LogLevel, text: string): void {
    this.server.log(level, text);
  }

  connect(host: string, port: number, events: ConnectEvents): Wire {
    const source = this.server.config.text('bind-source-addr').value;
    if (this.settings.usesTls) return this.tls.dial(host, port, events, source === '' ? undefined : source);
    return this.server.options.environment.network.connect(
      { host, port, timeoutMs: CONNECT_MS_MAX, ...(source === '' ? {} : { sourceAddress: source }) },
      events,
    );
  }

  /** A connection to a node's port for clients, as replication would make it. */
  private dialClientPort(node: ClusterNode, events: ConnectEvents): Wire | undefined {
    const usesTls = this.server.config.flag('tls-replication').value;
    const port = usesTls ? node.tlsPort : node.port;
    if (node.ip === '' || port === 0) return undefined;
    const { value } = this.server.config.text('bind-source-addr');
    const source = value === '' ? undefined : value;
    if (usesTls) return this.tls.dial(node.ip, port, events, source);
    return this.server.options.environment.network.connect(
      { host: node.ip, port, timeoutMs: CONNECT_MS_MAX, ...(source === undefined ? {} : { sourceAddress: source }) },
      events,
    );
  }

  follow(): void {
    this.ensureRole();
  }

  promote(): void {
    this.ensureRole();
  }

  /** Replication does what the state says; before the data is loaded, it begins with that. */
  private ensureRole(): void {
    const { master, isMaster } = this.state.myself;
    const { server, replication } = this;
    if (isMaster) {
      if (this.isServing) replication.promote();
      else server.config.special('replicaof').value = undefined;
      return;
    }
    if (master === undefined || !master.hasAddress || master.ip === '') return;
    const port = server.config.flag('tls-replication').value ? master.tlsPort : master.port;
    if (this.isServing) replication.replicaOf(master.ip, port);
    else server.config.special('replicaof').value = { host: master.ip, port };
  }

  flush(): void {
    const { server } = this;
    const { dirty } = server.keyspace;
    server.flush(-1);
    // The command that asked for it means nothing to an AOF: this does.
    server.keyspace.dirty = dirty;
    server.effects.add(0, ['FLUSHALL']);
  }

  pauseWrites(durationMs: number): void {
    this.server.pause.begin(durationMs, 'write', 'failover');
  }

  resumeWrites(): void {
    this.server.pause.end('failover');
  }

  dropKeys(slots: readonly number[]): void {
    // The rest of the file would bring parts of these keys back: after it, adoptSlots decides about all of them.
    if (!this.isServing) return;
    for (const slot of slots) this.server.clusterKeys.deleteKeys(slot);
    this.slotMoves.hideStaged();
  }

  deliver(sharded: boolean, channel: Uint8Array, payload: Uint8Array): void {
    const { pubsub } = this.server;
    if (sharded) pubsub.publishShard(channel, payload);
    else pubsub.publish(channel, payload);
  }

  changed(): void {
    if (this.isServing) this.ensureRole();
    if (this.willTell) return;
    this.willTell = true;
    // Clients that wait for lost slots get their error after the client in hand has its reply.
    this.clock.soon(() => {
      this.willTell = false;
      this.slotMoves.check();
      this.server.clusterKeys.topologyChanged();
    });
  }

  // --- ClusterPort: the gate and the views ------------------------------------------------------------------------------

  get isOk(): boolean {
    return this.state.isOk;
  }

  get downReason(): DownReason {
    return this.state.downReason;
  }

  get myself(): ClusterNode {
    return this.state.myself;
  }

  get shardMaster(): ClusterNode {
    return this.state.shardMaster;
  }

  owner(slot: number): ClusterNode | undefined {
    return this.state.owners[slot];
  }

  isMine(slot: number): boolean {
    return this.state.owners[slot] === this.state.myself;
  }

  migratingTo(slot: number): ClusterNode | undefined {
    return this.state.migratingTo.get(slot);
  }

  importingFrom(slot: number): ClusterNode | undefined {
    return this.state.importingFrom.get(slot);
  }

  get isMovingSlots(): boolean {
    return this.state.migratingTo.size > 0 || this.state.importingFrom.size > 0;
  }

  get nodes(): Iterable<ClusterNode> {
    return this.state.nodes.values();
  }

  get nodeCount(): number {
    return this.state.nodes.size;
  }

  node(id: string): ClusterNode | undefined {
    return this.state.node(id);
  }

  get size(): number {
    return this.state.size;
  }

  get currentEpoch(): number {
    return this.state.currentEpoch;
  }

  get myEpoch(): number {
    return this.state.shardMaster.configEpoch;
  }

  get version(): number {
    return this.state.version;
  }

  failureReportCount(node: ClusterNodeView): number {
    return this.runner.change((bus) => countReports(bus, node as ClusterNode));
  }

  links(): ClusterLinkView[] {
    const { links, bus } = this.runner;
    return [...links.known()].map((link) => {
      const unsent = links.unsentBytes(link);
      return {
        direction: link.isInbound ? 'from' : 'to',
        nodeId: link.node!.id,
        createdMs: bus.wallMs(link.createdMs),
        events: unsent > 0 ? 'rw' : 'r',
        sendBufferAllocated: unsent,
        sendBufferUsed: unsent,
      };
    });
  }

  get messagesSent(): readonly number[] {
    return this.runner.bus.messagesSent;
  }

  get messagesReceived(): readonly number[] {
    return this.runner.bus.messagesReceived;
  }

  get linkBufferLimitExceeded(): number {
    return this.runner.links.limitExceeded;
  }

  get linkMemoryBytes(): number {
    return this.runner.links.memoryBytes;
  }

  nodesText(isSecure: boolean): string {
    return this.runner.change((bus) => nodesText(bus, linePort(isSecure)));
  }

  nodeLine(node: ClusterNodeView, isSecure: boolean): string {
    return this.runner.change((bus) => nodeLine(bus, node as ClusterNode, linePort(isSecure)));
  }

  // --- ClusterPort: changes ---------------------------------------------------------------------------------------------

  addSlots(slots: readonly number[]): string | undefined {
    for (const slot of slots) if (this.owner(slot) === undefined) this.server.clusterKeys.finishDeleting(slot);
    return this.runner.change((bus) => commands.addSlots(bus, slots));
  }

  delSlots(slots: readonly number[]): string | undefined {
    return this.runner.change((bus) => commands.delSlots(bus, slots));
  }

  flushSlots(): string | undefined {
    return this.runner.change((bus) => commands.flushSlots(bus));
  }

  setSlotMigrating(slot: number, id: string): string | undefined {
    if (this.slotMoves.has(slot)) return movingRefusal(slot);
    return this.runner.change((bus) => commands.setSlotMigrating(bus, slot, id));
  }

  setSlotImporting(slot: number, id: string): string | undefined {
    if (this.slotMoves.has(slot)) return movingRefusal(slot);
    this.server.clusterKeys.finishDeleting(slot);
    return this.runner.change((bus) => commands.setSlotImporting(bus, slot, id));
  }

  setSlotStable(slot: number): string | undefined {
    return this.runner.change((bus) => commands.setSlotStable(bus, slot));
  }

  setSlotNode(slot: number, id: string): string | undefined {
    if (!this.isMine(slot)) this.server.clusterKeys.finishDeleting(slot);
    return this.runner.change((bus) => commands.setSlotNode(bus, slot, id));
  }

  meet(ip: string, port: number, busPort: number): string | undefined {
    return this.runner.change((bus) => commands.meet(bus, ip, port, busPort));
  }

  forget(id: string): string | undefined {
    return this.runner.change((bus) => commands.forget(bus, id));
  }

  replicate(id: string): string | undefined {
    return this.runner.change((bus) => commands.replicate(bus, id));
  }

  failover(how: 'plain' | 'force' | 'takeover'): string | undefined {
    return this.runner.change((bus) => commands.failover(bus, how));
  }

  reset(hard: boolean): string | undefined {
    return this.runner.change((bus) => commands.reset(bus, hard));
  }

  bumpEpoch(): { readonly isBumped: boolean; readonly epoch: number } {
    const isBumped = this.runner.change((bus) => bumpEpoch(bus));
    return { isBumped, epoch: this.state.myself.configEpoch };
  }

  setConfigEpoch(epoch: number): string | undefined {
    return this.runner.change((bus) => commands.setConfigEpoch(bus, epoch));
  }

  saveConfig(): string | undefined {
    const reason = this.runner.save();
    return reason === undefined ? undefined : `ERR error saving the cluster node config: ${reason}`;
  }

  dropMessagesOfType(type: number): void {
    this.runner.droppedType = type;
  }

  killLinks(direction: 'to' | 'from' | 'all', id: string): string | undefined {
    const node = this.state.node(id);
    if (node === undefined) return `ERR Unknown node ${id}`;
    this.runner.change((bus) => {
      if (direction !== 'from') bus.close(node.link);
      if (direction !== 'to') bus.close(node.inboundLink);
    });
    return undefined;
  }

  publish(channel: Uint8Array, message: Uint8Array): void {
    this.runner.change((bus) => sendPublication(bus, false, channel, message));
  }

  publishShard(channel: Uint8Array, message: Uint8Array): void {
    this.runner.change((bus) => sendPublication(bus, true, channel, message));
  }
}

function linePort(isSecure: boolean): LinePort {
  return isSecure ? 'tls' : 'plain';
}

function movingRefusal(slot: number): string {
  return `ERR Slot ${slot} is part of a slot migration that is under way. See CLUSTER MIGRATION STATUS ALL`;
}

/** Gives a server its replication and, with cluster-enabled, its place in a cluster. */
export function attachCluster(server: DataServer): void {
  const replication = attachReplication(server);
  if (server.config.flag('cluster-enabled').value) server.cluster = new Cluster(server, replication);
}
