// Effects of clients that wait for keys, in the append-only file: the commands in the order in which Redis 7.2 and
// later write them (7.0 deletes an expired key as soon as a client waits for it, and writes ends in lower case).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startKvasir } from '../kvasir.js';
import type { RedisPeer } from '../peer.js';

const args = ['--appendonly', 'yes', '--appendfsync', 'always', '--enable-debug-command', 'yes'];

/** The commands of an append-only file, with times left out. */
function commandsOf(folder: string): string[] {
  const text = readFileSync(join(folder, 'appendonlydir', 'appendonly.aof.1.incr.aof'), 'latin1');
  const words = text
    .split(/^\*\d+\r\n/m)
    .slice(1)
    .map((part) => part.split('\r\n').filter((_, index) => index % 2 === 1));
  return words.map(([name, ...rest]) => [name!.toUpperCase(), ...rest].join(' ').replace(/\d{13}/, 'TIME'));
}

async function wait(server: RedisPeer, count: number): Promise<void> {
  while (!(await server.send('INFO', 'clients')).includes(`blocked_clients:${count}\r`)) continue;
}

/** Runs the scene on a server and gives what its file holds then. */
async function scene(server: RedisPeer): Promise<string[]> {
  const [waiting, other, control] = [1, 2, 3].map(() => new Redis(server.port));
  try {
    await control!.debug('SET-ACTIVE-EXPIRE', '0');
    // A key that is past its time when EXEC is through wakes nobody, and stays until somebody reads it.
    const popped = waiting!.brpop('k', 0);
    await wait(server, 1);
    await control!.multi().rpush('k', 'hello').pexpire('k', 20).debug('SLEEP', '0.05').exec();
    await control!.set('between', '1');
    assert.equal(await control!.exists('k'), 0);
    await control!.rpush('k', 'at last');
    assert.deepEqual(await popped, ['k', 'at last']);
    // A served client serves the next before anything else runs; the ends are written as the clients wrote them.
    const moves = [waiting!.call('BLMOVE', 'src', 'dst', 'left', 'Right', '0')];
    await wait(server, 1);
    moves.push(other!.call('BLMOVE', 'dst', 'src', 'RIGHT', 'LEFT', '0'));
    await wait(server, 2);
    await control!.pipeline().set('before', '1').lpush('src', 'one').set('after', '1').exec();
    assert.deepEqual(await Promise.all(moves), ['one', 'one']);
    return commandsOf(server.folder);
  } finally {
    for (const client of [waiting, other, control]) client!.disconnect();
  }
}

test('effects of waiting clients', async (t) => {
  const kvasir = await startKvasir({ args });
  t.after(() => kvasir.stop());
  assert.deepEqual(await scene(kvasir), [
    'MULTI',
    'SELECT 0',
    'RPUSH k hello',
    'PEXPIREAT k TIME',
    'EXEC',
    'SET between 1',
    'DEL k',
    'RPUSH k at last',
    'RPOP k',
    'SET before 1',
    'LPUSH src one',
    'LMOVE src dst left Right',
    'LMOVE dst src RIGHT LEFT',
    'SET after 1',
  ]);
});
