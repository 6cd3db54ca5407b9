import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import type { Command } from '../mapping/effects.js';
import { mergeDeletes } from './merge-deletes.js';

const command = (...words: string[]): Command => ({ key: words[1]!, words });
const lines = (commands: readonly Command[]): string[] => commands.map(({ words }) => words.join(' '));

describe('mergeDeletes', () => {
  it('puts the DELs of keys that are new to the batch first, in one command', () => {
    const rows = ['a', 'b', 'c'].flatMap((key) => [command('DEL', key), command('HSET', key, 'f', key)]);
    assert.deepEqual(lines(mergeDeletes(rows)), ['DEL a b c', 'HSET a f a', 'HSET b f b', 'HSET c f c']);
  });

  it('keeps a DEL after what it takes away', () => {
    const batch = [command('HSET', 'a', 'f', '1'), command('DEL', 'a'), command('DEL', 'b'), command('DEL', 'c')];
    assert.deepEqual(lines(mergeDeletes(batch)), ['DEL b c', 'HSET a f 1', 'DEL a']);
  });

  it('knows a key of bytes', () => {
    const key = Buffer.from('a');
    const batch = [command('SET', 'a', '1'), { key, words: ['DEL', key] }, command('DEL', 'b'), command('DEL', 'c')];
    assert.deepEqual(lines(mergeDeletes(batch)), ['DEL b c', 'SET a 1', 'DEL a']);
  });

  it('has the same effect as the batch, whatever its order', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Prng(seed);
      const batch = Array.from({ length: random.below(30) }, (_, index) =>
        random.chance(50)
          ? command('DEL', `k${random.below(5)}`)
          : command('HSET', `k${random.below(5)}`, `f${random.below(3)}`, String(index)),
      );
      assert.deepEqual(effectOf(mergeDeletes(batch)), effectOf(batch), `seed ${seed}`);
    }
  });

  it('bounds the keys of one DEL', () => {
    const batch = Array.from({ length: 1500 }, (_, index) => command('DEL', `k${index}`));
    const merged = mergeDeletes(batch);
    assert.ok(merged.length > 1 && merged.every(({ words }) => words.length <= 513));
    assert.equal(
      merged.reduce((sum, { words }) => sum + words.length - 1, 0),
      1500,
    );
  });
});

/** The hashes that the commands leave behind in a server that has all keys with an old field. */
function effectOf(commands: readonly Command[]): unknown {
  const hashes = new Map(Array.from({ length: 5 }, (_, index) => [`k${index}`, new Map([['old', '']])]));
  for (const { words } of commands) {
    const [name, key, field, value] = words as string[];
    if (name === 'DEL') for (const each of words.slice(1)) hashes.delete(each as string);
    else hashes.set(key!, (hashes.get(key!) ?? new Map<string, string>()).set(field!, value!));
  }
  return [...hashes].map(([key, fields]) => [key, [...fields].sort()]).sort();
}
