import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { tagged } from './commands.js';

const seed = Number(process.env['RECIPE_SEED'] ?? 20260101);
const slotOf = (key: string): number => keySlot(Buffer.from(key));

describe(`keys (RECIPE_SEED=${seed})`, () => {
  it('show the name, in braces or with the tag that it has', () => {
    assert.equal(tagged('lock', 'stock'), 'lock:{stock}');
    assert.equal(tagged('lock', 'stock:7'), 'lock:{stock:7}');
    assert.equal(tagged('cache', 'users', '7'), 'cache:{users:7}');
    assert.equal(tagged('limit', '{order:9}:ann'), 'limit::{order:9}%3Aann');
    assert.throws(() => tagged('lock', ''), RangeError);
  });

  it('differ for different names, with whatever words behind them, and share a slot for one name', () => {
    const prng = new Prng(seed);
    const pieces = ['{', '}', ':', '%', 'a', '%7D', '%3A', '{a}', 'all', '\ud83d', '\ude00'];
    const draw = (): string => Array.from({ length: prng.below(5) }, () => pieces[prng.below(pieces.length)]!).join('');
    const seen = new Map<string, string>();
    for (let round = 0; round < 30_000; round++) {
      const parts = round % 2 === 0 ? [draw()] : [draw(), draw()];
      if (parts.length === 1 && parts[0] === '') continue;
      const key = tagged('k', ...parts);
      const word = prng.below(2) === 0 ? '' : `:${draw()}`;
      assert.equal(slotOf(key + word), slotOf(key), key);
      // One name in two parts may be that of one part with a colon; two names of the same number of parts are never one.
      const identity = JSON.stringify([parts.length, parts, word]);
      const bytes = `${parts.length} ${Buffer.from(key).toString('latin1')}${word}`;
      assert.equal(seen.get(bytes) ?? identity, identity, key);
      seen.set(bytes, identity);
    }
  });

  it('keep the slot of a tag that a name has', () => {
    for (const name of ['{order:9}:ann', 'x{order:9}y', '{order:9}{b}', 'a:b{order:9}:{c}'])
      assert.equal(slotOf(`${tagged('limit', name)}:minute`), slotOf('{order:9}'), name);
  });
});
