// verify: compares tables and keys.
//
// One consistent read gives the wanted content; Redis must have it, and nothing else in the keys of the mapping. While a process
// follows, keys may be ahead of or behind the read, so what differs is looked at again in further passes, and only what differs in all
// of them, in the same way, counts.
import type { ZoneOf } from '../binlog/temporal.js';
import { isError, type Reply, replyText } from '../../client/reply.js';
import { elementsOf, listOf } from '../../transfer/link/replies.js';
import type { MappingTarget, SyncConfig } from '../config/sync-config.js';
import { type Command, type Entry, wordBytes } from '../mapping/effects.js';
import { beginConsistentRead } from '../source/consistent-read.js';
import type { ServerFacts } from '../source/server-facts.js';
import type { SourceAddress } from '../source/source-connection.js';
import { readSchemas } from '../source/table-schema.js';
import type { RedisTarget } from '../target/redis-target.js';
import { shownWord } from '../target/state-commands.js';
import { KeyOwners } from './key-owner.js';
import { Lookups } from './lookups.js';
import { pagesOf, Wanted } from './snapshotter.js';
import { leftoversOf } from './sweep.js';
import { type RowTransform, tableName, TablePlan } from './table-plan.js';

export interface Difference {
  readonly table: string;
  readonly kind: 'missing' | 'different' | 'extra';
  readonly key: string;
}

export interface VerifyResult {
  readonly rows: number;
  readonly entries: number;
  readonly differences: readonly Difference[];
}

const CHUNK = 1000;

function readCommand(target: MappingTarget, { key, part }: Entry): Command {
  switch (target.kind) {
    case 'hash':
      return { key, words: ['HGETALL', key] };
    case 'json':
    case 'string':
      return { key, words: ['GET', key] };
    case 'field':
      return { key, words: ['HGET', key, part!] };
    case 'set':
      return { key, words: ['SISMEMBER', key, part!] };
    case 'zset':
      return { key, words: ['ZSCORE', key, part!] };
    case 'list':
    case 'stream':
      return { key, words: ['EXISTS', key] };
  }
}

const same = (reply: Reply, wanted: string | Uint8Array): boolean =>
  reply.kind === 'bulk' && Buffer.compare(Buffer.from(reply.bytes), Buffer.from(wordBytes(wanted))) === 0;

function isSame(target: MappingTarget, entry: Entry, reply: Reply): 'missing' | 'different' | undefined {
  const mayBeGone = entry.ttlMs !== undefined || entry.expireAtMs !== undefined;
  if (isError(reply)) return 'different';
  switch (target.kind) {
    case 'hash': {
      const list = listOf(reply);
      if (list.length === 0) return mayBeGone || entry.fields!.names.length === 0 ? undefined : 'missing';
      const found = new Map<string, Uint8Array>();
      for (let index = 0; index + 1 < list.length; index += 2)
        found.set(Buffer.from(list[index]!).toString('utf8'), list[index + 1]!);
      if (!target.isShared && found.size !== entry.fields!.names.length) return 'different';
      for (const [index, name] of entry.fields!.names.entries()) {
        const bytes = found.get(name);
        const wanted = wordBytes(entry.fields!.words[index]!);
        if (bytes === undefined || Buffer.compare(Buffer.from(bytes), Buffer.from(wanted)) !== 0) return 'different';
      }
      return undefined;
    }
    case 'json':
    case 'string':
    case 'field':
      if (reply.kind === 'nil') return mayBeGone ? undefined : 'missing';
      return same(reply, entry.value!) ? undefined : 'different';
    case 'set':
      return replyText(reply) === '1' ? undefined : 'missing';
    case 'zset':
      if (reply.kind === 'nil') return 'missing';
      return Number(replyText(reply)) === Number(entry.value) ? undefined : 'different';
    case 'list':
      return replyText(reply) === '1' ? undefined : 'missing';
    case 'stream':
      return undefined;
  }
}

export interface VerifyParts {
  readonly config: SyncConfig;
  readonly zone: ZoneOf;
  readonly facts: ServerFacts;
  readonly address: SourceAddress;
  readonly target: RedisTarget;
  readonly transforms: ReadonlyMap<string, RowTransform>;
  /** Only these tables; all when undefined. */
  readonly only: ReadonlySet<string> | undefined;
}

/** One pass over all tables. */
export async function verifyOnce(parts: VerifyParts): Promise<VerifyResult> {
  const { config, zone, facts, address, target, transforms } = parts;
  const children = config.tables.flatMap(({ targets }) =>
    targets.flatMap((one) => ('children' in one ? one.children.map(({ table }) => table) : [])),
  );
  const all = [
    ...config.tables,
    ...children.map((name) => ({
      database: name.slice(0, name.indexOf('.')),
      table: name.slice(name.indexOf('.') + 1),
    })),
  ];
  const { connection } = await beginConsistentRead(config.source, address, facts, all);
  const differences: Difference[] = [];
  let rows = 0;
  let entries = 0;
  try {
    const schemas = await readSchemas(connection, all);
    const plans = config.tables.map((table) => {
      const nothing = {
        database: table.database,
        table: table.table,
        columns: [],
        primaryKey: [],
        uniqueKeys: [],
        engine: '',
      };
      return new TablePlan(table, schemas.get(tableName(table)) ?? nothing, transforms.get(tableName(table)));
    });
    const owners = new KeyOwners(plans);
    const lookups = new Lookups(() => plans, schemas, zone, children);
    for (const plan of plans) {
      if (parts.only?.has(plan.name) === false) continue;
      const wanted = new Map(plan.config.targets.map((one) => [one, new Wanted()]));
      const lists = new Map<string, string[]>();
      const pages = schemas.has(plan.name) ? pagesOf(connection, plan.schema, zone) : [];
      for await (const page of pages) {
        rows += page.length;
        const kids = new Map(
          await Promise.all(
            plan.parents.map(
              async (one) => [one as MappingTarget, await lookups.read(connection, plan, one, page)] as const,
            ),
          ),
        );
        const asked: { target: MappingTarget; entry: Entry }[] = [];
        for (const [index, row] of page.entries()) {
          const record = plan.record(row);
          for (const one of plan.config.targets) {
            const entry = plan.entry(one, record, kids.get(one)?.[index]);
            if (entry === undefined || one.kind === 'stream') continue;
            wanted.get(one)!.add(entry);
            if (one.kind === 'list') {
              const id = Buffer.from(wordBytes(entry.key)).toString('latin1');
              const list = lists.get(id) ?? [];
              list.push(Buffer.from(wordBytes(entry.part!)).toString('latin1'));
              lists.set(id, list);
            } else asked.push({ target: one, entry });
          }
        }
        entries += asked.length;
        for (let at = 0; at < asked.length; at += CHUNK) {
          const chunk = asked.slice(at, at + CHUNK);
          const replies = await target.read(chunk.map((one) => readCommand(one.target, one.entry)));
          chunk.forEach((one, index) => {
            const kind = isSame(one.target, one.entry, replies[index]!);
            if (kind !== undefined)
              differences.push({ table: plan.name, kind, key: nameOf(one.entry.key, one.entry.part) });
          });
        }
      }
      await compareLists(plan, lists, target, differences);
      for (const one of plan.config.targets)
        for await (const { key, part } of leftoversOf(plan, one, wanted.get(one)!, owners, target))
          differences.push({ table: plan.name, kind: 'extra', key: nameOf(key, part) });
    }
  } finally {
    connection.close();
  }
  return { rows, entries, differences };
}

const nameOf = (key: string | Uint8Array, part: string | Uint8Array | undefined): string =>
  part === undefined ? shownWord(key) : `${shownWord(key)} ${shownWord(part)}`;

/** Lists are compared as bags: a snapshot has another order than changes. */
async function compareLists(
  plan: TablePlan,
  lists: ReadonlyMap<string, string[]>,
  target: RedisTarget,
  differences: Difference[],
): Promise<void> {
  for (const [id, wanted] of lists) {
    const key = Buffer.from(id, 'latin1');
    const [reply] = await target.read([{ key, words: ['LRANGE', key, '0', '-1'] }]);
    const found = elementsOf(reply).map((one) => replyText(one));
    if (JSON.stringify(found.sort()) === JSON.stringify([...wanted].sort())) continue;
    differences.push({ table: plan.name, kind: found.length === 0 ? 'missing' : 'different', key: shownWord(key) });
  }
}

/** The differences that every pass finds. */
export async function verify(parts: VerifyParts, passes: number, wait: () => Promise<void>): Promise<VerifyResult> {
  let result = await verifyOnce(parts);
  for (let pass = 1; pass < passes && result.differences.length > 0; pass++) {
    await wait();
    const only = new Set(result.differences.map(({ table }) => table));
    const again = await verifyOnce({ ...parts, only });
    const ids = new Set(again.differences.map(({ table, kind, key }) => `${table} ${kind} ${key}`));
    result = {
      ...result,
      differences: result.differences.filter(({ table, kind, key }) => ids.has(`${table} ${kind} ${key}`)),
    };
  }
  return result;
}
