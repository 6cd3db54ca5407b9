// runner: runs one test on one or more threads, shows its progress and returns what was measured.
import { Worker } from 'node:worker_threads';
import { counterCount, counterFinished, counterLive, Load, LoadFailure } from './load.js';
import type { LoadJob, LoadNode } from './load.js';
import { Histogram } from './histogram.js';
import type { HistogramShape } from './histogram.js';
import { formatFixed } from './report.js';
import type { Options } from './options.js';
import type { Sample, TestResult } from './test-result.js';
import type { BenchmarkTest } from './tests.js';
import { encodeCommand } from './request.js';
import type { WorkerOrder, WorkerReport } from './load-worker.js';

const progressIntervalMs = 250;
const sampleIntervalMs = 100;
/** redis-benchmark's histogram: parts of 8 microseconds at the low end, nothing over 3 seconds. */
const closedLoopLowestUs = 10;
const closedLoopHighestUs = 3_000_000;
/** Waiting in the open loop can add up: every microsecond to 10 minutes. */
const openLoopLowestUs = 1;
const openLoopHighestUs = 600_000_000;

export class Runner {
  private readonly options: Options;
  private readonly nodes: LoadNode[];
  private readonly auth: string[];
  private workers: Worker[] = [];
  private nextProgressMs = performance.now() + 1;
  private printedBytes = 0;

  constructor(options: Options, nodes: LoadNode[], auth: string[]) {
    this.options = options;
    this.nodes = nodes;
    this.auth = auth;
  }

  /** Runs a test; rejects with a LoadFailure. `isSilent` leaves out the progress line. */
  async run(test: BenchmarkTest, isSilent = this.options.isCsv): Promise<TestResult> {
    const jobs = this.makeJobs(test.command);
    const histograms = jobs.map((job) => new Histogram(job.shape, job.counts));
    const counters = new Int32Array(jobs[0]!.counters);
    const threads = jobs.map((job, index) =>
      this.options.threads > 0 ? new ThreadLoad(this.worker(index), job) : new Load(job),
    );
    try {
      await Promise.all(threads.map((thread) => thread.open()));
      const startMs = performance.now();
      const watch = new Watch(histograms, counters, startMs);
      const wantsSamples = this.options.chart || this.options.htmlPath !== undefined;
      const sampler = wantsSamples ? setInterval(() => watch.sample(), sampleIntervalMs) : undefined;
      const stopProgress = isSilent ? () => {} : this.startProgress(test.title, watch);
      let elapsedMs = 0;
      try {
        await Promise.all(threads.map((thread) => thread.run()));
        elapsedMs = performance.now() - startMs;
      } finally {
        clearInterval(sampler);
        stopProgress();
      }
      if (wantsSamples) watch.sample();
      const finished = counters[counterFinished]!;
      return { title: test.title, finished, elapsedMs, histogram: watch.total(), samples: watch.samples };
    } finally {
      for (const thread of threads) thread.close();
    }
  }

  /** Opens the connections and waits until one of them fails. */
  async idle(): Promise<never> {
    const [job] = this.makeJobs(new Uint8Array(0), 1);
    const load = new Load(job!);
    const failed = load.open().then(() => load.idle());
    const timer = setInterval(
      () => process.stdout.write(`clients: ${load.counters[counterLive]}\r`),
      progressIntervalMs,
    );
    try {
      return await failed;
    } finally {
      clearInterval(timer);
      load.close();
    }
  }

  /** Stops the threads. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
    this.workers = [];
  }

  /** Clean line before the report of a test: wipes what is left of the progress line. */
  takeCleanLine(): string {
    const clean = `${' '.repeat(Math.max(1, this.printedBytes))}\r`;
    this.printedBytes = 0;
    return clean;
  }

  private worker(index: number): Worker {
    this.workers[index] ??= new Worker(new URL('./load-worker.js', import.meta.url));
    return this.workers[index];
  }

  private startProgress(title: string, watch: Watch): () => void {
    if (this.options.threads > 0) this.nextProgressMs = performance.now() + 1;
    let timer: NodeJS.Timeout | undefined;
    const tick = (): void => {
      process.stdout.write(this.takeCleanLine());
      const line = `${title}: ${watch.progress()}\r`;
      process.stdout.write(line);
      this.printedBytes = Buffer.byteLength(line);
      this.nextProgressMs = performance.now() + progressIntervalMs;
      timer = setTimeout(tick, progressIntervalMs);
    };
    timer = setTimeout(tick, Math.max(0, this.nextProgressMs - performance.now()));
    return () => clearTimeout(timer);
  }

  private makeJobs(command: Uint8Array, threadCount = Math.max(1, this.options.threads)): LoadJob[] {
    const { options, nodes } = this;
    const isOpenLoop = options.rate > 0;
    const shape: HistogramShape = {
      lowest: isOpenLoop ? openLoopLowestUs : closedLoopLowestUs,
      highest: isOpenLoop ? openLoopHighestUs : closedLoopHighestUs,
      digits: options.precision,
    };
    const prefix: string[][] = [];
    if (this.auth.length > 0) prefix.push(['AUTH', ...this.auth]);
    if (options.isResp3) prefix.push(['HELLO', '3']);
    if (options.tracking) prefix.push(['CLIENT', 'TRACKING', 'on']);
    if (options.database !== 0 && !options.isCluster) prefix.push(['SELECT', String(options.database)]);
    const clientNodes: number[][] = Array.from({ length: threadCount }, () => []);
    for (let client = 0; client < options.clients; client++) {
      const thread = client % threadCount;
      clientNodes[thread]!.push((threadCount < nodes.length ? client : thread) % nodes.length);
    }
    const counters = new SharedArrayBuffer(counterCount * 4);
    return clientNodes.map((own, threadIndex) => ({
      nodes,
      clientNodes: own,
      prefix: new Uint8Array(Buffer.concat(prefix.map((words) => encodeCommand(words)))),
      prefixCount: prefix.length,
      command,
      keyspaceLength: options.keyspaceLength,
      isCluster: options.isCluster,
      auth: this.auth,
      pipeline: options.pipeline,
      requests: options.requests,
      keepAlive: options.keepAlive,
      seed: options.seed,
      rate: options.rate,
      threadIndex,
      threadCount,
      shape,
      counters,
      counts: new Histogram(shape).counts.buffer as SharedArrayBuffer,
    }));
  }
}

/** A Load in a worker thread, with the same three calls. */
class ThreadLoad {
  private readonly worker: Worker;
  private readonly job: LoadJob;

  constructor(worker: Worker, job: LoadJob) {
    this.worker = worker;
    this.job = job;
  }

  open(): Promise<void> {
    return this.order({ kind: 'open', job: this.job });
  }

  run(): Promise<void> {
    return this.order({ kind: 'run' });
  }

  close(): void {
    this.worker.postMessage({ kind: 'close' } satisfies WorkerOrder);
  }

  private order(order: WorkerOrder): Promise<void> {
    return new Promise((resolve, reject) => {
      this.worker.removeAllListeners();
      this.worker.once('error', reject);
      this.worker.once('message', (report: WorkerReport) => {
        if (report.kind === 'failed') reject(new LoadFailure(report.message));
        else resolve();
      });
      this.worker.postMessage(order);
    });
  }
}

/** Reads the progress of all threads. */
class Watch {
  readonly samples: Sample[] = [];
  private readonly histograms: Histogram[];
  private readonly counters: Int32Array;
  private readonly startMs: number;
  private progressBefore: { atMs: number; finished: number; counts: Int32Array };
  private sampleBefore: { atMs: number; finished: number; counts: Int32Array };

  constructor(histograms: Histogram[], counters: Int32Array, startMs: number) {
    this.histograms = histograms;
    this.counters = counters;
    this.startMs = startMs;
    const counts = new Int32Array(histograms[0]!.counts.length);
    this.progressBefore = { atMs: startMs, finished: 0, counts };
    this.sampleBefore = this.progressBefore;
  }

  total(): Histogram {
    const sum = new Histogram(this.histograms[0]!.shape);
    for (const histogram of this.histograms) sum.add(histogram);
    return sum;
  }

  /** The figures of redis-benchmark's progress line, since the line before and over all. */
  progress(): string {
    const atMs = performance.now();
    const finished = this.counters[counterFinished]!;
    const total = this.total();
    const recent = total.since(this.progressBefore.counts);
    const perSecond = (finished - this.progressBefore.finished) / ((atMs - this.progressBefore.atMs) / 1000);
    const overall = finished / ((atMs - this.startMs) / 1000);
    this.progressBefore = { atMs, finished, counts: total.counts };
    return (
      `rps=${formatFixed(perSecond, 1)} (overall: ${formatFixed(overall, 1)}) ` +
      `avg_msec=${formatFixed(recent.mean / 1000, 3)} (overall: ${formatFixed(total.mean / 1000, 3)})`
    );
  }

  sample(): void {
    const atMs = performance.now();
    const finished = this.counters[counterFinished]!;
    const total = this.total();
    const recent = total.since(this.sampleBefore.counts);
    if (finished > this.sampleBefore.finished) {
      this.samples.push({
        endMs: atMs - this.startMs,
        requestsPerSecond: (finished - this.sampleBefore.finished) / ((atMs - this.sampleBefore.atMs) / 1000),
        p50Ms: recent.valueAtPercentile(50) / 1000,
        p99Ms: recent.valueAtPercentile(99) / 1000,
        maxMs: recent.max / 1000,
      });
    }
    this.sampleBefore = { atMs, finished, counts: total.counts };
  }
}
