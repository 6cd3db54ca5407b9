// sessions: sessions with a sliding time to live, single sign-on by tickets, and a limit of sessions for each user.
//
// A user's sessions share a slot, so that all can be ended in one step: the session's id carries the user's name.
// Keys: session:{user}:<secret> (hash) and session:{user}:all (sorted set of secrets by their end).

import { type Commands, replyNumber, replyPairs, replyText, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';

const nowLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;

const startScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local over = redis.call('ZCARD', KEYS[2]) + 1 - ARGV[3]
if over > 0 then
  for _, secret in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('DEL', ARGV[4] .. secret)
    redis.call('ZREM', KEYS[2], secret)
  end
end
for index = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
`))();

const touchScript = /* @__PURE__ */ (() =>
  makeScript(`${nowLua}
if redis.call('PEXPIRE', KEYS[1], ARGV[2]) == 0 then return {} end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('HGETALL', KEYS[1])
`))();

const setScript = /* @__PURE__ */ makeScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for index = 1, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return 1
`);

const endAllScript = /* @__PURE__ */ makeScript(`
local count = 0
for _, secret in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  count = count + redis.call('DEL', ARGV[1] .. secret)
end
redis.call('DEL', KEYS[1])
return count
`);

const endScript = /* @__PURE__ */ makeScript(`
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
`);

export interface SessionOptions {
  /** Ends a session that nobody used for so long. */
  readonly ttlMs: number;
  /** At most so many sessions of a user: the one that ends first makes room; 10 if absent. */
  readonly sessionsMax?: number | undefined;
  readonly surroundings?: Surroundings | undefined;
}

export interface Session {
  readonly user: string;
  readonly data: Readonly<Record<string, string>>;
}

/**
 * Holds: a session that was ended is gone for every process at once; a late write does not bring it back. A session id is a secret:
 * send it in a cookie with HttpOnly, Secure and SameSite. Fails with Redis: without it nobody is signed in. One round trip a call.
 */
export class Sessions {
  private readonly surroundings: Surroundings;

  constructor(
    private readonly commands: Commands,
    private readonly options: SessionOptions,
  ) {
    requireCount('ttlMs', options.ttlMs);
    requireCount('sessionsMax', options.sessionsMax ?? 10);
    this.surroundings = options.surroundings ?? machineSurroundings;
  }

  /** Starts a session and returns its id. */
  async start(user: string, data: Readonly<Record<string, string>> = {}): Promise<string> {
    const secret = this.surroundings.token();
    const prefix = `${tagged('session', user)}:`;
    const fields = ['user', user, ...Object.entries(data).flatMap(([name, value]) => [`data:${name}`, value])];
    const args = [secret, this.options.ttlMs, this.options.sessionsMax ?? 10, prefix, ...fields];
    await runScript(this.commands, startScript, [prefix + secret, `${prefix}all`], args);
    return `${Buffer.from(user).toString('base64url')}.${secret}`;
  }

  /** The session of an id, whose time begins anew; undefined for an id that is wrong or over. */
  async use(id: string): Promise<Session | undefined> {
    const keys = keysOf(id);
    if (keys === undefined) return undefined;
    const reply = await runScript(this.commands, touchScript, keys.keys, [keys.secret, this.options.ttlMs]);
    const pairs = replyPairs(reply);
    if (pairs.length === 0) return undefined;
    const data = pairs.filter(([name]) => name.startsWith('data:')).map(([name, value]) => [name.slice(5), value]);
    return { user: new Map(pairs).get('user')!, data: Object.fromEntries(data) as Record<string, string> };
  }

  /** Changes data of a session. False if it is over. */
  async set(id: string, data: Readonly<Record<string, string>>): Promise<boolean> {
    const keys = keysOf(id);
    const fields = Object.entries(data).flatMap(([name, value]) => [`data:${name}`, value]);
    if (keys === undefined || fields.length === 0) return false;
    return replyNumber(await runScript(this.commands, setScript, [keys.keys[0]], fields)) === 1;
  }

  async end(id: string): Promise<boolean> {
    const keys = keysOf(id);
    return keys !== undefined && replyNumber(await runScript(this.commands, endScript, keys.keys, [keys.secret])) === 1;
  }

  /** Signs a user out everywhere; returns how many sessions that ended. */
  async endAll(user: string): Promise<number> {
    const prefix = `${tagged('session', user)}:`;
    return replyNumber(await runScript(this.commands, endAllScript, [`${prefix}all`], [prefix]));
  }

  /** Single sign-on: a ticket for another site, good once and for `ttlMs`, that leads to this session. */
  async ticket(id: string, site: string, ttlMs = 30_000): Promise<string> {
    const ticket = this.surroundings.token();
    await this.commands.send('SET', [
      tagged('ticket', ticket),
      JSON.stringify({ id, site }),
      'PX',
      requireCount('ttlMs', ttlMs),
    ]);
    return ticket;
  }

  /** Redeems a ticket: the session's id, for the site that the ticket was made for. A second time it is worth nothing. */
  async redeem(ticket: string, site: string): Promise<string | undefined> {
    if (ticket === '') return undefined;
    const text = replyText(await runScript(this.commands, takeKeyScript, [tagged('ticket', ticket)]));
    if (text === undefined) return undefined;
    const found = JSON.parse(text) as { id: string; site: string };
    return found.site === site ? found.id : undefined;
  }
}

// GETDEL is Redis 6.2.
const takeKeyScript = /* @__PURE__ */ makeScript(`
local value = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return value
`);

function keysOf(id: string): { readonly keys: readonly [string, string]; readonly secret: string } | undefined {
  const dot = id.indexOf('.');
  const user = Buffer.from(id.slice(0, Math.max(dot, 0)), 'base64url').toString();
  const secret = id.slice(dot + 1);
  if (dot <= 0 || user === '' || !/^[\w-]+$/.test(secret) || secret === 'all') return undefined;
  const prefix = `${tagged('session', user)}:`;
  return { keys: [prefix + secret, `${prefix}all`], secret };
}
