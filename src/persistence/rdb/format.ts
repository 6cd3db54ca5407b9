// format: the numbers of the RDB file format, versions 1 to 12 and Valkey's 80; docs/persistence.md has the byte tables.

/** The version that files are written in: what redis-server 7.0 loads. */
export const RDB_VERSION = 10;
/** Hash fields with a time to live need this one (redis-server 7.4). */
export const RDB_VERSION_FIELD_TTL = 12;
export const RDB_VERSION_MAX = 12;
/** Valkey 8 writes version 11. Valkey 9 has a format of its own: another magic, and other numbers from type 22 on. */
export const VALKEY_MAGIC = 'VALKEY';
export const RDB_VERSION_VALKEY = 80;
/** The `expireAtMs` of a key without an expiry; any other negative time has passed. */
export const NO_EXPIRY = -1;
/** Files of older versions end without a checksum. */
export const RDB_VERSION_CHECKSUM = 5;

export const RdbType = {
  string: 0,
  list: 1,
  set: 2,
  zset: 3,
  hash: 4,
  zset2: 5,
  modulePre: 6,
  module2: 7,
  hashZipmap: 9,
  listZiplist: 10,
  setIntset: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listQuicklist: 14,
  streamListpacks: 15,
  hashListpack: 16,
  zsetListpack: 17,
  listQuicklist2: 18,
  streamListpacks2: 19,
  setListpack: 20,
  streamListpacks3: 21,
  hashMetadataPre: 22,
  hashListpackExPre: 23,
  hashMetadata: 24,
  hashListpackEx: 25,
  /** A hash whose fields may expire, of Valkey, where it is number 22. */
  hashValkey: 26,
} as const;

/** The number of `hashValkey` in a file. */
export const VALKEY_HASH_TYPE = 22;

/** The highest type number of a file that is known. */
export const RDB_TYPE_MAX = 25;

/** The type (RdbType) that a number in a file means, -1 for none. */
export function knownType(type: number, isValkey: boolean): number {
  if (type > RDB_TYPE_MAX || type === 8) return -1;
  if (!isValkey || type < VALKEY_HASH_TYPE) return type;
  return type === VALKEY_HASH_TYPE ? RdbType.hashValkey : -1;
}

export const Opcode = {
  /** Of Valkey: a job that moves slots here. */
  slotImport: 243,
  slotInfo: 244,
  function2: 245,
  functionPre: 246,
  moduleAux: 247,
  idle: 248,
  freq: 249,
  aux: 250,
  resizeDb: 251,
  expireMs: 252,
  expireSeconds: 253,
  selectDb: 254,
  end: 255,
} as const;

export const ModuleOpcode = { end: 0, signed: 1, unsigned: 2, float: 3, double: 4, string: 5 } as const;

/** The low bits of a length byte whose top bits are 11 say that the string is an integer, or compressed. */
export const StringEncoding = { int8: 0, int16: 1, int32: 2, lzf: 3 } as const;

/** The five kinds of value, with the numbers that Redis gives them. */
export const ValueKind = { string: 0, list: 1, set: 2, zset: 3, hash: 4, module: 5, stream: 6 } as const;

export const QuicklistContainer = { plain: 1, packed: 2 } as const;

/** The names that redis-check-rdb gives the types. */
export const rdbTypeNames: readonly (string | undefined)[] = [
  'string',
  'list-linked',
  'set-hashtable',
  'zset-v1',
  'hash-hashtable',
  'zset-v2',
  'module-pre-release',
  'module-value',
  '',
  'hash-zipmap',
  'list-ziplist',
  'set-intset',
  'zset-ziplist',
  'hash-ziplist',
  'quicklist',
  'stream',
  'hash-listpack',
  'zset-listpack',
  'quicklist-v2',
  'stream-v2',
  'set-listpack',
  'stream-v3',
  'hash-hashtable-md-pre-release',
  'hash-listpack-md-pre-release',
  'hash-hashtable-md',
  'hash-listpack-md',
  'hash-hashtable-ttl',
];

const kindOfType = [0, 1, 2, 3, 4, 3, 5, 5, -1, 4, 1, 2, 3, 4, 1, 6, 4, 3, 1, 6, 2, 6, 4, 4, 4, 4, 4] as const;

export function valueKindOf(rdbType: number): number {
  return kindOfType[rdbType] ?? -1;
}
