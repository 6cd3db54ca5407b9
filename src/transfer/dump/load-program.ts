// load-program: kvasir-load puts JSON lines of kvasir-dump or redis-dump into a server, a cluster, or behind a proxy.
//
// Files of redis-dump are loaded as redis-load does it: elements are added to existing values, a time to live counts
// from now. Kvasir's own files replace the keys. `--replace`, `--merge` and `--skip-existing` say otherwise.

import { KVASIR_VERSION } from '../../base/version.js';
import { Filters, filterOptions } from '../filters.js';
import { ClusterSink } from '../link/cluster.js';
import type { ServerAddress } from '../link/address.js';
import { type ProbedServer, probeServer } from '../link/probe.js';
import { Pipeline } from '../link/pipeline.js';
import { addressOf, connectOptions, progressMode, progressOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { PositionFile } from '../program/position-file.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { Progress } from '../program/progress.js';
import { DerivedSource } from '../record/derived-source.js';
import { TransferError, type Batch, type Sink, type Source } from '../record/record.js';
import { RateLimit, runTransfer } from '../run-transfer.js';
import {
  restoreVersionOf,
  ServerSink,
  type ServerSinkOptions,
  shownKey,
  type WriteMode,
} from '../sinks/server-sink.js';
import { AofCommandSource, type AheadReading, readAhead } from '../sources/aof-commands.js';
import { aofParts } from '../sources/aof-parts.js';
import { fileChunks, fileSize, standardInput } from '../sources/file-chunks.js';
import { JsonSource } from '../sources/json-source.js';
import { rdbFile } from '../sources/rdb-file.js';
import { sleep } from '../sleep.js';

const ERRORS_SHOWN_MAX = 20;
/** Servers that take RDB 10, which is Redis 7.0, have all commands that `readAhead` lets pass. */
const VERSION_COMMANDS = 10;

const options = {
  uri: {
    kind: 'text',
    letter: 'u',
    value: 'URI',
    help: 'Server: host:port or redis://:pass@host:port.',
    variable: 'REDIS_URI',
  },
  database: { kind: 'integer', letter: 'd', value: 'N', help: 'Only records of this database (default 0 to 15).' },
  sleep: { kind: 'number', letter: 's', value: 'SECONDS', help: 'Rest so long after each batch.' },
  base64: { kind: 'flag', letter: 'b', help: 'String values are base64.' },
  no_check_utf8: { kind: 'flag', letter: 'n', help: 'Take bytes that are no UTF-8 as they are.' },
  debug: { kind: 'flag', letter: 'D', help: 'Show what is done.' },
  nosafe: { kind: 'flag', help: 'Taken for compatibility; nothing changes.' },
  replace: { kind: 'flag', help: 'Replace keys that exist.' },
  merge: { kind: 'flag', help: 'Add elements to keys that exist.' },
  'skip-existing': { kind: 'flag', help: 'Leave keys that exist as they are.' },
  'no-restore': { kind: 'flag', help: 'Write by commands only, not by RESTORE.' },
  position: {
    kind: 'text',
    value: 'FILE',
    help: 'Note there how far the load has come, and go on there; implies --replace.',
  },
  rdb: { kind: 'text', value: 'FILE', help: 'Load an RDB file.' },
  aof: { kind: 'text', value: 'FILE', help: 'Load the data of an append-only file or its manifest.' },
  stream: {
    kind: 'flag',
    help: 'With --aof: an empty server runs the commands itself, and nothing has to fit into memory here.',
  },
  'limit-bytes': { kind: 'size', value: 'BYTES', help: 'At most so many bytes of input a second.' },
  'limit-keys': { kind: 'integer', value: 'N', help: 'At most so many keys a second.' },
  ...filterOptions,
  ...connectOptions,
  ...progressOptions,
} as const satisfies OptionTable;

export const loadProgram: ProgramSpec = {
  name: 'kvasir-load',
  version: `redis-load v0.6.0 (kvasir-load ${KVASIR_VERSION})`,
  usage: `Usage: kvasir-load [-u URI] [-d N] [options] < FILE
       kvasir-load [-u URI] [options] FILE

Puts the records that kvasir-dump or redis-dump wrote into a server.`,
  options,
  after: `Exit code: 0 all records were loaded, 1 some were not (the error output says which), 2 wrong options, 130 interrupted.
See docs/dump.md.`,
  run: runLoad,
};

/** A record that cannot be read or written, in the words of redis-load. */
class Complaints {
  count = 0;

  constructor(private readonly clear: () => void) {}

  add(key: string, message: string): void {
    this.clear();
    if (++this.count > ERRORS_SHOWN_MAX) return;
    process.stderr.write(`#<${(Date.now() / 1000).toFixed(4)}>: (key: ${key}) ${message}\n`);
  }
}

async function runLoad(words: Options, interrupt: Interrupt): Promise<number> {
  const rest = [...words.words];
  if (rest[0] === 'load') rest.shift();
  if (rest.length > 1) throw new UsageError(`unexpected word '${rest[1]!}'`);
  const [path] = rest;
  const isFile = words.has('rdb') || words.has('aof') || (path !== undefined && path !== '-');
  if (!isFile && process.stdin.isTTY) {
    process.stderr.write('Usage: cat dumpfile_db15.json | redis-load -d 15\n');
    return 1;
  }
  if (words.flag('stream') && !words.has('aof')) throw new UsageError('--stream needs --aof');
  const positionPath = words.text('position');
  if (positionPath !== undefined && (path === undefined || path === '-' || words.has('rdb') || words.has('aof')))
    throw new UsageError('--position needs the name of a JSON file');
  const positions = positionPath === undefined ? undefined : new PositionFile(positionPath);
  let clear: () => void = () => undefined;
  const complaints = new Complaints(() => clear());
  const target = new Target(words);
  const source = await openSource(words, target, path, complaints, positions, interrupt);
  const filtered = new WithinDatabases(source, words.number('database'));
  const progress = new Progress(source, progressMode(words));
  clear = () => progress.clear();
  const mode = modeOf(words, source, positions !== undefined);
  const sink = await openSink(words, target, mode, complaints);
  const limits =
    words.has('limit-bytes') || words.has('limit-keys')
      ? new RateLimit(words.number('limit-bytes') ?? Infinity, words.number('limit-keys') ?? Infinity)
      : undefined;
  const isDone = await runTransfer(filtered, sink, {
    filters: new Filters(words),
    progress,
    interrupt,
    positions,
    limits,
  });
  await sink.close();
  progress.clear();
  // A position at the end says that there is nothing left to do: a second run must not load again.
  progress.counts.errors = complaints.count;
  for (const warning of source.warnings) process.stderr.write(`warning: ${warning}\n`);
  if (complaints.count > ERRORS_SHOWN_MAX) process.stderr.write(`... ${complaints.count} records in all failed\n`);
  if (words.flag('json')) process.stdout.write(`${JSON.stringify({ done: isDone, ...progress.summary() })}\n`);
  if (!isDone) process.stderr.write('Exiting... \n');
  return isDone ? (complaints.count > 0 ? 1 : 0) : 130;
}

/** The first bytes tell the format, and the format how keys that exist are treated. */
function modeOf(words: Options, source: Source, hasPositions: boolean): () => WriteMode {
  const chosen = (['replace', 'merge', 'skip-existing'] as const).filter((name) => words.flag(name));
  if (chosen.length > 1) throw new UsageError(`--${chosen[0]!} and --${chosen[1]!} exclude each other`);
  if (chosen[0] !== undefined) return () => (chosen[0] === 'skip-existing' ? 'skip' : chosen[0]!) as WriteMode;
  if (hasPositions || !(source instanceof JsonSource)) return () => 'replace';
  return () => (source.isKvasir === true ? 'replace' : 'merge');
}

/** Where the records go. */
class Target {
  readonly address: ServerAddress;
  private probed: Promise<ProbedServer> | undefined;

  constructor(words: Options) {
    this.address = addressOf(words.text('uri') ?? '127.0.0.1:6379', words);
  }

  /** Asks once, when it is of interest: wrong options and files are told before. */
  probe(): Promise<ProbedServer> {
    return (this.probed ??= probeServer(this.address));
  }
}

async function openSource(
  words: Options,
  target: Target,
  path: string | undefined,
  complaints: Complaints,
  positions: PositionFile | undefined,
  interrupt: Interrupt,
): Promise<Source> {
  const rdb = words.text('rdb');
  // A server checks the payloads that it gets; filters may have to look into them before.
  if (rdb !== undefined) {
    const filters = new Filters(words);
    const source = rdbFile(rdb, { skimsValues: !filters.looksAtValues });
    source.packsStrings = filters.isEmpty && !words.has('database') && !(await target.probe()).isCluster;
    return source;
  }
  const aof = words.text('aof');
  if (aof !== undefined) {
    const ahead = await runsCommands(words, target, aof);
    if (ahead !== undefined) return new AofCommandSource(aof, ahead);
    // The server's engine takes a moment to load.
    const { AofDataSource } = await import('../sources/aof-engine.js');
    return new AofDataSource(aof, { isStopping: () => interrupt.isAsked });
  }
  const isFile = path !== undefined && path !== '-';
  const from = positions?.read();
  const offset = from === undefined ? 0 : positions!.count(from, 'offset');
  if (isFile && offset > fileSize(path))
    throw new TransferError(`${path} is shorter than ${positions!.path} says; remove that to begin anew`);
  const chunks = isFile ? fileChunks(path, offset) : standardInput();
  return new JsonSource(isFile ? path : 'standard input', chunks, isFile ? fileSize(path) : undefined, {
    base64: words.flag('base64'),
    acceptsAnyBytes: words.flag('no_check_utf8'),
    nowMs: () => Date.now(),
    onBadRecord: (key, reason) => complaints.add(key, reason),
    offset,
    ...(from === undefined ? {} : { format: from.format === 'kvasir' ? 'kvasir' : 'redis' }),
  });
}

/**
 * Reads the file ahead when the target can run its commands itself, which --stream wants: it throws when the target would not
 * have the same data then. Without --stream the result is undefined in such a case.
 */
async function runsCommands(words: Options, target: Target, aof: string): Promise<AheadReading | undefined> {
  const isWanted = words.flag('stream');
  if (!new Filters(words).isEmpty || words.has('database') || words.flag('merge') || words.flag('skip-existing')) {
    if (!isWanted) return undefined;
    throw new UsageError('--stream sends all commands as they are: no filter, database or mode goes with it');
  }
  if (!isWanted && words.flag('no-restore')) return undefined;
  // A file that is not there is told before.
  aofParts(aof);
  const { address } = target;
  const { version, isCluster, isProxy, isEmpty } = await target.probe();
  if (version === undefined || isCluster || isProxy) {
    if (!isWanted) return undefined;
    throw new TransferError(`${address.name} is no single server, which --stream needs`);
  }
  if (!isEmpty) {
    if (!isWanted) return undefined;
    throw new TransferError(`${address.name} has keys; --stream needs an empty server`);
  }
  // An older server may not know a command of the file, and nobody has asked for one that empties databases.
  if (!isWanted && restoreVersionOf(version) < VERSION_COMMANDS) return undefined;
  const ahead = await readAhead(aof, Date.now(), !isWanted);
  if (ahead.obstacle === undefined) return ahead;
  if (!isWanted) return undefined;
  throw new TransferError(`${ahead.obstacle}; load the file without --stream`);
}

/** Opens the target when the first batch has come, as only then the format is known. */
async function openSink(words: Options, target: Target, mode: () => WriteMode, complaints: Complaints): Promise<Sink> {
  const { address } = target;
  const { version, isCluster } = await target.probe();
  if (words.flag('debug')) process.stderr.write(`connected to ${address.name}, version ${version ?? 'unknown'}\n`);
  const sinkOptions = (): ServerSinkOptions => ({
    mode: mode(),
    restoreVersion: version === undefined || words.flag('no-restore') ? 0 : restoreVersionOf(version),
    nowMs: () => Date.now(),
    onError: (key, message) => complaints.add(shownKey(key), message),
  });
  const open = async (): Promise<Sink> =>
    isCluster ? ClusterSink.open(address, sinkOptions()) : new ServerSink(await Pipeline.open(address), sinkOptions());
  return new LateSink(address.name, open, (words.number('sleep') ?? 0) * 1000);
}

class LateSink implements Sink {
  private sink: Sink | undefined;

  constructor(
    readonly name: string,
    private readonly open: () => Promise<Sink>,
    private readonly restMs: number,
  ) {}

  async write(batch: Batch): Promise<void> {
    this.sink ??= await this.open();
    await this.sink.write(batch);
    if (this.restMs > 0) await sleep(this.restMs);
  }

  async flush(): Promise<void> {
    await this.sink?.flush();
  }

  async close(): Promise<void> {
    this.sink ??= await this.open();
    await this.sink.close();
  }
}

/** As redis-load: records of other databases are passed over without a word. */
class WithinDatabases extends DerivedSource {
  constructor(
    source: Source,
    private readonly database: number | undefined,
  ) {
    super(source);
    if (database !== undefined && (database < 0 || !Number.isSafeInteger(database)))
      throw new TransferError(`${database} is no database number`, 2);
  }

  protected override derive(batch: Batch): Batch {
    const { database } = this;
    if (database === undefined) return batch;
    const records = batch.records.filter((record) => record.what !== 'key' || record.database === database);
    return { ...batch, records };
  }
}
