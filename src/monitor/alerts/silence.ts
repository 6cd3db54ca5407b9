// silence: suppresses the notifications of some alerts for a while; their states go on.

import { AlertError, asFields } from './rule.js';

export interface Silence {
  readonly id: string;
  /** Id of the rule; every rule if empty. */
  readonly rule: string;
  /** Id of the target; every target if empty. */
  readonly target: string;
  /** When it ends, in ms since 1970. */
  readonly untilMs: number;
  /** The person who wanted it, and the reason. */
  readonly by: string;
  readonly comment: string;
}

const TEXT_LENGTH_MAX = 500;

/** Checks a silence that somebody wrote, or the file has; throws an AlertError. */
export function readSilence(value: unknown): Silence {
  const fields = asFields(value, 'the silence');
  const text = (name: string): string => {
    const found = fields[name] ?? '';
    if (typeof found !== 'string' || found.length > TEXT_LENGTH_MAX) throw new AlertError(`${name} is no text`);
    return found;
  };
  const { untilMs } = fields;
  if (typeof untilMs !== 'number' || !Number.isFinite(untilMs)) throw new AlertError('untilMs is no time');
  return {
    id: text('id'),
    rule: text('rule'),
    target: text('target'),
    untilMs,
    by: text('by'),
    comment: text('comment'),
  };
}

export function isSilenced(silences: readonly Silence[], rule: string, target: string, nowMs: number): boolean {
  return silences.some(
    (silence) =>
      silence.untilMs > nowMs &&
      (silence.rule === '' || silence.rule === rule) &&
      (silence.target === '' || silence.target === target),
  );
}
