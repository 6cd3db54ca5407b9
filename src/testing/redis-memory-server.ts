// redis-memory-server: a class with the methods of the npm package redis-memory-server, so that a project switches by one import.
//
// Nothing is downloaded or compiled, and the server runs in the calling process.

import { createServer } from './create-server.js';
import type { TestServer, TestServerOptions } from './test-kit.js';

/** Options as that package has them; `binary` and what speaks of it has no effect. */
export interface RedisMemoryServerOptions {
  readonly instance?: { readonly port?: number; readonly ip?: string; readonly args?: readonly string[] };
  readonly binary?: unknown;
  readonly autoStart?: boolean;
}

export interface RedisInstanceData {
  readonly port: number;
  readonly ip: string;
}

/** `--name value ...` as directives. */
function directivesOf(args: readonly string[]): TestServerOptions {
  const directives: Record<string, string[]> = {};
  let name: string | undefined;
  for (const word of args) {
    if (word.startsWith('--')) directives[(name = word.slice(2))] = [];
    else if (name === undefined) throw new TypeError(`'${word}' in instance.args belongs to no option`);
    else directives[name]!.push(word);
  }
  const entries = Object.entries(directives).map(
    ([key, words]) => [key, words.length === 1 ? words[0]! : words] as const,
  );
  return Object.fromEntries(entries);
}

export class RedisMemoryServer {
  /** The server itself, with all that the test kit can do; undefined before the start. */
  server: TestServer | undefined;
  private starting: Promise<TestServer> | undefined;

  constructor(readonly options: RedisMemoryServerOptions = {}) {
    if (options.autoStart !== false) {
      // A failure is reported when a program asks for the instance.
      this.begin().catch(() => undefined);
    }
  }

  static async create(options: RedisMemoryServerOptions = {}): Promise<RedisMemoryServer> {
    const memory = new RedisMemoryServer({ ...options, autoStart: false });
    await memory.start();
    return memory;
  }

  private begin(): Promise<TestServer> {
    const { port = 0, ip, args = [] } = this.options.instance ?? {};
    const bind = ip === undefined ? {} : { bind: ip };
    this.starting ??= createServer({ port, ...bind, ...directivesOf(args) }).then((server) => (this.server = server));
    return this.starting;
  }

  /** Resolves to true when the server runs. */
  async start(): Promise<boolean> {
    await this.begin();
    return true;
  }

  async ensureInstance(): Promise<RedisInstanceData> {
    const { port, host } = await this.begin();
    return { port, ip: host };
  }

  getInstanceInfo(): RedisInstanceData | false {
    return this.server === undefined ? false : { port: this.server.port, ip: this.server.host };
  }

  async getHost(): Promise<string> {
    return (await this.ensureInstance()).ip;
  }

  getIp(): Promise<string> {
    return this.getHost();
  }

  async getPort(): Promise<number> {
    return (await this.ensureInstance()).port;
  }

  /** Stops the server; resolves to false when it did not run. */
  async stop(): Promise<boolean> {
    const { starting } = this;
    if (starting === undefined) return false;
    this.starting = undefined;
    this.server = undefined;
    await (await starting).close();
    return true;
  }
}
