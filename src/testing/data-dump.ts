// data-dump: all data of a server as sorted JSON, for assertions and snapshot tests, and JSON fixtures as data.
//
//   { "0": { "user:1": { "type": "hash", "value": { "name": "Ann" }, "ttl": 3600000 }, "greeting": { "type": "string", "value": "hi" } } }
//
// Databases by number, keys by name, both sorted; a `ttl` in milliseconds only where there is one. Sets are sorted, sorted sets
// are pairs of member and score by score, streams are pairs of id and fields. Bytes that are no UTF-8 are { "base64": "..." }.

import type { CallArgument, PlainReply } from './plain-reply.js';

type Text = string | { readonly base64: string };

export type DumpedValue =
  | { readonly type: 'string'; readonly value: Text; readonly ttl?: number }
  | { readonly type: 'list'; readonly value: readonly Text[]; readonly ttl?: number }
  | { readonly type: 'set'; readonly value: readonly Text[]; readonly ttl?: number }
  | { readonly type: 'hash'; readonly value: Readonly<Record<string, Text>>; readonly ttl?: number }
  | {
      readonly type: 'zset';
      readonly value: readonly (readonly [member: Text, score: number])[];
      readonly ttl?: number;
    }
  | {
      readonly type: 'stream';
      readonly value: readonly (readonly [id: string, fields: readonly Text[]])[];
      readonly ttl?: number;
    };

/** Databases by number, their keys by name. */
export type DataDump = Readonly<Record<string, Readonly<Record<string, DumpedValue>>>>;

/** Short forms in a fixture: a string is a string value, an array a list, an object without `type` a hash. */
export type FixtureValue =
  DumpedValue | string | number | readonly (string | number)[] | Readonly<Record<string, string | number>>;
export type Fixtures = Readonly<Record<string, FixtureValue>>;

/** Runs a command in the server. */
export type RunCommand = (command: string, ...args: CallArgument[]) => PlainReply;

function textOf(reply: PlainReply): Text {
  return Buffer.isBuffer(reply) ? { base64: reply.toString('base64') } : String(reply);
}

function bytesOf(text: Text | number): CallArgument {
  return typeof text === 'object' ? Buffer.from(text.base64, 'base64') : text;
}

function keyOf(name: string): CallArgument {
  return name.startsWith('base64:') ? Buffer.from(name.slice(7), 'base64') : name;
}

function nameOf(key: PlainReply): string {
  return Buffer.isBuffer(key) ? `base64:${key.toString('base64')}` : String(key);
}

const byText = (a: Text, b: Text): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** Reads one key; undefined for a type that JSON cannot show. */
function dumpKey(run: RunCommand, key: CallArgument): DumpedValue | undefined {
  const type = String(run('TYPE', key));
  const left = Number(run('PTTL', key));
  const ttl = left >= 0 ? { ttl: left } : {};
  switch (type) {
    case 'string':
      return { type, value: textOf(run('GET', key)), ...ttl };
    case 'list':
      return { type, value: (run('LRANGE', key, 0, -1) as PlainReply[]).map(textOf), ...ttl };
    case 'set':
      return { type, value: (run('SMEMBERS', key) as PlainReply[]).map(textOf).sort(byText), ...ttl };
    case 'hash':
      return { type, value: dumpHash(run, key), ...ttl };
    case 'zset':
      return {
        type,
        value: (run('ZRANGE', key, 0, -1, 'WITHSCORES') as PlainReply[][]).map(([member, score]) => [
          textOf(member!),
          Number(score),
        ]),
        ...ttl,
      };
    case 'stream':
      return {
        type,
        value: (run('XRANGE', key, '-', '+') as [string, PlainReply[]][]).map(([id, fields]) => [
          id,
          fields.map(textOf),
        ]),
        ...ttl,
      };
    default:
      return undefined;
  }
}

function dumpHash(run: RunCommand, key: CallArgument): Record<string, Text> {
  const names = run('HKEYS', key) as PlainReply[];
  const values = run('HVALS', key) as PlainReply[];
  const fields = names.map((name, index) => [nameOf(name), textOf(values[index]!)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All data, sorted. `databaseCount` is how many databases there are. */
export function dumpData(run: RunCommand, databaseCount: number): DataDump {
  const dump: Record<string, Record<string, DumpedValue>> = {};
  for (let index = 0; index < databaseCount; index++) {
    run('SELECT', index);
    const keys = (run('KEYS', '*') as PlainReply[]).map((key) => [nameOf(key), key as CallArgument] as const);
    if (keys.length === 0) continue;
    const database: Record<string, DumpedValue> = {};
    for (const [name, key] of keys.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const value = dumpKey(run, key);
      if (value !== undefined) database[name] = value;
    }
    dump[String(index)] = database;
  }
  run('SELECT', 0);
  return dump;
}

function isDumped(value: FixtureValue): value is DumpedValue {
  return typeof value === 'object' && 'type' in value && 'value' in value && typeof value.type === 'string';
}

function fullValue(name: string, value: FixtureValue): DumpedValue {
  if (typeof value === 'string' || typeof value === 'number') return { type: 'string', value: String(value) };
  if (Array.isArray(value)) return { type: 'list', value: value.map(String) };
  if (typeof value !== 'object' || value === null) throw new TypeError(`fixture '${name}' is no value`);
  if (isDumped(value)) return value;
  const fields = Object.entries(value as Record<string, string | number>);
  return { type: 'hash', value: Object.fromEntries(fields.map(([field, text]) => [field, String(text)])) };
}

function writeCommand(key: CallArgument, value: DumpedValue): readonly CallArgument[] {
  switch (value.type) {
    case 'string':
      return ['SET', key, bytesOf(value.value)];
    case 'list':
      return ['RPUSH', key, ...value.value.map(bytesOf)];
    case 'set':
      return ['SADD', key, ...value.value.map(bytesOf)];
    case 'hash':
      return ['HSET', key, ...Object.entries(value.value).flatMap(([field, text]) => [keyOf(field), bytesOf(text)])];
    case 'zset':
      return ['ZADD', key, ...value.value.flatMap(([member, score]) => [score, bytesOf(member)])];
    case 'stream':
      return [];
  }
}

/** Puts keys into the selected database, each in the place of what had its name. */
export function loadFixtures(run: RunCommand, fixtures: Fixtures): void {
  for (const [name, fixture] of Object.entries(fixtures)) {
    const key = keyOf(name);
    const value = fullValue(name, fixture);
    run('DEL', key);
    if (value.type === 'stream') {
      for (const [id, fields] of value.value) run('XADD', key, id, ...fields.map(bytesOf));
    } else {
      const [command, ...args] = writeCommand(key, value);
      if (args.length > 1) run(String(command), ...args);
    }
    if (value.ttl !== undefined) run('PEXPIRE', key, value.ttl);
  }
}
