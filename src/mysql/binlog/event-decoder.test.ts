// Events that Debian's MariaDB does not write, byte by byte as MySQL's documentation describes them; and hostile bytes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js';
import { makeColumn } from '../source/table-schema.js';
import { PacketReader } from '../source/binlog-dump.js';
import type { Column } from '../values/column.js';
import { zoneOf } from '../values/time-zone.js';
import { valueText } from '../values/value-text.js';
import {
  bytes,
  event,
  formatDescription,
  lenenc,
  lengthed,
  optionalField,
  rowsHead,
  tableMap,
  u16,
  u32,
  u64,
  u8,
} from '../../../test/mysql/event-bytes.js';
import { BinlogFormatError, ByteCursor } from './byte-cursor.js';
import { ColumnType } from './column-type.js';
import { EventDecoder } from './event-decoder.js';
import type { BinlogEvent } from './event.js';
import { EventType } from './event-type.js';
import { readJson } from './json-binary.js';
import { applyJsonDiffs } from './json-diff.js';
import { jsonText } from './json-value.js';
import { readRows } from './rows.js';

const zone = zoneOf('+00:00')!;
const column = (name: string, dataType: string, columnType = dataType): Column =>
  makeColumn({
    name,
    dataType,
    columnType,
    charset: /char|text/.test(dataType) ? 'utf8mb4' : null,
    isGenerated: false,
  });

function decodeAll(...events: readonly Uint8Array[]): BinlogEvent[] {
  const decoder = new EventDecoder(true);
  const found: BinlogEvent[] = [];
  for (const one of events) decoder.decode(one, (each) => void found.push(each));
  return found;
}

// {"a": 1, "bb": [true, null, "x"], "c": -3.5, "d": 12.30 as DECIMAL}
const smallString = (text: string): Buffer => bytes(u8(text.length), text);
function object(members: readonly (readonly [string, number, Uint8Array | number])[]): Buffer {
  const sorted = [...members].sort(([a], [b]) => a.length - b.length || (a < b ? -1 : 1));
  const names = Buffer.concat(sorted.map(([name]) => Buffer.from(name)));
  const head = 4 + sorted.length * 4 + sorted.length * 3;
  let nameAt = head;
  let valueAt = head + names.length;
  const keys: Buffer[] = [];
  const entries: Buffer[] = [];
  const values: Uint8Array[] = [];
  for (const [name, type, value] of sorted) {
    keys.push(u16(nameAt), u16(name.length));
    nameAt += name.length;
    if (typeof value === 'number') entries.push(bytes(u8(type), u16(value & 0xffff)));
    else {
      entries.push(bytes(u8(type), u16(valueAt)));
      values.push(value);
      valueAt += value.length;
    }
  }
  return bytes(u16(sorted.length), u16(valueAt), ...keys, ...entries, names, ...values);
}
const double = Buffer.alloc(8);
double.writeDoubleLE(-3.5);
const list = bytes(u16(3), u16(4 + 9 + 2), [4], u16(1), [4], u16(0), [12], u16(13), smallString('x'));
// Opaque: DECIMAL(4,2) 12.30: precision, scale, then the digits.
const decimal = bytes(u8(ColumnType.decimal), u8(4), [4, 2, 0x80 | 12, 30]);
const document = bytes(
  [0],
  object([
    ['a', 5, 1],
    ['bb', 2, list],
    ['c', 11, double],
    ['d', 15, decimal],
  ]),
);

describe('binlog events of MySQL 8', () => {
  it('hold JSON in its binary form, which prints as MySQL prints it', () => {
    assert.equal(jsonText(readJson(document)), '{"a": 1, "c": -3.5, "d": 12.30, "bb": [true, null, "x"]}');
    const datetime = (((BigInt(2024 * 13 + 2) << 5n) | 29n) << 17n) | (23n << 12n) | (59n << 6n) | 58n;
    const packed = (datetime << 24n) | 123456n;
    assert.equal(
      jsonText(readJson(bytes([15], u8(ColumnType.datetime), u8(8), u64(packed)))),
      '"2024-02-29 23:59:58.123456"',
    );
    assert.equal(jsonText(readJson(bytes([15], u8(ColumnType.blob), u8(2), [1, 2]))), '"base64:type252:AQI="');
    assert.equal(jsonText(readJson(bytes([10], u64(18446744073709551615n)))), '18446744073709551615');
    const whole = Buffer.alloc(8);
    whole.writeDoubleLE(2);
    assert.equal(jsonText(readJson(bytes([11], whole))), '2.0');
    assert.equal(jsonText(readJson(new Uint8Array(0))), 'null');
  });

  it('hold partial updates of JSON as differences, which are applied in order', () => {
    const diffs = bytes(
      [0],
      lengthed('$.a'),
      lengthed(bytes([12], smallString('new'))),
      [1],
      lengthed('$.bb[1]'),
      lengthed(bytes([5], u16(7))),
      [2],
      lengthed('$.c'),
      [1],
      lengthed('$."a b"'),
      lengthed(bytes([4], [1])),
    );
    const after = applyJsonDiffs(readJson(document), new ByteCursor(diffs));
    assert.equal(jsonText(after), '{"a": "new", "d": 12.30, "bb": [true, 7, null, "x"], "a b": true}');
    assert.throws(
      () => applyJsonDiffs(readJson(document), new ByteCursor(bytes([0], lengthed('$.no.way'), lengthed([4, 0])))),
      BinlogFormatError,
    );

    const columns = [
      { type: ColumnType.long, metadata: [] },
      { type: ColumnType.json, metadata: [4] },
      { type: ColumnType.json, metadata: [4] },
    ];
    const before = bytes([0], u32(1), u32(document.length), document, u32(2), [4, 1]);
    const image = bytes(lenenc(1), [0b01], [0], u32(1), u32(diffs.length), diffs, u32(2), [4, 2]);
    const events = decodeAll(
      formatDescription(),
      event(EventType.tableMap, tableMap(7, 'j', columns)),
      event(EventType.partialUpdateRows, bytes(rowsHead(7, 3, true), before, image)),
    );
    const rows = events[2]!;
    assert.ok(rows.kind === 'rows');
    const changes = readRows(
      rows.head,
      rows.map!,
      [column('id', 'int'), column('j', 'json'), column('k', 'json')],
      zone,
    );
    assert.equal(valueText(changes[0]!.after![1]! as never), jsonText(after));
    assert.equal(valueText(changes[0]!.before![2]! as never), 'true');
    assert.equal(valueText(changes[0]!.after![2]! as never), 'false');
  });

  it('name columns, signs and members in the table map', () => {
    const columns = [
      { type: ColumnType.longLong, metadata: [] },
      { type: ColumnType.year, metadata: [] },
      { type: ColumnType.tiny, metadata: [] },
      { type: ColumnType.string, metadata: [247, 1] },
    ];
    const optional = bytes(
      optionalField(1, [0b0100_0000]),
      optionalField(4, bytes(lengthed('id'), lengthed('y'), lengthed('t'), lengthed('e'))),
      optionalField(6, bytes(lenenc(2), lengthed('one'), lengthed('two'))),
      optionalField(8, [0]),
      optionalField(12, [0xf0]),
    );
    const [, map] = decodeAll(formatDescription(), event(EventType.tableMap, tableMap(8, 'm', columns, optional)));
    assert.ok(map!.kind === 'tableMap');
    assert.deepEqual(map!.map.optional.isUnsigned, [false, false, true, false]);
    assert.deepEqual(map!.map.optional.names, ['id', 'y', 't', 'e']);
    assert.deepEqual(map!.map.optional.primaryKey, [0]);
    assert.equal(Buffer.from(map!.map.optional.members![3]![1]!).toString(), 'two');
  });

  it('have GTIDs, with and without a tag, and sets of them', () => {
    const uuid = Buffer.from('3e11fa47-71ca-11e1-9e33-c80aa9429562'.replaceAll('-', ''), 'hex');
    const plain = bytes([1], uuid, u64(23), [2], u64(1), u64(2));
    // A byte of up to 127 is doubled; one above takes two bytes whose low bits are 01.
    const variable = (value: number): number[] =>
      value < 0x80 ? [value << 1] : [((value & 0x3f) << 2) | 1, value >> 6];
    const tagged = bytes(
      variable(1),
      variable(60),
      variable(9),
      variable(0),
      variable(1),
      variable(1),
      [...uuid].flatMap(variable),
      variable(2),
      variable(23 << 1),
      variable(3),
      variable(4),
      'blue',
    );
    const events = decodeAll(
      formatDescription(),
      event(EventType.gtid, plain),
      event(EventType.gtidTagged, tagged),
      event(EventType.anonymousGtid, plain),
      event(EventType.previousGtids, bytes(u64(1), uuid, u64(2), u64(1), u64(6), u64(8), u64(9))),
    );
    assert.deepEqual(
      events.slice(1).map((one) => ('gtid' in one ? one.gtid : 'gtids' in one ? one.gtids : '')),
      [
        '3e11fa47-71ca-11e1-9e33-c80aa9429562:23',
        '3e11fa47-71ca-11e1-9e33-c80aa9429562:blue:23',
        undefined,
        '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:8',
      ],
    );
    const set = MysqlGtidSet.parse('3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5:7:blue:1-3');
    set.add('3e11fa47-71ca-11e1-9e33-c80aa9429562:6');
    assert.equal(
      set.toString(),
      '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7,3e11fa47-71ca-11e1-9e33-c80aa9429562:blue:1-3',
    );
    assert.ok(set.contains(MysqlGtidSet.parse('3e11fa47-71ca-11e1-9e33-c80aa9429562:2-4')));
    assert.ok(!set.contains(MysqlGtidSet.parse('3e11fa47-71ca-11e1-9e33-c80aa9429562:2-9')));
    const encoded = MysqlGtidSet.parse('3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5').encode();
    assert.deepEqual(encoded, bytes(u64(1), uuid, u64(1), u64(1), u64(6)));
  });

  it('come compressed in a transaction payload', () => {
    const columns = [{ type: ColumnType.long, metadata: [] }];
    const inner = bytes(
      event(EventType.query, bytes(u32(1), u32(0), [4], u16(0), u16(0), 'shop', [0], 'BEGIN'), {
        checksum: false,
        end: 0,
      }),
      event(EventType.tableMap, tableMap(9, 'p', columns), { checksum: false, end: 0 }),
      event(EventType.writeRowsV2, bytes(rowsHead(9, 1, false), [0], u32(41), [0], u32(42)), {
        checksum: false,
        end: 0,
      }),
      event(EventType.xid, u64(5), { checksum: false, end: 0 }),
    );
    // A Zstandard frame with one raw block: magic, a header with the size, the block's size * 8 + 1 (the last), bytes.
    assert.ok(inner.length < 256);
    const frame = bytes(
      [0x28, 0xb5, 0x2f, 0xfd, 0x20, inner.length],
      u32((inner.length << 3) | 1).subarray(0, 3),
      inner,
    );
    const payload = (method: number, content: Buffer): Buffer =>
      event(
        EventType.transactionPayload,
        bytes(
          [1],
          lengthed(lenenc(content.length)),
          [2],
          lengthed(lenenc(method)),
          [3],
          lengthed(lenenc(inner.length)),
          [0],
          content,
        ),
        { end: 5000 },
      );
    for (const [method, content] of [
      [255, inner],
      [0, frame],
    ] as const) {
      const events = decodeAll(formatDescription(), payload(method, content));
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ['format', 'query', 'tableMap', 'rows', 'xid'],
      );
      const rows = events[3]!;
      assert.ok(rows.kind === 'rows');
      assert.deepEqual(
        readRows(rows.head, rows.map!, [column('id', 'int')], zone).map(({ after }) => after![0]),
        [41, 42],
      );
      assert.equal(events[4]!.header.endPosition, 5000);
    }
  });

  it('are refused when their checksum is wrong or their type is unknown', () => {
    const broken = event(EventType.xid, u64(5));
    broken[20]! ^= 1;
    assert.throws(() => decodeAll(formatDescription(), broken), /checksum/);
    assert.throws(() => decodeAll(formatDescription(), event(43, u64(5))), /does not know/);
    assert.equal(decodeAll(formatDescription(), event(43, u64(5), { flags: 0x80 }))[1]!.kind, 'other');
  });
});

describe('hostile bytes', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const columns = [
    { type: ColumnType.longLong, metadata: [] },
    { type: ColumnType.varchar, metadata: [200, 0] },
    { type: ColumnType.json, metadata: [4] },
    { type: ColumnType.decimal, metadata: [10, 2] },
    { type: ColumnType.blob, metadata: [2] },
    { type: ColumnType.datetime2, metadata: [6] },
    { type: ColumnType.time2, metadata: [3] },
    { type: ColumnType.bit, metadata: [3, 1] },
  ];
  const named = [
    column('a', 'bigint'),
    column('b', 'varchar'),
    column('c', 'json'),
    column('d', 'decimal', 'decimal(10,2)'),
    column('e', 'blob'),
    column('f', 'datetime'),
    column('g', 'time'),
    column('h', 'bit'),
  ];
  const row = bytes(
    [0],
    u64(1),
    [3],
    'abc',
    u32(document.length),
    document,
    [0x80, 0, 0, 1, 5],
    u16(2),
    [1, 2],
    [0x99, 0xb0, 0, 0, 0, 0, 0, 0],
    [0x80, 0, 0, 0, 0],
    [1, 2],
  );
  const originals = [
    formatDescription('8.0.36', false),
    event(
      EventType.tableMap,
      tableMap(7, 'f', columns, bytes(optionalField(1, [0]), optionalField(4, lengthed('a')))),
      { checksum: false },
    ),
    event(EventType.tableMap, tableMap(7, 'f', columns), { checksum: false }),
    event(EventType.writeRowsV2, bytes(rowsHead(7, 8, false), row, row), { checksum: false }),
    event(EventType.query, bytes(u32(1), u32(0), [4], u16(0), u16(0), 'shop', [0], 'DROP TABLE x'), {
      checksum: false,
    }),
    event(
      EventType.mariadbQueryCompressed,
      bytes(u32(1), u32(0), [4], u16(0), u16(0), 'shop', [0], [0x81, 9], [1, 2, 3]),
      { checksum: false },
    ),
    event(EventType.previousGtids, bytes(u64(1), new Uint8Array(16), u64(1), u64(1), u64(6)), { checksum: false }),
    event(
      EventType.transactionPayload,
      bytes([1], lengthed(lenenc(4)), [2], lengthed([0]), [3], lengthed([200]), [0], [0x28, 0xb5, 0x2f, 0xfd]),
      { checksum: false },
    ),
    event(EventType.mariadbGtidList, bytes(u32(1), u32(0), u32(1), u64(9)), { checksum: false }),
    event(EventType.heartbeatV2, bytes([1], lengthed('file'), [2], lengthed(lenenc(9))), { checksum: false }),
    event(EventType.gtidTagged, new Uint8Array(30).fill(7), { checksum: false }),
  ];

  it(`are refused by an error of the format, whatever they are (seed ${seed})`, () => {
    const random = new Prng(seed);
    const rounds = Number(process.env.KVASIR_MYSQL_FUZZ ?? 1500);
    let refused = 0;
    let taken = 0;
    for (let round = 0; round < rounds; round++) {
      const decoder = new EventDecoder(false);
      for (const original of originals) {
        let bytesOf = Buffer.from(original);
        for (let count = random.below(3); count > 0; count--) bytesOf[random.below(bytesOf.length)] = random.below(256);
        if (random.below(4) === 0) bytesOf = bytesOf.subarray(0, random.below(bytesOf.length + 1));
        // The size in the header is right, so that what is within is looked at.
        if (bytesOf.length >= 19 && random.below(4) > 0) bytesOf.writeUInt32LE(bytesOf.length, 9);
        try {
          decoder.decode(bytesOf, (one) => {
            taken++;
            if (one.kind === 'rows' && one.map !== undefined) readRows(one.head, one.map, named, zone);
          });
        } catch (error) {
          refused++;
          assert.ok(error instanceof BinlogFormatError, `seed ${seed}, round ${round}: ${(error as Error).stack}`);
        }
      }
    }
    assert.ok(refused > rounds / 4 && taken > rounds, `${refused} refused, ${taken} taken`);
  });

  it(`of a document cost no more than their length (seed ${seed})`, () => {
    const random = new Prng(seed);
    for (let round = 0; round < 5000; round++) {
      const broken = Buffer.from(document);
      for (let count = 1 + random.below(4); count > 0; count--) broken[random.below(broken.length)] = random.below(256);
      try {
        assert.ok(jsonText(readJson(broken)).length < 10_000);
      } catch (error) {
        assert.ok(
          error instanceof BinlogFormatError || ((error as Error).name === 'AssertionError') === false,
          (error as Error).stack,
        );
      }
    }
    // Arrays whose elements are all the same array, again and again.
    const levels = 30;
    const size = 4 + 3 * 2;
    const bomb = Buffer.alloc(1 + size * levels);
    bomb[0] = 2;
    for (let level = 0; level < levels; level++) {
      const at = 1 + level * size;
      bomb.writeUInt16LE(2, at);
      bomb.writeUInt16LE(bomb.length - at, at + 2);
      for (const entry of [0, 1]) {
        bomb[at + 4 + entry * 3] = 2;
        bomb.writeUInt16LE(size, at + 5 + entry * 3);
      }
    }
    assert.throws(() => readJson(bomb), BinlogFormatError);
  });

  it('of packets are joined however they are cut, and lengths that nobody can hold are refused', () => {
    const reader = new PacketReader();
    const packets = [bytes([3, 0, 0, 0], 'abc'), bytes([0, 0, 0, 1]), bytes([1, 0, 0, 2], 'x')];
    const stream = Buffer.concat(packets);
    const found: string[] = [];
    for (let at = 0; at < stream.length; at++) {
      reader.feed(stream.subarray(at, at + 1));
      for (let body = reader.next(); body !== undefined; body = reader.next()) found.push(body.toString());
    }
    assert.deepEqual(found, ['abc', '', 'x']);
  });
});
