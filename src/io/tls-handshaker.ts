// tls-handshaker: the server's side of TLS handshakes, on sockets that something else accepted.
//
// A handshaker is a tls.Server that listens nowhere. Its settings are plain data, so that a thread can make the same one.
//
// Not here: where the settings come from (service/doors/tls).

import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';

/** A handshake takes at most so long. */
const HANDSHAKE_MS_MAX = 10_000;

export interface TlsSettings {
  /** Another one for each configuration. */
  readonly number: number;
  readonly context: SecureContextOptions;
  /** Whether clients must show a certificate; with `optional`, one that is shown must be right. */
  readonly asks: 'yes' | 'no' | 'optional';
  readonly sessionSeconds: number;
  /** A ticket that one handshaker gave is taken by all others with the same keys. */
  readonly ticketKeys: Uint8Array | undefined;
}

export interface HandshakeEvents {
  /** The handshake is done. */
  secured(socket: TLSSocket): void;
  /** The socket is closing. */
  failed(socket: TLSSocket, reason: string): void;
}

export function makeHandshaker(settings: TlsSettings, events: HandshakeEvents): Server {
  const { asks, ticketKeys } = settings;
  const server = createServer({
    ...settings.context,
    requestCert: asks !== 'no',
    rejectUnauthorized: asks === 'yes',
    handshakeTimeout: HANDSHAKE_MS_MAX,
    sessionTimeout: settings.sessionSeconds,
    pauseOnConnect: true,
    ...(ticketKeys === undefined ? {} : { ticketKeys: Buffer.from(ticketKeys) }),
  });
  server.on('tlsClientError', (error, socket) => {
    events.failed(socket, error.message);
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    // With `optional`, who shows none may come in, but who shows a wrong one may not.
    if (asks === 'optional' && !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0) {
      events.failed(socket, socket.authorizationError.message);
      socket.destroy();
      return;
    }
    events.secured(socket);
  });
  return server;
}
