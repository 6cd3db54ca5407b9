// slot-moves: all moves of slots that this node takes part in: their start, their state, and the fate of the keys.
//
// A move is asked for at the destination (CLUSTER MIGRATION IMPORT) or at the source (CLUSTER MIGRATESLOTS), which then invites
// the destination. Either way the destination connects to the source and sends CLUSTER SYNCSLOTS SYNC.
//
// Keys of slots that are on their way here are staged: nodes.conf names their slots, so that after a crash they are deleted rather
// than taken for this node's, and replicas learn of them, so that one that takes over in the middle deletes them too.
//
// Not here: the two sides (slot-export, slot-import), the replies of the commands (server/commands/cluster-migration).

import { errors } from '../../protocol/errors.js';
import type { LogLevel } from '../../base/log-level.js';
import { findOverlap, parseRanges, rangesOf, rangesText, type SlotRange, slotsOf } from '../../base/slot-ranges.js';
import type { Clock } from '../../io/clock.js';
import type { ConnectEvents } from '../../io/network.js';
import type { Wire } from '../../io/wire.js';
import { Hidden } from '../../keyspace/slot-keys.js';
import type { PersistenceHost } from '../../persistence/host.js';
import type { ServerCall } from '../../server/call.js';
import { REPLICAS } from '../../server/effects.js';
import type { DataServer } from '../../server/server.js';
import type { SlotExportRequest, SlotMoveOrder, SlotMovesPort, SlotMoveView } from '../../server/slot-moves-port.js';
import type { Client } from '../../service/clients/client.js';
import type { ClusterNode } from '../node.js';
import type { NodeRunner } from '../node-runner.js';
import type { ClusterState } from '../state.js';
import { PeerLink } from './peer-link.js';
import { numberOf, reasonOf } from './peer-words.js';
import { SlotExport } from './slot-export.js';
import { SlotFilter } from './slot-filter.js';
import { SlotImport } from './slot-import.js';
import { SlotMove } from './slot-move.js';
import type { MovesOwner } from './slot-moves-owner.js';
import { followTakeover, giveUp, grant, reclaim, takeOver, withdrawGrant } from './takeover.js';

const SECOND_MS = 1000;
const ID = /^[0-9a-f]{40}$/;
const RANGES_MAX = 16_384;

/** The parts of a node that its moves need, besides the server. */
export interface MovesNode {
  readonly runner: NodeRunner;
  newId(): string;
  dialClientPort(node: ClusterNode, events: ConnectEvents): Wire | undefined;
}

export class SlotMoves implements SlotMovesPort, MovesOwner {
  readonly clock: Clock;
  skipsPause = false;
  private readonly state: ClusterState;
  private readonly filter: SlotFilter;
  private readonly known: SlotMove[] = [];
  private readonly imports = new Map<string, SlotImport>();
  private readonly exports = new Map<string, SlotExport>();
  /** Exports that wait for their destination to connect. */
  private readonly invited = new Map<string, { readonly move: SlotMove; readonly link: PeerLink }>();
  private readonly byClient = new Map<Client, SlotExport>();
  private toldReplicas = 0;
  /** The staged slots as the replicas know them; undefined: some may know others. */
  private toldStaged: string | undefined = '';

  constructor(
    readonly server: DataServer,
    private readonly node: MovesNode,
  ) {
    this.clock = server.clock;
    this.state = node.runner.bus.state;
    this.filter = new SlotFilter(server);
    this.hideStaged();
    server.hooks.ticks.push(() => this.tick());
    server.hooks.flushes.push(() => this.flushed());
    server.hooks.roleChanges.push(() => this.roleChanged());
    server.clientFeatures.add({ forget: (client) => this.byClient.get(client)?.disconnected() });
  }

  // --- asking for moves -----------------------------------------------------------------------------------------------

  importSlots(ranges: readonly SlotRange[]): { readonly id: string } | { readonly error: string } {
    const { state } = this;
    const overlap = findOverlap(ranges);
    if (overlap !== undefined)
      return { error: `ERR overlapping slot ranges: ${overlap.map((range) => rangesText([range])).join(' and ')}` };
    if (!this.isMaster) return { error: errors.noMigrationOnReplica };
    if (!this.areAllStable) return { error: errors.slotsNotStable };
    const running = this.overlapping(ranges);
    if (running !== undefined)
      return { error: `ERR overlapping import exists for slot range: ${rangesText([running])}` };
    let source: ClusterNode | undefined;
    for (const slot of slotsOf(ranges)) {
      const owner = state.owners[slot];
      if (owner === undefined) return { error: `ERR slot has no owner: ${slot}` };
      source ??= owner;
      if (owner !== source) return { error: 'ERR slots belong to different source nodes' };
    }
    if (source === undefined) return { error: 'ERR no slot ranges specified' };
    if (source === state.myself) return { error: 'ERR this node is already the owner of the slot range' };
    return { id: this.beginImport(this.node.newId(), ranges, source.id, true).id };
  }

  private beginImport(id: string, ranges: readonly SlotRange[], sourceId: string, retries: boolean): SlotMove {
    const move = new SlotMove(this.clock, id, true, ranges, sourceId, this.myId, retries, 'clearing');
    const made = new SlotImport(this, move);
    this.add(move);
    this.imports.set(id, made);
    this.log('notice', `Slot migration ${id}: importing slots ${rangesText(ranges)} from node ${sourceId}`);
    // The one who asked has its reply first.
    this.clock.soon(() => {
      if (move.isActive) made.start();
    });
    return move;
  }

  exportSlots(requests: readonly SlotExportRequest[]): string | undefined {
    const refusal = this.refuseExports(requests);
    if (refusal !== undefined) return refusal;
    for (const { ranges, nodeId } of requests) {
      const id = this.node.newId();
      const move = new SlotMove(this.clock, id, false, ranges, this.myId, nodeId, false, 'connecting');
      move.keysTotal = slotsOf(ranges).reduce((sum, slot) => sum + this.keysInSlot(slot), 0);
      this.add(move);
      const link = new PeerLink(
        {
          accepted: () => undefined,
          bytes: () => undefined,
          ended: (reason) => this.inviteEnded(move, reason),
        },
        this,
      );
      this.invited.set(id, { move, link });
      this.log('notice', `Slot migration ${id}: exporting slots ${rangesText(ranges)} to node ${nodeId}`);
      const words = ranges.flatMap(({ first, last }) => [String(first), String(last)]);
      this.clock.soon(() => {
        if (move.isActive) link.open(nodeId, ['CLUSTER', 'SYNCSLOTS', 'INVITE', id, this.myId, ...words]);
      });
    }
    return undefined;
  }

  private refuseExports(requests: readonly SlotExportRequest[]): string | undefined {
    const { state } = this;
    if (!this.isMaster) return 'ERR Slot migration can only be used on primary nodes.';
    if (state.importingFrom.size > 0) return 'ERR Slots are being manually imported';
    if (state.migratingTo.size > 0) return 'ERR Slots are being manually migrated';
    const overlap = findOverlap(requests.flatMap(({ ranges }) => ranges));
    if (overlap !== undefined)
      return `ERR Slot range ${rangesText([overlap[0]])} overlaps with previous range ${rangesText([overlap[1]])}.`;
    for (const { ranges, nodeId } of requests) {
      const target = state.node(nodeId);
      if (target === undefined || target.isInHandshake) return `ERR Unknown node name: ${nodeId}`;
      if (target === state.myself) return 'ERR Target node can not be this node';
      if (target.isReplica) return errors.targetNoMaster;
      for (const slot of slotsOf(ranges)) {
        if (state.owners[slot] === undefined) return `ERR Slot ${slot} has no node served.`;
        if (!state.isMine(slot)) return 'ERR Slots are not served by this node.';
      }
      for (const { first, last } of ranges)
        for (const move of this.active)
          for (const range of move.ranges)
            if (first <= range.last && range.first <= last)
              return `ERR I am already migrating slot ${Math.max(first, range.first)}.`;
    }
    return undefined;
  }

  /** The connection by which a destination was invited has ended: too early, or because it said no. */
  private inviteEnded(move: SlotMove, reason: string): void {
    if (this.invited.delete(move.id)) this.failInvited(move, reason);
  }

  private failInvited(move: SlotMove, reason: string): void {
    move.lastError = reason;
    move.enter('failed');
    this.ended(move);
  }

  private add(move: SlotMove): void {
    this.known.push(move);
    const countMax = this.server.config.number('cluster-slot-migration-log-max-len').value;
    for (let index = 0, ended = 0; index < this.known.length; index++) {
      // The youngest stay.
      const at = this.known.length - 1 - index;
      if (!this.known[at]!.isActive && ++ended > countMax) this.known.splice(at, 1);
    }
  }

  private ended(move: SlotMove): void {
    const { server } = this;
    const how = move.phase === 'completed' ? '' : ` (${move.lastError})`;
    server.log(
      move.phase === 'failed' ? 'warning' : 'notice',
      `Slot migration ${move.id} of slots ${rangesText(move.ranges)} ${move.phase}${how}: ${move.keysDone} keys, ${move.bytes} bytes, writes waited ${Math.ceil(move.writePauseMs)} ms`,
    );
  }

  // --- orders and views -----------------------------------------------------------------------------------------------

  get moves(): readonly SlotMoveView[] {
    return this.known;
  }

  private get active(): SlotMove[] {
    return this.known.filter((move) => move.isActive);
  }

  get activeCount(): number {
    return this.active.length;
  }

  cancel(id: string | undefined, direction: 'both' | 'export'): number {
    let count = 0;
    for (const move of this.active) {
      if ((id !== undefined && move.id !== id) || (direction === 'export' && move.isImport)) continue;
      if (this.cancelOne(move)) count++;
    }
    return count;
  }

  private cancelOne(move: SlotMove): boolean {
    const invited = this.invited.get(move.id);
    if (invited !== undefined) {
      this.invited.delete(move.id);
      invited.link.close();
      move.lastError = 'canceled';
      move.enter('canceled');
      this.ended(move);
      return true;
    }
    this.imports.get(move.id)?.cancel();
    this.exports.get(move.id)?.cancel();
    return !move.isActive;
  }

  order(id: string | undefined, order: SlotMoveOrder): number {
    let count = 0;
    for (const move of this.active) {
      if (id !== undefined && move.id !== id) continue;
      if (order.kind === 'limit') move.rateLimit = order.bytesPerSecond;
      else move.isPaused = order.kind === 'pause';
      this.imports.get(move.id)?.order(order);
      this.exports.get(move.id)?.order(order);
      count++;
    }
    return count;
  }

  /** A range of a move under way that has a slot in common with these. */
  private overlapping(ranges: readonly SlotRange[]): SlotRange | undefined {
    const slots = new Set(slotsOf(ranges));
    for (const move of this.active)
      for (const range of move.ranges)
        for (let slot = range.first; slot <= range.last; slot++) if (slots.has(slot)) return range;
    return undefined;
  }

  /** Whether a slot is part of a move that is under way. */
  has(slot: number): boolean {
    return this.active.some(({ ranges }) => ranges.some(({ first, last }) => slot >= first && slot <= last));
  }

  // --- words between nodes --------------------------------------------------------------------------------------------

  takeWords(client: Client, words: readonly string[]): string | undefined {
    const [name = '', ...rest] = words;
    switch (name.toUpperCase()) {
      case 'SYNC':
        return this.beginExport(client, rest);
      case 'INVITE':
        return this.invite(rest);
      case 'STAGED':
      case 'TOOKOVER':
        return this.takeMasterWords(client, name.toUpperCase(), rest);
    }
    const exported = this.byClient.get(client);
    if (exported === undefined) return errors.syncSlotsForNodes;
    exported.move.heard();
    switch (name.toUpperCase()) {
      case 'ACK':
        exported.acknowledged(numberOf(rest[0]));
        return undefined;
      case 'TAKEN':
        exported.taken(numberOf(rest[0]));
        return undefined;
      case 'DECLINED':
        exported.declined(reasonOf(rest[0] ?? ''));
        return undefined;
      case 'PACE':
        if (rest[0] === 'LIMIT') exported.order({ kind: 'limit', bytesPerSecond: numberOf(rest[1]) });
        else exported.order({ kind: rest[0] === 'PAUSE' ? 'pause' : 'resume' });
        return undefined;
      default:
        return undefined;
    }
  }

  /** `<id> <node id> <first> <last> ...`; the error's text if it is something else. */
  private readRequest(
    words: readonly string[],
  ): { readonly id: string; readonly nodeId: string; readonly ranges: readonly SlotRange[] } | string {
    const [id = '', nodeId = '', ...numbers] = words;
    if (!ID.test(id) || this.state.node(nodeId) === undefined) return `ERR Unknown node ${nodeId}`;
    if (numbers.length === 0 || numbers.length % 2 !== 0 || numbers.length > 2 * RANGES_MAX)
      return errors.invalidSlotRanges;
    const pairs: string[] = [];
    for (let index = 0; index < numbers.length; index += 2) pairs.push(`${numbers[index]}-${numbers[index + 1]}`);
    const ranges = parseRanges(pairs.join(' '));
    if (ranges === undefined || findOverlap(ranges) !== undefined) return errors.invalidSlotRanges;
    return { id, nodeId, ranges };
  }

  /** A node asks for slots of this one. */
  private beginExport(client: Client, words: readonly string[]): string {
    const request = this.readRequest(words);
    if (typeof request === 'string') return request;
    const { id, nodeId, ranges } = request;
    if (!this.isMaster) return errors.noMigrationOnReplica;
    if (!this.areAllStable) return errors.slotsNotStable;
    if (slotsOf(ranges).some((slot) => !this.isMine(slot))) return errors.targetDisagrees;
    if (!this.isMasterNode(nodeId)) return errors.targetNoMaster;
    if (this.byClient.has(client)) return 'ERR This connection moves slots already';
    const invited = this.invited.get(id);
    // A destination that has lost its connection asks again before this side has noticed.
    for (const running of this.exports.values())
      if (running.move.destinationId === nodeId && running.move.id === id && !running.cancel())
        return 'NOTREADY An earlier attempt of this slot migration is not over yet';
    if (invited === undefined && this.overlapping(ranges) !== undefined)
      return 'NOTREADY Another slot migration with these slots is under way';
    let move = invited?.move;
    if (invited !== undefined) {
      this.invited.delete(id);
      invited.link.close();
    }
    if (move === undefined) {
      move = new SlotMove(this.clock, id, false, ranges, this.myId, nodeId, false, 'handshake');
      this.add(move);
    }
    const exported = new SlotExport(this, move, this.filter, client);
    this.exports.set(id, exported);
    this.byClient.set(client, exported);
    // After the reply.
    this.clock.soon(() => exported.start());
    return 'OK';
  }

  /** A node wants to move slots of its own here. */
  private invite(words: readonly string[]): string {
    const request = this.readRequest(words);
    if (typeof request === 'string') return request;
    const { id, nodeId, ranges } = request;
    if (!this.isMaster) return errors.noMigrationOnReplica;
    if (!this.areAllStable) return 'ERR Slots are being manually imported or migrated on the target';
    if (this.overlapping(ranges) !== undefined)
      return 'ERR Slot is already being imported on the target by a different migration';
    if (slotsOf(ranges).some((slot) => this.ownerId(slot) !== nodeId)) return errors.targetDisagrees;
    this.beginImport(id, ranges, nodeId, false);
    return 'OK';
  }

  /** At a replica: what its master's move means here. */
  private takeMasterWords(client: Client, name: string, rest: readonly string[]): string {
    const { runner } = this.node;
    if (client.kind !== 'master') return errors.syncSlotsForNodes;
    if (name === 'STAGED') {
      const ranges = parseRanges(rest.join(' ')) ?? [];
      runner.change((bus) => {
        bus.state.staged.clear();
        for (const slot of slotsOf(ranges)) bus.state.staged.add(slot);
        bus.save();
      });
    } else {
      const slots = slotsOf(parseRanges(rest.slice(1).join(' ')) ?? []);
      runner.change((bus) => {
        for (const slot of slots) bus.state.staged.delete(slot);
        followTakeover(bus, slots, numberOf(rest[0]));
      });
    }
    this.hideStaged();
    return 'OK';
  }

  private tellReplicas(...words: readonly string[]): void {
    this.server.effects.addFor(REPLICAS, 0, ['CLUSTER', 'SYNCSLOTS', ...words]);
  }

  /** Keeps what clients see in step with the slots that are staged. */
  hideStaged(): void {
    const { slots } = this.server.keyspace.databases[0]!;
    const { staged } = this.state;
    if (staged.size > 0 || slots!.hidden !== undefined)
      slots!.hideOnly(
        [...staged].filter((slot) => !this.isMine(slot)),
        Hidden.staged,
      );
  }

  private get stagedRanges(): SlotRange[] {
    return rangesOf([...this.state.staged].sort((one, other) => one - other));
  }

  /** A replica of redis-server does not know the word: it is sent only when it says something new. */
  private tellStaged(): void {
    this.hideStaged();
    const ranges = this.stagedRanges;
    const text = rangesText(ranges);
    if (text === this.toldStaged) return;
    this.toldStaged = text;
    this.tellReplicas('STAGED', ...ranges.map((range) => rangesText([range])));
  }

  // --- MovesOwner -----------------------------------------------------------------------------------------------------

  get host(): PersistenceHost {
    return this.server.persistence.host;
  }

  get handoffLagMax(): number {
    return this.server.config.number('cluster-slot-migration-handoff-max-lag-bytes').value;
  }

  get writePauseTimeoutMs(): number {
    return this.server.config.number('cluster-slot-migration-write-pause-timeout').value;
  }

  get timeoutMs(): number {
    return this.server.config.number('repl-timeout').value * SECOND_MS;
  }

  get isInMidWrite(): boolean {
    const { server } = this;
    return server.scripting.parked.active || server.migrations.isActive || server.pause.active;
  }

  get isDurable(): boolean {
    const { aof } = this.server.persistence;
    if (aof.state !== 'on' || this.server.config.choice('appendfsync').value !== 'always') return true;
    return aof.log.syncedBytes >= aof.log.appendedBytes;
  }

  get myId(): string {
    return this.state.myself.id;
  }

  get isMaster(): boolean {
    return this.state.myself.isMaster && this.server.role === 'master';
  }

  private get areAllStable(): boolean {
    return this.state.importingFrom.size === 0 && this.state.migratingTo.size === 0;
  }

  isMine(slot: number): boolean {
    return this.state.isMine(slot);
  }

  ownerId(slot: number): string | undefined {
    return this.state.owners[slot]?.id;
  }

  isMasterNode(id: string): boolean {
    return this.state.node(id)?.isMaster === true;
  }

  keysInSlot(slot: number): number {
    return this.server.clusterKeys.countKeys(slot);
  }

  slotOfAllKeys(call: ServerCall): number {
    return this.filter.slotOfAllKeys(call);
  }

  log(level: LogLevel, text: string): void {
    this.server.log(level, text);
  }

  dial(nodeId: string, events: ConnectEvents): Wire | undefined {
    const node = this.state.node(nodeId);
    return node === undefined ? undefined : this.node.dialClientPort(node, events);
  }

  get isHandingOver(): boolean {
    return this.state.isHandingOver;
  }

  grant(move: SlotMove, slots: readonly number[]): number {
    return this.node.runner.change((bus) => {
      const node = bus.state.node(move.destinationId);
      return node === undefined ? 0 : grant(bus, slots, node);
    });
  }

  get isClusterOk(): boolean {
    return this.state.isOk;
  }

  reclaim(slots: readonly number[]): void {
    this.node.runner.change((bus) => reclaim(bus, slots));
  }

  giveUp(move: SlotMove, slots: readonly number[], epoch: number): void {
    this.node.runner.change((bus) => {
      const node = bus.state.node(move.destinationId);
      if (node !== undefined) giveUp(bus, slots, node, epoch);
    });
    this.check();
  }

  exportEnded(move: SlotMove): void {
    const ended = this.exports.get(move.id);
    if (ended?.move === move) this.exports.delete(move.id);
    for (const [client, exported] of this.byClient) if (exported === ended) this.byClient.delete(client);
    this.node.runner.change((bus) => withdrawGrant(bus, slotsOf(move.ranges)));
    this.ended(move);
  }

  stage(slots: readonly number[]): void {
    this.node.runner.change((bus) => {
      for (const slot of slots) bus.state.staged.add(slot);
      bus.save();
    });
    this.tellStaged();
  }

  dropStaged(slots: readonly number[]): void {
    if (!this.isMaster) return;
    for (const slot of slots) if (!this.isMine(slot)) this.server.clusterKeys.deleteKeys(slot);
  }

  takeOver(move: SlotMove, slots: readonly number[], sourceEpoch: number): number | 'later' | 'never' {
    const { state } = this;
    const source = state.node(move.sourceId);
    if (source === undefined || !this.isMaster || !state.isOk) return 'never';
    // After a crash nobody would have them.
    if (this.node.runner.lacksFile) return 'never';
    if (slots.some((slot) => state.owners[slot] !== source)) return 'never';
    const epoch = this.node.runner.change((bus) => takeOver(bus, slots, source, sourceEpoch));
    if (typeof epoch === 'string') return epoch;
    this.hideStaged();
    this.toldStaged = undefined;
    this.tellReplicas('TOOKOVER', String(epoch), ...move.ranges.map(({ first, last }) => `${first}-${last}`));
    return epoch;
  }

  importEnded(move: SlotMove): void {
    this.imports.delete(move.id);
    this.ended(move);
  }

  // --- what happens to the node -----------------------------------------------------------------------------------------

  /** Owners, roles or nodes have changed. */
  check(): void {
    for (const exported of [...this.exports.values()]) exported.check();
    for (const imported of [...this.imports.values()]) imported.check();
    this.hideStaged();
  }

  private tick(): void {
    if (this.known.length === 0 && this.state.staged.size === 0) return;
    for (const exported of [...this.exports.values()]) exported.tick();
    for (const imported of [...this.imports.values()]) imported.tick();
    for (const { move, link } of [...this.invited.values()]) {
      if (this.clock.wallMs() - move.createdMs <= this.timeoutMs) continue;
      link.close();
      this.inviteEnded(move, 'The target does not answer');
    }
    if (this.state.staged.size > 0 && this.isMaster) this.unstage();
  }

  /** Forgets the staged slots whose keys are gone, or have come to stay; new replicas learn of the remaining ones. */
  private unstage(): void {
    const { state } = this;
    const running = new Set([...this.imports.values()].flatMap(({ slots }) => slots));
    const gone: number[] = [];
    for (const slot of state.staged)
      if (!running.has(slot) && (this.isMine(slot) || this.keysInSlot(slot) === 0)) gone.push(slot);
    if (gone.length > 0)
      this.node.runner.change((bus) => {
        for (const slot of gone) bus.state.staged.delete(slot);
        bus.save();
      });
    const hasNewReplica = this.server.goodReplicas > this.toldReplicas;
    if (hasNewReplica) this.toldStaged = undefined;
    if (gone.length > 0 || hasNewReplica) this.tellStaged();
    this.toldReplicas = this.server.goodReplicas;
  }

  /** FLUSHALL: what was copied is gone at one side, and not at the other. */
  private flushed(): void {
    for (const exported of [...this.exports.values()]) exported.fail('The data of the source was flushed');
    for (const imported of [...this.imports.values()]) imported.close('failed', 'The data of the target was flushed');
  }

  private roleChanged(): void {
    this.toldStaged = undefined;
    this.check();
    this.dropLeftovers();
  }

  /** This node was to get slots and crashed, or its master did: their keys are not its own. */
  dropLeftovers(): void {
    if (!this.isMaster) return;
    const running = new Set([...this.imports.values()].flatMap(({ slots }) => slots));
    this.dropStaged([...this.state.staged].filter((slot) => !running.has(slot)));
  }
}
