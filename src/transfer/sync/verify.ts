// verify: compares what two servers have, key by key, and can make the target like the source.
//
// Keys are read by SCAN and DUMP on the source and by DUMP on the target; the value counts, not its encoding. A key that was
// written meanwhile may look different: those are looked at once more before they are told.

import { isError, type Reply, replyText } from '../../client/reply.js';
import type { Filters } from '../filters.js';
import type { Pipeline } from '../link/pipeline.js';
import { bytesOf, elementsOf, listOf, numberOf } from '../link/replies.js';
import { valueOf } from '../record/decode.js';
import { Fingerprint } from '../record/fingerprint.js';
import { recordOfPayload } from '../record/payload.js';
import { type KeyRecord, NO_EXPIRY, type Sink } from '../record/record.js';

const KEYS_AT_ONCE = 500;
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
  /** Of each key, how likely it is looked at. */
  readonly share: number;
  readonly random: () => number;
  /** Where repairs go; undefined: nothing is changed. */
  readonly repairs: Sink | undefined;
  readonly onDifference: (database: number, key: Uint8Array, what: string) => void;
  readonly nowMs: () => number;
}

interface Side {
  record: KeyRecord | undefined;
  print: bigint;
}

async function readKeys(
  pipeline: Pipeline,
  database: number,
  keys: readonly Uint8Array[],
  nowMs: () => number,
): Promise<Side[]> {
  const payloads: (Uint8Array | undefined)[] = [];
  const ttls: number[] = [];
  pipeline.add(['SELECT', String(database)]);
  keys.forEach((key, index) => {
    pipeline.add(['DUMP', key], (reply: Reply) => (payloads[index] = isError(reply) ? undefined : bytesOf(reply)));
    pipeline.add(['PTTL', key], (reply: Reply) => (ttls[index] = numberOf(reply)));
  });
  await pipeline.drain();
  return keys.map((key, index) => {
    const payload = payloads[index];
    if (payload === undefined) return { record: undefined, print: 0n };
    const expireAtMs = ttls[index]! < 0 ? NO_EXPIRY : nowMs() + ttls[index]!;
    const record = recordOfPayload(payload, key, { database, expireAtMs });
    if (record === undefined) return { record, print: 0n };
    const print = new Fingerprint();
    print.take(valueOf(record));
    return { record, print: print.value };
  });
}

function difference(source: Side, target: Side): string | undefined {
  if (source.record === undefined) return undefined;
  if (target.record === undefined) return 'missing';
  if (source.print !== target.print) return 'value';
  const [a, b] = [source.record.expireAtMs, target.record.expireAtMs];
  const isAlike = a === b || (a !== NO_EXPIRY && b !== NO_EXPIRY && Math.abs(a - b) <= TTL_TOLERANCE_MS);
  return isAlike ? undefined : 'time to live';
}

async function* scanKeys(pipeline: Pipeline, database: number): AsyncGenerator<Uint8Array[], void> {
  await pipeline.must('SELECT', String(database));
  let cursor = '0';
  do {
    pipeline.add(['SELECT', String(database)]);
    const [next, list] = elementsOf(await pipeline.must('SCAN', cursor, 'COUNT', String(KEYS_AT_ONCE)));
    cursor = replyText(next);
    yield listOf(list);
  } while (cursor !== '0');
}

export async function verify(source: Pipeline, target: Pipeline, options: VerifyOptions): Promise<VerifyResult> {
  const { filters } = options;
  const result: VerifyResult = { compared: 0, different: 0, missing: 0, extra: 0, repaired: 0 };
  for (const database of options.databases) {
    if (!filters.passesDatabase(database)) continue;
    for await (const found of scanKeys(source, database)) {
      const keys = found.filter((key) => filters.passesName(key, database) && options.random() < options.share);
      await compare(keys, database, false);
    }
    if (options.share < 1) continue;
    await findExtra(database);
  }
  await options.repairs?.flush();
  return result;

  async function compare(keys: readonly Uint8Array[], database: number, isSecondLook: boolean): Promise<void> {
    const targetDatabase = filters.newDatabase(database);
    const ours = await readKeys(source, database, keys, options.nowMs);
    const theirs = await readKeys(
      target,
      targetDatabase,
      keys.map((key) => filters.newName(key)),
      options.nowMs,
    );
    const again: Uint8Array[] = [];
    for (const [index, key] of keys.entries()) {
      const what = difference(ours[index]!, theirs[index]!);
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

  /** Keys that only the target has; names that were changed on the way cannot be traced back. */
  async function findExtra(database: number): Promise<void> {
    if (filters.changesNames) return;
    for await (const found of scanKeys(target, database)) {
      const keys = found.filter((key) => filters.passesName(key, database));
      const exists: number[] = [];
      source.add(['SELECT', String(database)]);
      keys.forEach((key, index) => source.add(['EXISTS', key], (reply) => (exists[index] = numberOf(reply))));
      await source.drain();
      for (const [index, key] of keys.entries()) {
        if (exists[index] !== 0) continue;
        result.extra++;
        options.onDifference(database, key, 'extra');
        if (options.repairs === undefined) continue;
        target.add(['DEL', key]);
        result.repaired++;
      }
      await target.drain();
    }
  }
}
