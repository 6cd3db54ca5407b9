// s3-server: a small S3 for tests: it checks the signature of each request by its own reading of the rules, and keeps objects in
// memory. `fail` makes requests fail as S3 does when it is busy.

import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const accessKey = 'AKIDTEST';
export const secretKey = 'secret/with+letters';

export interface S3Server {
  readonly url: string;
  readonly objects: Map<string, Buffer>;
  readonly uploads: Map<string, { readonly key: string; readonly parts: Map<number, Buffer>; startedMs: number }>;
  /** The requests: method, path, query. */
  readonly requests: string[];
  readonly refused: string[];
  /** Returns a status to fail with. */
  fail: (request: string) => number | undefined;
  /** Returns true for a request that is never answered. */
  hang: (request: string) => boolean;
  close(): Promise<void>;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const hex = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
/** What S3 gives parts and objects that it does not encrypt by KMS. */
const tagOf = (data: Buffer): string => createHash('md5').update(data).digest('hex');

/** Undefined when the signature is right. */
function signatureFault(request: IncomingMessage, body: Buffer): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (match === null) return 'AuthorizationHeaderMalformed';
  const [, access, day, region, names, signature] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (access !== accessKey) return 'InvalidAccessKeyId';
  if (request.headers['x-amz-content-sha256'] !== hex(body)) return 'XAmzContentSHA256Mismatch';
  const signed = names.split(';');
  for (const name of Object.keys(request.headers))
    if ((name === 'host' || name.startsWith('x-amz-')) && !signed.includes(name)) return 'AccessDenied';
  const [path, query = ''] = request.url!.split('?');
  const canonical = [
    request.method,
    path,
    query.split('&').sort().join('&'),
    ...signed.map((name) => `${name}:${String(request.headers[name])}`),
    '',
    names,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const time = String(request.headers['x-amz-date']);
  const text = ['AWS4-HMAC-SHA256', time, `${day}/${region}/s3/aws4_request`, hex(canonical)].join('\n');
  let key = hmac(`AWS4${secretKey}`, day);
  for (const word of [region, 's3', 'aws4_request']) key = hmac(key, word);
  if (hmac(key, text).toString('hex') !== signature) return 'SignatureDoesNotMatch';
  return Math.abs(Date.parse(time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')) - Date.now()) < 900_000
    ? undefined
    : 'RequestTimeTooSkewed';
}

function answerError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the test &lt;wants&gt;</Message></Error>`);
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export async function startS3(): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const uploads: S3Server['uploads'] = new Map();
  const requests: string[] = [];
  const refused: string[] = [];

  function list(response: ServerResponse, query: URLSearchParams): void {
    if (query.has('uploads')) {
      const all = [...uploads]
        .filter(([, { key }]) => key.startsWith(query.get('prefix') ?? ''))
        .map(
          ([id, { key, startedMs }]) =>
            `<Upload><Key>${escape(key)}</Key><UploadId>${id}</UploadId><Initiated>${new Date(startedMs).toISOString()}</Initiated></Upload>`,
        );
      response.end(`<ListMultipartUploadsResult>${all.join('')}</ListMultipartUploadsResult>`);
      return;
    }
    // Pages of two, so that the client has to go on.
    const names = [...objects.keys()].filter((key) => key.startsWith(query.get('prefix') ?? '')).sort();
    const from = Number(query.get('continuation-token')?.split('/')[1] ?? 0);
    const page = names.slice(from, from + 2);
    const isCut = from + 2 < names.length;
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${isCut}</IsTruncated>${isCut ? `<NextContinuationToken>page+/${from + 2}</NextContinuationToken>` : ''}${page
        .map((key) => `<Contents><Key>${escape(key)}</Key><Size>${objects.get(key)!.length}</Size></Contents>`)
        .join('')}</ListBucketResult>`,
    );
  }

  /** Pages of one part. */
  function listParts(response: ServerResponse, id: string, after: number): void {
    const numbers = [...(uploads.get(id)?.parts.keys() ?? [])].filter((number) => number > after).sort((a, b) => a - b);
    const [number] = numbers;
    const part =
      number === undefined
        ? ''
        : `<Part><PartNumber>${number}</PartNumber><ETag>&quot;${tagOf(uploads.get(id)!.parts.get(number)!)}&quot;</ETag></Part><NextPartNumberMarker>${number}</NextPartNumberMarker>`;
    response.end(`<ListPartsResult><IsTruncated>${numbers.length > 1}</IsTruncated>${part}</ListPartsResult>`);
  }

  function finish(response: ServerResponse, id: string, body: string): void {
    const upload = uploads.get(id)!;
    const parts = [...body.matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&quot;([^&]*)&quot;<\/ETag>/g)].map(
      ([, n, tag]) => {
        const part = upload.parts.get(Number(n));
        return part !== undefined && tagOf(part) === tag ? part : undefined;
      },
    );
    if (parts.length === 0 || parts.includes(undefined)) {
      answerError(response, 400, 'InvalidPart');
      return;
    }
    objects.set(upload.key, Buffer.concat(parts as Buffer[]));
    uploads.delete(id);
    response.end('<CompleteMultipartUploadResult></CompleteMultipartUploadResult>');
  }

  function serve(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const url = new URL(request.url!, 'http://x');
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    const key = rest.join('/');
    const about = `${request.method!} ${request.url!}`;
    requests.push(about);
    const fault = bucket === 'vault' ? signatureFault(request, body) : 'NoSuchBucket';
    if (fault !== undefined) {
      refused.push(`${about}: ${fault}`);
      answerError(response, 403, fault);
      return;
    }
    if (server.hang(about)) return;
    const status = server.fail(about);
    if (status !== undefined) {
      answerError(response, status, status === 503 ? 'SlowDown' : 'AccessDenied');
      return;
    }
    const id = url.searchParams.get('uploadId');
    const put = { etag: `"${tagOf(body)}"` };
    if (request.method === 'GET' && id !== null)
      listParts(response, id, Number(url.searchParams.get('part-number-marker') ?? 0));
    else if (request.method === 'GET' && key === '') list(response, url.searchParams);
    else if (request.method === 'POST' && url.searchParams.has('uploads')) {
      const fresh = `id/${uploads.size}+${requests.length}`;
      uploads.set(fresh, { key, parts: new Map(), startedMs: Date.now() });
      response.end(`<InitiateMultipartUploadResult><UploadId>${fresh}</UploadId></InitiateMultipartUploadResult>`);
    } else if (request.method === 'POST') finish(response, id!, body.toString());
    else if (request.method === 'PUT' && id !== null) {
      uploads.get(id)!.parts.set(Number(url.searchParams.get('partNumber')), body);
      response.writeHead(200, put).end();
    } else if (request.method === 'PUT') {
      objects.set(key, body);
      response.writeHead(200, put).end();
    } else if (request.method === 'DELETE') {
      if (id === null) objects.delete(key);
      else uploads.delete(id);
      response.writeHead(204).end();
    } else {
      const object = objects.get(key);
      if (object === undefined) answerError(response, 404, 'NoSuchKey');
      else response.end(object);
    }
  }

  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => serve(request, response, Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: S3Server = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    objects,
    uploads,
    requests,
    refused,
    fail: () => undefined,
    hang: () => false,
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  return server;
}
