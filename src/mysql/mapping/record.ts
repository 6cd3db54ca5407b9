// record: a row under the names that its targets use: columns chosen and renamed, values computed.

import type { TableConfig } from '../config/sync-config.js';
import type { Row, Value } from '../values/value.js';
import { isTrue } from './arithmetic.js';
import { ExpressionError, type Fields } from './expression.js';

/** A function of a user's module: the fields of a row, or null to leave it out. */
export type Transform = (row: Readonly<Record<string, unknown>>, about: { readonly table: string }) => unknown;

/** Names with their values, in order and each once. Rows of a table share the list of names as long as all have the same. */
export interface Shown {
  readonly names: readonly string[];
  readonly values: readonly Value[];
}

export function shownOf(entries: ReadonlyMap<string, Value>): Shown {
  return { names: [...entries.keys()], values: [...entries.values()] };
}

/** The fields of one row. */
export interface MappedRecord {
  /** Names for templates and expressions: all columns, computed values. */
  readonly fields: Fields;
  /** The fields of the hash or JSON object, in order. */
  readonly shown: Shown;
}

/** Makes records of rows of one table, whose columns are known. */
export class RecordMaker {
  private readonly places: ReadonlyMap<string, number>;
  private readonly shownNames: readonly string[];
  private readonly shownPlaces: readonly number[];

  constructor(
    private readonly config: TableConfig,
    columns: readonly string[],
    private readonly transform: ((row: Readonly<Record<string, unknown>>) => Record<string, Value> | null) | undefined,
  ) {
    this.places = new Map(columns.map((name, index) => [name, index]));
    const chosen = config.columns ?? columns.filter((name) => !config.exclude.includes(name));
    const shown = new Map<string, number>();
    for (const column of chosen) {
      const place = this.places.get(column);
      if (place !== undefined) shown.set(config.rename.get(column) ?? column, place);
    }
    this.shownNames = [...shown.keys()];
    this.shownPlaces = [...shown.values()];
  }

  private shownOf(row: Row): Shown {
    const { shownNames, shownPlaces } = this;
    const values: Value[] = [];
    for (const place of shownPlaces) {
      const value = row[place];
      if (value === undefined) return this.shownPart(row);
      values.push(value);
    }
    return { names: shownNames, values };
  }

  /** For an event that does not have all columns. */
  private shownPart(row: Row): Shown {
    const shown = new Map<string, Value>();
    this.shownPlaces.forEach((place, index) => {
      const value = row[place];
      if (value !== undefined) shown.set(this.shownNames[index]!, value);
    });
    return shownOf(shown);
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
    const own = this.shownOf(row);
    if (config.compute.length === 0 && this.transform === undefined) return { fields: column, shown: own };
    const shown = new Map<string, Value>(own.names.map((name, index) => [name, own.values[index]!]));
    const computed = new Map<string, Value>();
    const fields: Fields = (name) => computed.get(name) ?? (computed.has(name) ? null : column(name));
    for (const [name, expression] of config.compute) {
      const value = expression.evaluate(fields);
      computed.set(name, value);
      shown.set(name, value);
    }
    if (this.transform === undefined) return { fields, shown: shownOf(shown) };
    const all: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [name, place] of places) all[name] = row[place] ?? null;
    for (const [name, value] of computed) all[name] = value;
    const made = this.transform(all);
    if (made === null) return undefined;
    const given = new Map(Object.entries(made));
    return { fields: (name) => given.get(name) ?? (given.has(name) ? null : fields(name)), shown: shownOf(given) };
  }
}
