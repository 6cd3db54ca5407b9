// variants: ways to have a Redis in a test, each started, used and stopped in the same way.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { createServer } from '../../../src/testing/create-server.js';
import { connector } from '../../../src/testing/ioredis.js';
import { startRedis } from '../../peer.js';

/** Packages that are no dependencies of ours: npm install --no-save --prefix .runtimes/compared ioredis-mock redis-memory-server */
const packages = resolve(process.env.KVASIR_COMPARED ?? '.runtimes/compared');
const other = createRequire(join(packages, 'package.json'));

export interface Running {
  readonly client: Redis;
  /** Processes besides this one. */
  readonly pids: readonly number[];
  /** Brings the data back to what `keep` saw, or to nothing. */
  isolate(): Promise<void> | void;
  /** Present where data can be brought back without writing it again. */
  keep?(): void;
  stop(): Promise<void>;
}

async function kvasir(port: false | number): Promise<Running> {
  const server = await createServer({ port });
  const client = port === false ? new Redis({ Connector: connector(server) as never }) : new Redis(server.url);
  let kept = server.snapshot();
  return {
    client,
    pids: [],
    isolate: () => server.restore(kept),
    keep: () => void (kept = server.snapshot()),
    async stop() {
      client.disconnect();
      await server.close();
    },
  };
}

async function redisServer(): Promise<Running> {
  const server = await startRedis();
  const client = new Redis(server.port);
  return {
    client,
    pids: [server.pid],
    isolate: async () => void (await client.flushall()),
    async stop() {
      client.disconnect();
      await server.stop();
    },
  };
}

async function redisMemoryServer(): Promise<Running> {
  process.env.REDISMS_SYSTEM_BINARY ??= '/usr/bin/redis-server';
  const { RedisMemoryServer } = other('redis-memory-server') as {
    RedisMemoryServer: new () => {
      getPort(): Promise<number>;
      stop(): Promise<boolean>;
      instanceInfoSync?: { childProcess?: { pid: number } };
      getInstanceInfo(): false | { childProcess?: { pid: number } };
    };
  };
  const server = new RedisMemoryServer();
  const client = new Redis(await server.getPort());
  const info = server.getInstanceInfo();
  const pid = info === false ? undefined : info.childProcess?.pid;
  return {
    client,
    pids: pid === undefined ? [] : [pid],
    isolate: async () => void (await client.flushall()),
    async stop() {
      client.disconnect();
      await server.stop();
    },
  };
}

function ioredisMock(): Promise<Running> {
  const RedisMock = other('ioredis-mock') as new () => Redis;
  const client = new RedisMock();
  return Promise.resolve({
    client,
    pids: [],
    isolate: async () => void (await client.flushall()),
    stop: async () => void (await client.quit()),
  });
}

export const variants: Readonly<Record<string, () => Promise<Running>>> = {
  'kvasir/testing, without a socket': () => kvasir(false),
  'kvasir/testing, on a port': () => kvasir(0),
  'redis-server, a process of its own': redisServer,
  'redis-memory-server (binary of the system)': redisMemoryServer,
  'ioredis-mock': ioredisMock,
};

/** Resident bytes of another process. */
export function residentBytesOf(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1];
  return Number(pages) * 4096;
}

/** Hundredths of a second that another process has had the processor, as the system counts. */
export function processorTicksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
