// open-stream: a byte stream to a server, over TCP, a unix socket or TLS.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode, systemErrorText } from '../base/system-error.js';
import { hasCertificate, INVALID_AUTHORITY, isTlsAlert, materialProblem, streamErrorText } from './tls-words.js';

export interface TlsOptions {
  readonly serverName?: string | undefined;
  readonly caFile?: string | undefined;
  readonly caFolder?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly ciphers?: string | undefined;
  readonly cipherSuites?: string | undefined;
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** A unix socket; host and port are then unused. */
  readonly path?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Prefer this family where a name has addresses of both. */
  readonly family?: 4 | 6 | undefined;
  /** Time for the connection to come about; none or 0 leaves it to the system. */
  readonly timeoutMs?: number | undefined;
}

/**
 * The connection failed. `stage` says whether the network or the TLS handshake refused; the message says why.
 * `isLasting`: another attempt would end the same way, as with a certificate that is not trusted.
 */
export class ConnectError extends Error {
  constructor(
    readonly stage: 'network' | 'tls',
    message: string,
    readonly isLasting = false,
  ) {
    super(message);
  }
}

const keepAliveMs = 15_000;

export async function openStream(endpoint: Endpoint): Promise<Duplex> {
  const socket = await openSocket(endpoint);
  return endpoint.tls === undefined ? socket : secure(socket, endpoint.tls, endpoint);
}

function openSocket(endpoint: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target =
      endpoint.path !== undefined
        ? { path: endpoint.path }
        : {
            host: endpoint.host,
            port: endpoint.port,
            noDelay: true,
            keepAlive: true,
            keepAliveInitialDelay: keepAliveMs,
          };
    const family = endpoint.family === undefined || isIP(endpoint.host) !== 0 ? {} : { family: endpoint.family };
    let socket: Socket;
    try {
      socket = connectTcp({ ...target, ...family });
    } catch (error) {
      reject(new ConnectError('network', systemErrorText(error)));
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ConnectError('network', systemErrorText(error)));
    };
    if (endpoint.timeoutMs !== undefined && endpoint.timeoutMs > 0) {
      timer = setTimeout(() => fail(new Error('Connection timed out')), endpoint.timeoutMs);
    }
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', fail);
      resolve(socket);
    });
  });
}

async function secure(socket: Socket, options: TlsOptions, endpoint: Endpoint): Promise<Duplex> {
  const [tls, fs, path] = await Promise.all([import('node:tls'), import('node:fs'), import('node:path')]);
  const read = (file: string, what: string): Buffer => {
    try {
      return fs.readFileSync(file);
    } catch {
      socket.destroy();
      throw new ConnectError('tls', what, true);
    }
  };
  const authorities: Buffer[] = [];
  const fault = (text: string): ConnectError => {
    socket.destroy();
    return new ConnectError('tls', text, true);
  };
  if (options.caFile !== undefined) {
    const bytes = read(options.caFile, INVALID_AUTHORITY);
    if (!hasCertificate(bytes)) throw fault(INVALID_AUTHORITY);
    authorities.push(bytes);
  }
  if (options.caFolder !== undefined) {
    let names: string[];
    try {
      names = fs.readdirSync(options.caFolder);
    } catch {
      throw fault(INVALID_AUTHORITY);
    }
    for (const name of names) {
      const file = path.join(options.caFolder, name);
      if (fs.statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
      const bytes = read(file, INVALID_AUTHORITY);
      if (hasCertificate(bytes)) authorities.push(bytes);
    }
  }
  const material = {
    ...(authorities.length > 0 ? { ca: authorities } : {}),
    ...(options.certFile !== undefined ? { cert: read(options.certFile, 'Invalid client certificate') } : {}),
    ...(options.keyFile !== undefined ? { key: read(options.keyFile, 'Invalid private key') } : {}),
  };
  // Node takes TLS 1.2 ciphers and TLS 1.3 suites in one list.
  const ciphers = [options.cipherSuites, options.ciphers].filter((list) => list !== undefined).join(':');
  const serverName =
    options.serverName ?? (isIP(endpoint.host) === 0 && endpoint.path === undefined ? endpoint.host : undefined);
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ConnectError('tls', `SSL_connect failed: ${describeTlsFailure(error)}`, isLastingFailure(error)));
    };
    if (endpoint.timeoutMs !== undefined && endpoint.timeoutMs > 0)
      timer = setTimeout(() => fail(new Error('the server does not answer')), endpoint.timeoutMs);
    try {
      const secured = tls.connect({
        socket,
        rejectUnauthorized: options.insecure !== true,
        // As redis-cli does: the chain must be trusted, the name in the certificate is not compared.
        checkServerIdentity: () => undefined,
        ...material,
        ...(ciphers === '' ? {} : { ciphers }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      });
      secured.once('error', fail);
      secured.once('secureConnect', () => {
        clearTimeout(timer);
        secured.removeListener('error', fail);
        resolve(secured);
      });
    } catch (error) {
      clearTimeout(timer);
      const problem = materialProblem(tls, {
        ...material,
        ciphers: options.ciphers,
        cipherSuites: options.cipherSuites,
      });
      if (problem !== undefined) reject(fault(problem));
      else fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

const untrusted = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];

function describeTlsFailure(error: Error): string {
  return untrusted.includes(errorCode(error)) ? 'certificate verify failed' : streamErrorText(error);
}

/** The certificates or the port are wrong, rather than the moment. */
function isLastingFailure(error: Error): boolean {
  const code = errorCode(error);
  return untrusted.includes(code) || code.startsWith('CERT_') || isTlsAlert(error);
}
