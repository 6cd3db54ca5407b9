// Long scripts over real sockets: what others see meanwhile, how a script is ended, and that nobody sees half of one.
// The drills run on redis-server too, where it is installed: the same words must come.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startKvasir } from '../kvasir.js';
import { findProgram, startRedis, type RedisPeer } from '../peer.js';
import { Terminal } from './terminal.js';

const busy = '(error) BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.';
const busyFunction = '(error) BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.';
const unkillable =
  '(error) UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.';
const wait = 'local n = 0 for i = 1, 3e7 do n = n + i % 7 end';

/** Asks until the answer is -BUSY: the threshold is passed. */
async function untilBusy(terminal: Terminal): Promise<string> {
  for (;;) {
    const reply = await terminal.type('GET', 'x');
    if (reply.includes('BUSY')) return reply;
  }
}

async function untilGone(terminal: Terminal): Promise<void> {
  await assert.rejects(async () => {
    for (;;) await terminal.type('PING');
  });
}

/** The start of a script that `untilBegun` waits for. */
const begun = (mark: string): string => `redis.log(redis.LOG_WARNING, 'begun: ${mark}')`;

/** Waits until the script with this mark runs, which the log tells: nobody else would be answered. */
async function untilBegun(server: RedisPeer, mark: string): Promise<void> {
  while (!readFileSync(join(server.folder, 'peer.log'), 'latin1').includes(`begun: ${mark}`)) await sleep(5);
}

interface Kind {
  readonly name: string;
  readonly start: (args: readonly string[], folder?: string) => Promise<RedisPeer>;
}

const kinds: Kind[] = [
  { name: 'Kvasir', start: (args, folder) => startKvasir({ args, ...(folder === undefined ? {} : { folder }) }) },
];
if (findProgram('redis-server') !== undefined) {
  kinds.push({
    name: 'redis-server',
    start: (args, folder) => startRedis({ args, ...(folder === undefined ? {} : { folder }) }),
  });
}

for (const { name, start } of kinds) {
  for (const append of ['no', 'yes']) {
    describe(`the BUSY drill on ${name} with appendonly ${append}`, () => {
      const args = ['--appendonly', append, '--lua-time-limit', '100'];
      let server: RedisPeer;
      let first: Terminal;
      let second: Terminal;

      before(async () => {
        server = await start(args);
      });
      after(() => server?.stop());

      async function open(): Promise<void> {
        first = await Terminal.open(server.port);
        second = await Terminal.open(server.port);
      }

      test('a script that only reads is killed, and everything goes on', async () => {
        await open();
        assert.equal(await first.type('SET', 'x', '1'), 'OK');
        const script = first.type('EVAL', 'while true do end', '0');
        assert.equal(await untilBusy(second), busy);
        assert.equal(await second.type('MULTI'), 'OK');
        assert.equal(await second.type('SET', 'x', '2'), busy);
        assert.equal(await second.type('DISCARD'), 'OK');
        assert.equal(await second.type('FUNCTION', 'KILL'), busy);
        assert.equal(await second.type('SHUTDOWN'), busy);
        assert.equal(await second.type('SCRIPT', 'KILL'), 'OK');
        assert.equal(
          await script,
          '(error) ERR Script killed by user with SCRIPT KILL... script: 694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on @user_script:1.',
        );
        assert.equal(await second.type('GET', 'x'), '1');
        assert.equal(await second.type('SCRIPT', 'KILL'), '(error) NOTBUSY No scripts in execution right now.');
        first.close();
        second.close();
      });

      test('pcall does not save a script from being killed', async () => {
        await open();
        const script = first.type(
          'EVAL',
          "while true do pcall(function() while true do redis.call('get', 'x') end end) end",
          '0',
        );
        await untilBusy(second);
        assert.equal(await second.type('SCRIPT', 'KILL'), 'OK');
        assert.match(await script, /Script killed by user with SCRIPT KILL/);
        first.close();
        second.close();
      });

      test('a function is killed by FUNCTION KILL and shown by FUNCTION STATS', async () => {
        await open();
        await first.type(
          'FUNCTION',
          'LOAD',
          "#!lua name=long\nredis.register_function('forever', function() while true do end end)",
        );
        const called = first.type('FCALL', 'forever', '1', 'k', 'a');
        assert.equal(await untilBusy(second), busyFunction);
        assert.match(
          await second.type('FUNCTION', 'STATS'),
          /^\[running_script \[name forever command \[FCALL forever 1 k a\] duration_ms \d+\] engines/,
        );
        assert.equal(await second.type('SCRIPT', 'KILL'), busyFunction);
        assert.equal(await second.type('FUNCTION', 'KILL'), 'OK');
        assert.equal(
          await called,
          '(error) ERR Script killed by user with SCRIPT KILL... script: forever, on @user_function:2.',
        );
        assert.match(await second.type('FUNCTION', 'STATS'), /^\[running_script \(nil\)/);
        first.close();
        second.close();
      });

      test('nobody sees half of a script, and what was asked meanwhile is answered when it ends', async () => {
        await open();
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '60000');
        const script = first.type(
          'EVAL',
          `redis.call('set', 'x', 'half') ${begun('half')} ${wait} redis.call('set', 'x', 'whole') return 1`,
          '0',
        );
        await untilBegun(server, 'half');
        assert.deepEqual(await second.typeAll(['GET', 'x'], ['SET', 'x', 'later'], ['GET', 'x']), [
          'whole',
          'OK',
          'later',
        ]);
        assert.equal(await script, '1');
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '100');
        first.close();
        second.close();
      });

      test('a transaction goes on behind a long script', async () => {
        await open();
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '60000');
        const replies = first.typeAll(
          ['MULTI'],
          ['SET', 'x', '1'],
          ['EVAL', `${begun('transaction')} ${wait} return redis.call('incr', 'x')`, '0'],
          ['INCR', 'x'],
          ['EVAL', `${wait} return redis.call('incr', 'x')`, '0'],
          ['INCR', 'x'],
          ['EXEC'],
        );
        await untilBegun(server, 'transaction');
        assert.equal(await second.type('INCR', 'x'), '6');
        assert.equal((await replies).at(-1), '[OK 2 3 4 5]');
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '100');
        first.close();
        second.close();
      });

      test('waiting clients get what a long script gives them only when it has ended', async () => {
        await open();
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '60000');
        const popped = second.type('BLPOP', 'queue', '0');
        while (!(await first.type('INFO', 'clients')).includes('blocked_clients:1')) await sleep(5);
        const script = first.type(
          'EVAL',
          `redis.call('rpush', 'queue', 'a') ${wait} redis.call('lpush', 'queue', 'b') return redis.call('llen', 'queue')`,
          '0',
        );
        assert.equal(await script, '2');
        assert.equal(await popped, '[queue b]');
        await second.type('CONFIG', 'SET', 'busy-reply-threshold', '100');
        await second.type('DEL', 'queue');
        first.close();
        second.close();
      });

      test('a script that wrote ends with SHUTDOWN NOSAVE only, and what it did is gone', async () => {
        await open();
        await first.type('SET', 'x', 'before');
        await first.type('EVAL', "redis.call('set', 'kept', '1') redis.call('incr', 'kept')", '0');
        const script = first
          .type('EVAL', "redis.call('set', 'x', 'half') while true do end", '0')
          .catch(() => 'cut off');
        await untilBusy(second);
        assert.equal(await second.type('SCRIPT', 'KILL'), unkillable);
        second.type('SHUTDOWN', 'NOSAVE').catch(() => undefined);
        await untilGone(second);
        assert.equal(await script, 'cut off');
        await server.stop({ keepFolder: true });
        server = await start(args, server.folder);
        await open();
        if (append === 'yes') assert.deepEqual(await second.typeAll(['GET', 'x'], ['GET', 'kept']), ['before', '2']);
        else assert.equal(await second.type('DBSIZE'), '0');
        first.close();
        second.close();
      });

      test('SIGTERM waits for a script that has written: all of it is saved', async () => {
        await server.stop();
        server = await start([...args, '--save', '900 1']);
        await open();
        const script = first
          .type(
            'EVAL',
            `redis.call('set', 'a', '1') ${begun('saved')} ${wait} redis.call('set', 'b', '1') return 1`,
            '0',
          )
          .catch(() => 'cut off');
        await untilBegun(server, 'saved');
        await server.stop({ keepFolder: true });
        assert.match(await script, /1|cut off/);
        server = await start([...args, '--save', '900 1'], server.folder);
        await open();
        assert.deepEqual(await second.typeAll(['GET', 'a'], ['GET', 'b']), ['1', '1']);
        first.close();
        second.close();
      });
    });
  }
}

describe('the end of Kvasir while a script runs', () => {
  test('SIGTERM does not wait for a script that only reads', async () => {
    const server = await startKvasir({ args: ['--save', '900 1', '--busy-reply-threshold', '100'] });
    const [first, second] = [await Terminal.open(server.port), await Terminal.open(server.port)];
    await first.type('SET', 'kept', '1');
    const script = first.type('EVAL', 'while true do end', '0').catch(() => 'cut off');
    await untilBusy(second);
    await server.stop({ keepFolder: true });
    assert.match(await script, /Script killed|cut off/);
    const next = await startKvasir({ folder: server.folder });
    assert.equal(await next.send('GET', 'kept'), '1');
    await next.stop();
  });

  test('a transaction around a script is saved as a whole', async () => {
    const args = ['--save', '900 1', '--busy-reply-threshold', '60000'];
    const server = await startKvasir({ args });
    const first = await Terminal.open(server.port);
    const replies = first
      .typeAll(
        ['MULTI'],
        ['SET', 'a', '1'],
        ['EVAL', `${begun('whole')} while true do end`, '0'],
        ['SET', 'b', '1'],
        ['EVAL', 'while true do end', '0'],
        ['SET', 'c', '1'],
        ['EXEC'],
      )
      .catch(() => 'cut off');
    await untilBegun(server, 'whole');
    await server.stop({ keepFolder: true });
    await replies;
    const next = await startKvasir({ folder: server.folder });
    assert.deepEqual(await next.send('MGET', 'a', 'b', 'c'), '1\n1\n1');
    await next.stop();
  });
});
