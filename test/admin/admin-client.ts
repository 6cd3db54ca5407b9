// admin-client: an admin in the process of the test, and a client of its API that keeps cookie and token as the page does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { request, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import { type Admin, type AdminOptions, startAdmin } from '../../src/admin/admin.js';
import { systemEnvironment } from '../../src/io/environment.js';

export const password = 'correct horse battery';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface TestAdmin extends Admin {
  readonly folder: string;
  readonly setupToken: string;
  readonly log: string[];
}

/** Starts an admin in a new folder; the test's end ends it. */
export async function startTestAdmin(
  t: Pick<TestContext, 'after'>,
  options: Partial<AdminOptions> = {},
): Promise<TestAdmin> {
  const folder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'kvasir-admin-'));
  const log: string[] = [];
  const admin = await startAdmin({
    environment: systemEnvironment,
    host: '127.0.0.1',
    port: 0,
    pageFolder: resolve('dist/bundle/admin'),
    log: (text) => log.push(text),
    ...options,
    dataFolder: folder,
  });
  t.after(async () => {
    await admin.close();
    if (options.dataFolder === undefined) rmSync(folder, { recursive: true, force: true });
  });
  return { ...admin, folder, log, setupToken: /#setup=(.*)$/.exec(admin.setupUrl ?? '')?.[1] ?? '' };
}

export interface Raw {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** One request as it is; the path goes out unchanged. */
export function send(port: number, method: string, path: string, { headers = {}, body }: Raw = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        done({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: <T>() => JSON.parse(text) as T,
        });
      });
    });
    sent.on('error', fail);
    sent.end(body);
  });
}

/** A person with a browser. */
export class Visitor {
  cookie = '';
  token = '';

  constructor(readonly port: number) {}

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return send(this.port, 'GET', path, { headers: { cookie: this.cookie, ...headers } });
  }

  async post(path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const answer = await send(this.port, 'POST', path, {
      headers: { cookie: this.cookie, 'x-csrf-token': this.token, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const [cookie] = answer.headers['set-cookie'] ?? [];
    if (cookie !== undefined) this.cookie = cookie.split(';')[0]!;
    return answer;
  }

  /** Logs in and takes the session's token. */
  async logIn(name: string, more: Record<string, unknown> = {}): Promise<Answer> {
    const answer = await this.post('/api/login', { name, password, ...more });
    await this.readToken();
    return answer;
  }

  async readToken(): Promise<void> {
    this.token = String((await this.get('/api/session')).json().csrfToken ?? '');
  }
}

/** The first user of a new admin. */
export async function firstAdmin(admin: TestAdmin): Promise<Visitor> {
  const visitor = new Visitor(admin.port);
  await visitor.post('/api/setup', { token: admin.setupToken, name: 'root', password });
  await visitor.readToken();
  return visitor;
}

/** A user made by an admin, logged in. */
export async function userWith(root: Visitor, name: string, rights: Record<string, unknown>): Promise<Visitor> {
  await root.post('/api/users', { name, password, servers: ['*'], prefixes: [], ...rights });
  const visitor = new Visitor(root.port);
  await visitor.logIn(name);
  return visitor;
}

/** Waits for a job to end. */
export async function jobEnd(visitor: Visitor, id: string): Promise<Record<string, unknown>> {
  for (;;) {
    const job = (await visitor.get(`/api/jobs/${id}`)).json();
    if (job.state !== 'running') return job;
    await new Promise((resolveSoon) => setTimeout(resolveSoon, 20));
  }
}
