// rule: what an alert looks for, and the checks that a rule from a file or a page must pass.
//
// A figure has two marks, so that one that trembles around a limit does not fire again and again: the alert begins beyond `value` and
// ends on the other side of `clear`. Both must hold for a while (`forMs`, `clearMs`). An event fires at once and ends by itself.

import type { EventKind, Severity } from '../events/event.js';
import { figureOf } from '../figures.js';

export type Condition =
  | {
      readonly kind: 'figure';
      readonly figure: string;
      readonly op: '>' | '<';
      /** Begins when the figure is beyond it. */
      readonly value: number;
      /** Ends when the figure is back at it, or on its other side. */
      readonly clear: number;
    }
  | { readonly kind: 'down' }
  | { readonly kind: 'event'; readonly events: readonly EventKind[] };

export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly isEnabled: boolean;
  readonly severity: Severity;
  readonly condition: Condition;
  /** The condition holds so long before a notification. */
  readonly forMs: number;
  /** It is over for so long before the alert ends; for events, how long the alert lasts. */
  readonly clearMs: number;
  /** Told again so often while it lasts; 0: once. */
  readonly repeatMs: number;
  /** Ids of targets; all of them if there are none. */
  readonly targets: readonly string[];
  /** Ids of channels; all of them if there are none. */
  readonly channels: readonly string[];
}

/** A rule, channel or silence that makes no sense; the message is for people. */
export class AlertError extends Error {}

const TEXT_LENGTH_MAX = 200;
const LIST_LENGTH_MAX = 1000;
const YEAR_MS = 365 * 86_400_000;
/** The events that a rule may look for. */
export const eventKinds: ReadonlySet<string> = new Set<EventKind>([
  'up',
  'down',
  'restart',
  'promoted',
  'demoted',
  'new-master',
  'failover',
  'link-up',
  'link-down',
  'loading',
  'loaded',
  'config',
  'save-started',
  'saved',
  'save-failed',
  'rewrite-started',
  'rewritten',
  'rewrite-failed',
  'aof-failed',
  'aof-recovered',
  'slots-gained',
  'slots-lost',
  'cluster-ok',
  'cluster-failed',
  'sentinel',
  'ejected',
  'returned',
]);

type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new AlertError(`${what} is no object`);
  return value as Fields;
}

export function textIn(fields: Fields, name: string, otherwise?: string): string {
  const value = fields[name] ?? otherwise;
  if (typeof value !== 'string' || value === '') throw new AlertError(`${name} is missing`);
  if (value.length > TEXT_LENGTH_MAX) throw new AlertError(`${name} is longer than ${TEXT_LENGTH_MAX} characters`);
  return value;
}

export function listIn(fields: Fields, name: string): string[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value) || value.length > LIST_LENGTH_MAX || value.some((each) => typeof each !== 'string'))
    throw new AlertError(`${name} is no list of texts`);
  return value as string[];
}

function millisIn(fields: Fields, name: string, otherwise: number): number {
  const value = fields[name] ?? otherwise;
  if (typeof value !== 'number' || !(value >= 0 && value <= YEAR_MS))
    throw new AlertError(`${name} is no time in milliseconds`);
  return value;
}

/** Checks a rule that somebody wrote; throws an AlertError. */
export function readRule(value: unknown): Rule {
  const fields = asFields(value, 'the rule');
  const id = textIn(fields, 'id');
  const severity = fields.severity ?? 'warning';
  if (severity !== 'info' && severity !== 'warning' && severity !== 'critical')
    throw new AlertError('severity is none of info, warning, critical');
  return {
    id,
    name: textIn(fields, 'name', id),
    isEnabled: fields.isEnabled !== false,
    severity,
    condition: readCondition(fields.condition),
    forMs: millisIn(fields, 'forMs', 0),
    clearMs: millisIn(fields, 'clearMs', 60_000),
    repeatMs: millisIn(fields, 'repeatMs', 0),
    targets: listIn(fields, 'targets'),
    channels: listIn(fields, 'channels'),
  };
}

function readCondition(value: unknown): Condition {
  const fields = asFields(value, 'condition');
  switch (fields.kind) {
    case 'down':
      return { kind: 'down' };
    case 'event': {
      const events = listIn(fields, 'events');
      const unknown = events.find((kind) => !eventKinds.has(kind));
      if (unknown !== undefined) throw new AlertError(`there is no event "${unknown}"`);
      if (events.length === 0) throw new AlertError('events is empty');
      return { kind: 'event', events: events as EventKind[] };
    }
    case 'figure':
      return readFigure(fields);
    default:
      throw new AlertError('the kind of condition is none of figure, event, down');
  }
}

function readFigure(fields: Fields): Condition {
  const { op, value } = fields;
  const figure = textIn(fields, 'figure');
  if (figureOf(figure) === undefined) throw new AlertError(`there is no figure "${figure}"`);
  if (op !== '>' && op !== '<') throw new AlertError('op is neither > nor <');
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new AlertError('value is no number');
  const clear = fields.clear ?? value;
  if (typeof clear !== 'number' || !Number.isFinite(clear)) throw new AlertError('clear is no number');
  if (op === '>' ? clear > value : clear < value)
    throw new AlertError('clear lies beyond value: the alert would end before it begins');
  return { kind: 'figure', figure, op, value, clear };
}

const MINUTE_MS = 60_000;

/** The rules that a new monitor has. */
export const defaultRules: readonly Rule[] = [
  rule('down', 'Server is down', 'critical', { kind: 'down' }, 10_000),
  rule('roles', 'Role changed', 'warning', {
    kind: 'event',
    events: ['promoted', 'demoted', 'new-master', 'failover'],
  }),
  rule('restart', 'Server restarted', 'warning', { kind: 'event', events: ['restart'] }),
  rule('memory', 'Memory over 90 %', 'warning', over('memory_percent', 90, 85), MINUTE_MS),
  rule('lag', 'Replication lags', 'warning', over('lag_seconds', 30, 10), 30_000),
  rule('link', 'Link to the master is down', 'critical', under('link_up', 1), 30_000),
  rule('hit-rate', 'Hit rate under 50 %', 'info', under('hit_rate', 50, 60), 10 * MINUTE_MS, false),
  rule('rejected', 'Connections are refused', 'critical', over('rejected', 0, 0)),
  rule('evicted', 'Keys are evicted', 'info', over('evicted', 0, 0), MINUTE_MS, false),
  rule('save', 'The last save failed', 'critical', under('rdb_ok', 1)),
  rule('aof', 'The AOF has errors', 'critical', under('aof_ok', 1)),
  rule('cluster', 'The cluster does not serve', 'critical', under('cluster_ok', 1), 10_000),
  rule('slots', 'Slots moved', 'info', { kind: 'event', events: ['slots-gained', 'slots-lost'] }, 0, false),
  rule('ejected', 'The proxy ejected a server', 'warning', over('backends_ejected', 0, 0)),
  rule('certificate', 'The certificate expires within 14 days', 'warning', under('certificate_days', 14)),
];

function rule(id: string, name: string, severity: Severity, condition: Condition, forMs = 0, isEnabled = true): Rule {
  return {
    id,
    name,
    isEnabled,
    severity,
    condition,
    forMs,
    clearMs: condition.kind === 'event' ? 5 * MINUTE_MS : MINUTE_MS,
    repeatMs: 0,
    targets: [],
    channels: [],
  };
}

function over(figure: string, value: number, clear = value): Condition {
  return { kind: 'figure', figure, op: '>', value, clear };
}

function under(figure: string, value: number, clear = value): Condition {
  return { kind: 'figure', figure, op: '<', value, clear };
}
