// memory: how much memory redis-server takes for a key, from the layout of its structures on 64 bits with jemalloc.
//
// An estimate, as that of rdb-tools: block sizes are those of jemalloc, listpacks are taken as long as they are in the file.

import { RdbType } from '../../persistence/rdb/format.js';
import type { KeyRecord } from '../record/record.js';
import { contentBytes, elementCount, type Value } from '../record/values.js';

/** Bytes that jemalloc takes for a block. */
export function allocated(bytes: number): number {
  if (bytes <= 8) return 8;
  if (bytes <= 128) return Math.ceil(bytes / 16) * 16;
  const power = 2 ** Math.floor(Math.log2(bytes - 1));
  const step = Math.max(16, power / 4);
  return Math.ceil(bytes / step) * step;
}

/** A string with its header. */
export function sds(length: number): number {
  return allocated(length + (length < 32 ? 2 : length < 256 ? 4 : length < 65536 ? 6 : length < 2 ** 32 ? 10 : 18));
}

const OBJECT = 16;
const DICT_ENTRY = 24;
const DICT = 56;
const POINTER = 8;

function table(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(4, count))) * POINTER;
}

/** Key, its entry in the database, and its expiry. */
export function keyOverhead(keyLength: number, hasExpiry: boolean): number {
  const entry = DICT_ENTRY + 1.5 * POINTER;
  return sds(keyLength) + OBJECT + entry + (hasExpiry ? entry : 0);
}

const packedTypes: ReadonlySet<number> = new Set([
  RdbType.hashZipmap,
  RdbType.listZiplist,
  RdbType.setIntset,
  RdbType.zsetZiplist,
  RdbType.hashZiplist,
  RdbType.hashListpack,
  RdbType.zsetListpack,
  RdbType.setListpack,
  RdbType.hashListpackEx,
]);

export function valueBytes(record: KeyRecord, value: Value): number {
  const count = elementCount(value);
  const content = contentBytes(value);
  if (packedTypes.has(record.rdbType)) return allocated(content + 4 * count + 8);
  switch (value.kind) {
    case 'string': {
      const text = content <= 20 ? Buffer.from(value.bytes).toString('latin1') : '';
      // An integer stands in the object itself.
      if (/^(0|-?[1-9]\d{0,18})$/.test(text)) return 0;
      return content <= 44 ? Math.max(0, allocated(OBJECT + 3 + content) - OBJECT) : sds(content);
    }
    case 'list':
      return 40 + Math.ceil((content + 3 * count) / 8192) * 32 + content + 3 * count;
    case 'set':
      return DICT + table(count) + value.elements.reduce((sum, one) => sum + DICT_ENTRY + sds(one.length), 0);
    case 'zset':
      return (
        16 +
        DICT +
        table(count) +
        32 * 16 +
        value.elements.reduce((sum, one) => sum + DICT_ENTRY + sds(one.length) + allocated(24 + 16 * 1.33), 0)
      );
    case 'hash':
      return (
        DICT +
        table(count) +
        value.fields.reduce(
          (sum, field, index) => sum + DICT_ENTRY + sds(field.length) + sds(value.values[index]!.length),
          0,
        )
      );
    case 'stream':
      return (
        100 +
        content +
        count * 12 +
        value.groups.reduce((sum, group) => sum + 100 + group.pending.length * 64 + group.consumers.length * 100, 0)
      );
    case 'module':
      return record.raw?.length ?? 0;
  }
}

/** The encoding as OBJECT ENCODING of the server that wrote the file would say. */
export function encodingOf(record: KeyRecord, value: Value): string {
  switch (record.rdbType) {
    case RdbType.string: {
      const length = contentBytes(value);
      const text = value.kind === 'string' && length <= 20 ? Buffer.from(value.bytes).toString('latin1') : '';
      if (/^(0|-?[1-9]\d{0,18})$/.test(text)) return 'int';
      return length <= 44 ? 'embstr' : 'raw';
    }
    case RdbType.setIntset:
      return 'intset';
    case RdbType.hashZipmap:
      return 'zipmap';
    case RdbType.listZiplist:
    case RdbType.zsetZiplist:
    case RdbType.hashZiplist:
      return 'ziplist';
    case RdbType.hashListpack:
    case RdbType.zsetListpack:
    case RdbType.setListpack:
      return 'listpack';
    case RdbType.hashListpackEx:
      return 'listpackex';
    case RdbType.listQuicklist:
    case RdbType.listQuicklist2:
      return 'quicklist';
    case RdbType.list:
      return 'linkedlist';
    case RdbType.zset:
    case RdbType.zset2:
      return 'skiplist';
    default: {
      const names: Readonly<Record<Value['kind'], string>> = {
        string: 'raw',
        list: 'quicklist',
        set: 'hashtable',
        zset: 'skiplist',
        hash: 'hashtable',
        stream: 'stream',
        module: 'module',
      };
      return names[value.kind];
    }
  }
}

export function longestElement(value: Value): number {
  let longest = 0;
  const see = (list: readonly Uint8Array[]): void => {
    for (const one of list) if (one.length > longest) longest = one.length;
  };
  if (value.kind === 'string') longest = value.bytes.length;
  else if (value.kind === 'hash') {
    see(value.fields);
    see(value.values);
  } else if (value.kind === 'stream') for (const { pairs } of value.entries) see(pairs);
  else if (value.kind !== 'module') see(value.elements);
  return longest;
}
