// progress: how far a reshard is: a bar at the bottom of a terminal with slots, keys, bytes, rate and time left.
import { humanBytes, humanCount, humanDuration } from '../base/human-size.js';
import { isError } from '../client/reply.js';
import type { Timer } from '../io/clock.js';
import type { Move } from './allocation.js';
import type { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';

const refreshMs = 100;
const barWidth = 24;

export class Progress {
  slots = 0;
  keys = 0;
  bytes = 0;
  private readonly startedMs: number;
  private shownMs = -Infinity;
  private isDrawn = false;
  /** Draws what came too soon after the bar before: a move may be held up for long. */
  private later: Timer | undefined;
  /** A person watches, so the bar is drawn. */
  readonly isShown: boolean;

  constructor(
    private readonly context: Context,
    private readonly slotsTotal: number,
    private readonly keysTotal: number,
  ) {
    const { terminal } = context.environment;
    this.isShown = terminal.isWatched && !context.options.json;
    this.startedMs = context.environment.clock.steadyMs();
  }

  addKeys(count: number, bytes: number): void {
    this.keys += count;
    this.bytes += bytes;
    this.draw();
  }

  /** So many keys and bytes have moved by now. */
  reach(keys: number, bytes: number): void {
    this.keys = keys;
    this.bytes = bytes;
    this.draw();
  }

  slotDone(): void {
    this.slots++;
    this.draw();
  }

  /** Takes the bar away while something is printed. */
  above(print: () => void): void {
    this.clear();
    print();
    this.shownMs = -Infinity;
    this.draw();
  }

  clear(): void {
    this.later?.cancel();
    this.later = undefined;
    if (!this.isDrawn) return;
    this.isDrawn = false;
    this.context.environment.terminal.complain('\r\x1b[K');
  }

  /** Figures for `--json`. */
  get figures(): Record<string, number> {
    return { slots: this.slots, keys: this.keys, bytes: this.bytes, seconds: this.seconds };
  }

  private get seconds(): number {
    return (this.context.environment.clock.steadyMs() - this.startedMs) / 1000;
  }

  private draw(): void {
    if (!this.isShown) return;
    const { clock } = this.context.environment;
    const nowMs = clock.steadyMs();
    if (nowMs - this.shownMs < refreshMs) {
      this.later ??= clock.after(refreshMs, () => {
        this.later = undefined;
        this.draw();
      });
      return;
    }
    this.shownMs = nowMs;
    this.isDrawn = true;
    this.context.environment.terminal.complain(`\r\x1b[K${this.render()}`);
  }

  private render(): string {
    const { seconds } = this;
    // Where there are keys they are the work; a slot counts as much as a key, so that empty slots move the bar as well.
    const done = this.keys + this.slots;
    const total = Math.max(this.keysTotal, this.keys) + this.slotsTotal;
    const share = total === 0 ? 1 : done / total;
    const filled = Math.round(share * barWidth);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const rate = seconds > 0 ? this.keys / seconds : 0;
    const left = share > 0 && share < 1 ? `, ${humanDuration((seconds * (1 - share)) / share)} left` : '';
    return (
      `${(share * 100).toFixed(1).padStart(5)}% ${bar} ${this.slots}/${this.slotsTotal} slots, ` +
      `${humanCount(this.keys)} keys, ${humanBytes(this.bytes)}, ${humanCount(rate)} keys/s${left}`
    );
  }
}

/** A progress for these moves, with the keys of their slots counted; undefined when nobody would see it. */
export async function startProgress(
  context: Context,
  moves: readonly Move<ClusterNode>[],
): Promise<Progress | undefined> {
  if (!context.environment.terminal.isWatched && !context.options.json) return undefined;
  let keys = 0;
  for (const [source, part] of groupBySource(moves)) {
    const counts = await context.callMany(
      source,
      part.map(({ slot }) => ['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]),
    );
    for (const count of counts) if (!isError(count) && count.kind === 'integer') keys += Number(count.value);
  }
  return new Progress(context, moves.length, keys);
}

function groupBySource(moves: readonly Move<ClusterNode>[]): Map<ClusterNode, Move<ClusterNode>[]> {
  const groups = new Map<ClusterNode, Move<ClusterNode>[]>();
  for (const move of moves) {
    const group = groups.get(move.source);
    if (group === undefined) groups.set(move.source, [move]);
    else group.push(move);
  }
  return groups;
}
