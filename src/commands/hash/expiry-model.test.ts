// Random commands on hashes whose fields expire while nothing deletes them but the commands themselves. A plain model says
// each command's reply and the fields afterwards; a second engine, for which no field expires, runs what the first
// one propagated, as the loading of an AOF does, and must hold the same fields with the same times.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1 } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import { genericCommands } from '../generic/index.js';
import { listCommands } from '../list/index.js';
import { hashCommands } from './index.js';
import { RecordingEngine } from './recording-engine.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.KVASIR_ROUNDS ?? 2_500);
const commands = [...hashCommands, ...genericCommands, ...listCommands];

interface Field {
  value: string;
  /** When it expires; -1: never. */
  expiry: number;
}
type Hash = Map<string, Field>;

class Model {
  readonly hashes = new Map<string, Hash>();

  constructor(private readonly engine: RecordingEngine) {}

  get now(): number {
    return this.engine.keyspace.nowMs;
  }

  hash(key: string): Hash {
    let hash = this.hashes.get(key);
    if (hash === undefined) this.hashes.set(key, (hash = new Map()));
    for (const [name, { expiry }] of hash) if (expiry >= 0 && expiry < this.now) hash.delete(name);
    return hash;
  }
}

const bulk = (text: string | undefined): string => (text === undefined ? '$-1' : `$${text.length} ${text}`);
const array = (parts: readonly string[]): string => [`*${parts.length}`, ...parts].join(' ');

/** The fields as they are stored, those past their time too. */
function stored(engine: RecordingEngine): Record<string, string[]> {
  const { entries, dicts, values, databases } = engine.keyspace;
  const result: Record<string, string[]> = {};
  dicts.forEach(databases[0]!.dict, (entry) => {
    const key = latin1(entries.keyBytes(entry));
    if (!key.startsWith('h')) return;
    const { hashes } = values;
    hashes.open(entries.encoding(entry), entries.word2(entry));
    const fields: string[] = [];
    for (let more = hashes.first(); more; more = hashes.next()) {
      const name = latin1(hashes.fieldBytes, hashes.fieldStart, hashes.fieldLength);
      fields.push(`${name}=${latin1(hashes.bytes, hashes.start, hashes.length)}@${hashes.expiry}`);
    }
    result[key] = fields.sort();
  });
  return result;
}

/** One random command and, where the model can tell, its reply. */
function step(prng: Prng, engine: RecordingEngine, model: Model): { line: string; reply: string | undefined } {
  const key = `h${prng.below(3)}`;
  const hash = model.hash(key);
  const { now } = model;
  const name = (): string => `f${prng.below(7)}`;
  const number = (): string => String(prng.below(1000));
  const names = Array.from({ length: 1 + prng.below(4) }, name);
  const fields = `FIELDS ${names.length} ${names.join(' ')}`;
  const pairs = names.map((each) => [each, number()] as const);
  const flatPairs = pairs.flat().join(' ');
  const setAll = (expiry: number, keepsExpiry: boolean): number => {
    let created = 0;
    for (const [field, value] of pairs) {
      const before = hash.get(field);
      if (before === undefined) created++;
      hash.set(field, { value, expiry: keepsExpiry && before !== undefined ? before.expiry : expiry });
    }
    return created;
  };
  const take = (): string => array(names.map((field) => bulk(hash.get(field)?.value)));
  switch (prng.below(17)) {
    case 0:
      return { line: `HSET ${key} ${flatPairs}`, reply: `:${setAll(-1, false)}` };
    case 1: {
      const [field, value] = pairs[0]!;
      const isNew = !hash.has(field);
      if (isNew) hash.set(field, { value, expiry: -1 });
      return { line: `HSETNX ${key} ${field} ${value}`, reply: isNew ? ':1' : ':0' };
    }
    case 2:
    case 3: {
      const field = names[0]!;
      const by = prng.below(9);
      const before = hash.get(field) ?? { value: '0', expiry: -1 };
      const value = String(Number(before.value) + by);
      hash.set(field, { value, expiry: before.expiry });
      return prng.chance(50)
        ? { line: `HINCRBY ${key} ${field} ${by}`, reply: `:${value}` }
        : { line: `HINCRBYFLOAT ${key} ${field} ${by}`, reply: bulk(value) };
    }
    case 4: {
      const deleted = names.filter((field) => hash.delete(field)).length;
      return { line: `HDEL ${key} ${names.join(' ')}`, reply: `:${deleted}` };
    }
    case 5:
    case 6:
    case 7: {
      const condition = ['', 'FNX ', 'FXX '][prng.below(3)]!;
      const met = condition === '' || names.every((field) => hash.has(field) === (condition === 'FXX '));
      const ms = prng.below(8);
      const time = ['', 'KEEPTTL ', `PX ${ms} `, `PXAT ${now + ms} `, `PX ${ms} `][prng.below(5)]!;
      if (met) {
        if (!time.startsWith('PX')) setAll(-1, time === 'KEEPTTL ');
        else if (ms > 0) setAll(now + ms, false);
        else for (const field of names) hash.delete(field);
      }
      const line = `HSETEX ${key} ${condition}${time}FIELDS ${names.length} ${flatPairs}`;
      return { line, reply: met ? ':1' : ':0' };
    }
    case 8: {
      const ms = prng.below(8);
      const time = ['', 'PERSIST ', `PX ${ms} `, `PXAT ${now + ms} `][prng.below(4)]!;
      const replies: string[] = [];
      for (const field of names) {
        const found = hash.get(field);
        replies.push(bulk(found?.value));
        if (found === undefined || time === '') continue;
        if (time === 'PERSIST ') found.expiry = -1;
        else if (ms === 0) hash.delete(field);
        else found.expiry = now + ms;
      }
      return { line: `HGETEX ${key} ${time}${fields}`, reply: array(replies) };
    }
    case 9: {
      const replies = names.map((field) => {
        const found = bulk(hash.get(field)?.value);
        hash.delete(field);
        return found;
      });
      return { line: `HGETDEL ${key} ${fields}`, reply: array(replies) };
    }
    case 10:
    case 11: {
      const ms = prng.below(8);
      const time = now + ms;
      const condition = ['', 'NX ', 'XX ', 'GT ', 'LT '][prng.below(5)]!;
      const replies = names.map((field) => {
        const found = hash.get(field);
        if (found === undefined) return ':-2';
        const { expiry } = found;
        const refused =
          (condition === 'NX ' && expiry >= 0) ||
          (condition === 'XX ' && expiry < 0) ||
          (condition === 'GT ' && (expiry < 0 || time <= expiry)) ||
          (condition === 'LT ' && expiry >= 0 && time >= expiry);
        if (refused) return ':0';
        if (ms === 0) {
          hash.delete(field);
          return ':2';
        }
        found.expiry = time;
        return ':1';
      });
      return { line: `HPEXPIRE ${key} ${ms} ${condition}${fields}`, reply: array(replies) };
    }
    case 12: {
      const replies = names.map((field) => {
        const found = hash.get(field);
        if (found === undefined) return ':-2';
        if (found.expiry < 0) return ':-1';
        found.expiry = -1;
        return ':1';
      });
      return { line: `HPERSIST ${key} ${fields}`, reply: array(replies) };
    }
    case 13:
      return { line: `HMGET ${key} ${names.join(' ')}`, reply: take() };
    case 14: {
      if (prng.chance(50)) return { line: `HRANDFIELD ${key} ${prng.below(9) - 4}`, reply: undefined };
      hash.clear();
      for (const [index, [, value]] of pairs.entries()) hash.set(`f${index}`, { value, expiry: -1 });
      engine.run(`HIMPORT PREPARE set ${pairs.map((_, index) => `f${index}`).join(' ')}`);
      return { line: `HIMPORT SET ${key} set ${pairs.map(([, value]) => value).join(' ')}`, reply: '+OK' };
    }
    case 15: {
      const to = `h${prng.below(3)}`;
      if (to === key || hash.size === 0)
        return { line: `HGET ${key} ${names[0]!}`, reply: bulk(hash.get(names[0]!)?.value) };
      const copy: Hash = new Map();
      for (const [field, each] of hash) copy.set(field, { ...each });
      model.hashes.set(to, copy);
      if (prng.chance(50)) return { line: `COPY ${key} ${to} REPLACE`, reply: ':1' };
      model.hashes.delete(key);
      return { line: `RENAME ${key} ${to}`, reply: '+OK' };
    }
    default: {
      const field = names[0]!;
      const found = [0, 1, 2].map((index) => model.hash(`h${index}`).get(field)?.value);
      if (prng.chance(50)) return { line: `SORT list BY nosort GET h*->${field}`, reply: array(found.map(bulk)) };
      return { line: `SORT list BY nosort GET h*->${field} STORE sorted`, reply: ':3' };
    }
  }
}

for (const entries of [512, 4, 0]) {
  test(`memory, model and log agree on fields that expire, at most ${entries} in a listpack, seed ${seed}`, () => {
    const prng = new Prng(seed + entries);
    const engine = new RecordingEngine(commands, seed);
    const replayed = new RecordingEngine(commands, seed + 1);
    const model = new Model(engine);
    engine.limits.hashMaxListpackEntries = replayed.limits.hashMaxListpackEntries = entries;
    replayed.keyspace.expiryPaused = true;
    engine.run('RPUSH list 0 1 2');
    const history: string[] = [];
    for (let round = 0; round < rounds; round++) {
      if (prng.chance(50)) engine.keyspace.nowMs += prng.below(6);
      const { line, reply } = step(prng, engine, model);
      const answered = engine.run(line);
      history.push(`${engine.keyspace.nowMs}: ${line} -> ${answered}`);
      const context = `round ${round}: ${history.slice(-12).join('\n')}`;
      if (reply !== undefined) assert.equal(answered, reply, context);
      // The time of a reload is a later one: whatever the log needs to know about fields that are over must be in it.
      replayed.keyspace.nowMs = engine.keyspace.nowMs + 1000;
      const log = engine.effects().propagated;
      for (const command of log) replayed.run(command);
      replayed.effects();
      assert.deepEqual(stored(replayed), stored(engine), `${context}\n${log.join('\n')}`);
      assert.equal(replayed.run('LRANGE sorted 0 -1'), engine.run('LRANGE sorted 0 -1'), context);
      engine.effects();
      for (const key of ['h0', 'h1', 'h2']) {
        const hash = model.hash(key);
        const all = engine.run(`HGETALL ${key}`).split(' ').slice(1);
        const live = new Map<string, string>();
        for (let index = 0; index < all.length; index += 4) live.set(all[index + 1]!, all[index + 3]!);
        assert.deepEqual(
          [...live].sort(),
          [...hash].map(([name, { value }]) => [name, value]).sort(),
          `${key}, ${context}`,
        );
      }
      if (round % 50 === 0) engine.keyspace.verify();
    }
    engine.keyspace.verify();
  });
}
