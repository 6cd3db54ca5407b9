// middleware: rate limits in front of HTTP handlers of express, fastify and hono, as plain functions.
//
// Answers carry RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset (seconds) of the limit that is nearest to its end;
// refusals are 429 with Retry-After. When Redis cannot be asked, or does not answer in time, requests pass unless `onError` says
// otherwise: a limit that takes the service down with Redis protects nobody.

import { type Commands, requireCount } from '../commands.js';
import { inTime, machineSurroundings, type Surroundings } from '../surroundings.js';
import { type LimitCheck, type RateLimit, takeAll, type Verdict } from './rate-limit.js';

const TIMEOUT_MS = 1000;

type Subject<Request> = (request: Request) => string | undefined;

/** A limit on something else than the other limits: an address beside an account. */
export interface SubjectLimit<Request> {
  readonly limit: RateLimit;
  /** As `subject` of the options. */
  readonly subject: Subject<Request>;
}

export interface MiddlewareOptions<Request> {
  readonly commands: Commands;
  /** All must allow the request, and it counts against all or none. On a cluster their subjects must share a hash tag. */
  readonly limits: readonly (RateLimit | SubjectLimit<Request>)[];
  /** The name under which a request is limited: an account, an address. Undefined: it is not limited. An empty text is a name. */
  readonly subject?: Subject<Request> | undefined;
  /** 1 if absent; a request that costs 0 is not limited. What throws, or gives no whole number, fails the request. */
  readonly cost?: ((request: Request) => number) | undefined;
  /** `'pass'` if absent. */
  readonly onError?: 'pass' | 'refuse' | undefined;
  /** After how many milliseconds without an answer of Redis that is an error; 1000 if absent. */
  readonly timeoutMs?: number | undefined;
  /** Hears of each error, because a request that passes does not show it. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
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

type Decide<Request> = (request: Request) => Promise<Decision>;

function makeDecide<Request>(options: MiddlewareOptions<Request>): Decide<Request> {
  const { commands, onError, onFailure, timeoutMs = TIMEOUT_MS, surroundings = machineSurroundings } = options;
  const limits = options.limits.map((one) => subjectLimit(one, options.subject));
  const late = (): Error => new Error(`Redis did not answer within ${timeoutMs} ms`);
  requireCount('timeoutMs', timeoutMs);
  return async (request) => {
    // A cost of 0 is a request that the limits do not concern.
    const cost = requireCount('cost', options.cost?.(request) ?? 1, 0);
    if (cost === 0) return passed;
    const checks: LimitCheck[] = [];
    for (const { limit, subject } of limits) {
      const name = subject(request);
      if (name !== undefined) checks.push({ limit, subject: name, cost });
    }
    if (checks.length === 0) return passed;
    try {
      const asked = takeAll(commands, checks, surroundings);
      const { allowed, verdicts, retryAfterMs } = await inTime(surroundings, timeoutMs, asked, late);
      const headers = headersOf(verdicts);
      if (!allowed) headers['Retry-After'] = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
      return { allowed, status: 429, headers, text: 'Too many requests.' };
    } catch (error) {
      onFailure?.(error);
      return onError === 'refuse' ? unavailable : passed;
    }
  };
}

function subjectLimit<Request>(
  one: RateLimit | SubjectLimit<Request>,
  subject: Subject<Request> | undefined,
): SubjectLimit<Request> {
  if ('limit' in one) return one;
  if (subject === undefined) throw new TypeError(`the limit ${one.name} has no subject: give one to the middleware`);
  return { limit: one, subject };
}

function headersOf(verdicts: readonly Verdict[]): Record<string, string> {
  const nearest = verdicts.reduce((a, b) => (share(b) < share(a) ? b : a));
  return {
    'RateLimit-Limit': String(nearest.limit),
    'RateLimit-Remaining': String(nearest.remaining),
    'RateLimit-Reset': String(Math.ceil(nearest.resetAfterMs / 1000)),
  };
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
  const decide = makeDecide(options);
  return (request, response, next) => {
    decide(request).then((decision) => {
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

/** What a subject sees of a fastify request where its type is not given. */
export interface FastifyRequest {
  readonly ip: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A hook for fastify: `app.addHook('onRequest', fastifyLimit(...))`. */
export function fastifyLimit<Request = FastifyRequest>(
  options: MiddlewareOptions<Request>,
): (request: Request, reply: FastifyReply) => Promise<unknown> {
  const decide = makeDecide(options);
  return async (request, reply) => {
    const decision = await decide(request);
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

/** What a subject sees of a hono context where its type is not given. */
export interface HonoRequestContext extends HonoContext {
  readonly req: {
    readonly method: string;
    readonly path: string;
    readonly url: string;
    header(name: string): string | undefined;
  };
}

/** Middleware for hono; `subject` gets the context. */
export function honoLimit<Context extends HonoContext = HonoRequestContext>(
  options: MiddlewareOptions<Context>,
): (context: Context, next: () => Promise<void>) => Promise<Response | void> {
  const decide = makeDecide(options);
  return async (context, next) => {
    const decision = await decide(context);
    for (const [name, value] of Object.entries(decision.headers)) context.header(name, value);
    if (!decision.allowed) return context.text(decision.text, decision.status);
    await next();
  };
}
