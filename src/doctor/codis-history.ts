// codis-history: the keys that codis's config files had before 3.2, and what has their place now.
//
// Codis 1 and 2 had one config.ini for all programs, 3.0 and 3.1 a TOML file for each, with times as seconds and sizes as bytes.
// Source: the files that each release shipped.

export interface OldKey {
  readonly until: string;
  /** The key that has its place. */
  readonly now?: string;
  /** The value in the form of today, as TOML; without it the value stays. */
  readonly value?: (text: string) => string;
  readonly meaning: string;
  /** The file of today that the key belongs to. */
  readonly file?: 'codis-dashboard';
}

const text = (value: string): string => JSON.stringify(value);
const seconds = (value: string): string => text(/^\d+$/.test(value) ? `${value}s` : value);
const registry = 'proxies are found by the dashboard, and the servers of codis are not looked up in ZooKeeper or etcd';

export const oldKeys: Readonly<Record<string, OldKey>> = {
  // Codis 1 and 2: config.ini.
  product: { until: 'codis 2', now: 'product_name', value: text, meaning: '' },
  password: { until: 'codis 2', now: 'product_auth', value: text, meaning: '' },
  zk: { until: 'codis 2', now: 'coordinator_addr', value: text, meaning: '', file: 'codis-dashboard' },
  coordinator: { until: 'codis 2', now: 'coordinator_name', value: text, meaning: '', file: 'codis-dashboard' },
  dashboard_addr: {
    until: 'codis 2',
    meaning: 'the dashboard finds the proxies, not they it: its own address is admin_addr in dashboard.toml',
  },
  proxy_id: { until: 'codis 2', meaning: 'a proxy makes an id of its own and is known by its admin_addr' },
  proto: { until: 'codis 2', now: 'proto_type', value: text, meaning: '' },
  zk_session_timeout: { until: 'codis 2', meaning: registry },
  net_timeout: { until: 'codis 2', now: 'backend_recv_timeout', value: seconds, meaning: '' },
  // Codis 3.0 and 3.1.
  session_max_timeout: { until: 'codis 3.1', now: 'session_recv_timeout', value: seconds, meaning: '' },
  session_max_bufsize: { until: 'codis 3.1', now: 'session_recv_bufsize', meaning: '' },
  max_alive_sessions: { until: 'codis 3.1', now: 'proxy_max_clients', meaning: '' },
  max_offheap_mbytes: {
    until: 'codis 3.1',
    now: 'proxy_max_offheap_size',
    value: (value) => text(`${value}mb`),
    meaning: '',
  },
};

/** Those that a proxy read. */
export const oldProxyKeys: ReadonlySet<string> = new Set(
  Object.keys(oldKeys).filter((key) => oldKeys[key]!.file === undefined),
);
