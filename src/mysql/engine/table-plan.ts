// table-plan: the mapping of one table, ready to run: rows in, entries and commands out.

import type { MappingTarget, TableConfig } from '../config/sync-config.js';
import { feedChange, type ChangeOrigin } from '../mapping/change-feed.js';
import { changeEntry, type Entry, entryOf, type TakeCommand } from '../mapping/effects.js';
import { type MappedRecord, RecordMaker, shownOf } from '../mapping/record.js';
import type { TableSchema } from '../source/table-schema.js';
import { JsonText, sameValue, type Row, type Value } from '../values/value.js';

export type RowTransform = (row: Readonly<Record<string, unknown>>) => Record<string, Value> | null;

export const tableName = ({ database, table }: { database: string; table: string }): string => `${database}.${table}`;

/** Children of a parent row under their names, read by lookup. */
export type Children = ReadonlyMap<string, JsonText>;

export class TablePlan {
  readonly name: string;
  private readonly records: RecordMaker;
  /** Targets whose entries need rows of other tables. */
  readonly parents: readonly (MappingTarget & { kind: 'hash' | 'json' })[];

  constructor(
    readonly config: TableConfig,
    readonly schema: TableSchema,
    transform: RowTransform | undefined,
  ) {
    this.name = tableName(config);
    const names = schema.columns.map((column) => column.name);
    this.records = new RecordMaker(config, names, transform);
    this.parents = config.targets.filter(
      (target): target is MappingTarget & { kind: 'hash' | 'json' } =>
        'children' in target && target.children.length > 0,
    );
  }

  record(row: Row | undefined): MappedRecord | undefined {
    return row === undefined ? undefined : this.records.make(row);
  }

  entry(target: MappingTarget, record: MappedRecord | undefined, children?: Children): Entry | undefined {
    if (record === undefined) return undefined;
    if (children === undefined) return entryOf(target, this.config, record);
    const { names, values } = record.shown;
    const shown = new Map<string, Value>(names.map((name, index) => [name, values[index]!]));
    for (const [name, value] of children) shown.set(name, value);
    return entryOf(target, this.config, { fields: record.fields, shown: shownOf(shown) });
  }

  /**
   * The commands of a change. Targets with children get only the removal of what is gone; `dirty` names the rows to
   * look up.
   */
  change(
    before: Row | undefined,
    after: Row | undefined,
    origin: ChangeOrigin,
    take: TakeCommand,
    dirty: (target: MappingTarget, row: Row) => void,
  ): void {
    const old = this.record(before);
    const record = this.record(after);
    if (old === undefined && record === undefined) return;
    for (const target of this.config.targets) {
      const from = this.entry(target, old);
      const to = this.entry(target, record);
      if (target.kind === 'stream') {
        feedChange(target, from, to, origin, take);
        continue;
      }
      if ('children' in target && target.children.length > 0) {
        if (from !== undefined)
          changeEntry(target, from, to === undefined ? undefined : { ...to, ...keepOld(from, to) }, take);
        if (to !== undefined) dirty(target, after!);
        continue;
      }
      changeEntry(target, from, to, take);
    }
  }

  /** True when the rows differ in a column of that name. */
  differs(before: Row, after: Row, column: string): boolean {
    const place = this.schema.columns.findIndex(({ name }) => name === column);
    return place < 0 || !sameValue(before[place], after[place]);
  }
}

/** For a key that stays, the old content: the lookup writes the new one. For another key the old content is not written. */
function keepOld(from: Entry, to: Entry): Partial<Entry> {
  return from.key === to.key ? { value: from.value, fields: from.fields } : {};
}
