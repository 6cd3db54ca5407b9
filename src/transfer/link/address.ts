// address: where a server is, from what users write: host:port, redis:// and rediss:// URIs, a unix socket's path.
//
//   127.0.0.1:6379   :6380   db.example.com   redis://user:pass@host:port/db   :pass@host:port   /run/redis.sock

import type { Endpoint, TlsOptions } from '../../client/open-stream.js';
import { TransferError } from '../record/record.js';

export interface ServerAddress {
  readonly endpoint: Endpoint;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
  /** For messages, without the password. */
  readonly name: string;
  /** A server that owes replies and sends nothing for so long counts as lost; undefined: it is waited for. */
  readonly replyMs?: number | undefined;
}

export interface AddressDefaults {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly timeoutMs?: number | undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parseAddress(text: string, defaults: AddressDefaults = {}): ServerAddress {
  const scheme = /^(redis|rediss|valkey|valkeys|unix):\/\//i.exec(text);
  const isTls = /^(rediss|valkeys)$/i.test(scheme?.[1] ?? '');
  const isUnix = scheme?.[1]?.toLowerCase() === 'unix' || text.startsWith('/');
  let rest = scheme === null ? text : text.slice(scheme[0].length);
  if (scheme === null && /^[a-z]+:\/\//i.test(text))
    throw new TransferError(`'${text}': the scheme must be redis:// or rediss://`);
  let { user, password } = defaults;
  const at = rest.lastIndexOf('@');
  if (at >= 0) {
    const login = rest.slice(0, at);
    rest = rest.slice(at + 1);
    const colon = login.indexOf(':');
    if (colon > 0) user = decode(login.slice(0, colon));
    password = decode(colon < 0 ? login : login.slice(colon + 1));
  }
  const tls = isTls ? (defaults.tls ?? {}) : defaults.tls;
  const timeoutMs = defaults.timeoutMs ?? 0;
  if (isUnix) {
    const endpoint = { host: '', port: 0, path: rest, tls, timeoutMs };
    return { endpoint, user, password, database: undefined, name: rest };
  }
  const match = /^(\[[^\]]*\]|[^:/?#]*)(?::(\d{1,5}))?(?:\/(\d*))?(?:[?#].*)?$/.exec(rest);
  const port = match?.[2] === undefined ? 6379 : Number(match[2]);
  if (match === null || port > 65535 || port === 0)
    throw new TransferError(`'${rest}' is no address: write host:port or redis://user:password@host:port/database`);
  const host = match[1]!.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const database = match[3] === undefined || match[3] === '' ? undefined : Number(match[3]);
  return { endpoint: { host, port, tls, timeoutMs }, user, password, database, name: `${host}:${port}` };
}
