// full-sync: snapshots for replicas that need everything: one at a time, shared by all that wait when it begins.
//
// Without a file (repl-diskless-sync yes, and the replica knows how to find the end) the data goes to the sockets while it
// is encoded, and replicas are waited for repl-diskless-sync-delay seconds, so that they share it. Else it is written to a file first
// and sent from there, with its length.
//
// The cut of the snapshot and the offset in the stream belong together: each replica reads the stream from that offset on, so
// those bytes are kept until it has them.

import { utf8 } from '../base/bytes.js';
import type { Clock, Timer } from '../io/clock.js';
import type { OpenFile } from '../io/files.js';
import { RdbSnapshotEncoder } from '../persistence/rdb/snapshot-encoder.js';
import { rdbOptions } from '../persistence/rdb/saver.js';
import { Compression, RdbWriter } from '../persistence/rdb/writer.js';
import type { Cut } from '../persistence/snapshot/cuts.js';
import type { SnapshotResult } from '../persistence/snapshot/snapshot-run.js';
import type { SnapshotSink } from '../persistence/snapshot/snapshot-sink.js';
import type { PersistenceHost } from '../persistence/host.js';
import type { DataServer } from '../server/server.js';
import type { Connection } from '../service/clients/connection.js';
import type { History } from './history.js';
import { RUN_DIGITS } from './incoming-data.js';
import type { Replica } from './replica.js';
import { NO_CHECKSUM, ReplicaSink } from './replica-sink.js';
import { SyncPace } from './sync-pace.js';

/** Of the walk, by its slice: clients go first, as a sync that takes longer is in nobody's way. */
const PAUSE_PER_SLICE = 4.5;
const SECOND_MS = 1000;
const FILE_CHUNK_BYTES = 256 * 1024;
/** Bytes of a file that a replica's connection may hold. */
const WINDOW_BYTES = 1 << 20;
const MARK_DIGITS = 20;
const PART_BYTES = 4096;

export interface FullSyncOwner {
  /** The replica has, or will have, all data: the stream follows. */
  becomeOnline(replica: Replica, waitsForAck: boolean): void;
  /** The data begins to go to `replica.channel`; the stream follows here meanwhile. */
  becomeStreamed(replica: Replica): void;
}

interface Waiting {
  readonly speaksPsync: boolean;
  readonly sinceMs: number;
  /** Steady time before which no snapshot is made for this replica; it may share one that others need. */
  readonly notBeforeMs: number;
}

export class FullSync {
  owner!: FullSyncOwner;
  /** A snapshot has begun: for tests. */
  onBegun: () => void = () => undefined;
  private readonly waiting = new Map<Replica, Waiting>();
  /** The replicas of the snapshot that is made now. */
  private served: Replica[] = [];
  private sink: ReplicaSink | undefined;
  private isRunning = false;
  private cut: Cut | undefined;
  private count = 0;
  private path = '';

  constructor(
    private readonly server: DataServer,
    private readonly history: History,
    private readonly persistenceHost: PersistenceHost,
    private readonly forgetDatabase: () => void,
  ) {}

  /** A replica has taken some of the data: the replication timeout begins anew. */
  private readonly noteProgress = (replica: Replica): void => {
    replica.heardMs = this.server.clock.steadyMs();
    if (replica.main !== undefined) replica.main.heardMs = replica.heardMs;
  };

  /** The replica waits for a snapshot, which is not begun for it alone within `delayMs`. */
  add(replica: Replica, speaksPsync: boolean, delayMs = 0): void {
    if (replica.content !== 'all') {
      this.sendPart(replica, speaksPsync);
      return;
    }
    const nowMs = this.server.clock.steadyMs();
    this.waiting.set(replica, { speaksPsync, sinceMs: nowMs, notBeforeMs: nowMs + delayMs });
    this.server.clock.soon(() => this.tick());
  }

  remove(replica: Replica): void {
    this.waiting.delete(replica);
    if (!this.served.includes(replica)) return;
    this.served = this.served.filter((other) => other !== replica);
    if (this.served.length === 0 && this.sink !== undefined)
      this.server.log('warning', 'Diskless rdb transfer, last replica dropped, killing fork child.');
    // A file that nobody waits for is given up, but not where Redis would have it as a save.
    else if (this.served.length === 0 && !this.server.persistence.hasSaveRules) this.cut?.abort();
    this.sink?.replicaLeft();
  }

  /** REPLCONF rdb-filter-only: what has no keys needs no snapshot. */
  private sendPart(replica: Replica, speaksPsync: boolean): void {
    const { server } = this;
    const connection = replica.client.connection!;
    const { offset } = this.history;
    const options = rdbOptions(this.persistenceHost, false);
    const writer = new RdbWriter(Compression.none, PART_BYTES);
    const functions = replica.content === 'functions' ? options.functions : [];
    const encoder = new RdbSnapshotEncoder(server.keyspace, { ...options, functions }, writer);
    encoder.start(writer);
    encoder.end(writer);
    replica.state = 'transfer';
    replica.reader = this.history.stream!.enter(offset);
    if (speaksPsync) connection.send(utf8(`+FULLRESYNC ${this.history.id} ${offset}\r\n`));
    const mark = this.makeMark();
    connection.send(utf8(`$EOF:${Buffer.from(mark).toString('latin1')}\r\n`));
    connection.send(writer.bytes.slice(0, writer.length));
    connection.send(NO_CHECKSUM);
    connection.send(mark);
    this.owner.becomeOnline(replica, true);
  }

  private makeMark(): Uint8Array {
    return utf8(Buffer.from(this.server.options.environment.entropy(MARK_DIGITS)).toString('hex'));
  }

  /** Asks for a snapshot when one is due. Called at every tick. */
  tick(): void {
    if (this.isRunning || this.waiting.size === 0) return;
    const ready = this.open;
    const isStreamed = this.mayStream(ready);
    if (!this.isDue || (isStreamed && !this.waitIsOver(ready.length))) return;
    this.isRunning = true;
    const { config } = this.server;
    const compression = isStreamed || !config.flag('rdbcompression').value ? Compression.none : Compression.marked;
    this.cut = this.server.persistence.cuts.request({
      pausePerSlice: PAUSE_PER_SLICE,
      name: 'full sync',
      isSave: true,
      makeSink: () => this.begin(isStreamed),
      makeEncoder: (writer) =>
        new RdbSnapshotEncoder(this.server.keyspace, rdbOptions(this.persistenceHost, false), writer),
      compression: () => compression,
      onStart: () => this.onBegun(),
      onEnd: (result) => this.written(result, isStreamed),
    });
  }

  private get open(): Replica[] {
    return [...this.waiting.keys()].filter((replica) => !replica.isClosed);
  }

  /** A replica waits that need not wait any longer. */
  private get isDue(): boolean {
    const nowMs = this.server.clock.steadyMs();
    for (const [replica, { notBeforeMs }] of this.waiting) if (!replica.isClosed && notBeforeMs <= nowMs) return true;
    return false;
  }

  private pace(): SyncPace {
    const limit = this.server.config.number('repl-sync-rate-limit');
    return new SyncPace(this.server.clock, () => limit.value);
  }

  private mayStream(replicas: readonly Replica[]): boolean {
    return this.server.config.flag('repl-diskless-sync').value && replicas.every((replica) => replica.knowsEof);
  }

  private waitIsOver(count: number): boolean {
    const { config, clock } = this.server;
    const delayMs = config.number('repl-diskless-sync-delay').value * SECOND_MS;
    const enough = config.number('repl-diskless-sync-max-replicas').value;
    if (enough > 0 && count >= enough) return true;
    let oldest = Infinity;
    for (const { sinceMs } of this.waiting.values()) oldest = Math.min(oldest, sinceMs);
    return clock.steadyMs() - oldest >= delayMs;
  }

  /** The cut is made in this turn: everybody who waits by now takes part. */
  private begin(isStreamed: boolean): SnapshotSink {
    const { server, history } = this;
    // One that knows no end mark may have come since; it waits for the next snapshot.
    const replicas = this.open.filter((replica) => !isStreamed || replica.knowsEof);
    if (replicas.length === 0) throw new Error('no replica is left that waits for it');
    this.served = replicas;
    const kind = replicas.some(({ main }) => main !== undefined) ? ' (rdb-channel)' : '';
    server.log(
      'notice',
      `Starting BGSAVE for SYNC with target: ${isStreamed ? 'replicas sockets' : 'disk'}${kind} (${replicas.length} replica${replicas.length === 1 ? '' : 's'})`,
    );
    server.log('notice', `Background RDB transfer started by pid ${server.options.environment.processId}`);
    // From here on the stream is what comes after the cut.
    this.forgetDatabase();
    const offset = history.offset;
    for (const replica of replicas) {
      const { speaksPsync } = this.waiting.get(replica)!;
      this.waiting.delete(replica);
      replica.state = 'transfer';
      replica.getsFile = false;
      replica.awaitsFile = !isStreamed;
      // With two connections the stream goes over the first.
      const follower = replica.main ?? replica;
      follower.syncBeganMs = this.server.clock.steadyMs();
      follower.reader = history.stream!.enter(offset);
      follower.ackOffset = 0;
      this.noteProgress(replica);
      if (follower !== replica) this.owner.becomeStreamed(follower);
      if (speaksPsync) replica.client.connection!.send(utf8(`+FULLRESYNC ${history.id} ${offset}\r\n`));
    }
    return isStreamed ? this.socketSink() : this.fileSink();
  }

  private socketSink(): SnapshotSink {
    const mark = this.makeMark();
    for (const { client } of this.served)
      client.connection!.send(utf8(`$EOF:${Buffer.from(mark).toString('latin1')}\r\n`));
    this.sink = new ReplicaSink(this.served, mark, this.noteProgress, this.pace(), this.server.clock);
    return this.sink;
  }

  private fileSink(): SnapshotSink {
    const { server } = this;
    const { processId } = server.options.environment;
    this.path = `${server.config.path('dir')}/temp-repl-${processId}-${server.runId.slice(0, RUN_DIGITS)}.${++this.count}.rdb`;
    return this.persistenceHost.makeSink({
      temporaryPath: `${this.path}.tmp`,
      finalPath: this.path,
      checksum: server.config.flag('rdbchecksum').value ? 'on' : 'off',
      incrementalSync: false,
    });
  }

  private written({ error, aborted }: SnapshotResult, isStreamed: boolean): void {
    const { server } = this;
    this.sink = undefined;
    if (error !== null || aborted)
      this.fail(error?.message ?? 'the snapshot was stopped', isStreamed ? 'Background transfer error' : 'SYNC failed');
    else if (isStreamed) {
      server.log('notice', `Diskless rdb transfer, done reading from pipe, ${this.served.length} replicas still up.`);
      for (const replica of this.served) this.owner.becomeOnline(replica, true);
    } else {
      server.log('notice', 'Background saving terminated with success');
      this.sendFile();
    }
    this.isRunning = false;
    this.served = [];
    server.clock.soon(() => this.tick());
  }

  private sendFile(): void {
    const { files } = this.server;
    const { path } = this;
    try {
      const file = files.open(path, 'read');
      const sending = new FileToReplicas(file, this.served, this.owner, this.server.clock, this.noteProgress, () => {
        file.close();
        files.remove(path);
      });
      sending.start(() => this.pace());
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error), 'SYNC failed');
    }
  }

  private fail(reason: string, what: string): void {
    this.server.log('warning', `${what}: ${reason}`);
    for (const { client } of this.served) client.connection?.destroy();
  }
}

/** Sends a file to several replicas, each at its own pace. */
class FileToReplicas {
  private open: number;
  private readonly size: number;

  constructor(
    private readonly file: OpenFile,
    private readonly replicas: readonly Replica[],
    private readonly owner: FullSyncOwner,
    private readonly clock: Clock,
    private readonly noteProgress: (replica: Replica) => void,
    private readonly done: () => void,
  ) {
    this.open = replicas.length;
    this.size = file.size();
  }

  start(makePace: () => SyncPace): void {
    if (this.replicas.length === 0) this.done();
    for (const replica of this.replicas) {
      const { connection } = replica.client;
      if (connection === undefined || connection.isClosing) {
        this.finish();
        continue;
      }
      replica.getsFile = true;
      replica.awaitsFile = false;
      this.noteProgress(replica);
      connection.send(utf8(`$${this.size}\r\n`));
      this.sendTo(replica, connection, makePace());
    }
  }

  private sendTo(replica: Replica, connection: Connection, pace: SyncPace): void {
    let position = 0;
    let isOver = false;
    let timer: Timer | undefined;
    const pump = (): void => {
      if (isOver) return;
      // The replica takes the data: it is alive, however long the file is.
      this.noteProgress(replica);
      while (position < this.size && connection.wire.unsentBytes < WINDOW_BYTES && !connection.isClosing) {
        const { waitMs } = pace;
        if (waitMs > 0) {
          timer ??= this.clock.after(waitMs, () => {
            timer = undefined;
            pump();
          });
          return;
        }
        const chunk = new Uint8Array(Math.min(FILE_CHUNK_BYTES, this.size - position));
        const count = this.file.read(chunk, 0, chunk.length, position);
        if (count <= 0) {
          connection.destroy();
          break;
        }
        position += count;
        pace.sent(count);
        connection.send(chunk.subarray(0, count));
      }
      if (position < this.size && !connection.isClosing) return;
      isOver = true;
      timer?.cancel();
      if (!connection.isClosing) this.owner.becomeOnline(replica, false);
      this.finish();
    };
    connection.whenDrained = pump;
    connection.whenClosed = pump;
    pump();
  }

  private finish(): void {
    if (--this.open === 0) this.done();
  }
}
