// outgoing-tls: connections with TLS to other servers and sentinels, with certificates that are read anew when their files change.
//
// Each user looks at its own directive (tls-replication, tls-cluster) first. The certificate is the client's or else
// the server's. As in Redis the chain must be trusted, and the name in the certificate is not compared.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { systemErrorText } from '../../base/system-error.js';
import { ipVersion } from '../../io/ip-address.js';
import type { ConnectEvents } from '../../io/network.js';
import { SocketWire } from '../../io/sockets.js';
import type { Wire } from '../../io/wire.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Config } from '../config/config.js';
import { ciphersOf, protocolOptionsOf } from './tls.js';

const files = [
  'tls-cert-file',
  'tls-key-file',
  'tls-client-cert-file',
  'tls-client-key-file',
  'tls-ca-cert-file',
  'tls-ca-cert-dir',
] as const;

export class OutgoingTls {
  private context: SecureContext | undefined;
  private seen = '';

  constructor(
    private readonly config: Config,
    private readonly log: (level: LogLevel, text: string) => void,
  ) {}

  /** Begins to connect; `sourceAddress` is the address to come from, any of this host's if absent. */
  readonly dial = (host: string, port: number, events: ConnectEvents, sourceAddress?: string): Wire => {
    const socket = connect({
      host,
      port,
      secureContext: this.renewed(),
      ...(sourceAddress === undefined ? {} : { localAddress: sourceAddress }),
      checkServerIdentity: () => undefined,
      ...(ipVersion(host) === 0 ? { servername: host } : {}),
    });
    const wire = new SocketWire(socket);
    wire.attach(events);
    socket.once('secureConnect', () => {
      socket.setNoDelay(true);
      wire.connected();
      events.onOpen();
    });
    return wire;
  };

  private signature(): string {
    return files
      .map((name) => {
        try {
          const { mtimeMs, size, ino } = statSync(this.config.path(name));
          return `${mtimeMs} ${size} ${ino}`;
        } catch {
          return '';
        }
      })
      .join('\n');
  }

  /** The context for a new connection; the last one that worked while the files are wrong. */
  private renewed(): SecureContext {
    const signature = this.signature();
    if (this.context !== undefined && signature === this.seen) return this.context;
    const isFirst = this.context === undefined;
    this.seen = signature;
    try {
      this.context = this.read();
      if (!isFirst) this.log('notice', 'TLS certificates of outgoing connections have changed and were read again.');
    } catch (error) {
      this.log('warning', `TLS certificates of outgoing connections cannot be used: ${systemErrorText(error)}`);
      this.context ??= createSecureContext();
    }
    return this.context;
  }

  private read(): SecureContext {
    const { config } = this;
    const own = config.path('tls-client-cert-file') !== '';
    const cert = config.path(own ? 'tls-client-cert-file' : 'tls-cert-file');
    const key = config.path(own ? 'tls-client-key-file' : 'tls-key-file');
    const passphrase = config.text(own ? 'tls-client-key-file-pass' : 'tls-key-file-pass').value;
    const authorities: Buffer[] = [];
    if (config.path('tls-ca-cert-file') !== '') authorities.push(readFileSync(config.path('tls-ca-cert-file')));
    const folder = config.path('tls-ca-cert-dir');
    if (folder !== '')
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) continue;
        const content = readFileSync(join(folder, entry.name));
        if (content.includes('BEGIN CERTIFICATE')) authorities.push(content);
      }
    return createSecureContext({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.3',
      secureOptions: protocolOptionsOf(config),
      ciphers: ciphersOf(config),
      ...(authorities.length > 0 ? { ca: authorities } : {}),
      ...(cert === '' ? {} : { cert: readFileSync(cert) }),
      ...(key === '' ? {} : { key: readFileSync(key) }),
      ...(passphrase === '' ? {} : { passphrase: Buffer.from(passphrase, 'latin1').toString() }),
    });
  }
}
