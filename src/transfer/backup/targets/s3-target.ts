// s3-target: backups in a bucket. An object appears when all of its bytes are there, so a backup is never half.
//
// Big files go in parts (multipart upload), each signed and repeated on its own. A failed upload is ended; one that a crash
// left, which would cost money for ever, is found by `sweep`.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { TransferError } from '../../record/record.js';
import { S3Client, S3Error, xmlTexts } from './s3-client.js';
import type { StoredFile, Target } from './target.js';

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
    do {
      const query = { 'list-type': '2', prefix, ...(token === undefined ? {} : { 'continuation-token': token }) };
      const { text } = await this.client.call({ method: 'GET', query });
      for (const [contents] of text.matchAll(/<Contents>[^]*?<\/Contents>/g)) {
        const name = (xmlTexts(contents, 'Key')[0] ?? '').slice(prefix.length);
        if (name !== '' && !name.includes('/')) files.push({ name, bytes: Number(xmlTexts(contents, 'Size')[0]) });
      }
      token = xmlTexts(text, 'IsTruncated')[0] === 'true' ? xmlTexts(text, 'NextContinuationToken')[0] : undefined;
    } while (token !== undefined);
    return files;
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
    const { client, options } = this;
    const partBytes = Math.max(PART_BYTES_MIN, options.partBytes, Math.ceil(size / PARTS_MAX));
    const begun = await client.call({ method: 'POST', key, query: { uploads: '' }, headers: options.headers });
    const [uploadId] = xmlTexts(begun.text, 'UploadId');
    if (uploadId === undefined) throw new TransferError(`${this.name}: the server begins no upload`);
    try {
      let parts = '';
      for (let at = 0, number = 1; at < size; at += partBytes, number++) {
        const body = readPart(descriptor, at, Math.min(partBytes, size - at));
        const query = { partNumber: String(number), uploadId };
        const { etag } = (await client.call({ method: 'PUT', key, query, body })).headers;
        if (etag === undefined) throw new TransferError(`${this.name}: the server gives part ${number} no ETag`);
        parts += `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`;
      }
      const body = Buffer.from(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`);
      await client.call({ method: 'POST', key, query: { uploadId }, body });
    } catch (error) {
      await this.endUpload(key, uploadId).catch(() => undefined);
      throw error;
    }
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
    let text: string;
    try {
      const query = { uploads: '', prefix: this.options.prefix };
      ({ text } = await this.client.call({ method: 'GET', query }));
    } catch (error) {
      // Not every server that speaks S3 has this, and not every user may.
      if (error instanceof S3Error && [400, 403, 404, 405, 501].includes(error.httpStatus)) return [];
      throw error;
    }
    const swept: string[] = [];
    for (const [upload] of text.matchAll(/<Upload>[^]*?<\/Upload>/g)) {
      const [key = ''] = xmlTexts(upload, 'Key');
      const [uploadId = ''] = xmlTexts(upload, 'UploadId');
      const startedMs = Date.parse(xmlTexts(upload, 'Initiated')[0] ?? '');
      if (!key.startsWith(this.options.prefix) || !(startedMs < beforeMs)) continue;
      if (!isDry) await this.endUpload(key, uploadId);
      swept.push(`upload of ${key}`);
    }
    return swept;
  }
}
