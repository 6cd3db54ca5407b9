import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { RefList } from '../structures/dict.js';
import { makeKeyspace, remove, set, slotOf } from './slot-keys.fuzz.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('a scan over slots emits every key that stays just once, while others come and go', () => {
  const prng = new Prng(seed + 1);
  for (const tagged of [true, false]) {
    const keyspace = makeKeyspace();
    const nameOf = (word: string, index: number): string =>
      tagged ? `{t${index % 3}}:${word}:${index}` : `${word}:${index}`;
    for (let index = 0; index < 5000; index++) set(keyspace, nameOf('stay', index));
    const seen = new Map<string, number>();
    const out = new RefList();
    let cursor = 0;
    let most = 0;
    do {
      out.clear();
      cursor = keyspace.databases[0]!.scan(cursor, 10, out);
      most = Math.max(most, out.length);
      for (const entry of out.refs.subarray(0, out.length)) {
        const name = Buffer.from(keyspace.entries.keyBytes(entry)).toString('latin1');
        seen.set(name, (seen.get(name) ?? 0) + 1);
      }
      const from = prng.below(10_000);
      for (let index = 0; index < 20; index++) set(keyspace, nameOf('churn', from + index));
      for (let index = 0; index < 20; index += 1 + prng.below(3)) remove(keyspace, nameOf('churn', from + index));
    } while (cursor !== 0);
    for (let index = 0; index < 5000; index++) assert.equal(seen.get(nameOf('stay', index)), 1, `seed ${seed}`);
    assert.ok(most < 60, `COUNT 10 gave ${most}`);
  }
});

test('keys of one slot do not make lookups search a whole segment', () => {
  const keyspace = makeKeyspace();
  const { dicts, databases } = keyspace;
  for (let index = 0; index < 800; index++) set(keyspace, `{user}:${index}`);
  const figures = dicts.stats(databases[0]!.dict);
  assert.ok(figures.distanceSum / figures.count < 4, `mean way from home ${figures.distanceSum / figures.count}`);
});

test('a random key is drawn with equal chances, also where one slot made the directory deep', () => {
  const keyspace = makeKeyspace();
  const { dicts, databases, random } = keyspace;
  for (let index = 0; index < 4000; index++) set(keyspace, `{hot}:${index}`);
  for (let index = 0; index < 100; index++) set(keyspace, `cold:${index}`);
  let cold = 0;
  for (let draw = 0; draw < 41_000; draw++) {
    const name = Buffer.from(keyspace.entries.keyBytes(dicts.random(databases[0]!.dict, random))).toString('latin1');
    if (name.startsWith('cold')) cold++;
  }
  assert.ok(cold > 500 && cold < 1900, `seed ${seed}: 1000 expected, ${cold} drawn`);
});

test('a slot that was found for a command spares the lookup only that key', () => {
  const keyspace = makeKeyspace();
  const slots = keyspace.databases[0]!.slots!;
  const key = latin1Bytes('aaaa');
  slots.remember(key, 0, 4, keySlot(key));
  assert.equal(slots.place(0, key, 0, 4) >>> 18, keySlot(key));
  assert.equal(slots.place(0, key, 0, 3) >>> 18, slotOf('aaa'));
  slots.forget();
  key.set(latin1Bytes('bbbb'));
  assert.equal(slots.place(0, key, 0, 4) >>> 18, slotOf('bbbb'));
});
