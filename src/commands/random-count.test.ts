import assert from 'node:assert/strict';
import { test } from 'node:test';
import { embedServer } from '../../test/embedded.js';
import { ReplyWriter } from '../protocol/reply.js';
import type { DataCall } from './engine.js';
import { replyDrawn } from './random-count.js';

const { call } = embedServer();
const TOO_MANY = 'ERR value is out of range';

/** How many elements of so many bytes are drawn for a count. */
function drawsFor(count: number, bytes: number): { draws: number; bytesLeft: number } {
  const reply = new ReplyWriter();
  const element = new Uint8Array(bytes);
  let draws = 0;
  replyDrawn({ reply } as unknown as DataCall, count, count, () => {
    draws++;
    reply.bulk(element, 0, bytes);
  });
  return { draws, bytesLeft: reply.pendingBytes };
}

test('a reply that could not be kept in memory is refused after the first draws', () => {
  for (const [count, bytes] of [
    [100_000_000, 20],
    [10_000_000, 1000],
    [2_000_000, 2000],
  ] as const) {
    const { draws, bytesLeft } = drawsFor(count, bytes);
    assert.ok(draws <= 4096, `${count} elements of ${bytes} bytes: ${draws} draws`);
    assert.ok(bytesLeft < 100, `${bytesLeft} bytes of the reply are left`);
  }
  assert.equal(drawsFor(100_000_001, 1).draws, 0);
  assert.equal(drawsFor(100_000, 1000).draws, 100_000);
});

const fill = async (members: readonly string[]): Promise<void> => {
  await call('flushall');
  await call('sadd', 's', ...members);
  await call('hset', 'h', ...members.flatMap((member) => [member, `v${member}`]));
  await call('zadd', 'z', ...members.flatMap((member, index) => [String(index), member]));
};

test('SRANDMEMBER, HRANDFIELD and ZRANDMEMBER refuse what no reply could hold', async () => {
  await fill(['x'.repeat(2000), 'y'.repeat(2000)]);
  for (const count of ['-2000000', '-100000001', '-9223372036854775807']) {
    for (const words of [
      ['srandmember', 's', count],
      ['hrandfield', 'h', count],
      ['zrandmember', 'z', count],
    ])
      assert.equal(await call(...words), TOO_MANY, words.join(' '));
  }
  assert.equal(await call('hrandfield', 'h', '-1000000', 'withvalues'), TOO_MANY);
  assert.equal(await call('zrandmember', 'z', '-2000000', 'withscores'), TOO_MANY);
});

for (const [name, size, prefix] of [
  ['integers', 50, ''],
  ['short members', 50, 'm'],
  ['long members', 50, 'm'.repeat(100)],
  ['many members', 1000, 'm'],
] as const) {
  test(`draws with repetitions give every element its chance: ${name}`, async () => {
    const members = Array.from({ length: size }, (_, index) => `${prefix}${index}`);
    await fill(members);
    // Few draws, which are made one by one, and many, for which all places are listed.
    for (const [count, rounds] of [
      [Math.floor(size / 8), 2400],
      [size * 300, 1],
    ] as const) {
      for (const [command, key, ...more] of [
        ['srandmember', 's'],
        ['hrandfield', 'h'],
        ['hrandfield', 'h', 'withvalues'],
        ['zrandmember', 'z'],
        ['zrandmember', 'z', 'withscores'],
      ] as const) {
        if (size > 50 && rounds > 1) continue;
        const drawn = new Map<string, number>();
        for (let round = 0; round < rounds; round++) {
          const reply = (await call(command, key, String(-count), ...more)) as string[];
          assert.equal(reply.length, count * (more.length + 1));
          for (let index = 0; index < reply.length; index += more.length + 1) {
            const member = reply[index]!;
            drawn.set(member, (drawn.get(member) ?? 0) + 1);
            if (more.length === 0) continue;
            const expected = key === 'h' ? `v${member}` : String(members.indexOf(member));
            assert.equal(reply[index + 1], expected);
          }
        }
        assert.deepEqual([...drawn.keys()].sort(), [...members].sort());
        const times = [...drawn.values()];
        // 300 on the average; 10 standard deviations are 173.
        assert.ok(
          Math.min(...times) > 127 && Math.max(...times) < 473,
          `${command}: ${Math.min(...times)} to ${Math.max(...times)}`,
        );
      }
    }
  });
}
