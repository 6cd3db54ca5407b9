// redis-coordinator: a dashboard's state in a Redis of the user's, for those who have neither ZooKeeper nor etcd.
//
// Each path is a string key of its name, and a set beside it, `PATH/*`, names what lies under it, so that nothing is searched for.

import { isAggregate, replyText, type Reply } from '../../../client/reply.js';
import type { Clock } from '../../../io/clock.js';
import type { Coordinator } from './coordinator.js';
import { type ServerCall, ServerLinks } from './server-link.js';

const TIMEOUT_MS = 5000;

/** `host:port` or `host:port/database`. */
export function readRedisPlace(text: string): { address: string; database: number } {
  const match = /^([^/]+:\d{1,5})(?:\/(\d{1,4}))?$/.exec(text);
  if (match === null)
    throw new Error(`coordinator_addr = ${text}: "host:port" or "host:port/database" of a Redis is wanted`);
  return { address: match[1]!, database: Number(match[2] ?? 0) };
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export class RedisCoordinator implements Coordinator {
  private readonly links: ServerLinks;
  private readonly address: string;
  private readonly database: number;

  /** `auth` is a password, `user:password`, or empty. */
  constructor(clock: Clock, place: string, auth: string) {
    const { address, database } = readRedisPlace(place);
    this.address = address;
    this.database = database;
    const colon = auth.indexOf(':');
    const words = auth === '' ? [] : colon < 0 ? [auth] : [auth.slice(0, colon), auth.slice(colon + 1)];
    this.links = new ServerLinks(clock, words, TIMEOUT_MS);
  }

  private ask(run: (call: ServerCall) => Promise<Reply>): Promise<Reply> {
    return this.links.ask(this.address, async (call) => {
      if (this.database > 0) await call('SELECT', String(this.database));
      return run(call);
    });
  }

  async create(path: string, text: string): Promise<boolean> {
    const reply = await this.ask(async (call) => {
      const made = await call('SET', path, text, 'NX');
      if (made.kind !== 'nil') await this.link(call, path);
      return made;
    });
    return reply.kind !== 'nil';
  }

  private async link(call: ServerCall, path: string): Promise<void> {
    for (let below = path; below !== ''; below = parentOf(below)) await call('SADD', `${parentOf(below)}/*`, below);
  }

  async update(path: string, text: string): Promise<void> {
    await this.ask(async (call) => {
      await this.link(call, path);
      return call('SET', path, text);
    });
  }

  async remove(path: string): Promise<void> {
    await this.ask(async (call) => {
      await call('DEL', path);
      return call('SREM', `${parentOf(path)}/*`, path);
    });
  }

  async read(path: string): Promise<string | undefined> {
    const reply = await this.ask((call) => call('GET', path));
    return reply.kind === 'nil' ? undefined : Buffer.from(replyText(reply), 'latin1').toString('utf8');
  }

  async list(path: string): Promise<string[]> {
    const reply = await this.ask((call) => call('SMEMBERS', `${path}/*`));
    if (!isAggregate(reply)) return [];
    return reply.elements.map((element) => replyText(element)).sort();
  }

  close(): void {
    this.links.close();
  }
}
