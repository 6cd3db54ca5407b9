// dump-program: kvasir-dump writes the keys of a server, an RDB file or an append-only file as JSON lines.
//
// Options, environment variables and the format are those of the Ruby gem redis-dump; `--format kvasir` holds everything.

import { KVASIR_VERSION } from '../../base/version.js';
import { Filters, filterOptions } from '../filters.js';
import { isClusterNode } from '../link/cluster.js';
import { Pipeline } from '../link/pipeline.js';
import { addressOf, connectOptions, progressMode, progressOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { FileOutput, openOutput, type Output } from '../program/output.js';
import { PositionFile } from '../program/position-file.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { Progress } from '../program/progress.js';
import type { Batch, Position, Source } from '../record/record.js';
import { scriptOption } from '../program/script-option.js';
import { runTransfer } from '../run-transfer.js';
import { JsonSink } from '../sinks/json-sink.js';
import { shownKey } from '../sinks/server-sink.js';
import { rdbFile } from '../sources/rdb-file.js';
import { ScanSource } from '../sources/scan-source.js';
import { sleep } from '../sleep.js';
import { ClusterSource } from './cluster-source.js';

const ERRORS_SHOWN_MAX = 20;

const options = {
  uri: {
    kind: 'text',
    letter: 'u',
    value: 'URI',
    help: 'Server: host:port or redis://:pass@host:port.',
    variable: 'REDIS_URI',
  },
  database: { kind: 'integer', letter: 'd', value: 'N', help: 'Only this database (default: all that have keys).' },
  sleep: { kind: 'number', letter: 's', value: 'SECONDS', help: 'Rest so long after each chunk of keys.' },
  count: { kind: 'integer', letter: 'c', value: 'N', help: 'Keys in a chunk (default 10000).' },
  filter: { kind: 'text', letter: 'f', value: 'TEXT', help: 'Only keys that match *TEXT*.' },
  base64: { kind: 'flag', letter: 'b', help: 'Write string values as base64.' },
  without_optimizations: { kind: 'flag', letter: 'O', help: 'Taken for compatibility; nothing changes.' },
  debug: { kind: 'flag', letter: 'D', help: 'Show what is done.' },
  nosafe: { kind: 'flag', help: 'Taken for compatibility; nothing changes.' },
  format: {
    kind: 'text',
    value: 'redis|kvasir',
    help: "Lines of redis-dump (default), or Kvasir's, which hold everything.",
  },
  output: { kind: 'text', letter: 'o', value: 'FILE', help: 'Write to this file; it appears when it is whole.' },
  resume: { kind: 'flag', help: 'Go on where a run with the same -o was interrupted.' },
  rdb: { kind: 'text', value: 'FILE', help: 'Read an RDB file instead of a server.' },
  aof: { kind: 'text', value: 'FILE', help: 'Read an append-only file or its manifest instead of a server.' },
  ...scriptOption,
  ...filterOptions,
  ...connectOptions,
  ...progressOptions,
} as const satisfies OptionTable;

export const dumpProgram: ProgramSpec = {
  name: 'kvasir-dump',
  version: `redis-dump v0.6.0 (kvasir-dump ${KVASIR_VERSION})`,
  usage: `Usage: kvasir-dump [-u URI] [-d N] [options] > FILE
       kvasir-dump --rdb FILE | --aof FILE [options] > FILE

Writes each key as one line of JSON, which kvasir-load and redis-load read.`,
  options,
  after: `Exit code: 0 all keys were written, 1 some were not (the error output says which), 2 wrong options, 130 interrupted.
See docs/dump.md for the formats.`,
  run: runDump,
};

interface Opened {
  readonly source: Source;
  close(): void;
}

async function runDump(words: Options, interrupt: Interrupt): Promise<number> {
  const format = words.text('format') ?? 'redis';
  if (format !== 'redis' && format !== 'kvasir') throw new UsageError("--format is 'redis' or 'kvasir'");
  if (words.words.length > 0) throw new UsageError(`unexpected word '${words.words[0]!}'`);
  const path = words.text('output');
  const positions = path === undefined ? undefined : new PositionFile(`${path}.position`);
  const from = words.flag('resume') ? readPosition(positions) : undefined;
  if (words.flag('resume') && path === undefined) throw new UsageError('--resume needs -o');
  const filters = new Filters(words);
  const opened = await openSource(words, filters, format, from, interrupt);
  const progress = new Progress(opened.source, progressMode(words));
  const output = openDumpOutput(path, from);
  let unfit = 0;
  const sink = new JsonSink(output, {
    format,
    base64: words.flag('base64'),
    nowMs: () => Date.now(),
    goesOn: from !== undefined,
    onUnfit: (record, reason) => {
      progress.clear();
      if (++unfit > ERRORS_SHOWN_MAX) return;
      process.stderr.write(
        `key '${shownKey(record.key)}' of database ${record.database}: ${reason}; --format kvasir holds it\n`,
      );
    },
  });
  const extra = (): Position => ({ bytes: output instanceof FileOutput ? output.bytes : 0 });
  const isDone = await runTransfer(opened.source, sink, { filters, progress, interrupt, positions, extra });
  progress.clear();
  opened.close();
  await finish(output, isDone, positions);
  for (const warning of opened.source.warnings) process.stderr.write(`warning: ${warning}\n`);
  progress.counts.errors = unfit;
  if (unfit > ERRORS_SHOWN_MAX) process.stderr.write(`... ${unfit} keys in all could not be written\n`);
  if (words.flag('json')) process.stderr.write(`${JSON.stringify({ done: isDone, ...progress.summary() })}\n`);
  if (!isDone) process.stderr.write('Exiting... \n');
  const isPartial = opened.source instanceof ClusterSource && opened.source.hasMoved;
  return isDone ? (unfit > 0 || isPartial ? 1 : 0) : 130;
}

function readPosition(positions: PositionFile | undefined): Position | undefined {
  const position = positions?.read();
  if (position === undefined) return undefined;
  for (const name of ['bytes', 'database', ...('master' in position ? ['master'] : [])])
    positions!.count(position, name);
  return position;
}

function openDumpOutput(path: string | undefined, from: Position | undefined): Output {
  return path === undefined || from === undefined ? openOutput(path) : new FileOutput(path, Number(from.bytes));
}

async function finish(output: Output, isDone: boolean, positions: PositionFile | undefined): Promise<void> {
  if (isDone) {
    await output.finish();
    positions?.remove();
  } else if (output instanceof FileOutput) await output.keepPart();
  else await output.finish();
}

async function openSource(
  words: Options,
  filters: Filters,
  format: string,
  from: Position | undefined,
  interrupt: Interrupt,
): Promise<Opened> {
  const close = (): void => undefined;
  const database = words.number('database');
  const rdb = words.text('rdb');
  if (rdb !== undefined) {
    const source = rdbFile(rdb);
    return { source: database === undefined ? source : new OneDatabase(source, database), close };
  }
  const aof = words.text('aof');
  if (aof !== undefined) {
    const { AofDataSource } = await import('../sources/aof-engine.js');
    const source = new AofDataSource(aof, {
      scriptSeconds: words.number('script-seconds'),
      isStopping: () => interrupt.isAsked,
    });
    return { source: database === undefined ? source : new OneDatabase(source, database), close };
  }
  const address = addressOf(words.text('uri') ?? '127.0.0.1:6379', words);
  const chosen = database ?? address.database;
  const filter = words.text('filter');
  const scan = {
    databases: chosen === undefined ? undefined : [chosen],
    match: filter === undefined ? filters.serverPattern : `*${filter}*`,
    count: words.number('count') ?? 10_000,
    nowMs: () => Date.now(),
    from,
    withFunctions: format === 'kvasir' && from === undefined,
    pause: async () => {
      const seconds = words.number('sleep') ?? 0;
      if (seconds > 0) await sleep(seconds * 1000);
    },
    isStopping: () => interrupt.isAsked,
  };
  const pipeline = await Pipeline.open(address);
  if (words.flag('debug')) process.stderr.write(`connected to ${address.name}\n`);
  if (await isClusterNode(pipeline)) {
    const source = await ClusterSource.open(pipeline, address, scan);
    return { source, close: () => source.close() };
  }
  const source = new ScanSource(
    pipeline,
    format === 'redis' && chosen === undefined ? { ...scan, databases: undefined } : scan,
  );
  return { source, close: () => pipeline.close() };
}

class OneDatabase implements Source {
  readonly totalKeys = undefined;

  constructor(
    private readonly source: Source,
    private readonly database: number,
  ) {}

  get name(): string {
    return this.source.name;
  }

  get totalBytes(): number | undefined {
    return this.source.totalBytes;
  }

  get warnings(): readonly string[] {
    return this.source.warnings;
  }

  async *batches(): AsyncGenerator<Batch, void> {
    for await (const batch of this.source.batches()) {
      const records = batch.records.filter((record) => record.what !== 'key' || record.database === this.database);
      yield { ...batch, records };
    }
  }
}
