// service-options: the directives of any kind of server: doors, TLS, clients, users, logs, the process.
//
// The parts of `service` read these; a program without keys makes its table of them and its own (`new Config(folder, table)`).

import type { Option } from '../../registry/option.js';
import { options, type OptionName } from './options.js';

const names: ReadonlySet<string> = new Set<OptionName>([
  'bind',
  'port',
  'unixsocket',
  'unixsocketperm',
  'tcp-backlog',
  'metrics-port',
  'metrics-bind',
  'tcp-keepalive',
  'timeout',
  'protected-mode',
  'maxclients',
  'proto-max-bulk-len',
  'client-query-buffer-limit',
  'client-output-buffer-limit',
  'maxmemory-clients',
  // The bound of clients may be a share of it; a server without keys leaves it at 0.
  'maxmemory',
  'daemonize',
  'supervised',
  'pidfile',
  'loglevel',
  'logfile',
  'syslog-enabled',
  'syslog-ident',
  'syslog-facility',
  'dir',
  'set-proc-title',
  'proc-title-template',
  'requirepass',
  'aclfile',
  'acllog-max-len',
  'acl-pubsub-default',
  'enable-protected-configs',
  'slowlog-log-slower-than',
  'slowlog-max-len',
  'commandlog-request-larger-than',
  'commandlog-large-request-max-len',
  'commandlog-reply-larger-than',
  'commandlog-large-reply-max-len',
  'latency-monitor-threshold',
  'latency-tracking',
  'latency-tracking-info-percentiles',
]);

export const serviceOptions: readonly Option[] = options.filter(
  ({ name }) => names.has(name) || name.startsWith('tls-'),
);
