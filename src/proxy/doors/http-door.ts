// http-door: an HTTP interface that speaks JSON.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
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

type Answer = (method: string, path: string, body: string) => Promise<HttpAnswer>;

async function answerSafely(answer: Answer, request: IncomingMessage, body: string): Promise<HttpAnswer> {
  try {
    return await answer(request.method ?? 'GET', request.url ?? '/', body);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { status: 500, body: { Cause: cause, Stack: null } };
  }
}

function refuseBody(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  send(response, { status: 413, body: { Cause: `a body has at most ${BODY_BYTES_MAX} bytes`, Stack: null } });
}

/** Opens the interface; rejects with the system's error. */
export async function openHttp(
  host: string,
  port: number,
  answer: Answer,
): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= BODY_BYTES_MAX) parts.push(chunk);
      else if (!response.writableEnded) refuseBody(response);
      // Whoever goes on all the same is not listened to.
      if (length > 2 * BODY_BYTES_MAX) request.destroy();
    });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('end', () => {
      if (length > BODY_BYTES_MAX) return;
      const body = Buffer.concat(parts).toString('utf8');
      void answerSafely(answer, request, body).then((given) => send(response, given));
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
