// make-router: the router that a pool's configuration asks for.
import type { Prng } from '../../base/prng.js';
import type { Clock } from '../../io/clock.js';
import type { PoolConfig } from '../config/pool-config.js';
import { hashFunctions } from '../placement/hash-functions.js';
import type { Router } from '../routing/router.js';
import { Backend, type BackendHost } from './backend.js';
import { NutcrackerRouter } from './nutcracker-router.js';

/** What a pool says to each of its servers first. */
export function authOf(config: PoolConfig): string[] {
  if (config.password === undefined) return [];
  return config.serverUser === undefined ? [config.password] : [config.serverUser, config.password];
}

export function makeRouter(config: PoolConfig, host: BackendHost, clock: Clock, prng: Prng): Router {
  const auth = authOf(config);
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
