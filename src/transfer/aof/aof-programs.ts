// aof-programs: the commands of kvasir-aof.

import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planRestore, RestoreError, restoreAof, type RestorePoint } from '../../checkers/restore-aof.js';
import { RealFiles } from '../../io/files.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { Pipeline } from '../link/pipeline.js';
import { probeServer } from '../link/probe.js';
import { numberOf } from '../link/replies.js';
import { addressOf, connectOptions, progressMode, progressOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { FileOutput, openOutput, syncFolder } from '../program/output.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { scriptOption } from '../program/script-option.js';
import { humanBytes, Progress } from '../program/progress.js';
import { TransferError } from '../record/record.js';
import { runTransfer } from '../run-transfer.js';
import { RdbSink } from '../sinks/rdb-sink.js';
import { restoreVersionOf, ServerSink, shownKey } from '../sinks/server-sink.js';
import { AofDataSource } from '../sources/aof-engine.js';
import { type AofPart, aofParts } from '../sources/aof-parts.js';
import { fileChunks } from '../sources/file-chunks.js';
import { RdbSource } from '../sources/rdb-source.js';
import { isUtf8 } from 'node:buffer';

function fileOf(words: Options): string {
  const [path, extra] = words.words;
  if (path === undefined) throw new UsageError('name an append-only file or its manifest');
  if (extra !== undefined) throw new UsageError(`unexpected word '${extra}'`);
  statSync(path);
  return path;
}

interface AofCommand {
  readonly reader: AofReader;
  readonly part: AofPart;
  readonly database: number;
}

/** Where the commands of a part begin: after its RDB. */
async function commandsStart(part: AofPart): Promise<{ start: number; keys: number }> {
  if (!part.isRdb) return { start: 0, keys: 0 };
  const source = new RdbSource(part.path, fileChunks(part.path), part.bytes);
  let keys = 0;
  for await (const { records } of source.batches())
    for (const record of records)
      if (record.what === 'key' && (record.part === 'whole' || record.part === 'last')) keys++;
  return { start: source.reader.offset, keys };
}

/** Visits all commands of the files; returns how many keys the RDB at their beginning has. */
async function forEachCommand(
  path: string,
  take: (command: AofCommand) => void,
  rest?: () => Promise<void>,
): Promise<{ rdbKeys: number; torn: string | undefined }> {
  let rdbKeys = 0;
  let torn: string | undefined;
  let database = 0;
  for (const part of aofParts(path)) {
    const { start, keys } = await commandsStart(part);
    rdbKeys += keys;
    const reader = new AofReader(start);
    for (const chunk of fileChunks(part.path, start)) {
      reader.push(chunk);
      for (;;) {
        const item = reader.next();
        if (item === AofItem.needInput) break;
        if (item === AofItem.malformed)
          throw new TransferError(`${part.path} is malformed at offset ${reader.itemOffset}; see kvasir-check-aof`);
        if (item !== AofItem.command) continue;
        if (reader.count === 2 && reader.text(0).toUpperCase() === 'SELECT') database = Number(reader.text(1));
        take({ reader, part, database });
      }
      await rest?.();
    }
    if (reader.hasRest) torn = `${part.path} ends inside a command, which begins at offset ${reader.offset}`;
  }
  return { rdbKeys, torn };
}

interface CommandCount {
  count: number;
  bytes: number;
}

async function runStats(words: Options): Promise<number> {
  const path = fileOf(words);
  const commands = new Map<string, CommandCount>();
  const databases = new Map<number, number>();
  let first = 0;
  let last = 0;
  let total = 0;
  let lastOffset = 0;
  const { rdbKeys, torn } = await forEachCommand(path, ({ reader, database }) => {
    const name = reader.text(0).toUpperCase();
    const count = commands.get(name) ?? { count: 0, bytes: 0 };
    count.count++;
    count.bytes += reader.offset - reader.itemOffset;
    commands.set(name, count);
    databases.set(database, (databases.get(database) ?? 0) + 1);
    if (reader.timestamp > 0) {
      if (first === 0) first = reader.timestamp;
      last = reader.timestamp;
    }
    total++;
    lastOffset = reader.offset;
  });
  const parts = aofParts(path);
  const sorted = [...commands].sort((a, b) => b[1].bytes - a[1].bytes);
  const time = (seconds: number): string | undefined =>
    seconds === 0 ? undefined : new Date(seconds * 1000).toISOString();
  if (words.flag('json')) {
    process.stdout.write(
      `${JSON.stringify({ files: parts, rdbKeys, commands: total, byCommand: Object.fromEntries(sorted), byDatabase: Object.fromEntries(databases), from: time(first), to: time(last), torn: torn ?? null })}\n`,
    );
    return torn === undefined ? 0 : 1;
  }
  const lines = parts.map(
    (part) => `${part.isRdb ? 'rdb ' : 'aof '} ${humanBytes(part.bytes).padStart(10)}  ${part.path}`,
  );
  lines.push('', `${rdbKeys} keys in the base, ${total} commands after it, up to offset ${lastOffset}`);
  if (first > 0) lines.push(`from ${time(first)!} to ${time(last)!}`);
  lines.push('', `${'command'.padEnd(20)} ${'count'.padStart(12)} ${'bytes'.padStart(10)}`);
  for (const [name, { count, bytes }] of sorted)
    lines.push(`${name.padEnd(20)} ${String(count).padStart(12)} ${humanBytes(bytes).padStart(10)}`);
  for (const [database, count] of databases) lines.push(`database ${database}: ${count} commands`);
  if (torn !== undefined) lines.push(torn);
  process.stdout.write(`${lines.join('\n')}\n`);
  return torn === undefined ? 0 : 1;
}

async function runJson(words: Options): Promise<number> {
  const output = openOutput(words.text('output'));
  const { torn } = await forEachCommand(
    fileOf(words),
    ({ reader, database }) => {
      const args = reader.args.map((arg) => {
        const bytes = Buffer.from(arg);
        return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') };
      });
      const time = reader.timestamp > 0 ? { time: reader.timestamp } : {};
      output.write(`${JSON.stringify({ db: database, offset: reader.itemOffset, ...time, args })}\n`);
    },
    () => output.flush(),
  );
  await output.finish();
  if (torn !== undefined) process.stderr.write(`${torn}\n`);
  return torn === undefined ? 0 : 1;
}

/** A moment: `2026-01-31 12:00[:05]`, ISO 8601, or seconds since 1970. */
export function parseTime(text: string): number | undefined {
  if (/^\d{9,11}$/.test(text)) return Number(text);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined;
  const parsed = Date.parse(text.replace(/^(\d{4}-\d{2}-\d{2}) /, '$1T'));
  return Number.isNaN(parsed) ? undefined : Math.floor(parsed / 1000);
}

function pointOf(text: string | undefined): RestorePoint {
  if (text === undefined) throw new UsageError('--to is an offset in the last file, or a time');
  const offset = /^@?(\d+)$/.exec(text);
  const seconds = parseTime(text);
  if (offset !== null && (text.startsWith('@') || seconds === undefined))
    return { kind: 'offset', bytes: Number(offset[1]) };
  if (seconds === undefined)
    throw new UsageError(`--to: '${text}' is neither an offset (@123) nor a time (2026-01-31 12:00)`);
  return { kind: 'timestamp', seconds };
}

function translated<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RestoreError) throw new TransferError(error.message);
    throw error;
  }
}

function runCut(words: Options): Promise<number> {
  const folder = words.text('output');
  const point = pointOf(words.text('to'));
  const path = fileOf(words);
  const files = new RealFiles();
  const plan = translated(() => planRestore(files, path, point, Date.now()));
  if (folder === undefined) {
    show(
      words,
      { ...plan, folder: null },
      `would cut ${plan.file} at offset ${plan.offset} (${plan.reason}), after ${plan.commands} commands; -o FOLDER does it\n`,
    );
    return Promise.resolve(0);
  }
  const done = translated(() => restoreAof(files, path, folder, point, Date.now()));
  show(
    words,
    done,
    `${done.commands} commands up to offset ${done.offset} of ${done.file} (${done.reason}) are in ${folder}: start a server with --dir ${folder} --appendonly yes\n`,
  );
  return Promise.resolve(0);
}

function show(words: Options, json: object, text: string): void {
  process.stdout.write(words.flag('json') ? `${JSON.stringify(json)}\n` : text);
}

/** Undoing a FLUSHALL: the plan, and with --apply or --into the deed. The original files are only read. */
async function runUndo(words: Options, interrupt: Interrupt): Promise<number> {
  const path = fileOf(words);
  const names = words.list('command').map((name) => name.toUpperCase());
  const point: RestorePoint = { kind: 'command', names: names.length > 0 ? names : ['FLUSHALL', 'FLUSHDB'] };
  const files = new RealFiles();
  const plan = translated(() => planRestore(files, path, point, Date.now()));
  const folder = words.text('apply');
  const into = words.text('into');
  if (folder === undefined && into === undefined) {
    const lost = await commandsAfter(path, plan);
    show(
      words,
      { ...plan, commandsAfter: lost },
      `Plan: keep ${plan.commands} commands, up to offset ${plan.offset} of ${plan.file} (${plan.reason});
drop that command and the ${lost} commands after it.
Nothing was changed. Then either
  kvasir-aof undo ${path} --apply FOLDER     writes a data folder for a new server
  kvasir-aof undo ${path} --into HOST:PORT   loads the data into a second server, while this one runs
Do not let the server rewrite its file before that: CONFIG SET auto-aof-rewrite-percentage 0.
`,
    );
    return 0;
  }
  if (folder !== undefined) {
    const done = translated(() => restoreAof(files, path, folder, point, Date.now()));
    show(
      words,
      done,
      `${done.commands} commands are in ${folder}: start a server with --dir ${folder} --appendonly yes\n`,
    );
  }
  if (into === undefined) return 0;
  const address = addressOf(into, words);
  const { version } = await probeServer(address);
  const pipeline = await Pipeline.open(address);
  if (!words.flag('force') && numberOf(await pipeline.must('DBSIZE')) > 0)
    throw new TransferError(`${address.name} is not empty; --force puts the keys there all the same`);
  let errors = 0;
  const sink = new ServerSink(pipeline, {
    mode: 'replace',
    restoreVersion: version === undefined ? 0 : restoreVersionOf(version),
    nowMs: () => Date.now(),
    onError: (key, message) => {
      errors++;
      process.stderr.write(`key '${shownKey(key)}': ${message}\n`);
    },
  });
  const source = new AofDataSource(path, {
    untilFile: plan.file,
    untilOffset: plan.offset,
    scriptSeconds: words.number('script-seconds'),
    isStopping: () => interrupt.isAsked,
  });
  const progress = new Progress(source, progressMode(words));
  const isDone = await runTransfer(source, sink, { progress, interrupt });
  await sink.close();
  progress.clear();
  show(
    words,
    { ...plan, into: address.name, ...progress.summary(), errors },
    `${progress.counts.keys} keys are in ${address.name}\n`,
  );
  return isDone ? (errors > 0 ? 1 : 0) : 130;
}

async function commandsAfter(path: string, plan: { readonly commands: number }): Promise<number> {
  let all = 0;
  await forEachCommand(path, () => all++);
  return Math.max(0, all - plan.commands - 1);
}

async function runCompact(words: Options, interrupt: Interrupt): Promise<number> {
  const path = fileOf(words);
  const folder = words.text('output');
  if (folder === undefined) throw new UsageError('-o names the new data folder');
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new TransferError(`${folder} is not empty. Name a new folder.`);
  const aof = join(folder, 'appendonlydir');
  mkdirSync(aof);
  const source = new AofDataSource(path, {
    scriptSeconds: words.number('script-seconds'),
    isStopping: () => interrupt.isAsked,
  });
  const progress = new Progress(source, progressMode(words));
  const output = new FileOutput(join(aof, 'appendonly.aof.1.base.rdb'));
  const sink = new RdbSink(output, { version: () => source.version, nowMs: () => Date.now(), compresses: true });
  const isDone = await runTransfer(source, sink, { progress, interrupt });
  progress.clear();
  if (!isDone) {
    output.abandon();
    return 130;
  }
  await sink.close();
  writeFileSync(join(aof, 'appendonly.aof.1.incr.aof'), '');
  const manifest = 'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n';
  const last = new FileOutput(join(aof, 'appendonly.aof.manifest'));
  last.write(manifest);
  await last.finish();
  syncFolder(folder);
  for (const warning of source.warnings) process.stderr.write(`warning: ${warning}\n`);
  show(
    words,
    { folder, keys: sink.keys, bytes: output.bytes },
    `${sink.keys} keys, ${humanBytes(output.bytes)}: start a server with --dir ${folder} --appendonly yes\n`,
  );
  return 0;
}

const json = { json: progressOptions.json } as const;
const output = {
  output: { kind: 'text', letter: 'o', value: 'PATH', help: 'Write there.' },
} as const satisfies OptionTable;

function program(name: string, usage: string, options: OptionTable, run: ProgramSpec['run']): ProgramSpec {
  const after = 'Exit code: 0 done, 1 failed or the file is torn, 2 wrong options.\nSee docs/aof.md.';
  return { name: `kvasir-aof ${name}`, usage: `Usage: kvasir-aof ${usage}`, options, after, run };
}

export const aofPrograms: Readonly<Record<string, ProgramSpec>> = {
  stats: program(
    'stats',
    'stats FILE\n\nFiles, keys of the base, commands by count and bytes, time range.',
    json,
    runStats,
  ),
  json: program(
    'json',
    'json FILE\n\nEach command as a line of JSON, with its offset, time and database.',
    { ...output, ...json },
    runJson,
  ),
  cut: program(
    'cut',
    'cut FILE --to OFFSET|TIME [-o FOLDER]\n\nA data folder with what was there at an offset or a time; without -o only says where.',
    {
      to: { kind: 'text', value: 'POINT', help: '@OFFSET in the last file, or a time such as "2026-01-31 12:00".' },
      ...output,
      ...json,
    },
    runCut,
  ),
  undo: program(
    'undo',
    'undo FILE [--apply FOLDER] [--into HOST:PORT]\n\nUndoes the last FLUSHALL or FLUSHDB; shows the plan first.',
    {
      apply: { kind: 'text', value: 'FOLDER', help: 'Write a data folder for a new server.' },
      into: { kind: 'text', value: 'URI', help: 'Load the data into this empty server.' },
      force: { kind: 'flag', help: 'Also into a server that is not empty.' },
      command: { kind: 'list', value: 'NAME', help: 'Undo the last of these commands instead.' },
      ...scriptOption,
      ...connectOptions,
      ...progressOptions,
    },
    runUndo,
  ),
  compact: program(
    'compact',
    'compact FILE -o FOLDER\n\nA data folder with the same data and no history.',
    { ...output, ...scriptOption, ...progressOptions },
    runCompact,
  ),
};
