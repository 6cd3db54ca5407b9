// open-target: a target by its address: one server or proxy, or the cluster that the server is a node of.

import type { TargetConfig } from '../config/sync-config.js';
import { parseAddress, type ServerAddress } from '../../transfer/link/address.js';
import { isClusterNode } from '../../transfer/link/cluster.js';
import { Pipeline } from '../../transfer/link/pipeline.js';
import { ClusterTarget } from './cluster-target.js';
import type { RedisTarget, TargetOptions } from './redis-target.js';
import { lostAsTarget, ServerTarget } from './server-target.js';

const CONNECT_MS = 10_000;

export function targetAddress({ address, tls, replyMs }: TargetConfig): ServerAddress {
  return { ...parseAddress(address, { tls, timeoutMs: CONNECT_MS }), replyMs };
}

export async function openTarget(config: TargetConfig, options: TargetOptions): Promise<RedisTarget> {
  const address = targetAddress(config);
  const probe = await lostAsTarget(() => Pipeline.open(address));
  let isCluster: boolean;
  try {
    isCluster = await lostAsTarget(() => isClusterNode(probe));
  } finally {
    probe.close();
  }
  return isCluster ? ClusterTarget.open(address, options) : ServerTarget.open(address, options);
}
