// redis-history: samples in a Redis that the user names, as the same blocks that files have (redis-tier).
//
// Rows go out after each sample, in one pipeline for each target. While the Redis is away they gather in memory; curves then have what
// is in memory. Several monitors may share a Redis if they have prefixes of their own.

import type { Connection } from '../../client/connection.js';
import type { CommandArgument } from '../../client/encode-command.js';
import { isAggregate, isError, type Reply, replyText } from '../../client/reply.js';
import type { Clock } from '../../io/clock.js';
import { type Aggregate, Buckets, type Series } from './buckets.js';
import type { Cell } from './open-block.js';
import { type Call, RedisTier } from './redis-tier.js';
import { MINUTE_MS, peakName, Rollup } from './rollup.js';
import { defaultLimits, type HistoryLimits, type HistoryStore } from './store.js';

const BLOCK_ROWS = 1800;
const MINUTE_BLOCK_ROWS = 360;
/** Samples of a target that wait until it is known what the Redis has of it; older ones go. */
const ROWS_WAITING_MAX = 600;
const COMPLAIN_MS = 60_000;
/** A Redis that takes longer for a command is away. */
const TIMEOUT_MS = 10_000;
const DEFAULT_PREFIX = 'kvasir:history';

interface TargetHistory {
  readonly rows: RedisTier;
  readonly minutes: RedisTier;
  readonly rollup: Rollup;
  isLoaded: boolean;
  waiting: { readonly timeMs: number; readonly cells: readonly Cell[] }[];
}

export class RedisHistory implements HistoryStore {
  private readonly targets = new Map<string, TargetHistory>();
  private readonly limits: HistoryLimits;
  private connection: Connection | undefined;
  private opening: Promise<Connection> | undefined;
  /** All work on the Redis, one after the other. */
  private work: Promise<void> = Promise.resolve();
  private isFlushWanted = false;
  private complainedMs = -Infinity;

  constructor(
    private readonly connect: () => Promise<Connection>,
    private readonly clock: Clock,
    private readonly log: (text: string) => void,
    private readonly prefix: string = DEFAULT_PREFIX,
    limits: Partial<HistoryLimits> = {},
  ) {
    this.limits = { ...defaultLimits, ...limits };
  }

  append(targetId: string, timeMs: number, cells: readonly Cell[]): void {
    const { waiting } = this.target(targetId);
    waiting.push({ timeMs, cells });
    if (waiting.length > ROWS_WAITING_MAX) waiting.shift();
    if (this.isFlushWanted) return;
    this.isFlushWanted = true;
    // After all targets of this turn.
    this.clock.soon(() => {
      this.isFlushWanted = false;
      void this.then(() => this.flushAll());
    });
  }

  async series(
    targetId: string,
    metric: string,
    fromMs: number,
    toMs: number,
    stepMs: number,
    aggregate: Aggregate = 'mean',
  ): Promise<Series> {
    const buckets = new Buckets(fromMs, toMs, stepMs, aggregate);
    await this.then(async () => {
      const target = this.target(targetId);
      // Without the Redis there is what is in memory.
      const call = await this.loaded(target).catch((error: unknown) => this.failed(error) ?? undefined);
      const { rows, minutes } = target;
      const read = (tier: RedisTier, name: string, from: number, to: number): Promise<void> | undefined =>
        from < to
          ? tier.read(call, name, from, to, (times, values, count, factor) =>
              buckets.add(times, values, count, factor, from, to),
            )
          : undefined;
      const minuteName = aggregate === 'max' && !metric.includes(':') ? peakName(metric) : metric;
      const minutesEndMs = minutes.lastMs + MINUTE_MS;
      const boundaryMs = buckets.stepMs >= MINUTE_MS ? minutesEndMs : Math.min(minutesEndMs, rows.firstMs);
      const splitMs = Math.max(fromMs, Math.min(toMs, boundaryMs));
      await read(minutes, minuteName, fromMs, splitMs);
      await read(rows, metric, splitMs, toMs);
    });
    return buckets.series();
  }

  async metrics(targetId: string, sinceMs: number): Promise<string[]> {
    const names = new Set<string>();
    await this.then(async () => {
      const target = this.target(targetId);
      const call = await this.loaded(target);
      if (call === undefined) return;
      for (const name of await target.rows.names(call, sinceMs)) names.add(name);
      for (const name of await target.minutes.names(call, sinceMs)) if (!name.endsWith('^')) names.add(name);
    });
    return [...names].sort();
  }

  async forget(targetId: string): Promise<void> {
    await this.then(async () => {
      const target = this.target(targetId);
      const call = await this.loaded(target);
      if (call === undefined) return;
      await target.rows.forget(call);
      await target.minutes.forget(call);
      this.targets.delete(targetId);
    });
  }

  expire(nowMs: number): void {
    void this.then(async () => {
      for (const target of this.targets.values()) {
        const call = target.isLoaded ? await this.loaded(target) : undefined;
        if (call === undefined) continue;
        const { bytesMax } = this.limits;
        await target.rows.expire(call, nowMs, bytesMax / 2);
        await target.minutes.expire(call, nowMs, bytesMax / 2);
      }
    });
  }

  async close(): Promise<void> {
    await this.then(() => this.flushAll());
    this.connection?.close();
    this.connection = undefined;
  }

  /** Resolves when all that was given so far has been brought to the Redis, or could not be. */
  async settled(): Promise<void> {
    await this.then(() => this.flushAll());
  }

  /** Does work after what is under way; a failure is reported, and ends the connection. */
  private then(step: () => Promise<void>): Promise<void> {
    this.work = this.work.then(step).catch((error: unknown) => this.failed(error));
    return this.work;
  }

  private failed(error: unknown): void {
    this.connection?.close();
    this.connection = undefined;
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.complainedMs < COMPLAIN_MS) return;
    this.complainedMs = nowMs;
    this.log(`the Redis of the history: ${error instanceof Error ? error.message : String(error)}`);
  }

  private async flushAll(): Promise<void> {
    for (const target of this.targets.values()) {
      if (target.waiting.length === 0 && !target.isLoaded) continue;
      const call = await this.loaded(target);
      if (call === undefined) return;
      for (const { timeMs, cells } of target.waiting.splice(0)) {
        for (const [minuteMs, sums] of target.rollup.complete(timeMs)) target.minutes.add(minuteMs, sums);
        for (const cell of cells) target.rollup.add(timeMs, cell);
        target.rows.add(timeMs, cells);
      }
      await target.rows.flush(call);
      await target.minutes.flush(call);
    }
  }

  /** Connects if need be, and learns what the Redis has of a target. */
  private async loaded(target: TargetHistory): Promise<Call | undefined> {
    if (this.connection === undefined || this.connection.lost !== undefined) {
      this.opening ??= this.connect().finally(() => (this.opening = undefined));
      this.connection = await this.opening;
    }
    const { connection } = this;
    const call: Call = async (...args: CommandArgument[]): Promise<Reply> => {
      // In two halves: a pause of this process alone, in which nobody could read the reply, is not held against the Redis.
      let timer = this.clock.after(TIMEOUT_MS / 2, () => {
        timer = this.clock.after(TIMEOUT_MS / 2, () => connection.close());
      });
      try {
        const reply = await connection.call(...args);
        const failed = isAggregate(reply) ? reply.elements.find(isError) : reply;
        if (failed !== undefined && isError(failed)) throw new Error(replyText(failed));
        return reply;
      } finally {
        timer.cancel();
      }
    };
    if (!target.isLoaded) {
      await target.rows.load(call);
      await target.minutes.load(call);
      await catchUp(target, call);
      target.isLoaded = true;
    }
    return call;
  }

  private target(targetId: string): TargetHistory {
    const known = this.targets.get(targetId);
    if (known !== undefined) return known;
    const prefix = `${this.prefix}:{${targetId}}`;
    const { intervalMs, keepMs, keepMinutesMs } = this.limits;
    const target: TargetHistory = {
      rows: new RedisTier(prefix, { name: 'rows', intervalMs, blockRows: BLOCK_ROWS, keepMs }),
      minutes: new RedisTier(prefix, {
        name: 'minutes',
        intervalMs: MINUTE_MS,
        blockRows: MINUTE_BLOCK_ROWS,
        keepMs: keepMinutesMs,
      }),
      rollup: new Rollup(),
      isLoaded: false,
      waiting: [],
    };
    this.targets.set(targetId, target);
    return target;
  }
}

/** Sums up the rows whose minutes are not kept yet. */
async function catchUp({ rows, minutes, rollup }: TargetHistory, call: Call): Promise<void> {
  const fromMs = Math.max(rows.firstMs, minutes.lastMs + MINUTE_MS);
  if (!Number.isFinite(fromMs)) return;
  for (const name of await rows.names(call, fromMs)) {
    await rows.read(call, name, fromMs, Infinity, (times, values, count, factor) => {
      const decimals = Math.round(Math.log10(factor));
      for (let row = 0; row < count; row++)
        if (times[row]! >= fromMs) rollup.add(times[row]!, { name, decimals, value: values[row]! / factor });
    });
  }
  for (const [minuteMs, cells] of rollup.complete(rows.lastMs)) minutes.add(minuteMs, cells);
}
