// verify: compares what two servers have, key by key, and can make the target like the source.
//
// Keys are read by SCAN and DUMP on the source and by DUMP on the target; the value counts, not its encoding. A key that was
// written meanwhile may look different: those are looked at once more before they are reported.

import type { Filters } from '../filters.js';
import type { KeyAccess } from '../link/key-access.js';
import { valueOf } from '../record/decode.js';
import { Fingerprint } from '../record/fingerprint.js';
import { type KeyRecord, NO_EXPIRY, type Sink } from '../record/record.js';
import { extraKeys } from './extra-keys.js';

const TTL_TOLERANCE_MS = 2000;

export interface VerifyResult {
  compared: number;
  different: number;
  missing: number;
  extra: number;
  repaired: number;
}

export interface VerifyOptions {
  readonly filters: Filters;
  readonly databases: readonly number[];
  readonly targetDatabases: readonly number[];
  /** Of each key, how likely it is looked at. */
  readonly share: number;
  readonly random: () => number;
  /** Where repairs go; undefined: nothing is changed. */
  readonly repairs: Sink | undefined;
  readonly onDifference: (database: number, key: Uint8Array, what: string) => void;
}

interface Side {
  readonly record: KeyRecord | undefined;
  readonly print: bigint;
}

async function readKeys(side: KeyAccess, database: number, keys: readonly Uint8Array[]): Promise<Side[]> {
  return (await side.read(database, keys)).map(({ record }) => {
    if (record === undefined) return { record, print: 0n };
    const print = new Fingerprint();
    print.take(valueOf(record));
    return { record, print: print.value };
  });
}

function difference(source: Side, target: Side, ignoresExpiry: boolean): string | undefined {
  if (source.record === undefined) return undefined;
  if (target.record === undefined) return 'missing';
  if (source.print !== target.print) return 'value';
  if (ignoresExpiry) return undefined;
  const [a, b] = [source.record.expireAtMs, target.record.expireAtMs];
  const isAlike = a === b || (a !== NO_EXPIRY && b !== NO_EXPIRY && Math.abs(a - b) <= TTL_TOLERANCE_MS);
  return isAlike ? undefined : 'time to live';
}

export async function verify(source: KeyAccess, target: KeyAccess, options: VerifyOptions): Promise<VerifyResult> {
  const { filters } = options;
  const result: VerifyResult = { compared: 0, different: 0, missing: 0, extra: 0, repaired: 0 };
  for (const database of options.databases) {
    if (!filters.passesDatabase(database)) continue;
    for await (const found of source.scan(database)) {
      const keys = found.filter((key) => filters.passesName(key, database) && options.random() < options.share);
      await compare(keys, database, false);
    }
  }
  if (options.share === 1) for (const database of options.targetDatabases) await findExtra(database);
  await options.repairs?.flush();
  return result;

  async function compare(keys: readonly Uint8Array[], database: number, isSecondLook: boolean): Promise<void> {
    const targetDatabase = filters.newDatabase(database);
    const ours = await readKeys(source, database, keys);
    const theirs = await readKeys(
      target,
      targetDatabase,
      keys.map((key) => filters.newName(key)),
    );
    const again: Uint8Array[] = [];
    for (const [index, key] of keys.entries()) {
      const found = ours[index]!.record;
      if (found !== undefined && !filters.accepts(found)) continue;
      const what = difference(ours[index]!, theirs[index]!, filters.dropsExpiry);
      if (!isSecondLook) result.compared++;
      if (what === undefined) continue;
      if (!isSecondLook) {
        again.push(key);
        continue;
      }
      if (what === 'missing') result.missing++;
      else result.different++;
      options.onDifference(database, key, what);
      if (options.repairs === undefined) continue;
      const record = { ...ours[index]!.record!, database: targetDatabase, key: filters.newName(key) };
      await options.repairs.write({ records: [record], sourceBytes: 0 });
      result.repaired++;
    }
    if (again.length > 0) await compare(again, database, true);
  }

  /** Keys that only the target has. */
  async function findExtra(database: number): Promise<void> {
    for await (const extras of extraKeys(source, target, filters, database)) {
      for (const key of extras) {
        result.extra++;
        options.onDifference(database, key, 'extra');
      }
      if (options.repairs === undefined) continue;
      await target.remove(database, extras);
      result.repaired += extras.length;
    }
  }
}
