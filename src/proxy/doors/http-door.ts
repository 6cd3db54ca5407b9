// http-door: an HTTP interface that speaks JSON.
import { createServer, type Server } from 'node:http';
import { listen } from '../../io/sockets.js';

/** A body that is longer is refused. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

/** Opens the interface; rejects with the system's error. */
export async function openHttp(
  host: string,
  port: number,
  answer: (method: string, path: string, body: string) => HttpAnswer,
): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > BODY_BYTES_MAX) request.destroy();
      else parts.push(chunk);
    });
    request.on('error', () => undefined);
    request.on('end', () => {
      const { status, body, location } = answer(
        request.method ?? 'GET',
        request.url ?? '/',
        Buffer.concat(parts).toString('utf8'),
      );
      const text = JSON.stringify(body, undefined, 4);
      response.writeHead(status, {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': Buffer.byteLength(text),
        ...(location === undefined ? {} : { Location: location }),
      });
      response.end(text);
    });
  });
  await listen(server, { host, port, backlog: 128 });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
