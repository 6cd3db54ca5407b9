// progress: one line on standard error that tells how far a long transfer is, how fast, and how long it will take.
// Only when standard error is a terminal; the output itself stays what it is without.
import type { Console } from '../console.js';
import { humanBytes, humanCount, humanDuration } from '../../base/human-size.js';

const refreshMs = 100;
const barWidth = 30;
/** The rate is that of about the last seconds, not of the whole run. */
const rateWindowMs = 5000;

export class Progress {
  private readonly startedMs = performance.now();
  private shownMs = -Infinity;
  private shown = false;
  private windowStartMs = this.startedMs;
  private windowStartDone = 0;
  private rate = 0;
  private readonly enabled: boolean;

  /** `total`: undefined when nobody knows. */
  constructor(
    private readonly console: Console,
    private readonly unit: 'bytes' | 'keys' | 'replies',
    private readonly total: number | undefined,
  ) {
    this.enabled = console.stderrTerminal && process.env.TERM !== 'dumb';
  }

  update(done: number): void {
    if (!this.enabled) return;
    const now = performance.now();
    if (now - this.shownMs < refreshMs) return;
    this.shownMs = now;
    this.measure(done, now);
    this.shown = true;
    this.console.complain(`\r\x1b[K${this.render(done)}`);
  }

  /** Takes the line away, before something else is printed or at the end. */
  clear(): void {
    if (!this.shown) return;
    this.shown = false;
    this.shownMs = -Infinity;
    this.console.complain('\r\x1b[K');
  }

  private measure(done: number, now: number): void {
    const elapsed = now - this.windowStartMs;
    if (elapsed <= 0) return;
    const current = ((done - this.windowStartDone) * 1000) / elapsed;
    // The first window's rate counts from the start; later ones replace it bit by bit.
    const weight = this.windowStartMs === this.startedMs ? 1 : elapsed / rateWindowMs;
    this.rate += (current - this.rate) * Math.min(1, weight);
    if (elapsed >= rateWindowMs) {
      this.windowStartMs = now;
      this.windowStartDone = done;
    }
  }

  private render(done: number): string {
    const amount = (value: number): string => (this.unit === 'bytes' ? humanBytes(value) : humanCount(value));
    const rate = `${amount(this.rate)}${this.unit === 'bytes' ? '' : ` ${this.unit}`}/s`;
    if (this.total === undefined || this.total <= 0)
      return `${amount(done)}${this.unit === 'bytes' ? '' : ` ${this.unit}`}, ${rate}`;
    const share = Math.min(1, done / this.total);
    const filled = Math.round(share * barWidth);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    const left = this.rate > 0 ? `, ${humanDuration(Math.max(0, this.total - done) / this.rate)} left` : '';
    const unit = this.unit === 'bytes' ? '' : ` ${this.unit}`;
    return `${(share * 100).toFixed(1).padStart(5)}% ${bar} ${amount(done)} of ${amount(this.total)}${unit}, ${rate}${left}`;
  }
}
