// Watches of keys beside a plain model: who watches what, how many, and whose keys have passed their time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { makeKeyspace } from '../../test/persistence/local.js';
import { KeyState, type Watch, WatchedKeys, type Watcher } from './watched-keys.js';

class Client implements Watcher<Client> {
  readonly watches: Watch<Client>[] = [];
  readonly model = new Set<string>();
}

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 1_000_000);
/** Some are longer than what is scanned in one way only. */
const KEYS = 60;

test(`each key has its watchers, whatever the order in which they come and go, seed ${seed}`, () => {
  const prng = new Prng(seed);
  const keys = new WatchedKeys<Client>(makeKeyspace());
  const clients = Array.from({ length: 5 }, () => new Client());
  for (let step = 0; step < 20_000; step++) {
    const client = prng.pick(clients);
    const database = prng.below(2);
    const name = `k${prng.below(KEYS)}`;
    const id = `${database} ${name}`;
    const key = latin1Bytes(`--${name}`);
    if (prng.below(100) === 0) {
      keys.removeAll(client);
      client.model.clear();
    } else if (prng.chance(50)) {
      assert.equal(keys.add(client, database, key, 2, name.length), !client.model.has(id), `step ${step}`);
      client.model.add(id);
    } else {
      const found: Client[] = [];
      for (let watch = keys.find(database, key, 2, name.length); watch !== undefined; watch = watch.next) {
        assert.equal(watch.name, name);
        assert.equal(watch.database, database);
        assert.equal(watch.next?.previous ?? watch, watch);
        found.push(watch.watcher);
      }
      const wanted = clients.filter((each) => each.model.has(id));
      assert.deepEqual(new Set(found), new Set(wanted), `step ${step}`);
      assert.equal(found.length, wanted.length);
    }
    assert.equal(keys.watchers, clients.filter((each) => each.model.size > 0).length);
    assert.equal(keys.keys, new Set(clients.flatMap((each) => [...each.model])).size);
  }
  let watches = 0;
  keys.forEach((watch) => {
    watches++;
    assert.ok(watch.watcher.model.has(`${watch.database} ${watch.name}`));
  });
  assert.equal(
    watches,
    clients.reduce((sum, each) => sum + each.model.size, 0),
  );
  for (const client of clients) keys.removeAll(client);
  assert.deepEqual([keys.keys, keys.watchers], [0, 0]);
});

test('a key that passes its time is seen, one that had passed it is not', () => {
  const keyspace = makeKeyspace();
  const keys = new WatchedKeys<Client>(keyspace);
  const client = new Client();
  const database = keyspace.databases[0]!;
  // One name is longer than what is kept ready for names.
  for (const [name, expiry] of [
    ['lives', 0],
    ['late', 1],
    ['x'.repeat(1000), 100],
  ] as const) {
    const key = latin1Bytes(name);
    const hash = database.hashOf(key, 0, key.length);
    const entry = database.addString(key, 0, key.length, hash, key, 0, 1);
    if (expiry > 0) database.setExpiry(entry, hash, keyspace.nowMs + expiry);
  }
  keyspace.nowMs += 50;
  const watch = (name: string): boolean => keys.add(client, 0, latin1Bytes(name), 0, name.length);
  for (const name of ['lives', 'late', 'missing', 'x'.repeat(1000)]) assert.ok(watch(name));
  assert.equal(keys.stateOf(0, 'late'), KeyState.EXPIRED);
  assert.equal(keys.stateOf(0, 'missing'), KeyState.GONE);
  assert.equal(keys.stateOf(0, 'x'.repeat(1000)), KeyState.THERE);
  assert.equal(keys.anyHasExpired(client), false);
  keyspace.nowMs += 100;
  assert.equal(keys.anyHasExpired(client), true);
});
