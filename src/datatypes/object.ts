// object: the numbers of types and encodings, as they stand in entries, RDB helpers and replies.
//
// The numbers are Redis's own (OBJ_*), so that a reader of its sources finds them again; the names are what TYPE and
// OBJECT ENCODING say.

export const Type = { STRING: 0, LIST: 1, SET: 2, ZSET: 3, HASH: 4, STREAM: 6 } as const;

export const Encoding = {
  /** A string that was changed in place: 'raw' whatever its length. */
  RAW: 0,
  HASHTABLE: 2,
  INTSET: 6,
  SKIPLIST: 7,
  /** A string as it was set: 'int', 'embstr' or 'raw' by its bytes, found out when somebody asks. */
  STRING: 8,
  QUICKLIST: 9,
  STREAM: 10,
  LISTPACK: 11,
  /** A listpack of a hash with field expiries. */
  LISTPACK_EX: 12,
} as const;

export const typeNames: readonly string[] = ['string', 'list', 'set', 'zset', 'hash', 'module', 'stream'];

export const encodingNames: Readonly<Record<number, string>> = {
  [Encoding.RAW]: 'raw',
  [Encoding.HASHTABLE]: 'hashtable',
  [Encoding.INTSET]: 'intset',
  [Encoding.SKIPLIST]: 'skiplist',
  [Encoding.QUICKLIST]: 'quicklist',
  [Encoding.STREAM]: 'stream',
  [Encoding.LISTPACK]: 'listpack',
  [Encoding.LISTPACK_EX]: 'listpackex',
};

/** Word 0 of an entry, with a clock of 0. */
export function objectWord(type: number, encoding: number): number {
  return type | (encoding << 4);
}
