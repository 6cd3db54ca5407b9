// http-door: listens, checks who asks, and hands requests to their routes; everything that is refused is refused here.
//
// In this order: the host that the request names (a foreign name that resolves to this machine would make the browser take a
// foreign page for ours), the path, the session, the origin and the token of what is no GET, the role, the body.
import { readFileSync, realpathSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { timingSafeEqual } from 'node:crypto';
import { ApiError } from '../api-error.js';
import { hasRole, type Rights } from '../access/roles.js';
import { cookieIn, SESSION_COOKIE, type Session } from '../access/sessions.js';
import { Input } from '../input.js';
import { readInput } from './body.js';
import { setApiHeaders, setSecurityHeaders } from './headers.js';
import type { PageFiles } from './page-files.js';
import { matchPath, type RequestContext, type Route } from './route.js';

const loginBytesMax = 16 << 10;
const headersMsMax = 20_000;
/** A file of four gigabytes by 200 KB/s; Node's own bound of five minutes cuts it off by less than 14 MB/s. */
const requestMsMax = 6 * 3600_000;

export interface DoorOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Names under which the page may be asked for, besides addresses and localhost. */
  readonly hostNames: readonly string[];
  readonly page: PageFiles;
  readonly routes: readonly Route[];
  readonly findSession: (cookie: string | undefined) => Session | undefined;
  readonly rightsOf: (session: Session) => Rights | undefined;
  readonly log: (text: string) => void;
}

type TlsPaths = NonNullable<DoorOptions['tls']>;

interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

function readPair({ certFile, keyFile }: TlsPaths): KeyPair {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

export class HttpDoor {
  private readonly server: Server | TlsServer;
  private readonly watchers: FSWatcher[] = [];

  constructor(private readonly options: DoorOptions) {
    const { tls } = options;
    const answer = (request: IncomingMessage, response: ServerResponse): void => void this.answer(request, response);
    if (tls === undefined) this.server = createServer(answer);
    else {
      const pair = readPair(tls);
      const server = createTlsServer({ ...pair, minVersion: 'TLSv1.2' }, answer);
      this.followFiles(tls, server, pair);
      this.server = server;
    }
    this.server.headersTimeout = headersMsMax;
    this.server.requestTimeout = requestMsMax;
  }

  /**
   * Takes a new certificate when the files change. Their folders are watched and not the files, because renewal replaces files or the
   * links to them, and a watch would stay with the old ones.
   */
  private followFiles(tls: TlsPaths, server: TlsServer, first: KeyPair): void {
    let loaded = first;
    const check = (): void => {
      try {
        const next = readPair(tls);
        if (next.cert.equals(loaded.cert) && next.key.equals(loaded.key)) return;
        // Fails between the writing of one file and of the other.
        server.setSecureContext({ ...next, minVersion: 'TLSv1.2' });
        loaded = next;
        this.options.log('loaded the certificate again');
      } catch (error) {
        this.options.log(`cannot load the certificate again, the old one stays: ${(error as Error).message}`);
      }
    };
    const files = [tls.certFile, tls.keyFile];
    const folders = new Set([...files, ...files.map((file) => realpathSync(file))].map((file) => dirname(file)));
    for (const folder of folders) this.watchers.push(watch(folder, { persistent: false }, check));
  }

  /** Listens; resolves with the port. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) =>
        reject(error.code === 'EADDRINUSE' ? new Error(`${error.message}: choose another --port`) : error),
      );
      this.server.listen(this.options.port, this.options.host, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const watcher of this.watchers) watcher.close();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { options } = this;
    setSecurityHeaders(response, options.tls !== undefined);
    try {
      this.checkHost(request.headers.host);
      const { path, query } = readTarget(request.url ?? '');
      if (path.startsWith('/api/')) await this.answerApi(request, response, path, query);
      else if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new ApiError('not-found', 'There is no such page.');
      else if (!options.page.serve(path, request, response)) throw new ApiError('not-found', 'There is no such page.');
    } catch (error) {
      this.refuse(request, response, error);
    }
  }

  private async answerApi(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    query: URLSearchParams,
  ): Promise<void> {
    setApiHeaders(response);
    const { route, params } = this.findRoute(request.method ?? '', path);
    const address = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    const context = { request, response, params, query, address };
    let result: unknown;
    if (route.open === true) {
      if (route.method !== 'GET') this.checkOrigin(request);
      result = await route.run({ ...context, input: await inputOf(route, request, loginBytesMax) });
    } else {
      const session = this.options.findSession(cookieIn(request.headers.cookie, SESSION_COOKIE));
      const rights = session === undefined ? undefined : this.options.rightsOf(session);
      if (session === undefined || rights === undefined) throw new ApiError('no-session', 'Log in first.');
      if (route.method !== 'GET') {
        this.checkOrigin(request);
        checkToken(session, request.headers['x-csrf-token']);
      }
      if (!hasRole(rights.role, route.role))
        throw new ApiError('forbidden', `This needs the role ${route.role}; yours is ${rights.role}.`);
      result = await route.run({ ...context, session, rights, input: await inputOf(route, request) });
    }
    if (result === undefined || response.headersSent) return;
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(result));
  }

  private findRoute(method: string, path: string): { route: Route; params: RequestContext['params'] } {
    const routes = this.options.routes.filter((route) => route.method === method);
    // A path without parameters goes before one whose parameter would fit too.
    const exact = routes.find((route) => route.path === path);
    if (exact !== undefined) return { route: exact, params: {} };
    for (const route of routes) {
      const params = matchPath(route.path, path);
      if (params !== undefined) return { route, params };
    }
    throw new ApiError('not-found', 'There is no such address.');
  }

  private checkHost(header: string | undefined): void {
    const name = /^(\[[0-9a-f:.]+\]|[^:/@\s]+)(?::\d+)?$/i.exec(header ?? '')?.[1]?.toLowerCase();
    const isAddress = name !== undefined && (/^\d+\.\d+\.\d+\.\d+$/.test(name) || name.startsWith('['));
    if (name === undefined || !(isAddress || name === 'localhost' || this.options.hostNames.includes(name)))
      throw new ApiError(
        'forbidden',
        `This program does not answer to the name ${JSON.stringify(header ?? '')}: start it with --host-name.`,
      );
  }

  /** Browsers say where a request comes from; other programs say nothing. */
  private checkOrigin(request: IncomingMessage): void {
    const { origin, host } = request.headers;
    const site = request.headers['sec-fetch-site'];
    const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none';
    if (isForeign || (origin !== undefined && origin.replace(/^https?:\/\//, '') !== host))
      throw new ApiError('bad-token', 'The request comes from another page.');
  }

  private refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const known = error instanceof ApiError ? error : undefined;
    if (known === undefined)
      this.options.log(
        `${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const failure = known ?? new ApiError('internal', 'Something went wrong here; the log of the program says what.');
    if (failure.retrySeconds !== undefined) response.setHeader('Retry-After', failure.retrySeconds);
    // The rest of a refused body is not read.
    if (!request.complete) response.setHeader('Connection', 'close');
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.writeHead(failure.status);
    response.end(JSON.stringify({ error: failure.code, message: failure.message, retrySeconds: failure.retrySeconds }));
  }
}

async function inputOf(route: Route, request: IncomingMessage, bytesMax?: number): Promise<Input> {
  return route.method === 'GET' || route.readsBody === true ? new Input({}) : readInput(request, bytesMax);
}

function readTarget(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf('?');
  return { path: mark < 0 ? url : url.slice(0, mark), query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)) };
}

function checkToken(session: Session, header: string | string[] | undefined): void {
  const given = Buffer.from(typeof header === 'string' ? header : '');
  const wanted = Buffer.from(session.csrfToken);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new ApiError('bad-token', 'The request has no token of this session: load the page again.');
}
