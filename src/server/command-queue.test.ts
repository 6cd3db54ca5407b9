import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Call } from '../registry/call.js';
import type { Command } from '../registry/command.js';
import { CommandQueue } from './command-queue.js';
import type { ServerCall } from './call.js';

function randomArgument(prng: Prng): Uint8Array {
  const kind = prng.below(100);
  const length = kind < 80 ? prng.below(40) : kind < 99 ? prng.below(3000) : prng.below(600_000);
  return new Uint8Array(length).fill(prng.below(256));
}

test('commands come out as they went in, whatever their sizes', () => {
  const seed = Math.floor(Math.random() * 0x7fffffff);
  const prng = new Prng(seed);
  const commands = Array.from({ length: 5 }, (_, id) => ({ id: id * 7 }) as Command<ServerCall>);
  const call = new Call() as unknown as ServerCall;
  for (let round = 0; round < 30; round++) {
    const queue = new CommandQueue([]);
    const expected: { readonly command: Command<ServerCall>; readonly args: readonly Uint8Array[] }[] = [];
    const count = prng.below(200);
    for (let index = 0; index < count; index++) {
      const args = Array.from({ length: 1 + prng.below(prng.below(20) === 0 ? 500 : 5) }, () => randomArgument(prng));
      const command = commands[prng.below(commands.length)]!;
      call.setArguments(args);
      queue.push(call, command, 1 << (index % 3));
      expected.push({ command, args });
    }
    assert.equal(queue.count, count);
    assert.equal(queue.flags, [0, 1, 3][count] ?? 7);
    assert.ok(queue.bytes <= queue.segmentBytes, `seed ${seed}`);
    for (const { command, args } of expected) {
      assert.ok(queue.hasNext);
      assert.equal(queue.next(call), command, `seed ${seed}`);
      assert.equal(call.count, args.length, `seed ${seed}`);
      for (let index = 0; index < args.length; index++)
        assert.deepEqual(call.copy(index), args[index], `seed ${seed} argument ${index}`);
    }
    assert.ok(!queue.hasNext);
  }
});

test('a queue of short commands takes little more than their bytes', () => {
  const call = new Call() as unknown as ServerCall;
  const queue = new CommandQueue([]);
  call.setArguments([new Uint8Array(3), new Uint8Array(1)]);
  for (let index = 0; index < 100_000; index++) queue.push(call, { id: 1 } as Command<ServerCall>, 0);
  assert.ok(queue.segmentBytes < 100_000 * 32, `${queue.segmentBytes} bytes`);
});
