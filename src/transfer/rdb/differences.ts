// differences: which keys two files do not have alike. The first one's keys are held as fingerprints, those of one share at a time.

import { latin1 } from '../../base/bytes.js';
import { Fingerprint } from '../record/fingerprint.js';
import { valueOf } from '../record/decode.js';
import { type KeyRecord, type Source } from '../record/record.js';
import { rdbFile } from '../sources/rdb-file.js';
import { kindName } from '../record/values.js';
import { nameOf, NameShares } from './name-shares.js';

interface Seen {
  readonly kind: number;
  readonly expireAtMs: number;
  readonly print: bigint;
  /** Of fields that expire, where these times may differ a little; else they are in `print`. */
  readonly fieldTimes: ReadonlyMap<string, number> | undefined;
}

export interface Difference {
  readonly database: number;
  readonly key: Uint8Array;
  /** '-' only in the first, '+' only in the second, '~' in both but not alike. */
  readonly sign: '-' | '+' | '~';
  readonly what: string;
}

/** Visits each key of a source that is wanted once, with its fingerprint. */
async function forEachPrint(
  source: Source,
  isWanted: (record: KeyRecord) => boolean,
  toleranceMs: number,
  take: (record: KeyRecord, seen: Seen) => void,
): Promise<void> {
  let print = new Fingerprint();
  let fieldTimes: Map<string, number> | undefined;
  for await (const { records } of source.batches()) {
    for (const record of records) {
      if (record.what !== 'key' || !isWanted(record)) continue;
      if (record.part === 'whole' || record.part === 'first') {
        print = new Fingerprint(toleranceMs === 0);
        fieldTimes = undefined;
      }
      const value = valueOf(record);
      print.take(value);
      if (toleranceMs > 0 && value.kind === 'hash')
        for (const [index, expireAtMs] of value.expireAtMs.entries())
          if (expireAtMs > 0) (fieldTimes ??= new Map()).set(latin1(value.fields[index]!), expireAtMs);
      if (record.part === 'whole' || record.part === 'last')
        take(record, { kind: record.kind, expireAtMs: record.expireAtMs, print: print.value, fieldTimes });
    }
  }
}

export async function* differences(
  first: string,
  second: string,
  /** Milliseconds by which times to live may differ. */
  toleranceMs: number,
  namesBytesMax?: number,
): AsyncGenerator<Difference, void> {
  const shares = await NameShares.of([first, second], namesBytesMax);
  for (let share = 0; share < shares.count; share++) yield* differencesOf(first, second, toleranceMs, shares, share);
}

async function* differencesOf(
  first: string,
  second: string,
  toleranceMs: number,
  shares: NameShares,
  share: number,
): AsyncGenerator<Difference, void> {
  const isWanted = (record: KeyRecord): boolean => shares.shareOf(record) === share;
  const seen = new Map<string, Seen>();
  await forEachPrint(rdbFile(first), isWanted, toleranceMs, (record, print) => seen.set(nameOf(record), print));
  const found: Difference[] = [];
  await forEachPrint(rdbFile(second), isWanted, toleranceMs, (record, now) => {
    const name = nameOf(record);
    const before = seen.get(name);
    seen.delete(name);
    const { database, key } = record;
    if (before === undefined) found.push({ database, key, sign: '+', what: kindName(now.kind) });
    else if (before.kind !== now.kind)
      found.push({ database, key, sign: '~', what: `type: ${kindName(before.kind)}, ${kindName(now.kind)}` });
    else if (before.print !== now.print) found.push({ database, key, sign: '~', what: 'value' });
    else if (!haveNearlyEqualFields(before, now, toleranceMs))
      found.push({ database, key, sign: '~', what: 'fields expire' });
    else if (!nearlyEqual(before.expireAtMs, now.expireAtMs, toleranceMs))
      found.push({ database, key, sign: '~', what: `expires: ${before.expireAtMs}, ${now.expireAtMs}` });
  });
  yield* found;
  for (const [name, { kind }] of seen) {
    const colon = name.indexOf(':');
    const key = Buffer.from(name.slice(colon + 1), 'latin1');
    yield { database: Number(name.slice(0, colon)), key, sign: '-', what: kindName(kind) };
  }
}

function nearlyEqual(a: number, b: number, toleranceMs: number): boolean {
  return a === b || (a >= 0 && b >= 0 && Math.abs(a - b) <= toleranceMs);
}

/** The fields that expire are the same, as the fingerprints are equal. */
function haveNearlyEqualFields(before: Seen, now: Seen, toleranceMs: number): boolean {
  for (const [field, expireAtMs] of before.fieldTimes ?? [])
    if (!nearlyEqual(expireAtMs, now.fieldTimes?.get(field) ?? -1, toleranceMs)) return false;
  return true;
}
