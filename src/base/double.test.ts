import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addExtended, extendedText, parseExtended } from './double-exact.js';
import { DOUBLE_TEXT_BYTES_MAX, doubleText, formatDouble, parseDouble, parseDoubleLoosely } from './double.js';
import { Prng } from './prng.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const encoder = new TextEncoder();
const out = new Uint8Array(64);

function strict(text: string): number {
  const bytes = encoder.encode(`<${text}>`);
  return parseDouble(bytes, 1, bytes.length - 2);
}

function loose(text: string): number {
  const bytes = encoder.encode(`<${text}>`);
  return parseDoubleLoosely(bytes, 1, bytes.length - 2);
}

function printed(value: number): string {
  return Buffer.from(out.subarray(3, formatDouble(value, out, 3))).toString('latin1');
}

function sum(a: string, b: string): string | undefined {
  const one = parseExtended(encoder.encode(a), 0, a.length);
  const two = parseExtended(encoder.encode(b), 0, b.length);
  if (typeof one !== 'object' || typeof two !== 'object') return undefined;
  const total = addExtended(one, two);
  return total === undefined ? undefined : extendedText(total);
}

test('doubles are read as strtod reads them', () => {
  const good: [string, number][] = [
    ['0', 0],
    ['-0', -0],
    ['+1', 1],
    ['3.3', 3.3],
    ['.5', 0.5],
    ['5.', 5],
    ['1e20', 1e20],
    ['1E-5', 1e-5],
    ['1e+22', 1e22],
    ['123456789012345678', 123456789012345680],
    ['9007199254740993', 9007199254740992],
    ['0.1e1', 1],
    ['0e999', 0],
    ['4.9e-324', 5e-324],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['0x10', 16],
    ['0x.8', 0.5],
    ['0X1p3', 8],
    ['-0x1p-1074', -5e-324],
    ['0x1.fffffffffffff8p0', 2],
    ['0x1.fffffffffffff7p0', 2 - 2 ** -52],
    ['inf', Infinity],
    ['-INF', -Infinity],
    ['+Infinity', Infinity],
    ['0.000000000000000000000000000001', 1e-30],
    ['0000000000000000000000000001.5', 1.5],
  ];
  for (const [text, value] of good) {
    assert.ok(Object.is(strict(text), value), `${text}: ${strict(text)}`);
    assert.ok(Object.is(loose(text), value), text);
  }
  for (const text of [
    'nan',
    'NaN',
    'nan(1)',
    'infx',
    'in',
    '.',
    '',
    'e5',
    '-',
    '+',
    '--1',
    '1e',
    '1e+',
    '1_0',
    '0x',
    '0xg',
    '0x1p',
    '1 ',
    '1.2.3',
    '1\0',
    '٣',
  ]) {
    assert.ok(Number.isNaN(strict(text)), text);
  }
  for (const text of [' 1', '1e400', '-1e400', '1e-400', '0x1p1024', '0x1p-1080', '1e99999999999999999999'])
    assert.ok(Number.isNaN(strict(text)), text);
});

test('the ends of ranges are read more loosely', () => {
  assert.equal(loose(''), 0);
  assert.equal(loose(' 1'), 1);
  assert.equal(loose('\t\n-2'), -2);
  assert.equal(loose('1e400'), Infinity);
  assert.equal(loose('-1e400'), -Infinity);
  assert.equal(loose('1e-400'), 0);
  assert.equal(loose('5\0junk'), 5);
  for (const text of [' ', 'nan', 'a', '1 ', '1e']) assert.ok(Number.isNaN(loose(text)), text);
});

test('doubles are printed as redis-server prints them since 7.2', () => {
  // Replies of a redis-server of October 2024 (8.0-dev) to ZADD and ZSCORE.
  const cases: [number, string][] = [
    [3.3, '3.3'],
    [-3.3, '-3.3'],
    [0.1, '0.1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [123.456, '123.456'],
    [100, '100'],
    [1e15, '1000000000000000'],
    [1e16, '10000000000000000'],
    [1e17, '100000000000000000'],
    [1e18, '1000000000000000000'],
    [1e19, '1e+19'],
    [1e20, '1e+20'],
    [1e21, '1e+21'],
    [1e22, '1e+22'],
    [1e100, '1e+100'],
    [-1e100, '-1e+100'],
    [1.5e100, '1.5e+100'],
    [-1.5e-100, '-1.5e-100'],
    [1.25e25, '1.25e+25'],
    [1.5e300, '1.5e+300'],
    [123456789012345680000, '123456789012345680000'],
    [99999999999999980000, '99999999999999980000'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [-1.7976931348623157e308, '-1.7976931348623157e+308'],
    [5e-324, '5e-324'],
    [2.2250738585072014e-308, '2.2250738585072014e-308'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [0, '0'],
    [-0, '-0'],
    [9007199254740992, '9007199254740992'],
    [9007199254740994, '9007199254740994'],
    [-9007199254740992, '-9007199254740992'],
    [12345678901234568, '12345678901234568'],
    [1234567890123456789, '1234567890123456768'],
    [2 ** 62, '4611686018427387904'],
    [-(2 ** 62), '-4611686018427387904'],
    [2 ** 63, '9223372036854776000'],
    [-(2 ** 63), '-9223372036854776000'],
    [2.5e17, '250000000000000000'],
    [0.0001, '0.0001'],
    [0.00001, '0.00001'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [1.5e-7, '1.5e-7'],
    [1e-10, '1e-10'],
    [1.23e-10, '1.23e-10'],
    [1.2345678901234567e-10, '1.2345678901234568e-10'],
    [9.5e-5, '0.000095'],
    [1.2e-5, '0.000012'],
    [1.1e-5, '0.000011'],
    [0.00012345, '1.2345e-4'],
    [0.000012345, '1.2345e-5'],
    [1234567890.1234567, '1.2345678901234567e+9'],
    [12345678901234.567, '12345678901234.566'],
    [1000000000000000.5, '1000000000000000.5'],
    [17179869184.5, '17179869184.5'],
    [4503599627370498, '4503599627370498'],
  ];
  for (const [value, text] of cases) {
    assert.equal(printed(value), text);
    assert.ok(text.length <= DOUBLE_TEXT_BYTES_MAX);
  }
  assert.equal(printed(NaN), 'nan');
  assert.equal(printed(-1.2345678901234567e23).length, DOUBLE_TEXT_BYTES_MAX);
});

test('doubles are printed as %.17g prints them where that is asked for', () => {
  const cases: [number, string][] = [
    [3.3, '3.2999999999999998'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1e20, '1e+20'],
    [1e300, '1.0000000000000001e+300'],
    [-0, '-0'],
    [0, '0'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [1e16, '10000000000000000'],
    [1e17, '1e+17'],
    [123456789012345680, '1.2345678901234568e+17'],
    [9007199254740992, '9007199254740992'],
    [98765432109876544, '98765432109876544'],
    [1.5e-7, '1.4999999999999999e-07'],
    [0.0001, '0.0001'],
    [0.00001, '1.0000000000000001e-05'],
    [5e-324, '4.9406564584124654e-324'],
    [-1.7976931348623157e308, '-1.7976931348623157e+308'],
    [1234567.25, '1234567.25'],
    [-1000000000, '-1000000000'],
    [2251799813685249.5, '2251799813685249.5'],
    [1704826840211254.25, '1704826840211254.2'],
    [1704826840211254.75, '1704826840211254.8'],
    [1000000000000, '1000000000000'],
  ];
  for (const [value, text] of cases) assert.equal(doubleText(value), text);
});

test('the digits that are printed are the shortest', () => {
  const prng = new Prng(seed);
  const digitsOf = (text: string): string =>
    text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
  const check = (value: number): void => {
    const text = printed(value);
    assert.equal(Number(text), value, `seed ${seed}: ${value} is printed as ${text}`);
    // Whole numbers may be printed with all their digits.
    if (Math.abs(value) >= 2 ** 53 && Math.abs(value) <= 2 ** 62) return;
    assert.equal(digitsOf(text), digitsOf(String(value)), `seed ${seed}: ${value} is printed as ${text}`);
    assert.ok(text.length <= DOUBLE_TEXT_BYTES_MAX);
  };
  for (let round = 0; round < 30_000; round++) {
    check((prng.chance(50) ? 1 : -1) * prng.unit() * 10 ** (prng.unit() * 23 - 5));
    check(prng.below(1_000_000) / 10 ** prng.below(8));
    check(prng.below(1 << 30) / 2 ** prng.below(40));
    check(Number(`${prng.below(1 << 30)}e${prng.below(600) - 300}`));
  }
  const doubles = new Float64Array(1);
  const bits = new BigInt64Array(doubles.buffer);
  for (let power = -12; power <= 24; power++) {
    for (let nearby = -3n; nearby <= 3n; nearby++) {
      doubles[0] = 10 ** power;
      bits[0]! += nearby;
      check(doubles[0]!);
    }
  }
});

test('text of 16 to 19 digits is rounded once, also near the middle between two doubles', () => {
  const prng = new Prng(seed);
  const digits = (count: number): string => Array.from({ length: count }, () => String(prng.below(10))).join('');
  for (let round = 0; round < 30_000; round++) {
    const plain = `${1 + prng.below(9)}${digits(prng.below(12))}.${digits(1 + prng.below(18))}`;
    // An odd multiple of half a unit of the last place, and one digit beside it.
    const middle = (2n ** 53n + BigInt(prng.below(1_000_000))) * 2n + 1n;
    const places = 1 + prng.below(4);
    const exact = (middle * 5n ** BigInt(places)).toString();
    const cut = exact.length - places;
    for (const text of [
      plain,
      `${exact.slice(0, cut)}.${exact.slice(cut)}`,
      `${exact.slice(0, cut)}.${exact.slice(cut)}1`,
    ]) {
      assert.equal(strict(text), Number(text), `seed ${seed}: ${text}`);
    }
  }
});

test('what is printed reads back as the same number', () => {
  const prng = new Prng(seed);
  const words = new Uint32Array(2);
  const doubles = new Float64Array(words.buffer);
  for (let round = 0; round < 20_000; round++) {
    words[0] = prng.uint32();
    words[1] = prng.uint32();
    const value =
      round % 3 === 0
        ? prng.below(1_000_000) / 100
        : round % 3 === 1
          ? Math.floor(prng.unit() * 2 ** prng.below(54))
          : doubles[0]!;
    if (!Number.isFinite(value)) continue;
    assert.equal(strict(printed(value)), value, `seed ${seed} round ${round}`);
    assert.equal(strict(String(value)), value, `seed ${seed} round ${round}`);
  }
});

test('sums have the digits of an x87 long double', () => {
  const cases: [string, string, string][] = [
    ['0.1', '0.2', '0.3'],
    ['3.0e3', '200', '3200'],
    ['1.1', '2.2', '3.3'],
    ['5.0e3', '2.0e2', '5200'],
    ['10.50', '0.1', '10.6'],
    ['-1.5', '1.5', '0'],
    ['123456789012345678', '1', '123456789012345679'],
    ['9223372036854775807', '1', '9223372036854775808'],
    ['3.14159265358979323846', '0', '3.14159265358979324'],
    ['1e-18', '0', '0'],
    ['-1e-18', '0', '0'],
    ['0x10', '0.5', '16.5'],
    ['1e17', '0.1', '100000000000000000.1015625'],
  ];
  for (const [a, b, expected] of cases) {
    assert.equal(sum(a, b), expected, `${a} + ${b}`);
  }
  assert.equal(parseExtended(encoder.encode('inf'), 0, 3), 'inf');
  for (const text of ['', 'nan', '1 ', ' 1', '1e', '1e5000', '1e-5000', '0x', 'x'.repeat(6000), '.', '1\0']) {
    assert.equal(parseExtended(encoder.encode(text), 0, text.length), undefined, text.slice(0, 20));
  }
  assert.equal(sum('1e4932', '1e4932'), undefined);
});
