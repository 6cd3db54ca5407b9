// kvasir-mysql against MariaDB and redis-server: snapshot, changes of every kind, and what rows do not tell.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { mariadbMissing, startMariadb, type Mariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const tables = `
tables:
  - table: shop.users
    exclude: [secret]
    rename: { points: score }
    compute:
      label: concat(lower(email), '/', city)
    where: deleted = 0
    targets:
      - hash: 'user:{id}'
      - json: 'user:json:{id}'
      - string: 'user:by-email:{email}'
        value: '{id}'
      - set: 'user:by-city:{city}'
        member: '{id}'
      - zset: 'user:by-points'
        member: '{id}'
        score: points
      - hash_field: 'users:names'
        field: '{id}'
        value: '{name}'
      - list: 'users:in:{city}'
        element: '{id}'
      - stream: 'user:changes'
        maxlen: 10000
  - table: shop.orders
    targets:
      - json: 'order:{id}'
        children:
          items: { table: shop.items, by: { order_id: id }, columns: [id, what] }
  - table: shop.parts
    targets:
      - hash: 'part:{id}'
`;

const schema = `
CREATE DATABASE shop; USE shop;
CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(100) UNIQUE, name VARCHAR(50), city VARCHAR(50), points DECIMAL(10,2), secret VARCHAR(10), deleted TINYINT NOT NULL DEFAULT 0);
CREATE TABLE orders (id INT PRIMARY KEY, total INT);
CREATE TABLE items (id INT PRIMARY KEY, order_id INT, what VARCHAR(20));
CREATE TABLE parts (id INT PRIMARY KEY, order_id INT, FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);
INSERT INTO users VALUES (1,'Ann@x','Ann','Oslo',5,'s',0),(2,'bob@x','Bob','Rome',7.5,'s',0),(3,NULL,NULL,NULL,NULL,NULL,0),(4,'del@x','Del','Rome',1,'s',1);
INSERT INTO orders VALUES (1,10),(2,20); INSERT INTO items VALUES (1,1,'a'),(2,1,'b'); INSERT INTO parts VALUES (1,1),(2,2);
`;

interface World {
  readonly maria: Mariadb;
  readonly redis: RedisPeer;
  readonly tool: SyncTool;
  /** Waits until everything that MariaDB has is applied, and compares both by --verify. */
  settle(): Promise<void>;
  get(...words: string[]): Promise<string>;
}

const configOf = (maria: Mariadb, redis: RedisPeer, more = ''): string =>
  `name: t\nsource:\n  host: 127.0.0.1:${maria.port}\n  user: root\n  heartbeat_seconds: 0.5\n  resnapshot_seconds: 0.1\n${more}target:\n  address: 127.0.0.1:${redis.port}\n${tables}`;

async function world(t: TestContext, args: readonly string[] = [], more = ''): Promise<World> {
  const maria = await startMariadb(t, { args });
  const redis = await startRedis();
  t.after(() => redis.stop());
  await maria.sql(schema);
  const tool = new SyncTool(t, configOf(maria, redis, more));
  const get = (...words: string[]): Promise<string> => redis.send(...words);
  const settle = async (): Promise<void> => {
    const [[file, offset]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
    await until(
      () => `position ${file}:${offset}; log:\n${tool.log}`,
      async () => {
        const text = await get('HGET', 'kvasir-mysql:{t}', 'position');
        if (text === '') return false;
        const position = JSON.parse(text) as { file: string; offset: number };
        const isThere = position.file > file || (position.file === file && position.offset >= Number(offset));
        if (!isThere) return false;
        const fields = await get('HGETALL', 'kvasir-mysql:{t}');
        return !fields.includes('"status":"stale"');
      },
    );
    const check = new SyncTool(t, configOf(maria, redis, more));
    const ran = await check.run('--verify');
    assert.equal(ran.status, 0, `${ran.stdout}${ran.stderr}\n${tool.log}`);
  };
  return { maria, redis, tool, get, settle };
}

const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli') || findProgram('mariadb') === undefined;

describe('kvasir-mysql', { skip }, () => {
  it('takes a snapshot and follows inserts, updates, deletes, key changes, filters, DDL and TRUNCATE', async (t) => {
    const { maria, tool, get, settle } = await world(t);
    tool.start();
    await settle();
    assert.equal(await get('HGET', 'user:1', 'score'), '5.00');
    assert.equal(await get('HEXISTS', 'user:1', 'secret'), '0');
    assert.equal(await get('HGET', 'user:1', 'label'), 'ann@x/Oslo');
    assert.equal(await get('EXISTS', 'user:4'), '0');
    assert.equal(await get('GET', 'order:1'), '{"id":1,"total":10,"items":[{"id":1,"what":"a"},{"id":2,"what":"b"}]}');

    await maria.sql(`USE shop; BEGIN; UPDATE users SET city = 'Rome', email = 'ann@y' WHERE id = 1; UPDATE users SET id = 20 WHERE id = 2; DELETE FROM users WHERE id = 3;
      INSERT INTO users VALUES (5,'eve@x','Eve','Oslo',-1,NULL,0); UPDATE users SET deleted = 0 WHERE id = 4; COMMIT;
      BEGIN; INSERT INTO users VALUES (6,'no@x','No','No',0,NULL,0); ROLLBACK`);
    await settle();
    assert.equal(await get('GET', 'user:by-email:ann@y'), '1');
    assert.equal(await get('EXISTS', 'user:by-email:Ann@x'), '0');
    assert.equal((await get('SMEMBERS', 'user:by-city:Rome')).split('\n').sort().join(), '1,20,4');
    assert.equal(await get('EXISTS', 'user:2', 'user:3', 'user:6'), '0');
    assert.equal(await get('ZSCORE', 'user:by-points', '5'), '-1');
    assert.equal(await get('HGET', 'users:names', '20'), 'Bob');

    // A unique value that changes hands within one transaction.
    await maria.sql(
      `USE shop; BEGIN; UPDATE users SET email = NULL WHERE id = 1; UPDATE users SET email = 'ann@y' WHERE id = 20; UPDATE users SET email = 'bob@x' WHERE id = 1; COMMIT`,
    );
    await settle();
    assert.equal(await get('GET', 'user:by-email:ann@y'), '20');
    assert.equal(await get('GET', 'user:by-email:bob@x'), '1');

    // Children.
    await maria.sql(
      `USE shop; UPDATE items SET order_id = 2, what = 'bb' WHERE id = 2; INSERT INTO items VALUES (3,2,'c'); DELETE FROM items WHERE id = 1`,
    );
    await settle();
    assert.equal(await get('GET', 'order:2'), '{"id":2,"total":20,"items":[{"id":2,"what":"bb"},{"id":3,"what":"c"}]}');
    assert.equal(await get('GET', 'order:1'), '{"id":1,"total":10,"items":[]}');

    // The change feed has each change once, in order.
    const feed = await get('XRANGE', 'user:changes', '-', '+');
    assert.equal(feed.split('\n').filter((line) => line === 'op').length, 8);

    // A cascade of InnoDB, which is not in the binlog.
    await maria.sql('USE shop; DELETE FROM orders WHERE id = 2');
    await settle();
    assert.equal(await get('EXISTS', 'part:2', 'order:2'), '0');

    await maria.sql(
      `USE shop; ALTER TABLE users ADD COLUMN age INT NOT NULL DEFAULT 33 AFTER name; UPDATE users SET age = 34 WHERE id = 5`,
    );
    await settle();
    assert.equal(await get('HGET', 'user:5', 'age'), '34');
    assert.equal(await get('HGET', 'user:1', 'age'), '33');

    await maria.sql('USE shop; TRUNCATE users; INSERT INTO users (id, email, deleted) VALUES (9, "z@x", 0)');
    await settle();
    assert.equal(await get('HGETALL', 'user:9').then((text) => text.includes('z@x')), true);
    assert.equal(await get('EXISTS', 'user:1', 'user:by-email:bob@x', 'user:by-city:Rome'), '0');

    await maria.sql('DROP TABLE shop.users');
    await settle();
    assert.equal(await get('EXISTS', 'user:9'), '0');
    await maria.sql(
      "CREATE TABLE shop.users (id INT PRIMARY KEY, email VARCHAR(100) UNIQUE, name VARCHAR(50), city VARCHAR(50), points DECIMAL(10,2), secret VARCHAR(10), deleted TINYINT NOT NULL DEFAULT 0); INSERT INTO shop.users VALUES (1,'new@x','New','Oslo',5,'s',0)",
    );
    await settle();
    assert.equal(await get('GET', 'user:by-email:new@x'), '1');
    assert.equal(tool.child!.exitCode, null, tool.log);
  });

  it('notices statements in the format mixed, prepared XA transactions, rotation and restarts; stops when told to', async (t) => {
    const { maria, tool, get, settle } = await world(t, ['--binlog-format=STATEMENT', '--plugin-maturity=unknown']);
    tool.start();
    await settle();
    await maria.sql("UPDATE shop.users SET city = 'Bergen' WHERE id = 1");
    await settle();
    assert.equal(await get('SISMEMBER', 'user:by-city:Bergen', '1'), '1');
    assert.equal(await get('EXISTS', 'user:by-city:Oslo'), '0');
    assert.match(tool.log, /as a statement/);
    // Through a trigger of another table and a procedure.
    await maria.sql(
      "USE shop; CREATE TABLE log (id INT); CREATE TRIGGER tr AFTER INSERT ON log FOR EACH ROW UPDATE users SET name = 'triggered' WHERE id = 1; INSERT INTO log VALUES (1)",
    );
    await settle();
    assert.equal(await get('HGET', 'user:1', 'name'), 'triggered');

    await maria.sql('SET GLOBAL binlog_format = ROW');
    const connection = await maria.connect();
    await connection.query(
      "SET SESSION binlog_format = ROW; USE shop; XA START 'x1'; UPDATE users SET name = 'prepared' WHERE id = 1; XA END 'x1'; XA PREPARE 'x1'",
    );
    await maria.sql('FLUSH BINARY LOGS');
    await settle();
    assert.equal(await get('HGET', 'user:1', 'name'), 'triggered');
    await connection.query("XA COMMIT 'x1'");
    await connection.end();
    await settle();
    assert.equal(await get('HGET', 'user:1', 'name'), 'prepared');

    await maria.kill('SIGTERM');
    await maria.start();
    await maria.sql("SET SESSION binlog_format = ROW; UPDATE shop.users SET name = 'after restart' WHERE id = 1");
    await settle();
    assert.equal(await get('HGET', 'user:1', 'name'), 'after restart');
    await tool.kill('SIGTERM');
    assert.equal((await tool.end).status, 130);

    const strict = new SyncTool(
      t,
      readFileSync(tool.config, 'utf8').replace('source:', 'source:\n  statement_events: stop'),
    );
    await maria.sql("SET SESSION binlog_format = STATEMENT; UPDATE shop.users SET name = 'by statement' WHERE id = 1");
    const ran = await strict.run('--once');
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, /as a statement, not as rows[\s\S]*binlog_format=ROW/);
  });

  it('tells when the binlog was purged, begins where --from says, repairs what --verify finds, and checks', async (t) => {
    const { maria, redis, tool, get } = await world(t);
    const first = await tool.run('--snapshot-only');
    assert.equal(first.status, 0, first.stderr);
    await maria.sql("FLUSH BINARY LOGS; UPDATE shop.users SET name = 'unseen' WHERE id = 1; FLUSH BINARY LOGS");
    const [[last]] = (await maria.sql('SHOW MASTER STATUS')) as [[string]];
    // A binlog stays until InnoDB has noted that it no longer needs it.
    await until('the purge', async () => {
      await maria.sql(`PURGE BINARY LOGS TO '${last}'`);
      return (await maria.sql('SHOW BINARY LOGS')).length === 1;
    });
    const purged = await tool.run('--once');
    assert.equal(purged.status, 1, purged.stderr);
    assert.match(purged.stderr, /no longer has the binlog that is needed.*--snapshot/s);
    const again = await tool.run('--snapshot', '--once');
    assert.equal(again.status, 0, again.stderr);
    assert.equal(await get('HGET', 'user:1', 'name'), 'unseen');

    await get('SET', 'user:json:1', 'wrong');
    await get('DEL', 'user:20', 'user:2');
    await get('SADD', 'user:by-city:Nowhere', '77');
    await get('SET', 'user:json:99', '{}');
    await get('SET', 'user:foreign', 'kept');
    const found = await tool.run('--verify');
    assert.equal(found.status, 1);
    assert.match(found.stdout, /different user:json:1/);
    assert.match(found.stdout, /missing +user:2 /);
    assert.match(found.stdout, /extra +user:by-city:Nowhere 77/);
    assert.match(found.stdout, /extra +user:json:99/);
    const repaired = await tool.run('--verify', '--repair');
    assert.equal(repaired.status, 0, repaired.stdout + repaired.stderr);
    assert.equal(await get('GET', 'user:foreign'), 'kept');
    assert.equal(await get('EXISTS', 'user:json:99', 'user:by-city:Nowhere'), '0');

    await maria.sql("UPDATE shop.users SET name = 'skipped' WHERE id = 1");
    const from = await tool.run('--from', 'now', '--once');
    assert.equal(from.status, 0, from.stderr);
    assert.equal(await get('HGET', 'user:1', 'name'), 'unseen');
    await maria.sql("UPDATE shop.users SET name = 'seen' WHERE id = 1");
    tool.start('--http-port', '0');
    await until('the change', async () => (await get('HGET', 'user:1', 'name')) === 'seen');
    const page = /http:\/\/\S+/.exec(tool.log)![0];
    assert.match(await (await fetch(`${page}metrics`)).text(), /^kvasir_mysql_lag_seconds\{name="t"\} \d/m);
    await fetch(`${page}pause`, { method: 'POST' });
    await until(
      'paused',
      async () => ((await (await fetch(`${page}status.json`)).json()) as { phase: string }).phase === 'paused',
    );
    await fetch(`${page}resume`, { method: 'POST' });
    // A second process of the same name takes over, and the first one ends.
    const second = new SyncTool(t, configOf(maria, redis));
    second.start();
    await maria.sql('FLUSH BINARY LOGS');
    assert.match((await tool.end).stderr, /taken over/);
    await second.kill('SIGTERM');

    const check = new SyncTool(
      t,
      configOf(maria, redis, '  server_id: 101\n')
        .replace('{email}', '{city}')
        .replace("'part:{id}'", "'part:{nothing}'"),
    );
    const checked = await check.run('--check');
    assert.equal(checked.status, 1);
    assert.match(checked.stdout, /ERROR +source.server_id 101 is the source's own/);
    assert.match(checked.stdout, /ERROR .*two rows can lead to the same key of 'user:by-email:\{city\}'/);
    assert.match(checked.stdout, /ERROR .*names column 'nothing'/);
    assert.match(checked.stdout, /WARNING shop.parts: a foreign key to shop.orders changes rows in cascade/);
  });
});
