// page-files: the files of the page, read and compressed once at the start, and served by exact name from memory.
//
// Nothing is looked up in the file system for a request, so there is no path to climb out of.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

interface PageFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly etag: string;
  gzip: Buffer | undefined;
  brotli: Buffer | undefined;
}

export class PageFiles {
  private readonly files = new Map<string, PageFile>();

  constructor(folder: string) {
    for (const name of readdirSync(folder)) {
      const type = types[extname(name)];
      if (type === undefined) continue;
      const plain = readFileSync(join(folder, name));
      const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
      this.files.set(`/${name}`, { type, plain, etag, gzip: undefined, brotli: undefined });
    }
    const index = this.files.get('/index.html');
    if (index === undefined) throw new Error(`the page is not in ${folder}: build it with \`npm run build\``);
    this.files.set('/', index);
  }

  /** False when there is no such file. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.files.get(path);
    if (file === undefined) return false;
    response.setHeader('ETag', file.etag);
    // The names do not change with the content, so a browser asks each time whether its copy is good.
    response.setHeader('Cache-Control', 'no-cache');
    response.setHeader('Vary', 'Accept-Encoding');
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304).end();
      return true;
    }
    response.setHeader('Content-Type', file.type);
    const accepted = request.headers['accept-encoding'] ?? '';
    let body = file.plain;
    if (/\bbr\b/.test(accepted)) {
      body = file.brotli ??= brotliCompressSync(file.plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
      response.setHeader('Content-Encoding', 'br');
    } else if (/\bgzip\b/.test(accepted)) {
      body = file.gzip ??= gzipSync(file.plain);
      response.setHeader('Content-Encoding', 'gzip');
    }
    response.setHeader('Content-Length', body.length);
    response.writeHead(200).end(request.method === 'HEAD' ? undefined : body);
    return true;
  }
}
