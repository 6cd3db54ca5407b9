// codis-pool: a pool of the proxy made from codis's proxy.toml.
import type { Prng } from '../../base/prng.js';
import type { PoolConfig } from '../config/pool-config.js';
import { Backend, type BackendHost } from '../pool/backend.js';
import type { CodisConfig } from './codis-config.js';
import { CodisRouter } from './codis-router.js';
import { durationMs } from './toml-settings.js';

const MEGABYTE = 1024 * 1024;

/** The pool, or what is wrong with its addresses. */
export function codisPoolConfig(config: CodisConfig): PoolConfig | string {
  const place = String(config.proxy_addr);
  const isUnix = String(config.proto_type).startsWith('unix');
  const colon = place.lastIndexOf(':');
  const port = Number(place.slice(colon + 1));
  if (!isUnix && (colon < 0 || !(port >= 1 && port <= 65535))) return `invalid proxy_addr: ${place}`;
  if (!/:\d{1,5}$/.test(String(config.admin_addr))) return `invalid admin_addr: ${String(config.admin_addr)}`;
  const noFiles = { caFile: undefined, certFile: undefined, keyFile: undefined, isInsecure: false };
  const sessionAuth = String(config.session_auth);
  const keepAliveSeconds = (side: 'session' | 'backend'): number =>
    Math.ceil(durationMs(config[`${side}_keepalive_period`]!) / 1000);
  return {
    name: String(config.product_name),
    line: 0,
    kind: 'codis',
    listen: isUnix
      ? { text: place, host: '', port: 0, path: place, permissions: 0 }
      : { text: place, host: place.slice(0, colon), port, path: undefined, permissions: 0 },
    listenTls: undefined,
    listenTlsFiles: noFiles,
    hash: 'crc32a',
    hashTag: '{}',
    distribution: 'modula',
    timeoutMs: durationMs(config.backend_recv_timeout!),
    backlog: 512,
    clientConnections: Number(config.proxy_max_clients),
    clientKeepAliveSeconds: keepAliveSeconds('session'),
    serverKeepAliveSeconds: keepAliveSeconds('backend'),
    reusePort: false,
    password: sessionAuth === '' ? undefined : sessionAuth,
    serverUser: undefined,
    databaseIndex: 0,
    databaseCount: Number(config.backend_number_databases),
    preconnects: false,
    ejects: false,
    serverConnections: Math.max(1, Number(config.backend_primary_parallel)),
    retryTimeoutMs: 30_000,
    failureLimit: 2,
    servers: [],
    nodes: [],
    masterName: '',
    migrateTo: '',
    mirrorTo: '',
    tenants: new Map(),
    readNear: [],
    maxLagBytes: 0,
    watchesKeys: false,
    cachedKeysMax: 0,
    readPolicy: 'master',
    users: [],
    serverTls: undefined,
    clientLimit: { hardBytes: 512 * MEGABYTE, softBytes: 128 * MEGABYTE, softSeconds: 60 },
    subscriberLimit: { hardBytes: 32 * MEGABYTE, softBytes: 8 * MEGABYTE, softSeconds: 60 },
  };
}

export function makeCodisRouter(config: CodisConfig, pool: PoolConfig, host: BackendHost, prng: Prng): CodisRouter {
  const auth = String(config.product_auth) === '' ? [] : [String(config.product_auth)];
  return new CodisRouter({
    clock: host.clock,
    prng,
    primaryOnly: config.backend_primary_only === true,
    pingPeriodMs: Math.max(100, durationMs(config.backend_ping_period!)),
    makeBackend(address) {
      const colon = address.lastIndexOf(':');
      return new Backend(host, {
        host: address.slice(0, colon),
        port: Number(address.slice(colon + 1)),
        label: address,
        name: address,
        weight: 1,
        timeoutMs: pool.timeoutMs,
        keepAliveSeconds: pool.serverKeepAliveSeconds,
        connectionCount: pool.serverConnections,
        auth,
        databaseIndex: 0,
      });
    },
  });
}
