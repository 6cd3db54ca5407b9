import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../../test/embedded.js';

const embedded = embedServer();
const { call } = embedded;
/** A time in 2001. */
const past = 1_000_000_000;

/** The messages of these commands under a pattern, as `channel message`, up to one that marks the end. */
async function messages(pattern: string, ...commands: (string | number)[][]): Promise<string[]> {
  const subscriber = embedded.connect();
  const heard: string[] = [];
  try {
    await subscriber.psubscribe(pattern, 'end');
    const ended = new Promise<void>((resolve) => {
      subscriber.on('pmessage', (_pattern, channel: string, message: string) => {
        if (channel === 'end') resolve();
        else heard.push(`${channel} ${message}`);
      });
    });
    for (const words of commands) await call(...words);
    await call('publish', 'end', '');
    await ended;
  } finally {
    subscriber.disconnect();
  }
  return heard;
}

async function listen(letters: string): Promise<void> {
  await call('flushall');
  assert.equal(await call('config', 'set', 'notify-keyspace-events', letters), 'OK');
}

test('each of the four channels has its own form', async () => {
  await listen('hSTIV');
  assert.deepEqual(await messages('__*', ['hset', 'h', 'one', 1, 'a,b', 2]), [
    '__subkeyspace@0__:h hset|3:one,3:a,b',
    '__subkeyevent@0__:hset 1:h|3:one,3:a,b',
    '__subkeyspaceitem@0__:h\none hset',
    '__subkeyspaceitem@0__:h\na,b hset',
    '__subkeyspaceevent@0__:hset|h 3:one,3:a,b',
  ]);
  for (const [letter, name] of [
    ['S', 'subkeyspace'],
    ['T', 'subkeyevent'],
    ['I', 'subkeyspaceitem'],
    ['V', 'subkeyspaceevent'],
  ] as const) {
    await listen(`A${letter}`);
    const heard = await messages('__*', ['hset', 'h', 'f', 1]);
    assert.deepEqual([heard.length, heard[0]!.startsWith(`__${name}@0__:`)], [1, true], letter);
  }
});

test('fields are told only with a class of events, and events of keys only with K or E', async () => {
  await listen('STIV');
  assert.deepEqual(await messages('__*', ['hset', 'h', 'f', 1]), []);
  await listen('$STIV');
  assert.deepEqual(await messages('__*', ['hset', 'h', 'f', 1]), []);
  await listen('KEh');
  assert.deepEqual(await messages('__sub*', ['hset', 'h', 'f', 1]), []);
  await listen('EhS');
  assert.deepEqual(await messages('__*', ['hset', 'h', 'f', 1]), [
    '__keyevent@0__:hset h',
    '__subkeyspace@0__:h hset|1:f',
  ]);
  assert.equal(((await call('config', 'get', 'notify-keyspace-events')) as string[])[1], 'hES');
});

test('a key with a line feed has no channel for each field', async () => {
  await listen('hIS');
  assert.deepEqual(await messages('__*', ['hset', 'a\nb', 'f', 1]), ['__subkeyspace@0__:a\nb hset|1:f']);
});

test('every command on hashes tells the fields that it changed', async () => {
  await listen('hS');
  const told = async (...words: (string | number)[]): Promise<string[]> =>
    (await messages('__sub*', words)).map((message) => message.slice('__subkeyspace@0__:h '.length));
  const cases: [string[], (string | number)[]][] = [
    [['hset|1:a,1:a,1:b'], ['hmset', 'h', 'a', 1, 'a', 2, 'b', 3]],
    [['hset|1:c'], ['hsetnx', 'h', 'c', 1]],
    [[], ['hsetnx', 'h', 'c', 2]],
    [['hincrby|1:a'], ['hincrby', 'h', 'a', 1]],
    [['hincrbyfloat|1:a'], ['hincrbyfloat', 'h', 'a', 0.5]],
    [['hexpire|1:a,1:b'], ['hexpire', 'h', 100, 'fields', 3, 'a', 'none', 'b']],
    [['hpersist|1:a'], ['hpersist', 'h', 'fields', 2, 'a', 'c']],
    [['hexpire|1:a'], ['hgetex', 'h', 'ex', 100, 'fields', 2, 'a', 'none']],
    [['hpersist|1:a'], ['hgetex', 'h', 'persist', 'fields', 1, 'a']],
    [[], ['hgetex', 'h', 'fields', 1, 'a']],
    [
      ['hset|1:d,1:e', 'hexpire|1:d,1:e'],
      ['hsetex', 'h', 'ex', 100, 'fields', 2, 'd', 1, 'e', 2],
    ],
    [['hset|1:f'], ['hsetex', 'h', 'fields', 1, 'f', 1]],
    [['hdel|1:f'], ['hsetex', 'h', 'exat', past, 'fields', 2, 'f', 1, 'none', 2]],
    [['hdel|1:e'], ['hgetdel', 'h', 'fields', 2, 'e', 'none']],
    [['hdel|1:d'], ['hexpireat', 'h', past, 'fields', 1, 'd']],
    [['hdel|1:c'], ['hgetex', 'h', 'exat', past, 'fields', 1, 'c']],
    [[], ['hdel', 'h', 'none']],
    [['hdel|1:b,1:a'], ['hdel', 'h', 'b', 'none', 'a']],
  ];
  for (const [expected, words] of cases) assert.deepEqual(await told(...words), expected, words.join(' '));
  assert.equal(await call('exists', 'h'), 0);
});
