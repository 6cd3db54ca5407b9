// throughput: rows a second from the binlog into Redis, beside mysqlbinlog's text piped into redis-cli in the same run; rows a second
// of a snapshot; and how long after a commit its change is in Redis.
//
//   node dist/test/mysql/throughput.bench.js [ROWS [ROUNDS [ROWS A TRANSACTION]]]
//
// The times of whole processes, with their starts, count. Both sides get the same redis-server, emptied before.
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { median } from '../../src/bench/versus.js';
import { replyText } from '../../src/client/reply.js';
import { parseAddress } from '../../src/transfer/link/address.js';
import { Pipeline } from '../../src/transfer/link/pipeline.js';
import { startRedis } from '../peer.js';
import { startMariadb, type Cleanup, type Mariadb } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const rows = Number(process.argv[2] ?? 400_000);
const rounds = Number(process.argv[3] ?? 3);
const rowsPerTransaction = Number(process.argv[4] ?? 100);
const commitsForLag = 300;
const ends: (() => Promise<void> | void)[] = [];
const cleanup: Cleanup = { after: (run) => void ends.unshift(run) };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Decodes rows as scripts do: the pseudo SQL of mysqlbinlog -v, line by line, made into commands for redis-cli --pipe. */
async function byPipe(mariaPort: number, file: string, offset: string, redisPort: number): Promise<number> {
  const startedMs = performance.now();
  const words = [
    '--no-defaults',
    '-h127.0.0.1',
    `-P${mariaPort}`,
    '-uroot',
    '-R',
    '-v',
    '--base64-output=DECODE-ROWS',
    `--start-position=${offset}`,
    file,
  ];
  const source = spawn('mysqlbinlog', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const sink = spawn('redis-cli', ['-p', String(redisPort), '--pipe'], { stdio: ['pipe', 'ignore', 'inherit'] });
  let cells: string[] = [];
  const send = (): void => {
    if (cells.length === 4)
      sink.stdin.write(`HSET p:${cells[0]} id ${cells[0]} name ${cells[1]} num ${cells[2]} city ${cells[3]}\r\n`);
    cells = [];
  };
  for await (const line of createInterface({ input: source.stdout })) {
    if (line.startsWith('### INSERT')) send();
    const cell = /^### {3}@\d+=(.*)$/.exec(line);
    if (cell !== null) cells.push(cell[1]!);
  }
  send();
  sink.stdin.end();
  await new Promise((resolve) => sink.on('close', resolve));
  return (performance.now() - startedMs) / 1000;
}

/** Milliseconds between the end of a commit and the moment in which a reader of Redis sees it. */
async function lags(maria: Mariadb, redis: Pipeline): Promise<number[]> {
  const taken: number[] = [];
  for (let count = 0; count < commitsForLag; count++) {
    await maria.sql(`UPDATE p.t SET city = 'lag${count}' WHERE id = ${count + 1}`);
    const committedMs = performance.now();
    while (replyText(await redis.call('HGET', `p:${count + 1}`, 'city')) !== `lag${count}`);
    taken.push(performance.now() - committedMs);
    await sleep(5);
  }
  return taken.sort((a, b) => a - b);
}

try {
  const maria = await startMariadb(cleanup);
  const redis = await startRedis();
  cleanup.after(() => redis.stop());
  const reader = await Pipeline.open(parseAddress(`127.0.0.1:${redis.port}`));
  cleanup.after(() => reader.close());
  await maria.sql(
    'CREATE DATABASE p; CREATE TABLE p.t (id INT PRIMARY KEY, name VARCHAR(30), num DECIMAL(10,2), city VARCHAR(20))',
  );
  const [[file, offset]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
  for (let at = 0; at < rows; at += rowsPerTransaction)
    await maria.sql(
      `INSERT INTO p.t SELECT seq, CONCAT('name', seq), seq / 7, CONCAT('city', seq % 100) FROM p.seq_${at + 1}_to_${Math.min(at + rowsPerTransaction, rows)}`,
    );
  const [[, end]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
  const tool = new SyncTool(
    cleanup,
    `name: p\nsource: { host: '127.0.0.1:${maria.port}', user: root }\ntarget: { address: '127.0.0.1:${redis.port}' }\ntables:\n  - table: p.t\n    targets:\n      - hash: 'p:{id}'\n`,
  );
  const isThere = async (): Promise<boolean> => {
    const text = replyText(await reader.call('HGET', 'kvasir-mysql:{p}', 'position'));
    return text.startsWith('{') && (JSON.parse(text) as { offset: number }).offset >= Number(end);
  };
  const empty = (): Buffer => execFileSync('redis-cli', ['-p', String(redis.port), 'FLUSHALL']);
  const ours: number[] = [];
  const piped: number[] = [];
  const snapshots: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let startedMs = performance.now();
    tool.start('--from', `${file}:${offset}`);
    await until('the end', isThere, 600_000);
    ours.push((performance.now() - startedMs) / 1000);
    await tool.kill('SIGTERM');
    empty();
    piped.push(await byPipe(maria.port, file, offset, redis.port));
    empty();
    startedMs = performance.now();
    const ran = await tool.run('--snapshot-only');
    if (ran.status !== 0) throw new Error(ran.stderr);
    snapshots.push((performance.now() - startedMs) / 1000);
    empty();
    process.stdout.write(
      `round ${round + 1}: kvasir-mysql ${ours[round]!.toFixed(2)} s, mysqlbinlog | redis-cli --pipe ${piped[round]!.toFixed(2)} s, snapshot ${snapshots[round]!.toFixed(2)} s\n`,
    );
  }
  tool.start();
  await until('following', () => tool.log.includes('following'));
  const lag = await lags(maria, reader);
  await tool.kill('SIGTERM');
  const rate = (seconds: readonly number[]): number => Math.round(rows / median(seconds));
  const ratio = median(piped.map((seconds, round) => seconds / ours[round]!));
  process.stdout.write(
    `${rows} rows, ${rowsPerTransaction} a transaction, median of ${rounds}: kvasir-mysql ${rate(ours)} rows/s, mysqlbinlog | redis-cli --pipe ${rate(piped)} rows/s, ratio ${ratio.toFixed(2)}; ` +
      `snapshot ${rate(snapshots)} rows/s; lag ${median(lag).toFixed(1)} ms, 99 % ${lag[Math.floor(lag.length * 0.99)]!.toFixed(1)} ms\n`,
  );
} finally {
  for (const run of ends) await run();
}
