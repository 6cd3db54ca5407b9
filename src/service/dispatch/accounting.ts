// accounting: the records of a command's time and bytes: statistics, latency, the slow log and the logs of large
// requests.
//
// Most commands are only counted; those that were timed, or are large, come here.

import { digitCount } from '../../base/bytes.js';
import { type Command, commandFlags } from '../../registry/command.js';
import type { Call } from '../../registry/call.js';
import type { ClientCall } from '../call.js';
import type { Config } from '../config/config.js';
import { type CommandLog, cutArguments } from '../watch/command-log.js';
import type { CommandStats } from '../watch/command-stats.js';
import { LatencyHistogram } from '../watch/latency-histogram.js';
import type { LatencyMonitor } from '../watch/latency-monitor.js';
import { shownArgument } from '../watch/secrets.js';

/** The logs and tables, and how much they may hold. */
export interface AccountingHost {
  readonly config: Config;
  readonly stats: CommandStats;
  readonly slowLog: CommandLog;
  readonly largeRequests: CommandLog;
  readonly largeReplies: CommandLog;
  readonly latency: LatencyMonitor;
  readonly histograms: Map<string, LatencyHistogram>;
  readonly settings: {
    readonly latencyTracking: boolean;
    readonly latencyThresholdMs: number;
    readonly slowerThanMicros: number;
    readonly slowLogLength: number;
    readonly largeRequestBytes: number;
    readonly largeReplyBytes: number;
  };
  nowMs(): number;
}

export class Accounting {
  private readonly isSensitive = (directive: string): boolean =>
    this.host.config.find(directive)?.option.sensitive === true;

  constructor(private readonly host: AccountingHost) {}

  /** A command has run for so long; the measurement stands for `times` runs. */
  account(call: ClientCall, command: Command<never>, micros: number, times: number): void {
    const { stats, settings } = this.host;
    stats.addTime(command.id, micros * times);
    if (settings.latencyTracking) this.recordLatency(command, micros, times);
    if (settings.slowerThanMicros >= 0 && micros >= settings.slowerThanMicros) this.recordSlow(call, command, micros);
    this.noteLatency((command.flags & commandFlags.fast) !== 0 ? 'fast-command' : 'command', micros / 1000);
  }

  /** LATENCY: notes an event if it took as long as latency-monitor-threshold. */
  noteLatency(event: string, milliseconds: number): void {
    const { host } = this;
    const { latencyThresholdMs } = host.settings;
    if (latencyThresholdMs > 0 && milliseconds >= latencyThresholdMs)
      host.latency.add(event, Math.floor(milliseconds), Math.floor(host.nowMs() / 1000));
  }

  private recordLatency(command: Command<never>, micros: number, times: number): void {
    const { histograms } = this.host;
    let histogram = histograms.get(command.fullName);
    if (histogram === undefined) {
      histogram = new LatencyHistogram();
      histograms.set(command.fullName, histogram);
    }
    histogram.record(micros * 1000, times);
  }

  private recordSlow(call: ClientCall, command: Command<never>, micros: number): void {
    if (!isLogged(call, command)) return;
    this.log(this.host.slowLog, call, Math.floor(micros), this.host.settings.slowLogLength);
  }

  /** COMMANDLOG of large requests and replies. The reply of a parked script comes later (`recordLargeReply`). */
  recordLarge(call: ClientCall, command: Command<never>, replyBytes: number): void {
    if (!isLogged(call, command)) return;
    const { settings, config, largeRequests } = this.host;
    const bytes = wireBytes(call);
    if (bytes >= settings.largeRequestBytes)
      this.log(largeRequests, call, bytes, config.number('commandlog-large-request-max-len').value);
    this.recordLargeReply(call, command, replyBytes);
  }

  /** Logs a reply if it is large. */
  recordLargeReply(call: ClientCall, command: Command<never>, replyBytes: number): void {
    const { settings, config, largeReplies } = this.host;
    if (replyBytes < settings.largeReplyBytes || !isLogged(call, command)) return;
    this.log(largeReplies, call, replyBytes, config.number('commandlog-large-reply-max-len').value);
  }

  private log(log: CommandLog, call: ClientCall, value: number, limit: number): void {
    const args = cutArguments(call.count, (index) => this.shownArgument(call, index));
    log.add(args, value, Math.floor(this.host.nowMs() / 1000), call.client.remote, call.client.name, limit);
  }

  /** An argument as logs and monitors show it: secrets are left out. */
  shownArgument(call: ClientCall, index: number): Uint8Array {
    return shownArgument(call.command.fullName, call as unknown as Call, index, this.isSensitive);
  }
}

/** Some commands are kept out of logs, and so is what no client has called. */
function isLogged(call: { readonly client: unknown }, command: Command<never>): boolean {
  return (command.flags & commandFlags.skip_slowlog) === 0 && call.client !== undefined;
}

/** Bytes of a request in the protocol. */
export function wireBytes(call: ClientCall): number {
  let bytes = 3 + digitCount(call.count);
  for (let index = 0; index < call.count; index++) bytes += 5 + digitCount(call.lengths[index]!) + call.lengths[index]!;
  return bytes;
}
