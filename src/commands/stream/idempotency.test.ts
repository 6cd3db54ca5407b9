import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const { call } = embedServer();

/** XADD of a message named by its producer. */
function add(producer: string, message: string, ...more: string[]): Promise<unknown> {
  return call('xadd', 's', 'idmp', producer, message, ...more, '*', 'f', 'v');
}

async function info(): Promise<Record<string, unknown>> {
  const words = (await call('xinfo', 'stream', 's')) as unknown[];
  return Object.fromEntries(
    ['idmp-duration', 'idmp-maxsize', 'pids-tracked', 'iids-tracked', 'iids-added', 'iids-duplicates'].map((name) => [
      name,
      words[words.indexOf(name) + 1],
    ]),
  );
}

test('a message that is sent again is not added again', async () => {
  await call('flushall');
  assert.equal(await call('xadd', 's', 'nomkstream', 'idmp', 'p', 'm', '*', 'f', 'v'), null);
  const id = await add('p', 'm1');
  assert.match(String(id), /^\d+-\d+$/);
  assert.equal(await call('xadd', 's', 'idmp', 'p', 'm1', '*', 'other', 'fields'), id);
  assert.equal(await add('p', 'm1', 'maxlen', '~', '100', 'keepref'), id);
  const others = new Set([
    id,
    await add('p', 'm2'),
    await add('q', 'm1'),
    await add('p', '*'),
    await add('p', '\0\xff'),
    await add('p', 'x'.repeat(65536)),
  ]);
  assert.equal(others.size, 6);
  assert.equal(await call('xlen', 's'), 6);
  assert.equal(await call('xdel', 's', String(id)), 1);
  assert.equal(await add('p', 'm1'), id, 'though the entry is deleted');
  assert.deepEqual(await info(), {
    'idmp-duration': 100,
    'idmp-maxsize': 100,
    'pids-tracked': 2,
    'iids-tracked': 6,
    'iids-added': 6,
    'iids-duplicates': 3,
  });
});

test('XINFO STREAM has the figures also of a stream without producers', async () => {
  await call('flushall');
  await call('xadd', 's', '1-1', 'f', 'v');
  const none = {
    'idmp-duration': 100,
    'idmp-maxsize': 100,
    'pids-tracked': 0,
    'iids-tracked': 0,
    'iids-added': 0,
    'iids-duplicates': 0,
  };
  assert.deepEqual(await info(), none);
  assert.equal(((await call('xinfo', 'stream', 's')) as unknown[]).length, 32);
  assert.equal(((await call('xinfo', 'stream', 's', 'full')) as unknown[]).length, 30);
  await call('config', 'set', 'stream-idmp-duration', 7, 'stream-idmp-maxsize', 8);
  assert.deepEqual(await info(), { ...none, 'idmp-duration': 7, 'idmp-maxsize': 8 });
  await call('config', 'set', 'stream-idmp-duration', 100, 'stream-idmp-maxsize', 100);
});

test('IDMPAUTO knows a message by its fields and values', async () => {
  await call('flushall');
  const auto = (...fields: string[]): Promise<unknown> => call('xadd', 's', 'IDMPAUTO', 'p', '*', ...fields);
  const id = await auto('a', '1', 'b', '2');
  assert.equal(await auto('a', '1', 'b', '2'), id);
  const others = new Set([
    id,
    await auto('a', '1', 'b', '3'),
    await auto('a', '1'),
    await auto('a', '1b', '', '2'),
    await auto('a1', '', 'b', '2'),
  ]);
  assert.equal(others.size, 5);
  assert.notEqual(await call('xadd', 's', 'idmpauto', 'q', '*', 'a', '1', 'b', '2'), id);
});

test('what is remembered is bounded in number and in time', async () => {
  await call('flushall');
  await add('p', 'm0');
  assert.equal(await call('xcfgset', 's', 'idmp-maxsize', 3, 'idmp-duration', 60), 'OK');
  const ids = [await add('p', 'm1'), await add('p', 'm2'), await add('p', 'm3')];
  assert.deepEqual([await add('p', 'm1'), await add('p', 'm2'), await add('p', 'm3')], ids);
  await add('p', 'm4');
  assert.equal(await add('p', 'm2'), ids[1]);
  assert.notEqual(await add('p', 'm1'), ids[0], 'the oldest is forgotten');
  assert.equal((await info())['iids-tracked'], 3);
  await call('xcfgset', 's', 'idmp-maxsize', 3);
  assert.equal(await add('p', 'm3'), ids[2], 'the same configuration forgets nothing');
  await call('xcfgset', 's', 'idmp-duration', 1);
  assert.deepEqual(await info(), {
    'idmp-duration': 1,
    'idmp-maxsize': 3,
    'pids-tracked': 0,
    'iids-tracked': 0,
    'iids-added': 6,
    'iids-duplicates': 5,
  });
  await call('config', 'set', 'stream-idmp-duration', 7, 'stream-idmp-maxsize', 8);
  await call('xadd', 'new', 'idmp', 'p', 'm', '*', 'f', 'v');
  const words = (await call('xinfo', 'stream', 'new', 'full')) as unknown[];
  assert.deepEqual([words[words.indexOf('idmp-duration') + 1], words[words.indexOf('idmp-maxsize') + 1]], [7, 8]);
  await call('config', 'set', 'stream-idmp-duration', 100, 'stream-idmp-maxsize', 100);
});

test('XIDMPRECORD remembers an entry that is there', async () => {
  await call('flushall');
  await call('xadd', 's', '5-1', 'f', 'v');
  await call('xadd', 's', '5-2', 'f', 'v');
  await call('xcfgset', 's', 'idmp-duration', 86_400);
  const now = `${Date.now()}-0`;
  await call('xadd', 's', now, 'f', 'v');
  assert.equal(await call('xidmprecord', 's', 'p', 'm', now), 'OK');
  assert.equal(await call('xidmprecord', 's', 'p', 'm', now), 'OK');
  assert.equal(
    await call('xidmprecord', 's', 'p', 'm', '5-2'),
    'ERR The idempotent ID already belongs to a different stream ID',
  );
  assert.equal(await add('p', 'm'), now);
  assert.equal(
    await call('xidmprecord', 's', 'p', 'n', '9-9'),
    'ERR The specified stream ID does not exist in the stream',
  );
  assert.equal(
    await call('xidmprecord', 's', '', 'n', '5-1'),
    'ERR The producer ID and the idempotent ID must not be empty',
  );
  assert.equal(await call('xidmprecord', 'none', 'p', 'n', '5-1'), 'ERR no such key');
  assert.equal(
    await call('xidmprecord', 's', 'p', 'n', 'x'),
    'ERR Invalid stream ID specified as stream command argument',
  );
});

test('bad input', async () => {
  await call('flushall');
  await add('p', 'm');
  await call('set', 'text', 'x');
  const cases: [RegExp, (string | number)[]][] = [
    [/^ERR Invalid stream ID specified/, ['xadd', 's', 'idmp', 'p', '*', 'f', 'v']],
    [/^ERR IDMP\/IDMPAUTO can be used only with auto-generated IDs$/, ['xadd', 's', 'idmp', 'p', 'm', '1-1', 'f', 'v']],
    [/^ERR IDMP\/IDMPAUTO can be used only with auto-generated IDs$/, ['xadd', 's', 'idmpauto', 'p', '1-*', 'f', 'v']],
    [/^ERR IDMP\/IDMPAUTO specified multiple times$/, ['xadd', 's', 'idmpauto', 'p', 'idmp', 'p', 'm', '*', 'f', 'v']],
    [/^ERR IDMP requires a non-empty producer ID$/, ['xadd', 's', 'idmp', '', 'm', '*', 'f', 'v']],
    [/^ERR IDMP requires a non-empty idempotent ID$/, ['xadd', 's', 'idmp', 'p', '', '*', 'f', 'v']],
    [/^ERR IDMPAUTO requires a non-empty producer ID$/, ['xadd', 's', 'idmpauto', '', '*', 'f', 'v']],
    [/^WRONGTYPE/, ['xadd', 'text', 'idmp', 'p', 'm', '*', 'f', 'v']],
    [/^ERR no such key$/, ['xcfgset', 'none', 'idmp-duration', 5]],
    [/^WRONGTYPE/, ['xcfgset', 'text', 'idmp-duration', 5]],
    [/^ERR At least one parameter/, ['xcfgset', 's']],
    [/^ERR syntax error$/, ['xcfgset', 's', 'duration', 5]],
    [/^ERR syntax error$/, ['xcfgset', 's', 'idmp-duration']],
    [/^ERR value is not an integer/, ['xcfgset', 's', 'idmp-duration', 'x', 'idmp-maxsize']],
    [/^ERR IDMP-DURATION must be between 1 and 86400 seconds$/, ['xcfgset', 's', 'idmp-duration', 86_401]],
    [/^ERR IDMP-MAXSIZE must be between 1 and 10000 entries$/, ['xcfgset', 's', 'idmp-maxsize', 0]],
  ];
  for (const [error, words] of cases) assert.match(String(await call(...words)), error, words.join(' '));
});

test('a copy of the stream knows the messages too, a new stream does not', async () => {
  await call('flushall');
  const id = await add('p', 'm');
  await call('copy', 's', 'copy');
  await call('del', 's');
  assert.notEqual(await add('p', 'm'), undefined);
  assert.equal((await info())['iids-added'], 1);
  assert.equal(await call('xadd', 'copy', 'idmp', 'p', 'm', '*', 'f', 'v'), id);
  assert.ok(Number(await call('memory', 'usage', 'copy')) > 300);
});
