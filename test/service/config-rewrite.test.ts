// CONFIG REWRITE on both servers: what either writes, both read, and say the same of it.
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { kvasirServerPath } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';

const settings: Readonly<Record<string, string>> = {
  maxmemory: '50000000',
  'maxmemory-policy': 'allkeys-lru',
  'client-output-buffer-limit': 'pubsub 1mb 2mb 30',
  'notify-keyspace-events': 'KEA',
  'slowlog-log-slower-than': '5',
  appendfsync: 'always',
  hz: '50',
  'oom-score-adj-values': '1 2 3',
  'proc-title-template': 'x-{port}',
  'latency-tracking-info-percentiles': '50 99',
  'shutdown-on-sigterm': 'nosave now',
  'tracking-table-max-keys': '10',
  masterauth: 'quote " and \\ and \x01',
  'list-max-listpack-size': '-1',
  'repl-backlog-size': '2mb',
  'acllog-max-len': '5',
};

describe('CONFIG REWRITE', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('writes files that both servers read alike', { timeout: 600_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rewrite-'));
    const start = (who: 'kvasir' | 'redis', file: string): ReturnType<typeof startRedis> =>
      who === 'redis'
        ? startRedis({ folder, program: 'redis-server', programArgs: [file] })
        : startRedis({ folder, program: process.execPath, programArgs: [kvasirServerPath, file] });
    const valuesOf = async (
      peer: Awaited<ReturnType<typeof startRedis>>,
      names: readonly string[],
    ): Promise<Record<string, string>> => {
      const client = new Redis(peer.port);
      const values = (await client.config('GET', ...(names as [string]))) as string[];
      client.disconnect();
      return Object.fromEntries(names.map((name) => [name, values[values.indexOf(name) + 1]!]));
    };
    const names = Object.keys(settings);
    try {
      for (const writer of ['kvasir', 'redis'] as const) {
        const file = join(folder, `${writer}.conf`);
        writeFileSync(file, '# a comment that stays\nmaxmemory 10mb\nuser alice on >secret ~a* +@all\n');
        const peer = await start(writer, file);
        const client = new Redis(peer.port);
        for (const [name, value] of Object.entries(settings)) await client.config('SET', name, value);
        await client.config('REWRITE');
        client.disconnect();
        const expected = await valuesOf(peer, names);
        await peer.stop({ keepFolder: true });
        for (const reader of ['kvasir', 'redis'] as const) {
          const copy = join(folder, `${writer}-${reader}.conf`);
          copyFileSync(file, copy);
          const other = await start(reader, copy);
          assert.deepEqual(await valuesOf(other, names), expected, `${reader} reads what ${writer} wrote`);
          const user = new Redis({ port: other.port, username: 'alice', password: 'secret' });
          assert.equal(await user.call('ACL', 'WHOAMI'), 'alice');
          user.disconnect();
          await other.stop({ keepFolder: true });
        }
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
