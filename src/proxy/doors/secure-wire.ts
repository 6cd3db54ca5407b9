// secure-wire: a connection to a server with TLS, as a Wire.
import { connect } from 'node:tls';
import { isIP } from 'node:net';
import type { ConnectEvents } from '../../io/network.js';
import { SocketWire } from '../../io/sockets.js';
import type { Wire } from '../../io/wire.js';
import type { TlsConfig } from '../config/pool-config.js';
import { tlsOptionsOf } from './doors.js';
import type { BackendAddress } from '../pool/backend.js';

/** Begins to connect; `timeoutMs` 0 waits as long as the system does. */
export function connectSecurely(
  address: BackendAddress,
  files: TlsConfig,
  timeoutMs: number,
  events: ConnectEvents,
): Wire {
  const { host, port, path } = address;
  const socket = connect({
    ...(path === undefined ? { host, port } : { path }),
    ...tlsOptionsOf(files),
    ...(path === undefined && isIP(host) === 0 ? { servername: host } : {}),
    rejectUnauthorized: !files.isInsecure,
    // As redis-cli does: the chain must be trusted, the name in the certificate is not compared.
    checkServerIdentity: () => undefined,
  });
  const wire = new SocketWire(socket);
  if (timeoutMs > 0)
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' })),
    );
  socket.once('secureConnect', () => {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    wire.connected();
    events.onOpen();
  });
  wire.attach(events);
  return wire;
}
