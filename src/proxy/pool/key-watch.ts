// key-watch: which keys of a pool are hot, which are big: counted from a share of the requests, in bounded memory.
//
// One request of SAMPLE is looked at: its key, its bytes, and the bytes of its reply. Hot keys stand in a table of a few hundred; when it is full the
// one with the fewest counts makes room and leaves them to the newcomer (the space-saving algorithm), so a key that has
// more than its share is always there. Counts are halved each ten seconds, so they tell of now.

import { latin1 } from '../../base/bytes.js';
import type { Clock } from '../../io/clock.js';
import type { Plan } from '../routing/plan.js';
import type { Frame } from '../routing/router.js';
import type { ReplySink } from '../wire/reply-sink.js';

const SAMPLE = 8;
const HOT_MAX = 256;
const BIG_MAX = 128;
const BIG_BYTES = 64 * 1024;
const HALVE_MS = 10_000;

export interface WatchedKey {
  readonly name: string;
  readonly databaseIndex: number;
  /** Hot: requests in the last seconds, about. Big: bytes. */
  readonly amount: number;
  readonly command: string;
}

interface Hot {
  count: number;
  command: string;
  readonly name: string;
  readonly databaseIndex: number;
}

/** Passes a reply on and measures it. */
class Measured implements ReplySink {
  private bytes = 0;

  constructor(
    private readonly watch: KeyWatch,
    private readonly owner: ReplySink,
    private readonly tag: number,
    private readonly databaseIndex: number,
    private readonly name: string,
    private readonly command: string,
  ) {}

  private note(): void {
    this.watch.noteBytes(this.databaseIndex, this.name, this.command, this.bytes);
  }

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    this.bytes += to - from;
    this.note();
    this.owner.takeReply(this.tag, bytes, from, to);
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    const isTaken = this.owner.takePart(this.tag, bytes, from, to, isFirst, isLast);
    if (!isTaken) return false;
    this.bytes += to - from;
    if (isLast) this.note();
    return true;
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    this.owner.takeFailure(this.tag, text, wasSent);
  }
}

export class KeyWatch {
  private readonly hot = new Map<string, Hot>();
  private readonly big = new Map<string, WatchedKey>();
  private left = SAMPLE;
  private halvedMs: number;

  constructor(private readonly clock: Clock) {
    this.halvedMs = clock.steadyMs();
  }

  /** Looks at a request; the sink that shall have its reply. @hot */
  see(owner: ReplySink, tag: number, databaseIndex: number, plan: Plan, frame: Frame): ReplySink | undefined {
    if (--this.left > 0) return undefined;
    this.left = SAMPLE;
    return this.sample(owner, tag, databaseIndex, plan, frame);
  }

  /** Counts a request that is answered without a server. */
  heat(databaseIndex: number, name: string): void {
    const known = this.hot.get(`${databaseIndex}:${name}`);
    if (known !== undefined) known.count++;
  }

  private sample(owner: ReplySink, tag: number, databaseIndex: number, plan: Plan, frame: Frame): ReplySink {
    const name = latin1(frame.bytes, frame.keyStart, Math.min(frame.keyLength, 512));
    const command = plan.command.fullName;
    this.countHot(databaseIndex, name, command);
    if (frame.count > BIG_BYTES) this.noteBytes(databaseIndex, name, command, frame.count);
    return new Measured(this, owner, tag, databaseIndex, name, command);
  }

  private countHot(databaseIndex: number, name: string, command: string): void {
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.halvedMs >= HALVE_MS) this.halve(nowMs);
    const id = `${databaseIndex}:${name}`;
    const known = this.hot.get(id);
    if (known !== undefined) {
      known.count += SAMPLE;
      known.command = command;
      return;
    }
    let count = SAMPLE;
    if (this.hot.size >= HOT_MAX) {
      let least: [string, Hot] | undefined;
      for (const entry of this.hot) if (least === undefined || entry[1].count < least[1].count) least = entry;
      this.hot.delete(least![0]);
      count += least![1].count;
    }
    this.hot.set(id, { count, command, name, databaseIndex });
  }

  private halve(nowMs: number): void {
    this.halvedMs = nowMs;
    for (const [id, entry] of this.hot) {
      entry.count >>= 1;
      if (entry.count === 0) this.hot.delete(id);
    }
  }

  /** A value, or a request, of so many bytes was seen. */
  noteBytes(databaseIndex: number, name: string, command: string, bytes: number): void {
    if (bytes < BIG_BYTES) return;
    const id = `${databaseIndex}:${name}`;
    const known = this.big.get(id);
    if (known !== undefined && known.amount >= bytes) return;
    if (known === undefined && this.big.size >= BIG_MAX) {
      let least: WatchedKey | undefined;
      for (const entry of this.big.values()) if (least === undefined || entry.amount < least.amount) least = entry;
      if (least!.amount >= bytes) return;
      this.big.delete(`${least!.databaseIndex}:${least!.name}`);
    }
    this.big.set(id, { name, databaseIndex, command, amount: bytes });
  }

  /** Requests for a key in the last seconds, about. */
  heatOf(databaseIndex: number, name: string): number {
    return this.hot.get(`${databaseIndex}:${name}`)?.count ?? 0;
  }

  /** The hottest keys, with their counts. */
  hottest(count: number): WatchedKey[] {
    return [...this.hot.values()]
      .sort((a, b) => b.count - a.count)
      .slice(0, count)
      .map(({ count: amount, ...entry }) => ({ ...entry, amount }));
  }

  biggest(count: number): WatchedKey[] {
    return [...this.big.values()].sort((a, b) => b.amount - a.amount).slice(0, count);
  }
}
