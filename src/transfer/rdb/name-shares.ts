// name-shares: divides the keys of files into shares by their names, so that only the names of one share are in memory at a time.
//
// Who compares files reads them once for each share. A file is read much faster than its names could be sorted on disk, and most
// files have one share: NAMES_BYTES_MAX is about 600,000 short names.

import type { KeyRecord } from '../record/record.js';
import { rdbFile } from '../sources/rdb-file.js';

/** What is kept of names at a time. */
export const NAMES_BYTES_MAX = 64 << 20;
/** Of a name beside its bytes. */
const NAME_COST = 100;

export class NameShares {
  private constructor(readonly count: number) {}

  /** Counts the names of the files, and makes so many shares that each fits. */
  static async of(paths: readonly string[], namesBytesMax = NAMES_BYTES_MAX): Promise<NameShares> {
    let bytes = 0;
    for (const path of paths) {
      const source = rdbFile(path, { skimsValues: true });
      source.packsStrings = true;
      for await (const { records, strings } of source.batches()) {
        for (const record of records)
          if (record.what === 'key' && (record.part === 'whole' || record.part === 'first'))
            bytes += NAME_COST + record.key.length;
        for (const list of strings ?? [])
          for (let index = 0; index < list.count; index++) bytes += NAME_COST + list.keyLength(index);
      }
    }
    return new NameShares(Math.max(1, Math.ceil(bytes / namesBytesMax)));
  }

  shareOf({ key, database }: KeyRecord): number {
    if (this.count === 1) return 0;
    // FNV-1a, whose low bits alone would follow those of the last letter.
    let hash = 0x811c9dc5 ^ database;
    for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
    hash ^= hash >>> 15;
    return (hash >>> 0) % this.count;
  }
}

export function nameOf({ database, key }: KeyRecord): string {
  return `${database}:${Buffer.from(key).toString('latin1')}`;
}
