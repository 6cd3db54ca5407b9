import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { RespEncoder } from '../link/resp-encoder.js';
import { EncodedCommands } from './encoded-commands.js';

function encode(commands: readonly string[]): Buffer {
  const encoder = new RespEncoder();
  for (const command of commands) encoder.command(command.split(' '));
  return Buffer.from(encoder.take());
}

function collect(bytes: Buffer, size: number): EncodedCommands {
  const list = new EncodedCommands(0);
  const reader = new AofReader();
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(new Uint8Array(bytes.subarray(at, at + size)));
    while (reader.next() === AofItem.command) list.add(reader);
  }
  return list;
}

const commands = [
  'DEL a',
  'SET a 1',
  'SELECT 3',
  'DEL b',
  'SET bb 2',
  'DEL c',
  'SET c 3 PXAT 9999999999999',
  'DEL d e',
  'SET d 4',
  'DEL f',
  'DEL f',
  'SET f 5',
  'DEL g',
  'RPUSH g x',
];

test('commands go on as they are, but a DEL directly before a SET of the same key', () => {
  const list = collect(encode(commands), 1 << 20);
  const left = commands.filter((_, index) => index !== 0 && index !== 10);
  const encoder = new RespEncoder();
  list.write(encoder);
  assert.equal(encoder.take().toString(), encode(left).toString());
  assert.equal(list.count, left.length);
});

test('an error names the command and its key, however the bytes were cut', () => {
  for (const size of [1 << 20, 30, 7]) {
    const list = collect(encode(commands), size);
    const told = Array.from({ length: list.count }, (_, index) => {
      const { name, key } = list.describe(index);
      return `${name} ${Buffer.from(key).toString()}`;
    });
    // A DEL in other bytes than its SET stays.
    assert.deepEqual(
      told.filter((text) => !text.startsWith('DEL')),
      ['SET a', 'SELECT 3', 'SET bb', 'SET c', 'SET d', 'SET f', 'RPUSH g'],
    );
    assert.ok(told.includes('DEL b') && told.includes('DEL d') && told.includes('DEL g'), told.join());
  }
});
