// manager-job: runs the cluster manager for the page: what it would print are the lines of a job.
//
// The page shows a dry run first, and sends the same options again without it. Where the manager asks for a plan to be
// accepted, `yes` is among the options: the person has seen the plan.
import { randomInt } from 'node:crypto';
import { Prng } from '../../base/prng.js';
import { Connection } from '../../client/connection.js';
import type { Clock } from '../../io/clock.js';
import { cliDialect } from '../../manager/dialect.js';
import { readManagerOptions } from '../../manager/options.js';
import { runManager } from '../../manager/run-manager.js';
import type { ServerLink } from '../link/server-link.js';
import type { Job } from './jobs.js';

export interface ManagerOrder {
  readonly command: string;
  readonly words: readonly string[];
  /** Options by their names without --cluster-. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

export async function runManagerJob(link: ServerLink, clock: Clock, order: ManagerOrder, job: Job): Promise<void> {
  const seed = await link.endpoint();
  let unfinished = '';
  const print = (text: string): void => {
    const lines = (unfinished + stripped(text)).split('\n');
    unfinished = lines.pop()!;
    for (const line of lines) sayLine(job, line);
  };
  const { user, password } = link.credentials;
  const status = await runManager(order.command, order.words, readManagerOptions(order.options), cliDialect, {
    terminal: {
      print,
      printBytes: print,
      complain: print,
      flush: () => undefined,
      readLine: () => Promise.resolve(undefined),
      colors: false,
      isWatched: true,
    },
    clock,
    random: new Prng(randomInt(2 ** 32 - 1)),
    open: ({ host, port }) => Connection.open({ host, port, tls: seed.tls, timeoutMs: 5000 }),
    login: { user, password },
    resolve: (host) => Promise.resolve(host),
    interrupt: {
      get asked() {
        return job.isCancelled;
      },
    },
    askPassword: () => Promise.reject(new Error('there is nobody to ask')),
  });
  if (unfinished !== '') sayLine(job, unfinished);
  // The bar is not drawn for every slot.
  if (status === 0 && job.total !== undefined && !job.isCancelled) job.done = job.total;
  if (status !== 0 && !job.isCancelled)
    throw new Error(
      job.lines.findLast((line) => /ERR|\*\*\*|error/i.test(line)) ?? 'The manager did not succeed: see its output.',
    );
}

/** A line of the output; the progress bar becomes the job's progress. */
function sayLine(job: Job, line: string): void {
  const bar = /^\s*([\d.]+)% [█░]+ (\d+)\/(\d+) slots/.exec(line);
  if (bar !== null) {
    job.done = Number(bar[2]);
    job.total = Number(bar[3]);
  } else if (line.trim() !== '') job.say(line);
}

/** Without colours; what a terminal would draw over becomes a line. */
function stripped(text: string): string {
  return text
    .replace(/\r\x1b\[K([^\n]*)$/s, (_, bar: string) => (bar === '' ? '' : `${bar}\n`))
    .replace(/\x1b\[[\d;]*[A-Za-z]/g, '')
    .replaceAll('\r', '\n');
}
