// settings: the configuration's values about clients and commands, as plain fields for hot code; renewed by CONFIG SET.

import type { RequestReader } from '../../protocol/request.js';
import { Gate } from '../clients/client.js';
import type { Config } from './config.js';
import type { OptionName } from './options.js';
import type { ClientClass, OutputLimit } from './special-settings.js';

/** The holders of copies of settings. */
export interface ServiceSettingsTarget {
  readonly reader: RequestReader;
  gates: number;
  queryBytesMax: number;
  unsentBytesMax: number;
  timesAll: boolean;
}

/** Replies that a client may leave unread before its further requests wait, where no limit allows more. */
export const UNSENT_BYTES_MIN = 32 * 1024 * 1024;

export class ServiceSettings {
  maxClients = 10000;
  timeoutSeconds = 0;
  keepAliveSeconds = 300;
  protectedMode = true;
  slowerThanMicros = 10000;
  slowLogLength = 128;
  /** Requests and replies of so many bytes are logged. */
  largeRequestBytes = Infinity;
  largeReplyBytes = Infinity;
  latencyThresholdMs = 0;
  latencyTracking = true;
  aclLogLength = 128;
  outputLimits: Record<ClientClass, OutputLimit>;
  /** The limits of replicas are not below this; see OutputLimits. */
  backlogBytes = 0;

  constructor(protected readonly config: Config) {
    this.outputLimits = config.special('client-output-buffer-limit').value;
  }

  /** Reads everything anew and brings it to those who hold copies. */
  applyService(server: ServiceSettingsTarget): void {
    const { config } = this;
    this.maxClients = config.number('maxclients').value;
    this.timeoutSeconds = config.number('timeout').value;
    this.keepAliveSeconds = config.number('tcp-keepalive').value;
    this.protectedMode = config.flag('protected-mode').value;
    this.slowerThanMicros = config.number('slowlog-log-slower-than').value;
    this.slowLogLength = config.number('slowlog-max-len').value;
    this.largeRequestBytes = logLimit(config.number('commandlog-request-larger-than').value);
    this.largeReplyBytes = logLimit(config.number('commandlog-reply-larger-than').value);
    this.latencyThresholdMs = config.number('latency-monitor-threshold').value;
    this.latencyTracking = config.flag('latency-tracking').value;
    this.aclLogLength = config.number('acllog-max-len').value;
    this.outputLimits = config.special('client-output-buffer-limit').value;
    server.reader.bulkBytesMax = config.number('proto-max-bulk-len').value;
    server.queryBytesMax = config.number('client-query-buffer-limit').value;
    const { hardBytes, softBytes } = this.outputLimits.normal;
    // A client that is to be closed at a limit must be able to reach it.
    server.unsentBytesMax = Math.max(UNSENT_BYTES_MIN, hardBytes, softBytes);
    server.gates = hardBytes > 0 || softBytes > 0 ? server.gates | Gate.OUTPUT : server.gates & ~Gate.OUTPUT;
    // Below a millisecond, or when every command counts, sampling would miss what is asked for.
    server.timesAll = (this.slowerThanMicros >= 0 && this.slowerThanMicros < 1000) || this.latencyThresholdMs === 1;
  }

  /** All settings whose change `applyService` brings to the server. */
  static readonly appliedByService: readonly OptionName[] = [
    'maxclients',
    'timeout',
    'tcp-keepalive',
    'protected-mode',
    'slowlog-log-slower-than',
    'slowlog-max-len',
    'commandlog-request-larger-than',
    'commandlog-reply-larger-than',
    'latency-monitor-threshold',
    'latency-tracking',
    'acllog-max-len',
    'client-output-buffer-limit',
    'proto-max-bulk-len',
    'client-query-buffer-limit',
  ];
}

/** A negative limit means: log nothing. */
function logLimit(bytes: number): number {
  return bytes < 0 ? Infinity : bytes;
}
