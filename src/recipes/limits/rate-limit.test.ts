import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { recipeWorld, worldSeed } from '../../../test/recipes/world.js';
import { takePlace } from './concurrency-limit.js';
import { expressLimit, fastifyLimit, honoLimit } from './middleware.js';
import { phoneLimit, phoneLimitScript, smsFailed, smsLimit } from './phone-limit.js';
import {
  fixedWindow,
  gcra,
  type RateLimit,
  resetLimit,
  slidingLog,
  slidingWindow,
  take,
  takeAll,
  tokenBucket,
} from './rate-limit.js';

const world = await recipeWorld();
const { surroundings, direct } = world;

beforeEach(() => world.server.flush());

const takeOne = (limit: RateLimit, subject = 'ann', cost = 1): ReturnType<typeof take> =>
  take(direct, limit, subject, cost, surroundings);

/** Times at which requests were allowed, of one request each `everyMs`. */
async function allowedTimes(limit: RateLimit, everyMs: number, durationMs: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < durationMs; at += everyMs) {
    if ((await takeOne(limit, 'flow')).allowed) times.push(at);
    world.clock.advance(everyMs);
  }
  return times;
}

/** The most in any window. */
function densest(times: readonly number[], windowMs: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

const all: readonly RateLimit[] = [
  fixedWindow('fixed', 10, 1000),
  slidingLog('log', 10, 1000),
  slidingWindow('sliding', 10, 1000),
  tokenBucket('bucket', 10, 1000),
  gcra('gcra', 10, 1000),
];

describe(`rate limits (RECIPE_SEED=${worldSeed})`, () => {
  for (const limit of all) {
    it(`${limit.kind}: allows the count, refuses the next, and allows it when it said`, async () => {
      for (let index = 0; index < 10; index++) {
        const verdict = await takeOne(limit);
        assert.deepEqual([verdict.allowed, verdict.remaining, verdict.retryAfterMs], [true, 9 - index, 0]);
      }
      const refused = await takeOne(limit);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
      assert.ok(refused.retryAfterMs > 0 && refused.retryAfterMs <= 2000, `${refused.retryAfterMs} ms`);
      world.clock.advance(refused.retryAfterMs - 2);
      assert.equal((await takeOne(limit)).allowed, false, 'too early by 2 ms');
      world.clock.advance(3);
      assert.equal((await takeOne(limit)).allowed, true);
    });

    it(`${limit.kind}: is as new after the time of its reset, and leaves no key`, async () => {
      await takeOne(limit, 'ann', 7);
      const { resetAfterMs } = await takeOne(limit, 'ann', 3);
      world.clock.advance(resetAfterMs + 1);
      assert.equal((await takeOne(limit, 'ann', 10)).allowed, true);
      world.clock.advance(10_000);
      assert.equal(world.server.run('DBSIZE'), 0);
    });

    it(`${limit.kind}: never allows a cost over the limit, nor counts what it refused`, async () => {
      assert.equal((await takeOne(limit, 'ann', 11)).allowed, false);
      assert.equal((await takeOne(limit, 'ann', 10)).allowed, true);
      await resetLimit(direct, limit, 'ann');
      assert.equal((await takeOne(limit, 'ann', 10)).allowed, true);
    });

    it(`${limit.kind}: counts concurrent requests each once`, async () => {
      const clients = Array.from({ length: 30 }, () => world.client());
      const verdicts = await world.during(
        Promise.all(clients.map((client) => take(client, limit, 'crowd', 1, surroundings))),
      );
      const allowed = verdicts.filter((verdict) => verdict.allowed).length;
      // A few ms pass while they come: tokens that flow in within 15 ms are less than one.
      assert.equal(allowed, 10);
    });
  }

  it('the log never allows more in any window; the others stay within their bounds', async () => {
    assert.equal(densest(await allowedTimes(all[1]!, 7, 10_000), 1000), 10);
    world.server.flush();
    assert.ok(densest(await allowedTimes(all[0]!, 7, 10_000), 1000) <= 20);
    world.server.flush();
    assert.ok(densest(await allowedTimes(all[2]!, 7, 10_000), 1000) <= 13);
    for (const limit of [all[3]!, all[4]!]) {
      world.server.flush();
      const times = await allowedTimes(limit, 7, 10_000);
      assert.ok(densest(times, 1000) <= 20);
      assert.ok(times.length >= 108 && times.length <= 110, `${limit.kind}: ${times.length} of 10 + 10 each second`);
    }
  });

  it('a bucket and gcra with the same numbers allow the same requests', async () => {
    const bucket = await allowedTimes(tokenBucket('same', 5, 1000, 3), 13, 5000);
    world.server.flush();
    assert.deepEqual(await allowedTimes(gcra('same', 5, 1000, 3), 13, 5000), bucket);
  });

  it('takes from all of several limits or from none', async () => {
    const second = fixedWindow('second', 2, 1000);
    const day = slidingLog('day', 3, 86_400_000);
    const both = (): ReturnType<typeof takeAll> =>
      takeAll(
        direct,
        [second, day].map((limit) => ({ limit, subject: 'bob' })),
        surroundings,
      );
    assert.ok((await both()).allowed);
    assert.ok((await both()).allowed);
    const refused = await both();
    assert.deepEqual(
      refused.verdicts.map((verdict) => verdict.allowed),
      [false, true],
    );
    assert.equal(refused.retryAfterMs, 1000);
    assert.equal(refused.verdicts[1]!.remaining, 0); // of what would have been left
    world.clock.advance(1000);
    assert.ok((await both()).allowed, 'the refusal took nothing of the day');
    assert.equal((await both()).verdicts[1]!.allowed, false);
  });

  it('a clock that is set back never allows more', async () => {
    for (const limit of all) for (let index = 0; index < 10; index++) await takeOne(limit);
    world.clock.set(world.clock.wallMs() - 500);
    for (const limit of all) assert.equal((await takeOne(limit)).allowed, false, limit.kind);
  });

  it('refuses numbers that make no sense', async () => {
    assert.throws(() => fixedWindow('x', 0, 1000), RangeError);
    assert.throws(() => gcra('x', 1, 0.5), RangeError);
    assert.throws(() => slidingLog('x', 1, 1e12), RangeError);
    await assert.rejects(takeOne(all[0]!, 'ann', -1), RangeError);
    for (const cost of [0, NaN, Infinity, 1.5, 2 ** 53])
      await assert.rejects(takeOne(all[0]!, 'ann', cost), RangeError);
    await assert.rejects(takeOne(slidingLog('x', 1_000_000, 1000), 'ann', 100_000), /an entry for each piece/);
    // Times that a double does not hold, and intervals below the clock's.
    assert.throws(() => tokenBucket('x', 1, 10_000_000_000, 2 ** 53 - 1), /would take .* to come back/);
    assert.throws(() => gcra('x', 101, 1), /too many; use tokenBucket/);
    for (const wrong of [NaN, 0, -1, 1.5, Infinity]) {
      await assert.rejects(phoneLimit(direct, '137', wrong, 3), RangeError);
      await assert.rejects(phoneLimit(direct, '137', 10, wrong), RangeError);
      await assert.rejects(smsLimit(direct, '137', wrong), RangeError);
    }
    assert.equal(world.server.run('DBSIZE'), 0, 'nothing was counted');
  });

  it('counts to the greatest numbers', async () => {
    const most = 2 ** 53 - 1;
    for (const limit of [fixedWindow('x', most, 1000), slidingWindow('y', most, 1000), tokenBucket('z', most, 1000)]) {
      assert.ok((await takeOne(limit, 'ann', most - 1)).allowed, limit.kind);
      assert.ok((await takeOne(limit, 'ann', 1)).allowed, limit.kind);
      assert.equal((await takeOne(limit, 'ann', 2 ** 40)).allowed, false, limit.kind);
    }
    for (const count of [3, 6, 7, 999, 70_001, 100_000]) {
      const burst = gcra(`of ${count}`, count, 1000, Math.min(count, 300));
      for (let index = 0; index < burst.burst; index++)
        assert.ok((await takeOne(burst)).allowed, `${index} of ${count}`);
      assert.equal((await takeOne(burst)).allowed, false, `one more than ${count}`);
    }
  });

  it('keeps subjects apart whatever users call themselves, and an empty one is limited too', async () => {
    const once = fixedWindow('once', 1, 1000);
    const subjects = [
      'ann',
      '{ann}',
      'ann}',
      'ann%7D',
      '{}ann',
      '{}{ann}',
      '',
      '{',
      '}',
      ':',
      '{ann}:once',
      'ann:once',
    ];
    for (const subject of subjects) assert.ok((await takeOne(once, subject)).allowed, subject);
    for (const subject of subjects) assert.equal((await takeOne(once, subject)).allowed, false, subject);
  });

  it('ends a pause that somebody left without an end', async () => {
    world.server.run('SET', 'sms:limit:138', '1');
    const refused = await smsLimit(direct, '138', 60);
    assert.deepEqual(refused, { allowed: false, retryAfterMs: 60_000 });
    world.clock.advance(60_000);
    assert.ok((await smsLimit(direct, '138', 60)).allowed);
  });
});

describe('takePlace', () => {
  it('limits what runs at once, and frees the place of a dead process', async () => {
    const options = { surroundings, ttlMs: 1000, renews: false };
    const first = await takePlace(direct, 'ann', 2, options);
    const second = await takePlace(direct, 'ann', 2, options);
    const third = await takePlace(direct, 'ann', 2, options);
    assert.deepEqual([first.allowed, second.allowed, third.allowed], [true, true, false]);
    assert.equal(third.retryAfterMs, 1000);
    await first.release();
    assert.ok((await takePlace(direct, 'ann', 2, options)).allowed);
    world.clock.advance(1001);
    assert.equal((await takePlace(direct, 'ann', 2, options)).remaining, 1);
  });
});

describe('limits by telephone number', () => {
  it('phone_limit.lua runs as the documents call it: three in ten seconds', async () => {
    const answers: unknown[] = [];
    for (let call = 0; call < 4; call++)
      answers.push(world.server.run('EVAL', phoneLimitScript.text, 1, 'rate.limiting:13700000000', 10, 3));
    assert.deepEqual(answers, [1, 1, 1, 0]);
    assert.equal(await phoneLimit(direct, '13700000000', 10, 3), false, 'the same key');
    world.clock.advance(10_001);
    assert.equal(await phoneLimit(direct, '13700000000', 10, 3), true);
  });

  it('phone_limit.lua lets six through around the end of a window', async () => {
    await phoneLimit(direct, '1', 10, 3);
    world.clock.advance(9900);
    let allowed = 0;
    for (let call = 0; call < 2; call++) if (await phoneLimit(direct, '1', 10, 3)) allowed++;
    world.clock.advance(101);
    for (let call = 0; call < 3; call++) if (await phoneLimit(direct, '1', 10, 3)) allowed++;
    assert.equal(allowed, 5);
  });

  it('allows one SMS a minute', async () => {
    assert.deepEqual(await smsLimit(direct, '138', 60), { allowed: true, retryAfterMs: 0 });
    world.clock.advance(20_000);
    assert.deepEqual(await smsLimit(direct, '138', 60), { allowed: false, retryAfterMs: 40_000 });
    assert.equal(world.server.run('TTL', 'sms:limit:138'), 40);
    assert.ok(await smsFailed(direct, '138'));
    assert.ok((await smsLimit(direct, '138', 60)).allowed);
  });
});

describe('middleware', () => {
  const limits = [fixedWindow('http', 1, 10_000)];
  const subject = (request: { ip?: string }): string | undefined => request.ip;
  const broken = { send: () => Promise.reject(new Error('down')) };

  it('of express sets headers, and answers 429 with Retry-After', async () => {
    const middleware = expressLimit({ commands: direct, limits, subject, surroundings });
    const call = (ip?: string): Promise<[unknown, Record<string, string>]> =>
      new Promise((resolve) => {
        const headers: Record<string, string> = {};
        const response = {
          setHeader: (name: string, value: string) => (headers[name] = value),
          status: (code: number) => ({ send: () => resolve([code, headers]) }),
        };
        middleware(ip === undefined ? {} : { ip }, response, () => resolve(['next', headers]));
      });
    assert.deepEqual(await call('1.1.1.1'), [
      'next',
      { 'RateLimit-Limit': '1', 'RateLimit-Remaining': '0', 'RateLimit-Reset': '10' },
    ]);
    const [status, headers] = await call('1.1.1.1');
    assert.equal(status, 429);
    assert.equal(headers['Retry-After'], '10');
    assert.deepEqual(await call(), ['next', {}]);
  });

  it('of fastify and hono do the same, and pass or refuse when Redis is down', async () => {
    const sent: unknown[] = [];
    const reply = {
      header: () => undefined,
      code: (status: number) => ({ send: (text: string) => sent.push(status, text) }),
    };
    const fastify = fastifyLimit({ commands: direct, limits, subject, surroundings });
    assert.equal(await fastify({ ip: 'f' }, reply), undefined);
    await fastify({ ip: 'f' }, reply);
    assert.deepEqual(sent, [429, 'Too many requests.']);

    const context = {
      ip: 'h',
      header: () => undefined,
      text: (text: string, status: number) => new Response(text, { status }),
    };
    let nexts = 0;
    const next = async (): Promise<void> => void nexts++;
    const hono = honoLimit<typeof context>({ commands: direct, limits, subject, surroundings });
    assert.equal(await hono(context, next), undefined);
    assert.equal((await hono(context, next))?.status, 429);
    const open = honoLimit<typeof context>({ commands: broken, limits, subject, surroundings });
    assert.equal(await open(context, next), undefined);
    const shut = honoLimit<typeof context>({ commands: broken, limits, subject, surroundings, onError: 'refuse' });
    assert.equal((await shut(context, next))?.status, 503);
    assert.equal(nexts, 2);
  });
});
