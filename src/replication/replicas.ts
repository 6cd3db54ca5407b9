// replicas: the master's side: its replicas, partial and full syncs, and the stream to each.
//
//   REPLCONF ... , PSYNC ──┬─> +CONTINUE ───────────────────────────────> online
//                          ├─> wait ─> transfer (a snapshot, shared) ─┬─> online
//                          │                                          └─> (data with a mark) first ACK ─> online
//                          └─> +RDBCHANNELSYNC, wait ─> stream ─> first ACK ─> online
//                              second connection: wait ─> transfer ─> end
//
// The stream lies in one place (write-stream); a replica is an offset in it. Bytes go to a replica's socket while it takes
// them; those that it has not taken yet count against client-output-buffer-limit, as in Redis.

import { utf8 } from '../base/bytes.js';
import { errors } from '../protocol/errors.js';
import type { Part } from '../commands/engine.js';
import { type Client, Gate } from '../service/clients/client.js';
import type { CallFor } from '../server/call.js';
import type { DataServer } from '../server/server.js';
import { CommandEncoder } from '../protocol/command-encoder.js';
import type { DiskBacklog } from './disk/disk-backlog.js';
import type { SegmentReader } from './disk/segment-reader.js';
import type { FullSync } from './full-sync.js';
import type { History } from './history.js';
import { decidePsync } from './psync.js';
import { Replica } from './replica.js';
import { SyncRecord } from './sync-record.js';
import type { WriteStream } from './write-stream.js';

/** Bytes that are handed to a socket before it has taken those before. */
const WINDOW_BYTES = 1 << 20;
const SECOND_MS = 1000;
const NEWLINE = Uint8Array.of(10);

export class Replicas {
  /** REPLCONF may come long before PSYNC, or without it. */
  private readonly known = new Map<Client, Replica>();
  readonly followers = new Set<Replica>();
  readonly encoder = new CommandEncoder();
  /** Requests, by what became of them. */
  readonly syncs = { full: 0, partial: 0, refused: 0 };
  /** How long the connection of a replica stays that wanted the RDB alone. */
  rdbClientDelayMs = 0;
  private readonly record: SyncRecord;
  private feedIsDue = false;
  /** Steady time since when nobody follows; 0: somebody does. */
  private aloneSinceMs = 0;
  private lastPingMs = 0;
  private lastSecondMs = 0;
  /** Bytes that were sent to replicas which have gone. */
  private sentBytes = 0;
  /** Acknowledgements are to be asked for as soon as no pause forbids it. */
  private wantsAcks = false;
  /** Called when a replica has acknowledged more, or left: WAIT looks again. */
  onAcknowledged: () => void = () => undefined;

  /** The part of the stream that has left the memory. */
  disk!: DiskBacklog;

  constructor(
    private readonly server: DataServer,
    private readonly history: History,
    private readonly fullSync: FullSync,
  ) {
    this.record = new SyncRecord(() => server.clock.steadyMs());
  }

  // --- the stream -----------------------------------------------------------------------------------------------------

  /** Puts what the encoder holds into the stream. */
  publish(): void {
    const { encoder, history } = this;
    history.stream!.append(encoder.bytes, 0, encoder.length);
    encoder.clear();
    this.feedSoon();
  }

  /** Bytes of the master of this server, which are passed on as they are. */
  passOn(bytes: Uint8Array, from: number, to: number): void {
    this.history.stream!.append(bytes, from, to);
    if (this.followers.size > 0) this.feedSoon();
  }

  private feedSoon(): void {
    if (this.feedIsDue || this.followers.size === 0) return;
    this.feedIsDue = true;
    this.server.clock.soon(this.feedAll);
  }

  private readonly feedAll = (): void => {
    this.feedIsDue = false;
    for (const replica of this.followers) {
      this.feed(replica);
      this.checkLag(replica);
    }
  };

  /**
   * Cuts a replica off that pins more of the stream than client-output-buffer-limit allows, also while it gets the data. The backlog is there
   * anyway, so what is in it does not count.
   */
  private checkLag(replica: Replica): void {
    const { client, reader } = replica;
    const { connection } = client;
    const { stream } = this.history;
    if (reader === undefined || stream === undefined || connection === undefined || connection.isClosing) return;
    const behind = stream.endOffset - reader.offset;
    if (behind === 0) return;
    const unsent = replica.state === 'online' || replica.state === 'stream' ? connection.wire.unsentBytes : 0;
    if (unsent + behind <= stream.size) {
      client.softLimitSinceMs = 0;
      return;
    }
    this.server.outputLimits.check(client, unsent + behind);
    if (!connection.isClosing) return;
    this.cut(
      replica,
      `it was cut off with ${unsent + behind} bytes of the stream waiting for it${replica.state === 'online' ? '' : ' while it got the data'}`,
      'a larger client-output-buffer-limit replica, or repl-backlog-disk-size, would have kept it',
    );
  }

  /** We end the connection of a replica, or have done so; the log of the next sync says why. */
  private cut(replica: Replica, cause: string, advice: string): void {
    replica.isCut = true;
    this.record.cut(replica, cause, advice);
    this.server.log('warning', `Replica ${replica.name}: ${cause} (${advice})`);
    replica.client.connection?.destroy();
  }

  private feed(replica: Replica): void {
    const { reader } = replica;
    const { connection } = replica.client;
    const { stream } = this.history;
    if (!replica.isStreamed) return;
    if (connection === undefined || connection.isClosing || stream === undefined) return;
    if (replica.disk !== undefined) this.feedFromDisk(replica, replica.disk, stream);
    if (reader === undefined) return;
    while (connection.wire.unsentBytes < WINDOW_BYTES) {
      const slice = stream.peek(reader);
      if (slice === undefined) break;
      connection.send(slice.bytes.subarray(slice.start, slice.end));
      if (connection.isClosing) return;
      stream.advance(reader, slice.end - slice.start);
    }
  }

  /** Sends what has left the memory, until the memory has what follows. */
  private feedFromDisk(replica: Replica, disk: SegmentReader, stream: WriteStream): void {
    const connection = replica.client.connection!;
    if (disk.isBusy || connection.wire.unsentBytes >= WINDOW_BYTES) return;
    if (stream.covers(disk.offset)) {
      this.readOn(replica, disk.offset);
      this.feed(replica);
      return;
    }
    disk.read(
      (bytes) => {
        if (!connection.isClosing) connection.send(bytes);
      },
      (problem) => {
        if (connection.isClosing) return;
        if (problem === undefined) {
          this.feed(replica);
          return;
        }
        this.cut(
          replica,
          `the replication backlog on disk could not be read on: ${problem}`,
          'a larger repl-backlog-disk-size helps if the offset has left it',
        );
      },
    );
  }

  /** The replica reads on at this offset, which `decidePsync` has found to be there: in memory if possible, else on disk. */
  private readOn(replica: Replica, offset: number): void {
    const stream = this.history.stream!;
    replica.disk?.close();
    replica.disk = stream.covers(offset) ? undefined : this.disk.read(offset);
    replica.reader = replica.disk === undefined ? stream.enter(offset) : undefined;
  }

  /** Bytes that a lagging replica still needs are not kept in memory when they are on the disk. */
  useDisk(): void {
    const { stream } = this.history;
    if (stream === undefined) return;
    for (const replica of this.followers) {
      const { reader } = replica;
      const isNear = reader === undefined || reader.offset >= stream.endOffset - stream.size;
      if (isNear || !this.disk.covers(reader.offset)) continue;
      stream.leave(reader);
      replica.reader = undefined;
      replica.disk = this.disk.read(reader.offset);
    }
  }

  /** Adds a command of the server itself to the stream. */
  say(...words: readonly Part[]): void {
    // The stream of a replica is its master's: a byte of its own would shift all offsets after it.
    if (this.history.stream === undefined || this.server.role !== 'master') return;
    this.encoder.parts(-1, words);
    this.publish();
  }

  // --- commands of replicas -------------------------------------------------------------------------------------------

  /** The state of a connection that speaks as a replica does. */
  of(client: Client): Replica {
    let replica = this.known.get(client);
    if (replica === undefined) {
      replica = new Replica(client, this.server.clock.steadyMs());
      this.known.set(client, replica);
    }
    return replica;
  }

  /** REPLCONF ACK <offset> [FACK <offset>]: no reply. */
  acknowledge(client: Client, offset: number, aofOffset: number | undefined): void {
    const replica = this.known.get(client);
    if (replica === undefined || !this.followers.has(replica)) return;
    replica.heardMs = this.server.clock.steadyMs();
    if (offset > replica.ackOffset) replica.ackOffset = offset;
    if (aofOffset !== undefined && aofOffset > replica.ackAofOffset) replica.ackAofOffset = aofOffset;
    if (replica.state === 'stream' || (replica.waitsForAck && replica.state === 'online')) {
      if (replica.state === 'stream') replica.onlineSinceMs = replica.heardMs;
      replica.state = 'online';
      replica.waitsForAck = false;
      this.server.log('notice', `Synchronization with replica ${replica.name} succeeded`);
      this.feedSoon();
    }
    this.countGood();
    this.onAcknowledged();
  }

  /** Bytes that were sent to replicas: data and stream. */
  get bytesOut(): number {
    let bytes = this.sentBytes;
    for (const replica of this.followers) bytes += replica.sentBytes;
    return bytes;
  }

  resetTraffic(): void {
    this.sentBytes -= this.bytesOut;
  }

  /** PSYNC, or SYNC with `id` undefined. */
  sync(call: Pick<CallFor<never>, 'client' | 'reply'>, id: string | undefined, offset: number): void {
    const { client } = call;
    const { server, history } = this;
    const replica = this.of(client);
    if (this.followers.has(replica)) return;
    if ((client.connection?.wire.unsentBytes ?? 0) > 0 || call.reply.pendingBytes > 0) {
      call.reply.error('ERR SYNC and PSYNC are invalid with pending output');
      return;
    }
    if (replica.content !== 'all' && !replica.knowsEof) {
      call.reply.error('ERR Filtered replica requires EOF capability');
      return;
    }
    server.log('notice', `Replica ${replica.name} asks for synchronization`);
    const stream = history.keepStream(server.config.number('repl-backlog-size').value);
    if (replica.main !== undefined) {
      this.beginChannel(call, replica, replica.main);
      return;
    }
    if (id !== undefined) {
      const decision = decidePsync(history.forPsync, id, offset);
      if (decision.kind === 'continue') {
        this.readOn(replica, decision.offset - 1);
        replica.state = 'online';
        replica.onlineSinceMs = server.clock.steadyMs();
        replica.ackOffset = decision.offset - 1;
        this.follow(replica);
        this.syncs.partial++;
        call.reply.raw(utf8(replica.knowsPsync2 ? `+CONTINUE ${history.id}\r\n` : '+CONTINUE\r\n'));
        server.log(
          'notice',
          `Partial resynchronization request from ${replica.name} accepted. Sending ${stream.endOffset - decision.offset + 1} bytes of backlog starting from offset ${decision.offset}${replica.disk === undefined ? '' : ', from the disk'}.`,
        );
        this.feedSoon();
        return;
      }
      if (id !== '?') this.syncs.refused++;
      const advice = decision.advice === undefined ? '' : ` (${decision.advice})`;
      this.logFull(replica, decision.cause + advice);
      if (this.offersChannel(replica)) {
        replica.state = 'wait';
        replica.awaitsChannel = true;
        this.follow(replica);
        call.reply.raw(utf8(`+RDBCHANNELSYNC ${client.id}\r\n`));
        return;
      }
    } else this.logFull(replica, 'it asks with SYNC');
    this.syncs.full++;
    replica.state = 'wait';
    this.follow(replica);
    this.fullSync.add(replica, id !== undefined, this.record.delayMs(replica));
  }

  /** The data may go over a second connection: as in Redis, not where it comes from a file. */
  private offersChannel(replica: Replica): boolean {
    const { config } = this.server;
    const isOn = config.flag('repl-rdb-channel').value && config.flag('repl-diskless-sync').value;
    return isOn && replica.knowsChannel && replica.knowsEof && replica.content === 'all' && !replica.rdbOnly;
  }

  /** The second connection of a replica asks for the data. */
  private beginChannel(call: Pick<CallFor<never>, 'client' | 'reply'>, replica: Replica, main: Replica): void {
    if (main.isClosed || !main.awaitsChannel || main.channel !== replica || replica.content !== 'all') {
      call.reply.error(`ERR Unrecognized RDB client id: ${main.client.id}`);
      return;
    }
    main.awaitsChannel = false;
    main.heardMs = this.server.clock.steadyMs();
    this.syncs.full++;
    replica.state = 'wait';
    replica.client.isDataChannel = true;
    this.follow(replica);
    this.fullSync.add(replica, true, this.record.delayMs(replica));
  }

  /** The data begins to go over the second connection: the stream follows here at once. */
  becomeStreamed(replica: Replica): void {
    replica.state = 'stream';
    this.feedSoon();
  }

  private logFull(replica: Replica, cause: string): void {
    const delayMs = this.record.delayMs(replica);
    const delay =
      delayMs === 0
        ? ''
        : `; its syncs fail again and again, so it waits for ${(delayMs / SECOND_MS).toFixed(1)} seconds`;
    this.server.log(
      'notice',
      `Full resynchronization of replica ${replica.name}: ${cause}${this.record.explain(replica)}${delay}`,
    );
  }

  private follow(replica: Replica): void {
    replica.client.kind = 'replica';
    // From now on it may only tell how far it is.
    replica.client.gates |= Gate.REPLICA;
    replica.sentBefore = replica.client.connection?.bytesOut ?? 0;
    replica.heardMs = this.server.clock.steadyMs();
    this.followers.add(replica);
    this.aloneSinceMs = 0;
    const { connection } = replica.client;
    if (connection !== undefined) {
      connection.whenDrained = () => this.feed(replica);
      if (this.server.config.flag('repl-disable-tcp-nodelay').value) connection.wire.setNoDelay?.(false);
    }
    this.server.effects.update();
    this.countGood();
  }

  /** The data is on its way to the replica; the stream follows, at once or after its word. */
  becomeOnline(replica: Replica, waitsForAck: boolean): void {
    if (replica.main !== undefined) {
      replica.hasAllData = true;
      this.dismiss(replica);
      return;
    }
    replica.state = 'online';
    replica.onlineSinceMs = this.server.clock.steadyMs();
    replica.waitsForAck = waitsForAck;
    replica.heardMs = this.server.clock.steadyMs();
    const { connection } = replica.client;
    if (connection !== undefined) connection.whenDrained = () => this.feed(replica);
    if (replica.rdbOnly) {
      this.dismiss(replica);
      return;
    }
    if (!waitsForAck) this.server.log('notice', `Synchronization with replica ${replica.name} succeeded`);
    this.countGood();
    this.feedSoon();
  }

  /** It wanted the data alone, and has it. */
  private dismiss(replica: Replica): void {
    const { server } = this;
    server.log('notice', `RDB transfer completed, rdb only replica (${replica.name}) should be disconnected asap`);
    const close = (): void => replica.client.connection?.closeAfterReply();
    if (this.rdbClientDelayMs === 0) close();
    else server.clock.after(this.rdbClientDelayMs, close);
  }

  /** A client has gone. */
  forget(client: Client): void {
    const replica = this.known.get(client);
    if (replica === undefined) return;
    this.known.delete(client);
    this.endOther(replica);
    if (!this.followers.delete(replica)) return;
    this.sentBytes += replica.sentBytes;
    const hasData = replica.state === 'online' && !replica.waitsForAck;
    const isLost = !hasData && replica.state !== 'wait' && !replica.rdbOnly && replica.isCounted;
    if (isLost && !replica.isCut) this.record.lost(replica);
    this.server.log('notice', `Connection with replica ${replica.name} lost.`);
    if (replica.reader !== undefined) this.history.stream?.leave(replica.reader);
    replica.disk?.close();
    this.fullSync.remove(replica);
    if (this.followers.size === 0) this.aloneSinceMs = this.server.clock.steadyMs();
    this.server.effects.update();
    this.countGood();
    this.onAcknowledged();
  }

  /** Of two connections neither is of use without the other, until the data has been sent. */
  private endOther(replica: Replica): void {
    const { channel, main } = replica;
    if (channel !== undefined && !channel.hasAllData) channel.client.connection?.destroy();
    if (main === undefined || replica.hasAllData || main.isClosed) return;
    if (replica.isCut) main.isCut = true;
    this.server.log('warning', `Background transfer error: the connection for the data of ${main.name} has ended`);
    main.client.connection?.destroy();
  }

  /** Cuts off everybody: the data set has become another. */
  disconnectAll(): void {
    for (const { client } of this.followers) client.connection?.destroy();
  }

  // --- WAIT -----------------------------------------------------------------------------------------------------------

  /** How many replicas have applied the stream up to `offset`, or synced it to their AOF. */
  countAt(offset: number, inAof: boolean): number {
    let count = 0;
    for (const replica of this.followers) {
      if (replica.state === 'online' && (inAof ? replica.ackAofOffset : replica.ackOffset) >= offset) count++;
    }
    return count;
  }

  /** Asks all replicas how far they are; later, when the stream must stand still now. */
  requestAcks(): void {
    this.wantsAcks = this.server.pause.active;
    if (this.followers.size > 0 && !this.wantsAcks) this.say('REPLCONF', 'GETACK', '*');
  }

  /** Whether every replica that follows the stream has acknowledged all of it. */
  get areInSync(): boolean {
    for (const replica of this.followers)
      if (!replica.rdbOnly && replica.isCounted && replica.ackOffset !== this.history.offset) return false;
    return true;
  }

  lagLines(): string[] {
    const lines: string[] = [];
    let count = 0;
    for (const replica of this.followers) {
      if (replica.rdbOnly || !replica.isCounted) continue;
      count++;
      if (replica.ackOffset === this.history.offset) continue;
      lines.push(
        `Lagging replica ${replica.name} reported offset ${this.history.offset - replica.ackOffset} behind master, lag=${this.lagSeconds(replica)}, state=${replica.stateName}.`,
      );
    }
    if (count > 0) lines.push(`${count - lines.length} of ${count} replicas are in sync when shutting down.`);
    return lines;
  }

  // --- time -----------------------------------------------------------------------------------------------------------

  /** Seconds since a replica was heard of. */
  lagSeconds(replica: Replica): number {
    return replica.state === 'online' && !replica.waitsForAck
      ? Math.floor((this.server.clock.steadyMs() - replica.heardMs) / SECOND_MS)
      : 0;
  }

  /** A replica that loads for long sends empty lines, which nobody answers. */
  private noteSigns(replica: Replica, nowMs: number): void {
    const bytesIn = replica.client.connection?.bytesIn ?? 0;
    if (bytesIn !== replica.seenBytesIn) replica.heardMs = nowMs;
    replica.seenBytesIn = bytesIn;
  }

  /** One that has taken all that was sent need not answer for the slowest, which the data waits for. */
  private noteRoom(replica: Replica, nowMs: number): void {
    if (replica.state !== 'transfer' || replica.client.connection?.wire.unsentBytes !== 0) return;
    replica.heardMs = nowMs;
    if (replica.main !== undefined) replica.main.heardMs = nowMs;
  }

  private countGood(): void {
    const maxLag = this.server.config.number('min-replicas-max-lag').value;
    let count = 0;
    for (const replica of this.followers) if (replica.state === 'online' && this.lagSeconds(replica) <= maxLag) count++;
    this.server.goodReplicas = count;
  }

  /** Called at every tick of the cron; works about once a second. */
  tick(isMaster: boolean): void {
    const { server, history } = this;
    const nowMs = server.clock.steadyMs();
    if (this.wantsAcks && isMaster) this.requestAcks();
    if (nowMs - this.lastSecondMs < SECOND_MS) return;
    this.lastSecondMs = nowMs;
    const pingMs = server.config.number('repl-ping-replica-period').value * SECOND_MS;
    if (isMaster && this.followers.size > 0 && !server.pause.active && nowMs - this.lastPingMs >= pingMs) {
      this.lastPingMs = nowMs;
      this.say('PING');
    }
    const timeoutMs = server.config.number('repl-timeout').value * SECOND_MS;
    for (const replica of this.followers) {
      this.noteSigns(replica, nowMs);
      this.noteRoom(replica, nowMs);
      // A replica that waits for the data must not take us for dead; where the stream comes next, each byte would count.
      if (replica.awaitsFile || (replica.state === 'wait' && !replica.awaitsChannel)) {
        if (replica.channel === undefined) replica.client.connection?.send(NEWLINE);
        this.checkLag(replica);
      } else if (nowMs - replica.heardMs > timeoutMs) {
        const isFull = replica.state !== 'online';
        server.log(
          'warning',
          `Disconnecting timedout replica (${isFull ? 'full' : 'streaming'} sync): ${replica.name}`,
        );
        this.cut(
          replica,
          `it ${replica.awaitsChannel ? 'opened no connection for the data' : isFull ? 'took no data' : 'said nothing'} for ${timeoutMs / SECOND_MS} seconds`,
          'repl-timeout is how long we wait',
        );
      } else this.checkLag(replica);
    }
    this.countGood();
    const keepMs = server.config.number('repl-backlog-ttl').value * SECOND_MS;
    const isUnused = isMaster && history.stream !== undefined && this.followers.size === 0;
    // A backlog on disk is for replicas that are away for longer.
    if (isUnused && !this.disk.isOn && keepMs > 0 && this.aloneSinceMs > 0 && nowMs - this.aloneSinceMs > keepMs) {
      server.log('notice', `Replication backlog freed after ${keepMs / SECOND_MS} seconds without connected replicas.`);
      history.dropStream();
      server.effects.update();
    }
  }

  // --- INFO and ROLE --------------------------------------------------------------------------------------------------

  /** Replicas, whether they have one connection or two. */
  get followerCount(): number {
    let count = 0;
    for (const replica of this.followers) if (replica.isCounted) count++;
    return count;
  }

  infoFields(): [string, string | number][] {
    const fields: [string, string | number][] = [['connected_slaves', this.followerCount]];
    let index = 0;
    for (const replica of this.followers) {
      if (!replica.isCounted) continue;
      fields.push([
        `slave${index++}`,
        `ip=${replica.address},port=${replica.port},state=${replica.stateName},offset=${replica.ackOffset},lag=${this.lagSeconds(replica)}`,
      ]);
    }
    return fields;
  }

  /** The part of REPLCONF that describes a replica; the error, if there is one. */
  describe(client: Client, option: string, value: string): string | undefined {
    const replica = this.of(client);
    switch (option) {
      case 'listening-port': {
        const port = Number(value);
        if (!Number.isInteger(port)) return errors.notInteger;
        replica.port = port;
        return undefined;
      }
      case 'ip-address':
        replica.announcedAddress = value.slice(0, 255);
        return undefined;
      case 'capa':
        if (value.toLowerCase() === 'eof') replica.knowsEof = true;
        else if (value.toLowerCase() === 'psync2') replica.knowsPsync2 = true;
        else if (value.toLowerCase() === 'rdb-channel-repl') replica.knowsChannel = true;
        return undefined;
      case 'rdb-only':
        replica.rdbOnly = value === '1';
        return undefined;
      case 'rdb-filter-only':
        replica.content = value.toLowerCase().split(/\s+/).includes('functions') ? 'functions' : 'nothing';
        return undefined;
      case 'main-ch-client-id':
        return this.pair(replica, value);
      default:
        return undefined;
    }
  }

  /** The connection says that it is the second one of the replica that has this number; the error, if there is none such. */
  private pair(replica: Replica, mainId: string): string | undefined {
    // A connection that follows a stream, or belongs to somebody, cannot be the second one of somebody else.
    const isTaken =
      this.followers.has(replica) || (replica.main !== undefined && String(replica.main.client.id) !== mainId);
    for (const main of this.followers) {
      const isFree = main.channel === undefined || main.channel === replica || main.channel.isClosed;
      if (isTaken || String(main.client.id) !== mainId || !main.awaitsChannel || !isFree) continue;
      const { port, announcedAddress, knowsEof, knowsPsync2 } = main;
      Object.assign(replica, { main, port, announcedAddress, knowsEof, knowsPsync2 });
      main.channel = replica;
      return undefined;
    }
    return `ERR Unrecognized RDB client id: ${mainId}`;
  }
}
