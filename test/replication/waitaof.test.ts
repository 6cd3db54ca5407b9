// WAITAOF under load: a replica whose AOF always has something that is not synced yet says how far it is all the same; and
// a replica that has no base for its AOF yet does not say that it has anything.

import assert from 'node:assert/strict';
import { on } from 'node:events';
import { connect } from 'node:net';
import { it } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startKvasir } from '../kvasir.js';
import { field, follow, until } from './mixed.js';

const WRITE_EVERY_MS = 2;
const PATIENCE_MS = '100000';

it('WAITAOF ends although others write without a pause', { timeout: 600_000 }, async (t) => {
  const args = ['--save', '', '--repl-diskless-sync-delay', '0', '--appendfsync', 'everysec'];
  const master = await startKvasir({ args });
  t.after(() => master.stop());
  const replica = await startKvasir({ args: [...args, '--appendonly', 'yes'] });
  t.after(() => replica.stop());
  await follow(replica, master);
  const writer = connect(master.port, '127.0.0.1');
  writer.on('error', () => undefined).resume();
  const load = setInterval(() => writer.write(encodeCommand(['INCR', 'load'])), WRITE_EVERY_MS);
  t.after(() => {
    clearInterval(load);
    writer.destroy();
  });
  const waiter = connect(master.port, '127.0.0.1');
  t.after(() => waiter.destroy());
  // WAITAOF is about the writes of its own connection.
  for (let round = 0; round < 2; round++) {
    waiter.write(encodeCommand(['INCR', 'mine']));
    waiter.write(encodeCommand(['WAITAOF', '0', '1', PATIENCE_MS]));
    const expected = `:${round + 1}\r\n*2\r\n:0\r\n:1\r\n`;
    let text = '';
    for await (const bytes of on(waiter, 'data') as AsyncIterable<[Buffer]>) {
      text += bytes[0].toString('latin1');
      if (text.length >= expected.length) break;
    }
    assert.equal(text, expected);
  }
});

it('a replica acknowledges nothing as durable before its AOF has a base', { timeout: 600_000 }, async (t) => {
  const args = ['--save', '', '--repl-diskless-sync-delay', '0', '--appendfsync', 'always'];
  const master = await startKvasir({ args: [...args, '--appendonly', 'yes'] });
  t.after(() => master.stop());
  const replica = await startKvasir({ args: [...args, '--appendonly', 'yes', '--rdb-key-save-delay', '100000000'] });
  t.after(() => replica.stop());
  const waiter = connect(master.port, '127.0.0.1');
  t.after(() => waiter.destroy());
  let text = '';
  waiter.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
  });
  const expectReplies = async (expected: string): Promise<void> => {
    await until(async () => Promise.resolve(text.length >= expected.length));
    assert.equal(text, expected);
    text = '';
  };
  // Also not a write that was made when nobody followed the master.
  waiter.write(encodeCommand(['INCR', 'mine']));
  await expectReplies(':1\r\n');
  assert.equal(await field(master, 'replication', 'master_repl_offset'), '1');
  await follow(replica, master);
  waiter.write(encodeCommand(['WAITAOF', '0', '1', '1500']));
  await expectReplies('*2\r\n:1\r\n:0\r\n');
  waiter.write(encodeCommand(['INCR', 'mine']));
  waiter.write(encodeCommand(['WAITAOF', '0', '1', '1500']));
  await expectReplies(':2\r\n*2\r\n:1\r\n:0\r\n');
  assert.equal(await field(replica, 'persistence', 'aof_rewrite_in_progress'), '1');
  waiter.write(encodeCommand(['WAITAOF', '0', '1', PATIENCE_MS]));
  await replica.send('CONFIG', 'SET', 'rdb-key-save-delay', '0');
  await expectReplies('*2\r\n:1\r\n:1\r\n');
});
