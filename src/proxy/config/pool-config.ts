// pool-config: the configuration of a pool, whichever file it was read from.
import type { DistributionName } from '../placement/distribution.js';

export interface ListenConfig {
  readonly text: string;
  readonly host: string;
  readonly port: number;
  readonly path: string | undefined;
  /** Of a unix socket; 0 leaves them. */
  readonly permissions: number;
}

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  readonly path: string | undefined;
  readonly weight: number;
  /** The text that placement hashes. */
  readonly name: string;
  /** As the file says it, without the name. */
  readonly label: string;
}

export type PoolKind = 'twemproxy' | 'cluster' | 'sentinel' | 'codis';
export type ReadPolicy = 'master' | 'prefer_replica' | 'replica';

/** As one class of a server's client-output-buffer-limit: closed at once above the one, after so long above the other; 0 for never. */
export interface OutputLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

export interface TlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Servers: accept any certificate. */
  readonly isInsecure: boolean;
}

export interface PoolConfig {
  readonly name: string;
  readonly line: number;
  readonly kind: PoolKind;
  readonly listen: ListenConfig;
  readonly listenTls: ListenConfig | undefined;
  readonly listenTlsFiles: TlsConfig;
  readonly hash: string;
  /** Two characters, or none. */
  readonly hashTag: string;
  readonly distribution: DistributionName;
  readonly timeoutMs: number;
  readonly backlog: number;
  readonly clientConnections: number;
  /** Seconds of silence until the system tests a client's connection, or a server's; 0 for never. */
  readonly clientKeepAliveSeconds: number;
  readonly serverKeepAliveSeconds: number;
  /** Other processes may listen at the same place. */
  readonly reusePort: boolean;
  readonly password: string | undefined;
  readonly serverUser: string | undefined;
  readonly databaseIndex: number;
  readonly databaseCount: number;
  readonly preconnects: boolean;
  readonly ejects: boolean;
  readonly serverConnections: number;
  readonly retryTimeoutMs: number;
  readonly failureLimit: number;
  /** Sorted as twemproxy sorts them. */
  readonly servers: readonly ServerConfig[];
  /** Nodes of a cluster, or sentinels. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly masterName: string;
  /** The pool that takes this one's place, key by key; '' for none. */
  readonly migrateTo: string;
  /** The pool that gets all writes too; '' for none. */
  readonly mirrorTo: string;
  /** From a user to the pool whose servers it uses: 'user pool'. */
  readonly tenants: ReadonlyMap<string, string>;
  /** Globs of addresses to read from, nearest first. */
  readonly readNear: readonly string[];
  /** A replica that is further behind its master, in bytes, is not read from; 0 for any. */
  readonly maxLagBytes: number;
  /** Counts hot and big keys. */
  readonly watchesKeys: boolean;
  /** Keys whose values the proxy keeps; 0 for none. */
  readonly cachedKeysMax: number;
  readonly readPolicy: ReadPolicy;
  /** Each in the words of ACL SETUSER. */
  readonly users: readonly string[];
  readonly serverTls: TlsConfig | undefined;
  readonly clientLimit: OutputLimit;
  readonly subscriberLimit: OutputLimit;
}
