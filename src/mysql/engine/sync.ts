// sync: one synchronization from its start to its end: connect, take snapshots where they are needed, follow, and begin again after
// losses.
//
// A round begins with the state in Redis and holds nothing over from the round before, so a crash and a lost connection are the same.
import { randomBytes } from 'node:crypto';
import { EventDecoder } from '../binlog/event-decoder.js';
import type { BinlogEvent } from '../binlog/event.js';
import type { ZoneOf } from '../binlog/temporal.js';
import type { MappingTarget, SyncConfig } from '../config/sync-config.js';
import { ConfigError } from '../config/yaml-reader.js';
import { type Position, positionText } from '../gtid/position.js';
import { BinlogDump, BinlogPurged } from '../source/binlog-dump.js';
import { beginConsistentRead } from '../source/consistent-read.js';
import { readEnd, readFacts, type ServerFacts } from '../source/server-facts.js';
import {
  addressesOf,
  addressName,
  type SourceAddress,
  SourceConnection,
  SourceLost,
  SourceRefused,
  SourceUntrusted,
} from '../source/source-connection.js';
import { StreamReader } from '../source/stream-reader.js';
import { readCollations, readSchemas, type TableSchema } from '../source/table-schema.js';
import { openTarget } from '../target/open-target.js';
import { type RedisTarget, TargetLost, TargetUntrusted } from '../target/redis-target.js';
import { zoneOf } from '../values/time-zone.js';
import { Batcher } from './batcher.js';
import { mappingProblems } from './check-mapping.js';
import { readCascades, readDependents } from './dependencies.js';
import { Follower, type FollowerParts } from './follower.js';
import { KeyOwners } from './key-owner.js';
import { Lookups } from './lookups.js';
import { copyTable, SnapshotInterrupted, Wanted } from './snapshotter.js';
import { sweep } from './sweep.js';
import { SyncProgress } from './sync-progress.js';
import { positionField, SyncState, tableField } from './sync-state.js';
import { type RowTransform, tableName, TablePlan } from './table-plan.js';

export interface SyncEnvironment {
  now(): number;
  say(text: string): void;
  warn(text: string): void;
  sleep(ms: number): Promise<void>;
}

export interface SyncOptions {
  /** End after the snapshot. */
  readonly snapshotOnly: boolean;
  /** Begin there without a snapshot; `now` is the end of the binlog. */
  readonly from: string | undefined;
  /** Read all tables anew. */
  readonly resnapshot: boolean;
  /** End when the end of the binlog, as it is at the start, is reached. */
  readonly untilCurrent: boolean;
}

const BACKOFF_MS = [200, 500, 1000, 2000, 5000, 10_000];
const NOTE_MS = 1000;
/** So long other hosts are asked for a position that one does not have: a slave may still have to apply what it received. */
const ELSEWHERE_MS = 30_000;

/** The source as every round needs it. */
interface Round {
  readonly address: SourceAddress;
  readonly facts: ServerFacts;
  readonly control: SourceConnection;
  readonly target: RedisTarget;
  readonly state: SyncState;
}

export class Sync {
  private readonly token = randomBytes(12).toString('hex');
  private readonly zone: ZoneOf;
  readonly progress: SyncProgress;
  private wasOwner = false;
  /** Source and target have both let this process in. */
  private wasConnected = false;
  private hostIndex = 0;
  /** Since when no host had the position. */
  private purgedSinceMs: number | undefined;
  private fromTaken = false;
  private resnapshotDone = false;
  private readonly snapshotEnds = new Map<string, number>();
  private stopAsked = false;
  private wakers: (() => void)[] = [];

  constructor(
    private readonly config: SyncConfig,
    private readonly options: SyncOptions,
    private readonly environment: SyncEnvironment,
    private readonly transforms: ReadonlyMap<string, RowTransform>,
  ) {
    const zone = zoneOf(config.source.timeZone);
    if (zone === undefined)
      throw new ConfigError(
        `source.time_zone: there is no time zone '${config.source.timeZone}' (write +08:00 or Asia/Shanghai)`,
      );
    this.zone = zone;
    this.progress = new SyncProgress(config.name, environment);
  }

  /** Ends at the next whole transaction. */
  stop(): void {
    this.stopAsked = true;
    this.wake();
  }

  pause(isPaused: boolean): void {
    this.progress.isPaused = isPaused;
    this.wake();
  }

  private wake(): void {
    for (const waker of this.wakers.splice(0)) waker();
  }

  /** Runs until it is stopped or cannot go on. */
  async run(): Promise<void> {
    let losses = 0;
    while (!this.stopAsked) {
      const before = this.progress.appliedTransactions;
      try {
        if (await this.round()) return;
        losses = 0;
      } catch (error) {
        if (error instanceof SnapshotInterrupted && this.stopAsked) return;
        const isPassing =
          error instanceof SourceLost ||
          error instanceof TargetLost ||
          (error instanceof SourceRefused && isPassingRefusal(error));
        if (this.progress.appliedTransactions > before) {
          losses = 0;
          this.purgedSinceMs = undefined;
        }
        const isElsewhere = error instanceof BinlogPurged && this.mayBeElsewhere();
        // A peer that was trusted before may be again, when its owner has repaired the certificate.
        const isUntrusted = error instanceof SourceUntrusted || error instanceof TargetUntrusted;
        if ((!isPassing && !isElsewhere) || (isUntrusted && !this.wasConnected)) throw error;
        if (error instanceof SourceLost || isElsewhere) this.hostIndex++;
        const waitMs = BACKOFF_MS[Math.min(losses++, BACKOFF_MS.length - 1)]!;
        this.progress.phase = 'waiting';
        this.progress.lastError = error.message;
        this.progress.reconnects++;
        this.environment.warn(`${error.message}; connecting again in ${waitMs} ms`);
        await Promise.race([this.environment.sleep(waitMs), new Promise<void>((resolve) => this.wakers.push(resolve))]);
      }
    }
  }

  /** With several hosts: whether another one may still have a position that one does not have. */
  private mayBeElsewhere(): boolean {
    if (this.config.source.hosts.length < 2) return false;
    const now = this.environment.now();
    this.purgedSinceMs ??= now;
    return now - this.purgedSinceMs < ELSEWHERE_MS;
  }

  private async connectSource(): Promise<{ address: SourceAddress; control: SourceConnection }> {
    const addresses = addressesOf(this.config.source);
    let failure: Error | undefined;
    for (let count = 0; count < addresses.length; count++) {
      const address = addresses[(this.hostIndex + count) % addresses.length]!;
      try {
        const control = await SourceConnection.open(this.config.source, address);
        this.hostIndex = (this.hostIndex + count) % addresses.length;
        return { address, control };
      } catch (error) {
        if (!(error instanceof SourceLost)) throw error;
        failure = error;
      }
    }
    throw failure ?? new SourceLost('no source is configured');
  }

  /** True when all is done. */
  private async round(): Promise<boolean> {
    this.progress.phase = 'connecting';
    const { config } = this;
    const { stateKey } = config.target;
    const target = await openTarget(config.target, {
      stateKey,
      token: this.token,
      takesOver: true,
      expectsOwn: this.wasOwner,
    });
    let control: SourceConnection | undefined;
    try {
      this.wasOwner = true;
      const source = await this.connectSource();
      control = source.control;
      const facts = await readFacts(control);
      this.wasConnected = true;
      this.progress.source = `${addressName(source.address)} (${facts.version})`;
      this.progress.target = target.name;
      if (facts.variables.get('log_bin') !== 'ON')
        throw new SourceRefused(
          `${control.name} writes no binlog: set log_bin and server_id in my.cnf and restart it`,
          0,
          undefined,
        );
      const state = SyncState.read(target.state);
      const round: Round = { address: source.address, facts, control, target, state };
      await this.place(round);
      return await this.work(round);
    } finally {
      control?.close();
      target.close();
    }
  }

  /** Sets the start that `--from` names, and refuses a position of another server. */
  private async place({ facts, control, target, state }: Round): Promise<void> {
    const { from } = this.options;
    if (from !== undefined && !this.fromTaken) {
      const position = await parseFrom(from, control, facts);
      const fields = new Map<string, string | undefined>([
        ['position', positionField(position)],
        ['rows', undefined],
        ['source', facts.uuid],
      ]);
      const schemas = await readSchemas(control, this.config.tables);
      for (const name of this.config.tables.map(tableName)) {
        const table = { status: 'ready' as const, from: undefined, schema: schemas.get(name), reason: undefined };
        state.tables.set(name, table);
        fields.set(`table:${name}`, tableField(table));
      }
      await target.apply({ commands: [], state: fields, mark: undefined });
      state.position = position;
      state.rows = 0;
      state.source = facts.uuid;
      this.fromTaken = true;
    }
    if (this.options.resnapshot && !this.resnapshotDone) {
      state.position = undefined;
      this.resnapshotDone = true;
    }
    const isOther = state.source !== undefined && facts.uuid !== '' && state.source !== facts.uuid;
    if (isOther && state.position !== undefined && (state.position.gtids === undefined || !facts.hasGtids))
      throw new BinlogPurged(
        `${control.name} is another server than the one that position ${positionText(state.position)} is of, and without GTIDs it cannot be found there`,
      );
    if (isOther) this.environment.warn(`${control.name} is another server than before; going on by GTID`);
  }

  /** The mapped tables that exist, with their plans. */
  private plan(schemas: ReadonlyMap<string, TableSchema>): Map<string, TablePlan> {
    const plans = new Map<string, TablePlan>();
    for (const config of this.config.tables) {
      const name = tableName(config);
      const schema = schemas.get(name) ?? {
        database: config.database,
        table: config.table,
        columns: [],
        primaryKey: [],
        uniqueKeys: [],
        engine: '',
      };
      const problems = schemas.has(name) ? mappingProblems(config, schema).filter(({ isFatal }) => isFatal) : [];
      if (problems.length > 0) throw new ConfigError(problems.map(({ text }) => text).join('\n'));
      plans.set(name, new TablePlan(config, schema, this.transforms.get(name)));
    }
    return plans;
  }

  private get childTables(): string[] {
    return [
      ...new Set(
        this.config.tables.flatMap(({ targets }) =>
          targets.flatMap((target) => ('children' in target ? target.children.map(({ table }) => table) : [])),
        ),
      ),
    ];
  }

  private get allTables(): { database: string; table: string }[] {
    const children = this.childTables.map((name) => ({
      database: name.slice(0, name.indexOf('.')),
      table: name.slice(name.indexOf('.') + 1),
    }));
    return [...this.config.tables, ...children];
  }

  private async work(round: Round): Promise<boolean> {
    const { state, control } = round;
    for (;;) {
      const due = this.config.tables.map(tableName).filter((name) => {
        const table = state.tables.get(name);
        return state.position === undefined || table === undefined || table.status === 'stale';
      });
      if (due.length > 0) await this.snapshot(round, due);
      if (this.options.snapshotOnly || this.stopAsked) return true;
      const schemas = new Map(await readSchemas(control, this.allTables));
      for (const [name, table] of state.tables)
        if (table.schema !== undefined && table.schema.columns.length > 0) schemas.set(name, table.schema);
      const isDone = await this.follow(round, schemas);
      if (isDone) return true;
    }
  }

  private async snapshot(round: Round, names: readonly string[]): Promise<void> {
    const { facts, address, state, target } = round;
    this.progress.phase = 'snapshot';
    const isFirst = state.position === undefined;
    // Keys of an earlier snapshot may be stale now; before the very first one no key here is ours.
    const hadState = state.tables.size > 0;
    const tables = this.config.tables.filter((table) => names.includes(tableName(table)));
    const read = await beginConsistentRead(this.config.source, address, facts, this.allTables);
    const { connection, position } = read;
    try {
      const schemas = await readSchemas(connection, this.allTables);
      const plans = this.plan(schemas);
      const all = [...plans.values()];
      const lookups = new Lookups(() => all, schemas, this.zone, this.childTables);
      const owners = new KeyOwners(all.filter(({ schema }) => schema.columns.length > 0));
      const begun = new Map<string, string | undefined>();
      for (const table of tables)
        begun.set(
          `table:${tableName(table)}`,
          tableField({ status: 'stale', from: undefined, schema: undefined, reason: 'a snapshot was begun' }),
        );
      await target.apply({ commands: [], state: begun, mark: undefined });
      const done = new Map<string, string | undefined>();
      for (const table of tables) {
        const name = tableName(table);
        const schema = schemas.get(name);
        const plan = plans.get(name)!;
        if (schema === undefined) this.environment.warn(`there is no table ${name} (yet)`);
        this.progress.table = name;
        const startedMs = this.environment.now();
        const limit = (rows: number): Promise<void> => this.limit(rows);
        const onRows = (rows: number): void => {
          this.progress.snapshotRows += rows;
        };
        const parts = {
          config: this.config,
          zone: this.zone,
          target,
          connection,
          position,
          lookups,
          onRows,
          limit,
          isAsked: () => this.stopAsked,
        };
        const rowsBefore = this.progress.snapshotRows;
        const wanted = schema === undefined ? emptyWanted(plan) : await copyTable(plan, parts);
        const sweeps = this.config.sweep === 'always' || (this.config.sweep === 'auto' && hadState);
        const removed = sweeps
          ? await sweep(plan, wanted, schema === undefined ? new KeyOwners(all) : owners, target)
          : 0;
        const ready = { status: 'ready' as const, from: position, schema: schema ?? plan.schema, reason: undefined };
        state.tables.set(name, ready);
        done.set(`table:${name}`, tableField(ready));
        this.snapshotEnds.set(name, this.environment.now());
        this.progress.snapshots++;
        this.environment.say(
          `${name}: ${this.progress.snapshotRows - rowsBefore} rows at ${positionText(position)} in ${this.environment.now() - startedMs} ms` +
            (removed > 0 ? `, ${removed} leftovers removed` : ''),
        );
      }
      if (isFirst) {
        done.set('position', positionField(position));
        done.set('rows', undefined);
        done.set('source', facts.uuid);
        state.position = position;
        state.rows = 0;
        state.source = facts.uuid;
      }
      await target.apply({ commands: [], state: done, mark: undefined });
      this.progress.table = '';
    } finally {
      connection.close();
    }
  }

  /** When the rows so far are paid for. */
  private paidMs = 0;

  /** Holds the rate of rows to its bound; a quiet time earns nothing. */
  private async limit(rows: number): Promise<void> {
    const { rowsPerSecond } = this.config.limits;
    if (rowsPerSecond === Infinity) return;
    const now = this.environment.now();
    this.paidMs = Math.max(this.paidMs, now) + (rows / rowsPerSecond) * 1000;
    if (this.paidMs - now > 1) await this.environment.sleep(this.paidMs - now);
  }

  private async follow(round: Round, schemas: ReadonlyMap<string, TableSchema>): Promise<boolean> {
    const { facts, address, control, target, state } = round;
    const start = state.position!;
    const names = this.config.tables.map(tableName);
    const plans = this.plan(schemas);
    const lookups = new Lookups(() => [...plans.values()], schemas, this.zone, this.childTables);
    let lookupConnection: SourceConnection | undefined;
    const batcher = new Batcher(
      target,
      { rows: this.config.limits.batchRows, bytes: this.config.limits.batchBytes },
      () =>
        lookups.commands(async () => {
          lookupConnection ??= await this.openLookup(address);
          return lookupConnection;
        }),
      (batch) => this.progress.applied(batch),
    );
    const followed = [...names, ...this.childTables];
    const parts: FollowerParts = {
      config: this.config,
      flavor: facts.flavor,
      zone: this.zone,
      state,
      plans,
      transforms: this.transforms,
      batcher,
      lookups,
      marks: target.marks,
      charsets: await readCollations(control),
      cascades: await readCascades(control, followed),
      readCascades: async () => {
        parts.cascades = await readCascades(control, followed);
      },
      dependents: await readDependents(control, followed),
      lowerCaseNames: facts.variables.get('lower_case_table_names') === '1',
      warn: (text) => this.environment.warn(text),
      now: () => this.environment.now(),
      onEvent: (header) => this.progress.read(header),
    };
    const follower = new Follower(parts);
    const byGtid = facts.hasGtids && start.gtids !== undefined && start.gtids !== '';
    const goal = this.options.untilCurrent ? await readEnd(control, facts) : undefined;
    batcher.setState('source', facts.uuid);
    const dump = await BinlogDump.open(await SourceConnection.open(this.config.source, address), {
      flavor: facts.flavor,
      serverId: this.config.source.serverId ?? 1_000_000_000 + (parseInt(this.token.slice(0, 7), 16) % 1_000_000_000),
      start,
      heartbeatSeconds: this.config.source.heartbeatSeconds,
      hasChecksums: facts.hasChecksums,
      byGtid,
    });
    this.progress.phase = 'following';
    this.environment.say(`following ${control.name} from ${positionText(start)}`);
    try {
      return await this.read(dump, new StreamReader(start, facts.flavor, follower), follower, batcher, facts, goal);
    } finally {
      dump.close();
      lookupConnection?.close();
    }
  }

  private async openLookup(address: SourceAddress): Promise<SourceConnection> {
    const connection = await SourceConnection.open(this.config.source, address);
    await connection.rows("SET SESSION time_zone = '+00:00'");
    await connection.rows('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    return connection;
  }

  /** Reads events until it is stopped, or a table must be read anew (false). */
  private async read(
    dump: BinlogDump,
    reader: StreamReader,
    follower: Follower,
    batcher: Batcher,
    facts: ServerFacts,
    goal: Position | undefined,
  ): Promise<boolean> {
    const decoder = new EventDecoder(facts.hasChecksums);
    const events: BinlogEvent[] = [];
    const silenceMs = this.config.source.heartbeatSeconds * 1000 * 4 + 10_000;
    let notedMs = this.environment.now();
    let rowsBefore = 0;
    for (;;) {
      let bytes = dump.takeReady();
      if (bytes === undefined) {
        batcher.flushSoon();
        bytes = await this.next(dump, silenceMs);
      }
      if (bytes !== undefined) {
        this.progress.heardMs = this.environment.now();
        this.progress.bytesRead += bytes.length;
        decoder.decode(bytes, (event) => void events.push(event));
        for (const event of events) {
          const done = reader.take(event);
          if (done !== undefined) await done;
        }
        events.length = 0;
      }
      this.progress.sourcePosition = follower.position;
      this.progress.waitingBytes = dump.waitingBytes;
      if (batcher.isFull) await batcher.room();
      if (follower.counts.rows !== rowsBefore) {
        if (this.config.limits.rowsPerSecond < Infinity) await this.limit(follower.counts.rows - rowsBefore);
        rowsBefore = follower.counts.rows;
      }
      const now = this.environment.now();
      if (now - notedMs >= NOTE_MS) {
        notedMs = now;
        follower.note();
        batcher.setState('seen', String(now));
        batcher.flushSoon();
      }
      const isDone = this.stopAsked || (goal !== undefined && isAt(follower.position, goal));
      if (isDone || this.isSnapshotDue(follower)) {
        follower.note();
        await batcher.drain();
        return isDone;
      }
      while (this.progress.isPaused && !this.stopAsked) {
        await batcher.drain();
        await Promise.race([this.environment.sleep(500), new Promise<void>((resolve) => this.wakers.push(resolve))]);
      }
    }
  }

  private isSnapshotDue(follower: Follower): boolean {
    if (follower.stale.size === 0) return false;
    const now = this.environment.now();
    return [...follower.stale].every(
      (name) => now - (this.snapshotEnds.get(name) ?? 0) >= this.config.source.resnapshotSeconds * 1000,
    );
  }

  /** The next event; undefined after a second without one, so that the loop can look around. */
  private async next(dump: BinlogDump, silenceMs: number): Promise<Buffer | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const quiet = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), NOTE_MS);
    });
    const woken = new Promise<undefined>((resolve) => this.wakers.push(() => resolve(undefined)));
    try {
      await Promise.race([dump.ready(), quiet, woken]);
    } finally {
      clearTimeout(timer);
      this.wakers = [];
    }
    const bytes = dump.takeReady();
    if (bytes === undefined && this.environment.now() - this.progress.heardMs > silenceMs) {
      this.progress.heardMs = this.environment.now();
      throw new SourceLost(`the source has sent nothing for ${Math.round(silenceMs / 1000)} s, not even a heartbeat`);
    }
    return bytes;
  }
}

const emptyWanted = (plan: TablePlan): ReadonlyMap<MappingTarget, Wanted> =>
  new Map(plan.config.targets.map((target) => [target, new Wanted()]));

/** True when a position of the same server is at the goal or past it. */
function isAt(position: Position, goal: Position): boolean {
  if (position.file !== goal.file) return position.file > goal.file;
  return position.offset >= goal.offset;
}

/** The refusal is temporary. */
function isPassingRefusal({ number }: SourceRefused): boolean {
  // Too many connections, shutting down, lock wait, deadlock, table definition changed, killed connection or query.
  return [1040, 1053, 1205, 1213, 1412, 1927, 1317, 3169, 1203, 1077, 1079].includes(number);
}

async function parseFrom(from: string, control: SourceConnection, facts: ServerFacts): Promise<Position> {
  if (from === 'now') return readEnd(control, facts);
  const file = /^([^:\s]+\.\d{6,}):(\d+)$/.exec(from);
  if (file !== null) {
    const offset = Number(file[2]);
    const gtids =
      facts.flavor === 'mariadb'
        ? ((await control.value(`SELECT BINLOG_GTID_POS('${file[1]!.replaceAll("'", '')}', ${offset})`)) ?? undefined)
        : undefined;
    return { file: file[1]!, offset, gtids };
  }
  const { file: current } = await readEnd(control, facts);
  return { file: current, offset: 4, gtids: from };
}
