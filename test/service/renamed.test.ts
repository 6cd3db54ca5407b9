// rename-command and rules for users in a configuration: what stands in hardening scripts works, and what is wrong is reported, never by a stack.
import { kvasirServerPath } from '../kvasir.js';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer } from '../../src/embed/start-server.js';

const withoutCluster = 'REPLICAOF SLAVEOF CLUSTER MIGRATE SYNC PSYNC WAIT WAITAOF FAILOVER REPLCONF DEBUG CONFIG'.split(
  ' ',
);

interface Fault {
  readonly lines: readonly string[];
  readonly says: RegExp;
}

const faults: readonly Fault[] = [
  {
    lines: ['rename-command NOSUCH ""'],
    says: /FATAL CONFIG FILE ERROR[^]*at line 1\n>>> 'rename-command NOSUCH ""'\nNo such command in rename-command\n/,
  },
  {
    lines: ['port 0', 'rename-command GET SET'],
    says: /at line 2\n>>> 'rename-command GET SET'\nTarget command name already exists\n/,
  },
  {
    lines: ['rename-command GET ""', 'rename-command GET x'],
    says: /at line 2\n[^]*No such command in rename-command\n/,
  },
  { lines: ['rename-command cluster|nodes ""'], says: /No such command in rename-command\n/ },
  { lines: ['rename-command GET'], says: /Bad directive or wrong number of arguments\n/ },
  { lines: ['user u on +nosuch'], says: /Unknown command or category name in ACL/ },
  {
    lines: ['user u on', 'aclfile users.acl'],
    says: /users defined in redis.conf and at the same setting an ACL file path/,
  },
  { lines: ['aclfile users.acl'], says: /Aborting Redis startup because of ACL errors/ },
  { lines: ['aclfile missing.acl'], says: /ACL/ },
];

describe('rename-command', () => {
  it('takes away or renames the commands of cluster and replication', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kvasir-renamed-'));
    const configFile = join(dir, 'redis.conf');
    writeFileSync(
      configFile,
      [
        'port 0',
        `unixsocket ${join(dir, 's')}`,
        ...withoutCluster.map((name) => `rename-command ${name} ""`),
        'rename-command GET fetch',
        'rename-command SET GET',
        'user u on nopass ~* -cluster -cluster|nodes +psync +replconf -migrate +wait +get',
        '',
      ].join('\n'),
    );
    const server = await startServer({ configFile });
    const client = new Redis(join(dir, 's'));
    for (const name of withoutCluster) await assert.rejects(client.call(name, 'a'), /unknown command/, name);
    assert.equal(await client.call('GET', 'k', 'v'), 'OK');
    assert.equal(await client.call('FETCH', 'k'), 'v');
    client.disconnect();
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('a start that fails says why and so does --check-config, without a stack', () => {
    const dir = mkdtempSync(join(tmpdir(), 'kvasir-renamed-'));
    const configFile = join(dir, 'redis.conf');
    writeFileSync(join(dir, 'users.acl'), 'user u +nosuch\n');
    for (const [index, { lines, says }] of faults.entries()) {
      writeFileSync(configFile, `${lines.join('\n')}\n`);
      // A process takes a while: a third of the faults is tried in a start too.
      for (const first of index % 3 === 0 ? [[], ['--check-config']] : [['--check-config']]) {
        const run = spawnSync(process.execPath, [kvasirServerPath, ...first, configFile, '--save', ''], {
          cwd: dir,
          encoding: 'utf8',
        });
        const output = run.stdout + run.stderr;
        assert.equal(run.status, 1, `${lines.join('; ')} ${first.join('')}: ${output}`);
        assert.match(output, says);
        assert.doesNotMatch(output, /\n +at /, 'no stack');
      }
    }
    rmSync(dir, { recursive: true, force: true });
  });
});
