// A seeded workload while kvasir-mysql, MariaDB and Redis are killed at random moments: at the end keys and tables are equal, and no
// position ever went back. The share in `npm test` is short; KVASIR_MYSQL_CRASHES=100 runs longer, SEED=n repeats a run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { findFreePort, findProgram, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { mariadbMissing, startMariadb, type Mariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const crashes = Number(process.env.KVASIR_MYSQL_CRASHES ?? 4);
const skip = mariadbMissing() || peerMissing('redis-server', 'redis-cli') || findProgram('mariadb') === undefined;

const config = (mariaPort: number, redisPort: number): string => `
name: w
source: { host: '127.0.0.1:${mariaPort}', user: root, heartbeat_seconds: 0.5, resnapshot_seconds: 0.5 }
target: { address: '127.0.0.1:${redisPort}' }
limits: { transaction_bytes: 20000, batch_rows: 50 }
tables:
  - table: w.a
    targets:
      - hash: 'a:{id}'
      - string: 'a:by-name:{name}'
        value: '{id}'
      - set: 'a:in:{grp}'
        member: '{id}'
      - zset: 'a:scores'
        member: '{id}'
        score: num
      - list: 'a:list:{grp}'
        element: '{id}'
      - stream: 'a:feed'
  - table: w.b
    where: num > 0
    targets:
      - json: 'b:{x}:{y}'
`;

/** Runs random transactions until told to stop; connections that are lost are made again. */
class Workload {
  private isStopped = false;
  committed = 0;
  private readonly done: Promise<void>;

  constructor(
    private readonly maria: Mariadb,
    private readonly random: Prng,
  ) {
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.maria.sql(this.transaction());
        this.committed++;
      } catch {
        await this.maria.sql('ROLLBACK').catch(() => undefined); // duplicate keys, or the server is dead
      }
      await new Promise((resolve) => setTimeout(resolve, this.random.below(20)));
    }
  }

  private transaction(): string {
    const { random } = this;
    const kind = random.below(100);
    if (kind === 0) return 'TRUNCATE w.b';
    if (kind === 1)
      return `ALTER TABLE w.b ADD COLUMN IF NOT EXISTS extra${random.below(3)} INT NOT NULL DEFAULT ${random.below(9)}`;
    if (kind === 2) return `ALTER TABLE w.b DROP COLUMN IF EXISTS extra${random.below(3)}`;
    if (kind === 3) return 'FLUSH BINARY LOGS';
    if (kind === 4)
      return `INSERT INTO w.b (x, y, num) SELECT seq, ${random.below(1000)}, seq - 50 FROM w.seq_1_to_400 ON DUPLICATE KEY UPDATE num = num + 1`;
    if (kind === 5)
      return `SET SESSION binlog_format = STATEMENT; UPDATE w.b SET num = num + 1 WHERE x = ${random.below(40)}; SET SESSION binlog_format = ROW`;
    const statements: string[] = ['BEGIN'];
    for (let count = 1 + random.below(6); count > 0; count--) statements.push(this.change());
    statements.push(random.below(10) === 0 ? 'ROLLBACK' : 'COMMIT');
    return statements.join(';');
  }

  private change(): string {
    const { random } = this;
    const id = random.below(60);
    const name = random.below(4) === 0 ? 'NULL' : `'n${random.below(80)}'`;
    switch (random.below(6)) {
      case 0:
        return `DELETE FROM w.a WHERE id = ${id}`;
      case 1:
        return `UPDATE IGNORE w.a SET id = ${random.below(60)} WHERE id = ${id}`;
      case 2:
        return `UPDATE IGNORE w.a SET name = ${name}, grp = ${random.below(5)} WHERE id = ${id}`;
      case 3:
        return `UPDATE w.a SET num = num + 0.25 WHERE grp = ${random.below(5)}`;
      case 4:
        return `INSERT INTO w.b (x, y, num) VALUES (${id}, ${random.below(5)}, ${random.below(9) - 4}) ON DUPLICATE KEY UPDATE num = VALUES(num)`;
      default:
        return `INSERT IGNORE INTO w.a VALUES (${id}, ${name}, ${random.below(5)}, ${random.below(100)})`;
    }
  }
}

/** The feed must tell exactly what happened: played from the beginning it gives the table. */
async function checkFeed(redis: RedisPeer, maria: Mariadb): Promise<void> {
  const lines = (await redis.send('--no-raw', 'XRANGE', 'a:feed', '-', '+')).split('\n');
  const rows = new Map<string, string>();
  const fields = new Map<string, string>();
  const values = lines.map((line) => /"((?:[^"\\]|\\.)*)"\s*$/.exec(line)?.[1]).filter((value) => value !== undefined);
  const apply = (): void => {
    const read = (name: string): { id: number } | undefined => {
      const text = fields.get(name);
      return text === undefined ? undefined : (JSON.parse(JSON.parse(`"${text}"`) as string) as { id: number });
    };
    const before = read('old');
    const after = read('row');
    if (before !== undefined) {
      assert.equal(
        rows.get(String(before.id)),
        JSON.stringify(before),
        `seed ${seed}: a change of the feed does not follow on the one before`,
      );
      rows.delete(String(before.id));
    }
    if (after !== undefined) rows.set(String(after.id), JSON.stringify(after));
  };
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (/^\d+-\d+$/.test(value)) {
      if (fields.size > 0) apply();
      fields.clear();
      continue;
    }
    fields.set(value, values[++index]!);
  }
  if (fields.size > 0) apply();
  const ids = (await maria.sql('SELECT id FROM w.a ORDER BY id')).map(([id]) => id!);
  assert.deepEqual(
    [...rows.keys()].sort((a, b) => Number(a) - Number(b)),
    ids,
    `seed ${seed}: the feed leads to other rows`,
  );
}

describe('kvasir-mysql under crashes', { skip }, () => {
  it(`loses and repeats nothing (seed ${seed})`, async (t) => {
    const random = new Prng(seed);
    const maria = await startMariadb(t, { args: ['--innodb-flush-log-at-trx-commit=1', '--sync-binlog=1'] });
    await maria.sql(
      'CREATE DATABASE w; CREATE TABLE w.a (id INT PRIMARY KEY, name VARCHAR(20) UNIQUE, grp INT, num DECIMAL(10,2)); CREATE TABLE w.b (x INT, y INT, num INT, PRIMARY KEY (x, y))',
    );
    const redisPort = await findFreePort();
    const redisArgs = ['--appendonly', 'yes', '--appendfsync', 'always', '--stream-node-max-entries', '100'];
    let redis = await startRedis({ port: redisPort, args: redisArgs });
    t.after(() => redis.stop());
    const tool = new SyncTool(t, config(maria.port, redisPort));
    const positions: [string, number][] = [];
    const look = async (): Promise<void> => {
      const text = await redis.send('HGET', 'kvasir-mysql:{w}', 'position').catch(() => '');
      if (!text.startsWith('{')) return;
      const { file, offset } = JSON.parse(text) as { file: string; offset: number };
      const last = positions[positions.length - 1];
      if (last !== undefined)
        assert.ok(
          file > last[0] || (file === last[0] && offset >= last[1]),
          `seed ${seed}: the position went back from ${last.join(':')} to ${file}:${offset}`,
        );
      positions.push([file, offset]);
    };
    tool.start();
    await until('the first position', async () => {
      await look();
      return positions.length > 0;
    });
    const workload = new Workload(maria, new Prng(seed + 1));
    for (let crash = 0; crash < crashes; crash++) {
      await new Promise((resolve) => setTimeout(resolve, 200 + random.below(1500)));
      await look();
      const victim = random.below(3);
      if (victim === 0) {
        await tool.kill('SIGKILL');
        tool.start();
      } else if (victim === 1) {
        await maria.kill('SIGKILL');
        await maria.start();
      } else {
        await redis.stop({ signal: 'SIGKILL', keepFolder: true });
        redis = await startRedis({ port: redisPort, args: redisArgs, folder: redis.folder });
      }
      await look();
    }
    await workload.stop();
    await maria.sql('FLUSH BINARY LOGS');
    const [[file, offset]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
    await until(
      () => `seed ${seed}: the end at ${file}:${offset}; log:\n${tool.log.slice(-3000)}`,
      async () => {
        assert.equal(tool.child!.exitCode, null, `seed ${seed}: kvasir-mysql has ended: ${tool.log.slice(-3000)}`);
        await look();
        const last = positions[positions.length - 1]!;
        const isThere = last[0] > file || (last[0] === file && last[1] >= Number(offset));
        return isThere && !(await redis.send('HGETALL', 'kvasir-mysql:{w}')).includes('"status":"stale"');
      },
    );
    await tool.kill('SIGTERM');
    const checker = new SyncTool(t, config(maria.port, redisPort));
    const ran = await checker.run('--verify');
    assert.equal(ran.status, 0, `seed ${seed}: ${ran.stdout}${ran.stderr}\n${tool.log.slice(-3000)}`);
    await checkFeed(redis, maria);
    t.diagnostic(`seed ${seed}: ${workload.committed} transactions, ${crashes} crashes`);
  });
});
