// monitor: samples every target every two seconds, keeps the samples, and passes them to its listeners.
//
// All targets are asked at the same moments, multiples of the interval on the wall clock, so that their curves have the same times.
// Time, files and connections come in: a test runs a week of it in a moment.
//
// Not here: what a sample holds (figures, sample), how it is kept (history), who gets which notification (alerts).

import type { Clock } from '../io/clock.js';
import type { Files } from '../io/files.js';
import { Alerts } from './alerts/alerts.js';
import type { Outlets } from './alerts/outlets.js';
import { EventLog } from './events/event-log.js';
import { type EventKind, type MonitorEvent, severityOf } from './events/event.js';
import type { Change } from './events/server-state.js';
import { type Figure, figureOf } from './figures.js';
import type { Aggregate, Series } from './history/buckets.js';
import { FileHistory } from './history/file-history.js';
import type { Cell } from './history/open-block.js';
import type { HistoryStore } from './history/store.js';
import type { Values } from './sample.js';
import { defaultWatchTimes, type MonitorTarget, TargetWatch, type WatchTimes } from './target-watch.js';

export interface MonitorOptions {
  readonly environment: { readonly clock: Clock; readonly files: Files };
  /** Where history, events and alert rules are kept; it is made if its parent exists. */
  readonly folder: string;
  readonly log: (text: string) => void;
  /** Where samples are kept instead of files in the folder. */
  readonly history?: HistoryStore;
  /** How alerts get out; none without them. */
  readonly outlets?: Outlets;
  /** Seals the secrets of alert channels in the file that they are kept in; without it they stand there as they are. */
  readonly secrets?: { seal(text: string): string; open(text: string): string };
  readonly intervalMs?: number;
  readonly times?: WatchTimes;
}

/** A sample as listeners get it. */
export interface Sample {
  readonly target: string;
  /** Milliseconds since 1970. */
  readonly t: number;
  readonly values: ReadonlyMap<string, number>;
}

/** Present state of a target. */
export interface TargetStatus {
  readonly id: string;
  readonly name: string;
  readonly state: 'unknown' | 'up' | 'down';
  readonly error: string;
  readonly sinceMs: number;
  readonly role: string;
  readonly version: string;
  readonly mode: string;
  readonly values: ReadonlyMap<string, number>;
}

const INTERVAL_MS = 2000;
const EXPIRE_EVERY_MS = 600_000;

export class Monitor {
  readonly alerts: Alerts;
  private readonly clock: Clock;
  private readonly history: HistoryStore;
  private readonly eventLog: EventLog;
  private readonly watches = new Map<string, TargetWatch>();
  private readonly listeners = new Set<(sample: Sample) => void>();
  private readonly eventListeners = new Set<(event: MonitorEvent) => void>();
  private readonly intervalMs: number;
  private readonly times: WatchTimes;
  private timer: { cancel(): void } | undefined;
  private isRunning = false;
  private tickMs = 0;
  private expiredMs = -Infinity;

  constructor(private readonly options: MonitorOptions) {
    const { environment, folder, log } = options;
    this.clock = environment.clock;
    this.intervalMs = options.intervalMs ?? INTERVAL_MS;
    this.times = options.times ?? defaultWatchTimes;
    environment.files.makeFolder(folder);
    this.history =
      options.history ?? new FileHistory(environment, `${folder}/history`, log, { intervalMs: this.intervalMs });
    this.eventLog = new EventLog(environment.files, `${folder}/events.log`, log);
    this.alerts = new Alerts({
      environment,
      path: `${folder}/alerts.json`,
      log,
      outlets: options.outlets ?? {},
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
      nameOf: (target) => this.watches.get(target)?.target.name ?? target,
      told: (target, severity, text) => this.note({ at: this.clock.wallMs(), target, kind: 'alert', severity, text }),
    });
  }

  // --- targets ------------------------------------------------------------------------------------------------------

  /** Looks after a target from the next tick on; one with the same id takes the place of the other. */
  addTarget(target: MonitorTarget): void {
    this.watches.get(target.id)?.stop();
    const watch = new TargetWatch(
      target,
      this.clock,
      {
        sampled: (from, values) => this.sampled(from, values),
        changed: (from, changes) => this.changed(from, changes),
      },
      this.times,
    );
    this.watches.set(target.id, watch);
  }

  /** Stops to look after a target; its history stays unless it is to be forgotten. */
  async removeTarget(id: string, options: { readonly forget?: boolean } = {}): Promise<void> {
    this.watches.get(id)?.stop();
    this.watches.delete(id);
    this.alerts.forgetTarget(id);
    if (options.forget !== true) return;
    this.eventLog.forget(id);
    await this.history.forget(id);
  }

  targets(): TargetStatus[] {
    return [...this.watches.values()].map(statusOf);
  }

  status(id: string): TargetStatus | undefined {
    const watch = this.watches.get(id);
    return watch === undefined ? undefined : statusOf(watch);
  }

  /** The watches themselves, for the metrics of the fleet. */
  get all(): ReadonlyMap<string, TargetWatch> {
    return this.watches;
  }

  // --- running ------------------------------------------------------------------------------------------------------

  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.armNext();
  }

  /** Stops sampling; resolves when everything is kept. Cannot be started again. */
  async stop(): Promise<void> {
    this.isRunning = false;
    this.timer?.cancel();
    for (const watch of this.watches.values()) watch.stop();
    await this.alerts.close();
    this.eventLog.close();
    await this.history.close();
  }

  /** Samples all targets now; resolves when each has answered or failed. */
  async tick(): Promise<void> {
    const nowMs = this.clock.wallMs();
    this.tickMs = Math.floor(nowMs / this.intervalMs) * this.intervalMs;
    this.alerts.tick();
    await Promise.all([...this.watches.values()].map((watch) => watch.tick()));
    if (this.clock.steadyMs() - this.expiredMs < EXPIRE_EVERY_MS) return;
    this.expiredMs = this.clock.steadyMs();
    this.history.expire(nowMs);
  }

  private armNext(): void {
    const delayMs = this.intervalMs - (this.clock.wallMs() % this.intervalMs);
    this.timer = this.clock.after(delayMs, () => {
      if (!this.isRunning) return;
      this.armNext();
      this.tick().catch((error: unknown) => {
        this.options.log(`monitor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      });
    });
  }

  private sampled(watch: TargetWatch, values: Values): void {
    const { id } = watch.target;
    const timeMs = this.tickMs;
    const cells: Cell[] = [];
    for (const [name, value] of values) cells.push({ name, decimals: figureOf(name)?.decimals ?? 0, value });
    this.history.append(id, timeMs, cells);
    this.alerts.sampled(id, values);
    const sample: Sample = { target: id, t: timeMs, values };
    for (const listener of this.listeners) listener(sample);
  }

  private changed(watch: TargetWatch, changes: readonly Change[]): void {
    const at = this.clock.wallMs();
    const target = watch.target.id;
    for (const [kind, text] of changes) {
      const event: MonitorEvent = { at, target, kind, severity: severityOf(kind), text };
      this.note(event);
      this.alerts.happened(event);
    }
  }

  private note(event: MonitorEvent): void {
    this.eventLog.add(event);
    for (const listener of this.eventListeners) listener(event);
  }

  /** Keeps an event that somebody else saw, such as a change made through the page. */
  addEvent(target: string, kind: EventKind, text: string): void {
    this.note({ at: this.clock.wallMs(), target, kind, severity: severityOf(kind), text });
  }

  // --- reading ------------------------------------------------------------------------------------------------------

  /** A figure of a target from one time up to another: a value for each step, NaN where there is none. */
  series(
    targetId: string,
    metric: string,
    fromMs: number,
    toMs: number,
    stepMs: number,
    aggregate: Aggregate = 'mean',
  ): Promise<Series> {
    return this.history.series(targetId, metric, fromMs, toMs, stepMs, aggregate);
  }

  /** The figures that a target has had since a time, with what they are. */
  async metrics(targetId: string, sinceMs = 0): Promise<Figure[]> {
    const names = await this.history.metrics(targetId, sinceMs);
    return names.map((name) => figureOf(name)).filter((figure) => figure !== undefined);
  }

  /** Events from one time up to another, oldest first; of all targets if none is named. */
  events(targetId: string | undefined, fromMs: number, toMs: number): MonitorEvent[] {
    return this.eventLog.between(targetId, fromMs, toMs);
  }

  /** Tells of every sample; the result ends that. */
  onSample(listener: (sample: Sample) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Tells of every event; the result ends that. */
  onEvent(listener: (event: MonitorEvent) => void): () => void {
    this.eventListeners.add(listener);
    return () => void this.eventListeners.delete(listener);
  }
}

function statusOf({ target, state, error, sinceMs, info, values }: TargetWatch): TargetStatus {
  const field = (name: string): string => info?.fields.get(name) ?? '';
  return {
    id: target.id,
    name: target.name,
    state,
    error,
    sinceMs,
    role: field('redis_mode') === 'sentinel' ? 'sentinel' : field('proxy') !== '' ? 'proxy' : field('role'),
    version: field('kvasir_version') || field('valkey_version') || field('redis_version'),
    mode: field('redis_mode'),
    values,
  };
}
