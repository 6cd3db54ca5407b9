// The bundles in the other runtimes that people have: later versions of Node, Bun and Deno.
//
// They are too large for the list of dependencies. .ci/run puts them into the folder that KVASIR_RUNTIMES names, .runtimes
// without it, one folder a package; so does
//   npm install --no-save --prefix .runtimes/bun-1 bun@1
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { startRedis, type RedisPeer } from './peer.js';

const runtimesFolder = resolve(process.env.KVASIR_RUNTIMES ?? '.runtimes');
const bundles = resolve('dist/bundle');

interface Runtime {
  /** The package, and below the folder of runtimes its folder. */
  readonly name: string;
  readonly program: string;
  readonly words: readonly string[];
}

const runtimes: readonly Runtime[] = [
  { name: 'node-22', program: 'node', words: [] },
  { name: 'node-24', program: 'node', words: [] },
  { name: 'node-26', program: 'node', words: [] },
  { name: 'bun-1', program: 'bun', words: [] },
  { name: 'deno-2', program: 'deno', words: ['run', '--allow-all'] },
];

const embedding = `
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startServer } from ${JSON.stringify(pathToFileURL(join(bundles, 'index.js')).href)};
const server = await startServer();
for (const stream of [server.connect(), connect(server.port, server.host)]) {
  let text = '';
  stream.on('data', (bytes) => (text += bytes));
  stream.write('SET k v\\r\\nGET k\\r\\nEVAL "return redis.call(\\'get\\', KEYS[1])" 1 k\\r\\n');
  const expected = '+OK\\r\\n' + '$1\\r\\nv\\r\\n'.repeat(2);
  while (text.length < expected.length) await once(stream, 'data');
  assert.equal(text, expected);
  stream.destroy();
}
await server.close();
console.log('embedded: fine');
`;

/** Checks that the installed server does its regular work, snapshots included. */
async function checkServer(client: Redis): Promise<void> {
  const pipeline = client.pipeline();
  for (let index = 0; index < 1000; index++) pipeline.set(`key:${index}`, `value ${index}`);
  assert.ok((await pipeline.exec())!.every(([error]) => error === null));
  assert.equal(await client.get('key:999'), 'value 999');
  const script = "local sum = 0; for i = 1, 1000 do sum = sum + i end; redis.call('set', KEYS[1], sum); return sum";
  assert.equal(await client.eval(script, 1, 'sum'), 500_500);
  // Nobody asks for them, so regular work has to find them.
  await client.config('RESETSTAT');
  for (let index = 0; index < 20; index++) await client.set(`short:${index}`, '', 'PX', 1);
  while (!/expired_keys:20\r/.test(await client.info('stats'))) await client.ping();
  assert.equal(await client.dbsize(), 1001);
  assert.equal(await client.memory('PURGE' as never), 'OK');
  await client.bgsave();
  while (!/rdb_bgsave_in_progress:0\r/.test(await client.info('persistence'))) await client.ping();
  assert.match(await client.info('persistence'), /rdb_last_bgsave_status:ok\r/);
  await client.set('after the snapshot', 'in the log');
}

for (const { name, program, words } of runtimes) {
  const path = join(runtimesFolder, name, 'node_modules/.bin', program);
  const isMissing = !existsSync(path);
  if (isMissing && process.env.CI === 'true') throw new Error(`CI needs ${name} in ${runtimesFolder}`);
  describe(`the bundles in ${name}`, { skip: isMissing ? `${name} is not in ${runtimesFolder}` : false }, () => {
    it('serve data, and load it again after a restart', async () => {
      const start = (folder?: string): Promise<RedisPeer> =>
        startRedis({
          program: path,
          programArgs: [...words, join(bundles, 'kvasir-server.js')],
          args: ['--bind', '*', '-::*', '--protected-mode', 'no', '--appendonly', 'yes'],
          ...(folder === undefined ? {} : { folder }),
        });
      const first = await start();
      const client = new Redis(first.port, first.host);
      await checkServer(client);
      client.disconnect();
      await first.stop({ keepFolder: true });
      const second = await start(first.folder);
      const again = new Redis(second.port, second.host);
      assert.equal(await again.dbsize(), 1002);
      assert.equal(await again.get('after the snapshot'), 'in the log');
      again.disconnect();
      const log = readFileSync(join(second.folder, 'peer.log'), 'utf8');
      await second.stop();
      assert.ok(!/Internal error|ReferenceError|TypeError/i.test(log), log);
    });

    it('serve within a program, which then ends by itself', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'runtime-'));
      const script = join(folder, 'embedding.mjs');
      writeFileSync(script, embedding);
      const { stdout } = await promisify(execFile)(path, [...words, script]);
      assert.match(stdout, /embedded: fine/);
      rmSync(folder, { recursive: true });
    });
  });
}
