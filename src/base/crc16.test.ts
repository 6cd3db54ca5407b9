import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from './bytes.js';
import { crc16 } from './crc16.js';

test('gives the check value of CRC-16/XMODEM', () => {
  assert.equal(crc16(latin1Bytes('123456789')), 0x31c3);
});

test('gives the slots that CLUSTER KEYSLOT tells', () => {
  const slots: Readonly<Record<string, number>> = {
    '': 0,
    foo: 12182,
    bar: 5061,
    hello: 866,
    '000': 13923,
    '\xff\x00\x80': 7915,
  };
  for (const [key, slot] of Object.entries(slots)) assert.equal(crc16(latin1Bytes(key)) % 16384, slot, key);
});

test('looks only at the bytes it is given', () => {
  const bytes = latin1Bytes('xx123456789yy');
  assert.equal(crc16(bytes, 2, 9), 0x31c3);
  assert.equal(crc16(bytes, 5, 0), 0);
});
