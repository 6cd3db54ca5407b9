// tls: the server's side of TLS: certificates and rules from the configuration, renewed without closing anything.
//
// Sockets are accepted by an ordinary listener and handed to a *handshaker*, a tls.Server that listens nowhere. A new configuration
// is a new handshaker: connections that are open or about to open keep the old one, later ones get the new one, and a configuration
// that cannot work (a file that is no certificate, a key of another one) leaves everything as it was.
//
// The files are looked at once a second; when one has changed, all are read anew. A certificate that arrives before its
// key does not fit the old key: that is logged, and the next change is tried again.
//
// Sessions are resumed by tickets, which clients keep; so tls-session-cache-size bounds nothing here.
//
// I/O threads make handshakers of their own from the settings of the newest one.
//
// Not here: outgoing connections (client/open-stream), the ports (listeners).

import type { LogLevel } from '../../base/log-level.js';
import { makeHandshaker, type TlsSettings } from '../../io/tls-handshaker.js';
import { constants } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Config } from '../config/config.js';
import type { OptionName } from '../config/options.js';

/** A configuration that TLS cannot work with; the message is Redis's log line. */
export class TlsError extends Error {}

/** Directives that make a new handshaker. */
export const tlsDirectives: readonly OptionName[] = [
  'tls-cert-file',
  'tls-key-file',
  'tls-key-file-pass',
  'tls-dh-params-file',
  'tls-ca-cert-file',
  'tls-ca-cert-dir',
  'tls-auth-clients',
  'tls-protocols',
  'tls-ciphers',
  'tls-ciphersuites',
  'tls-prefer-server-ciphers',
  'tls-session-caching',
  'tls-session-cache-size',
  'tls-session-cache-timeout',
];

const watchedFiles = [
  'tls-cert-file',
  'tls-key-file',
  'tls-dh-params-file',
  'tls-ca-cert-file',
  'tls-ca-cert-dir',
] as const;
const WATCH_MS = 1000;

/** OpenSSL's options that forbid a version. */
const forbidding: Readonly<Record<string, number>> = {
  tlsv1: constants.SSL_OP_NO_TLSv1,
  'tlsv1.1': constants.SSL_OP_NO_TLSv1_1,
  'tlsv1.2': constants.SSL_OP_NO_TLSv1_2,
  'tlsv1.3': constants.SSL_OP_NO_TLSv1_3,
};
const defaultProtocols = ['tlsv1.2', 'tlsv1.3'];
const defaultSuites = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'];
const allSuites = new Set([...defaultSuites, 'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256']);

/** The use of TLS: the clients' port by default. */
export interface TlsUse {
  readonly isWanted: (config: Config) => boolean;
  /** Peers must present a certificate, whatever tls-auth-clients says. */
  readonly asksAlways: boolean;
}

const forClients: TlsUse = { isWanted: (config) => config.number('tls-port').value > 0, asksAlways: false };

export class Tls {
  private handshaker: Server | undefined;
  /** Of the handshaker; undefined while nobody may come in. */
  settings: TlsSettings | undefined;
  private configurations = 0;
  private readonly opening = new Set<Socket>();
  private seen = '';
  private lookedMs = 0;

  /** `serve` gets each connection whose handshake is done. */
  constructor(
    private readonly config: Config,
    private readonly log: (level: LogLevel, text: string) => void,
    private readonly serve: (socket: TLSSocket) => void,
    private readonly use: TlsUse = forClients,
  ) {}

  /** Whether certificates are needed. */
  get isWanted(): boolean {
    return this.use.isWanted(this.config);
  }

  /** Reads the configuration and all files; false, after a log line, when TLS cannot work so: then all stays as it was. */
  configure(): boolean {
    this.seen = this.signature();
    try {
      const settings = this.readSettings();
      this.handshaker = this.makeHandshaker(settings);
      this.settings = { ...settings, ticketKeys: this.handshaker.getTicketKeys() };
      return true;
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      this.log('warning', error.message);
      return false;
    }
  }

  /** For the cron: reads everything anew when a file has changed. */
  watch(nowMs: number): void {
    if (this.handshaker === undefined || !this.isWanted || (nowMs >= this.lookedMs && nowMs - this.lookedMs < WATCH_MS))
      return;
    this.lookedMs = nowMs;
    if (this.signature() === this.seen) return;
    if (this.configure()) this.log('notice', 'TLS certificates have changed and were read again.');
    else
      this.log('warning', 'TLS certificates have changed but cannot be used: those that were read before stay in use.');
  }

  /** Begins the handshake of an accepted socket. */
  accept(socket: Socket): void {
    const { handshaker } = this;
    if (handshaker === undefined) {
      socket.destroy();
      return;
    }
    this.opening.add(socket);
    socket.once('close', () => this.opening.delete(socket));
    handshaker.emit('connection', socket);
  }

  /** Ends handshakes that are under way. */
  close(): void {
    for (const socket of this.opening) socket.destroy();
    this.handshaker = undefined;
    this.settings = undefined;
  }

  private signature(): string {
    const { config } = this;
    return watchedFiles
      .map((name) => {
        try {
          const { mtimeMs, size, ino } = statSync(config.path(name));
          return `${mtimeMs} ${size} ${ino}`;
        } catch {
          return '';
        }
      })
      .join('\n');
  }

  private readSettings(): TlsSettings {
    const { config } = this;
    const asks = this.use.asksAlways ? 'yes' : config.choice('tls-auth-clients').value;
    return {
      number: ++this.configurations,
      context: this.contextOptions(asks !== 'no'),
      asks: asks as TlsSettings['asks'],
      sessionSeconds: config.number('tls-session-cache-timeout').value,
      ticketKeys: undefined,
    };
  }

  private makeHandshaker(settings: TlsSettings): Server {
    return makeHandshaker(settings, {
      failed: (socket, reason) => this.refused(reason, `${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}`),
      secured: this.serve,
    });
  }

  /** Logs that a handshake failed. */
  refused(reason: string, address: string): void {
    this.log('verbose', `Error accepting a client connection: ${reason} (addr=${address})`);
  }

  private contextOptions(checksClients: boolean): SecureContextOptions {
    const { config } = this;
    if (config.path('tls-cert-file') === '') throw new TlsError('No tls-cert-file configured!');
    if (config.path('tls-key-file') === '') throw new TlsError('No tls-key-file configured!');
    const hasAuthorities = config.path('tls-ca-cert-file') !== '' || config.path('tls-ca-cert-dir') !== '';
    if (
      !hasAuthorities &&
      (checksClients || config.flag('tls-cluster').value || config.flag('tls-replication').value)
    ) {
      throw new TlsError(
        'Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or tls-auth-clients are enabled!',
      );
    }
    const options: SecureContextOptions = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.3',
      secureOptions: protocolOptionsOf(config),
      honorCipherOrder: config.flag('tls-prefer-server-ciphers').value,
      dhparam: 'auto',
    };
    options.cert = this.read(
      'tls-cert-file',
      (name, reason) => `Failed to load certificate: ${name}: ${reason}`,
      (cert) => ({ cert }),
    );
    const { value: passphrase } = config.text('tls-key-file-pass');
    const withPhrase = passphrase === '' ? {} : { passphrase: Buffer.from(passphrase, 'latin1').toString() };
    const { cert } = options;
    options.key = this.read(
      'tls-key-file',
      (name, reason) => `Failed to load private key: ${name}: ${reason}`,
      (key) => ({ cert, key, ...withPhrase }),
    );
    Object.assign(options, withPhrase);
    if (hasAuthorities) options.ca = this.authorities();
    if (config.path('tls-dh-params-file') !== '') {
      const unreadable = (name: string): string => `${name}: failed to read DH params.`;
      options.dhparam = this.read('tls-dh-params-file', unreadable, (dhparam) => ({ dhparam }));
      // OpenSSL passes over what are no parameters at all.
      if (!options.dhparam.includes('BEGIN DH PARAMETERS'))
        throw new TlsError(unreadable(config.text('tls-dh-params-file').value));
    }
    options.ciphers = ciphersOf(config);
    return options;
  }

  /** The content of a file that makes a context; else an error in Redis's words. */
  private read(
    name: (typeof watchedFiles)[number],
    words: (name: string, reason: string) => string,
    use: (content: Buffer) => SecureContextOptions,
  ): Buffer {
    try {
      const content = readFileSync(this.config.path(name));
      createSecureContext(use(content));
      return content;
    } catch (error) {
      throw new TlsError(words(this.config.text(name).value, reasonOf(error)));
    }
  }

  private authorities(): Buffer[] {
    const found: Buffer[] = [];
    try {
      const file = this.config.path('tls-ca-cert-file');
      if (file !== '') found.push(readFileSync(file));
      const folder = this.config.path('tls-ca-cert-dir');
      if (folder !== '') {
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
          if (entry.isDirectory()) continue;
          const content = readFileSync(join(folder, entry.name));
          if (content.includes('BEGIN CERTIFICATE')) found.push(content);
        }
      }
      createSecureContext({ ca: found });
      return found;
    } catch (error) {
      throw new TlsError(`Failed to configure CA certificate(s) file/directory: ${reasonOf(error)}`);
    }
  }
}

/** OpenSSL's options for `tls-protocols`; a TlsError where a word is none. */
export function protocolOptionsOf(config: Config): number {
  const words = config
    .text('tls-protocols')
    .value.toLowerCase()
    .split(' ')
    .filter((word) => word !== '');
  const allowed = words.length === 0 ? defaultProtocols : words;
  if (allowed.some((word) => !(word in forbidding))) {
    throw new TlsError(
      "Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.",
    );
  }
  let options = constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_NO_SSLv2 | constants.SSL_OP_NO_SSLv3;
  for (const [name, flag] of Object.entries(forbidding)) if (!allowed.includes(name)) options |= flag;
  if (!config.flag('tls-session-caching').value) options |= constants.SSL_OP_NO_TICKET;
  return options;
}

/** Node takes both kinds of ciphers in one list and knows them by their names. */
export function ciphersOf(config: Config): string {
  const older = config.text('tls-ciphers').value || 'DEFAULT';
  const suites = config
    .text('tls-ciphersuites')
    .value.split(':')
    .filter((name) => name !== '');
  if (suites.some((name) => !allSuites.has(name)))
    throw new TlsError(`Failed to configure ciphersuites: ${suites.join(':')}`);
  const list = [...(suites.length === 0 ? defaultSuites : suites), older].join(':');
  try {
    createSecureContext({ ciphers: list });
  } catch {
    throw new TlsError(`Failed to configure ciphers: ${older}`);
  }
  return list;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
