// middleware: rate limits in front of HTTP handlers of express, fastify and hono, as plain functions.
//
// Answers carry RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset (seconds) of the limit that is nearest to its end;
// refusals are 429 with Retry-After. When Redis cannot be asked, requests pass unless `onError` says otherwise: a limit that
// takes the service down with Redis protects nobody.

import type { Commands } from '../commands.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';
import { type RateLimit, takeAll, type Verdict } from './rate-limit.js';

export interface MiddlewareOptions<Request> {
  readonly commands: Commands;
  /** All must allow the request. */
  readonly limits: readonly RateLimit[];
  /** The name under which a request is limited: an account, an address. Undefined: it is not limited. */
  readonly subject: (request: Request) => string | undefined;
  readonly cost?: ((request: Request) => number) | undefined;
  /** `'pass'` if absent. */
  readonly onError?: 'pass' | 'refuse' | undefined;
  readonly surroundings?: Surroundings | undefined;
}

interface Decision {
  readonly allowed: boolean;
  readonly status: 429 | 503;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const passed: Decision = { allowed: true, status: 429, headers: {}, text: '' };
const unavailable: Decision = { allowed: false, status: 503, headers: {}, text: 'The rate limit cannot be checked.' };

async function decide<Request>(options: MiddlewareOptions<Request>, request: Request): Promise<Decision> {
  const subject = options.subject(request);
  if (subject === undefined || options.limits.length === 0) return passed;
  const cost = options.cost?.(request) ?? 1;
  try {
    const checks = options.limits.map((limit) => ({ limit, subject, cost }));
    const all = await takeAll(options.commands, checks, options.surroundings ?? machineSurroundings);
    const nearest = all.verdicts.reduce((a, b) => (share(b) < share(a) ? b : a));
    const headers: Record<string, string> = {
      'RateLimit-Limit': String(nearest.limit),
      'RateLimit-Remaining': String(nearest.remaining),
      'RateLimit-Reset': String(Math.ceil(nearest.resetAfterMs / 1000)),
    };
    if (!all.allowed) headers['Retry-After'] = String(Math.max(1, Math.ceil(all.retryAfterMs / 1000)));
    return { allowed: all.allowed, status: 429, headers, text: 'Too many requests.' };
  } catch {
    return options.onError === 'refuse' ? unavailable : passed;
  }
}

function share(verdict: Verdict): number {
  return verdict.remaining / verdict.limit;
}

/** The part of an express response that the middleware uses. */
export interface ExpressResponse {
  setHeader(name: string, value: string): unknown;
  status(code: number): { send(text: string): unknown };
}

export type ExpressMiddleware<Request> = (
  request: Request,
  response: ExpressResponse,
  next: (error?: unknown) => void,
) => void;

/** Middleware for express (and connect-like frameworks with `status().send()`). */
export function expressLimit<Request>(options: MiddlewareOptions<Request>): ExpressMiddleware<Request> {
  return (request, response, next) => {
    decide(options, request).then((decision) => {
      for (const [name, value] of Object.entries(decision.headers)) response.setHeader(name, value);
      if (decision.allowed) next();
      else response.status(decision.status).send(decision.text);
    }, next);
  };
}

/** The part of a fastify reply that the hook uses. */
export interface FastifyReply {
  header(name: string, value: string): unknown;
  code(status: number): { send(text: string): unknown };
}

/** A hook for fastify: `app.addHook('onRequest', fastifyLimit(...))`. */
export function fastifyLimit<Request>(
  options: MiddlewareOptions<Request>,
): (request: Request, reply: FastifyReply) => Promise<unknown> {
  return async (request, reply) => {
    const decision = await decide(options, request);
    for (const [name, value] of Object.entries(decision.headers)) reply.header(name, value);
    // Fastify does not go on after a hook that returns the reply.
    return decision.allowed ? undefined : reply.code(decision.status).send(decision.text);
  };
}

/** The part of a hono context that the middleware uses. */
export interface HonoContext {
  header(name: string, value: string): void;
  text(text: string, status: 429 | 503): Response;
}

/** Middleware for hono; `subject` gets the context. */
export function honoLimit<Context extends HonoContext>(
  options: MiddlewareOptions<Context>,
): (context: Context, next: () => Promise<void>) => Promise<Response | void> {
  return async (context, next) => {
    const decision = await decide(options, context);
    for (const [name, value] of Object.entries(decision.headers)) context.header(name, value);
    if (!decision.allowed) return context.text(decision.text, decision.status);
    await next();
  };
}
