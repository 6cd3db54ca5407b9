// record: a row under the names that its targets use: columns chosen and renamed, values computed.

import type { TableConfig } from '../config/sync-config.js';
import type { Row, Value } from '../values/value.js';
import { isTrue } from './arithmetic.js';
import { ExpressionError, type Fields } from './expression.js';

/** A function of a user's module: the fields of a row, or null to leave it out. */
export type Transform = (row: Readonly<Record<string, unknown>>, about: { readonly table: string }) => unknown;

/** The fields of one row. */
export interface MappedRecord {
  /** What templates and expressions may name: all columns, computed values. */
  readonly fields: Fields;
  /** What becomes a hash or a JSON object, in order. */
  readonly shown: ReadonlyMap<string, Value>;
}

/** Makes records of rows of one table, whose columns are known. */
export class RecordMaker {
  private readonly places: ReadonlyMap<string, number>;
  private readonly shownColumns: readonly { readonly name: string; readonly place: number }[];

  constructor(
    private readonly config: TableConfig,
    columns: readonly string[],
    private readonly transform: ((row: Readonly<Record<string, unknown>>) => Record<string, Value> | null) | undefined,
  ) {
    this.places = new Map(columns.map((name, index) => [name, index]));
    const chosen = config.columns ?? columns.filter((name) => !config.exclude.includes(name));
    this.shownColumns = chosen.flatMap((column) => {
      const place = this.places.get(column);
      return place === undefined ? [] : [{ name: config.rename.get(column) ?? column, place }];
    });
  }

  /** The record of a row; undefined when the filter leaves it out. */
  make(row: Row): MappedRecord | undefined {
    const { config, places } = this;
    const column: Fields = (name) => {
      const place = places.get(name);
      if (place === undefined) return undefined;
      const value = row[place];
      if (value === undefined) throw new ExpressionError(`the binlog has no value of column '${name}'`);
      return value;
    };
    if (config.where !== undefined && isTrue(config.where.evaluate(column)) !== true) return undefined;
    const shown = new Map<string, Value>();
    for (const { name, place } of this.shownColumns) {
      const value = row[place];
      if (value !== undefined) shown.set(name, value);
    }
    const computed = new Map<string, Value>();
    const fields: Fields = (name) => computed.get(name) ?? (computed.has(name) ? null : column(name));
    for (const [name, expression] of config.compute) {
      const value = expression.evaluate(fields);
      computed.set(name, value);
      shown.set(name, value);
    }
    if (this.transform === undefined) return { fields, shown };
    const given: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, place] of places) given[name] = row[place] ?? null;
    for (const [name, value] of computed) given[name] = value;
    const made = this.transform(given);
    if (made === null) return undefined;
    const own = new Map(Object.entries(made));
    return { fields: (name) => own.get(name) ?? (own.has(name) ? null : fields(name)), shown: own };
  }
}
