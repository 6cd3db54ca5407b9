// sync-state: what Redis holds of a synchronization, as fields of one hash.
//
//   owner              token of the process that writes
//   position           {"file","offset","gtids"}: everything up to there is in the keys
//   rows               row changes of the transaction after the position that are applied already (transactions beyond a bound)
//   source             server_uuid or server id of the source that file and offset belong to
//   table:DB.TABLE     {"status": "ready"|"stale", "from": position, "columns": [...]}
//   xa:ID              tables of a prepared transaction
//   seen               wall time of the last sign of life, milliseconds

import type { Position } from '../gtid/position.js';
import { makeColumn, type StoredColumn, type TableSchema } from '../source/table-schema.js';

export interface TableState {
  /** stale: must be read anew, and its events until then are left out. */
  readonly status: 'ready' | 'stale';
  /** Events up to here are in the keys by the snapshot. */
  readonly from: Position | undefined;
  readonly schema: TableSchema | undefined;
  readonly reason: string | undefined;
}

interface StoredTable {
  readonly status: 'ready' | 'stale';
  readonly from?: Position;
  readonly reason?: string;
  readonly columns?: StoredColumn[];
  readonly primaryKey?: string[];
  readonly uniqueKeys?: string[][];
  readonly nullableUniqueKeys?: string[][];
  readonly engine?: string;
}

export class SyncState {
  position: Position | undefined;
  rows = 0;
  source: string | undefined;
  readonly tables = new Map<string, TableState>();
  readonly prepared = new Map<string, string[]>();

  static read(fields: ReadonlyMap<string, string>): SyncState {
    const state = new SyncState();
    for (const [name, value] of fields) {
      if (name === 'position') state.position = readJson<Position>(name, value);
      else if (name === 'rows') state.rows = Number(value) || 0;
      else if (name === 'source') state.source = value;
      else if (name.startsWith('table:'))
        state.tables.set(name.slice(6), readTable(name.slice(6), readJson(name, value)));
      else if (name.startsWith('xa:')) state.prepared.set(name.slice(3), readJson<string[]>(name, value));
    }
    return state;
  }
}

function readJson<T>(name: string, text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`the field ${name} of the state is broken: remove it, or the whole state for a new snapshot`);
  }
}

function readTable(name: string, stored: StoredTable): TableState {
  const dot = name.indexOf('.');
  const schema =
    stored.columns === undefined
      ? undefined
      : {
          database: name.slice(0, dot),
          table: name.slice(dot + 1),
          columns: stored.columns.map(makeColumn),
          primaryKey: stored.primaryKey ?? [],
          uniqueKeys: stored.uniqueKeys ?? [],
          nullableUniqueKeys: stored.nullableUniqueKeys ?? [],
          engine: stored.engine ?? '',
        };
  return { status: stored.status, from: stored.from, schema, reason: stored.reason };
}

export function positionField(position: Position): string {
  const { file, offset, gtids } = position;
  return JSON.stringify(gtids === undefined ? { file, offset } : { file, offset, gtids });
}

export function tableField({ status, from, schema, reason }: TableState): string {
  const stored: StoredTable = {
    status,
    ...(from === undefined ? {} : { from }),
    ...(reason === undefined ? {} : { reason }),
    ...(schema === undefined
      ? {}
      : {
          columns: schema.columns.map(({ name, dataType, columnType, charset, isGenerated }) => ({
            name,
            dataType,
            columnType,
            charset: charset ?? null,
            isGenerated,
          })),
          primaryKey: [...schema.primaryKey],
          uniqueKeys: schema.uniqueKeys.map((key) => [...key]),
          nullableUniqueKeys: (schema.nullableUniqueKeys ?? []).map((key) => [...key]),
          engine: schema.engine,
        }),
  };
  return JSON.stringify(stored);
}
