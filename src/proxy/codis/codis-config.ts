// codis-config: proxy.toml of codis 3.2: every key with its default, checked as codis-proxy checks it.
import type { Mistake } from '../config/yml.js';
import { readToml, type TomlValue } from './toml.js';

/** All keys of proxy.toml, with codis's defaults. */
export const codisDefaults: Readonly<Record<string, TomlValue>> = {
  product_name: 'codis-demo',
  product_auth: '',
  session_auth: '',
  admin_addr: '0.0.0.0:11080',
  proto_type: 'tcp4',
  proxy_addr: '0.0.0.0:19000',
  jodis_name: '',
  jodis_addr: '',
  jodis_auth: '',
  jodis_timeout: '20s',
  jodis_compatible: false,
  proxy_datacenter: '',
  proxy_max_clients: 1000,
  proxy_max_offheap_size: '1024mb',
  proxy_heap_placeholder: '256mb',
  backend_ping_period: '5s',
  backend_recv_bufsize: '128kb',
  backend_recv_timeout: '30s',
  backend_send_bufsize: '128kb',
  backend_send_timeout: '30s',
  backend_max_pipeline: 20480,
  backend_primary_only: false,
  backend_primary_parallel: 1,
  backend_replica_parallel: 1,
  backend_keepalive_period: '75s',
  backend_number_databases: 16,
  session_recv_bufsize: '128kb',
  session_recv_timeout: '30m',
  session_send_bufsize: '64kb',
  session_send_timeout: '30s',
  session_max_pipeline: 10000,
  session_keepalive_period: '75s',
  session_break_on_failure: false,
  metrics_report_server: '',
  metrics_report_period: '1s',
  metrics_report_influxdb_server: '',
  metrics_report_influxdb_period: '1s',
  metrics_report_influxdb_username: '',
  metrics_report_influxdb_password: '',
  metrics_report_influxdb_database: '',
  metrics_report_statsd_server: '',
  metrics_report_statsd_period: '1s',
  metrics_report_statsd_prefix: '',
};

const durationKeys = new Set(
  Object.keys(codisDefaults).filter(
    (key) =>
      typeof codisDefaults[key] === 'string' &&
      /^\d+[ms]s?$/.test(codisDefaults[key]) &&
      !/mb|kb/.test(codisDefaults[key]),
  ),
);
const sizeKeys = new Set(
  Object.keys(codisDefaults).filter(
    (key) => typeof codisDefaults[key] === 'string' && /^\d+[kmg]b$/.test(codisDefaults[key]),
  ),
);

/** Milliseconds of '30s', '5m', '1h', '100ms'; NaN for anything else. A bare number is seconds. */
export function durationMs(text: TomlValue): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(text));
  if (match === null) return NaN;
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h'];
}

/** Bytes of '128kb'; NaN for anything else. */
export function sizeBytes(text: TomlValue): number {
  const match = /^(\d+)(kb|mb|gb|k|m|g|b)?$/i.exec(String(text));
  if (match === null) return NaN;
  return (
    Number(match[1]) *
    { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? 'b')[0]!.toLowerCase() as 'b' | 'k' | 'm' | 'g']
  );
}

export type CodisConfig = Readonly<Record<string, TomlValue>>;

export function readCodisConfig(text: string): { readonly config: CodisConfig; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const config: Record<string, TomlValue> = { ...codisDefaults };
  for (const [key, { value, line }] of readToml(text, mistakes)) {
    const known = codisDefaults[key];
    if (known === undefined) {
      mistakes.push({ line, text: `${key} is no key of proxy.toml` });
      continue;
    }
    const isText = durationKeys.has(key) || sizeKeys.has(key);
    if (typeof value !== typeof known && !(isText && typeof value === 'number'))
      mistakes.push({ line, text: `invalid ${key}: it is a ${typeof known}` });
    else if (durationKeys.has(key) && Number.isNaN(durationMs(value)))
      mistakes.push({ line, text: `invalid ${key}: a time such as 30s or 5m` });
    else if (sizeKeys.has(key) && Number.isNaN(sizeBytes(value)))
      mistakes.push({ line, text: `invalid ${key}: a size such as 128kb` });
    else if (typeof value === 'number' && value < 0)
      mistakes.push({ line, text: `invalid ${key}: it cannot be negative` });
    else if (key === 'product_name' && !/^\w[\w.-]*$/.test(String(value)))
      mistakes.push({ line, text: `bad product name = ${String(value)}` });
    else if (key === 'proto_type' && !['tcp', 'tcp4', 'tcp6', 'unix', 'unixpacket'].includes(String(value)))
      mistakes.push({ line, text: 'invalid proto_type' });
    else if (key === 'jodis_name' && value !== '')
      mistakes.push({ line, text: 'jodis_name: zookeeper and etcd are not spoken; leave it empty' });
    else config[key] = value;
  }
  return { config, mistakes };
}

/** What --default-config prints. */
export function defaultCodisConfig(): string {
  const rows = Object.entries(codisDefaults).map(
    ([key, value]) => `${key} = ${typeof value === 'string' ? `"${value}"` : String(value)}\n`,
  );
  return `# proxy.toml: the keys of codis-proxy 3.2 with their defaults.\n${rows.join('')}`;
}
