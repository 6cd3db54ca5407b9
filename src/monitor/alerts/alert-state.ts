// alert-state: one rule at one target: whether it fires, as a machine whose inputs are samples, events and time.
//
//   ok -- condition holds --> pending -- for forMs --> firing -- over for clearMs --> ok
//                     \-- over --> ok
//
// A figure that is missing (the server lacks it, or is down) changes nothing.

import type { MonitorEvent } from '../events/event.js';
import type { Rule } from './rule.js';

export type Phase = 'ok' | 'pending' | 'firing';

/** News for people. */
export type Outcome = 'fired' | 'resolved' | undefined;

/** Of many events only some are sent. */
const EVENT_TOLD_EVERY_MS = 60_000;

export interface StoredAlert {
  readonly rule: string;
  readonly target: string;
  readonly phase: Phase;
  readonly sinceMs: number;
  readonly value: number | null;
  readonly text: string;
  readonly isTold: boolean;
  readonly toldMs: number;
}

export class AlertState {
  phase: Phase = 'ok';
  /** When the phase began, in ms since 1970. */
  sinceMs = 0;
  /** The figure, when the rule is about one. */
  value: number | undefined;
  text = '';
  /** A notification that it fires was sent. */
  isTold = false;
  toldMs = 0;
  /** Since when the condition does not hold, while it still fires. */
  private overMs: number | undefined;

  constructor(
    public rule: Rule,
    readonly target: string,
  ) {}

  /** Takes what a sample says of the target. */
  sampled(values: ReadonlyMap<string, number>, nowMs: number): Outcome {
    const { condition } = this.rule;
    if (condition.kind === 'event') return undefined;
    if (condition.kind === 'down') {
      const isUp = values.get('up') === 1;
      return this.step(!isUp, isUp, isUp ? 'answers' : 'does not answer', nowMs);
    }
    const value = values.get(condition.figure);
    if (value === undefined) return undefined;
    this.value = value;
    const { op, value: mark, clear } = condition;
    const text = `${condition.figure} is ${shownNumber(value)} (limit ${op} ${shownNumber(mark)})`;
    return op === '>'
      ? this.step(value > mark, value <= clear, text, nowMs)
      : this.step(value < mark, value >= clear, text, nowMs);
  }

  /** Takes an event of the target. */
  happened(event: MonitorEvent, nowMs: number): Outcome {
    const { condition } = this.rule;
    if (condition.kind !== 'event' || !condition.events.includes(event.kind)) return undefined;
    this.text = event.text;
    this.overMs = nowMs;
    const isNew = this.phase !== 'firing';
    if (isNew) this.enter('firing', nowMs);
    return isNew || nowMs - this.toldMs >= EVENT_TOLD_EVERY_MS ? 'fired' : undefined;
  }

  /** Time passes; the clock may have been set back. */
  tick(nowMs: number): Outcome {
    if (this.phase !== 'firing' || this.overMs === undefined || this.rule.condition.kind !== 'event') return undefined;
    if (Math.abs(nowMs - this.overMs) < this.rule.clearMs) return undefined;
    // The end of an event needs no notification.
    this.enter('ok', nowMs);
    return undefined;
  }

  /** Whether it is time to tell again. */
  isDue(nowMs: number): boolean {
    const { repeatMs } = this.rule;
    return this.phase === 'firing' && repeatMs > 0 && nowMs - this.toldMs >= repeatMs;
  }

  stored(): StoredAlert {
    const { phase, sinceMs, value, text, isTold, toldMs } = this;
    return { rule: this.rule.id, target: this.target, phase, sinceMs, value: value ?? null, text, isTold, toldMs };
  }

  restore({ phase, sinceMs, value, text, isTold, toldMs }: StoredAlert): void {
    this.phase = phase;
    this.sinceMs = sinceMs;
    this.value = value ?? undefined;
    this.text = text;
    this.isTold = isTold;
    this.toldMs = toldMs;
    // An event's alert ends some time after its notification.
    if (this.rule.condition.kind === 'event') this.overMs = toldMs;
  }

  private step(holds: boolean, isOver: boolean, text: string, nowMs: number): Outcome {
    const { forMs, clearMs } = this.rule;
    if (this.phase === 'firing') {
      if (!isOver) {
        this.overMs = undefined;
        this.text = text;
        return undefined;
      }
      this.overMs ??= nowMs;
      if (Math.abs(nowMs - this.overMs) < clearMs) return undefined;
      this.text = text;
      this.enter('ok', nowMs);
      return 'resolved';
    }
    if (!holds) {
      if (this.phase === 'pending') this.enter('ok', nowMs);
      return undefined;
    }
    this.text = text;
    if (this.phase === 'ok') this.enter('pending', nowMs);
    if (Math.abs(nowMs - this.sinceMs) < forMs) return undefined;
    this.enter('firing', nowMs);
    return 'fired';
  }

  private enter(phase: Phase, nowMs: number): void {
    this.phase = phase;
    this.sinceMs = nowMs;
    if (phase !== 'firing') this.overMs = undefined;
  }
}

export function shownNumber(value: number): string {
  return String(Math.round(value * 100) / 100);
}
