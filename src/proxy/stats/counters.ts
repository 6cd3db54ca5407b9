// counters: all counters of pools and of servers, each declared once: statistics JSON, INFO, Prometheus text, `-D` and the table of
// docs/proxy.md are made from these declarations.
//
// The keys of the two tables are the fields that are counted, so a field without a row does not compile. Names, order and texts are
// twemproxy's as far as it counts the same; what it does not count stands last.

import type { MetricKind } from '../../service/metrics/exposition.js';
import type { Backend, BackendStatistics } from '../pool/backend.js';
import type { Pool, PoolCounters } from '../pool/pool.js';

export interface Counter<Source> {
  readonly name: string;
  readonly kind: MetricKind;
  /** As `-D` says it. */
  readonly help: string;
  read(source: Source): number;
}

const ofPool: Readonly<Record<keyof PoolCounters | 'serverEjects', Counter<Pool>>> = {
  clientEofs: {
    name: 'client_eof',
    kind: 'counter',
    help: '# eof on client connections',
    read: ({ counters }) => counters.clientEofs,
  },
  clientErrors: {
    name: 'client_err',
    kind: 'counter',
    help: '# errors on client connections',
    read: ({ counters }) => counters.clientErrors,
  },
  clientConnections: {
    name: 'client_connections',
    kind: 'gauge',
    help: '# active client connections',
    read: ({ counters }) => counters.clientConnections,
  },
  serverEjects: {
    name: 'server_ejects',
    kind: 'counter',
    help: '# times backend server was ejected',
    read: ({ router }) => router.ejectCount ?? 0,
  },
  forwardErrors: {
    name: 'forward_error',
    kind: 'counter',
    help: '# times we encountered a forwarding error',
    read: ({ counters }) => counters.forwardErrors,
  },
  fragments: {
    name: 'fragments',
    kind: 'counter',
    help: '# fragments created from a multi-vector request',
    read: ({ counters }) => counters.fragments,
  },
  clientsOverLimit: {
    name: 'client_over_limit',
    kind: 'counter',
    help: '# clients closed because they left too many replies unread',
    read: ({ counters }) => counters.clientsOverLimit,
  },
};

const ofServer: Readonly<
  Record<
    keyof BackendStatistics | 'connections' | 'inQueue' | 'inQueueBytes' | 'outQueue' | 'outQueueBytes',
    Counter<Backend>
  >
> = {
  eofCount: {
    name: 'server_eof',
    kind: 'counter',
    help: '# eof on server connections',
    read: ({ statistics }) => statistics.eofCount,
  },
  errorCount: {
    name: 'server_err',
    kind: 'counter',
    help: '# errors on server connections',
    read: ({ statistics }) => statistics.errorCount,
  },
  timeoutCount: {
    name: 'server_timedout',
    kind: 'counter',
    help: '# timeouts on server connections',
    read: ({ statistics }) => statistics.timeoutCount,
  },
  connections: {
    name: 'server_connections',
    kind: 'gauge',
    help: '# active server connections',
    read: ({ openCount }) => openCount,
  },
  ejectedAtMs: {
    name: 'server_ejected_at',
    kind: 'gauge',
    help: 'timestamp when server was ejected in usec since epoch',
    read: ({ statistics }) => Math.round(statistics.ejectedAtMs * 1000),
  },
  requests: { name: 'requests', kind: 'counter', help: '# requests', read: ({ statistics }) => statistics.requests },
  requestBytes: {
    name: 'request_bytes',
    kind: 'counter',
    help: 'total request bytes',
    read: ({ statistics }) => statistics.requestBytes,
  },
  responses: {
    name: 'responses',
    kind: 'counter',
    help: '# responses',
    read: ({ statistics }) => statistics.responses,
  },
  responseBytes: {
    name: 'response_bytes',
    kind: 'counter',
    help: 'total response bytes',
    read: ({ statistics }) => statistics.responseBytes,
  },
  // Requests that wait behind unsent bytes have not gone out; all others have.
  inQueue: {
    name: 'in_queue',
    kind: 'gauge',
    help: '# requests in incoming queue',
    read: (backend) => (backend.unsentBytes > 0 ? backend.waitingCount : 0),
  },
  inQueueBytes: {
    name: 'in_queue_bytes',
    kind: 'gauge',
    help: 'current request bytes in incoming queue',
    read: ({ unsentBytes }) => unsentBytes,
  },
  outQueue: {
    name: 'out_queue',
    kind: 'gauge',
    help: '# requests in outgoing queue',
    read: (backend) => (backend.unsentBytes > 0 ? 0 : backend.waitingCount),
  },
  outQueueBytes: {
    name: 'out_queue_bytes',
    kind: 'gauge',
    help: 'current request bytes in outgoing queue',
    read: () => 0,
  },
};

export const poolCounters: readonly Counter<Pool>[] = Object.values(ofPool);
export const serverCounters: readonly Counter<Backend>[] = Object.values(ofServer);

/** All of them by name, in the order of the table. */
export function readCounters<Source>(counters: readonly Counter<Source>[], source: Source): Record<string, number> {
  return Object.fromEntries(counters.map(({ name, read }) => [name, read(source)]));
}

/** What `-D` prints. */
export function countersText(): string {
  const rows = (counters: readonly Pick<Counter<unknown>, 'name' | 'help'>[]): string =>
    counters.map(({ name, help }) => `  ${name.padEnd(20)}"${help}"\n`).join('');
  return `pool stats:\n${rows(poolCounters)}\nserver stats:\n${rows(serverCounters)}`;
}

/** The table of docs/proxy.md. */
export function countersReference(): string {
  const row = (of: string, { name, kind, help }: Pick<Counter<unknown>, 'name' | 'kind' | 'help'>): string =>
    `| ${of} | \`${name}\` | ${kind} | ${help.replace(/^# /, 'number of ')} |`;
  return [
    '| of | name | kind | meaning |',
    '|---|---|---|---|',
    ...poolCounters.map((counter) => row('a pool', counter)),
    ...serverCounters.map((counter) => row('a server', counter)),
  ].join('\n');
}
