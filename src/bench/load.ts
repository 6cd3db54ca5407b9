// load: the part of a benchmark that one thread runs: its connections, the next request, the clock, the counting.
//
// Closed loop (as redis-benchmark): each connection sends a batch of `pipeline` requests, waits for all replies and
// sends the next. Latency is from the send to the first read that follows, the same for the whole batch.
//
// Open loop (`rate`): request i is due at start + i / rate whether or not earlier ones were answered. A connection has at
// most `pipeline` requests under way; what is due and finds no free place waits here. Latency is from the time it was due,
// so waiting counts and a server that stalls cannot hide it (no "coordinated omission").
//
// Progress (requests issued and finished, the histogram) lies in shared memory, so that the main thread can watch any
// number of threads. One Atomics call a batch is all the threads share.
import { openConnection } from './connection.js';
import type { Address, Connection } from './connection.js';
import { fetchNodes, tagOfSlot } from './cluster.js';
import { Histogram } from './histogram.js';
import type { HistogramShape } from './histogram.js';
import { ProtocolError, ReplyCounter } from './reply-counter.js';
import { KeyGenerator, makeTemplate, repeatTemplate } from './request.js';
import type { RequestTemplate } from './request.js';

const counterIssued = 0;
export const counterFinished = 1;
export const counterLive = 2;
/** How often a thread has met slots that moved: the others look for their new places then, too. */
const counterMoves = 3;
export const counterCount = 4;

/** Where a connection goes; in a cluster with the node's slots. */
export interface LoadNode {
  address: Address;
  id?: string | undefined;
  slots?: Int32Array | undefined;
}

/** Everything a thread needs; can be posted to a worker. */
export interface LoadJob {
  nodes: LoadNode[];
  /** Index into `nodes` for each connection of this thread. */
  clientNodes: number[];
  /** Commands sent once on each new connection, and how many replies they get. */
  prefix: Uint8Array;
  prefixCount: number;
  command: Uint8Array;
  /** Undefined: no random places. */
  keyspaceLength: number | undefined;
  isCluster: boolean;
  /** AUTH arguments, for the topology refresh of a cluster. */
  auth: string[];
  pipeline: number;
  requests: number;
  keepAlive: boolean;
  seed: number;
  /** Requests a second of all threads together; 0 for the closed loop. */
  rate: number;
  threadIndex: number;
  threadCount: number;
  shape: HistogramShape;
  counters: SharedArrayBuffer;
  counts: SharedArrayBuffer;
}

/** The benchmark cannot go on; the message is what stderr gets. */
export class LoadFailure extends Error {}

/** How many connections are opened at once: listen backlogs are short. */
const openAtOnceMax = 64;
/** Below this the open loop spins instead of sleeping: timers are no finer than a millisecond. */
const spinBelowMs = 2;

export class Load {
  readonly job: LoadJob;
  readonly template: RequestTemplate;
  readonly counters: Int32Array;
  readonly histogram: Histogram;
  readonly keys: KeyGenerator;
  isRunning = false;
  private readonly clients: Client[] = [];
  private finish: () => void = () => {};
  private abort: (failure: LoadFailure) => void = () => {};
  private timer: NodeJS.Timeout | undefined;
  private startMs = 0;
  private nextDue = 0;
  private nextClient = 0;
  private isRefreshing = false;
  private seenMoves = 0;
  private failure: LoadFailure | undefined;
  /** Closed loop: connections that found no request left to send. */
  private drainedCount = 0;
  /** Open loop: requests sent and not answered yet. */
  private underWay = 0;

  constructor(job: LoadJob) {
    this.job = job;
    this.template = makeTemplate(job.command, job.keyspaceLength !== undefined, job.isCluster);
    this.counters = new Int32Array(job.counters);
    this.histogram = new Histogram(job.shape, job.counts);
    this.keys = new KeyGenerator(job.seed + job.threadIndex * 7919, job.keyspaceLength ?? 0);
  }

  /** Opens all connections and sends the prefix commands. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.abort = reject;
      this.openAll().then(() => (this.failure === undefined ? resolve() : reject(this.failure)), reject);
    });
  }

  private async openAll(): Promise<void> {
    for (let at = 0; at < this.job.clientNodes.length; at += openAtOnceMax) {
      const group = this.job.clientNodes.slice(at, at + openAtOnceMax).map((node) => new Client(this, node));
      this.clients.push(...group);
      await Promise.all(group.map((client) => client.open()));
    }
  }

  /** Holds the connections open; only ever rejects. */
  idle(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.abort = reject;
      if (this.failure !== undefined) reject(this.failure);
    });
  }

  /** Runs until every request that this thread takes from the common number is answered. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.isRunning = false;
        clearTimeout(this.timer);
      };
      this.finish = () => {
        stop();
        resolve();
      };
      this.abort = (failure) => {
        stop();
        reject(failure);
      };
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      this.isRunning = true;
      this.startMs = performance.now();
      if (this.clients.length === 0) this.finish();
      else if (this.job.rate > 0) {
        this.nextDue = this.job.threadIndex;
        this.pace();
      } else for (const client of this.clients) client.sendBatch();
    });
  }

  close(): void {
    this.isRunning = false;
    for (const client of this.clients) client.close();
  }

  fail(message: string): void {
    this.failure ??= new LoadFailure(message);
    this.abort(this.failure);
  }

  /** All requests that count are answered: the thread is done. */
  endIfFinished(): boolean {
    if (Atomics.load(this.counters, counterFinished) < this.job.requests) return false;
    if (this.isRunning) this.finish();
    return true;
  }

  /** Closed loop: a connection has nothing left to send; other threads may still be at work. */
  drain(): void {
    this.drainedCount++;
    if (this.drainedCount === this.clients.length && this.isRunning) this.finish();
  }

  /** Open loop: requests went out (positive) or were answered (negative). */
  account(change: number): void {
    this.underWay += change;
    if (this.underWay === 0 && this.nextDue >= this.job.requests && this.isRunning) this.finish();
  }

  /** Sends what is due, then comes back when more is. */
  private pace(): void {
    if (!this.isRunning) return;
    const { job } = this;
    const perMs = job.rate / 1000;
    const elapsedMs = performance.now() - this.startMs;
    let due = Math.min(job.requests, Math.floor(elapsedMs * perMs) + 1) - this.nextDue;
    due = due <= 0 ? 0 : Math.ceil(due / job.threadCount);
    const share = Math.ceil(due / this.clients.length);
    for (let tried = 0; due > 0 && tried < this.clients.length; tried++) {
      const client = this.clients[this.nextClient]!;
      this.nextClient = (this.nextClient + 1) % this.clients.length;
      const room = Math.min(job.pipeline - client.pending, share, due);
      if (room <= 0 || !client.isOpen) continue;
      const firstMs = this.startMs + this.nextDue / perMs;
      this.nextDue += room * job.threadCount;
      client.sendDue(room, firstMs, job.threadCount / perMs);
      due -= room;
      tried = -1;
    }
    if (this.nextDue >= job.requests) {
      this.account(0);
      return;
    }
    const waitMs = this.startMs + this.nextDue / perMs - performance.now();
    if (waitMs > spinBelowMs) this.timer = setTimeout(() => this.pace(), waitMs - spinBelowMs + 1);
    else setImmediate(() => this.pace());
  }

  /** Error reply at the top level. In a cluster a moved slot is no failure, anything else is. */
  handleError(client: Client, text: string): void {
    const { address } = client.node;
    const at = this.job.isCluster ? ` ${address.host}:${address.port}` : '';
    if (!this.job.isCluster || this.template.tagOffsets.length === 0) {
      this.fail(`Error from server${at}: ${text}`);
      return;
    }
    const isDown = text.startsWith('CLUSTERDOWN');
    if (isDown) process.stderr.write(`Error from server${at}: ${text}.\n`);
    if ((isDown || text.startsWith('MOVED') || text.startsWith('ASK')) && !this.isRefreshing) {
      this.isRefreshing = true;
      setTimeout(
        () => {
          process.stderr.write('WARNING: Cluster slots configuration changed, fetching new one...\n');
          this.seenMoves = Atomics.add(this.counters, counterMoves, 1) + 1;
          void this.refreshSlots(client);
        },
        isDown ? 1000 : 0,
      );
    }
  }

  /** Looks for the places of the slots if another thread has met some that moved. */
  followMoves(client: Client): void {
    const moves = Atomics.load(this.counters, counterMoves);
    if (moves === this.seenMoves || this.isRefreshing) return;
    this.seenMoves = moves;
    this.isRefreshing = true;
    void this.refreshSlots(client);
  }

  private async refreshSlots(client: Client): Promise<void> {
    try {
      const fresh = await fetchNodes(client.node.address, this.job.auth);
      for (const node of this.job.nodes) node.slots = fresh.find((other) => other.id === node.id)?.slots ?? node.slots;
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
    this.isRefreshing = false;
  }
}

/** One connection and what it has under way. */
class Client {
  pending = 0;
  isOpen = false;
  readonly node: LoadNode;
  private readonly load: Load;
  private connection: Connection | undefined;
  private counter: ReplyCounter;
  private readonly batch: Uint8Array;
  private readonly histogram: Histogram;
  private prefixPending = 0;
  private prefixDone: () => void = () => {};
  /** Closed loop: when the batch was sent, and its latency once the first bytes came (-1 before). */
  private sentMs = 0;
  private latencyUs = -1;
  /** Open loop: ring of the times at which the requests under way were due. */
  private readonly dueMs: Float64Array;
  private dueFirst = 0;
  private readonly isOpenLoop: boolean;

  constructor(load: Load, nodeIndex: number) {
    this.load = load;
    this.node = load.job.nodes[nodeIndex]!;
    this.histogram = load.histogram;
    this.isOpenLoop = load.job.rate > 0;
    this.batch = repeatTemplate(load.template, load.job.pipeline);
    if (load.template.randomOffsets.length > 0) load.keys.prepare(this.batch, load.template, load.job.pipeline);
    this.dueMs = new Float64Array(this.isOpenLoop ? load.job.pipeline : 0);
    this.counter = this.makeCounter();
  }

  private makeCounter(): ReplyCounter {
    return new ReplyCounter((text) => this.load.handleError(this, text));
  }

  async open(): Promise<void> {
    const { address } = this.node;
    this.counter = this.makeCounter();
    try {
      this.connection = await openConnection(address, {
        onBytes: (buffer, length) => this.takeBytes(buffer, length),
        onLost: (reason) => this.lose(reason),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const place = address.path ?? `${address.host}:${address.port}`;
      throw new LoadFailure(`Could not connect to Redis at ${place}: ${reason}`);
    }
    Atomics.add(this.load.counters, counterLive, 1);
    if (this.load.job.prefixCount > 0) {
      this.prefixPending = this.load.job.prefixCount;
      const done = new Promise<void>((resolve) => (this.prefixDone = resolve));
      this.connection.send(this.load.job.prefix);
      await done;
    }
    this.isOpen = true;
  }

  close(): void {
    if (this.connection === undefined) return;
    this.connection.close();
    this.connection = undefined;
    this.isOpen = false;
    Atomics.sub(this.load.counters, counterLive, 1);
  }

  private lose(reason: string): void {
    this.close();
    this.load.fail(`Error: ${reason}`);
  }

  /** @hot Closed loop: sends the next batch unless all requests are given out. */
  sendBatch(): void {
    const { load } = this;
    const { job } = load;
    if (Atomics.add(load.counters, counterIssued, job.pipeline) >= job.requests) {
      load.drain();
      return;
    }
    this.patch(job.pipeline);
    this.pending = job.pipeline;
    this.latencyUs = -1;
    this.sentMs = performance.now();
    this.connection?.send(this.batch);
  }

  /** @hot Open loop: sends `count` requests, the first due at `firstMs`, the others every `stepMs` after it. */
  sendDue(count: number, firstMs: number, stepMs: number): void {
    // Bytes under way must not change, so a pipeline that is not empty gets fresh ones.
    const batch = this.pending === 0 ? this.batch : this.batch.slice(0, count * this.load.template.bytes.length);
    this.patch(count, batch);
    for (let request = 0; request < count; request++) {
      this.dueMs[(this.dueFirst + this.pending) % this.dueMs.length] = firstMs + request * stepMs;
      this.pending++;
    }
    Atomics.add(this.load.counters, counterIssued, count);
    this.load.account(count);
    this.connection?.send(batch.subarray(0, count * this.load.template.bytes.length));
  }

  private patch(count: number, batch = this.batch): void {
    const { template, keys, job } = this.load;
    if (template.randomOffsets.length > 0) keys.patch(batch, template, count);
    if (job.isCluster && template.tagOffsets.length > 0) this.patchTags(batch, count);
  }

  private patchTags(batch: Uint8Array, count: number): void {
    const { template } = this.load;
    this.load.followMoves(this);
    const slots = this.node.slots!;
    for (let copy = 0; copy < count; copy++) {
      const tag = tagOfSlot(slots[Math.floor(Math.random() * slots.length)]!);
      for (const offset of template.tagOffsets) batch.set(tag, copy * template.bytes.length + offset);
    }
  }

  /** @hot */
  private takeBytes(buffer: Uint8Array, length: number): void {
    const nowMs = performance.now();
    if (this.latencyUs < 0) this.latencyUs = ((nowMs - this.sentMs) * 1000) | 0;
    let replies = 0;
    try {
      replies = this.counter.feed(buffer, length);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.close();
      this.load.fail(`Error: ${error.message}`);
      return;
    }
    if (this.prefixPending > 0) {
      const prefixReplies = Math.min(this.prefixPending, replies);
      this.prefixPending -= prefixReplies;
      replies -= prefixReplies;
      if (this.prefixPending === 0) this.prefixDone();
    }
    if (replies > this.pending) replies = this.pending;
    if (replies === 0 || !this.load.isRunning) return;
    this.pending -= replies;
    const { requests } = this.load.job;
    const finishedBefore = Atomics.add(this.load.counters, counterFinished, replies);
    if (this.isOpenLoop) {
      for (let reply = 0; reply < replies; reply++) {
        this.histogram.record(Math.max(0, ((nowMs - this.dueMs[this.dueFirst]!) * 1000) | 0), 1);
        this.dueFirst = (this.dueFirst + 1) % this.dueMs.length;
      }
      this.load.account(-replies);
      return;
    }
    // Requests are given out in whole batches: what goes beyond the number asked for is not measured.
    const counted = requests - finishedBefore;
    if (counted > 0) this.histogram.record(this.latencyUs, counted < replies ? counted : replies);
    if (this.pending === 0) this.next();
  }

  private next(): void {
    if (this.load.endIfFinished()) return;
    if (this.load.job.keepAlive) this.sendBatch();
    else {
      this.close();
      this.open().then(
        () => this.sendBatch(),
        (error: unknown) => this.load.fail(error instanceof Error ? error.message : String(error)),
      );
    }
  }
}
