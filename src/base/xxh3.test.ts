import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xxh3 } from './xxh3.js';

function digest(bytes: Uint8Array, offset = 0, length = bytes.length): string {
  return xxh3(bytes, offset, length).toString(16).padStart(16, '0');
}

test('published digests', () => {
  const of = (text: string): string => digest(Buffer.from(text));
  assert.equal(of(''), '2d06800538d394c2');
  assert.equal(of('Hello world'), 'b6acb9d84a38ff74', "the example of Redis's documentation");
  assert.equal(
    of('v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd'),
    '00006c38adf31777',
  );
});

/** The hashes of the reference implementation for the first bytes of the sequence (7 i² + 13 i + 5) mod 256, by their count. */
const reference: Readonly<Record<number, string>> = {
  1: '929e358d27ae3ee2',
  2: '7453273f744ec252',
  3: 'edbd89085055020f',
  4: 'b88a3316c9cbada6',
  5: '48581867e4b2c143',
  8: 'ca529b018625de44',
  9: '70dc22712a6ee9fc',
  12: 'ed7a4a2b0b653a85',
  16: '9886796291da8a97',
  17: 'f13e1a9528336483',
  32: '2f7ddf70286c3c84',
  33: '266de476c09d9677',
  64: '2cd706754e9ebc4a',
  65: '49399ef428124cb1',
  96: '9da7b83d15498fd4',
  97: '0676eff840cd2227',
  128: '160d5cc14718584d',
  129: 'f59fdf21df5914aa',
  144: '5d5508a1e91ee3b5',
  160: '28e9c8b37686501d',
  239: 'f277d1944736562b',
  240: 'e043677d5ae49e40',
  241: '7d187ab642ec16ed',
  256: 'aec8f01ddd1080b0',
  319: '8235e5e7f08ccbbc',
  320: 'ed0592d5400ae117',
  1023: '4f0f5fb5d52af501',
  1024: '5e1054d10959bf1e',
  1025: '97ff34d6cec3109a',
  1088: '61e648232896da5d',
  2047: '5245bfe0c43a19b2',
  2048: '905a119f0a6ec8ac',
  2049: '3c55edc8cc56a4fe',
  5000: '900d89a13aadcc07',
  100000: 'd8d0d848b17fbda5',
  300000: 'ca41e62029257e7d',
};

test('every way of hashing, at and beside the lengths where they change, at any offset', () => {
  for (const offset of [0, 3]) {
    const bytes = new Uint8Array(300_000 + offset);
    for (let index = 0; index < 300_000; index++) bytes[index + offset] = (7 * index * index + 13 * index + 5) & 0xff;
    for (const [length, expected] of Object.entries(reference))
      assert.equal(digest(bytes, offset, Number(length)), expected, `${length} bytes`);
  }
});
