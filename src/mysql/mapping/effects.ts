// effects: the commands that a change of a row means for one target.
//
// A target is a function of a row: it gives an entry (a key, and what the row puts there) or nothing. A change is then the
// difference between the entry before and the entry after: the old one is taken away, the new one written. Secondary indexes,
// changed primary keys and rows that enter or leave a filter need no cases of their own.
//
// The old entry comes from the image before, never from Redis, so nothing is read and the effects of many changes can be sent
// together. This is right as long as no two rows have the same entry: see `check`, which compares with the unique keys.
import type { MappingTarget, TableConfig } from '../config/sync-config.js';
import { Decimal, type Value } from '../values/value.js';
import { valueJson, valueNumber, valueText, valueWord } from '../values/value-text.js';
import type { MappedRecord, Shown } from './record.js';
import type { Word } from './template.js';

export interface Command {
  readonly key: Word;
  readonly words: readonly Word[];
}

/** Gets the words of a command; its key is the second. */
export type TakeCommand = (words: readonly Word[]) => void;

/** The fields of a hash, in order. Entries of a table share the list of names as long as all have the same. */
export interface HashFields {
  readonly names: readonly string[];
  readonly words: readonly Word[];
}

/** The content that a row puts into a target. */
export interface Entry {
  readonly key: Word;
  /** Field, member or element; undefined when the key belongs to the row alone. */
  readonly part: Word | undefined;
  /** The value of a string, JSON key, hash field, or the score. */
  readonly value: Word | undefined;
  /** The fields of a hash. */
  readonly fields: HashFields | undefined;
  /** Milliseconds since 1970, or undefined for ever. */
  readonly expireAtMs: number | undefined;
  /** Milliseconds from now. */
  readonly ttlMs: number | undefined;
}

const noLife = { expireAtMs: undefined, ttlMs: undefined };

/** Entries of one shape, without the spreads that cost more than their content. */
function entryWith(
  key: Word,
  part: Word | undefined,
  value: Word | undefined,
  fields: HashFields | undefined,
  life: Pick<Entry, 'expireAtMs' | 'ttlMs'> = noLife,
): Entry {
  return { key, part, value, fields, expireAtMs: life.expireAtMs, ttlMs: life.ttlMs };
}

export function sameWord(one: Word | undefined, other: Word | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  if (typeof one === 'string' && typeof other === 'string') return false;
  return Buffer.compare(wordBytes(one), wordBytes(other)) === 0;
}

export const wordBytes = (word: Word): Uint8Array => (typeof word === 'string' ? Buffer.from(word) : word);

/** A row as a JSON object. */
export function recordJson({ names, values }: Shown, config: Pick<TableConfig, 'numbers' | 'omitNulls'>): string {
  let text = '{';
  for (let index = 0; index < names.length; index++) {
    const value = values[index]!;
    if (value === null && config.omitNulls) continue;
    if (text.length > 1) text += ',';
    text += `${JSON.stringify(names[index])}:${valueJson(value, config.numbers)}`;
  }
  return `${text}}`;
}

function hashFields({ names, values }: Shown): HashFields {
  const words: Word[] = [];
  let kept: string[] | undefined;
  for (let index = 0; index < names.length; index++) {
    const value = values[index]!;
    if (value === null) kept ??= names.slice(0, index);
    else {
      kept?.push(names[index]!);
      words.push(valueWord(value));
    }
  }
  return { names: kept ?? names, words };
}

/** Finds the word of a field in the same order as the fields are asked for. */
function wordFinder(fields: HashFields): (name: string, index: number) => Word | undefined {
  const { names, words } = fields;
  let places: Map<string, number> | undefined;
  return (name, index) => {
    if (names[index] === name) return words[index];
    places ??= new Map(names.map((one, place) => [one, place]));
    const place = places.get(name);
    return place === undefined ? undefined : words[place];
  };
}

/** The names of the old fields that the new ones do not have. */
function goneNames(old: HashFields, fields: HashFields): string[] {
  if (old.names === fields.names) return [];
  const names = new Set(fields.names);
  return old.names.filter((name) => !names.has(name));
}

/** A score as Redis reads it; undefined when the value is no number. */
function scoreText(value: Value): string | undefined {
  if (value === null) return undefined;
  if (value instanceof Decimal || typeof value === 'bigint') return valueText(value);
  const number = valueNumber(value);
  return Number.isNaN(number) ? undefined : String(number);
}

function lifeOf(target: MappingTarget, record: MappedRecord): Pick<Entry, 'expireAtMs' | 'ttlMs'> {
  if (!('life' in target)) return noLife;
  const { ttl, expireAt } = target.life;
  if (ttl === undefined && expireAt === undefined) return noLife;
  const at = expireAt === undefined ? NaN : valueNumber(expireAt.evaluate(record.fields));
  const after = ttl === undefined ? NaN : valueNumber(ttl.evaluate(record.fields));
  return {
    expireAtMs: Number.isFinite(at) ? Math.max(1, Math.round(at * 1000)) : undefined,
    ttlMs: Number.isFinite(after) ? Math.max(1, Math.round(after * 1000)) : undefined,
  };
}

/** The content that the row puts there, or undefined for none. */
export function entryOf(target: MappingTarget, config: TableConfig, record: MappedRecord): Entry | undefined {
  const key = target.key.render(record.fields);
  if (key === undefined || key.length === 0) return undefined;
  switch (target.kind) {
    case 'hash':
      return entryWith(key, undefined, undefined, hashFields(record.shown), lifeOf(target, record));
    case 'json':
      return entryWith(key, undefined, recordJson(record.shown, config), undefined, lifeOf(target, record));
    case 'string': {
      const value = target.value.render(record.fields);
      return value === undefined ? undefined : entryWith(key, undefined, value, undefined, lifeOf(target, record));
    }
    case 'field': {
      const part = target.field.render(record.fields);
      const value = target.value === undefined ? recordJson(record.shown, config) : target.value.render(record.fields);
      return part === undefined || value === undefined ? undefined : entryWith(key, part, value, undefined);
    }
    case 'set': {
      const part = target.member.render(record.fields);
      return part === undefined ? undefined : entryWith(key, part, undefined, undefined);
    }
    case 'zset': {
      const part = target.member.render(record.fields);
      const value = scoreText(target.score.evaluate(record.fields));
      return part === undefined || value === undefined ? undefined : entryWith(key, part, value, undefined);
    }
    case 'list': {
      const part =
        target.element === undefined ? recordJson(record.shown, config) : target.element.render(record.fields);
      return part === undefined ? undefined : entryWith(key, part, undefined, undefined);
    }
    case 'stream':
      return entryWith(key, undefined, recordJson(record.shown, config), undefined);
  }
}

/** The commands that take the old entry away and write the new one. Streams are not here: they take changes, not entries. */
export function changeEntry(
  target: MappingTarget,
  before: Entry | undefined,
  after: Entry | undefined,
  take: TakeCommand,
): void {
  if (before !== undefined && (after === undefined || !isSamePlace(before, after))) remove(target, before, take);
  if (after === undefined) return;
  const old = before !== undefined && isSamePlace(before, after) ? before : undefined;
  write(target, old, after, take);
}

function isSamePlace(before: Entry, after: Entry): boolean {
  return sameWord(before.key, after.key) && sameWord(before.part, after.part);
}

export function remove(target: MappingTarget, { key, part, fields }: Entry, take: TakeCommand): void {
  switch (target.kind) {
    case 'hash':
      if (target.isShared) {
        if (fields!.names.length > 0) take(['HDEL', key, ...fields!.names]);
      } else take(['DEL', key]);
      return;
    case 'json':
    case 'string':
      take(['DEL', key]);
      return;
    case 'field':
      take(['HDEL', key, part!]);
      return;
    case 'set':
      take(['SREM', key, part!]);
      return;
    case 'zset':
      take(['ZREM', key, part!]);
      return;
    case 'list':
      take(['LREM', key, '1', part!]);
      return;
    case 'stream':
  }
}

function write(target: MappingTarget, old: Entry | undefined, entry: Entry, take: TakeCommand): void {
  const { key, part, value } = entry;
  switch (target.kind) {
    case 'hash':
      writeHash(target.isShared, old, entry, take);
      return;
    case 'json':
    case 'string':
      if (old !== undefined && sameWord(old.value, value) && !hasLife(entry) && !hasLife(old)) return;
      take(['SET', key, value!, ...lifeWords(entry)]);
      return;
    case 'field':
      if (old === undefined || !sameWord(old.value, value)) take(['HSET', key, part!, value!]);
      return;
    case 'set':
      if (old === undefined) take(['SADD', key, part!]);
      return;
    case 'zset':
      if (old === undefined || !sameWord(old.value, value)) take(['ZADD', key, value!, part!]);
      return;
    case 'list':
      if (old === undefined) take(['RPUSH', key, part!]);
      return;
    case 'stream':
  }
}

const hasLife = ({ expireAtMs, ttlMs }: Entry): boolean => expireAtMs !== undefined || ttlMs !== undefined;

function lifeWords({ expireAtMs, ttlMs }: Entry): Word[] {
  if (expireAtMs !== undefined) return ['PXAT', String(expireAtMs)];
  return ttlMs === undefined ? [] : ['PX', String(ttlMs)];
}

function writeHash(isShared: boolean, old: Entry | undefined, entry: Entry, take: TakeCommand): void {
  const { key, fields, expireAtMs, ttlMs } = entry;
  // A key that lives on only while rows change may be gone: then the whole hash is written.
  const wasMortal = old !== undefined && hasLife(old);
  const known = hasLife(entry) || wasMortal ? undefined : old?.fields;
  if (known === undefined && !isShared) take(['DEL', key]);
  const words: Word[] = ['HSET', key];
  const { names, words: values } = fields!;
  const find = known === undefined ? undefined : wordFinder(known);
  for (let index = 0; index < names.length; index++) {
    const value = values[index]!;
    if (find === undefined || !sameWord(find(names[index]!, index), value)) words.push(names[index]!, value);
  }
  const before = known ?? (isShared ? old?.fields : undefined);
  const gone = before === undefined ? [] : goneNames(before, fields!);
  if (gone.length > 0) take(['HDEL', key, ...gone]);
  if (words.length > 2) take(words);
  if (expireAtMs !== undefined) take(['PEXPIREAT', key, String(expireAtMs)]);
  else if (ttlMs !== undefined) take(['PEXPIRE', key, String(ttlMs)]);
  else if (isShared && wasMortal) take(['PERSIST', key]);
}
