// secure-wire: a connection to a server with TLS, as a Wire.
import { connect, type TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import type { ConnectEvents } from '../../io/network.js';
import { SocketWire } from '../../io/sockets.js';
import { noWire, type Wire } from '../../io/wire.js';
import type { TlsConfig } from '../config/pool-config.js';
import { tlsOptionsOf } from './doors.js';
import type { BackendAddress, BackendOptions } from '../pool/backend.js';
import { isTlsError, type RepeatedLines, tlsFailureText } from './tls-failure.js';

const HANDSHAKE_MS_MAX = 10_000;

/** Passes a failure of TLS on as a code that tells clients the reason, and has it logged. */
function explaining(address: BackendAddress, failures: RepeatedLines, events: ConnectEvents): ConnectEvents {
  return {
    onOpen: () => events.onOpen(),
    onData: (bytes, count) => events.onData(bytes, count),
    onDrain: () => events.onDrain(),
    onEnd: () => events.onEnd(),
    onClose: (error) => {
      if (!isTlsError(error)) {
        events.onClose(error);
        return;
      }
      const reason = tlsFailureText(error);
      const server = address.path ?? `${address.host}:${address.port}`;
      failures.write('warning', `${server} ${reason}`, `no TLS with server ${server}: ${reason}`);
      events.onClose(Object.assign(new Error(reason), { code: `ERR no TLS with the server: ${reason}` }));
    },
  };
}

/** Begins to connect, with the certificates that the files have now; `timeoutMs` 0 waits ten seconds. */
export function connectSecurely(
  server: BackendOptions,
  files: TlsConfig,
  timeoutMs: number,
  failures: RepeatedLines,
  given: ConnectEvents,
): Wire {
  const events = explaining(server, failures, given);
  const { host, port, path, keepAliveSeconds } = server;
  let socket: TLSSocket;
  try {
    socket = connect({
      ...(path === undefined ? { host, port } : { path }),
      ...tlsOptionsOf(files),
      ...(path === undefined && isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: !files.isInsecure,
      // As redis-cli does: the chain must be trusted, the name in the certificate is not compared.
      checkServerIdentity: () => undefined,
    });
  } catch (error) {
    // The files have been fine when they were configured; one that is being replaced may be there again for the next connection.
    queueMicrotask(() => events.onClose(error instanceof Error ? error : new Error(String(error))));
    return noWire;
  }
  const wire = new SocketWire(socket);
  // A server that does not speak TLS may wait for the end of a line, for ever.
  socket.setTimeout(timeoutMs > 0 ? timeoutMs : HANDSHAKE_MS_MAX, () => {
    const code = socket.connecting ? 'ETIMEDOUT' : 'ERR_TLS_HANDSHAKE_TIMEOUT';
    socket.destroy(Object.assign(new Error('connection timed out'), { code }));
  });
  socket.once('secureConnect', () => {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
    wire.connected();
    events.onOpen();
  });
  wire.attach(events);
  return wire;
}
