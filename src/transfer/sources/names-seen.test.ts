import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { NamesSeen } from './names-seen.js';

test('names are taken once, whatever they are', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 0x7fffffff));
  const prng = new Prng(seed);
  const seen = new NamesSeen();
  const model = new Set<string>();
  for (let round = 0; round < 100_000; round++) {
    const length = prng.below(20) === 0 ? prng.below(1000) : prng.below(4);
    const name = Uint8Array.from({ length }, () => prng.below(256));
    const text = Buffer.from(name).toString('latin1');
    assert.equal(seen.add(name), !model.has(text), `seed ${seed}, round ${round}: ${JSON.stringify(text)}`);
    model.add(text);
  }
});

test('a name takes few bytes, however long it is and however many there are', () => {
  const seen = new NamesSeen();
  const count = 400_000;
  const name = Buffer.alloc(300, 'x');
  for (let round = 0; round < 2; round++) {
    for (let number = 0; number < count; number++) {
      name.writeUInt32LE(number, 100);
      assert.equal(seen.add(name), round === 0);
    }
  }
  assert.ok(seen.bytes / count < 24, `${seen.bytes / count} bytes`);
});
