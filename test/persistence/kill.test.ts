// kill -9 at random moments under load, again and again on the same folder: it always loads, and with appendfsync always
// nothing that a client got a reply for is missing. ROUNDS sets how often (240 for a long run), SEED how it goes.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../../src/base/prng.js';
import { kvasirServerPath, testFlags } from '../kvasir.js';
import { findFreePort } from '../peer.js';

const seed = Number(process.env.SEED ?? 99);
const rounds = Number(process.env.ROUNDS ?? 12);
const writers = 8;

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
}

function ask(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(60_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1');
      const bulk = /^\$(\d+)\r\n/.exec(text);
      if (bulk !== null && text.length < bulk[0].length + Number(bulk[1]) + 2) return;
      if (!text.endsWith('\r\n')) return;
      socket.end();
      resolve(bulk === null ? text.trimEnd() : text.slice(bulk[0].length, -2));
    });
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
  });
}

async function startServer(folder: string, flags: readonly string[]): Promise<Running> {
  const port = await findFreePort();
  const log = join(folder, 'log');
  const child = spawn(
    process.execPath,
    [kvasirServerPath, ...testFlags, '--port', String(port), '--dir', folder, '--logfile', log, ...flags],
    { stdio: 'ignore' },
  );
  for (let tries = 0; tries < 8000; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${readFileSync(log, 'latin1').slice(-800)}`);
    try {
      if ((await ask(port, ['PING'])) === '+PONG') return { child, port };
    } catch {
      // Not listening yet.
    }
    await sleep(25);
  }
  child.kill('SIGKILL');
  throw new Error('the server does not answer');
}

class Writer {
  sent = 0;
  acknowledged = 0;
  private socket: Socket | undefined;

  constructor(
    readonly key: string,
    private readonly padding: number,
  ) {}

  start(port: number): void {
    const socket = connect(port, '127.0.0.1');
    this.socket = socket;
    let tail = '';
    socket.on('error', () => undefined);
    socket.on('connect', () => this.send());
    socket.on('data', (bytes) => {
      tail += bytes.toString('latin1');
      for (let at = tail.indexOf('\r\n'); at >= 0; at = tail.indexOf('\r\n')) {
        if (tail.startsWith('+OK')) this.acknowledged = this.sent;
        tail = tail.slice(at + 2);
        this.send();
      }
    });
  }

  private send(): void {
    const value = `${++this.sent}:${'x'.repeat(this.sent % this.padding)}`;
    this.socket!.write(`*3\r\n$3\r\nSET\r\n$${this.key.length}\r\n${this.key}\r\n$${value.length}\r\n${value}\r\n`);
  }

  stop(): void {
    this.socket?.destroy();
  }
}

const modes = [
  { name: 'RDB', flags: ['--save', '1 1', '--appendonly', 'no'], keepsAll: false },
  { name: 'everysec', flags: ['--save', '', '--appendonly', 'yes'], keepsAll: false },
  {
    name: 'always',
    flags: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-min-size', '20kb'],
    keepsAll: true,
  },
] as const;

for (const { name, flags, keepsAll } of modes) {
  test(`${name}: killed ${Math.ceil(rounds / modes.length)} times under load (seed ${seed})`, async () => {
    const random = new Prng(seed);
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-kill-'));
    const counters = Array.from({ length: writers }, (_, index) => new Writer(`counter:${index}`, 300));
    try {
      for (let round = 0; round < Math.ceil(rounds / modes.length); round++) {
        const { child, port } = await startServer(folder, flags);
        try {
          for (const counter of counters) {
            const text = await ask(port, ['GET', counter.key]);
            const found = text.startsWith('$-1') ? 0 : Number(text.split(':')[0]);
            assert.ok(
              found <= counter.sent,
              `round ${round}: ${counter.key} is ${found}, but ${counter.sent} was the last that was sent`,
            );
            if (keepsAll)
              assert.ok(
                found >= counter.acknowledged,
                `round ${round}: ${counter.key} is ${found}, but ${counter.acknowledged} was acknowledged`,
              );
            counter.sent = Math.max(counter.sent, found);
          }
          for (const counter of counters) counter.start(port);
          const until = Date.now() + 50 + random.below(600);
          while (Date.now() < until) {
            await sleep(random.below(150));
            if (random.chance(40))
              void ask(port, [random.pick(['BGSAVE', name === 'RDB' ? 'BGSAVE' : 'BGREWRITEAOF'])]).catch(
                () => undefined,
              );
          }
        } finally {
          child.kill('SIGKILL');
          for (const counter of counters) counter.stop();
        }
        if (child.exitCode === null && child.signalCode === null)
          await new Promise((resolve) => child.once('exit', resolve));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('a change right after a BGSAVE that counted one change less is in the AOF', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-kill-'));
  const flags = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
  try {
    const first = await startServer(folder, flags);
    await ask(first.port, ['SET', 'a', '1']);
    await ask(first.port, ['BGSAVE']);
    // Without a command in between: the server would look at the count of changes then.
    for (
      let tries = 0;
      tries < 20_000 && !readFileSync(join(folder, 'log'), 'latin1').includes('terminated with success');
      tries++
    )
      await sleep(10);
    await ask(first.port, ['SET', 'b', '2']);
    first.child.kill('SIGKILL');
    await new Promise((resolve) => first.child.once('exit', resolve));
    const second = await startServer(folder, flags);
    const found = await ask(second.port, ['GET', 'b']);
    second.child.kill('SIGKILL');
    assert.equal(found, '2');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('with save rules FLUSHALL saves at once and leaves no changes to save', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-kill-'));
  const flags = ['--save', '3600 1', '--appendonly', 'yes'];
  try {
    const { child, port } = await startServer(folder, flags);
    await ask(port, ['SET', 'a', '1']);
    assert.match(await ask(port, ['INFO', 'persistence']), /rdb_changes_since_last_save:1\r/);
    await ask(port, ['FLUSHALL']);
    assert.match(await ask(port, ['INFO', 'persistence']), /rdb_changes_since_last_save:0\r/);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    const again = await startServer(folder, flags);
    const size = await ask(again.port, ['DBSIZE']);
    again.child.kill('SIGKILL');
    assert.equal(size, ':0');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
