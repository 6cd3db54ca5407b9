// Mistakes of a configuration: each is reported with its line, the path of its key and a reason, and all at once.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig, type SyncConfig } from './sync-config.js';
import { ConfigError } from './yaml-reader.js';

const good = `name: shop
source:
  hosts: ['127.0.0.1:3307', db.example.com, '[::1]:3308']
  user: sync
  password: 0123
  time_zone: Asia/Shanghai
target: { address: '127.0.0.1:6379' }
tables:
  - table: shop.users
    where: deleted = 0
    compute:
      label: concat(id, '!')
    targets:
      - hash: 'user:{id}'
        ttl: 60
      - zset: 'points'
        member: '{id}'
        score: points
`;

const parse = (text: string): SyncConfig =>
  parseConfig('sync.yml', text, {
    env: { THERE: 'secret' },
    readFile: (path) => {
      if (path === 'password') return 'from file\r\n';
      throw Object.assign(new Error(`ENOENT: no such file, open '${path}'`), { code: 'ENOENT' });
    },
  });

function mistakesOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError, `not a ConfigError: ${(error as Error).stack}`);
    return error.message.split('\n');
  }
  return [];
}

/** The text to replace, its replacement, and the mistake that is reported. */
const mistakes: readonly (readonly [was: string, is: string, told: RegExp])[] = [
  ['name: shop', "name: 'a b'", /line 1: name must be letters/],
  ['name: shop', 'nmae: shop', /line 1: nmae is no option here; did you mean name\?/],
  ['name: shop', 'name: [a]', /line 1: name must be one value/],
  ['  user: sync', '  user:', /line 4: source\.user is missing/],
  ['  user: sync', "  user: ''", /line 4: source\.user is missing/],
  ['  user: sync', '  usr: sync', /line 4: source\.usr is no option here; did you mean user\?/],
  ['  user: sync', '  user: sync\n  user: other', /line 5: .*unique/i],
  ['  user: sync', '  user: sync\n  server_id: 1.5', /line 5: source\.server_id must be a whole number from 1 to/],
  ['  user: sync', '  user: sync\n  server_id: 99999999999', /line 5: source\.server_id must be a whole number/],
  ['  user: sync', '  user: sync\n  heartbeat_seconds: soon', /line 5: source\.heartbeat_seconds must be a number/],
  ['  user: sync', '  user: sync\n  ddl: maybe', /line 5: source\.ddl must be one of follow, resnapshot, stop/],
  ['  user: sync', '  user: sync\n  tls: yes please', /line 5: source\.tls must be a map/],
  ['  user: sync', '  user: sync\n  tls: { ca: nowhere.pem }', /line 5: source\.tls\.ca cannot be read: No such file/],
  ['  user: sync', '  user: sync\n  tls: { insecure: 7 }', /line 5: source\.tls\.insecure must be true or false/],
  ['  user: sync', '  user: sync\n  tls: { cert: password }', /line 5: source\.tls\.cert goes with both cert and key/],
  ['  password: 0123', '  password_env: ABSENT', /line 5: source\.password_env names ABSENT, which is not set/],
  ['  password: 0123', '  password_file: nowhere', /line 5: source\.password_file cannot be read: No such file/],
  ['Asia/Shanghai', 'Asia/Nowhere', /line 6: source\.time_zone is 'Asia\/Nowhere', which is no time zone/],
  ["'127.0.0.1:3307'", "'127.0.0.1:99999'", /line 3: source\.hosts has '127\.0\.0\.1:99999', which is no host:port/],
  ["'127.0.0.1:3307'", '{}', /line 3: source\.hosts must be a list of texts/],
  ["target: { address: '127.0.0.1:6379' }", 'target: {}', /line 7: target\.address is missing/],
  ["target: { address: '127.0.0.1:6379' }", '', /line 1: target is missing/],
  ["target: { address: '127.0.0.1:6379' }", 'target: here', /line 7: target must be a map/],
  ["address: '127.0.0.1:6379'", "address: 'http://x'", /line 7: target\.address .*scheme must be redis/],
  ["address: '127.0.0.1:6379'", "address: 'host:port:more'", /line 7: target\.address .*is no address/],
  ['  - table: shop.users', '  - table: users', /line 9: tables\[0\]\.table must be database\.table/],
  [
    '  - table: shop.users',
    '  - just text\n  - table: shop.users',
    /line \d: tables must be a list of maps, and item 1/,
  ],
  ['where: deleted = 0', 'where: deleted = ', /line 10: tables\[0\]\.where is wrong: /],
  ['where: deleted = 0', 'where: nosuch(deleted)', /line 10: tables\[0\]\.where is wrong: .*nosuch/],
  ["label: concat(id, '!')", "label: concat(id, '!", /line 12: tables\[0\]\.compute\.label is wrong: /],
  ["hash: 'user:{id}'", "hash: 'user:{id'", /line 14: tables\[0\]\.targets\[0\]\.hash is wrong: /],
  ["hash: 'user:{id}'", "hsh: 'user:{id}'", /line 14: tables\[0\]\.targets\[0\] must have one of hash, json/],
  ["hash: 'user:{id}'", "hash: 'user:{id}'\n        set: other", /line 14: tables\[0\]\.targets\[0\] must have one of/],
  [
    '        ttl: 60',
    '        tll: 60',
    /line 15: tables\[0\]\.targets\[0\]\.tll is no option here; did you mean ttl\?/,
  ],
  ['        ttl: 60', '        ttl: 60 +', /line 15: tables\[0\]\.targets\[0\]\.ttl is wrong: /],
  ["        member: '{id}'\n", '', /line 16: tables\[0\]\.targets\[1\]\.member is missing/],
  ['        score: points\n', '', /line 16: tables\[0\]\.targets\[1\]\.score is missing/],
  ['name: shop', 'name: shop\nstatus: { port: 80.5 }', /line 2: status\.port must be a whole number from 0 to 65535/],
  ['name: shop', 'name: shop\nstatus: { port: http }', /line 2: status\.port must be a whole number/],
  ['name: shop', 'name: shop\nlimits: { batch_rows: 0 }', /line 2: limits\.batch_rows must be a whole number from 1/],
  ['name: shop', 'name: shop\nlimits: { rows_per_second: .nan }', /line 2: limits\.rows_per_second must be a number/],
  ['name: shop', 'name: shop\nsweep: sometimes', /line 2: sweep must be one of auto, always, never/],
  ['name: shop', 'name: shop\n\tindented: by a tab', /line 2: /],
  ['name: shop', 'name: "shop', /line \d+: /],
  ['name: shop', 'name: *nobody', /line 1: /],
];

describe('the configuration of kvasir-mysql', () => {
  it('is read', () => {
    const config = parse(good);
    assert.deepEqual(config.source.hosts, [
      { host: '127.0.0.1', port: 3307 },
      { host: 'db.example.com', port: 3306 },
      { host: '::1', port: 3308 },
    ]);
    assert.equal(config.source.password, '0123', 'a password keeps its zero');
    assert.equal(config.tables[0]!.targets.length, 2);
    assert.equal(parse(good.replace('password: 0123', 'password_env: THERE')).source.password, 'secret');
    assert.equal(parse(good.replace('password: 0123', 'password_file: password')).source.password, 'from file');
    const anchored = good.replace('user: sync', 'user: &who sync').replace('name: shop', 'name: shop\nsweep: never');
    assert.equal(parse(anchored.replace('password: 0123', 'password: *who')).source.password, 'sync');
  });

  for (const [was, is, told] of mistakes)
    it(`tells the line and the reason of: ${JSON.stringify(is)}`, () => {
      assert.ok(good.includes(was));
      const lines = mistakesOf(good.replace(was, is));
      assert.ok(
        lines.some((line) => line.startsWith('sync.yml') && told.test(line)),
        `told: ${lines.join('\n') || 'nothing'}`,
      );
    });

  it('tells all mistakes at once', () => {
    const lines = mistakesOf(
      good.replace('user: sync', 'usr: sync').replace('deleted = 0', '(').replace('ttl:', 'tl:'),
    );
    assert.ok(lines.length >= 4, lines.join('\n'));
  });

  it('survives every truncation of a file, and files that are something else', () => {
    for (let length = 0; length < good.length; length++) mistakesOf(good.slice(0, length));
    for (const text of [
      '',
      '[]',
      '"text"',
      '7',
      '\0\0\0',
      '- a\n- b',
      '{',
      'a: b\n---\nc: d',
      '!!js/function x',
      '&a [*a]',
    ])
      assert.ok(mistakesOf(text).length > 0, JSON.stringify(text));
  });
});
