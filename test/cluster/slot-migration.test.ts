// Slots move from node to node in one step, under load, with keys of all kinds and sizes; nothing is lost, doubled or redirected by ASK.

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { keySlot } from '../../src/base/key-slot.js';
import { Prng } from '../../src/base/prng.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';
import { ask, type ClusterTestNode, joinNodes, startNode, until } from './layout.js';

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));

async function startCluster(
  t: TestContext,
  count: number,
  settings: Readonly<Record<string, string>> = { 'enable-debug-command': 'yes' },
): Promise<ClusterTestNode[]> {
  const nodes: ClusterTestNode[] = [];
  t.after(() => Promise.all(nodes.map((node) => node.stop())));
  for (let index = 0; index < count; index++) nodes.push(await startNode('kvasir', settings));
  await joinNodes(nodes);
  return nodes;
}

async function call(connection: Connection, ...words: readonly (string | number)[]): Promise<Reply> {
  connection.send(words.map((word) => Buffer.from(String(word), 'latin1')));
  return connection.readReply();
}

/** The moves that a node knows, as maps. */
async function movesOf(node: ClusterTestNode, which: readonly string[] = ['ALL']): Promise<Map<string, string>[]> {
  const reply = await call(node.link, 'CLUSTER', 'MIGRATION', 'STATUS', ...which);
  assert.ok(isAggregate(reply), replyText(reply));
  return reply.elements.map((element) => {
    assert.ok(isAggregate(element));
    const words = element.elements.map(replyText);
    return new Map(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1]!] as const] : [])));
  });
}

async function move(node: ClusterTestNode, id: string): Promise<Map<string, string>> {
  const [found] = await movesOf(node, ['ID', id]);
  assert.ok(found, `move ${id} is not known`);
  return found;
}

async function ended(node: ClusterTestNode, id: string): Promise<Map<string, string>> {
  let last = new Map<string, string>();
  await until(async () => {
    last = await move(node, id);
    return last.get('end_time') !== '0';
  });
  return last;
}

async function begin(node: ClusterTestNode, ...ranges: readonly number[]): Promise<string> {
  const id = await ask(node.link, 'CLUSTER', 'MIGRATION', 'IMPORT', ...ranges);
  assert.match(id, /^[0-9a-f]{40}$/);
  return id;
}

/** A key of one of the slots of the first node of two. */
function keyNames(count: number, prefix: string, admits: (slot: number) => boolean): string[] {
  const names: string[] = [];
  for (let number = 0; names.length < count; number++) {
    const name = `${prefix}:${number}`;
    if (admits(keySlot(Buffer.from(name)))) names.push(name);
  }
  return names;
}

/** Sends many commands and reads their replies, of which none is an error. */
async function pipeline(connection: Connection, commands: readonly (readonly (string | number)[])[]): Promise<void> {
  for (let from = 0; from < commands.length; from += 1000) {
    const some = commands.slice(from, from + 1000);
    for (const words of some) connection.send(words.map((word) => Buffer.from(String(word), 'latin1')));
    for (const words of some) {
      const reply = await connection.readReply();
      assert.notEqual(reply.kind, 'error', `${words.join(' ').slice(0, 80)}: ${replyText(reply).slice(0, 200)}`);
    }
  }
}

const big = '{big}';

/** Keys of all types in slots below `end`, and big ones in the slot of `big`. */
async function fill(node: ClusterTestNode, end: number, keys: number): Promise<string[]> {
  const names = keyNames(keys, 'key', (slot) => slot < end);
  const commands: (string | number)[][] = [];
  for (const [index, name] of names.entries()) {
    switch (index % 8) {
      case 0:
        commands.push(['SET', name, `value ${index}`]);
        break;
      case 1:
        commands.push(['SET', name, 'v'.repeat(index % 3000), 'PX', 3_600_000 + index]);
        break;
      case 2:
        commands.push(['RPUSH', name, ...Array.from({ length: 1 + (index % 300) }, (_, at) => `element ${at}`)]);
        break;
      case 3:
        commands.push(['SADD', name, ...Array.from({ length: 1 + (index % 200) }, (_, at) => at * 7)]);
        break;
      case 4:
        commands.push([
          'ZADD',
          name,
          ...Array.from({ length: 1 + (index % 200) }, (_, at) => [at / 3, `m${at}`]).flat(),
        ]);
        break;
      case 5:
        commands.push(['HSET', name, ...Array.from({ length: 1 + (index % 200) }, (_, at) => [`f${at}`, at]).flat()]);
        break;
      case 6:
        commands.push(['HSET', name, 'f', 'v', 'g', 'w'], ['HPEXPIRE', name, 3_600_000, 'FIELDS', 1, 'f']);
        break;
      default:
        for (let at = 0; at < 3; at++) commands.push(['XADD', name, `${at + 1}-1`, 'field', `value ${at}`]);
        commands.push(
          ['XGROUP', 'CREATE', name, 'group', '0'],
          ['XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', 2, 'STREAMS', name, '>'],
        );
    }
  }
  for (let at = 0; at < 20_000; at += 100) {
    const some = Array.from({ length: 100 }, (_, index) => at + index);
    commands.push(['ZADD', `${big}zset`, ...some.flatMap((each) => [each, `member ${each}`])]);
    commands.push(['HSET', `${big}hash`, ...some.flatMap((each) => [`field ${each}`, `value ${each}`])]);
    commands.push(['RPUSH', `${big}list`, ...some.map((each) => `element ${each}`)]);
    commands.push(['SADD', `${big}set`, ...some.map((each) => `member ${each}`)]);
  }
  for (let at = 0; at < 2000; at++) commands.push(['XADD', `${big}stream`, `${at + 1}-1`, 'field', `value ${at}`]);
  commands.push(['SET', `${big}string`, 'long '.repeat(2_000_000)]);
  await pipeline(node.link, commands);
  return [...names, ...['zset', 'hash', 'list', 'set', 'stream', 'string'].map((name) => big + name)];
}

async function digests(node: ClusterTestNode, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const digest = await ask(node.link, 'DEBUG', 'DIGEST-VALUE', name);
    const expires = await ask(node.link, 'PEXPIRETIME', name);
    found.push(`${name} ${digest} ${expires}`);
  }
  return found;
}

/** All keys that a node shows. */
async function shownKeys(node: ClusterTestNode): Promise<string[]> {
  const reply = await call(node.link, 'KEYS', '*');
  return isAggregate(reply) ? reply.elements.map(replyText).sort() : [];
}

test('slots move with all their keys, and the source forgets them', async (t) => {
  const [source, target] = (await startCluster(t, 2)) as [ClusterTestNode, ClusterTestNode];
  const end = 3000;
  const bigSlot = keySlot(Buffer.from(big));
  assert.ok(bigSlot < 8192, `slot ${bigSlot}`);
  const names = await fill(source, end, 600);
  const wanted = await digests(source, names);
  const ranges = bigSlot < end ? [0, end - 1] : [0, end - 1, bigSlot, bigSlot];
  const id = await begin(target, ...ranges);
  const result = await ended(target, id);
  assert.equal(result.get('state'), 'completed', result.get('last_error'));
  assert.equal(result.get('progress_percent'), '100');
  assert.equal(result.get('keys_done'), String(names.length));
  assert.deepEqual(await digests(target, names), wanted);
  assert.match(await ask(source.link, 'GET', names[0]!), /^MOVED/);
  await until(async () => (await ask(source.link, 'DBSIZE')) === '0');
  const exported = await move(source, id);
  assert.equal(exported.get('operation'), 'migrate');
  assert.equal(exported.get('state'), 'completed');
  assert.match(await ask(source.link, 'CLUSTER', 'INFO'), /cluster_state:ok/);
  // And back, asked for at the owner in Valkey's words.
  assert.equal(await ask(target.link, 'CLUSTER', 'MIGRATESLOTS', 'SLOTSRANGE', 0, end - 1, 'NODE', source.id), 'OK');
  await until(async () =>
    (await ask(target.link, 'CLUSTER', 'INFO')).includes('cluster_slot_migration_active_tasks:0'),
  );
  const shown = await ask(target.link, 'CLUSTER', 'GETSLOTMIGRATIONS');
  assert.match(shown, new RegExp(`operation EXPORT slot_ranges 0-${end - 1} target_node ${source.id}`));
  assert.doesNotMatch(shown, /failed|cancelled/);
  const small = names.filter((name) => !name.startsWith(big));
  assert.deepEqual(
    await digests(source, small),
    wanted.filter((line) => !line.startsWith(big)),
  );
});

test(`writes go on while slots move, and none is lost (seed ${seed})`, async (t) => {
  const [source, target] = (await startCluster(t, 2)) as [ClusterTestNode, ClusterTestNode];
  const bigSlot = keySlot(Buffer.from(big));
  await fill(source, 8192, 500);
  const random = new Prng(seed);
  const counters = keyNames(40, 'counter', (slot) => slot < 8192);
  const expected = new Map<string, number>();
  let isOver = false;
  let askCount = 0;
  let longestMs = 0;
  const connections = await Promise.all(
    [source, target].map(({ port }) => Connection.open({ host: '127.0.0.1', port })),
  );
  t.after(() => connections.forEach((connection) => connection.close()));
  /** As a client does it: follows MOVED. */
  const write = async (...words: (string | number)[]): Promise<string> => {
    for (let at = 0; ; at = 1 - at) {
      const startMs = performance.now();
      const reply = await ask(connections[at]!, ...words);
      longestMs = Math.max(longestMs, performance.now() - startMs);
      if (reply.startsWith('ASK') || reply.startsWith('TRYAGAIN')) askCount++;
      if (!reply.startsWith('MOVED')) return reply;
    }
  };
  const writer = (async () => {
    while (!isOver) {
      const counter = random.pick(counters);
      const count = (expected.get(counter) ?? 0) + 1;
      assert.equal(await write('INCR', counter), String(count), counter);
      expected.set(counter, count);
      const member = random.below(20_000);
      const zset = (expected.get(`z${member}`) ?? member) + 1;
      assert.equal(await write('ZINCRBY', `${big}zset`, 1, `member ${member}`), String(zset));
      expected.set(`z${member}`, zset);
      await write('HDEL', `${big}hash`, `field ${random.below(20_000)}`);
      await write(
        'EVAL',
        "redis.call('INCR', KEYS[1]) return redis.call('LLEN', KEYS[2])",
        2,
        `${big}evals`,
        `${big}list`,
      );
      expected.set('evals', (expected.get('evals') ?? 0) + 1);
      await write('RENAME', `${big}set`, `${big}set2`);
      await write('RENAME', `${big}set2`, `${big}set`);
    }
  })();
  writer.catch(() => undefined);
  const id = await begin(target, 0, 8191);
  const result = await ended(target, id);
  assert.equal(result.get('state'), 'completed', result.get('last_error'));
  await sleep(50);
  isOver = true;
  await writer;
  assert.equal(askCount, 0);
  for (const counter of counters)
    assert.equal(await ask(target.link, 'GET', counter), expected.has(counter) ? String(expected.get(counter)) : 'nil');
  for (let member = 0; member < 20_000; member += 97)
    assert.equal(
      await ask(target.link, 'ZSCORE', `${big}zset`, `member ${member}`),
      String(expected.get(`z${member}`) ?? member),
    );
  assert.equal(await ask(target.link, 'GET', `${big}evals`), String(expected.get('evals')));
  assert.equal(await ask(target.link, 'SCARD', `${big}set`), '20000');
  assert.equal(await ask(target.link, 'CLUSTER', 'COUNTKEYSINSLOT', bigSlot), '7');
  t.diagnostic(`writes waited ${result.get('write_pause_ms')} ms, the longest command took ${longestMs.toFixed(1)} ms`);
});

test('a move is paused, slowed down, resumed and canceled; what was copied goes', async (t) => {
  const [source, target] = (await startCluster(t, 2)) as [ClusterTestNode, ClusterTestNode];
  const names = keyNames(3000, 'key', (slot) => slot < 8192);
  await pipeline(
    source.link,
    names.map((name) => ['SET', name, 'x'.repeat(500)]),
  );
  // In one write, so that nothing has come before it is slow.
  const [id, slowed] = (await Promise.all([
    ask(target.link, 'CLUSTER', 'MIGRATION', 'IMPORT', 0, 8191),
    ask(target.link, 'CLUSTER', 'MIGRATION', 'THROTTLE', 200_000, 'ALL'),
  ])) as [string, string];
  assert.equal(slowed, '1');
  await until(async () => Number((await move(target, id)).get('keys_done')) > 0);
  assert.equal(await ask(source.link, 'CLUSTER', 'MIGRATION', 'PAUSE', 'ALL'), '1');
  await until(async () => (await move(target, id)).get('paused') === '1');
  const stopped = await move(source, id);
  assert.ok(Number(stopped.get('keys_done')) < names.length);
  assert.equal(stopped.get('keys_total'), String(names.length));
  // Nobody sees keys that are not served here.
  assert.deepEqual(await shownKeys(target), []);
  assert.equal(await ask(target.link, 'DBSIZE'), '0');
  assert.equal(await ask(target.link, 'RANDOMKEY'), 'nil');
  assert.equal(await ask(target.link, 'SCAN', 0, 'COUNT', 100_000), '[0 []]');
  assert.match(await ask(target.link, 'CLUSTER', 'SETSLOT', 5, 'IMPORTING', source.id), /^ERR Slot 5 is part of/);
  assert.match(await ask(target.link, 'CLUSTER', 'MIGRATION', 'IMPORT', 8000, 8191), /^ERR overlapping import exists/);
  assert.equal(await ask(target.link, 'CLUSTER', 'MIGRATION', 'CANCEL', 'ID', id), '1');
  assert.equal((await move(target, id)).get('state'), 'canceled');
  await until(async () => /cluster_state:ok/.test(await ask(source.link, 'CLUSTER', 'INFO')));
  await until(async () => !/keys=/.test(await ask(target.link, 'INFO', 'keyspace')));
  assert.equal(await ask(source.link, 'DBSIZE'), String(names.length));
  await until(async () => (await move(source, id)).get('end_time') !== '0');
  // It can be begun anew.
  const again = await begin(target, 0, 8191);
  assert.equal((await ended(target, again)).get('state'), 'completed');
  assert.deepEqual(await shownKeys(target), [...names].sort());
});

test('what cannot be moved is refused in the words of Redis and Valkey', async (t) => {
  const [source, target, third] = (await startCluster(t, 3)) as [ClusterTestNode, ClusterTestNode, ClusterTestNode];
  const migration = (...words: (string | number)[]): Promise<string> =>
    ask(target.link, 'CLUSTER', 'MIGRATION', ...words);
  assert.match(await migration('IMPORT', 1), /^ERR wrong number of arguments for 'cluster\|migration' command/);
  assert.equal(await migration('IMPORT', 5, 4), 'ERR start slot number 5 is greater than end slot number 4');
  assert.equal(await migration('IMPORT', 0, 16384), 'ERR Invalid or out of range slot');
  assert.equal(await migration('IMPORT', 0, 16383), 'ERR slots belong to different source nodes');
  assert.equal(await migration('IMPORT', 0, 5, 3, 7), 'ERR overlapping slot ranges: 3-7 and 0-5');
  assert.equal(await migration('IMPORT', 6000, 6001), 'ERR this node is already the owner of the slot range');
  assert.equal(await migration('CANCEL', 'ID', 'nobody'), '0');
  assert.equal(await migration('STATUS', 'ID', 'nobody'), '[]');
  assert.equal(await migration('DANCE', 'ALL'), 'ERR unknown argument');
  assert.equal(await migration('THROTTLE', 'fast', 'ALL').then((text) => text.slice(0, 3)), 'ERR');
  const migrate = (...words: (string | number)[]): Promise<string> =>
    ask(source.link, 'CLUSTER', 'MIGRATESLOTS', ...words);
  assert.equal(await migrate('NODE', target.id), 'ERR No slot ranges specified');
  assert.equal(await migrate('SLOTSRANGE', 0, 'NODE', target.id), 'ERR No end slot for final slot range');
  assert.equal(
    await migrate('SLOTSRANGE', 9, 1, 'NODE', target.id),
    'ERR Start slot number 9 is greater than end slot number 1.',
  );
  assert.equal(await migrate('SLOTSRANGE', 6000, 6001, 'NODE', third.id), 'ERR Slots are not served by this node.');
  assert.equal(
    await migrate('SLOTSRANGE', 0, 9, 'NODE', target.id, 'SLOTSRANGE', 5, 6, 'NODE', third.id),
    'ERR Slot range 5-6 overlaps with previous range 0-9.',
  );
  assert.equal(await ask(source.link, 'CLUSTER', 'SETSLOT', 1, 'MIGRATING', target.id), 'OK');
  assert.equal(await migrate('SLOTSRANGE', 3, 4, 'NODE', target.id), 'ERR Slots are being manually migrated');
  const id = await begin(target, 3, 4);
  await until(async () => (await move(target, id)).get('last_error')!.includes('STABLE'));
  assert.equal(await ask(source.link, 'CLUSTER', 'SETSLOT', 1, 'STABLE'), 'OK');
  // An import tries again by itself.
  const result = await ended(target, id);
  assert.equal(result.get('state'), 'completed');
  assert.notEqual(result.get('retries'), '0');
  assert.match(await ask(target.link, 'CLUSTER', 'SYNCSLOTS', 'ACK', 1), /^ERR CLUSTER SYNCSLOTS is for nodes/);
  assert.match(await ask(target.link, 'CLUSTER', 'SYNCSLOTS', 'SYNC', 'x', 'y'), /^ERR Unknown node/);
  assert.equal(await ask(source.link, 'CLUSTER', 'CANCELSLOTMIGRATIONS'), 'OK');
});
