// streams: byte streams that a server should not get: right requests that were damaged, and noise that looks like RESP.
//
// Their commands read only, and no key exists, so the replies depend on the stream alone and can be compared.

import type { Prng } from '../../src/base/prng.js';

const requests: readonly (readonly string[])[] = [
  ['PING'],
  ['PING', 'greeting'],
  ['ECHO', 'some\r\nbytes\0\xff'],
  ['GET', 'nokey'],
  ['EXISTS', 'a', 'b', 'c'],
  ['TYPE', 'nokey'],
  ['STRLEN', 'nokey'],
  ['LRANGE', 'l', '0', '-1'],
  ['SELECT', '1'],
  ['MULTI'],
  ['EXEC'],
  ['DISCARD'],
  ['GET'],
  ['NOSUCH', 'x'],
  ['ECHO', ''],
  ['ECHO', 'x'.repeat(300)],
  ['OBJECT', 'ENCODING', 'nokey'],
  ['RESET'],
  ['QUIT'],
];
const inlineRequests = [
  'PING',
  'ping "a b"',
  "ECHO 'it\\'s'",
  'ECHO "\\x41\\n\\t\\""',
  'ECHO "open',
  "ECHO 'open",
  'ECHO "a"b',
  '',
  '   ',
  'GET nokey',
  '\tPING\t',
  'ECHO a\0b',
  '\0',
  'EXISTS ' + 'k '.repeat(50),
];
const atoms = [
  '*',
  '$',
  '\r\n',
  '\n',
  '\r',
  '*1\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*-5\r\n',
  '*2\r\n$4\r\n',
  '$4\r\n',
  '$-1\r\n',
  '$0\r\n\r\n',
  '*1048577\r\n',
  '*2147483648\r\n',
  '*99999999999999999999\r\n',
  '*1000000\r\n',
  '*x\r\n',
  '*1x\r\n',
  '* 1\r\n',
  '*+1\r\n',
  '*01\r\n',
  '*1\r\n$536870913\r\n',
  '*1\r\n$536870912\r\n',
  '*1\r\n$-1\r\n',
  '*1\r\n$x\r\n',
  '*1\r\n$4294967296\r\n',
  '*1\r\n:4\r\n',
  '*1\r\n+PING\r\n',
  '*1\r\n$4\r\nPINGxx',
  '*1\r\n$4\nPING\r\n',
  '+OK\r\n',
  ':1\r\n',
  '%1\r\n',
  '>2\r\n',
  '\0',
  '\xff',
  ' ',
  '"',
  "'",
  '\\',
  `*${'1'.repeat(70)}`,
  `$${'1'.repeat(70)}\r\n`,
];

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function randomBytes(prng: Prng, count: number): string {
  let text = '';
  for (let index = 0; index < count; index++) text += String.fromCharCode(prng.below(256));
  return text;
}

function piece(prng: Prng): string {
  switch (prng.below(8)) {
    case 0:
    case 1:
    case 2:
      return encode(prng.pick(requests));
    case 3:
      return `${prng.pick(inlineRequests)}${prng.chance(80) ? '\r\n' : '\n'}`;
    case 4:
      return prng.pick(atoms);
    case 5:
      return prng.pick(atoms) + prng.pick(atoms);
    case 6:
      return randomBytes(prng, prng.below(12));
    default:
      return damaged(prng, encode(prng.pick(requests)));
  }
}

/** The text with a byte changed, left out, put in or doubled, or cut off. */
function damaged(prng: Prng, text: string): string {
  const at = prng.below(text.length);
  switch (prng.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + randomBytes(prng, 1) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + prng.pick(atoms) + text.slice(at);
    case 3:
      return text.slice(0, at) + text.slice(at, at + 1).repeat(2) + text.slice(at + 1);
    case 4:
      return text.slice(0, at);
    default:
      return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << prng.below(8))) + text.slice(at + 1);
  }
}

/** A stream, in the parts in which it is to be sent. */
export function randomStream(prng: Prng): Buffer[] {
  let text = '';
  for (let left = 1 + prng.below(5); left > 0; left--) text += piece(prng);
  const bytes = Buffer.from(text, 'latin1');
  const parts: Buffer[] = [];
  const cuts = prng.chance(60) ? prng.below(4) : 0;
  const places = Array.from({ length: cuts }, () => prng.below(bytes.length + 1)).sort((a, b) => a - b);
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) parts.push(bytes.subarray(from, place));
    from = place;
  }
  return parts;
}
