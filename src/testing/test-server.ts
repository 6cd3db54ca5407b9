// test-server: a whole server for one test: real replies, data in memory, a disk that fails when told to, chance from a seed.
//
// The server runs in the test's own process. Its disk is in memory unless `dir` or a config file names a real one, so that tests
// with `appendonly` leave nothing behind.

import type { Duplex } from 'node:stream';
import { Prng } from '../base/prng.js';
import { startEmbedded, type Embedded } from '../embed/start-embedded.js';
import { type Environment, systemEnvironment } from '../io/environment.js';
import { readWhole } from '../io/files.js';
import type { Network } from '../io/network.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import type { Wire, WireEvents } from '../io/wire.js';
import { putImage, takeImage } from '../persistence/memory-image.js';
import { type DataDump, dumpData, type Fixtures, loadFixtures } from './data-dump.js';
import { DirectCalls } from './direct-calls.js';
import type { CallArgument, PlainReply } from './plain-reply.js';
import { CommandRecording } from './recording.js';
import { passOnAllData } from './restored-effects.js';
import type { DiskOperation, Recording, Snapshot, TestServer, TestServerOptions } from './test-kit.js';

export class LocalTestServer implements TestServer {
  private readonly calls: DirectCalls;
  private recording: CommandRecording | undefined;
  /** Snapshots that were taken here, which need no check. */
  private readonly ownSnapshots = new WeakSet<Snapshot>();

  /** Use `createServer`. */
  constructor(
    private readonly embedded: Embedded,
    private readonly disk: SimulatedFiles | undefined,
    private readonly options: TestServerOptions,
    readonly seed: number,
  ) {
    this.calls = new DirectCalls(embedded.running.server);
  }

  get host(): string {
    return this.embedded.shown.host;
  }

  get port(): number {
    return this.embedded.shown.port;
  }

  get unixPath(): string | undefined {
    return this.embedded.shown.unixPath;
  }

  get url(): string {
    return this.embedded.shown.url;
  }

  connect(): Duplex {
    return this.embedded.shown.connect();
  }

  run(command: string, ...args: CallArgument[]): PlainReply {
    return this.calls.run(command, args);
  }

  // --- data ---------------------------------------------------------------------------------------------------------

  flush(): void {
    this.run('FLUSHALL');
  }

  snapshot(): Snapshot {
    const snapshot = { bytes: takeImage(this.inside.persistence.host) };
    this.ownSnapshots.add(snapshot);
    return snapshot;
  }

  restore(from: Snapshot | Uint8Array): void {
    const { inside } = this;
    inside.beginTurn();
    inside.transactions.databaseChanged(-1);
    if (from instanceof Uint8Array) putImage(inside.persistence.host, from);
    else putImage(inside.persistence.host, from.bytes, this.ownSnapshots.has(from));
    // The data set is another than that of the last save.
    inside.keyspace.dirty++;
    for (const flushed of inside.hooks.flushes) flushed(-1);
    passOnAllData(inside);
    inside.blocking.allChanged();
    inside.serveReady();
  }

  async clone(): Promise<TestServer> {
    const copy = await startTestServer({ ...this.options, seed: this.seed, fixtures: undefined });
    copy.restore(this.snapshot());
    return copy;
  }

  dump(): DataDump {
    return dumpData((command, ...args) => this.run(command, ...args), this.inside.keyspace.databases.length);
  }

  load(fixtures: Fixtures): void {
    loadFixtures((command, ...args) => this.run(command, ...args), fixtures);
  }

  // --- what happened ------------------------------------------------------------------------------------------------

  record(): Recording {
    this.recording?.stop();
    this.recording = new CommandRecording(this.inside);
    return this.recording;
  }

  // --- faults -------------------------------------------------------------------------------------------------------

  failDisk(code: string, options: { readonly operation?: DiskOperation; readonly times?: number } = {}): void {
    const { operation = 'write', times } = options;
    this.ownDisk.fail(operation, code, times === undefined ? {} : { times });
  }

  slowFsync(milliseconds: number): void {
    const { clock } = this.inside;
    this.ownDisk.syncMs = milliseconds;
    this.ownDisk.later = (run): void => {
      if (milliseconds === 0) clock.soon(run);
      else clock.after(milliseconds, run);
    };
  }

  healDisk(): void {
    this.ownDisk.heal();
    this.slowFsync(0);
  }

  readFile(path: string): Uint8Array {
    return readWhole(this.ownDisk, path);
  }

  private get ownDisk(): SimulatedFiles {
    if (this.disk === undefined) throw new Error('the server has a real disk, because `dir` or `configFile` was given');
    return this.disk;
  }

  /** @internal */
  get inside(): Embedded['running']['server'] {
    return this.embedded.running.server;
  }

  close(): Promise<void> {
    this.recording?.stop();
    return this.embedded.shown.close();
  }

  /** Ends without saving, as a process that was killed. */
  kill(): Promise<void> {
    this.recording?.stop();
    return this.embedded.running.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Surroundings that a group of nodes gives its servers, besides the options. */
export interface TestServerSurroundings {
  readonly network: Network;
  /** A disk that outlives the server. */
  readonly disk: SimulatedFiles;
  /** Lets the clients of `connect()` in. */
  readonly admit: (wire: Wire, accept: (wire: Wire) => WireEvents) => WireEvents;
}

/** As `createServer`. */
export async function startTestServer(
  options: TestServerOptions = {},
  surroundings: Partial<TestServerSurroundings> = {},
): Promise<LocalTestServer> {
  const {
    seed = systemEnvironment.entropy(4).reduce((sum, byte) => sum * 256 + byte, 0),
    fixtures,
    ...start
  } = options;
  if (!Number.isSafeInteger(seed)) throw new TypeError('option `seed` must be a whole number');
  const hasRealDisk = start.dir !== undefined || start.configFile !== undefined;
  const disk = hasRealDisk ? undefined : (surroundings.disk ?? new SimulatedFiles());
  disk?.makeFolder('/data');
  const random = new Prng(seed | 0);
  const environment: Partial<Environment> = {
    entropy: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
    ...(disk === undefined ? {} : { files: disk, hasThreads: false, sharesDisk: false }),
    ...(surroundings.network === undefined ? {} : { network: surroundings.network }),
  };
  const embedded = await startEmbedded(
    start,
    environment,
    disk === undefined ? undefined : '/data',
    surroundings.admit,
  );
  const server = new LocalTestServer(embedded, disk, options, seed);
  if (fixtures !== undefined) server.load(fixtures);
  return server;
}
