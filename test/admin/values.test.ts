// The page's texts of bytes and its forms of values: what goes in comes back, and no bytes bring it down.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { textOfBytes } from '../../src/admin/text-bytes.js';
import { Prng } from '../../src/base/prng.js';
import { importPageModule } from './page-module.js';

interface Bytes {
  bytesOf(text: string): Uint8Array;
  textOf(bytes: Uint8Array): string;
  shown(text: string): string;
  unshown(text: string): string;
  shownStart(text: string, lengthMax?: number): string;
  escapedPattern(text: string): string;
}

interface Decoders {
  decode(text: string, form: string): Promise<string>;
  encode(edited: string, form: string): string;
  guessForm(text: string): string;
  readonly forms: readonly (readonly [string, string])[];
}

const seed = Number(process.env.KVASIR_VALUES_SEED ?? Date.now() % 1_000_000);

/** Pieces of names that have been taken for something else. */
const pieces = [
  '\\',
  'x',
  '41',
  '\\x41',
  '\\x5c',
  '\n',
  '\t',
  '"',
  'a',
  'é',
  '中',
  '😀',
  '\u202e',
  '\u200b',
  '\u0085',
  '\ufeff',
  '\0',
];

function randomBytes(random: Prng): Uint8Array {
  const parts = Array.from({ length: random.below(8) }, () =>
    random.below(4) === 0 ? Buffer.from([random.below(256)]) : Buffer.from(pieces[random.below(pieces.length)]!),
  );
  return Buffer.concat(parts);
}

describe(`bytes as the page shows them (seed ${seed})`, () => {
  let page: Bytes;
  before(async () => {
    page = await importPageModule<Bytes>('base/bytes');
  });

  it('are the same text as those of the program, and the same bytes again', () => {
    const random = new Prng(seed);
    for (let round = 0; round < 5000; round++) {
      const bytes = randomBytes(random);
      const text = textOfBytes(bytes);
      assert.equal(page.textOf(bytes), text);
      assert.deepEqual(Buffer.from(page.bytesOf(text)), Buffer.from(bytes));
    }
  });

  it('are shown so that what is typed again is the same, without a character that nobody sees', () => {
    const random = new Prng(seed);
    for (let round = 0; round < 5000; round++) {
      const text = textOfBytes(randomBytes(random));
      const shown = page.shown(text);
      assert.equal(page.unshown(shown), text, JSON.stringify(shown));
      assert.doesNotMatch(shown, /[\p{Cc}\u202e\u200b\ufeff\udc80-\udcff]/u);
    }
    assert.equal(page.shown('\\x41'), '\\x5cx41');
    assert.equal(page.shown('a\u202eb'), 'a\\xe2\\x80\\xaeb');
    assert.equal(page.shownStart('é'.repeat(1000), 3), 'ééé…');
    assert.equal(page.escapedPattern('a*[b]?\\'), 'a\\*\\[b\\]\\?\\\\');
  });
});

describe(`forms of values (seed ${seed})`, () => {
  let page: Decoders;
  before(async () => {
    page = await importPageModule<Decoders>('values/decoders');
  });
  const text = (bytes: Uint8Array | readonly number[]): string => textOfBytes(Buffer.from(bytes));
  const php =
    'a:3:{i:0;s:3:"one";s:1:"k";O:4:"User":2:{s:4:"name";s:3:"Ada";s:2:"ok";b:1;}s:1:"n";a:2:{i:0;d:1.5;i:1;N;}}';
  /** {"a": [1, -1, 300, null, true], "b": "é"} */
  const packed = [0x82, 0xa1, 0x61, 0x95, 1, 0xff, 0xcd, 1, 0x2c, 0xc0, 0xc3, 0xa1, 0x62, 0xa2, 0xc3, 0xa9];
  const samples: readonly (readonly [string, string])[] = [
    ['text', 'hello'],
    ['json', '{"id": 12345678901234567890, "list": []}'],
    ['php', php],
    ['msgpack', text(packed)],
    ['gzip', text(gzipSync('{"zipped":true}'))],
    ['gzip', text(deflateSync('plain text'))],
    ['hex', text([0x80, 0xfe, 0])],
  ];

  it('are found by the bytes', () => {
    for (const [form, value] of samples) assert.equal(page.guessForm(value), form, JSON.stringify(value));
  });

  it('show what the bytes hold', async () => {
    assert.equal(
      await page.decode('{"id":12345678901234567890,"list":[],"in":{"a":[1,2]}}', 'json'),
      '{\n  "id": 12345678901234567890,\n  "list": [],\n  "in": {\n    "a": [\n      1,\n      2\n    ]\n  }\n}',
    );
    assert.deepEqual(JSON.parse(await page.decode(text(packed), 'msgpack')), { a: [1, -1, 300, null, true], b: 'é' });
    assert.deepEqual(JSON.parse(await page.decode(php, 'php')), {
      0: 'one',
      k: { class: 'User', properties: { name: 'Ada', ok: true } },
      n: [1.5, null],
    });
    assert.equal(await page.decode(samples[4]![1], 'gzip'), '{\n  "zipped": true\n}');
    assert.equal(await page.decode(samples[5]![1], 'gzip'), 'plain text');
    assert.match(await page.decode(text([0x80, 0xfe, 0x41]), 'hex'), /^00000000 {2}80 fe 41 +\.\.A$/);
    for (const form of ['hex', 'base64'])
      assert.equal(page.encode(await page.decode(text(packed), form), form), text(packed), form);
  });

  it('of damaged and hostile bytes fail with a reason, and soon', async () => {
    const random = new Prng(seed);
    for (let round = 0; round < 300; round++) {
      const [, value] = samples[random.below(samples.length)]!;
      const bytes = Buffer.from(value, 'utf8');
      bytes[random.below(bytes.length)] = random.below(256);
      const damaged = text(bytes.subarray(0, 1 + random.below(bytes.length)));
      for (const [form] of page.forms)
        await page.decode(damaged, form).catch((error: unknown) => assert.ok(error instanceof Error));
      page.guessForm(damaged);
    }
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    assert.ok((await page.decode(deep, 'json')).length < 10_000_000);
    const wide = `[${'[],'.repeat(300_000)}[]]`;
    assert.ok((await page.decode(wide, 'json')).length < 10_000_000);
    await assert.rejects(page.decode(text(Buffer.alloc(100_000, 0x91)), 'msgpack'), /too deep/);
    await assert.rejects(page.decode('a:1:{i:0;'.repeat(10_000), 'php'), /too deep/);
  });
});
