// scripts: runs notification and reconfiguration scripts: a bounded queue, a few at a time, each for a bounded time, again when
// they ask for it.
//
//   exit code 0     done
//   exit code 1     tried again after 30 s, then 60, 120, ... up to 10 times; so is a script that a signal ended
//   exit code 2...  failed, and not tried again

import type { LogLevel } from '../base/log-level.js';
import type { Timing } from './timing.js';

export interface ScriptProcess {
  readonly pid: number;
  /** Ends it by SIGKILL. */
  kill(): void;
}

/** Starts a program without a shell; undefined when no process can be made. `ended` comes once, later. */
export type Spawn = (
  path: string,
  args: readonly string[],
  ended: (exitCode: number, signal: number) => void,
) => ScriptProcess | undefined;

export interface ScriptJob {
  readonly argv: readonly string[];
  /** When it was started, or shall be; 0: as soon as possible. */
  startMs: number;
  tries: number;
  process: ScriptProcess | undefined;
  isKilled: boolean;
}

const QUEUE_MAX = 256;
const RUNNING_MAX = 16;
const TRIES_MAX = 10;
const RETRY_EXIT_CODE = 1;

/** Gets the events of scripts. */
export type ScriptEvent = (level: LogLevel, type: string, text: string) => void;

export class ScriptQueue {
  private jobs: ScriptJob[] = [];

  constructor(
    private readonly spawn: Spawn,
    private readonly timing: Timing,
    private readonly event: ScriptEvent,
    private readonly nowMs: () => number,
  ) {}

  get running(): number {
    return this.jobs.filter(({ process }) => process !== undefined).length;
  }

  get pending(): readonly ScriptJob[] {
    return this.jobs;
  }

  add(path: string, args: readonly string[]): void {
    this.jobs.push({ argv: [path, ...args], startMs: 0, tries: 0, process: undefined, isKilled: false });
    if (this.jobs.length <= QUEUE_MAX) return;
    const oldest = this.jobs.findIndex(({ process }) => process === undefined);
    if (oldest >= 0) this.jobs.splice(oldest, 1);
  }

  /** To be called at each tick: starts what is due, and ends what takes too long. */
  tick(): void {
    const nowMs = this.nowMs();
    let { running } = this;
    for (const job of [...this.jobs]) {
      if (job.process !== undefined) {
        if (!job.isKilled && nowMs - job.startMs > this.timing['script-max-runtime']) this.kill(job, job.process);
      } else if (running < RUNNING_MAX && job.startMs <= nowMs) {
        this.start(job, nowMs);
        running++;
      }
    }
  }

  private kill(job: ScriptJob, process: ScriptProcess): void {
    job.isKilled = true;
    this.event('warning', '-script-timeout', `${job.argv[0]} ${process.pid}`);
    process.kill();
  }

  private start(job: ScriptJob, nowMs: number): void {
    job.startMs = nowMs;
    job.tries++;
    job.isKilled = false;
    job.process = this.spawn(job.argv[0]!, job.argv.slice(1), (exitCode, signal) => this.ended(job, exitCode, signal));
    if (job.process === undefined) {
      this.event('warning', '-script-error', `${job.argv[0]} 99 0`);
      job.startMs = nowMs + this.timing['script-retry-delay'];
    } else this.event('debug', '+script-child', String(job.process.pid));
  }

  private ended(job: ScriptJob, exitCode: number, signal: number): void {
    const pid = job.process?.pid ?? 0;
    job.process = undefined;
    this.event('debug', '-script-child', `${pid} ${exitCode} ${signal}`);
    if ((signal !== 0 || exitCode === RETRY_EXIT_CODE) && job.tries < TRIES_MAX) {
      job.startMs = this.nowMs() + this.timing['script-retry-delay'] * 2 ** (job.tries - 1);
      return;
    }
    if (signal !== 0 || exitCode !== 0) this.event('warning', '-script-error', `${job.argv[0]} ${signal} ${exitCode}`);
    this.jobs = this.jobs.filter((other) => other !== job);
  }

  /** Starts nothing any more. Those that run go on to their end: half a reconfiguration is worse than a late one. */
  stop(): void {
    this.jobs = [];
  }
}
