// reply-reader tests: every type, every cut, and bytes that are no RESP.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyProtocolError, ReplyReader } from './reply-reader.js';
import type { Reply } from './reply.js';

/** A reply as plain values, with strings as one character per byte. */
function plain(reply: Reply): unknown {
  switch (reply.kind) {
    case 'nil':
      return null;
    case 'status':
    case 'error':
    case 'bulk':
      return `${reply.kind} ${Buffer.from(reply.bytes).toString('latin1')}`;
    case 'verbatim':
      return `${reply.format} ${Buffer.from(reply.bytes).toString('latin1')}`;
    case 'integer':
    case 'boolean':
      return reply.value;
    case 'double':
    case 'bignumber':
      return `${reply.kind} ${reply.text}`;
    default:
      return { [reply.kind]: reply.elements.map(plain) };
  }
}

function readAll(reader: ReplyReader): unknown[] {
  const replies: unknown[] = [];
  for (let reply = reader.next(); reply !== undefined; reply = reader.next()) replies.push(plain(reply));
  return replies;
}

const wire = [
  '+OK\r\n',
  '+\r\n',
  '-ERR no\r\n',
  ':0\r\n',
  ':-42\r\n',
  ':9223372036854775807\r\n',
  ':-9223372036854775808\r\n',
  ':9007199254740993\r\n',
  '$5\r\nhello\r\n',
  '$0\r\n\r\n',
  '$4\r\n\r\n\r\n\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '_\r\n',
  '*0\r\n',
  '%0\r\n',
  '~0\r\n',
  '#t\r\n',
  '#f\r\n',
  ',3.25\r\n',
  ',-inf\r\n',
  ',1e300\r\n',
  ',nan\r\n',
  '(12345678901234567890123\r\n',
  '=8\r\ntxt:a\r\nb\r\n',
  '*2\r\n*1\r\n$1\r\na\r\n%1\r\n+k\r\n~2\r\n:1\r\n_\r\n',
  '>2\r\n+message\r\n$1\r\nx\r\n',
  '|1\r\n+ttl\r\n:3\r\n$1\r\nv\r\n',
  '*1\r\n|1\r\n+a\r\n*0\r\n:7\r\n',
].join('');

const expected = [
  'status OK',
  'status ',
  'error ERR no',
  0,
  -42,
  9223372036854775807n,
  -9223372036854775808n,
  9007199254740993n,
  'bulk hello',
  'bulk ',
  'bulk \r\n\r\n',
  null,
  null,
  null,
  { array: [] },
  { map: [] },
  { set: [] },
  true,
  false,
  'double 3.25',
  'double -inf',
  'double 1e300',
  'double nan',
  'bignumber 12345678901234567890123',
  'txt a\r\nb',
  { array: [{ array: ['bulk a'] }, { map: ['status k', { set: [1, null] }] }] },
  { push: ['status message', 'bulk x'] },
  'bulk v',
  { array: [7] },
];

test('every type is read', () => {
  const reader = new ReplyReader();
  reader.feed(Buffer.from(wire, 'latin1'));
  assert.deepEqual(readAll(reader), expected);
  assert.equal(reader.midway, false);
});

test('replies are the same however the bytes are cut', () => {
  for (let size = 1; size < 40; size++) {
    const reader = new ReplyReader();
    const replies: unknown[] = [];
    for (let start = 0; start < wire.length; start += size) {
      reader.feed(Buffer.from(wire.slice(start, start + size), 'latin1'));
      replies.push(...readAll(reader));
    }
    assert.deepEqual(replies, expected, `chunks of ${size} bytes`);
  }
});

test('bytes that are no RESP are refused, as soon as they are seen', () => {
  const broken = [
    'HTTP',
    'x',
    '\r\n',
    ':\r\n',
    ':1x\r\n',
    ':--1\r\n',
    ':99999999999999999999\r\n',
    ':9223372036854775808\r\n',
    '$x\r\n',
    '$-2\r\n',
    '$9999999999\r\n',
    '$1\r\nabc',
    '*x\r\n',
    '*-2\r\n',
    '*9999999999999\r\n',
    '#\r\n',
    '#true\r\n',
    ',\r\n',
    ',1.2.3\r\n',
    ',0x10\r\n',
    '(1.5\r\n',
    '_x\r\n',
    '=3\r\nabc\r\n',
    '=5\r\ntxtab\r\n',
    '*1\r\n'.repeat(10_000),
  ];
  for (const bytes of broken) {
    const reader = new ReplyReader();
    reader.feed(Buffer.from(bytes, 'latin1'));
    assert.throws(() => readAll(reader), ReplyProtocolError, JSON.stringify(bytes.slice(0, 30)));
  }
});

test('a long string in many chunks costs its own size', () => {
  const megabytes = 64;
  const chunk = Buffer.alloc(16 * 1024, 'x');
  const reader = new ReplyReader();
  reader.feed(Buffer.from(`$${megabytes * 1024 * 1024}\r\n`));
  const before = process.cpuUsage();
  for (let index = 0; index < megabytes * 64; index++) {
    assert.equal(reader.next(), undefined);
    reader.feed(chunk);
  }
  reader.feed(Buffer.from('\r\n'));
  const reply = reader.next();
  assert.ok(reply?.kind === 'bulk' && reply.bytes.length === megabytes * 1024 * 1024);
  // Copying what has come with each chunk would be 128 GB.
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 20_000_000, `${user + system} us`);
});

test('random bytes never do anything but give replies or be refused', () => {
  let seed = Number(process.env.SEED ?? 20_240_611);
  console.log(`seed ${seed}`);
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  const alphabet = '+-:$*%~>|_#,(=\r\n0123456789abt.';
  for (let round = 0; round < 3000; round++) {
    const reader = new ReplyReader();
    try {
      for (let chunk = 0; chunk < 5; chunk++) {
        let text = '';
        const length = random(30);
        // Whole replies now and then, so that the reader gets further than the first byte.
        for (let index = 0; index < length; index++)
          text += random(8) === 0 ? '*2\r\n:1\r\n$1\r\na\r\n' : alphabet[random(alphabet.length)]!;
        reader.feed(Buffer.from(text, 'latin1'));
        readAll(reader);
      }
    } catch (error) {
      assert.ok(error instanceof ReplyProtocolError, String(error));
    }
  }
});

test('the bytes after a reply can be taken out', () => {
  const reader = new ReplyReader();
  reader.feed(Buffer.from('+OK\r\n$EOF:abc'));
  assert.deepEqual(plain(reader.next()!), 'status OK');
  assert.equal(Buffer.from(reader.takeRest()).toString(), '$EOF:abc');
  assert.equal(reader.midway, false);
});
