import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Encoding } from './object.js';
import { START_MS, defaults, find, makeHashes, set } from './hash.fuzz.js';

test('encodings widen where those of Redis do', () => {
  const hashes = makeHashes();
  hashes.openNew();
  for (let index = 0; index < 512; index++) set(hashes, String(index), 'x');
  assert.equal(hashes.encoding, Encoding.LISTPACK);
  set(hashes, 'more', 'x');
  assert.equal(hashes.encoding, Encoding.HASHTABLE);
  hashes.openNew();
  set(hashes, 'f', 'v'.repeat(64));
  assert.equal(hashes.encoding, Encoding.LISTPACK);
  find(hashes, 'f');
  hashes.setExpiry(START_MS);
  assert.equal(hashes.encoding, Encoding.LISTPACK_EX);
  set(hashes, 'f', 'v'.repeat(65), defaults, true);
  assert.equal(hashes.encoding, Encoding.HASHTABLE);
  assert.ok(find(hashes, 'f'));
  assert.equal(hashes.expiry, START_MS);
});

test('many fields that expire are found in slices, and those of the same quarter second exactly', () => {
  const hashes = makeHashes();
  hashes.openNewDict();
  for (let index = 0; index < 30000; index++) {
    set(hashes, `field:${index}`, 'v');
    find(hashes, `field:${index}`);
    hashes.setExpiry(START_MS + (index % 1000));
  }
  let gone = 0;
  let calls = 0;
  for (; gone < 15000 && calls < 1000; calls++) gone += hashes.expireDue(START_MS + 500, 700, () => undefined);
  assert.equal(gone, 15000);
  assert.ok(calls > 4, `${calls} calls`);
  for (let more = 0; more < 3; more++)
    assert.equal(
      hashes.expireDue(START_MS + 500, 700, () => undefined),
      0,
    );
  assert.equal(hashes.nextExpiry(hashes.encoding, hashes.ref), START_MS + 500);
  assert.equal(
    hashes.expireDue(START_MS + 501, 1e9, () => undefined),
    30,
  );
  hashes.verify();
  assert.equal(
    hashes.expireDue(START_MS + 5000, 1e9, () => undefined),
    14970,
  );
  assert.equal(hashes.nextExpiry(hashes.encoding, hashes.ref), -1);
  hashes.discard();
  assert.equal(hashes.arena.usedBytes, 0);
});
