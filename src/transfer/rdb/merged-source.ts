// merged-source: several RDB files as one; a key that stands in several comes from the last of them.

import { type Batch, type Source, type TransferRecord } from '../record/record.js';
import { fileSize } from '../sources/file-chunks.js';
import { rdbFile } from '../sources/rdb-file.js';
import { nameOf, NameShares } from './name-shares.js';

export class MergedSource implements Source {
  readonly totalKeys = undefined;
  readonly totalBytes: number;
  readonly warnings: string[] = [];
  /** The names of keys that are in memory: at most so many at any time. */
  namesMost = 0;

  constructor(
    private readonly paths: readonly string[],
    private readonly namesBytesMax?: number,
  ) {
    this.totalBytes = paths.reduce((sum, path) => sum + fileSize(path), 0);
  }

  get name(): string {
    return this.paths.join(' + ');
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const shares = await NameShares.of(this.paths, this.namesBytesMax);
    for (let share = 0; share < shares.count; share++) yield* this.keysOf(share, shares);
  }

  private async *keysOf(share: number, shares: NameShares): AsyncGenerator<Batch, void> {
    const seen = new Set<string>();
    let before = share * this.totalBytes;
    let isSkipping = false;
    const passes = (record: TransferRecord, isLastFile: boolean): boolean => {
      if (record.what === 'function') return isLastFile && share === 0;
      if (record.what !== 'key') return false;
      if (record.part === 'more' || record.part === 'last') return !isSkipping;
      isSkipping = shares.shareOf(record) !== share;
      if (isSkipping) return false;
      const name = nameOf(record);
      isSkipping = seen.has(name);
      seen.add(name);
      return !isSkipping;
    };
    for (const [index, path] of [...this.paths].reverse().entries()) {
      const source = rdbFile(path);
      for await (const batch of source.batches()) {
        const records = batch.records.filter((record) => passes(record, index === 0));
        yield { records, sourceBytes: Math.floor((before + batch.sourceBytes) / shares.count) };
      }
      before += fileSize(path);
      if (share === 0) this.warnings.push(...source.warnings);
    }
    this.namesMost = Math.max(this.namesMost, seen.size);
  }
}
