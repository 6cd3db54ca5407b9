// sync-program: kvasir-sync carries data from a running server or a file to another place and keeps it up to date.

import type { Server } from 'node:http';
import { Filters, filterOptions } from '../filters.js';
import { ClusterSink } from '../link/cluster.js';
import { Pipeline } from '../link/pipeline.js';
import { probeServer, takesTransactions } from '../link/probe.js';
import { addressOf, connectOptions, progressMode, progressOptions } from '../program/connect.js';
import { scriptOption } from '../program/script-option.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import { openOutput } from '../program/output.js';
import { PositionFile } from '../program/position-file.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { Progress } from '../program/progress.js';
import { DerivedSource } from '../record/derived-source.js';
import { type Batch, type Sink, type Source, type TransferRecord } from '../record/record.js';
import { RateLimit, runTransfer } from '../run-transfer.js';
import { JsonSink } from '../sinks/json-sink.js';
import { VERSION_MAX, VERSION_MIN } from '../record/encode.js';
import { RdbCopySink } from '../sinks/rdb-copy-sink.js';
import { RdbSink } from '../sinks/rdb-sink.js';
import { RespSink } from '../sinks/resp-sink.js';
import { restoreVersionOf, ServerSink, shownKey, type WriteMode } from '../sinks/server-sink.js';
import { readConfig } from '../program/config-file.js';
import { moveInstance } from './move.js';
import { EventsSource } from './events-source.js';
import { LiveSource } from './live-source.js';
import { openSource, sourceMode, type SourceSettings } from './open-source.js';
import { PsyncRefused } from './psync-source.js';
import { serveStatus, type Status } from './status-page.js';
import type { StreamFilter, StreamTarget } from './stream-filter.js';
import { runVerify } from './verify-program.js';

const ERRORS_SHOWN_MAX = 20;

const options = {
  config: { kind: 'text', letter: 'c', value: 'FILE', help: 'Options from a YAML file, by the same names.' },
  from: { kind: 'text', value: 'PLACE', help: 'A server, a node of a cluster, scan:SERVER, rdb:FILE or aof:FILE.' },
  to: { kind: 'text', value: 'PLACE', help: 'A server, cluster or proxy, rdb:FILE, json:FILE or aof:FILE.' },
  'from-password': { kind: 'text', value: 'PASSWORD', help: 'Password of the source.' },
  'to-password': { kind: 'text', value: 'PASSWORD', help: 'Password of the target.' },
  'source-mode': {
    kind: 'text',
    value: 'auto|psync|scan',
    help: 'Follow as a replica, or by SCAN and keyspace events; auto: scan when PSYNC is refused.',
  },
  'assume-events': { kind: 'flag', help: 'With scan: the source sends keyspace events, though CONFIG is refused.' },
  reconnect: { kind: 'integer', value: 'SECONDS', help: 'How long the source may be away (default 600).' },
  'keep-extra': {
    kind: 'flag',
    help: 'Leave keys that the source does not have, when all data comes once more.',
  },
  once: { kind: 'flag', help: 'End when the data set is there, and do not follow the writes.' },
  mode: {
    kind: 'text',
    value: 'replace|skip|merge',
    help: 'What becomes of keys that the target has (default replace).',
  },
  'rdb-version': {
    kind: 'integer',
    value: 'N',
    help: 'Version of a file that rdb:FILE writes (default 10, Redis 7.0).',
  },
  'no-restore': { kind: 'flag', help: 'Write by commands only, not by RESTORE.' },
  position: { kind: 'text', value: 'FILE', help: 'Note there how far it came, and go on there.' },
  spool: { kind: 'text', value: 'FOLDER', help: 'Where data waits for a slow target (default the temporary folder).' },
  'rate-bytes': { kind: 'size', value: 'BYTES', help: 'At most so many bytes a second.' },
  'rate-keys': { kind: 'integer', value: 'N', help: 'At most so many keys or commands a second.' },
  http: {
    kind: 'text',
    value: '[HOST:]PORT',
    help: 'Serve progress there: / , /status.json and /metrics; port 0 takes a free one.',
  },
  verify: { kind: 'flag', help: 'Only compare source and target; exit code 1 when they differ.' },
  sample: { kind: 'number', value: 'SHARE', help: 'With --verify: look at this share of the keys (0.01).' },
  repair: { kind: 'flag', help: 'With --verify: make the target like the source.' },
  ...scriptOption,
  ...filterOptions,
  ...connectOptions,
  ...progressOptions,
} as const satisfies OptionTable;

export const syncProgram: ProgramSpec = {
  name: 'kvasir-sync',
  usage: `Usage: kvasir-sync --from PLACE --to PLACE [options]
       kvasir-sync --from SERVER --to SERVER --verify [--repair]
       kvasir-sync move --from SERVER --to SERVER [--hook COMMAND] [--stop-old]

Copies the data and then follows the writes, as a replica does, until it is interrupted.`,
  options,
  after:
    'Exit code: 0 done, 1 failed or differences, 2 wrong options, 130 interrupted (run it again to go on).\nSee docs/sync.md.',
  run: runSync,
};

export const moveProgram: ProgramSpec = {
  name: 'kvasir-sync move',
  usage: `Usage: kvasir-sync move --from SERVER --to SERVER [options]

Moves an instance to another host: the new one follows, catches up, becomes the master, and the old one is stopped.`,
  options: {
    from: options.from,
    to: options.to,
    'from-password': options['from-password'],
    'to-password': options['to-password'],
    hook: { kind: 'text', value: 'COMMAND', help: 'Run with both addresses when the new one is the master.' },
    'stop-old': { kind: 'flag', help: 'Shut the old server down; else it follows the new one.' },
    force: { kind: 'flag', help: 'Also if the new server has keys.' },
    'copy-timeout': { kind: 'integer', value: 'SECONDS', help: 'How long the copy may take (default a day).' },
    'pause-timeout': { kind: 'integer', value: 'SECONDS', help: 'How long writes may wait (default 10).' },
    ...connectOptions,
  },
  async run(words) {
    const { from, to } = places(words);
    await moveInstance({
      from: addressOf(from, sideOptions(words, 'from-password')),
      to: addressOf(to, sideOptions(words, 'to-password')),
      hook: words.text('hook'),
      stopsOld: words.flag('stop-old'),
      force: words.flag('force'),
      copyMs: (words.number('copy-timeout') ?? 86_400) * 1000,
      pauseMs: (words.number('pause-timeout') ?? 10) * 1000,
      say: (text) => process.stdout.write(`${text}\n`),
    });
    return 0;
  },
};

function places(words: Options): { from: string; to: string } {
  const from = words.text('from');
  const to = words.text('to');
  if (from === undefined || to === undefined) throw new UsageError('--from and --to are needed');
  return { from, to };
}

/** The options of one side, whose password may differ. */
function sideOptions(words: Options, passwordName: string): Options {
  const password = words.text(passwordName);
  if (password === undefined) return words;
  return Object.assign(Object.create(words) as Options, {
    text: (name: string) => (name === 'password' ? password : words.text(name)),
  });
}

class Errors {
  count = 0;

  constructor(private readonly clear: () => void) {}

  add(key: Uint8Array, message: string): void {
    this.clear();
    if (++this.count <= ERRORS_SHOWN_MAX) process.stderr.write(`key '${shownKey(key)}': ${message}\n`);
  }
}

async function runSync(words: Options, interrupt: Interrupt): Promise<number> {
  readConfig(words);
  const { from, to } = places(words);
  if (words.flag('verify')) {
    const source = addressOf(from.replace(/^scan:/, ''), sideOptions(words, 'from-password'));
    return runVerify(words, source, addressOf(to, sideOptions(words, 'to-password')));
  }
  for (const name of ['sample', 'repair']) if (words.has(name)) throw new UsageError(`--${name} goes with --verify`);
  const filters = new Filters(words);
  let clear: () => void = () => undefined;
  const errors = new Errors(() => clear());
  const positionPath = words.text('position');
  const positions = positionPath === undefined ? undefined : new PositionFile(positionPath);
  const { sink, kind } = await openSink(to, words, errors, copiesSnapshot(from, filters, words));
  const limits =
    words.has('rate-bytes') || words.has('rate-keys')
      ? new RateLimit(words.number('rate-bytes') ?? Infinity, words.number('rate-keys') ?? Infinity)
      : undefined;
  let progress: Progress | undefined;
  let source: Source | undefined;
  const status = (): Status => statusOf(from, to, source, progress, errors.count);
  const http = words.has('http') ? await openStatus(words.text('http')!, status) : undefined;
  let isDone = false;
  try {
    const settings: SourceSettings = {
      words,
      filters,
      positions,
      interrupt,
      address: (place) => addressOf(place, sideOptions(words, 'from-password')),
      target: /^(rdb|json|aof):/.test(to) ? undefined : addressOf(to, sideOptions(words, 'to-password')),
      flush: () => sink.flush(),
      packsStrings: filters.isEmpty && (sink instanceof ServerSink || sink instanceof RdbCopySink),
      onSnapshot: sink instanceof RdbCopySink ? (bytes) => sink.take(bytes) : undefined,
      say: (message) => {
        clear();
        process.stderr.write(`${message}\n`);
      },
    };
    const before = positions?.read();
    for (let isRefused = false; ; isRefused = true) {
      source = await openSource(from, settings, isRefused);
      progress = new Progress(source, progressMode(words));
      clear = () => progress!.clear();
      const filtered = new FilteredSource(source, filters, kind);
      try {
        isDone = await runTransfer(filtered, sink, { filters, progress, interrupt, positions, limits });
        break;
      } catch (error) {
        if (!(error instanceof PsyncRefused) || sourceMode(words) !== 'auto') throw error;
        settings.say(`${error.message}; using SCAN${words.flag('once') ? '' : ' and keyspace events'}`);
        // The position is that of the earlier run again.
        if (before === undefined) positions?.remove();
        else positions?.save(before);
      } finally {
        for (const warning of filtered.leftOut) settings.say(`warning: ${warning}`);
      }
    }
  } finally {
    if (source instanceof LiveSource) source.close();
    http?.close();
    http?.closeAllConnections();
  }
  clear();
  if (!isDone && sink instanceof RdbCopySink && sink.isCopying) {
    sink.abandon();
    process.stderr.write(`${sink.name} was not written, as only a part of the snapshot had come\n`);
  } else await sink.close();
  for (const warning of source.warnings) process.stderr.write(`warning: ${warning}\n`);
  const losses = sink instanceof RdbSink || sink instanceof RdbCopySink ? [...sink.losses] : [];
  for (const [what, { keys, whole }] of losses)
    process.stderr.write(
      `${whole ? 'left out' : 'lost'}: ${what}: ${keys} ${keys === 1 ? 'key' : 'keys'} (see --rdb-version)\n`,
    );
  progress.counts.errors = errors.count;
  if (words.flag('json')) process.stdout.write(`${JSON.stringify({ done: isDone, ...progress.summary() })}\n`);
  else if (!words.flag('quiet')) process.stderr.write(`${progress.line()}\n`);
  return errors.count > 0 || losses.length > 0 ? 1 : isDone ? 0 : 130;
}

function statusOf(
  from: string,
  to: string,
  source: Source | undefined,
  progress: Progress | undefined,
  errors: number,
): Status {
  const hide = (place: string): string => place.replace(/:\/\/[^@/]*@/, '://***@');
  const link =
    source instanceof LiveSource
      ? { phase: source.phase, ...source.sums }
      : source instanceof EventsSource
        ? { phase: source.phase, passes: source.passCount, changedKeys: source.changedKeys }
        : {};
  return { from: hide(from), to: hide(to), ...link, ...progress?.summary(), errors };
}

async function openStatus(text: string, status: () => Status): Promise<Server> {
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text);
  if (match === null) throw new UsageError(`--http wants PORT or HOST:PORT, not '${text}'`);
  const [, host = '127.0.0.1', port] = match;
  const server = await serveStatus(Number(port), host.replace(/^\[|\]$/g, ''), status);
  // The system has chosen: nobody else can tell which one.
  const bound = server.address();
  if (Number(port) === 0 && typeof bound === 'object' && bound !== null)
    process.stderr.write(`progress at http://${host}:${bound.port}/\n`);
  return server;
}

function rdbVersionOf(words: Options): number {
  const version = words.number('rdb-version') ?? 10;
  if (version < VERSION_MIN || version > VERSION_MAX)
    throw new UsageError(`--rdb-version is from ${VERSION_MIN} to ${VERSION_MAX}`);
  return version;
}

interface OpenedSink {
  readonly sink: Sink;
  readonly kind: StreamTarget;
}

/** Whether the snapshot of a server may go into a file as it is. */
function copiesSnapshot(from: string, filters: Filters, words: Options): boolean {
  return !/^(rdb|aof|scan):/.test(from) && filters.isEmpty && words.flag('once');
}

async function openSink(to: string, words: Options, errors: Errors, copies: boolean): Promise<OpenedSink> {
  const [, kind, path] = /^(rdb|json|aof):(.+)$/.exec(to) ?? [];
  if (kind !== undefined && kind !== 'aof' && !words.flag('once') && !/^(rdb|aof|scan):/.test(words.text('from')!))
    throw new UsageError('a file cannot follow writes: add --once');
  const nowMs = (): number => Date.now();
  if (kind === 'rdb') {
    // Before the file is opened: a wrong option must not leave one.
    const version = rdbVersionOf(words);
    const output = openOutput(path);
    const sink = new RdbSink(output, { version, nowMs, compresses: true });
    return { sink: copies ? new RdbCopySink(output, version, sink) : sink, kind: 'server' };
  }
  const onUnfit = (record: { key: Uint8Array }, reason: string): void => errors.add(record.key, reason);
  if (kind === 'aof') return { sink: new RespSink(openOutput(path), { deletes: false, onUnfit }), kind: 'server' };
  if (kind === 'json') {
    return {
      sink: new JsonSink(openOutput(path), { format: 'kvasir', base64: false, nowMs, onUnfit }),
      kind: 'server',
    };
  }
  const mode = words.text('mode') ?? 'replace';
  if (!['replace', 'skip', 'merge'].includes(mode)) throw new UsageError("--mode is 'replace', 'skip' or 'merge'");
  const address = addressOf(to, sideOptions(words, 'to-password'));
  const { version, isCluster, isProxy } = await probeServer(address);
  const sinkOptions = {
    mode: mode as WriteMode,
    restoreVersion: version === undefined || words.flag('no-restore') ? 0 : restoreVersionOf(version),
    nowMs,
    onError: (key: Uint8Array, message: string) => errors.add(key, message),
  };
  const sink = isCluster
    ? await ClusterSink.open(address, sinkOptions)
    : new ServerSink(await Pipeline.open(address), sinkOptions);
  if (isCluster) return { sink, kind: 'cluster' };
  if (!(await takesTransactions(address))) return { sink, kind: 'old-proxy' };
  return { sink, kind: isProxy ? 'proxy' : 'server' };
}

/** Filters commands of a stream; keys are filtered by the transfer itself. */
class FilteredSource extends DerivedSource {
  private filter: StreamFilter | undefined;

  constructor(
    source: Source,
    private readonly filters: Filters,
    private readonly target: StreamTarget,
  ) {
    super(source);
  }

  /** Told to the user at the end. */
  get leftOut(): string[] {
    if (this.filter === undefined) return [];
    const { mixed, keyless } = this.filter;
    const told = mixed > 0 ? [`${mixed} commands had keys on both sides of the filter and were left out`] : [];
    if (keyless.size > 0) {
      const names = [...keyless].map(([name, count]) => `${count} ${name}`).join(', ');
      told.push(`the target takes no commands without keys, and these were left out: ${names}; compare with --verify`);
    }
    return told;
  }

  protected override derive(batch: Batch): Batch | Promise<Batch> {
    if (!batch.records.some(({ what }) => what === 'command' || what === 'function')) return batch;
    return this.filter === undefined ? this.deriveFirst(batch) : this.filtered(batch, this.filter);
  }

  /** The filter has the server's declarations of commands, which take a moment to load. */
  private async deriveFirst(batch: Batch): Promise<Batch> {
    const module = await import('./stream-filter.js');
    return this.filtered(batch, (this.filter = new module.StreamFilter(this.filters, this.target)));
  }

  private filtered(batch: Batch, filter: StreamFilter): Batch {
    const records: TransferRecord[] = [];
    for (const record of batch.records) {
      if (record.what === 'command') records.push(...filter.apply(record));
      else if (record.what !== 'function' || filter.takesFunctions()) records.push(record);
    }
    return { ...batch, records };
  }
}
