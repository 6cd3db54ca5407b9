// jobs: work that takes longer than a request: bulk changes, searches, imports, moves of slots; with progress and cancel.
import { ApiError } from '../api-error.js';
import type { Clock } from '../../io/clock.js';

const runningMax = 4;
const keptMax = 50;
const linesMax = 2000;
/** The name of no user. */
const nobody = '';

export type JobState = 'running' | 'done' | 'failed' | 'cancelled';

/** A job as its own work sees it. */
export class Job {
  state: JobState = 'running';
  /** Units of `total` that are done; what a unit is, the title says. */
  done = 0;
  total: number | undefined;
  /** How many were found, or changed. */
  matched = 0;
  errors = 0;
  readonly lines: string[] = [];
  /** Lines before the first of `lines`, which were dropped. */
  droppedLines = 0;
  result: unknown;
  message: string | undefined;
  isCancelled = false;
  endedMs: number | undefined;

  constructor(
    readonly id: string,
    /** Who may see and cancel it. */
    public owner: string,
    readonly serverId: string,
    readonly kind: string,
    readonly title: string,
    readonly startedMs: number,
  ) {}

  say(line: string): void {
    this.lines.push(line.length > 2000 ? `${line.slice(0, 2000)}…` : line);
    if (this.lines.length <= linesMax) return;
    this.lines.shift();
    this.droppedLines++;
  }

  /** Notes an error of one of many units. */
  fault(line: string): void {
    this.errors++;
    if (this.errors <= 100) this.say(line);
  }
}

export class Jobs {
  private readonly jobs = new Map<string, Job>();
  private nextId = 1;

  constructor(private readonly clock: Clock) {}

  start(
    about: { owner: string; serverId: string; kind: string; title: string; onEnd?: (job: Job) => void },
    run: (job: Job) => Promise<void>,
  ): Job {
    const running = [...this.jobs.values()].filter((job) => job.state === 'running' && job.owner === about.owner);
    if (running.length >= runningMax)
      throw new ApiError('too-many', `At most ${runningMax} jobs run at a time for one person.`);
    const job = new Job(`j${this.nextId++}`, about.owner, about.serverId, about.kind, about.title, this.clock.wallMs());
    this.jobs.set(job.id, job);
    for (const [id, old] of this.jobs) {
      if (this.jobs.size <= keptMax) break;
      if (old.state !== 'running') this.jobs.delete(id);
    }
    void this.run(job, run, about.onEnd);
    return job;
  }

  find(id: string, owner: string): Job {
    const job = this.jobs.get(id);
    if (job === undefined || job.owner !== owner) throw new ApiError('not-found', 'There is no such job.');
    return job;
  }

  of(owner: string): Job[] {
    return [...this.jobs.values()].filter((job) => job.owner === owner);
  }

  /** Whether somebody's job of one of these kinds is at work on the server. */
  isRunning(serverId: string, kinds: readonly string[]): boolean {
    return [...this.jobs.values()].some(
      (job) => job.state === 'running' && job.serverId === serverId && kinds.includes(job.kind),
    );
  }

  /** Cancels the jobs of somebody whose rights have changed, and hides what they found: both would go by the old ones. */
  drop(owner: string): void {
    for (const job of this.of(owner)) {
      job.isCancelled = true;
      job.owner = nobody;
    }
  }

  cancelAll(): void {
    for (const job of this.jobs.values()) job.isCancelled = true;
  }

  private async run(job: Job, run: (job: Job) => Promise<void>, onEnd?: (job: Job) => void): Promise<void> {
    try {
      await run(job);
      job.state = job.isCancelled ? 'cancelled' : 'done';
    } catch (error) {
      job.state = job.isCancelled ? 'cancelled' : 'failed';
      job.message = error instanceof Error ? error.message : String(error);
    }
    job.endedMs = this.clock.wallMs();
    onEnd?.(job);
  }
}

export function jobJson(job: Job, fromLine = 0): Record<string, unknown> {
  const from = Math.max(0, fromLine - job.droppedLines);
  const { id, serverId, kind, title, state, done, total, matched, errors, message, result, startedMs, endedMs } = job;
  return {
    id,
    serverId,
    kind,
    title,
    state,
    done,
    total,
    matched,
    errors,
    message,
    startedMs,
    endedMs,
    result: state === 'running' ? undefined : result,
    lines: job.lines.slice(from),
    nextLine: job.droppedLines + job.lines.length,
  };
}
