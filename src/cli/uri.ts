// uri: redis://[[user:]password@][host[:port]][/db], and rediss:// for TLS.
import { readLeadingInteger } from '../base/c-numbers.js';

export interface RedisUri {
  tls: boolean;
  user?: string;
  password?: string;
  host?: string;
  port?: number;
  db?: number;
}

/** Throws an Error with redis-cli's words for what it refuses. */
export function parseRedisUri(uri: string): RedisUri {
  const scheme = /^(rediss?):\/\//i.exec(uri);
  if (scheme === null) throw new Error('Invalid URI scheme');
  const result: RedisUri = { tls: scheme[1]!.toLowerCase() === 'rediss' };
  let rest = uri.slice(scheme[0].length);
  const at = rest.indexOf('@');
  if (at >= 0) {
    const login = rest.slice(0, at);
    const colon = login.indexOf(':');
    // redis://:password@host means the default user, not one with an empty name.
    if (colon > 0) result.user = decodePercent(login.slice(0, colon));
    result.password = decodePercent(login.slice(colon + 1));
    rest = rest.slice(at + 1);
  }
  if (rest === '') return result;
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  if (authority !== '') {
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(authority);
    const colon = authority.indexOf(':');
    const port = bracketed !== null ? bracketed[2] : colon < 0 ? undefined : authority.slice(colon + 1);
    result.host = bracketed !== null ? bracketed[1]! : colon < 0 ? authority : authority.slice(0, colon);
    if (port !== undefined) result.port = readLeadingInteger(port);
  }
  if (slash >= 0 && slash + 1 < rest.length) result.db = readLeadingInteger(rest.slice(slash + 1));
  return result;
}

function decodePercent(text: string): string {
  const bytes = Buffer.from(text).toString('latin1');
  let decoded = '';
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] !== '%') {
      decoded += bytes[index];
      continue;
    }
    const pair = bytes.slice(index + 1, index + 3);
    if (pair === '') throw new Error('Incomplete URI encoding');
    if (!/^[0-9a-f]{2}$/i.test(pair)) throw new Error('Illegal character in URI encoding');
    decoded += String.fromCharCode(parseInt(pair, 16));
    index += 2;
  }
  return Buffer.from(decoded, 'latin1').toString();
}
