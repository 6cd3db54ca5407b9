import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const embedded = embedServer({ stringNumbers: true });
const { call } = embedded;

/** A stream of entries 1-0 to `count`-0 of which consumer `a` of group `g` has got the first `delivered`. */
async function make(count: number, delivered: number): Promise<void> {
  await call('flushall');
  for (let index = 1; index <= count; index++) await call('xadd', 's', `${index}-0`, 'f', `v${index}`);
  await call('xgroup', 'create', 's', 'g', '0');
  if (delivered > 0) await call('xreadgroup', 'group', 'g', 'a', 'count', delivered, 'streams', 's', '>');
}

/** Makes messages idle for so many seconds. */
async function age(seconds: number, ...ids: string[]): Promise<void> {
  await call('xclaim', 's', 'g', 'a', 0, ...ids, 'idle', seconds * 1000, 'justid');
}

const MAX = '9223372036854775807';
/** The pending entries: id, consumer, whether it has an idle time, deliveries. */
async function pending(): Promise<unknown> {
  const rows = (await call('xpending', 's', 'g', '-', '+', 100)) as [string, string, string, string][];
  return rows.map(([id, consumer, idle, count]) => `${id} ${consumer} ${idle === '-1' ? 'released' : 'idle'} ${count}`);
}

type Rows = [string, string[], string?, string?][];

/** XREADGROUP's entries: their ids, and with CLAIM how often they were delivered before; what is new was idle for no time. */
async function read(...words: (string | number)[]): Promise<unknown> {
  const reply = (await call('xreadgroup', 'group', 'g', 'b', ...words, 'streams', 's', '>')) as
    [string, Rows][] | null | string;
  if (reply === null || typeof reply === 'string') return reply;
  return reply[0]![1].map(([id, , idle, count]) =>
    idle === undefined ? id : count === '0' && idle !== '-1' ? `${id} new after ${idle}` : `${id} claimed ${count}`,
  );
}

test('XNACK gives messages back, with a count of deliveries that says why', async () => {
  await make(4, 4);
  assert.equal(await call('xnack', 's', 'g', 'silent', 'ids', 1, '1-0'), '1');
  assert.equal(
    await call('xnack', 's', 'g', 'FAIL', 'IDS', 2, '2-0', '9-0'),
    '1',
    'what is not pending does not count',
  );
  assert.equal(await call('xnack', 's', 'g', 'fatal', 'ids', 1, '3-0'), '1');
  assert.deepEqual(await pending(), ['1-0  released 0', '2-0  released 1', `3-0  released ${MAX}`, '4-0 a idle 1']);
  assert.deepEqual(await call('xpending', 's', 'g'), ['4', '1-0', '4-0', [['a', '1']]]);
  assert.equal(await call('xnack', 's', 'g', 'silent', 'ids', 1, '1-0'), '1', 'it goes no lower than 0');
  assert.equal(await call('xnack', 's', 'g', 'fail', 'ids', 1, '4-0', 'retrycount', 7), '1');
  assert.equal(await call('xnack', 's', 'g', 'fail', 'ids', 1, '4-0', 'retrycount', MAX), '1');
  assert.deepEqual(await pending(), [
    '1-0  released 0',
    '2-0  released 1',
    `3-0  released ${MAX}`,
    `4-0  released ${MAX}`,
  ]);
  const full = (await call('xinfo', 'stream', 's', 'full')) as unknown[];
  const group = (full[full.indexOf('groups') + 1] as unknown[][])[0]!;
  assert.equal(group[group.indexOf('nacked-count') + 1], '4');
  assert.deepEqual((group[group.indexOf('pending') + 1] as unknown[])[1], ['2-0', '', '0', '1']);
  assert.equal(await call('xack', 's', 'g', '1-0', '2-0'), '2');
  await call('xautoclaim', 's', 'g', 'b', 1_000_000, '0');
  assert.deepEqual(await pending(), [`3-0 b idle ${MAX}`, `4-0 b idle ${MAX}`], 'whatever the idle time asked for');
});

test('XNACK FORCE makes entries pending that nobody has got', async () => {
  await make(3, 0);
  await call('xdel', 's', '3-0');
  assert.equal(await call('xnack', 's', 'g', 'fail', 'ids', 3, '1-0', '3-0', '9-0', 'force'), '1');
  assert.equal(await call('xnack', 's', 'g', 'fatal', 'ids', 1, '2-0', 'force'), '1');
  assert.deepEqual(await pending(), ['1-0  released 0', `2-0  released ${MAX}`]);
});

test('CLAIM reads what was released, then what is idle for longest, then what is new', async () => {
  await make(6, 5);
  await age(50, '3-0');
  await age(90, '1-0');
  await call('xnack', 's', 'g', 'fail', 'ids', 1, '5-0');
  await call('xnack', 's', 'g', 'fail', 'ids', 1, '4-0');
  assert.deepEqual(await read('count', 2, 'claim', 30_000), ['5-0 claimed 1', '4-0 claimed 1'], 'first come first');
  assert.deepEqual(await read('claim', 30_000), ['1-0 claimed 1', '3-0 claimed 1', '6-0 new after 0']);
  assert.equal(await read('claim', 30_000), null, '2-0 is not idle for so long');
  assert.deepEqual(await pending(), [
    '1-0 b idle 2',
    '2-0 a idle 1',
    '3-0 b idle 2',
    '4-0 b idle 2',
    '5-0 b idle 2',
    '6-0 b idle 1',
  ]);
  await age(90, '2-0');
  await call('xdel', 's', '2-0');
  assert.equal(await read('claim', 30_000), null);
  assert.equal(((await call('xpending', 's', 'g')) as string[])[0], '5', 'what is deleted is pending no more');
  await age(90, '1-0');
  const reply = (await call('xreadgroup', 'group', 'g', 'b', 'claim', 1000, 'noack', 'streams', 's', '>')) as [
    string,
    Rows,
  ][];
  const [id, fields, idle, count] = reply[0]![1][0]!;
  assert.deepEqual([id, fields, count], ['1-0', ['f', 'v1'], '2']);
  assert.ok(Number(idle) >= 90_000 && Number(idle) < 150_000);
  await age(90, '1-0');
  const history = (await call('xreadgroup', 'group', 'g', 'b', 'claim', 0, 'streams', 's', '0')) as [string, Rows][];
  assert.deepEqual(
    history[0]![1].map((row) => row.length),
    [2, 2, 2, 2],
    'of its own messages CLAIM says nothing',
  );
});

test('who waits with CLAIM gets what becomes idle, and what is released', async () => {
  await make(2, 2);
  const other = embedded.connect();
  const wait = (idleMs: number): Promise<unknown> =>
    other.call(
      'XREADGROUP',
      'GROUP',
      'g',
      'b',
      'COUNT',
      '1',
      'BLOCK',
      '0',
      'CLAIM',
      String(idleMs),
      'STREAMS',
      's',
      '>',
    );
  const soon = (await wait(60)) as [string, Rows][];
  assert.equal(soon[0]![1][0]![0], '1-0');
  const later = wait(1_000_000);
  while (!String(await call('client', 'list')).includes('flags=b')) continue;
  await call('xnack', 's', 'g', 'fail', 'ids', 1, '2-0');
  assert.equal(((await later) as [string, Rows][])[0]![1][0]![0], '2-0');
  other.disconnect();
});

test('MAXCOUNT and MAXSIZE bound the reply over all streams', async () => {
  await call('flushall');
  for (const name of ['s1', 's2', 's3']) {
    for (let index = 1; index <= 10; index++) await call('xadd', name, `${index}-0`, 'f', 'x'.repeat(100));
    await call('xgroup', 'create', name, 'g', '0');
  }
  const counts = async (...words: (string | number)[]): Promise<unknown> =>
    ((await call(...words)) as [string, unknown[]][]).map(([name, rows]) => `${name} ${rows.length}`);
  const tail = ['streams', 's1', 's2', 's3'];
  assert.deepEqual(await counts('xread', 'count', 5, 'maxcount', 8, ...tail, '0', '0', '0'), ['s1 5', 's2 3']);
  assert.deepEqual(await counts('xread', 'maxcount', 12, ...tail, '0', '0', '0'), ['s1 10', 's2 2']);
  assert.deepEqual(await counts('xread', 'maxsize', 1, ...tail, '0', '0', '0'), ['s1 1'], 'one entry is always there');
  assert.deepEqual(await counts('xread', 'maxsize', 400, 'maxcount', 100, ...tail, '0', '0', '0'), ['s1 3']);
  const group = ['xreadgroup', 'group', 'g', 'c'];
  assert.deepEqual(await counts(...group, 'count', 5, 'maxcount', 8, ...tail, '>', '>', '>'), ['s1 5', 's2 3']);
  assert.deepEqual(await counts(...group, 'maxcount', 6, ...tail, '0', '0', '0'), ['s1 5', 's2 1']);
  assert.deepEqual(
    await counts(...group, 'maxsize', 400, ...tail, '>', '>', '>'),
    ['s1 3'],
    'what did not fit is not given',
  );
  assert.deepEqual(await counts(...group, 'maxcount', 3, ...tail, '>', '>', '>'), ['s1 2', 's2 1']);
});

test('deleted entries do not stand in the way of those behind them', async () => {
  await make(5, 5);
  await call('xdel', 's', '1-0', '2-0', '4-0');
  const read = ['xreadgroup', 'group', 'g', 'b', 'count', 1, 'claim', 0, 'streams', 's', '>'];
  const ids: unknown[] = [];
  for (let turn = 0; turn < 2; turn++) {
    ids.push(((await call(...read)) as [string, [string][]][])[0]![1].map(([id]) => id));
    await call('xack', 's', 'g', '3-0');
  }
  assert.deepEqual(ids, [['3-0'], ['5-0']]);
  assert.deepEqual(await pending(), ['5-0 b idle 2']);
  await call('xdel', 's', '5-0');
  assert.equal(await call(...read), null);
  assert.deepEqual(await pending(), []);
});

test('MAXSIZE holds in replies of many buffers', async () => {
  await call('flushall');
  for (let index = 1; index <= 60; index++) await call('xadd', 's', `${index}-0`, 'f', 'x'.repeat(10_000));
  await call('xgroup', 'create', 's', 'g', '0');
  const commands = [
    ['xread', 'maxsize', 300_000, 'streams', 's', '0'],
    ['xreadgroup', 'group', 'g', 'c', 'maxsize', 300_000, 'streams', 's', '>'],
    ['xreadgroup', 'group', 'g', 'c', 'maxsize', 200_000, 'streams', 's', '0'],
    ['xreadgroup', 'group', 'g', 'd', 'claim', 0, 'maxsize', 100_000, 'streams', 's', '>'],
  ];
  const counts: number[] = [];
  for (const words of commands) counts.push(((await call(...words)) as [string, unknown[]][])[0]![1].length);
  assert.deepEqual(counts, [30, 30, 20, 10]);
});

test('keys are found as the command finds them, whatever groups and consumers are called', async () => {
  assert.deepEqual(
    await call(
      'command',
      'getkeys',
      'xreadgroup',
      'count',
      1,
      'group',
      'g',
      'streams',
      'streams',
      'k1',
      'k2',
      '>',
      '>',
    ),
    ['k1', 'k2'],
  );
  assert.deepEqual(
    await call(
      'command',
      'getkeys',
      'xreadgroup',
      'group',
      'streams',
      'streams',
      'noack',
      'claim',
      5,
      'streams',
      'k1',
      '>',
    ),
    ['k1'],
  );
  assert.deepEqual(
    await call('command', 'getkeys', 'xread', 'maxcount', 5, 'block', 0, 'streams', 'streams', 'k2', '0', '0'),
    ['streams', 'k2'],
  );
  await make(1, 0);
  await call('acl', 'setuser', 'reader', 'on', 'nopass', '+@all', '~streams');
  const reader = embedded.connect({ username: 'reader', password: 'x' });
  const asReader = (...words: string[]): Promise<unknown> =>
    reader.call(words[0]!, words.slice(1)).catch((error: Error) => error.message);
  assert.match(
    String(await asReader('xreadgroup', 'count', '1', 'group', 'g', 'streams', 'streams', 's', '>')),
    /^NOPERM/,
  );
  reader.disconnect();
});

test('bad input', async () => {
  await make(1, 1);
  const cases: [string, (string | number)[]][] = [
    ["NOGROUP No such key 'none' or consumer group 'g'", ['xnack', 'none', 'g', 'fail', 'ids', 1, '1-0']],
    ["NOGROUP No such key 's' or consumer group 'none'", ['xnack', 's', 'none', 'fail', 'ids', 1, '1-0']],
    ['ERR syntax error', ['xnack', 's', 'g', 'sometimes', 'ids', 1, '1-0']],
    ['ERR syntax error', ['xnack', 's', 'g', 'fail', 'idx', 1, '1-0']],
    ['ERR syntax error', ['xnack', 's', 'g', 'fail', 'ids', 1, '1-0', 'retrycount']],
    ['ERR syntax error', ['xnack', 's', 'g', 'fail', 'ids', 1, '1-0', '2-0']],
    ['ERR Number of IDs must be a positive integer', ['xnack', 's', 'g', 'fail', 'ids', 0, '1-0']],
    ['ERR The `numids` parameter must match the number of arguments', ['xnack', 's', 'g', 'fail', 'ids', 2, '1-0']],
    ['ERR Invalid stream ID specified as stream command argument', ['xnack', 's', 'g', 'fail', 'ids', 1, 'x']],
    [
      'ERR Invalid RETRYCOUNT option argument for XNACK',
      ['xnack', 's', 'g', 'fail', 'ids', 1, '1-0', 'retrycount', -1],
    ],
    [
      'ERR Invalid min-idle-time argument for XREADGROUP',
      ['xreadgroup', 'group', 'g', 'b', 'claim', 'x', 'streams', 's', '>'],
    ],
    [
      'ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.',
      ['xread', 'claim', 1, 'streams', 's', '0'],
    ],
    ['ERR MAXCOUNT must be a positive integer', ['xread', 'maxcount', 0, 'streams', 's', '0']],
    ['ERR MAXSIZE must be a positive integer', ['xread', 'maxsize', 'x', 'streams', 's', '0']],
    ['ERR MAXCOUNT must be greater than or equal to COUNT', ['xread', 'count', 2, 'maxcount', 1, 'streams', 's', '0']],
  ];
  for (const [error, words] of cases) assert.equal(await call(...words), error, words.join(' '));
  await call('set', 'text', 'x');
  assert.match(String(await call('xnack', 'text', 'g', 'fail', 'ids', 1, '1-0')), /^WRONGTYPE/);
});

test('what is released is released after DUMP and RESTORE, COPY and a reload', async () => {
  await make(3, 3);
  await call('xnack', 's', 'g', 'fatal', 'ids', 1, '2-0');
  await call('xnack', 's', 'g', 'silent', 'ids', 1, '1-0');
  const before = await pending();
  const dump = await embedded.client.dumpBuffer('s');
  await call('copy', 's', 'copy');
  await call('rename', 'copy', 's');
  assert.deepEqual(await pending(), before);
  await call('del', 's');
  await embedded.client.restore('s', 0, dump!);
  assert.deepEqual(await pending(), before);
  assert.equal(((await call('xinfo', 'consumers', 's', 'g')) as unknown[]).length, 1, 'nobody is no consumer');
  assert.deepEqual(await read('claim', 1_000_000), ['1-0 claimed 0', `2-0 claimed ${MAX}`]);
  // A consumer may have an empty name.
  await call('xreadgroup', 'group', 'g', '', 'claim', 0, 'streams', 's', '>');
  await call('xnack', 's', 'g', 'fail', 'ids', 1, '1-0');
  const named = await pending();
  const again = await embedded.client.dumpBuffer('s');
  await call('del', 's');
  await embedded.client.restore('s', 0, again!);
  assert.deepEqual(await pending(), named);
});
