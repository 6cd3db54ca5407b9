// cluster-host: what CLUSTER's subcommands share: the server as they see it, and how they read slots and refuse.

import { errors } from '../../protocol/errors.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { Config } from '../../service/config/config.js';
import type { CallFor } from '../call.js';
import { readSlot } from '../cluster-gate.js';
import type { ClusterPort } from '../cluster-port.js';
import type { ReplicationPort } from '../replication-port.js';
import type { SlotStats } from '../slot-stats.js';
import type { SlotTrim } from '../slot-trim.js';

export interface ClusterHost {
  readonly cluster: ClusterPort | undefined;
  readonly replication: ReplicationPort | undefined;
  readonly keyspace: Keyspace;
  readonly config: Config;
  readonly tlsPort: number;
  readonly slotStats: SlotStats;
  readonly clusterKeys: { readonly trim: SlotTrim };
}

export type ClusterCall = CallFor<ClusterHost>;

/** Runs in a server that is a node of a cluster. */
export type ClusterRun = (call: ClusterCall, cluster: ClusterPort) => void;

/** Replies with a change's error, or that it is done. */
export function replyDone(call: ClusterCall, error: string | undefined): void {
  if (error === undefined) call.reply.ok();
  else call.reply.error(error);
}

/** The slot that an argument names; NaN after the error reply. */
export function slotAt(call: ClusterCall, index: number): number {
  const slot = readSlot(call, index);
  if (Number.isNaN(slot)) call.reply.error(errors.invalidSlot);
  return slot;
}

/** More or other arguments than the subcommand takes. */
export function refuseSyntax(call: ClusterCall): void {
  call.reply.error(
    `ERR unknown subcommand or wrong number of arguments for '${call.shown(1).slice(0, 128)}'. Try CLUSTER HELP.`,
  );
}

export function unknownNode(call: ClusterCall, index: number): string {
  return `ERR Unknown node ${call.shown(index)}`;
}

/** Whether a client's connection is a TLS one; its replies name TLS ports. */
export function isSecure(call: ClusterCall): boolean {
  return call.client.local.endsWith(`:${call.host.tlsPort}`);
}
