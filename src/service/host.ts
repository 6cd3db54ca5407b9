// host: the server and the client as the commands of this layer need them.
//
// The data server, Sentinel and the proxy each implement it; a command never knows which one it runs in.
import type { Call } from '../registry/call.js';
import type { CommandDeclaration } from '../registry/command.js';
import type { ReplyWriter } from '../protocol/reply.js';
import type { Files } from '../io/files.js';
import type { Acl } from './acl/acl.js';
import type { AclCheck } from './acl/denial.js';
import type { AclCommands } from './acl/selector.js';
import type { AclLog } from './acl/log.js';
import type { User } from './acl/user.js';
import type { Config } from './config/config.js';
import type { Info } from './info/info.js';
import type { PubSub, Subscriber } from './pubsub/pubsub.js';
import type { CommandLog } from './watch/command-log.js';
import type { LatencyHistogram } from './watch/latency-histogram.js';
import type { LatencyMonitor } from './watch/latency-monitor.js';

export interface ServiceClient extends Subscriber {
  readonly id: number;
  /** The user whose rules apply to this client; undefined for one that may do everything (a master). */
  readonly user: User | undefined;
  /** The connection is of this machine: loopback or a unix socket. */
  readonly isLocal: boolean;
}

/** How a server names itself in HELLO and INFO. */
export type ServerMode = 'standalone' | 'cluster' | 'sentinel';

/** A command that replies later; see ServiceHost.suspend. */
export interface LateReply {
  resume(write: (reply: ReplyWriter) => void): void;
}

export interface ServiceHost {
  readonly config: Config;
  readonly files: Files;
  readonly acl: Acl;
  readonly aclCheck: AclCheck<Call<never, never, never>>;
  readonly aclCommands: AclCommands;
  readonly aclLog: AclLog;
  readonly pubsub: PubSub;
  readonly slowLog: CommandLog;
  readonly largeRequests: CommandLog;
  readonly largeReplies: CommandLog;
  readonly latency: LatencyMonitor;
  /** Histograms of the commands that were timed, by full name. */
  readonly histograms: ReadonlyMap<string, LatencyHistogram>;
  readonly info: Info;
  readonly loading: boolean;
  /** In a cluster or elsewhere, a word that no other process uses: for names of temporary files. */
  readonly processTag: string;
  /** Milliseconds since 1970. */
  nowMs(): number;
  log(level: 'debug' | 'verbose' | 'notice' | 'warning', text: string): void;
  /** CONFIG RESETSTAT. */
  resetStatistics(): void;
  /** The running command's client waits for `resume`; its further requests wait too. */
  suspend(call: ServiceCall): LateReply;
  /** The client has become or is no longer a subscriber: its class and its gates follow. */
  subscriptionsChanged(client: ServiceClient): void;
  /** The running command was queued by MULTI: it may subscribe, which scripts may not. */
  inTransaction(call: ServiceCall): boolean;
  /** Passes the running command on to replicas, although it changed no data. */
  forwardToReplicas(call: ServiceCall): void;
}

export type ServiceCall = Call<unknown, ServiceHost, ServiceClient>;
export type ServiceCommand = CommandDeclaration<ServiceCall>;
