import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { RefList } from '../structures/dict.js';
import { Keyspace } from './keyspace.js';
import { firstHashOf } from './slot-keys.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const value = latin1Bytes('v');

function makeKeyspace(): Keyspace {
  return new Keyspace({
    databaseCount: 1,
    random: new Prng(seed),
    hashKey: [seed * 77, seed ^ 0x5555],
    hasSlots: true,
  });
}

function set(keyspace: Keyspace, name: string): void {
  const key = latin1Bytes(name);
  const database = keyspace.databases[0]!;
  const old = database.lookupWrite(key, 0, key.length);
  database.setString(old, key, 0, key.length, database.hash, value, 0, 1, false);
}

function remove(keyspace: Keyspace, name: string): boolean {
  const key = latin1Bytes(name);
  const database = keyspace.databases[0]!;
  const old = database.lookupWrite(key, 0, key.length);
  if (old !== 0) database.remove(old, database.hash);
  return old !== 0;
}

function keysOf(keyspace: Keyspace, slot: number): string[] {
  const found = new RefList();
  const end = firstHashOf(slot + 1);
  const database = keyspace.databases[0]!;
  for (let cursor = firstHashOf(slot); cursor < end;) cursor = database.scanSlot(slot, cursor, 7, found);
  return Array.from(found.refs.subarray(0, found.length), (entry) =>
    Buffer.from(keyspace.entries.keyBytes(entry)).toString('latin1'),
  ).sort();
}

function slotOf(name: string): number {
  return keySlot(latin1Bytes(name));
}

/** Some keys with tags of their own, some with one of few tags. */
function randomName(prng: Prng): string {
  const number = prng.below(6000);
  return prng.chance(50) ? `key:${number}` : `{tag${prng.below(3)}}:${number}`;
}

test('random sets and deletes agree with a model of slots', () => {
  const prng = new Prng(seed);
  const keyspace = makeKeyspace();
  const model = new Map<number, Set<string>>();
  for (let step = 0; step < 60_000; step++) {
    const name = randomName(prng);
    const slot = slotOf(name);
    const names = model.get(slot) ?? new Set<string>();
    model.set(slot, names);
    if (prng.chance(((step >> 13) & 1) === 0 ? 75 : 25)) {
      set(keyspace, name);
      names.add(name);
    } else {
      assert.equal(remove(keyspace, name), names.delete(name), `seed ${seed} step ${step}`);
    }
    if (step % 10_000 === 0) keyspace.verify();
  }
  keyspace.verify();
  for (const [slot, names] of model) {
    assert.equal(keyspace.databases[0]!.slots!.counts[slot], names.size, `seed ${seed} slot ${slot}`);
    assert.deepEqual(keysOf(keyspace, slot), [...names].sort(), `seed ${seed} slot ${slot}`);
  }
  keyspace.databases[0]!.clear();
  keyspace.verify();
});

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
