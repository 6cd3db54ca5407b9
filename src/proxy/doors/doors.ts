// doors: the places where a pool's clients come in: TCP, a unix socket, TLS.
import { readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Network } from '../../io/network.js';
import { listen, makeDoor, serveSocket } from '../../io/sockets.js';
import { addressText, type Wire, type WireEvents } from '../../io/wire.js';
import type { ListenConfig, PoolConfig, TlsConfig } from '../config/pool-config.js';
import { type RepeatedLines, tlsFailureText } from './tls-failure.js';

export interface Door {
  readonly text: string;
  readonly port: number;
  /** Reads certificates and keys anew; throws the system's error, and goes on with the old ones. Doors without TLS have none. */
  renew?(files: TlsConfig): void;
  close(): void;
}

type Accept = (wire: Wire) => WireEvents;

/** A handshake with a client takes at most so long. */
const HANDSHAKE_MS_MAX = 10_000;

async function openUnix(config: PoolConfig, place: ListenConfig, accept: Accept): Promise<Door> {
  const path = place.path!;
  // As twemproxy: what stands in the way is taken away.
  rmSync(path, { force: true });
  const server = await listen(
    makeDoor(() => 0, accept),
    { path, permissions: place.permissions === 0 ? undefined : place.permissions, backlog: config.backlog },
  );
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

async function openTls(
  config: PoolConfig,
  place: ListenConfig,
  accept: Accept,
  failures: RepeatedLines,
): Promise<Door> {
  const files = config.listenTlsFiles;
  const asksForCertificate = files.caFile !== undefined;
  const server = createTlsServer(
    {
      ...tlsOptionsOf(files),
      requestCert: asksForCertificate,
      rejectUnauthorized: asksForCertificate,
      handshakeTimeout: HANDSHAKE_MS_MAX,
    },
    (socket) => serveSocket(socket as Socket, config.clientKeepAliveSeconds, accept),
  );
  // Addresses are gone when the socket has closed.
  const remotes = new WeakMap<object, string>();
  server.on('connection', (socket: Socket) =>
    remotes.set(socket, addressText(socket.remoteAddress, socket.remotePort)),
  );
  server.on('tlsClientError', (error: Error, socket: TLSSocket & { readonly _parent?: object }) => {
    const verification = socket.authorizationError as unknown as string | null;
    const reason = tlsFailureText(error, verification ?? undefined);
    const remote = remotes.get(socket._parent ?? socket) ?? 'of unknown address';
    // Whoever looks whether the port is open goes away like this too.
    const isUsual = errorCode(error) === 'ECONNRESET' && verification === null;
    failures.write(
      isUsual ? 'verbose' : 'warning',
      `${place.text} ${reason}`,
      `pool '${config.name}': client ${remote} does not get in by TLS at ${place.text}: ${reason}`,
    );
    socket.destroy();
  });
  const { backlog, reusePort } = config;
  await listen(server, { host: place.host, port: place.port, backlog, reusePort });
  return {
    text: place.text,
    port: place.port,
    renew: (fresh) => server.setSecureContext(tlsOptionsOf(fresh)),
    close: () => void server.close(),
  };
}

/** Why the files of a TLS configuration cannot be used; undefined when they can. */
export function tlsMistake(files: TlsConfig): string | undefined {
  try {
    createSecureContext(tlsOptionsOf(files));
    return undefined;
  } catch (error) {
    return systemErrorText(error);
  }
}

async function openPlain(network: Network, config: PoolConfig, accept: Accept): Promise<Door> {
  const { listen: place, backlog, reusePort, clientKeepAliveSeconds } = config;
  if (place.path !== undefined) return openUnix(config, place, accept);
  const { host, port } = place;
  const keepAliveSeconds = (): number => clientKeepAliveSeconds;
  const listener = await network.listen({ host, port, backlog, reusePort, keepAliveSeconds }, accept);
  return { text: place.text, port: listener.port, close: () => listener.close() };
}

/**
 * Opens all doors of a pool but those of `kept` that are where they shall be, which are among what it resolves with. Rejects with
 * the system's error, having closed what it opened.
 */
export async function openDoors(
  network: Network,
  config: PoolConfig,
  accept: Accept,
  failures: RepeatedLines,
  kept: readonly Door[] = [],
): Promise<Door[]> {
  const doors: Door[] = [];
  const { listen: place, listenTls } = config;
  const plain = kept.find((door) => door.renew === undefined && door.text === place.text);
  const secure = kept.find((door) => door.renew !== undefined && door.text === listenTls?.text);
  try {
    if (plain === undefined) doors.push(await openPlain(network, config, accept));
    if (listenTls !== undefined && secure === undefined) doors.push(await openTls(config, listenTls, accept, failures));
  } catch (error) {
    for (const door of doors) door.close();
    throw error;
  }
  return [plain, secure, ...doors].filter((door) => door !== undefined);
}
