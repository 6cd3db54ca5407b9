// http-door: an HTTP interface that speaks JSON.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { listen } from '../../io/sockets.js';

/** A body that is longer is refused. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly location?: string;
}

function send(response: ServerResponse, { status, body, location }: HttpAnswer): void {
  const text = JSON.stringify(body, undefined, 4) ?? '';
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    ...(location === undefined ? {} : { Location: location }),
  });
  response.end(text);
}

/** Opens the interface; rejects with the system's error. */
export async function openHttp(
  host: string,
  port: number,
  answer: (method: string, path: string, body: string) => Promise<HttpAnswer>,
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
      const body = Buffer.concat(parts).toString('utf8');
      void answer(request.method ?? 'GET', request.url ?? '/', body).then(
        (given) => send(response, given),
        (error: unknown) => {
          const cause = error instanceof Error ? error.message : String(error);
          send(response, { status: 500, body: { Cause: cause, Stack: null } });
        },
      );
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
