// s3-target: backups in a bucket. An object appears when all of its bytes have arrived, so a backup is never half.
//
// Big files go in parts (multipart upload), each signed and repeated on its own. An upload that a crash or a dead network cut off is
// gone on with: the server lists the parts that it has, and those whose size and MD5 (their ETag, unless the server encrypts with a
// key of KMS) are right are not sent again. An upload that is refused is ended; one that nobody goes on with, which would cost money
// for ever, is found by `sweep`.

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TransferError } from '../../record/record.js';
import { type S3Answer, S3Client, S3Error, xmlElements, xmlTexts } from './s3-client.js';
import { type StoredFile, type Target, TargetUnreachable } from './target.js';

/** Of a thousand names each. */
const PAGES_MAX = 10_000;
const PARTS_MAX = 9000;
const PART_BYTES_MIN = 5 << 20;
export const PART_BYTES_DEFAULT = 16 << 20;

export interface S3Options {
  /** Begins the names; empty, or ends with a slash. */
  readonly prefix: string;
  readonly partBytes: number;
  /** Headers of each object: storage class, encryption. */
  readonly headers: Readonly<Record<string, string>>;
}

function readPart(descriptor: number, from: number, bytes: number): Buffer {
  const part = Buffer.allocUnsafe(bytes);
  let at = 0;
  while (at < bytes) {
    const count = readSync(descriptor, part, at, bytes - at, from + at);
    if (count === 0) throw new TransferError('the file became shorter while it was sent');
    at += count;
  }
  return part;
}

interface Upload {
  readonly uploadId: string;
  /** ETags by the numbers of the parts. */
  readonly parts: ReadonlyMap<number, string>;
}

interface Begun {
  readonly key: string;
  readonly uploadId: string;
  readonly startedMs: number;
}

/** Not every server that speaks S3 lists uploads, and not every user may. */
function mayBeMissing(error: unknown): boolean {
  return error instanceof S3Error && [400, 403, 404, 405, 501].includes(error.httpStatus);
}

/** The ETag of a part that the server has if it is the part's; undefined sends it again. */
function sameTag(tag: string | undefined, body: Buffer): string | undefined {
  return tag?.replaceAll('"', '') === createHash('md5').update(body).digest('hex') ? tag : undefined;
}

function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export class S3Target implements Target {
  constructor(
    private readonly client: S3Client,
    private readonly options: S3Options,
  ) {}

  get name(): string {
    return `${this.client.name}/${this.options.prefix}`;
  }

  private key(name: string): string {
    return this.options.prefix + name;
  }

  async list(): Promise<StoredFile[]> {
    const { prefix } = this.options;
    const files: StoredFile[] = [];
    let token: string | undefined;
    for (let pages = 0; ; pages++) {
      const query = { 'list-type': '2', prefix, ...(token === undefined ? {} : { 'continuation-token': token }) };
      const { text } = await this.client.call({ method: 'GET', query });
      for (const contents of xmlElements(text, 'Contents')) {
        const name = (xmlTexts(contents, 'Key')[0] ?? '').slice(prefix.length);
        if (name !== '' && !name.includes('/')) files.push({ name, bytes: sizeOf(xmlTexts(contents, 'Size')[0]) });
      }
      const next = xmlTexts(text, 'IsTruncated')[0] === 'true' ? xmlTexts(text, 'NextContinuationToken')[0] : undefined;
      if (next === undefined) return files;
      if (next === token || pages === PAGES_MAX)
        throw new TransferError(`${this.name}: the list of the server has no end: it gives the same page again`);
      token = next;
    }
  }

  async put(path: string, name: string): Promise<void> {
    const descriptor = openSync(path, 'r');
    try {
      const { size } = fstatSync(descriptor);
      const { headers, partBytes } = this.options;
      if (size > partBytes) await this.putParts(descriptor, size, this.key(name));
      else await this.client.call({ method: 'PUT', key: this.key(name), headers, body: readPart(descriptor, 0, size) });
    } finally {
      closeSync(descriptor);
    }
  }

  private async putParts(descriptor: number, size: number, key: string): Promise<void> {
    const { client } = this;
    const partBytes = Math.max(PART_BYTES_MIN, this.options.partBytes, Math.ceil(size / PARTS_MAX));
    const { uploadId, parts: known } = (await this.begunUpload(key)) ?? (await this.beginUpload(key));
    try {
      let parts = '';
      for (let at = 0, number = 1; at < size; at += partBytes, number++) {
        const body = readPart(descriptor, at, Math.min(partBytes, size - at));
        const etag = sameTag(known.get(number), body) ?? (await this.putPart(key, uploadId, number, body));
        parts += `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`;
      }
      const body = Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`);
      await client.call({ method: 'POST', key, query: { uploadId }, body });
    } catch (error) {
      if (!(error instanceof TargetUnreachable)) await this.endUpload(key, uploadId).catch(() => undefined);
      throw error;
    }
  }

  private async putPart(key: string, uploadId: string, number: number, body: Buffer): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    const { etag } = (await this.client.call({ method: 'PUT', key, query, body })).headers;
    if (etag === undefined) throw new TransferError(`${this.name}: the server gives part ${number} no ETag`);
    return etag;
  }

  private async beginUpload(key: string): Promise<Upload> {
    const { text } = await this.client.call({
      method: 'POST',
      key,
      query: { uploads: '' },
      headers: this.options.headers,
    });
    const [uploadId] = xmlTexts(text, 'UploadId');
    if (uploadId === undefined) throw new TransferError(`${this.name}: the server begins no upload`);
    return { uploadId, parts: new Map() };
  }

  /** The upload of a key that an interrupted run left, with its parts. */
  private async begunUpload(key: string): Promise<Upload | undefined> {
    try {
      const uploads = await this.uploads(key);
      const mine = uploads.filter((upload) => upload.key === key).sort((a, b) => b.startedMs - a.startedMs)[0];
      return mine && { uploadId: mine.uploadId, parts: await this.partsOf(key, mine.uploadId) };
    } catch (error) {
      if (mayBeMissing(error)) return undefined;
      throw error;
    }
  }

  private async partsOf(key: string, uploadId: string): Promise<Map<number, string>> {
    const parts = new Map<number, string>();
    let marker: string | undefined = '';
    do {
      const query: Record<string, string> = { uploadId, ...(marker === '' ? {} : { 'part-number-marker': marker }) };
      const { text }: S3Answer = await this.client.call({ method: 'GET', key, query });
      for (const part of xmlElements(text, 'Part'))
        parts.set(Number(xmlTexts(part, 'PartNumber')[0]), xmlTexts(part, 'ETag')[0] ?? '');
      const next: string | undefined = xmlTexts(text, 'NextPartNumberMarker')[0];
      const isMore: boolean = xmlTexts(text, 'IsTruncated')[0] === 'true' && next !== marker && parts.size <= PARTS_MAX;
      marker = isMore ? next : undefined;
    } while (marker !== undefined);
    return parts;
  }

  private async uploads(prefix: string): Promise<Begun[]> {
    const { text } = await this.client.call({ method: 'GET', query: { uploads: '', prefix } });
    return [...xmlElements(text, 'Upload')].map((upload) => ({
      key: xmlTexts(upload, 'Key')[0] ?? '',
      uploadId: xmlTexts(upload, 'UploadId')[0] ?? '',
      startedMs: Date.parse(xmlTexts(upload, 'Initiated')[0] ?? ''),
    }));
  }

  private async endUpload(key: string, uploadId: string): Promise<void> {
    await this.client.call({ method: 'DELETE', key, query: { uploadId } });
  }

  read(name: string): AsyncIterable<Uint8Array> {
    return this.client.read(this.key(name));
  }

  async remove(name: string): Promise<void> {
    await this.client.call({ method: 'DELETE', key: this.key(name) });
  }

  async sweep(beforeMs: number, isDry: boolean): Promise<string[]> {
    let uploads: readonly Begun[];
    try {
      uploads = await this.uploads(this.options.prefix);
    } catch (error) {
      if (mayBeMissing(error)) return [];
      throw error;
    }
    const swept: string[] = [];
    for (const { key, uploadId, startedMs } of uploads) {
      if (!key.startsWith(this.options.prefix) || !(startedMs < beforeMs)) continue;
      if (!isDry) await this.endUpload(key, uploadId);
      swept.push(`upload of ${key}`);
    }
    return swept;
  }
}
