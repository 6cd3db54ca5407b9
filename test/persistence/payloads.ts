// payloads: bytes of RDB values made by hand, of every encoding from version 1 on, sound or wrong in a chosen way.

import { Crc64 } from '../../src/base/crc64.js';

type Bytes = Uint8Array | string;

const buffer = (bytes: Bytes): Buffer =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);

/** A length of the RDB format. */
export function length(value: number): Buffer {
  if (value < 64) return Buffer.of(value);
  if (value < 16384) return Buffer.of(0x40 | (value >> 8), value & 255);
  const bytes = Buffer.alloc(5);
  bytes[0] = 0x80;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

/** A string of the RDB format. */
export function string(value: Bytes): Buffer {
  const bytes = buffer(value);
  return Buffer.concat([length(bytes.length), bytes]);
}

export function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

export function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

export function ziplist(items: readonly Bytes[], declared = items.length): Buffer {
  const body: Buffer[] = [];
  let previous = 0;
  let tail = 10;
  let at = 10;
  for (const item of items) {
    const bytes = buffer(item);
    const entry = Buffer.concat([Buffer.of(previous, bytes.length), bytes]);
    body.push(entry);
    tail = at;
    at += entry.length;
    previous = entry.length;
  }
  const head = Buffer.alloc(10);
  head.writeUInt32LE(at + 1, 0);
  head.writeUInt32LE(tail, 4);
  head.writeUInt16LE(declared, 8);
  return Buffer.concat([head, ...body, Buffer.of(255)]);
}

/** Numbers become integers of 7, 13 or 32 bits, strings short strings. */
export function listpack(items: readonly (Bytes | number)[], declared = items.length): Buffer {
  const body = items.map((item) => {
    let entry: Buffer;
    if (typeof item !== 'number') entry = Buffer.concat([Buffer.of(0x80 | item.length), buffer(item)]);
    else if (item >= 0 && item < 128) entry = Buffer.of(item);
    else if (item >= -4096 && item < 4096) entry = Buffer.of(0xc0 | ((item >> 8) & 31), item & 255);
    else {
      entry = Buffer.alloc(5);
      entry[0] = 0xf3;
      entry.writeInt32LE(item, 1);
    }
    return Buffer.concat([entry, Buffer.of(entry.length)]);
  });
  const bytes = Buffer.concat([Buffer.alloc(6), ...body, Buffer.of(255)]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(declared, 4);
  return bytes;
}

export function intset(values: readonly number[], width: 2 | 4 | 8): Buffer {
  const bytes = Buffer.alloc(8 + values.length * width);
  bytes.writeUInt32LE(width, 0);
  bytes.writeUInt32LE(values.length, 4);
  values.forEach((value, index) => {
    const at = 8 + index * width;
    if (width === 2) bytes.writeInt16LE(value, at);
    else if (width === 4) bytes.writeInt32LE(value, at);
    else bytes.writeBigInt64LE(BigInt(value), at);
  });
  return bytes;
}

export function zipmap(pairs: readonly (readonly [string, string])[], declared = pairs.length): Buffer {
  const parts = pairs.map(([field, value]) =>
    Buffer.concat([Buffer.of(field.length), Buffer.from(field), Buffer.of(value.length, 1), Buffer.from(`${value}.`)]),
  );
  return Buffer.concat([Buffer.of(declared), ...parts, Buffer.of(255)]);
}

export interface StreamEntry {
  readonly ms: number;
  readonly fields?: readonly string[];
  readonly values: readonly string[];
  readonly isDeleted?: boolean;
}

export interface StreamNode {
  readonly ms: number;
  readonly fields: readonly string[];
  readonly entries: readonly StreamEntry[];
  /** Counts of the master entry, where they differ. */
  readonly live?: number;
  readonly deleted?: number;
  /** Added to the count of elements at each entry's end. */
  readonly endOff?: number;
}

export interface StreamGroup {
  readonly name: string;
  readonly lastMs: number;
  readonly entriesRead?: number;
  readonly pending: readonly number[];
  readonly consumers: readonly { readonly name: string; readonly pending: readonly number[] }[];
}

export interface StreamParts {
  readonly nodes: readonly StreamNode[];
  readonly length: number;
  readonly lastMs: number;
  readonly firstMs?: number;
  readonly deletedMs?: number;
  readonly entriesAdded?: number;
  readonly groups?: readonly StreamGroup[];
}

function streamId(ms: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(BigInt(ms));
  return bytes;
}

function streamNode(node: StreamNode): Buffer {
  const live = node.live ?? node.entries.filter((entry) => entry.isDeleted !== true).length;
  const deleted = node.deleted ?? node.entries.filter((entry) => entry.isDeleted === true).length;
  const items: (string | number)[] = [live, deleted, node.fields.length, ...node.fields, 0];
  for (const entry of node.entries) {
    const isSame = entry.fields === undefined;
    items.push((isSame ? 2 : 0) | (entry.isDeleted === true ? 1 : 0), entry.ms - node.ms, 0);
    const own = entry.fields ?? [];
    if (!isSame) items.push(own.length);
    if (isSame) items.push(...entry.values);
    else own.forEach((field, index) => items.push(field, entry.values[index]!));
    items.push(entry.values.length * (isSame ? 1 : 2) + (isSame ? 3 : 4) + (node.endOff ?? 0));
  }
  return listpack(items);
}

/** The value of type 15 (without first id and counts) or 19. */
export function stream(parts: StreamParts, type: 15 | 19 = 19): Buffer {
  const out: Buffer[] = [length(parts.nodes.length)];
  for (const node of parts.nodes) out.push(string(streamId(node.ms)), string(streamNode(node)));
  out.push(length(parts.length), length(parts.lastMs), length(0));
  if (type === 19) {
    const first = parts.nodes[0]?.entries.find((entry) => entry.isDeleted !== true)?.ms ?? 0;
    out.push(length(parts.firstMs ?? first), length(0), length(parts.deletedMs ?? 0), length(0));
    out.push(length(parts.entriesAdded ?? parts.length));
  }
  const groups = parts.groups ?? [];
  out.push(length(groups.length));
  for (const group of groups) {
    out.push(string(group.name), length(group.lastMs), length(0));
    if (type === 19) out.push(length(group.entriesRead ?? 0));
    out.push(length(group.pending.length));
    for (const ms of group.pending) out.push(streamId(ms), int64(1_700_000_000_000), length(1));
    out.push(length(group.consumers.length));
    for (const consumer of group.consumers) {
      out.push(string(consumer.name), int64(1_700_000_000_000), length(consumer.pending.length));
      for (const ms of consumer.pending) out.push(streamId(ms));
    }
  }
  return Buffer.concat(out);
}

/** Gives the bytes of DUMP the checksum that fits. */
export function seal(payload: Uint8Array): Buffer {
  const crc = new Crc64();
  crc.update(new Uint8Array(payload), 0, payload.length - 8);
  const sum = new Uint8Array(8);
  crc.writeTo(sum, 0);
  payload.set(sum, payload.length - 8);
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length);
}

/** What DUMP would give of a value. */
export function payloadOf(type: number, value: Buffer, version = 10): Buffer {
  return seal(Buffer.concat([Buffer.of(type), value, Buffer.of(version & 255, version >> 8), Buffer.alloc(8)]));
}

/** An RDB file of keys in database 0. */
export function rdbFile(
  keys: readonly { readonly name: string; readonly type: number; readonly value: Buffer; readonly before?: Buffer }[],
  magic = 'REDIS0010',
): Uint8Array {
  const parts: Buffer[] = [Buffer.from(magic), Buffer.of(0xfe, 0)];
  for (const key of keys) parts.push(key.before ?? Buffer.alloc(0), Buffer.of(key.type), string(key.name), key.value);
  return new Uint8Array(seal(Buffer.concat([...parts, Buffer.of(255), Buffer.alloc(8)])));
}

export interface Sample {
  readonly name: string;
  readonly type: number;
  readonly value: Buffer;
}

const entries: readonly StreamEntry[] = [1, 2, 3].map((ms) => ({ ms, values: [`v${ms}`] }));
const plainStream: StreamParts = { nodes: [{ ms: 1, fields: ['f'], entries }], length: 3, lastMs: 3 };
const group: StreamGroup = {
  name: 'g',
  lastMs: 3,
  entriesRead: 3,
  pending: [1, 2],
  consumers: [
    { name: 'a', pending: [1] },
    { name: 'b', pending: [2] },
  ],
};

/** Sound values of types 0 to 19. */
export function soundSamples(): Sample[] {
  const count = (n: number, ...rest: Bytes[]): Buffer => Buffer.concat([length(n), ...rest.map(string)]);
  return [
    { name: 'string', type: 0, value: string('value') },
    { name: 'integer', type: 0, value: Buffer.of(0xc1, 0x39, 0x30) },
    { name: 'compressed', type: 0, value: Buffer.of(0xc3, 9, 30, 1, 0x61, 0x61, 0xe0, 17, 0, 1, 0x61, 0x61) },
    { name: 'list', type: 1, value: count(3, 'a', 'b', '12') },
    { name: 'set', type: 2, value: count(3, 'a', 'b', '12') },
    { name: 'set of integers', type: 2, value: count(3, '7', '5', '12') },
    {
      name: 'zset with texts',
      type: 3,
      value: Buffer.concat([
        length(3),
        string('m'),
        string('1.5'),
        string('n'),
        Buffer.of(254),
        string('o'),
        Buffer.of(255),
      ]),
    },
    { name: 'hash', type: 4, value: count(2, 'f', 'v', 'g', 'w') },
    { name: 'zset', type: 5, value: Buffer.concat([length(2), string('m'), double(2.25), string('n'), double(-3)]) },
    {
      name: 'zipmap',
      type: 9,
      value: string(
        zipmap([
          ['f', 'v'],
          ['g', 'w'],
        ]),
      ),
    },
    { name: 'ziplist of a list', type: 10, value: string(ziplist(['x', 'yy', '12'])) },
    { name: 'intset 16', type: 11, value: string(intset([-5, 5, 7], 2)) },
    { name: 'intset 64', type: 11, value: string(intset([-50000000000, 5, 70000000000], 8)) },
    { name: 'ziplist of a zset', type: 12, value: string(ziplist(['m', '1', 'n', '2.5'])) },
    { name: 'ziplist of a hash', type: 13, value: string(ziplist(['f', 'v', 'g', 'w'])) },
    {
      name: 'quicklist',
      type: 14,
      value: Buffer.concat([length(2), string(ziplist(['a', 'b'])), string(ziplist(['c']))]),
    },
    { name: 'stream 1', type: 15, value: stream({ ...plainStream, groups: [group] }, 15) },
    { name: 'listpack of a hash', type: 16, value: string(listpack(['f', 'v', 'g', 5])) },
    { name: 'listpack of a zset', type: 17, value: string(listpack(['m', 1, 'n', '2.5', 'o', 300])) },
    {
      name: 'quicklist 2',
      type: 18,
      value: Buffer.concat([length(2), length(2), string(listpack(['a', 5])), length(2), string(listpack(['c']))]),
    },
    { name: 'stream 2', type: 19, value: stream({ ...plainStream, groups: [group] }) },
    {
      name: 'stream of two nodes',
      type: 19,
      value: stream({
        nodes: [
          {
            ms: 1,
            fields: ['f'],
            entries: [
              { ms: 1, values: ['v'] },
              { ms: 2, fields: ['g', 'h'], values: ['1', '2'] },
            ],
          },
          {
            ms: 5,
            fields: ['f'],
            entries: [
              { ms: 5, values: ['v'] },
              { ms: 6, values: ['w'], isDeleted: true },
            ],
          },
        ],
        length: 3,
        lastMs: 6,
        deletedMs: 6,
        entriesAdded: 4,
      }),
    },
  ];
}

/** Values that contradict themselves. */
export function damagedSamples(): Sample[] {
  const count = (n: number, ...rest: Bytes[]): Buffer => Buffer.concat([length(n), ...rest.map(string)]);
  const [first, second, third] = entries as [StreamEntry, StreamEntry, StreamEntry];
  const dead = (entry: StreamEntry): StreamEntry => ({ ...entry, isDeleted: true });
  const one: StreamNode = { ms: 1, fields: ['f'], entries: [first] };
  const allDead: StreamNode = { ms: 2, fields: ['f'], entries: [dead(second), dead(third)] };
  const streams: [string, StreamParts][] = [
    ['length too high', { ...plainStream, length: 7 }],
    ['length too low', { ...plainStream, length: 1 }],
    ['length without nodes', { nodes: [], length: 2, lastMs: 2 }],
    ['no node, no entry', { nodes: [], length: 0, lastMs: 2 }],
    ['last node dead', { nodes: [one, allDead], length: 1, lastMs: 3 }],
    [
      'first node dead',
      {
        nodes: [
          { ...allDead, ms: 0 },
          { ...one, ms: 5, entries: [{ ...first, ms: 5 }] },
        ],
        length: 1,
        lastMs: 5,
      },
    ],
    ['all nodes dead', { nodes: [allDead], length: 0, lastMs: 3 }],
    ['live count wrong', { ...plainStream, nodes: [{ ms: 1, fields: ['f'], entries, live: 9 }] }],
    ['deleted count wrong', { ...plainStream, nodes: [{ ms: 1, fields: ['f'], entries, deleted: 2 }] }],
    ['entries that end wrong', { ...plainStream, nodes: [{ ms: 1, fields: ['f'], entries, endOff: 1 }] }],
    ['last id too low', { ...plainStream, lastMs: 1 }],
    ['first id wrong', { ...plainStream, firstMs: 2 }],
    [
      'nodes in another order',
      { nodes: [{ ms: 5, fields: ['f'], entries: [{ ...first, ms: 5 }] }, one], length: 2, lastMs: 5 },
    ],
    ['the same node twice', { nodes: [one, one], length: 2, lastMs: 5 }],
    ['pending without consumer', { ...plainStream, groups: [{ ...group, consumers: [{ name: 'a', pending: [1] }] }] }],
    [
      'pending of two consumers',
      {
        ...plainStream,
        groups: [
          {
            ...group,
            consumers: [
              { name: 'a', pending: [1, 2] },
              { name: 'b', pending: [2] },
            ],
          },
        ],
      },
    ],
    ['pending of a consumer alone', { ...plainStream, groups: [{ ...group, pending: [1] }] }],
    ['pending twice', { ...plainStream, groups: [{ ...group, pending: [1, 1, 2] }] }],
    [
      'pending twice with a consumer',
      {
        ...plainStream,
        groups: [
          {
            ...group,
            consumers: [
              { name: 'a', pending: [1, 1] },
              { name: 'b', pending: [2] },
            ],
          },
        ],
      },
    ],
    [
      'pending entries that are gone',
      { ...plainStream, groups: [{ ...group, pending: [1, 2, 9], consumers: [{ name: 'a', pending: [1, 2, 9] }] }] },
    ],
    [
      'a consumer twice',
      {
        ...plainStream,
        groups: [
          {
            ...group,
            consumers: [
              { name: 'a', pending: [1] },
              { name: 'a', pending: [2] },
            ],
          },
        ],
      },
    ],
    ['a group twice', { ...plainStream, groups: [group, group] }],
  ];
  return [
    { name: 'empty list', type: 1, value: count(0) },
    { name: 'a set member twice', type: 2, value: count(3, 'a', 'b', 'a') },
    { name: 'a set integer twice', type: 2, value: count(3, '1', '2', '1') },
    { name: 'empty zset', type: 5, value: count(0) },
    {
      name: 'a zset member twice',
      type: 5,
      value: Buffer.concat([length(2), string('m'), double(1), string('m'), double(2)]),
    },
    {
      name: 'a score that begins as a number',
      type: 3,
      value: Buffer.concat([length(1), string('m'), string('1.5x')]),
    },
    { name: 'a score that is none', type: 3, value: Buffer.concat([length(1), string('m'), string('x')]) },
    { name: 'a hash field twice', type: 4, value: count(3, 'f', '1', 'g', '2', 'f', '3') },
    {
      name: 'a zipmap field twice',
      type: 9,
      value: string(
        zipmap([
          ['f', '1'],
          ['f', '2'],
        ]),
      ),
    },
    {
      name: 'a zipmap with a wrong count',
      type: 9,
      value: string(
        zipmap(
          [
            ['f', '1'],
            ['g', '2'],
          ],
          3,
        ),
      ),
    },
    { name: 'an empty zipmap', type: 9, value: string(zipmap([])) },
    { name: 'an empty ziplist', type: 10, value: string(ziplist([])) },
    { name: 'a ziplist with a wrong count', type: 10, value: string(ziplist(['a', 'b'], 3)) },
    { name: 'an empty intset', type: 11, value: string(intset([], 2)) },
    { name: 'an unsorted intset', type: 11, value: string(intset([7, 5, 6], 2)) },
    { name: 'an intset with a member twice', type: 11, value: string(intset([5, 5, 7], 4)) },
    { name: 'an unsorted ziplist of a zset', type: 12, value: string(ziplist(['m', '2', 'n', '1'])) },
    { name: 'a ziplist with a zset member twice', type: 12, value: string(ziplist(['m', '1', 'm', '2'])) },
    { name: 'a ziplist with a score that is none', type: 12, value: string(ziplist(['m', 'x'])) },
    { name: 'minus zero in a ziplist', type: 12, value: string(ziplist(['m', '-0'])) },
    { name: 'a ziplist of a zset, odd', type: 12, value: string(ziplist(['m', '1', 'n'])) },
    { name: 'a ziplist with a hash field twice', type: 13, value: string(ziplist(['f', '1', 'f', '2'])) },
    { name: 'an empty ziplist of a hash', type: 13, value: string(ziplist([])) },
    { name: 'a listpack with a hash field twice', type: 16, value: string(listpack(['f', '1', 'g', '2', 'f', '3'])) },
    { name: 'an empty listpack of a hash', type: 16, value: string(listpack([])) },
    { name: 'an unsorted listpack of a zset', type: 17, value: string(listpack(['m', 2, 'n', 1])) },
    { name: 'a listpack with a zset member twice', type: 17, value: string(listpack(['m', 1, 'm', 2])) },
    { name: 'a listpack with a score that is none', type: 17, value: string(listpack(['m', '1x'])) },
    { name: 'minus zero in a listpack', type: 17, value: string(listpack(['m', '-0'])) },
    { name: 'minus zero as a double', type: 5, value: Buffer.concat([length(1), string('m'), double(-0)]) },
    { name: 'minus zero as a text', type: 3, value: Buffer.concat([length(1), string('m'), string('-0')]) },
    {
      name: 'a quicklist with an empty node',
      type: 18,
      value: Buffer.concat([length(2), length(2), string(listpack([])), length(2), string(listpack(['c']))]),
    },
    {
      name: 'a quicklist of empty nodes',
      type: 18,
      value: Buffer.concat([length(1), length(2), string(listpack([]))]),
    },
    {
      name: 'an encoded string as a length',
      type: 2,
      value: Buffer.concat([Buffer.of(0xc2), string('a'), string('b')]),
    },
    ...streams.map(([name, parts]) => ({ name: `stream: ${name}`, type: 19, value: stream(parts) })),
    ...streams.map(([name, parts]) => ({ name: `old stream: ${name}`, type: 15, value: stream(parts, 15) })),
  ];
}
