// data-limits: the directives that bound data or say how it is laid out, each declared once.
//
// The data types read them as plain fields of one object, named as the directive is (hash-max-listpack-entries is
// hashMaxListpackEntries); the table of options, the defaults of that object and its renewal after a CONFIG SET are made from
// here. A new limit is one line in the table and its use.

import { flag, intMax, intMin, longMax, number, size } from './option.js';

/** How compact a collection is kept. */
export const encodingLimits = [
  number(
    'hash-max-listpack-entries',
    512,
    0,
    longMax,
    { unsigned: true, alias: 'hash-max-ziplist-entries' },
    'Fields up to which a hash is one compact block.',
  ),
  size(
    'hash-max-listpack-value',
    64,
    0,
    longMax,
    { alias: 'hash-max-ziplist-value' },
    'Longest field or value in such a hash.',
  ),
  number(
    'list-max-listpack-size',
    -2,
    intMin,
    intMax,
    { alias: 'list-max-ziplist-size' },
    "Elements in a list's block; -1 to -5: 4, 8, 16, 32 or 64 KB.",
  ),
  number(
    'set-max-intset-entries',
    512,
    0,
    longMax,
    { unsigned: true },
    'Members up to which a set of integers is one sorted block.',
  ),
  number(
    'set-max-listpack-entries',
    128,
    0,
    longMax,
    { unsigned: true },
    'Members up to which a set is one compact block.',
  ),
  number('set-max-listpack-value', 64, 0, longMax, { unsigned: true }, 'Longest member in such a set.'),
  number(
    'zset-max-listpack-entries',
    128,
    0,
    longMax,
    { unsigned: true, alias: 'zset-max-ziplist-entries' },
    'Members up to which a sorted set is one compact block.',
  ),
  size(
    'zset-max-listpack-value',
    64,
    0,
    longMax,
    { alias: 'zset-max-ziplist-value' },
    'Longest member in such a sorted set.',
  ),
  size('hll-sparse-max-bytes', 3000, 0, longMax, {}, 'Bytes up to which a HyperLogLog is kept sparse.'),
  size('stream-node-max-bytes', 4096, 0, longMax, {}, "Bytes of a stream's block."),
  number('stream-node-max-entries', 100, 0, longMax, {}, "Entries of a stream's block."),
  number(
    'stream-idmp-duration',
    100,
    1,
    86400,
    {},
    'Seconds for which a stream remembers the names of messages (XADD IDMP), unless XCFGSET says otherwise.',
  ),
  number('stream-idmp-maxsize', 100, 1, 10000, {}, 'How many names of messages of each producer a stream remembers.'),
] as const;

/** How large a value may grow. */
export const sizeLimits = [
  size(
    'proto-max-bulk-len',
    512 * 1024 * 1024,
    1024 * 1024,
    longMax,
    { unsigned: false },
    'Longest argument that a client may send.',
  ),
] as const;

/** How values are freed. */
export const freeingLimits = [
  flag('lazyfree-lazy-user-del', false, {}, 'DEL frees in the background, as UNLINK does.'),
  flag('lazyfree-lazy-user-flush', false, {}, 'FLUSHALL and FLUSHDB free in the background.'),
] as const;

const all = [...encodingLimits, ...sizeLimits, ...freeingLimits] as const;

type Limit = (typeof all)[number];
type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

export type DataLimitName = Limit['name'];

/** Limits and thresholds from the configuration, as plain numbers; changed by CONFIG SET. */
export type DataLimits = {
  -readonly [Option in Limit as Camel<Option['name']>]: Option extends { kind: 'flag' } ? boolean : number;
} & {
  /** Whether OBJECT REFCOUNT calls small numbers shared: a key has its own clock of use where eviction goes by it. */
  sharesSmallNumbers: boolean;
};

const fields = all.map(({ name, initial }) => ({
  name,
  initial,
  field: name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
}));

export const dataLimitNames: readonly DataLimitName[] = fields.map(({ name }) => name);

/**
 * Redis's defaults. The object comes from the JSON parser, which gives it plain fields: V8 turns an object into a hash table
 * when a dozen fields are added under computed names, and each command that reads a limit then pays 20 to 40 ns more.
 */
export function defaultDataLimits(): DataLimits {
  const limits: [string, number | boolean][] = fields.map(({ field, initial }) => [field, initial]);
  return JSON.parse(JSON.stringify({ sharesSmallNumbers: true, ...Object.fromEntries(limits) })) as DataLimits;
}

/** Renews all limits; `valueOf` gives the present value of a directive. */
export function renewDataLimits(limits: DataLimits, valueOf: (name: DataLimitName) => number | boolean): void {
  const target = limits as Record<string, number | boolean>;
  for (const { field, name } of fields) target[field] = valueOf(name);
}
