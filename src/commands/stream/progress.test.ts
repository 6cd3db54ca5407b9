import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';
import { Local } from '../../../test/differential/side-by-side.js';

const embedded = embedServer();
const { call } = embedded;

/** The counts of the only group of a stream: entries read, lag. */
function progress(local: Local, key: string): string {
  const reply = local.run(['XINFO', 'GROUPS', key]);
  const of = (name: string): string => new RegExp(`${name}\\r\\n(?::(-?\\d+)|\\$-1)`).exec(reply)![1] ?? 'nil';
  return `${of('entries-read')} ${of('lag')}`;
}

function filled(count: number): Local {
  const local = new Local(1);
  for (let entry = 1; entry <= count; entry++) local.run(['XADD', 'x', `${entry}-1`, 'f', 'v']);
  return local;
}

const read = (local: Local, count = 1): string =>
  local.run(['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', String(count), 'STREAMS', 'x', '>']);

test('a group that was left behind by trimming is counted anew from the first entry', () => {
  const local = filled(5);
  local.run(['XGROUP', 'CREATE', 'x', 'g', '0']);
  read(local);
  assert.equal(progress(local, 'x'), '1 4');
  local.run(['XTRIM', 'x', 'MAXLEN', '1']);
  assert.equal(progress(local, 'x'), '1 1');
  read(local);
  assert.equal(progress(local, 'x'), '5 0');
  local.run(['XADD', 'x', 'MAXLEN', '1', '9-1', 'f', 'v']);
  read(local);
  assert.equal(progress(local, 'x'), '6 0');
});

test('no group has read more than was added', () => {
  const local = filled(1);
  local.run(['XGROUP', 'CREATE', 'x', 'g', '$', 'ENTRIESREAD', '100']);
  assert.equal(progress(local, 'x'), '1 0');
  local.run(['XADD', 'x', '2-1', 'f', 'v']);
  assert.equal(progress(local, 'x'), '1 1');
  local.run(['XGROUP', 'SETID', 'x', 'g', '1-1', 'ENTRIESREAD', '9223372036854775807']);
  assert.equal(progress(local, 'x'), '2 0');
  read(local);
  assert.equal(progress(local, 'x'), '2 0');
  local.run(['XGROUP', 'CREATE', 'new', 'g', '$', 'MKSTREAM', 'ENTRIESREAD', '7']);
  assert.equal(progress(local, 'new'), '0 0');
  assert.match(local.run(['XGROUP', 'SETID', 'x', 'g', '$', 'ENTRIESREAD', '-2']), /must be positive or -1/);
});

test('XSETID that lowers the count of added entries lowers what groups have read', () => {
  const local = filled(5);
  local.run(['XGROUP', 'CREATE', 'x', 'g', '0']);
  read(local, 5);
  local.run(['XTRIM', 'x', 'MAXLEN', '3']);
  assert.equal(local.run(['XSETID', 'x', '5-1', 'ENTRIESADDED', '3']), '+OK\r\n');
  assert.equal(progress(local, 'x'), '3 0');
});

test('counts of deliveries have 64 bits', () => {
  const local = filled(1);
  local.run(['XGROUP', 'CREATE', 'x', 'g', '0']);
  read(local);
  const deliveries = (): string => /:(\d+)\r\n$/.exec(local.run(['XPENDING', 'x', 'g', '-', '+', '1']))![1]!;
  for (const [count, next] of [
    ['4294967294', '4294967295'],
    ['4294967295', '4294967296'],
    ['5000000000', '5000000001'],
    ['9007199254740990', '9007199254740991'],
    ['4611686018427387904', '4611686018427387904'],
    // redis-server overflows to a negative count here.
    ['9223372036854775807', '9223372036854775807'],
  ]) {
    local.run(['XCLAIM', 'x', 'g', 'c', '0', '1-1', 'RETRYCOUNT', count!, 'JUSTID']);
    assert.equal(deliveries(), count);
    local.run(['COPY', 'x', 'y', 'REPLACE']);
    assert.equal(/:(\d+)\r\n$/.exec(local.run(['XPENDING', 'y', 'g', '-', '+', '1']))![1], count);
    local.run(['XCLAIM', 'x', 'g', 'c', '0', '1-1']);
    assert.equal(deliveries(), next);
  }
});

test('commands on groups count hits and misses as reads do', () => {
  const local = filled(1);
  local.run(['XGROUP', 'CREATE', 'x', 'g', '0']);
  const counts = (...words: string[]): string => {
    const { hits, misses } = local.keyspace.stats;
    local.run(words);
    return `${local.keyspace.stats.hits - hits} ${local.keyspace.stats.misses - misses}`;
  };
  assert.equal(counts('XREAD', 'STREAMS', 'x', 'none', '0', '0'), '2 2');
  assert.equal(counts('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'), '2 0');
  assert.equal(counts('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'none', '>'), '0 1');
  assert.equal(counts('XACK', 'x', 'g', '1-1'), '1 0');
  assert.equal(counts('XACK', 'none', 'g', '1-1'), '0 1');
  assert.equal(counts('XCLAIM', 'x', 'g', 'c', '0', '1-1'), '1 0');
  assert.equal(counts('XCLAIM', 'none', 'g', 'c', '0', '1-1'), '0 1');
  assert.equal(counts('XAUTOCLAIM', 'x', 'g', 'c', '0', '0'), '1 0');
  assert.equal(counts('XADD', 'x', '*', 'f', 'v'), '0 0');
});

test('wide counts of deliveries outlive DUMP and RESTORE', async () => {
  await call('xadd', 's', '1-1', 'f', 'v');
  await call('xgroup', 'create', 's', 'g', '0');
  await call('xreadgroup', 'group', 'g', 'c', 'streams', 's', '>');
  for (const count of ['4294967295', '5000000000', '9007199254740991', '9223372036854775807']) {
    await call('xclaim', 's', 'g', 'c', 0, '1-1', 'retrycount', count, 'justid');
    const payload = (await embedded.client.dumpBuffer('s')) as Buffer;
    assert.equal(await embedded.client.restore('copy', 0, payload, 'REPLACE'), 'OK');
    const [before, after] = [
      await call('xpending', 's', 'g', '-', '+', 1),
      await call('xpending', 'copy', 'g', '-', '+', 1),
    ];
    assert.deepEqual((after as unknown[][])[0]![3], (before as unknown[][])[0]![3]);
  }
});

test('a payload whose group has read more than was added loads with what was added', async () => {
  // One entry, and ENTRIESREAD 100, as redis-server 7.0 dumps it.
  const payload = Buffer.from(
    '130110000000000000000100000000000000011d1d0000000a0001010001010181660200010201000100018176020401ff0101010101000001' +
      '0101670101406400000a009ecec39d5f7512d0',
    'hex',
  );
  assert.equal(await embedded.client.restore('more', 0, payload), 'OK');
  const [group] = (await call('xinfo', 'groups', 'more')) as unknown[][];
  assert.deepEqual(group!.slice(-4), ['entries-read', 1, 'lag', 0]);
});

test('a command that waits counts its lookups once, however often it looks', async () => {
  const counts = async (): Promise<string[]> =>
    String(await call('info', 'stats')).match(/keyspace_(hits|misses):\d+/g)!;
  for (const words of [
    ['xread', 'block', 0, 'streams', 's', 'none', '$', '$'],
    ['xreadgroup', 'group', 'g', 'c', 'block', 0, 'streams', 's', '>'],
  ]) {
    await call('del', 's');
    await call('xgroup', 'create', 's', 'g', '$', 'mkstream');
    const waiting = embedded.connect();
    try {
      const reply = waiting.call(String(words[0]), words.slice(1));
      while (!/blocked_clients:1/.test(String(await call('info', 'clients')))) await new Promise(setImmediate);
      const before = await counts();
      await call('xadd', 's', '*', 'f', 'v');
      await reply;
      assert.deepEqual(await counts(), before, String(words[0]));
    } finally {
      waiting.disconnect();
    }
  }
});
