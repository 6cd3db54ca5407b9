// route: what answers a request: a method and a path, the role that it needs, and the function that makes the reply.
//
// A route without a session is possible only by saying `open: true`, so that forgetting something leaves a door shut.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Rights, Role } from '../access/roles.js';
import type { Session } from '../access/sessions.js';
import type { Input } from '../input.js';

export interface RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The parts of the path that the route names with a colon. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The JSON of the body; an empty object for GET, and for routes that read the body themselves. */
  readonly input: Input;
  /** Where the request came from. */
  readonly address: string;
}

export interface Visit extends RequestContext {
  readonly session: Session;
  readonly rights: Rights;
}

interface RouteBase {
  readonly method: 'GET' | 'POST';
  /** '/api/servers/:id/tree'. */
  readonly path: string;
  /** The handler reads the request's body itself. */
  readonly readsBody?: true;
}

export interface OpenRoute extends RouteBase {
  readonly open: true;
  run(context: RequestContext): unknown;
}

export interface ClosedRoute extends RouteBase {
  readonly open?: undefined;
  readonly role: Role;
  /** The JSON of the reply; undefined when the handler wrote the response itself. */
  run(visit: Visit): unknown;
}

export type Route = OpenRoute | ClosedRoute;

/** The parameters of a path that fits the route; undefined when it does not. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index]!;
    if (!part.startsWith(':')) {
      if (part !== value) return undefined;
      continue;
    }
    try {
      params[part.slice(1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}
