// codis-config: proxy.toml of codis 3.2: every key with its default, checked as codis-proxy checks it.
import type { Mistake } from '../config/yml.js';
import { defaultText, productMistake, readSettings, type TomlSettings } from './toml-settings.js';
import type { TomlValue } from './toml.js';

/** All keys of proxy.toml, with codis's defaults. */
export const codisDefaults: TomlSettings = {
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

export type CodisConfig = TomlSettings;

function refuse(key: string, value: TomlValue): string | undefined {
  if (key === 'product_name') return productMistake(value);
  if (key === 'proto_type' && !['tcp', 'tcp4', 'tcp6', 'unix', 'unixpacket'].includes(String(value)))
    return 'invalid proto_type';
  if (key === 'jodis_name' && value !== '') return 'jodis_name: zookeeper and etcd are not spoken; leave it empty';
  return undefined;
}

export function readCodisConfig(text: string): { readonly config: CodisConfig; readonly mistakes: readonly Mistake[] } {
  return readSettings(text, 'proxy.toml', codisDefaults, refuse);
}

/** What --default-config prints. */
export function defaultCodisConfig(): string {
  return defaultText('proxy.toml: the keys of codis-proxy 3.2 with their defaults.', codisDefaults);
}
