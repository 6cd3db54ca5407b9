import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const far = 9_999_999_000_000;

/** Writes an RDB file of these keys, as a server has them. */
async function write(path: string, commands: readonly (readonly string[])[]): Promise<void> {
  const server = await kvasirWithDebug();
  try {
    for (const command of commands) assert.doesNotMatch(await server.send(...command), /^\(error\)|^ERR/);
    await mustRun('kvasir-sync', [
      '--from',
      `127.0.0.1:${server.port}`,
      '--to',
      `rdb:${path}`,
      '--once',
      '--quiet',
      '--rdb-version',
      '12',
    ]);
  } finally {
    await server.stop();
  }
}

it('kvasir-rdb diff takes times to live as equal within the tolerance, of keys and of fields, and nothing else', async () => {
  await withFolder(async (folder) => {
    const dataOf = (shiftMs: number): (readonly string[])[] => [
      ['SET', 'key', 'v', 'PXAT', String(far + shiftMs)],
      ['HSET', 'hash', 'f', 'v', 'g', 'w'],
      ['HPEXPIREAT', 'hash', String(far + shiftMs), 'FIELDS', '1', 'f'],
      ['SET', 'lasting', '1'],
    ];
    const first = join(folder, 'first.rdb');
    const second = join(folder, 'second.rdb');
    await write(first, dataOf(0));
    await write(second, dataOf(-300));
    const diff = async (...words: string[]): Promise<string> => {
      const ran = await runTool('kvasir-rdb', ['diff', ...words]);
      const lines = ran.stdout.toString();
      assert.equal(ran.status, lines === '' ? 0 : 1, ran.stderr);
      return lines.split('\n').sort().join('\n').trim();
    };
    const key = `~ db0 key (expires: ${far}, ${far - 300})`;
    assert.equal(await diff(first, second), `~ db0 hash (value)\n${key}`);
    assert.equal(await diff(first, second, '--tolerance', '299'), `~ db0 hash (fields expire)\n${key}`);
    assert.equal(await diff(first, second, '--tolerance', '300'), '');
    assert.equal(await diff(second, first, '--tolerance', '300'), '');
    assert.equal(await diff(first, second, '--tolerance', '299', '--json').then((text) => text.split('\n').length), 2);

    // One that does not expire is never near one that does, whatever the tolerance; and values always count.
    const third = join(folder, 'third.rdb');
    await write(third, [
      ['SET', 'key', 'v'],
      ['HSET', 'hash', 'f', 'v', 'g', 'w'],
      ['SET', 'lasting', '2'],
    ]);
    assert.equal(
      await diff(first, third, '--tolerance', String(Number.MAX_SAFE_INTEGER)),
      `~ db0 hash (value)\n~ db0 key (expires: ${far}, -1)\n~ db0 lasting (value)`,
    );
    const wrong = await runTool('kvasir-rdb', ['diff', first, second, '--tolerance', 'soon']);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /tolerance/);
  });
});

it('-D of kvasir-dump and kvasir-load tells of the connection, on the error output alone', async () => {
  const server = await kvasirWithDebug();
  const place = `127.0.0.1:${server.port}`;
  try {
    await withFolder(async (folder) => {
      await server.send('SET', 'a', '1');
      const plain = await mustRun('kvasir-dump', ['-u', place]);
      const debugged = await mustRun('kvasir-dump', ['-D', '-u', place]);
      assert.ok(debugged.stdout.equals(plain.stdout));
      assert.ok(debugged.stderr.includes(`connected to ${place}\n`), debugged.stderr);
      assert.ok(!plain.stderr.includes('connected to'), plain.stderr);
      const file = join(folder, 'a.json');
      writeFileSync(file, plain.stdout);
      const loaded = await mustRun('kvasir-load', ['-D', '-u', place, file]);
      assert.match(loaded.stderr, new RegExp(`^connected to ${place}, version \\d+\\.\\d+\\.\\d+$`, 'm'));
      assert.ok(!(await mustRun('kvasir-load', ['-u', place, file])).stderr.includes('connected to'));
      assert.equal(await server.send('GET', 'a'), '1');
    });
  } finally {
    await server.stop();
  }
});
