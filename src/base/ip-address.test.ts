import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import { Prng } from './prng.js';
import { isIpAddress } from './ip-address.js';

describe('an address', () => {
  it('is what the system takes for one', () => {
    const known = [
      '127.0.0.1',
      '0.0.0.0',
      '256.1.1.1',
      '1.2.3',
      '01.2.3.4',
      '::',
      '::1',
      '1::',
      '1::2::3',
      'fe80::1',
      '',
    ];
    const random = new Prng(7);
    for (let index = 0; index < 20_000; index++) {
      const length = random.below(20);
      known.push(Array.from({ length }, () => random.pick([...'0123456789af::::....g'])).join(''));
    }
    for (const text of known) assert.equal(isIpAddress(text), isIP(text) !== 0, text);
  });
});
