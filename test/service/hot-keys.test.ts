// HOTKEYS: sessions that find the keys with the largest share of time and of bytes.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { HotKeysSession, TopCounts } from '../../src/server/hot-keys.js';
import { embedServer } from '../embedded.js';

type Value = number | (string | number)[] | number[][];

describe('HOTKEYS', () => {
  const embedded = embedServer();
  const hotkeys = (...words: string[]): Promise<unknown> => embedded.call('HOTKEYS', ...words);

  beforeEach(async () => {
    await embedded.client.flushall();
  });

  afterEach(async () => {
    await hotkeys('STOP');
    await hotkeys('RESET');
  });

  async function results(): Promise<Map<string, Value>> {
    const [flat, ...others] = (await hotkeys('GET')) as Value[][];
    assert.equal(others.length, 0);
    const fields = new Map<string, Value>();
    for (let index = 0; index < flat!.length; index += 2)
      fields.set(flat![index] as unknown as string, flat![index + 1]!);
    return fields;
  }

  const request = (...words: string[]): number =>
    `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`.length;

  it('counts bytes of requests and replies for the keys of each command', async () => {
    const { client } = embedded;
    assert.equal(await hotkeys('START', 'METRICS', '1', 'NET'), 'OK');
    await client.set('large', 'x'.repeat(1000));
    await client.get('large');
    await client.mset('a', '1', 'b', '2');
    await client.get('small');
    await client.ping();
    assert.equal(await hotkeys('STOP'), 'OK');
    await client.set('after', '1');
    const fields = await results();
    const large = request('set', 'large', 'x'.repeat(1000)) + 5 + request('get', 'large') + 1009;
    const pair = request('mset', 'a', '1', 'b', '2') + 5;
    assert.deepEqual(fields.get('by-net-bytes'), [
      'large',
      large,
      'small',
      request('get', 'small') + 5,
      'a',
      Math.round(pair / 2),
      'b',
      Math.round(pair / 2),
    ]);
    assert.equal(fields.get('tracking-active'), 0);
    assert.equal(fields.get('net-bytes-all-commands-all-slots'), fields.get('total-net-bytes'));
    assert.ok(
      (fields.get('total-net-bytes') as number) >= large + pair + request('get', 'small') + 5 + request('ping') + 7,
    );
    assert.equal(fields.has('by-cpu-time-us'), false);
    assert.equal(fields.has('total-cpu-time-user-ms'), false);
  });

  it('finds the keys that take most of the time', async () => {
    const { client } = embedded;
    await hotkeys('START', 'METRICS', '2', 'NET', 'CPU', 'COUNT', '2');
    await client.eval('for i = 1, 2000 do redis.call("rpush", KEYS[1], string.rep("x", 100)) end', 1, 'slow');
    for (let round = 0; round < 3; round++) await client.lrange('slow', 0, -1);
    await client.set('quick', '1');
    await client.set('quicker', '1');
    const fields = await results();
    assert.equal(fields.get('tracking-active'), 1);
    const byTime = fields.get('by-cpu-time-us') as (string | number)[];
    assert.equal(byTime.length, 4);
    assert.equal(byTime[0], 'slow');
    assert.ok((byTime[1] as number) <= (fields.get('all-commands-all-slots-us') as number));
    assert.equal((fields.get('by-net-bytes') as (string | number)[])[0], 'slow');
    assert.deepEqual(fields.get('selected-slots'), [[0, 16383]]);
    assert.ok(Math.abs((fields.get('collection-start-time-unix-ms') as number) - Date.now()) < 600_000);
  });

  it('counts what a transaction does for the keys of its commands, once', async () => {
    const { client } = embedded;
    await hotkeys('START', 'METRICS', '1', 'NET');
    await client.multi().set('one', 'x'.repeat(100)).get('two').exec();
    const fields = await results();
    const one = request('set', 'one', 'x'.repeat(100)) + 5;
    assert.deepEqual(fields.get('by-net-bytes'), ['one', one, 'two', request('get', 'two') + 5]);
  });

  it('has a session at a time, whose results stay until they are reset', async () => {
    assert.equal(await hotkeys('GET'), null);
    assert.equal(await hotkeys('STOP'), null);
    assert.equal(await hotkeys('RESET'), 'OK');
    await hotkeys('START', 'METRICS', '1', 'CPU', 'SAMPLE', '3', 'DURATION', '1000');
    assert.match(
      String(await hotkeys('START', 'METRICS', '1', 'CPU')),
      /ERR hotkey tracking session already in progress/,
    );
    assert.match(String(await hotkeys('RESET')), /ERR hotkey tracking session in progress, stop tracking first/);
    assert.equal((await results()).get('sample-ratio'), 3);
    assert.equal(await hotkeys('STOP'), 'OK');
    assert.equal(await hotkeys('STOP'), null);
    assert.equal((await results()).get('tracking-active'), 0);
    assert.equal(await hotkeys('RESET'), 'OK');
    assert.equal(await hotkeys('GET'), null);
  });

  it('refuses what it cannot do', async () => {
    const refused: [string, RegExp][] = [
      ['START', /METRICS parameter is required/],
      ['START COUNT 3', /METRICS parameter is required/],
      ['START METRICS', /METRICS parameter is required/],
      ['START METRICS 0 CPU', /METRICS count must be > 0 and <= 2/],
      ['START METRICS 3 CPU', /METRICS count must be/],
      ['START METRICS x CPU', /METRICS count must be/],
      ['START METRICS 1', /METRICS no valid metrics passed. Supported: CPU\|NET/],
      ['START METRICS 1 DISK', /no valid metrics/],
      ['START METRICS 2 CPU CPU', /METRICS CPU defined more than once!/],
      ['START METRICS 2 NET NET', /METRICS NET defined more than once!/],
      ['START METRICS 2 CPU', /METRICS count does not match number of metric types provided/],
      ['START METRICS 1 CPU NET', /does not match/],
      ['START METRICS 1 CPU COUNT 0', /COUNT must be between 1 and 64/],
      ['START METRICS 1 CPU COUNT 65', /between 1 and 64/],
      ['START METRICS 1 CPU COUNT', /syntax error/],
      ['START METRICS 1 CPU DURATION 0', /DURATION must be between 1 and 1000000/],
      ['START METRICS 1 CPU SAMPLE 0', /SAMPLE ratio must be positive/],
      ['START METRICS 1 CPU SAMPLE -9223372036854775808', /SAMPLE ratio must be positive/],
      ['START METRICS 1 CPU SLOTS 1 0', /SLOTS parameter cannot be used in non-cluster mode/],
      ['START METRICS 1 CPU FOO 1', /syntax error/],
      ['GET x', /wrong number of arguments/],
    ];
    for (const [words, error] of refused) assert.match(String(await hotkeys(...words.split(' '))), error, words);
    assert.equal(await hotkeys('GET'), null);
  });
});

describe('a session of HOTKEYS', () => {
  const options = { countsCpu: true, countsNet: false, keyCount: 10, durationSeconds: 3, sampleRatio: 1 };

  it('ends when its time is over, also where nobody looks at that moment', () => {
    const session = new HotKeysSession(options, 1000, new Prng(1));
    assert.equal(session.isOver(3999), false);
    assert.equal(session.durationMs(3999), 2999);
    assert.equal(session.isOver(4000), true);
    session.stop(9000);
    assert.equal(session.isActive, false);
    assert.equal(session.durationMs(20_000), 3000);
  });

  it('keeps the keys with large shares when there are more than it has room for', () => {
    const counts = new TopCounts(100);
    const random = new Prng(7);
    for (let index = 0; index < 100_000; index++) {
      counts.add(`cold:${index}`, 1);
      counts.add(`hot:${random.below(5)}`, 10);
    }
    const largest = counts.largest(5);
    assert.deepEqual(largest.map(([key]) => key).sort(), ['hot:0', 'hot:1', 'hot:2', 'hot:3', 'hot:4']);
    assert.equal(
      largest.reduce((sum, [, count]) => sum + count, 0),
      1_000_000,
    );
  });
});
