// s3-client: requests to S3 or a server that speaks its protocol: signed, repeated when the server or the network is at fault.

import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { errorCode, systemErrorText } from '../../../base/system-error.js';
import { TransferError } from '../../record/record.js';
import { timeInName } from '../backup-name.js';
import { TargetUnreachable } from './target.js';
import { authorization, type Credentials, encodePath, encodeQuery, sha256 } from './s3-signature.js';
import { sleep } from '../../sleep.js';

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 300;
const SILENCE_MS = 120_000;
const ANSWER_BYTES_MAX = 16 << 20;

export interface S3Place {
  readonly endpoint: URL;
  readonly region: string;
  readonly bucket: string;
  /** The bucket is the first part of the path and not of the host's name. */
  readonly usesPath: boolean;
  readonly credentials: Credentials;
}

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD';
  /** Empty: the bucket itself. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** The server's answer is an error, with its code. */
export class S3Error extends TransferError {
  constructor(
    message: string,
    readonly httpStatus: number,
    readonly code: string,
  ) {
    super(message);
  }
}

/** The contents of elements without attributes, which are not in each other. */
export function* xmlElements(xml: string, element: string): Generator<string, void> {
  const [begin, end] = [`<${element}>`, `</${element}>`];
  for (let at = xml.indexOf(begin); at >= 0; at = xml.indexOf(begin, at)) {
    const to = xml.indexOf(end, at);
    if (to < 0) return;
    yield xml.slice(at + begin.length, to);
    at = to + end.length;
  }
}

/** The texts of an XML element, wherever it is; S3's answers have no attributes that matter. */
export function xmlTexts(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}(?:\\s[^>]*)?>([^<]*)</${element}>`, 'g'))].map(([, text]) =>
    text!.replace(/&(?:lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-f]+));/gi, (entity, decimal?: string, hex?: string) => {
      const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
      if (code !== undefined) return code <= 0x10ffff ? String.fromCodePoint(code) : entity;
      return { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' }[entity.toLowerCase()] ?? entity;
    }),
  );
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new TransferError('the answer of the S3 server is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export class S3Client {
  constructor(
    private readonly place: S3Place,
    private readonly nowMs: () => number,
  ) {}

  get name(): string {
    return `s3://${this.place.bucket}`;
  }

  /** Sends once; the answer's body is still to come. */
  private send({ method, key = '', query = {}, headers = {}, body }: S3Request): Promise<IncomingMessage> {
    const { endpoint, bucket, usesPath, region, credentials } = this.place;
    const base = endpoint.pathname.replace(/\/$/, '');
    const root = usesPath ? `${base}/${bucket}` : base;
    const path = key === '' && usesPath ? root : `${root}/${key}`;
    const host = usesPath ? endpoint.host : `${bucket}.${endpoint.host}`;
    const time = timeInName(this.nowMs());
    const bodyHash = sha256(body ?? '');
    const signed: Record<string, string> = {
      ...headers,
      host,
      'x-amz-content-sha256': bodyHash,
      'x-amz-date': time,
      ...(credentials.sessionToken === undefined ? {} : { 'x-amz-security-token': credentials.sessionToken }),
    };
    const signature = authorization({ method, path, query, headers: signed, bodyHash }, credentials, region, time);
    const text = encodeQuery(query);
    const request = endpoint.protocol === 'https:' ? requestHttps : requestHttp;
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          method,
          host: usesPath ? endpoint.hostname : `${bucket}.${endpoint.hostname}`,
          port: endpoint.port === '' ? undefined : endpoint.port,
          path: `${encodePath(path)}${text === '' ? '' : `?${text}`}`,
          headers: { ...signed, authorization: signature, 'content-length': body?.length ?? 0 },
          timeout: SILENCE_MS,
        },
        resolve,
      );
      sent.on('timeout', () => sent.destroy(new Error('no answer')));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  private async errorOf(answer: IncomingMessage, request: S3Request): Promise<S3Error> {
    const text = await textOf(answer);
    const [code = ''] = xmlTexts(text, 'Code');
    const [message = ''] = xmlTexts(text, 'Message');
    const status = answer.statusCode ?? 0;
    const what = `${request.method} ${this.name}${request.key === undefined ? '' : `/${request.key}`}`;
    return new S3Error(`${what}: ${status} ${code}${message === '' ? '' : `: ${message}`}`.trimEnd(), status, code);
  }

  private async withAttempts<T>(request: S3Request, use: (answer: IncomingMessage) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.send(request);
        const status = answer.statusCode ?? 0;
        if (status < 200 || status > 299) throw await this.errorOf(answer, request);
        return await use(answer);
      } catch (error) {
        const mayPass =
          error instanceof S3Error
            ? error.httpStatus >= 500 || error.httpStatus === 429 || error.code === 'RequestTimeout'
            : !(error instanceof TransferError);
        if (!mayPass || attempt === ATTEMPTS) {
          if (error instanceof TransferError) throw mayPass ? new TargetUnreachable(error.message) : error;
          const cause = errorCode(error) === '' && error instanceof Error ? error.message : systemErrorText(error);
          throw new TargetUnreachable(`${this.place.endpoint.host}: ${cause}`);
        }
        await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  call(request: S3Request): Promise<S3Answer> {
    return this.withAttempts(request, async (answer) => {
      const text = await textOf(answer);
      // Some operations begin to answer before they know that they fail.
      if (/^\s*(<\?xml[^>]*>\s*)?<Error>/.test(text)) {
        const [code = ''] = xmlTexts(text, 'Code');
        const about = `${request.method} ${this.name}/${request.key ?? ''}: ${code}: ${xmlTexts(text, 'Message')[0] ?? ''}`;
        throw new S3Error(about, code === 'InternalError' || code === 'SlowDown' ? 500 : 400, code);
      }
      return { status: answer.statusCode ?? 0, headers: answer.headers, text };
    });
  }

  /** The bytes of an object; after a break it goes on where it was. */
  async *read(key: string): AsyncGenerator<Uint8Array, void> {
    let at = 0;
    let tag: string | undefined;
    for (let breaks = 0; ;) {
      const headers: Record<string, string> =
        at === 0 ? {} : { range: `bytes=${at}-`, ...(tag === undefined ? {} : { 'if-match': tag }) };
      const answer = await this.withAttempts({ method: 'GET', key, headers }, (one) => Promise.resolve(one));
      if (at > 0 && answer.statusCode !== 206) throw new TransferError(`${this.name}/${key}: the server cannot go on`);
      tag = answer.headers.etag;
      try {
        for await (const chunk of answer as AsyncIterable<Buffer>) {
          at += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        if (++breaks >= ATTEMPTS) throw new TargetUnreachable(`${this.name}/${key}: ${systemErrorText(error)}`);
      }
    }
  }
}
