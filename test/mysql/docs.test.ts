// docs/mysql.md: the master on 3307, the slave on 3308 and Redis, as the page sets them up, on other ports and in another folder.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startKvasir } from '../kvasir.js';
import { findFreePort, findProgram, peerMissing } from '../peer.js';
import { mariadbMissing, prepareData } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/mysql.md', import.meta.url)), 'utf8');
const section = /^## A master on 3307.*?(?=^## )/ms.exec(page)![0];
const skip = mariadbMissing() || peerMissing('redis-cli');

/** The blocks of a language, in their order. */
const blocks = (language: string): string[] =>
  [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text!);

it('does what docs/mysql.md shows with a master, a slave and Redis', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-page-'));
  const children: ChildProcess[] = [];
  t.after(() => {
    for (const child of children) child.kill('SIGKILL');
    for (const name of existsSync(join(folder, 'pids')) ? readdirSync(join(folder, 'pids')) : [])
      try {
        process.kill(Number(name), 'SIGKILL');
      } catch {
        // It has ended.
      }
    rmSync(folder, { recursive: true, force: true });
  });
  const redis = await startKvasir();
  t.after(() => redis.stop());
  const [master, slave] = [await findFreePort(), await findFreePort()];
  const own = (text: string): string =>
    text
      .replaceAll('/tmp/mall', join(folder, 'mall'))
      .replaceAll('3307', String(master))
      .replaceAll('3308', String(slave))
      .replaceAll('6379', String(redis.port));

  // A user of the page is not root, and installs each data folder anew, which takes seconds.
  const template = await prepareData();
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'pids'));
  mkdirSync(join(folder, 'tmp'));
  const program = (name: string, script: string): void => {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  };
  program(
    'mariadb-install-db',
    `for word; do case $word in --datadir=*) cp -r '${template}/.' "\${word#*=}";; esac; done`,
  );
  program(
    'mariadbd',
    `touch '${folder}'/pids/$$; mkdir '${folder}'/tmp/$$; exec '${findProgram('mariadbd')!}' "$@" --tmpdir='${folder}'/tmp/$$ --user=root --bind-address=127.0.0.1 --innodb-buffer-pool-size=24M --innodb-log-file-size=4M`,
  );
  const environment = { ...process.env, PATH: `${folder}/bin:${process.env.PATH}` };
  const [setUp, setRow] = [blocks('sh')[0]!, blocks('sql')[2]!];
  children.push(spawn('sh', ['-c', own(setUp)], { env: environment, stdio: 'ignore', cwd: folder }));
  const sql = (port: number, text: string): string =>
    execFileSync('mariadb', ['--no-defaults', '-h', '127.0.0.1', '-P', String(port), '-u', 'root'], {
      input: text,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const isUp = (port: number) => (): boolean => {
    try {
      return sql(port, 'SELECT 1').includes('1');
    } catch {
      return false;
    }
  };
  await until('the master', isUp(master));
  await until('the slave', isUp(slave));

  const status = sql(master, own(blocks('sql')[0]!));
  const [, file, offset] = /^(mall-mysql-bin\.\d+)\t(\d+)/m.exec(status)!;
  const follow = own(blocks('sql')[1]!);
  assert.match(follow, /master_log_file='mall-mysql-bin\.000001', master_log_pos=617/);
  const state = sql(
    slave,
    follow.replace('mall-mysql-bin.000001', file!).replace('master_log_pos=617', `master_log_pos=${offset}`),
  );
  assert.match(state, /Slave_IO_State/);

  // The page's tables are read anew at most every ten seconds.
  const config = own(blocks('yaml')[0]!).replace('  user: slave\n', '  user: slave\n  resnapshot_seconds: 0.1\n');
  const tool = new SyncTool(t, config);
  const shown = blocks('console')[0]!;
  const outputs = shown.split(/^\$ .*\n/m);
  tool.start();
  await until(
    () => tool.log,
    () => tool.log.includes('following'),
  );
  const wanted = outputs.find((text) => text.includes('following'))!;
  const pattern = own(wanted)
    .trimEnd()
    .split('\n')
    .map((line) =>
      line
        .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        .replaceAll(/:\d{3}\b/g, ':\\d+')
        .replace(/\d+ ms/, '\\d+ ms'),
    )
    .join('\n');
  assert.match(tool.log, new RegExp(`^${pattern}$`, 'm'));
  const [, insert] = /-e "(.*)"$/m.exec(shown)!;
  sql(master, insert!);
  const [, read] = /^\$ kvasir-cli (HGETALL \S+)$/m.exec(shown)!;
  await until(
    () => `the row; log:\n${tool.log}`,
    async () => (await redis.send('--no-raw', ...read!.split(' '))) === outputs.at(-1)!.trimEnd(),
  );
  sql(master, "UPDATE test.t1 SET name = 'by statement'");
  await until('the statement', async () => (await redis.send('HGET', 't1:1', 'name')) === 'by statement');
  assert.match(tool.log, /as a statement \(binlog_format is not ROW\)/);
  await until('the row at the slave', () => sql(slave, 'SELECT name FROM test.t1').includes('by statement'));
  // After the advice of the page there are rows in the binlog.
  sql(master, setRow);
  const statements = tool.log.match(/as a statement/g)!.length;
  sql(master, "INSERT INTO test.t1 VALUES (2, 'by row')");
  await until('the second row', async () => (await redis.send('HGET', 't1:2', 'name')) === 'by row');
  assert.equal(tool.log.match(/as a statement/g)!.length, statements);
  // The slave takes over: what it says of GTIDs is checked where both have them (operation.test).
  await tool.kill('SIGTERM');
  const checked = await tool.run('--verify');
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
});
