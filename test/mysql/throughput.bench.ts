// throughput: rows a second from the binlog into Redis, beside mysqlbinlog's text piped into redis-cli in the same run.
//
//   node dist/test/mysql/throughput.bench.js [ROWS]
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { startRedis } from '../peer.js';
import { startMariadb, type Cleanup } from './mariadb.js';
import { SyncTool, until } from './sync-process.js';

const rows = Number(process.argv[2] ?? 100_000);
const ends: (() => Promise<void> | void)[] = [];
const cleanup: Cleanup = { after: (run) => void ends.unshift(run) };

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

try {
  const maria = await startMariadb(cleanup);
  const redis = await startRedis();
  cleanup.after(() => redis.stop());
  await maria.sql(
    'CREATE DATABASE p; CREATE TABLE p.t (id INT PRIMARY KEY, name VARCHAR(30), num DECIMAL(10,2), city VARCHAR(20))',
  );
  const [[file, offset]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
  for (let at = 0; at < rows; at += 100)
    await maria.sql(
      `INSERT INTO p.t SELECT seq, CONCAT('name', seq), seq / 7, CONCAT('city', seq % 100) FROM p.seq_${at + 1}_to_${Math.min(at + 100, rows)}`,
    );
  const [[, end]] = (await maria.sql('SHOW MASTER STATUS')) as [[string, string]];
  const tool = new SyncTool(
    cleanup,
    `name: p\nsource: { host: '127.0.0.1:${maria.port}', user: root }\ntarget: { address: '127.0.0.1:${redis.port}' }\ntables:\n  - table: p.t\n    targets:\n      - hash: 'p:{id}'\n`,
  );
  const startedMs = performance.now();
  tool.start('--from', `${file}:${offset}`);
  await until('the end', async () => {
    const text = await redis.send('HGET', 'kvasir-mysql:{p}', 'position');
    return text.startsWith('{') && (JSON.parse(text) as { offset: number }).offset >= Number(end);
  });
  const seconds = (performance.now() - startedMs) / 1000;
  await tool.kill('SIGTERM');
  execFileSync('redis-cli', ['-p', String(redis.port), 'FLUSHALL']);
  const piped = await byPipe(maria.port, file, offset, redis.port);
  process.stdout.write(
    `${rows} rows: kvasir-mysql ${Math.round(rows / seconds)} rows/s, mysqlbinlog | redis-cli --pipe ${Math.round(rows / piped)} rows/s, ratio ${(piped / seconds).toFixed(2)}\n`,
  );
} finally {
  for (const run of ends) await run();
}
