import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Filters, filterOptions } from './filters.js';
import { parseOptions } from './program/options.js';
import { type KeyRecord, keyRecord, NO_EXPIRY } from './record/record.js';
import { kindNumber, type Value } from './record/values.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

function record(key: string, value: Value, more: Partial<KeyRecord> = {}): KeyRecord {
  return keyRecord({ key: bytes(key), kind: kindNumber(value.kind), value, ...more });
}

const list = (...elements: string[]): Value => ({ kind: 'list', elements: elements.map(bytes) });

/** A record of each kind that filters tell apart; `foo` is in slot 12182. */
function records(): KeyRecord[] {
  return [
    record('user:1', { kind: 'string', bytes: bytes('Ann') }),
    record('user:2', { kind: 'string', bytes: bytes('x'.repeat(100)) }, { expireAtMs: 5 }),
    record('user:list', list('a', 'b', 'c')),
    record('foo', { kind: 'hash', fields: [bytes('f')], values: [bytes('v')], expireAtMs: [] }, { database: 2 }),
    record('tag[1]', { kind: 'set', elements: [bytes('1')] }, { expireAtMs: 7, database: 2 }),
  ];
}

const filters = (words: string): Filters =>
  new Filters(
    parseOptions(
      filterOptions,
      words.split(' ').filter((word) => word !== ''),
      {},
    ),
  );

function passing(words: string): string {
  const one = filters(words);
  return records()
    .flatMap((each) => {
      const passed = one.apply(each);
      return passed?.what === 'key' ? [`${passed.database}/${Buffer.from(passed.key).toString()}`] : [];
    })
    .join(' ');
}

const all = '0/user:1 0/user:2 0/user:list 2/foo 2/tag[1]';

describe('filters', () => {
  it('let those keys through that all of them accept', () => {
    for (const [words, wanted] of [
      ['', all],
      ['--match user:*', '0/user:1 0/user:2 0/user:list'],
      ['--match user:?,foo', '0/user:1 0/user:2 2/foo'],
      ['--match user:? --match foo', '0/user:1 0/user:2 2/foo'],
      ['--match tag\\[1\\]', '2/tag[1]'],
      ['--exclude user:*', '2/foo 2/tag[1]'],
      ['--match user:* --exclude *list', '0/user:1 0/user:2'],
      ['--type string', '0/user:1 0/user:2'],
      ['--type hash,set', '2/foo 2/tag[1]'],
      ['--only-db 2', '2/foo 2/tag[1]'],
      ['--only-db 0,1', '0/user:1 0/user:2 0/user:list'],
      ['--slot 12182', '2/foo'],
      ['--slot 0-12181,12183-16383', '0/user:1 0/user:2 0/user:list 2/tag[1]'],
      ['--min-bytes 7', '0/user:2'],
      ['--max-bytes 6', '0/user:1 0/user:list 2/foo 2/tag[1]'],
      ['--min-bytes 4 --max-bytes 99', '0/user:1 0/user:list'],
      ['--min-elements 3', '0/user:list'],
      ['--max-elements 1 --type list,hash,set', '2/foo 2/tag[1]'],
      ['--ttl with', '0/user:2 2/tag[1]'],
      ['--ttl without', '0/user:1 0/user:list 2/foo'],
      ['--rename user:=u:,tag=t', '0/u:1 0/u:2 0/u:list 2/foo 2/t[1]'],
      ['--map-db 2=5,0=2', '2/user:1 2/user:2 2/user:list 5/foo 5/tag[1]'],
    ] as const)
      assert.equal(passing(words), wanted, words);
  });

  it('drop times to live', () => {
    const one = filters('--no-expire');
    for (const each of records()) assert.equal((one.apply(each) as KeyRecord).expireAtMs, NO_EXPIRY);
  });

  it('judge a size by the payload where there is one, and by the content elsewhere', () => {
    const raw = record('k', list('a'), { raw: new Uint8Array(50) });
    assert.equal(filters('--min-bytes 40').apply(raw), raw);
    assert.equal(filters('--max-bytes 40').apply(raw), undefined);
    assert.equal(filters('--min-bytes 40').apply(record('k', list('a'))), undefined);
  });

  it('take or leave all parts of a value, and refuse to guess', () => {
    const parts = (): KeyRecord[] =>
      (['first', 'more', 'last'] as const).map((part) => record('big', list('a', 'b', 'c'), { part }));
    const count = (words: string): number => {
      const one = filters(words);
      return parts().filter((part) => one.apply(part) !== undefined).length;
    };
    assert.equal(count('--match big'), 3);
    assert.equal(count('--exclude big'), 0);
    assert.equal(count('--min-elements 2'), 3);
    assert.equal(count('--max-elements 2'), 0);
    assert.equal(count('--max-bytes 2'), 0);
    for (const words of ['--min-elements 4', '--max-elements 4', '--max-bytes 9', '--min-bytes 9'])
      assert.throws(() => count(words), /key 'big' comes in parts, and only its first [36] (elements|bytes) are known/);
  });

  it('refuse what they do not understand', () => {
    for (const [words, reason] of [
      ['--type table', /there is no type 'table'/],
      ['--only-db x', /'x' is no database number/],
      ['--slot 5-3', /'5-3' is no range of slots/],
      ['--slot 16384', /no range of slots/],
      ['--ttl soon', /'with' or 'without'/],
      ['--rename a', /--rename wants OLD=NEW/],
      ['--map-db 1=x', /'x' is no database number/],
    ] as const)
      assert.throws(() => filters(words), reason);
  });
});
