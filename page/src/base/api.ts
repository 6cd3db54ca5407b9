// api: requests to the program that served the page; each error is an ApiFailure with the words that it gave.
import { said, t } from './i18n.js';

export interface Me {
  readonly name: string;
  readonly role: Role;
  readonly servers: readonly string[];
  readonly prefixes: readonly string[];
  readonly csrfToken: string;
  readonly readOnly: boolean;
  readonly hasMonitor: boolean;
}

export type Role = 'viewer' | 'editor' | 'operator' | 'admin';
const roles: readonly Role[] = ['viewer', 'editor', 'operator', 'admin'];

export class ApiFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

let csrfToken = '';
let onLoggedOut: () => void = () => undefined;

export function setSession(token: string, loggedOut: () => void): void {
  csrfToken = token;
  onLoggedOut = loggedOut;
}

export function mayAs(me: Me, role: Role): boolean {
  return roles.indexOf(me.role) >= roles.indexOf(role);
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw offlineFailure();
  }
  if (response.ok) return (await response.json()) as T;
  throw failureOf(response.status, await response.json().catch(() => ({})));
}

function failureOf(status: number, answer: unknown): ApiFailure {
  const { error, message } = answer as { error?: string; message?: string };
  if (error === 'no-session') onLoggedOut();
  return new ApiFailure(error ?? 'internal', said(message ?? `HTTP ${status}`), status);
}

const offlineFailure = (): ApiFailure =>
  new ApiFailure('offline', t('The program that serves this page does not answer.'), 0);

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(path, signal === undefined ? {} : { signal });
}

export function post<T = unknown>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> {
  return request<T>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrfToken },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Sends a file. By XMLHttpRequest, as `fetch` does not tell how far it is; undefined after `signal`. */
export function upload<T>(
  path: string,
  file: Blob,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const sent = new XMLHttpRequest();
    sent.open('POST', path);
    sent.setRequestHeader('Content-Type', 'application/octet-stream');
    sent.setRequestHeader('X-CSRF-Token', csrfToken);
    sent.responseType = 'json';
    sent.upload.onprogress = ({ loaded }) => onSent(loaded);
    sent.onload = () =>
      sent.status === 200 ? resolve(sent.response as T) : reject(failureOf(sent.status, sent.response ?? {}));
    sent.onerror = () => reject(offlineFailure());
    sent.onabort = () => resolve(undefined);
    signal.addEventListener('abort', () => sent.abort());
    sent.send(file);
  });
}

/** A reply of a server as reply-json makes it. */
export type Reply = string | number | null | boolean | Reply[] | ReplyObject;
export interface ReplyObject {
  readonly error?: string;
  readonly big?: string;
  readonly double?: string;
  readonly cut?: string;
  readonly bytes?: number;
  readonly list?: Reply[];
  readonly count?: number;
  readonly map?: Reply[];
}

export function errorIn(reply: Reply | undefined): string | undefined {
  return typeof reply === 'object' && reply !== null && !Array.isArray(reply) ? reply.error : undefined;
}

export function listIn(reply: Reply | undefined): Reply[] {
  if (Array.isArray(reply)) return reply;
  if (typeof reply === 'object' && reply !== null) return reply.list ?? reply.map ?? [];
  return [];
}

export function textIn(reply: Reply | undefined): string {
  if (typeof reply === 'string') return reply;
  if (typeof reply === 'number' || typeof reply === 'boolean') return String(reply);
  if (typeof reply === 'object' && reply !== null && !Array.isArray(reply))
    return reply.cut ?? reply.big ?? reply.double ?? '';
  return '';
}

/** Whether the program gave the beginning of the text only. */
export function isCutIn(reply: Reply | undefined): boolean {
  return typeof reply === 'object' && reply !== null && !Array.isArray(reply) && reply.cut !== undefined;
}

/** A flat list of names and values. */
export function fieldsIn(reply: Reply | undefined): Map<string, Reply> {
  const list = listIn(reply);
  const fields = new Map<string, Reply>();
  for (let index = 0; index + 1 < list.length; index += 2) fields.set(textIn(list[index]), list[index + 1]!);
  return fields;
}

/** A server of the list, with the database that is shown. */
export class ServerApi {
  constructor(
    readonly id: string,
    readonly name: string,
    readonly database: number,
  ) {}

  get path(): string {
    return `/api/servers/${encodeURIComponent(this.id)}`;
  }

  /** Sends commands together; an error reply of any of them is thrown unless `keepsErrors`. */
  async run(
    commands: readonly (readonly string[])[],
    options: { confirm?: string; keepsErrors?: boolean; signal?: AbortSignal } = {},
  ): Promise<Reply[]> {
    const { replies } = await post<{ replies: Reply[] }>(
      `${this.path}/commands`,
      { database: this.database, commands, confirm: options.confirm },
      options.signal,
    );
    const failure = options.keepsErrors === true ? undefined : replies.map(errorIn).find((text) => text !== undefined);
    if (failure !== undefined) throw new ApiFailure('server-error', failure, 502);
    return replies;
  }

  async one(...command: string[]): Promise<Reply> {
    return (await this.run([command]))[0] ?? null;
  }

  post<T>(what: string, body: Record<string, unknown> = {}, signal?: AbortSignal): Promise<T> {
    return post<T>(`${this.path}/${what}`, { database: this.database, ...body }, signal);
  }
}
