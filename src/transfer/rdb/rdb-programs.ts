// rdb-programs: the commands of kvasir-rdb.

import { statSync } from 'node:fs';
import { dumpProgram } from '../dump/dump-program.js';
import { Filters, filterOptions } from '../filters.js';
import { progressMode, progressOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { FileOutput, openOutput } from '../program/output.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { Progress } from '../program/progress.js';
import { VERSION_MAX, VERSION_MIN } from '../record/encode.js';
import { type KeyRecord, type Source, TransferError } from '../record/record.js';
import { runTransfer } from '../run-transfer.js';
import { RdbSink } from '../sinks/rdb-sink.js';
import { RespSink } from '../sinks/resp-sink.js';
import { shownKey } from '../sinks/server-sink.js';
import { fileHead } from '../sources/file-chunks.js';
import { rdbFile } from '../sources/rdb-file.js';
import { differences } from './differences.js';
import { MergedSource } from './merged-source.js';
import { readStatistics } from './read-statistics.js';
import { describeGaps, SalvageSource } from './salvage.js';
import { CSV_HEADER, RdbStatistics } from './statistics.js';

const outputOption = {
  output: { kind: 'text', letter: 'o', value: 'FILE', help: 'Write there; the file appears when it is whole.' },
} as const satisfies OptionTable;

function filesOf(words: Options, least: number, most = least): string[] {
  if (words.words.length < least) throw new UsageError(least === 1 ? 'name a file' : `name ${least} files`);
  if (words.words.length > most) throw new UsageError(`unexpected word '${words.words[most]!}'`);
  for (const path of words.words) statSync(path);
  return words.words;
}

const statsOptions = {
  csv: { kind: 'flag', help: "One line a key, with the columns of rdb-tools' memory report." },
  top: { kind: 'integer', value: 'N', help: 'How many of the biggest keys to show (default 20).' },
  separator: { kind: 'text', value: 'TEXT', help: "What ends a key's prefix (default ':')." },
  depth: { kind: 'integer', value: 'N', help: 'How many parts of a name make the prefix (default 1).' },
  ...filterOptions,
  ...progressOptions,
} as const satisfies OptionTable;

async function runStats(words: Options, interrupt: Interrupt): Promise<number> {
  const [path] = filesOf(words, 1);
  const source = rdbFile(path!);
  const filters = new Filters(words);
  const output = openOutput(undefined);
  const asCsv = words.flag('csv');
  if (asCsv) output.write(CSV_HEADER);
  const statistics = new RdbStatistics({
    nowMs: Date.now(),
    separator: words.text('separator') ?? ':',
    depth: words.number('depth') ?? 1,
    top: words.number('top') ?? 20,
    csv: asCsv ? (line) => output.write(line) : undefined,
  });
  const progress = new Progress(source, progressMode(words));
  const isDone = await readStatistics(source, statistics, { filters, progress, interrupt }, () => output.flush());
  if (!asCsv) output.write(words.flag('json') ? `${JSON.stringify(statistics.toJson())}\n` : statistics.toText(30));
  await output.finish();
  warn(source);
  return isDone ? 0 : 130;
}

function warn(source: Source): void {
  for (const warning of source.warnings) process.stderr.write(`warning: ${warning}\n`);
}

async function runCommandsOf(words: Options, interrupt: Interrupt): Promise<number> {
  const [path] = filesOf(words, 1);
  const source = rdbFile(path!);
  let unfit = 0;
  const sink = new RespSink(openOutput(words.text('output')), {
    deletes: true,
    onUnfit: (record, reason) => {
      unfit++;
      process.stderr.write(`key '${shownKey(record.key)}': ${reason}\n`);
    },
  });
  const progress = new Progress(source, progressMode(words));
  const isDone = await runTransfer(source, sink, { filters: new Filters(words), progress, interrupt });
  await sink.close();
  progress.clear();
  warn(source);
  return isDone ? (unfit > 0 ? 1 : 0) : 130;
}

async function runDiff(words: Options): Promise<number> {
  const [first, second] = filesOf(words, 2);
  const output = openOutput(undefined);
  let count = 0;
  for await (const { database, key, sign, what } of differences(first!, second!, words.number('tolerance') ?? 0)) {
    count++;
    const name = shownKey(key);
    output.write(
      words.flag('json')
        ? `${JSON.stringify({ sign, db: database, key: name, what })}\n`
        : `${sign} db${database} ${name} (${what})\n`,
    );
    if (count % 1000 === 0) await output.flush();
  }
  await output.finish();
  return count === 0 ? 0 : 1;
}

/** Writes what comes out of a source into an RDB file and says what was lost. */
async function writeRdb(
  source: Source,
  words: Options,
  interrupt: Interrupt,
  version: number,
  onDamage?: (record: KeyRecord, reason: string) => void,
): Promise<{ isDone: boolean; sink: RdbSink }> {
  const path = words.text('output');
  if (path === undefined || path === '-') throw new UsageError('-o names the file to write');
  const output = new FileOutput(path);
  const sink = new RdbSink(output, {
    version,
    nowMs: () => Date.now(),
    compresses: !words.flag('no-compression'),
    ...(onDamage === undefined ? {} : { onDamage }),
  });
  const progress = new Progress(source, progressMode(words));
  let isDone: boolean;
  try {
    isDone = await runTransfer(source, sink, { filters: new Filters(words), progress, interrupt });
  } catch (error) {
    output.abandon();
    throw error;
  } finally {
    progress.clear();
  }
  if (isDone) await sink.close();
  else output.abandon();
  warn(source);
  for (const [what, { keys, whole }] of sink.losses)
    process.stderr.write(`${whole ? 'left out' : 'lost'}: ${what}: ${keys} ${keys === 1 ? 'key' : 'keys'}\n`);
  if (words.flag('json'))
    process.stdout.write(
      `${JSON.stringify({ done: isDone, keys: sink.keys, file: path, version, lost: Object.fromEntries(sink.losses), ...progress.summary() })}\n`,
    );
  else if (!words.flag('quiet') && isDone)
    process.stderr.write(`${sink.keys} keys written to ${path} (RDB ${version})\n`);
  return { isDone, sink };
}

const writeOptions = {
  ...outputOption,
  'no-compression': { kind: 'flag', help: 'Do not compress long strings that are written anew.' },
  ...filterOptions,
  ...progressOptions,
} as const satisfies OptionTable;

/** The highest version of the files, so that the server that wrote them loads what is made of them. */
function versionOfFiles(paths: readonly string[]): number {
  const versions = paths.map((path) => {
    const head = /^REDIS(\d{4})$/.exec(fileHead(path, 9).toString('latin1'));
    return head === null ? VERSION_MAX : Math.min(VERSION_MAX, Math.max(VERSION_MIN, Number(head[1])));
  });
  return Math.max(...versions);
}

async function runExtract(words: Options, interrupt: Interrupt): Promise<number> {
  const [path] = filesOf(words, 1);
  const { isDone } = await writeRdb(rdbFile(path!), words, interrupt, versionOfFiles([path!]));
  return isDone ? 0 : 130;
}

async function runMerge(words: Options, interrupt: Interrupt): Promise<number> {
  const paths = filesOf(words, 2, Infinity);
  const { isDone } = await writeRdb(new MergedSource(paths), words, interrupt, versionOfFiles(paths));
  return isDone ? 0 : 130;
}

async function runConvert(words: Options, interrupt: Interrupt): Promise<number> {
  const [path] = filesOf(words, 1);
  const version = words.number('to');
  if (version === undefined || version < VERSION_MIN || version > VERSION_MAX || version === 8)
    throw new UsageError(`--to is 6 (Redis 2.6), 7 (3.2), 9 (5.0), 10 (7.0), 11 (7.2) or 12 (7.4)`);
  const { isDone, sink } = await writeRdb(rdbFile(path!), words, interrupt, version);
  if (!isDone) return 130;
  return sink.losses.size > 0 && !words.flag('accept-loss') ? 1 : 0;
}

async function runRepair(words: Options, interrupt: Interrupt): Promise<number> {
  const [path] = filesOf(words, 1);
  const source = new SalvageSource(path!);
  let damaged = 0;
  const { isDone, sink } = await writeRdb(source, words, interrupt, versionOfFiles([path!]), (record, reason) => {
    damaged++;
    process.stderr.write(`key '${shownKey(record.key)}' left out: ${reason}\n`);
  });
  process.stderr.write(describeGaps(source.gaps));
  if (!isDone) return 130;
  if (sink.keys === 0 && source.gaps.length > 0) throw new TransferError(`${path!}: no key could be read`);
  return source.gaps.length + damaged > 0 ? 1 : 0;
}

const exitText =
  'Exit code: 0 done, 1 failed or something was left out (the error output says what), 2 wrong options.\nSee docs/rdb.md.';

function program(name: string, usage: string, options: OptionTable, run: ProgramSpec['run']): ProgramSpec {
  return { name: `kvasir-rdb ${name}`, usage: `Usage: kvasir-rdb ${usage}`, options, after: exitText, run };
}

const diffOptions = {
  tolerance: { kind: 'integer', value: 'MS', help: 'Times to live may differ by so many milliseconds.' },
  ...progressOptions,
} as const satisfies OptionTable;

const convertOptions = {
  to: { kind: 'integer', value: 'N', help: 'RDB version: 6, 7, 9, 10, 11 or 12.' },
  'accept-loss': { kind: 'flag', help: 'Exit with 0 even if something could not be kept.' },
  ...writeOptions,
} as const satisfies OptionTable;

export const rdbPrograms: Readonly<Record<string, ProgramSpec>> = {
  stats: program(
    'stats',
    'stats FILE [options]\n\nMemory by type, encoding and prefix, times to live, the biggest keys.',
    statsOptions,
    runStats,
  ),
  json: {
    ...dumpProgram,
    name: 'kvasir-rdb json',
    usage: 'Usage: kvasir-rdb json FILE [options]\n\nThe keys as lines of JSON, as kvasir-dump --rdb writes them.',
    run: (words, interrupt) => {
      words.set('rdb', filesOf(words, 1)[0]);
      words.words.length = 0;
      return dumpProgram.run(words, interrupt);
    },
  },
  commands: program(
    'commands',
    'commands FILE [options]\n\nThe commands that make the data, for `redis-cli --pipe`.',
    { ...outputOption, ...filterOptions, ...progressOptions },
    runCommandsOf,
  ),
  diff: program(
    'diff',
    'diff FILE FILE\n\nThe keys that two files do not have alike; exit code 1 when there are any.',
    diffOptions,
    runDiff,
  ),
  extract: program(
    'extract',
    'extract FILE -o FILE [filters]\n\nA file with some of the keys: by pattern, slot, type, size.',
    writeOptions,
    runExtract,
  ),
  merge: program(
    'merge',
    'merge FILE FILE... -o FILE\n\nOne file of several; of a key in several the last one stays.',
    writeOptions,
    runMerge,
  ),
  convert: program(
    'convert',
    'convert FILE --to N -o FILE\n\nA file for older or newer servers, with a list of what cannot be kept.',
    convertOptions,
    runConvert,
  ),
  repair: program(
    'repair',
    'repair FILE -o FILE\n\nSaves the keys of a torn or corrupt file, as far as they can be read.',
    writeOptions,
    runRepair,
  ),
};
