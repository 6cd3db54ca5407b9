// backup-name: the names of backups, which say all that is needed to find and open them.
//
//   redis-20260131T180000Z.rdb.gz.sealed           name, time (UTC), compression, encryption
//   redis-20260131T180000Z.rdb.gz.sealed.sha256    its checksum, as sha256sum writes it; it comes last and so makes the
//                                                  backup whole

export type Compression = 'none' | 'gzip' | 'brotli';

const suffixes: Readonly<Record<Compression, string>> = { none: '', gzip: '.gz', brotli: '.br' };
export const CHECKSUM_SUFFIX = '.sha256';

export interface BackupName {
  /** The name of the file. */
  readonly file: string;
  readonly name: string;
  /** When the snapshot was asked for, in whole seconds. */
  readonly timeMs: number;
  readonly compression: Compression;
  readonly isSealed: boolean;
}

export function isGoodName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name);
}

export function timeInName(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, '');
}

export function backupName(name: string, timeMs: number, compression: Compression, isSealed: boolean): BackupName {
  const whole = Math.floor(timeMs / 1000) * 1000;
  const file = `${name}-${timeInName(whole)}.rdb${suffixes[compression]}${isSealed ? '.sealed' : ''}`;
  return { file, name, timeMs: whole, compression, isSealed };
}

/** Undefined when the file is no backup. */
export function parseBackupName(file: string): BackupName | undefined {
  const match =
    /^([A-Za-z0-9][A-Za-z0-9._-]*)-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.rdb(\.gz|\.br)?(\.sealed)?$/.exec(file);
  if (match === null) return undefined;
  const [, name, year, month, day, hour, minute, second, suffix, sealed] = match;
  const timeMs = Date.parse(`${year!}-${month!}-${day!}T${hour!}:${minute!}:${second!}Z`);
  if (Number.isNaN(timeMs)) return undefined;
  const compression = suffix === '.gz' ? 'gzip' : suffix === '.br' ? 'brotli' : 'none';
  return { file, name: name!, timeMs, compression, isSealed: sealed !== undefined };
}

/** A time as users write it: ISO 8601 or with a space, UTC unless it has a zone, or `2h` ago; undefined when it is none. */
export function parseTime(text: string, nowMs: number): number | undefined {
  const ago = parseDuration(text.replace(/\s*ago$/, ''));
  if (ago !== undefined) return nowMs - ago;
  const compact = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (compact !== null) {
    const [, year, month, day, hour, minute, second] = compact;
    return Date.parse(`${year!}-${month!}-${day!}T${hour!}:${minute!}:${second!}Z`);
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
