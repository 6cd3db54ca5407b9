// tls-words: what goes wrong with TLS, in words for users: OpenSSL's own texts name its functions and source files.
//
// Alerts of the server are known by their codes. Files that cannot be used are found by trying one after the other: their
// codes differ between versions of OpenSSL.

import { errorCode, systemErrorText } from '../base/system-error.js';

const alertTexts: Readonly<Record<string, string>> = {
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server wants a client certificate (--cert and --key)',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the server refused the handshake: it wants a client certificate (--cert and --key), or no cipher is common',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the server refused the client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client certificate has expired',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the server refused the client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the server does not trust the authority of the client certificate',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'no version of TLS is common',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS on this port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS on this port',
};

/** Whether the server said, by an alert or by not speaking TLS, that it will never take such a connection. */
export function isTlsAlert(error: unknown): boolean {
  return Object.hasOwn(alertTexts, errorCode(error));
}

/** The words for an error of a stream, which may be OpenSSL's. */
export function streamErrorText(error: unknown): string {
  return alertTexts[errorCode(error)] ?? systemErrorText(error);
}

type Bytes = Uint8Array | string;

/** What is given to the handshake. */
export interface TlsMaterial {
  readonly ca?: Bytes | readonly Bytes[] | undefined;
  readonly cert?: Bytes | undefined;
  readonly key?: Bytes | undefined;
  /** Up to TLS 1.2. */
  readonly ciphers?: string | undefined;
  /** Of TLS 1.3. */
  readonly cipherSuites?: string | undefined;
}

/** The part of node:tls that is needed. */
interface ContextMaker {
  createSecureContext(options: object): unknown;
}

export const INVALID_AUTHORITY = 'Invalid CA Certificate File/Directory';

/** Whether there is a certificate in a file of authorities: Node takes one without as none at all. */
export function hasCertificate(bytes: Bytes): boolean {
  return (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')).includes('-----BEGIN');
}

/** What of the material cannot be used, in the words of redis-cli; undefined when all of it can. */
export function materialProblem(tls: ContextMaker, material: TlsMaterial): string | undefined {
  const { ca, cert, key, ciphers, cipherSuites } = material;
  const isUsable = (options: object): boolean => {
    try {
      tls.createSecureContext(options);
      return true;
    } catch {
      return false;
    }
  };
  if (ca !== undefined && !isUsable({ ca })) return INVALID_AUTHORITY;
  if (cert !== undefined && !isUsable({ cert })) return 'Invalid client certificate';
  if (key !== undefined && !isUsable(cert === undefined ? { key } : { cert, key })) return 'Invalid private key';
  if (ciphers !== undefined && !isUsable({ ciphers })) return 'Error while configuring ciphers';
  if (cipherSuites !== undefined && !isUsable({ ciphers: cipherSuites })) return 'Error while setting cypher suites';
  return undefined;
}
