// The short ways between RDB bytes and JSON lines must give what the long ways give, for any bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { RdbType, ValueKind } from '../../persistence/rdb/format.js';
import { Compression, RdbWriter } from '../../persistence/rdb/writer.js';
import { CommandEncoder } from '../link/command-encoder.js';
import { RespEncoder } from '../link/resp-encoder.js';
import { expireCommand, valueCommands } from '../record/commands.js';
import { valueOf } from '../record/decode.js';
import { plainType, writeValue } from '../record/encode.js';
import { type KeyRecord, keyRecord } from '../record/record.js';
import { kindNumber, type Value } from '../record/values.js';
import { JsonBytes } from './json-bytes.js';
import { kvasirLine, readKvasirLine } from './kvasir-format.js';
import { LineParser } from './line-parser.js';
import { KvasirRecordWriter, RedisRecordWriter } from './record-writer.js';
import { RedisDumpWriter, readRedisDump, UnfitRecord } from './redis-dump-format.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 1e9);
const NOW_MS = 1_700_000_000_000;

const texts = [
  '',
  'a',
  '12',
  '-0',
  '00',
  'plain text',
  'quote " and \\',
  'line\n\r\t\b\f\x01\x7f',
  'grüße',
  '日本',
  '😀',
  '\u2028',
];

function randomBytes(random: Prng): Uint8Array {
  const choice = random.below(20);
  if (choice < texts.length) return Buffer.from(texts[choice]!);
  if (choice < 15) return Buffer.from(String(random.uint32() - 2 ** 31));
  const isBinary = choice > 17;
  return Uint8Array.from({ length: random.below(40) }, () => (isBinary ? random.below(256) : 32 + random.below(90)));
}

const scores = [0, -0, 1.5, -3, 1e21, 1e-7, Infinity, -Infinity, 2 ** 53, 0.1, 123456789012345680];

function randomValue(random: Prng): Value {
  const count = 1 + random.below(random.below(10) === 0 ? 1200 : 6);
  const elements = Array.from({ length: count }, () => randomBytes(random));
  switch (random.below(5)) {
    case 0:
      return { kind: 'string', bytes: elements[0]! };
    case 1:
      return { kind: 'list', elements };
    case 2:
      return { kind: 'set', elements };
    case 3:
      return { kind: 'zset', elements, scores: elements.map(() => scores[random.below(scores.length)]!) };
    default: {
      const fields = elements.map((one, index) => Buffer.concat([Buffer.from(`${index}`), one]));
      const expires = random.below(3) === 0;
      const expireAtMs = expires ? fields.map(() => random.below(2) * (NOW_MS + random.below(1000))) : [];
      return { kind: 'hash', fields, values: elements, expireAtMs };
    }
  }
}

function rawRecord(random: Prng): KeyRecord {
  const value = randomValue(random);
  const rdbType = plainType(value, 12);
  const writer = new RdbWriter(random.below(2) === 0 ? Compression.none : Compression.inline);
  writeValue(writer, value, rdbType);
  return keyRecord({
    database: random.below(3),
    key: randomBytes(random),
    kind: kindNumber(value.kind),
    expireAtMs: random.below(2) === 0 ? -1 : NOW_MS + random.below(1e9),
    idleSeconds: random.below(3) === 0 ? 5 : -1,
    rdbType,
    raw: writer.bytes.slice(0, writer.length),
  });
}

test('the short ways to JSON and commands write what the long ways write', () => {
  const random = new Prng(seed);
  const bytes = new JsonBytes();
  const kvasir = new KvasirRecordWriter(bytes);
  const redis = new RedisRecordWriter(bytes);
  for (let round = 0; round < 150; round++) {
    const record = rawRecord(random);
    const message = `seed ${seed}, round ${round}`;
    const value = valueOf({ ...record });
    bytes.length = 0;
    assert.equal(kvasir.write(record), true, message);
    assert.equal(bytes.bytes.toString('utf8', 0, bytes.length), kvasirLine(record, value), message);

    bytes.length = 0;
    let line: string | undefined;
    try {
      line = new RedisDumpWriter(false).format(record, value, NOW_MS);
    } catch (error) {
      if (!(error instanceof UnfitRecord)) throw error;
    }
    assert.equal(redis.write(record, NOW_MS), line !== undefined, message);
    if (line === undefined) assert.equal(bytes.length, 0, message);
    else assert.equal(bytes.bytes.toString('utf8', 0, bytes.length), line, message);

    const long = new RespEncoder();
    valueCommands(record.key, value, (words) => long.command(words));
    expireCommand(record.key, record.expireAtMs, (words) => long.command(words));
    const short = new RespEncoder();
    const encoder = new CommandEncoder(short);
    encoder.value(record, false, () => undefined);
    encoder.expiry(record, () => undefined);
    assert.ok(short.take().equals(long.take()), message);
  }
});

test('the short way from JSON reads what JSON.parse reads', () => {
  const random = new Prng(seed + 1);
  let taken = 0;
  for (const isRedis of [false, true]) {
    const parser = new LineParser({ isRedis, nowMs: () => NOW_MS });
    for (let round = 0; round < 200; round++) {
      const record = rawRecord(random);
      const message = `seed ${seed}, round ${round}`;
      let line: string;
      try {
        const value = valueOf({ ...record });
        line = isRedis ? new RedisDumpWriter(false).format(record, value, NOW_MS) : kvasirLine(record, value);
      } catch {
        continue;
      }
      // Escapes that no writer here makes, but others do; and damage.
      const change = random.below(6);
      if (change === 0)
        line = line.replace(/[^\0-\x7f]/gu, (one) =>
          [...one]
            .map((c) =>
              c
                .split('')
                .map((u) => `\\u${u.charCodeAt(0).toString(16).padStart(4, '0')}`)
                .join(''),
            )
            .join(''),
        );
      else if (change === 1) line = line.replace(/([,:])"/, '$1 \n"');
      const input = Buffer.from(line.trimEnd());
      if (change === 2 && input.length > 0) input[random.below(input.length)] = random.below(256);
      const read = parser.parse(input);
      if (read === undefined) continue;
      taken++;
      const parsed = JSON.parse(input.toString()) as Record<string, unknown>;
      const expected = isRedis
        ? readRedisDump(parsed, (text) => Buffer.from(text), { base64: false, nowMs: NOW_MS })!
        : (readKvasirLine(parsed) as KeyRecord);
      assert.deepEqual(plain(read), plain(expected), `${message}: ${line}`);
    }
  }
  assert.ok(taken > 150, `seed ${seed}: only ${taken} lines went the short way`);
});

function plain(record: KeyRecord): unknown {
  const { database, key, kind, expireAtMs, idleSeconds, frequency, part } = record;
  const writer = new RdbWriter(Compression.none);
  const elements = sorted(valueOf(record));
  writeValue(writer, elements, plainType(elements, 12));
  const value = Buffer.from(writer.bytes.subarray(0, writer.length)).toString('latin1');
  return { database, key: Buffer.from(key).toString('latin1'), kind, expireAtMs, idleSeconds, frequency, part, value };
}

/** Fields of a hash in an order of their own: objects of JavaScript do not keep it. */
function sorted(value: Value): Value {
  if (value.kind !== 'hash') return value;
  const places = value.fields.map((_, index) => index);
  places.sort((a, b) => Buffer.compare(value.fields[a]!, value.fields[b]!));
  return {
    ...value,
    fields: places.map((at) => value.fields[at]!),
    values: places.map((at) => value.values[at]!),
    expireAtMs: value.expireAtMs.length === 0 ? [] : places.map((at) => value.expireAtMs[at]!),
  };
}

test('a field that stands twice in a hash does not go the short way', () => {
  const parser = new LineParser({ isRedis: true, nowMs: () => NOW_MS });
  const line = (fields: string): Uint8Array => Buffer.from(`{"db":0,"key":"k","type":"hash","value":{${fields}}}`);
  assert.equal(parser.parse(line('"a":"1","b":"2"'))?.rdbType, RdbType.hash);
  assert.equal(parser.parse(line('"a":"1","a":"2"')), undefined);
  assert.equal(parser.parse(line('"a":"1"'))?.kind, ValueKind.hash);
});
