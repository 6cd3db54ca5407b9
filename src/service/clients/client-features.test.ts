// client-features.test: a feature that names itself once is asked at the end of a client, at RESET and for its bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client } from './client.js';
import { ClientFeatures } from './client-features.js';

test('asks every feature, in the order in which they were added', () => {
  const client = {} as Client;
  const asked: string[] = [];
  const features = new ClientFeatures();
  features.add({ forget: () => asked.push('forget 1'), reset: () => asked.push('reset 1'), bytes: () => 3 });
  features.add({ forget: () => asked.push('forget 2') });
  features.add({ reset: () => asked.push('reset 3'), bytes: () => 4 });
  features.reset(client);
  features.forget(client);
  assert.deepEqual(asked, ['reset 1', 'reset 3', 'forget 1', 'forget 2']);
  assert.equal(features.bytes(client), 7);
});
