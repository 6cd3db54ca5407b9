// open-source: the source that `--from` and `--source-mode` name.

import { tmpdir } from 'node:os';
import { Filters } from '../filters.js';
import { KeyAccess } from '../link/key-access.js';
import type { ServerAddress } from '../link/address.js';
import { Pipeline } from '../link/pipeline.js';
import { probeServer } from '../link/probe.js';
import { type Options, UsageError } from '../program/options.js';
import type { PositionFile } from '../program/position-file.js';
import type { Interrupt } from '../program/program.js';
import { type Position, type Source, TransferError } from '../record/record.js';
import { rdbFile } from '../sources/rdb-file.js';
import { ScanSource } from '../sources/scan-source.js';
import { EventsSource } from './events-source.js';
import { extraKeys } from './extra-keys.js';
import type { DatabaseKey } from './fences.js';
import { LiveSource } from './live-source.js';

const AWAY_SECONDS = 600;

export interface SourceSettings {
  readonly words: Options;
  readonly filters: Filters;
  readonly positions: PositionFile | undefined;
  readonly interrupt: Interrupt;
  readonly address: (place: string) => ServerAddress;
  /** The target, when it is a server whose keys are made like those of the source. */
  readonly target: ServerAddress | undefined;
  /** Makes sure that the target has everything that was written. */
  readonly flush: () => Promise<void>;
  readonly say: (message: string) => void;
  /** The sink takes plain strings as places. */
  readonly packsStrings: boolean;
  /** Gets the bytes of a snapshot that goes into a file as it is. */
  readonly onSnapshot: ((bytes: Uint8Array) => void) | undefined;
}

const nowMs = (): number => Date.now();

export function sourceMode(words: Options): 'auto' | 'psync' | 'scan' {
  const mode = words.text('source-mode') ?? 'auto';
  if (mode !== 'auto' && mode !== 'psync' && mode !== 'scan')
    throw new UsageError("--source-mode is 'auto', 'psync' or 'scan'");
  return mode;
}

/** The target is a file that holds the data of one moment, and no changes. */
function keepsOneMoment(words: Options): boolean {
  return /^(rdb|json):/.test(words.text('to') ?? '');
}

/** Opens what `from` names; `isRefused`: the server has refused to replicate. */
export async function openSource(from: string, settings: SourceSettings, isRefused: boolean): Promise<Source> {
  const { words, filters, positions } = settings;
  const [, kind, path] = /^(rdb|aof|scan):(.+)$/.exec(from) ?? [];
  if (kind === 'rdb') {
    // A server checks what it gets; a file must not take over damage.
    const source = rdbFile(path!, { skimsValues: settings.target !== undefined && !filters.looksAtValues });
    source.packsStrings = settings.packsStrings;
    return source;
  }
  if (kind === 'aof') {
    // The server's engine takes a moment to load.
    const { AofDataSource } = await import('../sources/aof-engine.js');
    return new AofDataSource(path!, {
      scriptSeconds: words.number('script-seconds'),
      isStopping: () => settings.interrupt.isAsked,
    });
  }
  const address = settings.address(path ?? from);
  const { isCluster } = await probeServer(address);
  const mode = sourceMode(words);
  if (kind === 'scan' && mode === 'psync') throw new UsageError('scan:SERVER is no source for --source-mode psync');
  if (kind === 'scan' || mode === 'scan' || isRefused) return scanSource(address, isCluster, settings);
  const saved = positions?.read();
  const place = saved !== undefined && (saved.offset !== undefined || saved.links !== undefined) ? saved : undefined;
  const isLive = !words.flag('once');
  if (isLive && filters.looksAtValues)
    throw new TransferError(
      'filters by type, size, elements and ttl cannot follow writes: add --source-mode scan or --once',
      2,
    );
  begin(positions, { ...(saved ?? { id: '?', offset: -1 }) });
  const { interrupt, say } = settings;
  const source = new LiveSource(address, {
    isCluster,
    spoolFolder: words.text('spool') ?? tmpdir(),
    from: place ?? saved,
    stopsAfterSnapshot: !isLive,
    // Filters that look at values cannot judge the changes. In a cluster the stream shows slots that move from a master that has
    // been copied to another.
    isSnapshotOnly: !isLive && (filters.looksAtValues || (keepsOneMoment(words) && !isCluster)),
    skimsValues: !filters.looksAtValues,
    packsStrings: settings.packsStrings && !isCluster,
    onSnapshot: settings.onSnapshot,
    isStopping: () => interrupt.isAsked,
    passes: (key, database) => filters.passesName(key, database),
    extras: isMirror(settings) ? (isOurs) => extrasOf(address, settings, isOurs) : undefined,
    allKeys: isMirror(settings) ? (isOurs) => keysOf(settings, isOurs) : undefined,
    awayMs: (words.number('reconnect') ?? AWAY_SECONDS) * 1000,
    say,
  });
  interrupt.onAsk(() => source.stop());
  return source;
}

async function scanSource(address: ServerAddress, isCluster: boolean, settings: SourceSettings): Promise<Source> {
  const { words, filters, positions, interrupt, say } = settings;
  const follows = !words.flag('once') && !keepsOneMoment(words);
  const saved = positions?.read();
  if (!follows && !isCluster)
    return new ScanSource(await Pipeline.open(address), {
      databases: undefined,
      match: filters.serverPattern,
      count: 1000,
      nowMs,
      from: saved?.cursor === undefined ? undefined : saved,
      mayBeginAnew: true,
      withFunctions: true,
      mayRepeat: settings.target !== undefined,
      isStopping: () => interrupt.isAsked,
    });
  if (follows) begin(positions, { events: 0 });
  const source = new EventsSource(address, {
    from: saved,
    follows,
    isAssumed: words.flag('assume-events'),
    passes: (key, database) => filters.passesName(key, database),
    accepts: filters.looksAtValues ? (record) => filters.accepts(record) : undefined,
    match: filters.serverPattern,
    extras: isMirror(settings) ? () => extrasOf(address, settings, () => true) : undefined,
    awayMs: (words.number('reconnect') ?? AWAY_SECONDS) * 1000,
    nowMs,
    isStopping: () => interrupt.isAsked,
    say,
  });
  interrupt.onAsk(() => source.stop());
  return source;
}

/** From here on the target may have more than the position says. */
function begin(positions: PositionFile | undefined, position: Position): void {
  const noted = Object.entries(position).filter(([name]) => name !== 'clean');
  positions?.save(Object.fromEntries(noted));
}

/** Whether keys that the source does not have are deleted from the target. */
function isMirror({ words, target }: SourceSettings): boolean {
  return target !== undefined && !words.flag('keep-extra') && (words.text('mode') ?? 'replace') === 'replace';
}

async function* extrasOf(
  address: ServerAddress,
  settings: SourceSettings,
  isOurs: (key: Uint8Array) => boolean,
): AsyncGenerator<DatabaseKey[], void> {
  await settings.flush();
  const source = await KeyAccess.open(address, nowMs);
  const target = await KeyAccess.open(settings.target!, nowMs);
  try {
    for (const database of await target.databases())
      for await (const names of extraKeys(source, target, settings.filters, database))
        yield originalsOf(names, database, settings.filters, isOurs);
  } finally {
    source.close();
    target.close();
  }
}

async function* keysOf(
  settings: SourceSettings,
  isOurs: (key: Uint8Array) => boolean,
): AsyncGenerator<DatabaseKey[], void> {
  await settings.flush();
  const target = await KeyAccess.open(settings.target!, nowMs);
  try {
    for (const database of await target.databases())
      for await (const names of target.scan(database)) yield originalsOf(names, database, settings.filters, isOurs);
  } finally {
    target.close();
  }
}

/** Names of the target by those that they have in the source; one stands for all that arrive under it. */
function originalsOf(
  names: readonly Uint8Array[],
  database: number,
  filters: Filters,
  isOurs: (key: Uint8Array) => boolean,
): DatabaseKey[] {
  return names.flatMap((name) =>
    filters
      .originals(name, database)
      .filter(({ key }) => isOurs(key))
      .slice(0, 1),
  );
}
