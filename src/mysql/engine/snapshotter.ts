// snapshotter: reads tables whole, at one position, and makes their keys equal to them.
//
// Rows come in pages by the primary key (or as one stream without one), all in the same consistent read. The written
// keys and members are noted as hashes; afterwards a sweep removes those of the mapping that no row wrote: their rows
// were deleted while nobody watched. A table is marked stale before the first write, so that a crash in the middle
// begins it again.
import type { ZoneOf } from '../binlog/temporal.js';
import type { MappingTarget, SyncConfig } from '../config/sync-config.js';
import type { Position } from '../gtid/position.js';
import { changeEntry, type Entry } from '../mapping/effects.js';
import { feedChange } from '../mapping/change-feed.js';
import { sqlName, type SourceConnection } from '../source/source-connection.js';
import type { TableSchema } from '../source/table-schema.js';
import type { PlacedCommand, RedisTarget } from '../target/redis-target.js';
import type { Row } from '../values/value.js';
import { KeySet } from './key-set.js';
import { literal, type Lookups, readRow } from './lookups.js';
import type { TablePlan } from './table-plan.js';

const PAGE_ROWS = 2000;

/** Rows of a table in pages, in the consistent read of the connection. */
export async function* pagesOf(connection: SourceConnection, schema: TableSchema, zone: ZoneOf): AsyncGenerator<Row[]> {
  const columns = schema.columns.map(({ name }) => sqlName(name)).join(', ');
  const from = `${sqlName(schema.database)}.${sqlName(schema.table)}`;
  const key = schema.primaryKey;
  const types = key.map((name) => schema.columns.find((column) => column.name === name)?.dataType ?? '');
  // Comparing floats, enums or bits with their texts is no exact order: such tables come as one stream.
  const canPage =
    key.length > 0 &&
    types.every((type) => /^(?:(?:tiny|small|medium|big)?int|decimal|char|varchar|date|datetime)$/.test(type));
  if (!canPage) {
    let page: Row[] = [];
    for await (const cells of connection.stream(`SELECT ${columns} FROM ${from}`)) {
      page.push(readRow(cells, schema, zone));
      if (page.length < PAGE_ROWS) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
    return;
  }
  const names = key.map(sqlName).join(', ');
  const places = key.map((name) => schema.columns.findIndex((column) => column.name === name));
  let after = '';
  for (;;) {
    const cells = await connection.rows(`SELECT ${columns} FROM ${from} ${after} ORDER BY ${names} LIMIT ${PAGE_ROWS}`);
    if (cells.length > 0) yield cells.map((row) => readRow(row, schema, zone));
    if (cells.length < PAGE_ROWS) return;
    const last = readRow(cells[cells.length - 1]!, schema, zone);
    after = `WHERE (${names}) > (${places.map((place) => literal(last[place] ?? null)).join(', ')})`;
  }
}

/** The wanted content of one target. */
export class Wanted {
  readonly keys = new KeySet();
  readonly parts = new KeySet();

  add({ key, part }: Entry): void {
    this.keys.add(key);
    if (part !== undefined) this.parts.add(key, part);
  }
}

export interface SnapshotParts {
  readonly config: SyncConfig;
  readonly zone: ZoneOf;
  readonly target: RedisTarget;
  readonly connection: SourceConnection;
  readonly position: Position;
  readonly lookups: Lookups;
  readonly onRows: (rows: number) => void;
  readonly limit: (rows: number) => Promise<void>;
  readonly isAsked: () => boolean;
}

/** The snapshot was stopped before it was whole. */
export class SnapshotInterrupted extends Error {}

/** Writes all rows of a table; the result is what each target should hold. */
export async function copyTable(plan: TablePlan, parts: SnapshotParts): Promise<ReadonlyMap<MappingTarget, Wanted>> {
  const { config, target, connection, zone, lookups, position } = parts;
  const wanted = new Map(plan.config.targets.map((one) => [one, new Wanted()]));
  const emptied = new KeySet();
  // Rows are read and mapped while the target works on those before.
  let running = Promise.resolve();
  for await (const page of pagesOf(connection, plan.schema, zone)) {
    if (parts.isAsked())
      throw new SnapshotInterrupted('the snapshot was interrupted; it begins again at the next start');
    await parts.limit(page.length);
    let commands: PlacedCommand[] = [];
    let bytes = 0;
    const take = (words: PlacedCommand['words']): void => {
      commands.push({ key: words[1]!, words });
      for (const word of words) bytes += word.length;
    };
    const send = async (): Promise<void> => {
      await running;
      if (commands.length === 0) return;
      running = target.apply({ commands, state: new Map(), mark: undefined });
      running.catch(() => undefined); // told at the next send
      commands = [];
      bytes = 0;
    };
    const children = new Map(
      await Promise.all(
        plan.parents.map(
          async (one) => [one as MappingTarget, await lookups.read(connection, plan, one, page)] as const,
        ),
      ),
    );
    for (const [index, row] of page.entries()) {
      const record = plan.record(row);
      if (record === undefined) continue;
      for (const one of plan.config.targets) {
        const entry = plan.entry(one, record, children.get(one)?.[index]);
        if (entry === undefined) continue;
        if (one.kind === 'stream') {
          const origin = {
            table: plan.name,
            timestamp: 0,
            place: position.gtids ?? `${position.file}:${position.offset}`,
          };
          if (one.withSnapshot) feedChange(one, undefined, entry, origin, take);
          continue;
        }
        // A list does not show which elements an earlier try has added.
        if (one.kind === 'list' && !emptied.has(entry.key)) {
          emptied.add(entry.key);
          take(['DEL', entry.key]);
        }
        wanted.get(one)!.add(entry);
        changeEntry(one, undefined, entry, take);
      }
      if (bytes > config.limits.batchBytes || commands.length > config.limits.batchRows) await send();
    }
    await send();
    parts.onRows(page.length);
  }
  await running;
  return wanted;
}
