// The middleware of the rate limits in express, fastify and hono themselves, with an ioredis client, also when Redis dies, is silent and comes back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import fastify from 'fastify';
import { type Context, Hono } from 'hono';
import { Redis } from 'ioredis';
import {
  expressLimit,
  fastifyLimit,
  fixedWindow,
  fromIoredis,
  gcra,
  honoLimit,
  type MiddlewareOptions,
  slidingLog,
  type SubjectLimit,
} from '../../src/recipes/index.js';
import { createServer } from '../../src/testing/create-server.js';

interface Named {
  Variables: { name: string };
}

/** Reads a header of a request; each framework has its own way. */
type Header = (name: string) => string | undefined;
type Options = Omit<MiddlewareOptions<Header>, 'cost'>;
type Ask = (path: string, headers?: Record<string, string>) => Promise<Response>;

/** The options for a framework whose requests have this way to a header. */
function optionsFor<Request>(options: Options, header: (request: Request) => Header): MiddlewareOptions<Request> {
  const own = (subject: (header: Header) => string | undefined) => (request: Request) => subject(header(request));
  return {
    // A slow machine is no silent Redis.
    timeoutMs: 60_000,
    ...options,
    subject: options.subject && own(options.subject),
    limits: options.limits.map((one) => ('limit' in one ? { ...one, subject: own(one.subject) } : one)),
  };
}

const frameworks: Readonly<Record<string, (t: TestContext, options: Options) => Promise<Ask>>> = {
  async express(t, options) {
    const app = express();
    app.use('/limited', expressLimit(optionsFor(options, (request: express.Request) => (name) => request.get(name))));
    app.get(['/limited', '/free'], (_request, response) => void response.send('served'));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return (path, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });
  },

  async fastify(t, options) {
    const app = fastify({ forceCloseConnections: true });
    await app.register(async (limited) => {
      limited.addHook(
        'onRequest',
        fastifyLimit(
          optionsFor(options, ({ headers }: { headers: object }) => (name) => {
            const value = (headers as Record<string, unknown>)[name];
            return typeof value === 'string' ? value : undefined;
          }),
        ),
      );
      limited.get('/limited', async () => 'served');
    });
    app.get('/free', async () => 'served');
    const address = await app.listen({ port: 0, host: '127.0.0.1' });
    t.after(() => app.close());
    return (path, headers = {}) => fetch(`${address}${path}`, { headers });
  },

  async hono(_t, options) {
    const app = new Hono();
    app.use('/limited', honoLimit(optionsFor(options, (context: Context) => (name) => context.req.header(name))));
    app.on('GET', ['/limited', '/free'], (context) => context.text('served'));
    return async (path, headers = {}) => app.request(path, { headers });
  },
};

const limitHeaders = (answer: Response): (string | null)[] =>
  ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset', 'retry-after'].map((name) => answer.headers.get(name));

async function startRedis(t: TestContext, port?: number) {
  const server = await createServer(port === undefined ? {} : { port });
  t.after(() => server.close());
  return server;
}

/** A client that tries again at once, as one with short patience does. */
function connectRedis(t: TestContext, port: number): Redis {
  const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  t.after(() => redis.disconnect());
  return redis;
}

const HOUR_MS = 3_600_000;
const subject = (header: Header): string | undefined => header('x-account');
const byAddress: SubjectLimit<Header> = {
  limit: slidingLog('address', 3, HOUR_MS),
  subject: (header) => header('x-address'),
};

for (const [name, serve] of Object.entries(frameworks))
  describe(`the middleware in ${name}`, { timeout: 600_000 }, () => {
    it('says what is left, refuses with Retry-After, and leaves other routes and requests without a subject alone', async (t) => {
      const { port } = await startRedis(t);
      const commands = fromIoredis(connectRedis(t, port));
      const ask = await serve(t, { commands, subject, limits: [fixedWindow('http', 2, HOUR_MS)] });
      for (const left of ['1', '0']) {
        const served = await ask('/limited', { 'x-account': 'ann' });
        assert.deepEqual([served.status, await served.text()], [200, 'served']);
        const [limit, remaining, reset, retryAfter] = limitHeaders(served);
        assert.deepEqual([limit, remaining, retryAfter], ['2', left, null]);
        assert.ok(Number(reset) > 3000 && Number(reset) <= 3600, `RateLimit-Reset: ${reset}`);
      }
      const refused = await ask('/limited', { 'x-account': 'ann' });
      assert.deepEqual([refused.status, await refused.text()], [429, 'Too many requests.']);
      const [limit, remaining, reset, retryAfter] = limitHeaders(refused);
      assert.deepEqual([limit, remaining, retryAfter], ['2', '0', reset]);
      assert.ok(Number(retryAfter) > 3000 && Number(retryAfter) <= 3600, `Retry-After: ${retryAfter}`);
      assert.equal((await ask('/limited', { 'x-account': 'bob' })).status, 200);
      // An empty account is an account: nobody gets around the limit by a header without a value.
      const empty = [1, 2, 3].map(() => ask('/limited', { 'x-account': '' }).then(({ status }) => status));
      assert.deepEqual((await Promise.all(empty)).sort(), [200, 200, 429]);
      for (const free of [await ask('/free', { 'x-account': 'ann' }), await ask('/limited')]) {
        assert.equal(free.status, 200);
        assert.deepEqual(limitHeaders(free), [null, null, null, null]);
      }
    });

    it('counts against limits of several subjects, against all or none', async (t) => {
      const { port } = await startRedis(t);
      const redis = connectRedis(t, port);
      const limits = [gcra('account', 2, HOUR_MS), byAddress];
      const ask = await serve(t, { commands: fromIoredis(redis), subject, limits });
      const from = async (account: string, address: string): Promise<(string | number | null)[]> => {
        const answer = await ask('/limited', { 'x-account': account, 'x-address': address });
        return [answer.status, ...limitHeaders(answer).slice(0, 2)];
      };
      assert.deepEqual(await from('ann', '10.0.0.1'), [200, '2', '1']);
      assert.deepEqual(await from('ann', '10.0.0.1'), [200, '2', '0']);
      assert.deepEqual(await from('ann', '10.0.0.1'), [429, '2', '0']);
      // The refused request did not count against the address.
      assert.deepEqual(await from('bob', '10.0.0.1'), [200, '3', '0']);
      assert.deepEqual(await from('eve', '10.0.0.1'), [429, '3', '0']);
      assert.deepEqual(await from('eve', '10.0.0.2'), [200, '2', '1']);
      assert.equal(await redis.dbsize(), 5);
    });

    it('passes or refuses while Redis is down, tells about it, and limits again when it is back', async (t) => {
      const first = await startRedis(t);
      const { port } = first;
      const redis = connectRedis(t, port);
      const commands = fromIoredis(redis);
      const failures: unknown[] = [];
      const limits = [fixedWindow('http', 1, HOUR_MS)];
      const onFailure = (error: unknown): number => failures.push(error);
      const open = await serve(t, { commands, subject, limits, onFailure });
      const shut = await serve(t, { commands, subject, limits, onFailure, onError: 'refuse' });
      const ann = { 'x-account': 'ann' };
      assert.equal((await open('/limited', ann)).status, 200);
      assert.equal((await shut('/limited', ann)).status, 429);

      await first.close();
      const passes = await open('/limited', ann);
      assert.deepEqual([passes.status, await passes.text()], [200, 'served']);
      assert.deepEqual(limitHeaders(passes), [null, null, null, null]);
      const refused = await shut('/limited', ann);
      assert.deepEqual([refused.status, await refused.text()], [503, 'The rate limit cannot be checked.']);
      assert.equal((await shut('/free', ann)).status, 200);
      assert.equal(failures.length, 2);

      await startRedis(t, port);
      while (redis.status !== 'ready') await sleep(10);
      assert.equal((await shut('/limited', ann)).status, 200);
      assert.equal((await open('/limited', ann)).status, 429);
      assert.equal(failures.length, 2);
    });

    it('does not wait for a Redis that does not answer', async (t) => {
      const sockets: Socket[] = [];
      const silent = createTcpServer((socket) => void sockets.push(socket.on('error', () => undefined)));
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      t.after(() => {
        for (const socket of sockets) socket.destroy();
        silent.close();
      });
      const commands = fromIoredis(connectRedis(t, (silent.address() as AddressInfo).port));
      const failures: unknown[] = [];
      const ask = await serve(t, {
        commands,
        subject,
        limits: [fixedWindow('http', 1, HOUR_MS)],
        timeoutMs: 50,
        onFailure: (error) => failures.push((error as Error).message),
      });
      assert.equal((await ask('/limited', { 'x-account': 'ann' })).status, 200);
      assert.deepEqual(failures, ['Redis did not answer within 50 ms']);
    });
  });

// As it stands in the page: the requests' types reach `subject` by themselves. This compiles, or it does not.
it('fits the frameworks’ types without a word about them', () => {
  const commands = { send: () => Promise.reject(new Error('unused')) };
  const limits = [gcra('api', 100, 60_000)];
  express().use(expressLimit({ commands, limits, subject: (request) => request.ip }));
  fastify().addHook('onRequest', fastifyLimit({ commands, limits, subject: (request) => request.ip }));
  new Hono().use('*', honoLimit({ commands, limits, subject: (context) => context.req.header('x-account') }));
  // And with their own types, for what an application adds to them.
  express().use(expressLimit({ commands, limits, subject: (request: express.Request) => request.get('x') }));
  fastify().addHook('onRequest', fastifyLimit({ commands, limits, subject: ({ id }: { id: string }) => id }));
  new Hono<Named>().use(
    '*',
    honoLimit({ commands, limits, subject: (context: Context<Named>) => context.get('name') }),
  );
  assert.throws(() => expressLimit({ commands, limits }), /the limit api has no subject/);
});
