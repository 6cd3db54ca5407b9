// hot-keys: HOTKEYS: which keys take most of the server's time and of the network's bytes while a session runs.
//
// During a session every command passes through `HotKeysHost.run`, where it is timed by itself and counted for its
// keys; without one there is no cost. A command with several keys counts for each with an equal share, a script for the
// keys of its EVAL, a command of a transaction for its own.
//
// The tables are bounded: when one has grown to twice its room the smaller half of its counts is forgotten. A key with a large
// share of the whole stays; one whose count was forgotten begins at nothing again, so that counts are never too large.
import { latin1 } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import type { Call } from '../registry/call.js';
import type { Command } from '../registry/command.js';
import { findKeys, FoundKeys } from '../registry/find-keys.js';
import { Gate } from '../service/clients/client.js';
import type { ServerCall } from './call.js';

/** The gate that makes commands pass by here, a clock, and chance. */
export interface HotKeysHost {
  gates: number;
  readonly keyspace: { readonly random: RandomSource };
  nowMs(): number;
}

/** Counts that are kept for each key that is reported. */
const KEPT_PER_KEY = 200;
/** Bytes of names that a table may hold before it is halved. */
const NAME_BYTES_MAX = 8 * 1024 * 1024;

export interface HotKeysOptions {
  readonly countsCpu: boolean;
  readonly countsNet: boolean;
  /** How many keys are reported. */
  readonly keyCount: number;
  /** 0: until it is stopped. */
  readonly durationSeconds: number;
  /** One command in so many is counted for its keys. */
  readonly sampleRatio: number;
}

/** Sums by key, the largest of which are wanted. */
export class TopCounts {
  private sums = new Map<string, number>();
  private nameBytes = 0;

  constructor(private readonly room: number) {}

  add(key: string, amount: number): void {
    const sum = this.sums.get(key);
    this.sums.set(key, (sum ?? 0) + amount);
    if (sum !== undefined) return;
    this.nameBytes += key.length;
    if (this.sums.size > this.room * 2 || this.nameBytes > NAME_BYTES_MAX) this.forgetHalf();
  }

  /** The `count` largest, the largest first; of equal ones the one that came first. */
  largest(count: number): (readonly [key: string, sum: number])[] {
    return [...this.sums].sort((a, b) => b[1] - a[1]).slice(0, count);
  }

  private forgetHalf(): void {
    this.sums = new Map(this.largest(this.sums.size >> 1));
    this.nameBytes = 0;
    for (const key of this.sums.keys()) this.nameBytes += key.length;
  }
}

/** One session: what it was asked for and what it has counted. */
export class HotKeysSession {
  isActive = true;
  /** Of all commands, sampled or not. */
  micros = 0;
  netBytes = 0;
  readonly cpu: TopCounts | undefined;
  readonly net: TopCounts | undefined;
  private endMs = 0;
  private used = { user: 0, system: 0 };
  private readonly usedBefore = process.cpuUsage();
  private readonly found = new FoundKeys();

  constructor(
    readonly options: HotKeysOptions,
    readonly startMs: number,
    private readonly random: RandomSource,
  ) {
    const room = options.keyCount * KEPT_PER_KEY;
    this.cpu = options.countsCpu ? new TopCounts(room) : undefined;
    this.net = options.countsNet ? new TopCounts(room) : undefined;
  }

  /** Whether its time is over. */
  isOver(nowMs: number): boolean {
    const { durationSeconds } = this.options;
    return durationSeconds > 0 && nowMs >= this.startMs + durationSeconds * 1000;
  }

  stop(nowMs: number): void {
    this.used = process.cpuUsage(this.usedBefore);
    const { durationSeconds } = this.options;
    this.endMs = durationSeconds > 0 ? Math.min(nowMs, this.startMs + durationSeconds * 1000) : nowMs;
    this.isActive = false;
  }

  durationMs(nowMs: number): number {
    return (this.isActive ? nowMs : this.endMs) - this.startMs;
  }

  /** Microseconds of the whole process since the start. */
  get processorTime(): { readonly user: number; readonly system: number } {
    return this.isActive ? process.cpuUsage(this.usedBefore) : this.used;
  }

  /** A command has run: its time and the bytes of its request and its reply. */
  count(call: ServerCall, command: Command<ServerCall>, micros: number, netBytes: number): void {
    this.micros += micros;
    this.netBytes += netBytes;
    const { sampleRatio } = this.options;
    if (sampleRatio > 1 && this.random.below(sampleRatio) !== 0) return;
    const { found } = this;
    findKeys(command as unknown as Command<Call>, call as unknown as Call, false, found);
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      const key = latin1(call.bytes, call.starts[at]!, call.lengths[at]!);
      this.cpu?.add(key, micros / found.count);
      this.net?.add(key, netBytes / found.count);
    }
  }
}

/** The session that runs, or the last one until it is reset. */
export class HotKeys {
  private last: HotKeysSession | undefined;

  constructor(private readonly server: HotKeysHost) {}

  /** The last session, which is stopped here when its time is over. */
  get session(): HotKeysSession | undefined {
    if (this.last?.isActive === true && this.last.isOver(this.server.nowMs())) this.stop();
    return this.last;
  }

  /** The session, if it is active. */
  get active(): HotKeysSession | undefined {
    const { session } = this;
    return session?.isActive === true ? session : undefined;
  }

  start(options: HotKeysOptions): void {
    this.last = new HotKeysSession(options, this.server.nowMs(), this.server.keyspace.random);
    this.server.gates |= Gate.HOT_KEYS;
  }

  stop(): void {
    this.last?.stop(this.server.nowMs());
    this.server.gates &= ~Gate.HOT_KEYS;
  }

  reset(): void {
    this.last = undefined;
  }
}
