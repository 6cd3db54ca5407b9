// `kvasir TOOL` and the programs under their old names.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { link, oldNames } from '../../src/cli/old-names.js';
import { findFreePort } from '../peer.js';

const root = join(fileURLToPath(import.meta.url), '../../../..');
const program = join(root, 'dist/bundle/kvasir.js');
const run = promisify(execFile);

describe('kvasir', () => {
  it('lists its tools, and runs one', async () => {
    const help = (await run(process.execPath, [program, 'help'])).stdout;
    assert.match(help, /^Usage: kvasir/);
    assert.match(help, /\n {2}sentinel /);
    const cli = (await run(process.execPath, [program, 'cli', '--version'])).stdout;
    assert.match(cli, /^redis-cli|kvasir-cli/);
    const server = (await run(process.execPath, [program, '--version'])).stdout;
    assert.match(server, /^Redis server v=/);
  });
});

describe('kvasir link', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "old names'"));
    await run(process.execPath, [program, 'link', folder]);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('makes every name, again and again, and takes them away', async () => {
    assert.deepEqual(readdirSync(folder).sort(), Object.keys(oldNames).sort());
    await run(process.execPath, [program, 'link', folder]);
    const other = mkdtempSync(join(tmpdir(), 'unlink-'));
    await run(process.execPath, [program, 'link', other]);
    writeFileSync(join(other, 'mine'), 'stays');
    await run(process.execPath, [program, 'unlink', other]);
    assert.deepEqual(readdirSync(other), ['mine']);
    rmSync(other, { recursive: true });
  });

  it('takes no option for a folder', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'options-'));
    const help = await run(process.execPath, [program, 'link', '--help'], { cwd: empty });
    assert.match(help.stdout, /^Usage: kvasir /);
    await assert.rejects(
      run(process.execPath, [program, 'link', '--nosuch'], { cwd: empty }),
      /'--nosuch' is no folder/,
    );
    assert.deepEqual(readdirSync(empty), []);
    rmSync(empty, { recursive: true });
  });

  it('leaves a file of another origin alone, and says so', async () => {
    const other = mkdtempSync(join(tmpdir(), 'foreign-'));
    writeFileSync(join(other, 'redis-cli'), '#!/bin/sh\n');
    await assert.rejects(
      run(process.execPath, [program, 'link', other]),
      /redis-cli exists and was not made by kvasir link/,
    );
    assert.deepEqual(readdirSync(other), ['redis-cli']);
    rmSync(other, { recursive: true });
  });

  it('writes .cmd files for Windows', () => {
    const other = mkdtempSync(join(tmpdir(), 'cmd-'));
    const paths = link({ platform: 'win32', node: 'C:\\node.exe', programs: 'C:\\kvasir' }, other);
    assert.ok(paths.every((path) => path.endsWith('.cmd')));
    rmSync(other, { recursive: true });
  });

  it('gives no option of Node to another runtime', () => {
    const other = mkdtempSync(join(tmpdir(), 'bun-'));
    const scripts = ['/usr/bin/node', '/usr/bin/bun'].map((node) => {
      link({ platform: 'linux', node, programs: '/opt/kvasir' }, other);
      return readFileSync(join(other, 'redis-server'), 'utf8').split('\n')[2];
    });
    assert.deepEqual(scripts, [
      `exec '/usr/bin/node' --title=redis-server '/opt/kvasir/kvasir-server.js' "$@"`,
      `exec '/usr/bin/bun' '/opt/kvasir/kvasir-server.js' "$@"`,
    ]);
    rmSync(other, { recursive: true });
  });

  it('starts a server in the background of a shell, which old command lines reach and end', async () => {
    const port = await findFreePort();
    const script = `
      redis-server --port ${port} --save '' > /dev/null &
      server=$!
      until redis-cli -p ${port} ping 2> /dev/null | grep -q PONG; do :; done
      redis-cli -p ${port} set a b
      redis-cli -h 127.0.0.1 -p ${port} shutdown nosave
      wait $server
      echo "ended $?"`;
    const shell = spawn('/bin/sh', ['-c', script], { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
    let text = '';
    shell.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
    await once(shell, 'close');
    assert.match(text, /OK\nended 0\n$/);
  });
});
