// file-history: samples in files below one folder, a folder for each target: 7 days of rows of two seconds, a year of minutes.
//
// Curves with steps of a minute and more are read from the minutes, so that a week of fifty servers is a few reads each; what the
// minutes do not have yet, or rows have no longer, comes from the other. A minute that a crash interrupted is summed up again
// from its rows.

import { utf8 } from '../../base/bytes.js';
import { sha1Hex } from '../../base/sha1.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Clock } from '../../io/clock.js';
import type { Files } from '../../io/files.js';
import { type Aggregate, Buckets, type Series } from './buckets.js';
import type { Cell } from './open-block.js';
import { MINUTE_MS, peakName, Rollup } from './rollup.js';
import { defaultLimits, type HistoryLimits, type HistoryStore } from './store.js';
import { Tier } from './tier.js';

const DAY_MS = 86_400_000;
const BLOCK_ROWS = 1800;
const MINUTE_BLOCK_ROWS = 360;
/** The same complaint is not logged more often. */
const COMPLAIN_MS = 60_000;

interface TargetHistory {
  readonly folder: string;
  readonly rows: Tier;
  readonly minutes: Tier;
  readonly rollup: Rollup;
}

export class FileHistory implements HistoryStore {
  private readonly targets = new Map<string, TargetHistory>();
  private readonly limits: HistoryLimits;
  private complainedMs = -Infinity;

  constructor(
    private readonly environment: { readonly files: Files; readonly clock: Clock },
    private readonly folder: string,
    private readonly log: (text: string) => void,
    limits: Partial<HistoryLimits> = {},
  ) {
    this.limits = { ...defaultLimits, ...limits };
    environment.files.makeFolder(folder);
  }

  append(targetId: string, timeMs: number, cells: readonly Cell[]): void {
    try {
      const target = this.target(targetId);
      for (const [minuteMs, sums] of target.rollup.complete(timeMs)) target.minutes.append(minuteMs, sums);
      for (const cell of cells) target.rollup.add(timeMs, cell);
      target.rows.append(timeMs, cells);
    } catch (error) {
      this.complain(`samples of ${targetId} cannot be kept in ${this.folder}: ${systemErrorText(error)}`);
    }
  }

  series(
    targetId: string,
    metric: string,
    fromMs: number,
    toMs: number,
    stepMs: number,
    aggregate: Aggregate = 'mean',
  ): Promise<Series> {
    const buckets = new Buckets(fromMs, toMs, stepMs, aggregate);
    try {
      this.fill(this.target(targetId), metric, fromMs, toMs, buckets, aggregate);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    return Promise.resolve(buckets.series());
  }

  private fill(
    { rows, minutes }: TargetHistory,
    metric: string,
    fromMs: number,
    toMs: number,
    buckets: Buckets,
    aggregate: Aggregate,
  ): void {
    const read = (tier: Tier, name: string, from: number, to: number): void => {
      if (from < to)
        tier.read(name, from, to, (times, values, count, factor) =>
          buckets.add(times, values, count, factor, from, to),
        );
    };
    const minuteName = aggregate === 'max' && !metric.includes(':') ? peakName(metric) : metric;
    // Minutes serve up to here: all that there are for wide steps, and what is too old for rows for narrow ones.
    const minutesEndMs = minutes.lastMs + MINUTE_MS;
    const boundaryMs = buckets.stepMs >= MINUTE_MS ? minutesEndMs : Math.min(minutesEndMs, rows.firstMs);
    const splitMs = Math.max(fromMs, Math.min(toMs, boundaryMs));
    read(minutes, minuteName, fromMs, splitMs);
    read(rows, metric, splitMs, toMs);
  }

  metrics(targetId: string, sinceMs: number): Promise<string[]> {
    const { rows, minutes } = this.target(targetId);
    const names = rows.names(sinceMs);
    for (const name of minutes.names(sinceMs)) if (!name.endsWith('^')) names.add(name);
    return Promise.resolve([...names].sort());
  }

  forget(targetId: string): Promise<void> {
    const { folder } = this.target(targetId);
    this.release(targetId);
    const { files } = this.environment;
    for (const name of files.list(folder)) files.remove(`${folder}/${name}`);
    return Promise.resolve();
  }

  expire(nowMs: number): void {
    for (const [targetId, { rows, minutes }] of this.targets) {
      rows.expire(nowMs);
      minutes.expire(nowMs);
      let isFull = false;
      while (rows.bytes + minutes.bytes > this.limits.bytesMax) {
        const larger = rows.bytes > minutes.bytes ? rows : minutes;
        if (!larger.shrink() && !(larger === rows ? minutes : rows).shrink()) break;
        isFull = true;
      }
      if (isFull)
        this.log(`the history of ${targetId} has reached its ${this.limits.bytesMax} bytes: the oldest is gone`);
    }
  }

  /** Bytes of a target's files. */
  bytesOf(targetId: string): number {
    const { rows, minutes } = this.target(targetId);
    return rows.bytes + minutes.bytes;
  }

  close(): Promise<void> {
    for (const targetId of [...this.targets.keys()]) this.release(targetId);
    return Promise.resolve();
  }

  private release(targetId: string): void {
    const target = this.targets.get(targetId);
    target?.rows.close();
    target?.minutes.close();
    this.targets.delete(targetId);
  }

  private target(targetId: string): TargetHistory {
    const known = this.targets.get(targetId);
    if (known !== undefined) return known;
    const { files } = this.environment;
    const folder = `${this.folder}/${folderName(targetId)}`;
    files.makeFolder(folder);
    const { intervalMs, keepMs, keepMinutesMs } = this.limits;
    // Blocks of many targets should not all become full at the same time.
    const blockRows = BLOCK_ROWS - (Number.parseInt(sha1Hex(utf8(targetId)).slice(0, 4), 16) % (BLOCK_ROWS / 2));
    const rows = new Tier(files, folder, { name: 'rows', intervalMs, blockRows, segmentMs: DAY_MS, keepMs }, this.log);
    const minutes = new Tier(
      files,
      folder,
      {
        name: 'minutes',
        intervalMs: MINUTE_MS,
        blockRows: MINUTE_BLOCK_ROWS,
        segmentMs: 15 * DAY_MS,
        keepMs: keepMinutesMs,
      },
      this.log,
    );
    const target: TargetHistory = { folder, rows, minutes, rollup: new Rollup() };
    catchUp(target);
    this.targets.set(targetId, target);
    return target;
  }

  private complain(text: string): void {
    const nowMs = this.environment.clock.steadyMs();
    if (nowMs - this.complainedMs < COMPLAIN_MS) return;
    this.complainedMs = nowMs;
    this.log(text);
  }
}

/** Sums up the rows whose minutes are not kept yet. */
function catchUp({ rows, minutes, rollup }: TargetHistory): void {
  const fromMs = Math.max(rows.firstMs, minutes.lastMs + MINUTE_MS);
  if (!Number.isFinite(fromMs)) return;
  for (const name of rows.names(fromMs)) {
    rows.read(name, fromMs, Infinity, (times, values, count, factor) => {
      const decimals = Math.round(Math.log10(factor));
      for (let row = 0; row < count; row++)
        if (times[row]! >= fromMs) rollup.add(times[row]!, { name, decimals, value: values[row]! / factor });
    });
  }
  for (const [minuteMs, cells] of rollup.complete(rows.lastMs)) minutes.append(minuteMs, cells);
}

/** The name of a target's folder: readable where it can be, and never a way out of the parent. */
export function folderName(targetId: string): string {
  const name = encodeURIComponent(Buffer.from(targetId).toString()).replace(
    /[.*'()!~]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
  return name.length > 0 && name.length <= 120 ? name : `sha1-${sha1Hex(utf8(targetId))}`;
}
