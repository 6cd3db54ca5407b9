// backup-name: the names of backups, which say all that is needed to find and open them.
//
//   redis-20260131T180000Z.rdb.gz.sealed           name, time (UTC), compression, encryption
//   redis-20260131T180000Z.rdb.gz.age              the same, encrypted by age
//   redis-20260131T180000Z.rdb.gz.sealed.sha256    its checksum, as sha256sum writes it; it comes last and so makes the
//                                                  backup whole
//   redis-20260131T180000Z.shard2of3.rdb.gz        the part that one master of a cluster holds
//   redis-20260131T180000Z.cluster.sha256          the checksums of all parts, which come last in the same way

export type Compression = 'none' | 'gzip' | 'brotli';

/** How a backup is encrypted: in our own format (seal.ts), or in that of age. */
export type Sealing = 'sealed' | 'age';

const suffixes: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', brotli: '.br' };
export const CHECKSUM_SUFFIX = '.sha256';

/** Which part of a cluster a file holds, counted from 1. */
export interface ShardNumber {
  readonly index: number;
  readonly count: number;
}

export interface BackupName {
  /** The name of the file. */
  readonly file: string;
  readonly name: string;
  /** When the snapshot was asked for, in whole seconds. */
  readonly timeMs: number;
  readonly compression: Compression;
  /** Undefined: not encrypted. */
  readonly sealing: Sealing | undefined;
  readonly shard: ShardNumber | undefined;
}

export function isGoodName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
}

export function timeInName(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

export function backupName(
  name: string,
  timeMs: number,
  form: {
    readonly compression: Compression;
    readonly sealing: Sealing | undefined;
    readonly shard?: ShardNumber | undefined;
  },
): BackupName {
  const { compression, sealing, shard } = form;
  const whole = Math.floor(timeMs / 1000) * 1000;
  const part = shard === undefined ? '' : `.shard${shard.index}of${shard.count}`;
  const file = `${name}-${timeInName(whole)}${part}.rdb${suffixes[compression]}${sealing === undefined ? '' : `.${sealing}`}`;
  return { file, name, timeMs: whole, compression, sealing, shard };
}

/** The name of all parts of a cluster together; no file has it, but their checksums have it before the suffix. */
export function clusterLabel(name: string, timeMs: number): string {
  return `${name}-${timeInName(timeMs)}.cluster`;
}

function timeOf(parts: readonly (string | undefined)[]): number | undefined {
  const [year, month, day, hour, minute, second] = parts;
  const timeMs = Date.parse(`${year!}-${month!}-${day!}T${hour!}:${minute!}:${second!}Z`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

const STEM = String.raw`^([A-Za-z0-9][A-Za-z0-9._-]*)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z`;
const FILE = new RegExp(
  String.raw`${STEM}(?:\.shard([1-9]\d{0,3})of([1-9]\d{0,3}))?\.rdb(\.gz|\.br)?(?:\.(sealed|age))?$`,
);
const LABEL = new RegExp(String.raw`${STEM}\.cluster$`);

/** Undefined when the file is no backup. */
export function parseBackupName(file: string): BackupName | undefined {
  const match = FILE.exec(file);
  if (match === null) return undefined;
  const [, name, , , , , , , index, count, suffix, sealing] = match;
  const timeMs = timeOf(match.slice(2, 8));
  if (timeMs === undefined || Number(index) > Number(count)) return undefined;
  const compression = suffix === '.gz' ? 'gzip' : suffix === '.br' ? 'brotli' : 'none';
  const shard = index === undefined ? undefined : { index: Number(index), count: Number(count) };
  return { file, name: name!, timeMs, compression, sealing: sealing as Sealing | undefined, shard };
}

/** The name and time of a cluster's label; undefined when the text is none. */
export function parseClusterLabel(label: string): { readonly name: string; readonly timeMs: number } | undefined {
  const match = LABEL.exec(label);
  const timeMs = match === null ? undefined : timeOf(match.slice(2, 8));
  return timeMs === undefined ? undefined : { name: match![1]!, timeMs };
}

/** A time as users write it: ISO 8601 or with a space, UTC unless it has a zone, or `2h` ago; undefined when it is none. */
export function parseTime(text: string, nowMs: number): number | undefined {
  const ago = parseDuration(text.replace(/\s*ago$/, ''));
  if (ago !== undefined) return nowMs - ago;
  const compact = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (compact !== null) {
    return timeOf(compact.slice(1));
  }
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?\s*(Z|[+-]\d\d:?\d\d)?$/.exec(text.trim());
  if (match === null) return undefined;
  const timeMs = Date.parse(`${match[1]!}T${match[2] ?? '00:00'}${match[3] ?? 'Z'}`);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

const unitsMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `90s`, `15m`, `1h`, `2d` in milliseconds; undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6}(?:\.\d+)?)\s*([smhdw])$/.exec(text.trim());
  return match === null ? undefined : Math.round(Number(match[1]) * unitsMs[match[2]!]!);
}
