// tls-failure: why a TLS connection did not come about, in words that say what to look at, and as few log lines as that takes.
//
// OpenSSL's own texts name its source files, and Node tells some failures by a code alone. Whoever connects again and again, by
// mistake or on purpose, must not fill the log: one line a while for each place and reason, with the number of those left out.

import type { LogLevel } from '../../base/log-level.js';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Clock } from '../../io/clock.js';

const QUIET_MS = 10_000;

/** From OpenSSL's and Node's codes to words about the other side. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE$/, 'it shows no certificate'],
  [/ALERT_CERTIFICATE_REQUIRED$/, 'it wants a certificate'],
  [/WRONG_VERSION_NUMBER$|HTTP_REQUEST$|HTTPS_PROXY_REQUEST$|PACKET_LENGTH_TOO_LONG$/, 'it does not speak TLS'],
  [/^ERR_TLS_HANDSHAKE_TIMEOUT$/, 'its handshake does not end, perhaps it does not speak TLS'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [/^CERT_REVOKED$/, 'its certificate is revoked'],
  [/^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED)/, 'its certificate is not signed by a trusted authority'],
  [/ALERT_CERTIFICATE_EXPIRED$/, 'it says that the certificate of this side has expired'],
  [/ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN)$/, 'it does not trust the certificate of this side'],
  [
    /ALERT_HANDSHAKE_FAILURE$|NO_SHARED_CIPHER$|UNSUPPORTED_PROTOCOL$|ALERT_PROTOCOL_VERSION$/,
    'no version or cipher of TLS in common',
  ],
];

/** Whether an error is about TLS, not about the connection below. */
export function isTlsError(error: unknown): boolean {
  const code = errorCode(error);
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || reasons.some(([pattern]) => pattern.test(code));
}

/** The fault in words, with its code. `verification` is the result of the check of the other's certificate, if there was one. */
export function tlsFailureText(error: unknown, verification?: string): string {
  const code = verification ?? errorCode(error);
  const found = reasons.find(([pattern]) => pattern.test(code));
  if (found !== undefined) return `${found[1]} (${code})`;
  if (code === 'ECONNRESET') return 'it went away in the handshake';
  return code.startsWith('ERR_SSL_') ? code : systemErrorText(error);
}

/** Log lines that come again and again, told once in a while. */
export class RepeatedLines {
  private readonly told = new Map<string, { untilMs: number; left: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly log: (level: LogLevel, text: string) => void,
  ) {}

  /** Lines of one `kind`, of which there must be few, stand for each other. */
  write(level: LogLevel, kind: string, text: string): void {
    const nowMs = this.clock.steadyMs();
    const last = this.told.get(kind);
    if (last !== undefined && nowMs < last.untilMs) {
      last.left++;
      return;
    }
    const more = last === undefined || last.left === 0 ? '' : `; ${last.left} more like it since the last line`;
    this.told.set(kind, { untilMs: nowMs + QUIET_MS, left: 0 });
    this.log(level, `${text}${more}`);
  }
}
