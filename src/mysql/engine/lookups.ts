// lookups: keys that hold a row with its children ("order with its items"), rendered by asking MySQL again.
//
// A change of a child names its parent; right before the batch is sent, all changed parents are read with their
// children in one consistent read, and their keys are written anew. These rows may be younger than the batch: the later
// changes name the parent again, so the key is right in the end.
import type { ZoneOf } from '../binlog/temporal.js';
import type { ChildrenConfig, MappingTarget } from '../config/sync-config.js';
import { changeEntry, recordJson } from '../mapping/effects.js';
import { sqlName, sqlText, type SourceConnection, type SqlRow } from '../source/source-connection.js';
import type { TableSchema } from '../source/table-schema.js';
import { readTextValue } from '../source/text-value.js';
import type { PlacedCommand } from '../target/redis-target.js';
import { JsonText, type Row, type Value } from '../values/value.js';
import { valueText } from '../values/value-text.js';
import type { Children, TablePlan } from './table-plan.js';

type ParentTarget = MappingTarget & { readonly kind: 'hash' | 'json' };

/** A link from a child table to a target of its parent. */
export interface ChildLink {
  /** Notes the parent of a child's row. */
  mark(row: Row): void;
}

interface Dirty {
  readonly plan: TablePlan;
  readonly target: ParentTarget;
  readonly columns: readonly string[];
  readonly values: readonly Value[];
}

const PARENTS_AT_ONCE = 200;

/** A value as a SQL literal. */
export function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString('hex')}'`;
  if (typeof value === 'number' || typeof value === 'bigint') return valueText(value);
  return sqlText(valueText(value));
}

export class Lookups {
  private dirty = new Map<string, Dirty>();
  readonly childTables: readonly string[];

  constructor(
    private readonly plans: () => readonly TablePlan[],
    private readonly schemas: ReadonlyMap<string, TableSchema>,
    private readonly zone: ZoneOf,
    childTables: readonly string[],
  ) {
    this.childTables = childTables;
  }

  schemaOf(name: string): TableSchema | undefined {
    return this.schemas.get(name);
  }

  /** The tables whose keys hold rows of this one. */
  parentsOf(name: string): string[] {
    if (!this.childTables.includes(name)) return [];
    return this.plans()
      .filter((plan) => plan.parents.some((target) => target.children.some(({ table }) => table === name)))
      .map((plan) => plan.name);
  }

  childrenOf(name: string): ChildLink[] {
    if (!this.childTables.includes(name)) return [];
    const schema = this.schemas.get(name);
    return this.plans().flatMap((plan) =>
      plan.parents.flatMap((target) =>
        target.children
          .filter(({ table }) => table === name)
          .map(({ by }) => ({
            mark: (row: Row): void => {
              const values = by.map(
                ([column]) => row[schema?.columns.findIndex((one) => one.name === column) ?? -1] ?? null,
              );
              if (!values.includes(null))
                this.add(
                  plan,
                  target,
                  by.map(([, column]) => column),
                  values,
                );
            },
          })),
      ),
    );
  }

  markParent(plan: TablePlan, target: MappingTarget, row: Row): void {
    const columns =
      plan.schema.primaryKey.length > 0 ? plan.schema.primaryKey : plan.schema.columns.map(({ name }) => name);
    const values = columns.map((column) => row[plan.schema.columns.findIndex(({ name }) => name === column)] ?? null);
    this.add(plan, target as ParentTarget, columns, values);
  }

  private add(plan: TablePlan, target: ParentTarget, columns: readonly string[], values: readonly Value[]): void {
    const id = `${plan.name} ${target.path} ${columns.join()} ${values.map(literal).join()}`;
    this.dirty.set(id, { plan, target, columns, values });
  }

  get isEmpty(): boolean {
    return this.dirty.size === 0;
  }

  clear(): void {
    this.dirty.clear();
  }

  /** The commands that write all parents that changed. */
  async commands(connection: () => Promise<SourceConnection>): Promise<PlacedCommand[]> {
    if (this.dirty.size === 0) return [];
    const work = [...this.dirty.values()];
    this.dirty = new Map();
    const commands: PlacedCommand[] = [];
    const source = await connection();
    await source.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    try {
      for (let at = 0; at < work.length; at += PARENTS_AT_ONCE)
        for (const group of sameKind(work.slice(at, at + PARENTS_AT_ONCE))) await this.group(source, group, commands);
    } finally {
      await source.rows('ROLLBACK');
    }
    return commands;
  }

  private async group(source: SourceConnection, group: readonly Dirty[], commands: PlacedCommand[]): Promise<void> {
    const { plan, target, columns } = group[0]!;
    const keys = group.map(({ values }) => `(${values.map(literal).join(', ')})`).join(', ');
    const names = plan.schema.columns.map(({ name }) => sqlName(name)).join(', ');
    const found = await source.rows(
      `SELECT ${names} FROM ${sqlName(plan.config.database)}.${sqlName(plan.config.table)} WHERE (${columns.map(sqlName).join(', ')}) IN (${keys})`,
    );
    const rows = found.map((row) => readRow(row, plan.schema, this.zone));
    const children = await this.read(source, plan, target, rows);
    rows.forEach((row, index) => {
      const entry = plan.entry(target, plan.record(row), children[index]!);
      changeEntry(target, undefined, entry, (words) => void commands.push({ key: words[1]!, words }));
    });
  }

  /** The children of each of the rows. */
  async read(
    source: SourceConnection,
    plan: TablePlan,
    target: ParentTarget,
    rows: readonly Row[],
  ): Promise<Children[]> {
    const made = rows.map(() => new Map<string, JsonText>());
    for (const config of target.children) {
      const lists = await this.childRows(source, plan, config, rows);
      rows.forEach((_, index) => made[index]!.set(config.name, new JsonText(`[${lists[index]!.join(',')}]`)));
    }
    return made;
  }

  private async childRows(
    source: SourceConnection,
    plan: TablePlan,
    config: ChildrenConfig,
    rows: readonly Row[],
  ): Promise<string[][]> {
    const schema = this.schemas.get(config.table);
    const lists = rows.map((): string[] => []);
    if (schema === undefined || rows.length === 0) return lists;
    const parentPlaces = config.by.map(([, column]) => plan.schema.columns.findIndex(({ name }) => name === column));
    const childPlaces = config.by.map(([column]) => schema.columns.findIndex(({ name }) => name === column));
    const idOf = (row: Row, places: readonly number[]): string =>
      places.map((place) => literal(row[place] ?? null)).join();
    const byKey = new Map<string, string[]>();
    rows.forEach((row, index) => {
      const id = idOf(row, parentPlaces);
      const known = byKey.get(id);
      if (known === undefined) byKey.set(id, lists[index]!);
      else lists[index] = known;
    });
    const keys = rows.map((row) => `(${idOf(row, parentPlaces)})`).join(', ');
    const columns = schema.columns.map(({ name }) => sqlName(name)).join(', ');
    const order = config.orderBy.length > 0 ? config.orderBy : schema.primaryKey;
    const orderText = order.length > 0 ? ` ORDER BY ${order.map(orderColumn).join(', ')}` : '';
    const found = await source.rows(
      `SELECT ${columns} FROM ${sqlName(schema.database)}.${sqlName(schema.table)} ` +
        `WHERE (${config.by.map(([column]) => sqlName(column)).join(', ')}) IN (${keys})${orderText}`,
    );
    const shownPlaces = [...schema.columns.keys()].filter(
      (place) => config.columns === undefined || config.columns.includes(schema.columns[place]!.name),
    );
    const names = shownPlaces.map((place) => schema.columns[place]!.name);
    for (const cells of found) {
      const row = readRow(cells, schema, this.zone);
      const shown = { names, values: shownPlaces.map((place) => row[place] ?? null) };
      byKey.get(idOf(row, childPlaces))?.push(recordJson(shown, plan.config));
    }
    return lists;
  }
}

/** `column`, or `column desc`. */
function orderColumn(text: string): string {
  const match = /^(\S+)\s+(asc|desc)$/i.exec(text.trim());
  return match === null ? sqlName(text.trim()) : `${sqlName(match[1]!)} ${match[2]!.toUpperCase()}`;
}

export function readRow(cells: SqlRow, schema: TableSchema, zone: ZoneOf): Row {
  return cells.map((cell, index) => readTextValue(cell, schema.columns[index]!, zone));
}

function sameKind(work: readonly Dirty[]): Dirty[][] {
  const groups = new Map<string, Dirty[]>();
  for (const one of work) {
    const id = `${one.plan.name} ${one.target.path} ${one.columns.join()}`;
    groups.set(id, [...(groups.get(id) ?? []), one]);
  }
  return [...groups.values()];
}
