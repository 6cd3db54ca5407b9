import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { keySlot } from '../base/key-slot.js';
import { Prng } from '../base/prng.js';
import { VirtualClock } from '../io/virtual-clock.js';
import { Keyspace } from '../keyspace/keyspace.js';
import { Effects } from './effects.js';
import { SlotTrim } from './slot-trim.js';

class Harness {
  readonly clock = new VirtualClock({ frozen: true });
  readonly keyspace = new Keyspace({ databaseCount: 1, random: new Prng(1), hashKey: [3, 4], slotOf: keySlot });
  readonly effects = new Effects();
  readonly trim = new SlotTrim(this);
  readonly unlinked: string[] = [];

  constructor() {
    this.effects.attach({
      wants: true,
      bit: 1,
      append: () => undefined,
      appendParts: (_database, [word, key]) => {
        assert.equal(word, 'UNLINK');
        this.unlinked.push(Buffer.from(key as Uint8Array).toString());
      },
    });
  }

  beginTurn(): void {
    this.keyspace.nowMs = this.clock.wallMs();
  }

  set(name: string): void {
    const key = latin1Bytes(name);
    const database = this.keyspace.databases[0]!;
    const old = database.lookupWrite(key, 0, key.length);
    database.setString(old, key, 0, key.length, database.hash, key, 0, key.length, false);
  }
}

const slotA = keySlot(latin1Bytes('a'));

test('the keys of a slot go in slices, and others stay', () => {
  const harness = new Harness();
  for (let index = 0; index < 1000; index++) harness.set(`{a}${index}`);
  harness.set('b');
  harness.trim.begin(slotA);
  assert.equal(harness.trim.pendingKeys, 1000);
  assert.equal(harness.keyspace.databases[0]!.size, 1001, 'nothing is deleted before the call returns');
  harness.clock.advance(1000);
  assert.equal(harness.trim.isActive, false);
  assert.equal(harness.keyspace.databases[0]!.size, 1);
  assert.equal(new Set(harness.unlinked).size, 1000);
  harness.keyspace.verify();
});

test('a slot that comes back loses its old keys at once', () => {
  const harness = new Harness();
  for (let index = 0; index < 500; index++) harness.set(`{a}${index}`);
  harness.trim.begin(slotA);
  harness.trim.finish(slotA);
  assert.equal(harness.keyspace.databases[0]!.size, 0);
  harness.set('{a}new');
  harness.clock.advance(1000);
  assert.equal(harness.keyspace.databases[0]!.size, 1);
});
