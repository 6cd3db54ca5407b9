// s3-signature: signs requests as Signature Version 4 of AWS says.
//
//   canonical request  method, path, query, headers, names of the headers, SHA-256 of the body: one a line
//   text to sign       AWS4-HMAC-SHA256, time, scope (day/region/s3/aws4_request), SHA-256 of the canonical request
//   key                HMAC chain: "AWS4" + secret, day, region, "s3", "aws4_request"

import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string | undefined;
}

export interface RequestToSign {
  readonly method: string;
  /** Not encoded, begins with a slash. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names; `host` is among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyHash: string;
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** All but letters, digits and -._~ as %XX; encodeURIComponent leaves a few more. */
export function encodeWord(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function encodePath(path: string): string {
  return path.split('/').map(encodeWord).join('/');
}

export function encodeQuery(query: Readonly<Record<string, string>>): string {
  return Object.keys(query)
    .sort()
    .map((name) => `${encodeWord(name)}=${encodeWord(query[name]!)}`)
    .join('&');
}

export function authorization(
  request: RequestToSign,
  credentials: Credentials,
  region: string,
  /** As in the header x-amz-date: 20260131T180000Z. */
  time: string,
): string {
  const names = Object.keys(request.headers).sort();
  const canonical = [
    request.method,
    encodePath(request.path),
    encodeQuery(request.query),
    ...names.map((name) => `${name}:${request.headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    request.bodyHash,
  ].join('\n');
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`;
  const key = hmac(hmac(hmac(hmac(`AWS4${credentials.secretKey}`, day), region), 's3'), 'aws4_request');
  const signature = hmac(key, text).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}
