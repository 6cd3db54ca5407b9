// event: something that happened to a server at one moment; charts mark it, and "the history of master and replica" is a list of them.

export type EventKind =
  | 'up'
  | 'down'
  | 'restart'
  | 'promoted'
  | 'demoted'
  | 'new-master'
  | 'failover'
  | 'link-up'
  | 'link-down'
  | 'loading'
  | 'loaded'
  | 'config'
  | 'save-started'
  | 'saved'
  | 'save-failed'
  | 'rewrite-started'
  | 'rewritten'
  | 'rewrite-failed'
  | 'aof-failed'
  | 'aof-recovered'
  | 'slots-gained'
  | 'slots-lost'
  | 'cluster-ok'
  | 'cluster-failed'
  | 'sentinel'
  | 'ejected'
  | 'returned'
  | 'alert';

export type Severity = 'info' | 'warning' | 'critical';

export interface MonitorEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Id of the target. */
  readonly target: string;
  readonly kind: EventKind;
  readonly severity: Severity;
  /** One line for people. */
  readonly text: string;
}

const severities: Partial<Record<EventKind, Severity>> = {
  down: 'critical',
  restart: 'warning',
  promoted: 'warning',
  demoted: 'warning',
  'new-master': 'warning',
  failover: 'warning',
  'link-down': 'warning',
  'save-failed': 'critical',
  'rewrite-failed': 'critical',
  'aof-failed': 'critical',
  'cluster-failed': 'critical',
  ejected: 'warning',
};

export function severityOf(kind: EventKind): Severity {
  return severities[kind] ?? 'info';
}
