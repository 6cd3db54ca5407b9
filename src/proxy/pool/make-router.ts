// make-router: the router that a pool's configuration asks for.
import type { LogLevel } from '../../base/log-level.js';
import type { Prng } from '../../base/prng.js';
import type { Clock } from '../../io/clock.js';
import type { PoolConfig } from '../config/pool-config.js';
import { hashFunctions } from '../../base/hash-functions.js';
import type { Router } from '../routing/router.js';
import { Backend, type BackendHost } from './backend.js';
import { addressText, type NodeAddress } from '../../client/slot-map.js';
import { ClusterRouter } from './cluster-router.js';
import { Nearness } from './nearness.js';
import { NutcrackerRouter } from './nutcracker-router.js';
import { SentinelRouter } from './sentinel-router.js';

/** A server that says nothing for so long is looked for anew, where the pool sets no time. */
const DISCOVERED_TIMEOUT_MS = 10_000;

/** The words of the AUTH that a pool sends first to each of its servers. */
export function authOf(config: PoolConfig): string[] {
  if (config.password === undefined) return [];
  return config.serverUser === undefined ? [config.password] : [config.serverUser, config.password];
}

export function makeRouter(config: PoolConfig, host: BackendHost, clock: Clock, prng: Prng): Router {
  const auth = authOf(config);
  if (config.kind === 'cluster' || config.kind === 'sentinel') return makeDiscoveringRouter(config, host, clock, prng);
  const backends = config.servers.map(
    ({ host: serverHost, port, path, label, name, weight }) =>
      new Backend(host, {
        host: serverHost,
        port,
        ...(path === undefined ? {} : { path }),
        label,
        name,
        weight,
        timeoutMs: config.timeoutMs,
        keepAliveSeconds: config.serverKeepAliveSeconds,
        connectionCount: config.serverConnections,
        auth,
        databaseIndex: config.databaseIndex,
      }),
  );
  const { hashTag } = config;
  const placement = {
    hash: hashFunctions.get(config.hash)!,
    distribution: config.distribution,
    tagRule:
      hashTag === '' ? undefined : { open: hashTag.charCodeAt(0), close: hashTag.charCodeAt(1), takesEmpty: false },
    ejects: config.ejects,
    retryTimeoutMs: config.retryTimeoutMs,
    failureLimit: config.failureLimit,
  };
  return new NutcrackerRouter(backends, placement, clock, prng, (backend) =>
    host.log(
      'notice',
      `server '${backend.options.name}' of pool '${config.name}' is ejected for ${config.retryTimeoutMs} ms`,
    ),
  );
}

/** A router that finds its servers itself. */
function makeDiscoveringRouter(config: PoolConfig, host: BackendHost, clock: Clock, prng: Prng): Router {
  const auth = authOf(config);
  const make = (address: NodeAddress, greeting: readonly (readonly string[])[], password: readonly string[]): Backend =>
    new Backend(host, {
      ...address,
      label: addressText(address),
      name: addressText(address),
      weight: 1,
      timeoutMs: config.timeoutMs > 0 ? config.timeoutMs : DISCOVERED_TIMEOUT_MS,
      keepAliveSeconds: config.serverKeepAliveSeconds,
      connectionCount: config.serverConnections,
      auth: password,
      databaseIndex: config.databaseIndex,
      greeting,
    });
  const common = {
    readPolicy: config.readPolicy,
    nearness: new Nearness(config.readNear),
    clock,
    prng,
    log: (level: LogLevel, text: string) => host.log(level, `pool '${config.name}': ${text}`),
  };
  if (config.kind === 'cluster') {
    return new ClusterRouter({
      ...common,
      seeds: config.nodes,
      makeBackend: (address, isReplica) => make(address, isReplica ? [['READONLY']] : [], auth),
    });
  }
  return new SentinelRouter({
    ...common,
    sentinels: config.nodes,
    masterName: config.masterName,
    maxLagBytes: config.maxLagBytes,
    makeBackend: (address) => make(address, [], auth),
    makeSentinel: (address) => make(address, [], []),
  });
}
