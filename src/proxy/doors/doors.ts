// doors: the places where a pool's clients come in: TCP, a unix socket, TLS.
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { Network } from '../../io/network.js';
import { listen, makeDoor, serveSocket } from '../../io/sockets.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import type { ListenConfig, PoolConfig, TlsConfig } from '../config/pool-config.js';

export interface Door {
  readonly text: string;
  readonly port: number;
  close(): void;
}

type Accept = (wire: Wire) => WireEvents;

function keepAliveOf(config: PoolConfig): number {
  return config.tcpKeepAlive ? 300 : 0;
}

async function openUnix(config: PoolConfig, place: ListenConfig, accept: Accept): Promise<Door> {
  const path = place.path!;
  // As twemproxy: what stands in the way is taken away.
  rmSync(path, { force: true });
  const server = await listen(
    makeDoor(() => 0, accept),
    { path, backlog: config.backlog },
  );
  if (place.permissions !== 0) chmodSync(path, place.permissions);
  return { text: place.text, port: 0, close: () => void server.close() };
}

export function tlsOptionsOf(files: TlsConfig): SecureContextOptions {
  const read = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
  const ca = read(files.caFile);
  const cert = read(files.certFile);
  const key = read(files.keyFile);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function openTls(config: PoolConfig, place: ListenConfig, accept: Accept): Promise<Door> {
  const files = config.listenTlsFiles;
  const server = createTlsServer(
    { ...tlsOptionsOf(files), requestCert: files.caFile !== undefined, rejectUnauthorized: files.caFile !== undefined },
    (socket) => serveSocket(socket as Socket, keepAliveOf(config), accept),
  );
  server.on('tlsClientError', () => undefined);
  await listen(server, { host: place.host, port: place.port, backlog: config.backlog });
  return { text: place.text, port: place.port, close: () => void server.close() };
}

/** Opens all doors of a pool; rejects with the system's error, having closed what was open. */
export async function openDoors(network: Network, config: PoolConfig, accept: Accept): Promise<Door[]> {
  const doors: Door[] = [];
  try {
    const { listen: place, listenTls } = config;
    if (place.path !== undefined) {
      doors.push(await openUnix(config, place, accept));
    } else {
      const keepAliveSeconds = (): number => keepAliveOf(config);
      const listener = await network.listen(
        { host: place.host, port: place.port, backlog: config.backlog, keepAliveSeconds },
        accept,
      );
      doors.push({ text: place.text, port: listener.port, close: () => listener.close() });
    }
    if (listenTls !== undefined) doors.push(await openTls(config, listenTls, accept));
    return doors;
  } catch (error) {
    for (const door of doors) door.close();
    throw error;
  }
}
