// follower: turns the stream of a source's transactions into batches of commands.
//
// Effects of a transaction wait until its end, and go into one batch together with its position. A transaction beyond a bound of
// bytes goes in parts, with the number of its rows that are applied in the state, so that a crash repeats none of them.
//
// A table about which rows do not tell everything becomes stale: its events are left out from then on, and `needsSnapshot` asks the
// caller to read it anew. That this is so stands in the state from the same transaction on.
import type { EventHeader } from '../binlog/event.js';
import { hasAllColumns, readRows, type RowChange, type RowsHead } from '../binlog/rows.js';
import { sameTable, type TableMap } from '../binlog/table-map.js';
import type { ZoneOf } from '../binlog/temporal.js';
import type { MappingTarget, SyncConfig } from '../config/sync-config.js';
import { type Flavor, isReached, type Position, positionText } from '../gtid/position.js';
import { wordBytes } from '../mapping/effects.js';
import { keySlot } from '../../base/key-slot.js';
import type { StreamHandler } from '../source/stream-reader.js';
import { fits, schemaOfMap, type TableSchema } from '../source/table-schema.js';
import type { PlacedCommand } from '../target/redis-target.js';
import type { Row } from '../values/value.js';
import type { Batcher } from './batcher.js';
import type { Cascade } from './dependencies.js';
import type { Lookups } from './lookups.js';
import { readStatement, type Statement } from './statement.js';
import { type SyncState, tableField } from './sync-state.js';
import { TablePlan, type RowTransform } from './table-plan.js';

/** An event that the configuration says to stop at: the message names it and the next step. */
export class StoppedAt extends Error {}

export interface FollowerParts {
  readonly config: SyncConfig;
  readonly flavor: Flavor;
  readonly zone: ZoneOf;
  readonly state: SyncState;
  readonly plans: Map<string, TablePlan>;
  readonly transforms: ReadonlyMap<string, RowTransform>;
  readonly batcher: Batcher;
  readonly lookups: Lookups;
  readonly marks: ReadonlyMap<number, string>;
  readonly charsets: ReadonlyMap<number, string>;
  cascades: readonly Cascade[];
  /** Reads the foreign keys anew. */
  readCascades(): Promise<void>;
  /** Names (`db.name`, small letters) of views, triggers' tables and routines that touch a mapped table. */
  readonly dependents: Map<string, Set<string>>;
  readonly lowerCaseNames: boolean;
  warn(text: string): void;
  now(): number;
  onEvent(header: EventHeader): void;
}

interface OpenTransaction {
  readonly start: Position;
  readonly startText: string;
  readonly gtid: string | undefined;
  commands: PlacedCommand[];
  rows: number;
  /** Row changes of mapped tables so far, applied ones included. */
  seenRows: number;
  bytes: number;
  readonly tables: Set<string>;
}

export class Follower implements StreamHandler {
  private transaction: OpenTransaction | undefined;
  private last: Position;
  /** Rows of the first transaction that are applied already. */
  private skipRows: number;
  private readonly marks = new Map<number, { position: Position; rows: number }>();
  readonly stale = new Set<string>();
  /** Schemas that table maps with names have described: each event has a map of its own, and nearly all are the same. */
  private readonly named = new Map<string, { map: TableMap; known: TableSchema; schema: TableSchema }>();
  readonly counts = { transactions: 0, rows: 0, statements: 0, ddl: 0 };

  constructor(private readonly parts: FollowerParts) {
    this.last = parts.state.position!;
    this.skipRows = parts.state.rows;
    for (const [name, { status }] of parts.state.tables) if (status === 'stale') this.stale.add(name);
    for (const [slot, text] of parts.marks) {
      const { rows, ...position } = JSON.parse(text) as Position & { rows: number };
      if (!isReached(position, this.last, parts.flavor) || rows > 0) this.marks.set(slot, { position, rows });
    }
  }

  get position(): Position {
    return this.last;
  }

  begin(gtid: string | undefined): void {
    this.transaction = {
      start: this.last,
      startText: positionText(this.last),
      gtid,
      commands: [],
      rows: 0,
      seenRows: 0,
      bytes: 0,
      tables: new Set(),
    };
  }

  private get open(): OpenTransaction {
    if (this.transaction === undefined) this.begin(undefined);
    return this.transaction!;
  }

  /** The name under which a table of an event is mapped. */
  private nameOf(map: TableMap): string {
    const name = `${map.database}.${map.table}`;
    return this.parts.lowerCaseNames ? name.toLowerCase() : name;
  }

  /** True when the snapshot of a table has the events of this transaction already. */
  private isInSnapshot(name: string): boolean {
    const from = this.parts.state.tables.get(name)?.from;
    return from !== undefined && !isReached(from, this.open.start, this.parts.flavor);
  }

  rows(head: RowsHead, map: TableMap, header: EventHeader): void | Promise<void> {
    const name = this.nameOf(map);
    this.parts.onEvent(header);
    const cascades = this.parts.cascades.filter((one) => one.parent === name);
    for (const cascade of cascades) this.cascade(cascade, head, map);
    const plan = this.parts.plans.get(name);
    const children = this.parts.lookups.childrenOf(name);
    if (plan === undefined && children.length === 0) return undefined;
    const transaction = this.open;
    transaction.tables.add(name);
    if (this.stale.has(name) || this.isInSnapshot(name)) return undefined;
    const schema = this.schemaFor(name, map, plan);
    if (schema === undefined) return undefined;
    if (!hasAllColumns(head) && this.misses(head, schema)) {
      throw new StoppedAt(
        `the binlog has only a part of the columns of ${name} at ${positionText(transaction.start)}: set binlog_row_image=FULL on the source`,
      );
    }
    const changes = readRows(head, map, schema.columns, this.parts.zone);
    const apply = plan === undefined ? undefined : this.applier(plan, header);
    for (const change of changes) {
      const index = transaction.seenRows++;
      if (this.skipRows > index) continue;
      for (const child of children) {
        if (change.before !== undefined) child.mark(change.before);
        if (change.after !== undefined) child.mark(change.after);
      }
      apply?.(change, index);
    }
    if (plan !== undefined) {
      transaction.rows += changes.length;
      transaction.bytes += head.rows.bytes.length;
      this.counts.rows += changes.length;
    }
    return transaction.bytes > this.parts.config.limits.transactionBytes ? this.part(transaction, header) : undefined;
  }

  /** True when a column that is stored is missing from the images. */
  private misses(head: RowsHead, schema: { columns: readonly { isGenerated: boolean }[] }): boolean {
    return schema.columns.some(({ isGenerated }, index) => {
      const bit = 1 << (index & 7);
      const isThere = (head.beforeColumns[index >> 3]! & bit) !== 0 && (head.afterColumns[index >> 3]! & bit) !== 0;
      return !isThere && !isGenerated;
    });
  }

  private schemaFor(name: string, map: TableMap, plan: TablePlan | undefined): TablePlan['schema'] | undefined {
    const known = plan?.schema ?? this.parts.lookups.schemaOf(name) ?? this.parts.state.tables.get(name)?.schema;
    if (map.optional.names !== undefined) {
      const last = this.named.get(name);
      if (last !== undefined && last.known === known && sameTable(last.map, map)) return last.schema;
      const named = schemaOfMap(map, known, this.parts.charsets)!;
      const isKnown =
        known !== undefined &&
        named.columns.length === known.columns.length &&
        named.columns.every((column, index) => column.name === known.columns[index]!.name);
      if (isKnown) this.named.set(name, { map, known, schema: named });
      if (isKnown) return named;
    } else if (known !== undefined && fits(map, known)) return known;
    this.markStale(name, 'its columns in the binlog are not those that are known');
    return undefined;
  }

  /** Applies the rows of one event. */
  private applier(plan: TablePlan, header: EventHeader): (change: RowChange, index: number) => void {
    const transaction = this.open;
    let row = 0;
    const origin = {
      table: plan.name,
      timestamp: header.timestamp,
      place: transaction.gtid ?? `${transaction.start.file}:${header.endPosition}`,
    };
    const take = (words: PlacedCommand['words']): void => {
      const key = words[1]!;
      if (this.hasSlotDone(key, transaction, row)) return;
      transaction.commands.push({ key, words });
      for (const word of words) transaction.bytes += word.length;
    };
    const dirty = (target: MappingTarget, changed: Row): void => this.parts.lookups.markParent(plan, target, changed);
    return ({ before, after }, index) => {
      row = index;
      plan.change(before, after, origin, take, dirty);
    };
  }

  /** In a cluster: the slot has this change since before a crash. */
  private hasSlotDone(key: PlacedCommand['key'], { start }: OpenTransaction, row: number): boolean {
    if (this.marks.size === 0) return false;
    const slot = keySlot(wordBytes(key));
    const mark = this.marks.get(slot);
    if (mark === undefined) return false;
    if (!isReached(mark.position, start, this.parts.flavor)) return true;
    if (isReached(start, mark.position, this.parts.flavor) && row < mark.rows) return true;
    return false;
  }

  private async part(transaction: OpenTransaction, header: EventHeader): Promise<void> {
    const { batcher } = this.parts;
    batcher.add(
      transaction.commands,
      transaction.rows,
      transaction.bytes,
      this.last,
      transaction.seenRows,
      header.timestamp,
    );
    transaction.commands = [];
    transaction.rows = 0;
    transaction.bytes = 0;
    await batcher.drain();
  }

  markStale(name: string, reason: string): void {
    if (!this.parts.plans.has(name) && !this.parts.lookups.parentsOf(name).length) return;
    for (const one of this.parts.plans.has(name) ? [name] : this.parts.lookups.parentsOf(name)) {
      if (this.stale.has(one)) continue;
      this.stale.add(one);
      const known = this.parts.state.tables.get(one);
      const state = { status: 'stale' as const, from: known?.from, schema: known?.schema, reason };
      this.parts.state.tables.set(one, state);
      this.parts.batcher.setState(`table:${one}`, tableField(state));
      this.parts.warn(`${one}: ${reason}; it will be read anew`);
    }
  }

  private cascade(cascade: Cascade, head: RowsHead, map: TableMap): void {
    const { config } = this.parts;
    if (config.source.cascades === 'ignore' || this.stale.has(cascade.child) || this.isInSnapshot(cascade.child))
      return;
    const isHit =
      (head.kind === 'delete' && cascade.onDelete) ||
      (head.kind === 'update' && cascade.onUpdate && this.changesKey(cascade, head, map));
    if (!isHit) return;
    const reason = `a foreign key changed rows in cascade with ${cascade.parent}, which the binlog does not tell`;
    if (config.source.cascades === 'stop') throw new StoppedAt(`${cascade.child}: ${reason}`);
    this.markStale(cascade.child, reason);
  }

  /** Whether an update changes a referenced column; true when that cannot be seen. */
  private changesKey(cascade: Cascade, head: RowsHead, map: TableMap): boolean {
    const schema = this.parts.plans.get(cascade.parent)?.schema ?? cascade.parentSchema;
    if (schema === undefined || !fits(map, schema)) return true;
    const places = cascade.columns.map((column) => schema.columns.findIndex(({ name }) => name === column));
    const start = head.rows.position;
    const changes = readRows(head, map, schema.columns, this.parts.zone);
    head.rows.position = start;
    const text = (row: Row, place: number): string =>
      JSON.stringify(row[place], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    return changes.some(({ before, after }) =>
      places.some((place) => place < 0 || text(before!, place) !== text(after!, place)),
    );
  }

  statement(database: string, sql: string): void | Promise<void> {
    const statement = readStatement(sql, database);
    if (statement.isDefinition) this.define(statement);
    if (statement.kind === 'other') return undefined;
    this.concern(statement, sql);
    // Foreign keys may have changed with the tables.
    return statement.kind === 'changes' ? undefined : this.parts.readCascades();
  }

  /** Notes under which names a new trigger, view or routine can change a mapped table. */
  private define({ names }: Statement): void {
    for (const table of [...this.parts.plans.keys(), ...this.parts.lookups.childTables]) {
      const lower = table.toLowerCase();
      if (!names.has(lower) && ![...names].some((name) => name.endsWith(lower.slice(lower.indexOf('.'))))) continue;
      const known = this.parts.dependents.get(lower) ?? new Set();
      for (const name of names) if (name !== lower) known.add(name);
      this.parts.dependents.set(lower, known);
    }
  }

  private concern(statement: Statement, sql: string): void {
    const named = [...this.parts.plans.keys(), ...this.parts.lookups.childTables].filter((name) => {
      const lower = name.toLowerCase();
      if (statement.kind === 'database') return lower.startsWith(`${statement.database}.`) && statement.verb === 'DROP';
      if (statement.names.has(lower)) return true;
      if (statement.kind !== 'changes') return false;
      for (const dependent of this.parts.dependents.get(lower) ?? []) if (statement.names.has(dependent)) return true;
      return false;
    });
    if (named.length === 0) return;
    const { source } = this.parts.config;
    const shown = sql.length > 200 ? `${sql.slice(0, 200)}...` : sql;
    for (const name of named) {
      if (this.isInSnapshot(name) || this.stale.has(name)) continue;
      if (statement.kind === 'changes') {
        this.counts.statements++;
        if (source.statementEvents === 'stop')
          throw new StoppedAt(
            `the binlog has a change of ${name} as a statement, not as rows, at ${positionText(this.open.start)}: ${shown}\n` +
              `Set binlog_format=ROW on the source, or statement_events: resnapshot in the configuration.`,
          );
        this.markStale(name, `the binlog has a change of it as a statement (binlog_format is not ROW): ${shown}`);
      } else {
        this.counts.ddl++;
        if (source.ddl === 'stop')
          throw new StoppedAt(
            `the definition of ${name} changes at ${positionText(this.open.start)}: ${shown}\nStart again with ddl: follow to read it anew.`,
          );
        if (!(source.ddl === 'follow' && isHarmless(sql))) this.markStale(name, `its definition changed: ${shown}`);
      }
    }
  }

  load(database: string, sql: string): void | Promise<void> {
    if (sql === '') {
      for (const name of this.parts.plans.keys()) this.markStale(name, 'the binlog has a LOAD DATA of unknown tables');
      return undefined;
    }
    return this.statement(database, sql);
  }

  partlyUndone(): void {
    const { transaction } = this;
    if (transaction === undefined) return;
    for (const name of transaction.tables) this.markStale(name, 'a transaction was undone in part');
    transaction.commands = [];
    transaction.rows = 0;
  }

  commit(position: Position, header: EventHeader): void | Promise<void> {
    this.counts.transactions++;
    this.parts.onEvent(header);
    this.finish(position, header.timestamp);
    return this.after();
  }

  private finish(position: Position, timestamp: number): void {
    const { transaction } = this;
    this.transaction = undefined;
    this.skipRows = 0;
    this.last = position;
    this.parts.state.position = position;
    this.parts.batcher.add(
      transaction?.commands ?? [],
      transaction?.rows ?? 0,
      transaction?.bytes ?? 0,
      position,
      0,
      timestamp,
    );
  }

  private after(): void | Promise<void> {
    if (this.parts.batcher.isFull) return this.parts.batcher.room();
    return undefined;
  }

  prepared(xid: string, position: Position): void | Promise<void> {
    const tables = [...(this.transaction?.tables ?? [])];
    if (this.transaction !== undefined) {
      this.transaction.commands = [];
      this.transaction.rows = 0;
    }
    if (tables.length > 0) {
      this.parts.state.prepared.set(xid, tables);
      this.parts.batcher.setState(`xa:${xid}`, JSON.stringify(tables));
    }
    this.finish(position, 0);
    return this.after();
  }

  decided(xid: string, isCommitted: boolean, position: Position): void | Promise<void> {
    const tables = this.parts.state.prepared.get(xid) ?? [];
    this.parts.state.prepared.delete(xid);
    if (tables.length > 0) this.parts.batcher.setState(`xa:${xid}`, undefined);
    if (isCommitted) for (const name of tables) this.markStale(name, 'a prepared XA transaction was committed');
    this.finish(position, 0);
    return this.after();
  }

  /** Nothing changed, so the place is noted only now and then: the caller does that with `note`. */
  moved(position: Position, isFile: boolean): void {
    this.last = position;
    this.parts.state.position = position;
    if (isFile) this.note();
  }

  /** Puts the position into the next batch. */
  note(): void {
    if (this.transaction !== undefined) return;
    this.parts.batcher.add([], 0, 0, this.last, 0, 0);
  }
}

/** DDL after which rows and columns are what they were. */
function isHarmless(sql: string): boolean {
  if (
    /^\s*(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?INDEX|DROP\s+INDEX|ANALYZE|OPTIMIZE)\b/i.test(
      sql,
    )
  )
    return true;
  return /^\s*ALTER\s+TABLE\s+\S+\s+(?:ADD\s+(?:UNIQUE\s+)?(?:INDEX|KEY)\b|DROP\s+(?:INDEX|KEY)\b|ENGINE\s*=|COMMENT\s*=|AUTO_INCREMENT\s*=)[^,]*$/i.test(
    sql,
  );
}
