// kvasir-mysql as it is operated: TLS, failover by GTID, several sources in one process, life of keys, modules, pause, rate, alerts of
// a target that cannot take anything.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { peerMissing, startRedis } from '../peer.js';
import { TlsFiles } from '../sentinel/tls-files.js';
import { mariadbMissing, startMariadb, type Mariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli', 'openssl');

interface Wiring {
  readonly name?: string;
  readonly hosts: readonly number[];
  readonly redisPort: number;
  readonly source?: string;
  readonly top?: string;
  readonly tables?: string;
}

const rowsAsHashes = `
tables:
  - table: o.t
    targets:
      - hash: 't:{id}'
`;

const configOf = ({ name = 'o', hosts, redisPort, source = '', top = '', tables = rowsAsHashes }: Wiring): string =>
  `name: ${name}\nsource:\n  hosts: [${hosts.map((port) => `'127.0.0.1:${port}'`).join(', ')}]\n  user: root\n  heartbeat_seconds: 0.5\n  resnapshot_seconds: 0.1\n${source}target:\n  address: 127.0.0.1:${redisPort}\n${top}${tables}`;

const table = 'CREATE DATABASE o; CREATE TABLE o.t (id INT PRIMARY KEY, name VARCHAR(40), born INT)';

/** Makes `slave` follow `master` by GTID, from the beginning. */
async function replicate(master: Mariadb, slave: Mariadb): Promise<void> {
  await slave.sql(
    `CHANGE MASTER TO master_host='127.0.0.1', master_port=${master.port}, master_user='root', master_use_gtid=slave_pos; START SLAVE`,
  );
}

describe('kvasir-mysql in operation', { skip }, () => {
  it('begins at the GTIDs that --from names, and refuses what are none', async (t) => {
    const maria = await startMariadb(t);
    const redis = await startRedis();
    t.after(() => redis.stop());
    await maria.sql(`${table}; INSERT INTO o.t VALUES (1, 'before', 1)`);
    const [[gtids]] = (await maria.sql('SELECT @@gtid_binlog_pos')) as [[string]];
    await maria.sql("INSERT INTO o.t VALUES (2, 'after', 2)");
    const tool = new SyncTool(t, configOf({ hosts: [maria.port], redisPort: redis.port }));
    const wrong = await tool.run('--from', '0-1', '--once');
    assert.notEqual(wrong.status, 0);
    assert.match(wrong.stderr, /0-1/);
    assert.equal(await redis.send('EXISTS', 't:1', 't:2'), '0');
    const ran = await tool.run('--from', gtids, '--once');
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(await redis.send('HGET', 't:2', 'name'), 'after');
    assert.equal(await redis.send('EXISTS', 't:1'), '0');
    // What is stored then leads on, without the option.
    await maria.sql("INSERT INTO o.t VALUES (3, 'later', 3)");
    const next = await tool.run('--once');
    assert.equal(next.status, 0, next.stderr);
    assert.equal(await redis.send('HGET', 't:3', 'name'), 'later');
    assert.equal(await redis.send('EXISTS', 't:1'), '0');
  });

  it('speaks TLS, and only to a server of its authority', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-tls-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = new TlsFiles(folder);
    for (const name of ['server', 'client']) files.issue(name);
    const otherFolder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-tls-'));
    t.after(() => rmSync(otherFolder, { recursive: true, force: true }));
    const others = new TlsFiles(otherFolder);
    const maria = await startMariadb(t, {
      args: [
        `--ssl-ca=${files.file('ca.crt')}`,
        `--ssl-cert=${files.file('server.crt')}`,
        `--ssl-key=${files.file('server.key')}`,
      ],
    });
    const redis = await startRedis();
    t.after(() => redis.stop());
    await maria.sql(`${table}; INSERT INTO o.t VALUES (1, 'by tls', 1);
      CREATE USER sync@'%' REQUIRE X509; GRANT ALL ON *.* TO sync@'%'`);
    const wiring = { hosts: [maria.port], redisPort: redis.port };
    const asSync = (source: string): string => configOf({ ...wiring, source }).replace('user: root', 'user: sync');
    const tlsLines = (ca: string, more = ''): string => `  tls:\n    ca: ${ca}\n${more}`;
    const pair = `    cert: ${files.file('client.crt')}\n    key: ${files.file('client.key')}\n`;

    const good = new SyncTool(t, asSync(tlsLines(files.file('ca.crt'), pair)));
    const ran = await good.run('--once');
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(await redis.send('HGET', 't:1', 'name'), 'by tls');
    // The stream of the binlog goes over it as well, and survives the loss of a connection.
    good.start();
    await until('following', () => good.log.includes('following'));
    await maria.sql(
      "BEGIN NOT ATOMIC FOR one IN (SELECT id FROM information_schema.processlist WHERE user = 'sync') DO KILL one.id; END FOR; END; INSERT INTO o.t VALUES (2, REPEAT('x', 40), 2)",
    );
    await until(
      () => good.log,
      async () => (await redis.send('HGET', 't:2', 'born')) === '2',
    );
    await good.kill();

    for (const [source, told] of [
      [tlsLines(others.file('ca.crt'), pair), /certificate|self.signed/i],
      [tlsLines(files.file('ca.crt')), /Access denied/], // no certificate of the client
      ['', /Access denied/], // no TLS
    ] as const) {
      const checked = await new SyncTool(t, asSync(source)).run('--check');
      assert.equal(checked.status, 1, checked.stdout);
      assert.match(checked.stdout, told);
      // A fault that no waiting repairs ends the program, with the same reason.
      const started = await new SyncTool(t, asSync(source)).run();
      assert.equal(started.status, 1, started.stderr);
      assert.match(started.stderr, told);
    }
    const lost = await new SyncTool(t, asSync(tlsLines(join(folder, 'nowhere')))).run('--check');
    assert.equal(lost.status, 2);
    assert.match(lost.stderr, /line \d+: source\.tls\.ca cannot be read: No such file/);
  });

  it('goes on by GTID at the slave when the master dies, without a snapshot', async (t) => {
    const master = await startMariadb(t);
    const slave = await startMariadb(t, { args: ['--server-id=102', '--log-bin=slave-bin', '--log-slave-updates=1'] });
    const redis = await startRedis();
    t.after(() => redis.stop());
    // The files of the binlog must not agree by chance.
    await slave.sql('FLUSH BINARY LOGS; FLUSH BINARY LOGS');
    await replicate(master, slave);
    await master.sql(`${table}; INSERT INTO o.t SELECT seq, 'first', seq FROM o.seq_1_to_50`);
    const tool = new SyncTool(t, configOf({ hosts: [master.port, slave.port], redisPort: redis.port }));
    tool.start();
    await until('following', () => tool.log.includes('following'));
    await master.sql("UPDATE o.t SET name = 'at the master' WHERE id <= 10");
    await until('the update', async () => (await redis.send('HGET', 't:10', 'name')) === 'at the master');
    // The slave is behind what the keys hold already: it is waited for.
    await slave.sql('STOP SLAVE SQL_THREAD');
    await master.sql("UPDATE o.t SET name = 'late' WHERE id = 11");
    await until('the late update', async () => (await redis.send('HGET', 't:11', 'name')) === 'late');
    const [[gtid]] = (await master.sql('SELECT @@gtid_binlog_pos')) as [[string]];
    await until('the relay log', async () => (await slave.sql('SHOW SLAVE STATUS'))[0]!.some((cell) => cell === gtid));
    await master.kill('SIGKILL');
    await until(
      () => `a refusal of the slave; log:\n${tool.log}`,
      () => /not in the master's binlog|not in the source/.test(tool.log),
    );
    await slave.sql(
      "START SLAVE SQL_THREAD; DO MASTER_GTID_WAIT('" +
        gtid +
        "', 60); STOP SLAVE; INSERT INTO o.t VALUES (99, 'at the slave', 1); DELETE FROM o.t WHERE id = 1",
    );
    await until(
      () => `the insert at the slave; log:\n${tool.log}`,
      async () => (await redis.send('HGET', 't:99', 'name')) === 'at the slave',
    );
    await until('the delete', async () => (await redis.send('EXISTS', 't:1')) === '0');
    assert.match(tool.log, /is another server than before; going on by GTID/);
    assert.equal(tool.log.match(/rows at/g)!.length, 1, 'one snapshot only');
    await tool.kill();
    const ran = await tool.run('--verify');
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  });

  it('runs several configurations in one process; one that cannot go on leaves the others', async (t) => {
    const [one, two] = [await startMariadb(t), await startMariadb(t)];
    const redis = await startRedis();
    t.after(() => redis.stop());
    await one.sql(`${table}; INSERT INTO o.t VALUES (1, 'one', 1)`);
    await two.sql(`${table}; INSERT INTO o.t VALUES (1, 'two', 1)`);
    const tables = rowsAsHashes.replace("'t:{id}'", "'two:{id}'");
    const other = new SyncTool(t, configOf({ name: 'two', hosts: [two.port], redisPort: redis.port, tables }));
    const tool = new SyncTool(
      t,
      configOf({ name: 'one', hosts: [one.port], redisPort: redis.port, source: '  ddl: stop\n' }),
    );
    tool.start('--config', other.config);
    await until(
      () => tool.log,
      () => /one: following/.test(tool.log) && /two: following/.test(tool.log),
    );
    assert.equal(await redis.send('HGET', 't:1', 'name'), 'one');
    assert.equal(await redis.send('HGET', 'two:1', 'name'), 'two');
    await one.sql('ALTER TABLE o.t ADD COLUMN more INT');
    await until(
      () => tool.log,
      () => /one: the definition of o\.t changes/.test(tool.log),
    );
    await two.sql("UPDATE o.t SET name = 'still' WHERE id = 1");
    await until('the other', async () => (await redis.send('HGET', 'two:1', 'name')) === 'still');
    await tool.kill('SIGTERM');
    const { status, stderr } = await tool.end;
    assert.equal(status, 1);
    assert.match(stderr, /kvasir-mysql: the definition of o\.t changes/);
  });

  it('lets keys expire, runs modules, takes tables that come later, pauses, and waits for a target without memory', async (t) => {
    const maria = await startMariadb(t);
    const redis = await startRedis();
    t.after(() => redis.stop());
    await maria.sql(`${table}; INSERT INTO o.t VALUES (1, ' Ann ', 100), (2, 'secret', 200), (3, 'Eve', NULL)`);
    const module = join(redis.folder, 'names.mjs');
    writeFileSync(
      module,
      "export default (row, { table }) => row.name === 'secret' ? null : { ...row, name: row.name.trim(), from: table };",
    );
    const tables = `
status: { port: 0 }
limits: { rows_per_second: 400 }
tables:
  - table: o.t
    module: ${module}
    targets:
      - hash: 't:{id}'
        ttl: born
      - string: 'age:{id}'
        value: '{id}'
        expire_at: 4000000000 + born
  - table: o.later
    targets:
      - hash: 'later:{id}'
`;
    const tool = new SyncTool(t, configOf({ hosts: [maria.port], redisPort: redis.port, tables }));
    tool.start();
    await until(
      () => tool.log,
      () => tool.log.includes('following'),
    );
    assert.match(tool.log, /there is no table o\.later \(yet\)/);
    assert.equal(await redis.send('HGET', 't:1', 'name'), 'Ann');
    assert.equal(await redis.send('HGET', 't:1', 'from'), 'o.t');
    const ttl = Number(await redis.send('TTL', 't:1'));
    assert.ok(ttl > 0 && ttl <= 100, String(ttl));
    assert.equal(await redis.send('EXPIRETIME', 'age:1'), '4000000100');
    assert.equal(await redis.send('TTL', 't:3'), '-1', 'NULL is no end');
    assert.equal(await redis.send('EXISTS', 't:2', 'age:2'), '0');
    await maria.sql("UPDATE o.t SET born = NULL WHERE id = 1; UPDATE o.t SET name = 'open' WHERE id = 2");
    await until('the row that was left out', async () => (await redis.send('HGET', 't:2', 'name')) === 'open');
    assert.equal(await redis.send('TTL', 't:1'), '-1');
    await maria.sql("UPDATE o.t SET name = 'secret' WHERE id = 2");
    await until('the row that leaves', async () => (await redis.send('EXISTS', 't:2', 'age:2')) === '0');

    await maria.sql("CREATE TABLE o.later (id INT PRIMARY KEY, what TEXT); INSERT INTO o.later VALUES (1, 'new')");
    await until('the new table', async () => (await redis.send('HGET', 'later:1', 'what')) === 'new');
    await maria.sql("INSERT INTO o.later VALUES (2, 'newer')");
    await until('its next row', async () => (await redis.send('HGET', 'later:2', 'what')) === 'newer');

    const page = /http:\/\/\S+/.exec(tool.log)![0];
    const status = async (): Promise<Record<string, unknown>> =>
      (await (await fetch(`${page}status.json`)).json()) as Record<string, unknown>;
    await fetch(`${page}pause`, { method: 'POST' });
    await until('the pause', async () => (await status()).phase === 'paused');
    await maria.sql("INSERT INTO o.later VALUES (3, 'paused')");
    // An event may be under way when the pause comes; this many later, nothing is.
    await maria.sql("INSERT INTO o.later VALUES (4, 'paused')");
    assert.equal(await redis.send('EXISTS', 'later:4'), '0');
    await fetch(`${page}resume`, { method: 'POST' });
    await until('what was held back', async () => (await redis.send('HGET', 'later:4', 'what')) === 'paused');

    // No faster than told: 400 rows a second.
    const startedMs = Date.now();
    await maria.sql("INSERT INTO o.later SELECT seq, 'many' FROM o.seq_1001_to_2000");
    await until('many rows', async () => (await redis.send('HGET', 'later:2000', 'what')) === 'many');
    await maria.sql("INSERT INTO o.later VALUES (3000, 'after')");
    await until('the row after them', async () => (await redis.send('HGET', 'later:3000', 'what')) === 'after');
    assert.ok(Date.now() - startedMs > 2000, `1000 rows took ${Date.now() - startedMs} ms`);

    const metrics = await (await fetch(`${page}metrics`)).text();
    for (const line of metrics.trimEnd().split('\n'))
      assert.match(line, /^(# (HELP|TYPE) kvasir_mysql_\w+ .+|kvasir_mysql_\w+\{name="o"\} [\d.]+)$/);
    assert.match(metrics, /^kvasir_mysql_is_following\{name="o"\} 1$/m);
    assert.match(await (await fetch(page)).text(), /<h1>kvasir-mysql<\/h1>[\s\S]*following/);
    assert.equal((await fetch(`${page}pause`)).status, 404, 'GET changes nothing');

    // A target that refuses writes for now is asked again, and nothing is lost or done twice.
    await redis.send('CONFIG', 'SET', 'maxmemory', '1');
    await maria.sql("UPDATE o.later SET what = 'at last' WHERE id = 1");
    await until(
      () => tool.log,
      () => /OOM.*connecting again in/.test(tool.log),
    );
    await redis.send('CONFIG', 'SET', 'maxmemory', '0');
    await until('the update', async () => (await redis.send('HGET', 'later:1', 'what')) === 'at last');
    await redis.send('REPLICAOF', '127.0.0.1', '1');
    await maria.sql("UPDATE o.later SET what = 'a master again' WHERE id = 1");
    await until(
      () => tool.log,
      () => /READONLY.*connecting again in/.test(tool.log),
    );
    await redis.send('REPLICAOF', 'NO', 'ONE');
    await until('the update', async () => (await redis.send('HGET', 'later:1', 'what')) === 'a master again');
    // A key of another type is somebody's mistake: it is named, and nothing is overwritten.
    await redis.send('DEL', 'later:2');
    await redis.send('SET', 'later:2', 'foreign');
    await maria.sql("UPDATE o.later SET what = 'x' WHERE id = 2");
    assert.match((await tool.end).stderr, /key 'later:2': WRONGTYPE[\s\S]*--verify --repair/);
    assert.equal(await redis.send('GET', 'later:2'), 'foreign');
  });
});
