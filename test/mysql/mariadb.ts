// mariadb: starts Debian's MariaDB with a data folder of its own, on loopback and a unix socket, and cleans up after it.
//
//   const maria = await startMariadb(t, { args: ['--binlog-format=ROW'] });
//   await maria.sql('CREATE TABLE ...');   maria.kill('SIGKILL');   await maria.start();

import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection, type Connection } from 'mysql2/promise';
import { findFreePort, findProgram, peerMissing } from '../peer.js';

export const mariadbMissing = (): string | false => peerMissing('mariadbd', 'mariadb-install-db', 'mariadb');

export interface Mariadb {
  readonly port: number;
  readonly socket: string;
  readonly folder: string;
  /** Runs statements as root; the rows of the last one, as texts. */
  sql(text: string): Promise<(string | null)[][]>;
  connect(): Promise<Connection>;
  /** The output of the program `mariadb` for a query: a list of cells for each row. */
  client(query: string): Promise<string[][]>;
  /** Ends the process; with SIGKILL as a crash does. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it on the same data; `args` replace those of before. */
  start(args?: readonly string[]): Promise<void>;
}

export interface MariadbOptions {
  readonly args?: readonly string[];
}

const startMs = 120_000;

/** Told what to do after the test. */
export interface Cleanup {
  after(run: () => Promise<void> | void): void;
}

function run(program: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, words, { maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

/** A data folder that has been set up once for this process, to copy. */
let prepared: Promise<string> | undefined;

export function prepareData(): Promise<string> {
  prepared ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-mariadb-new-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    // At its start every mariadbd removes what `#sql*` its tmpdir holds, so two of them may not share one.
    const scratch = join(folder, 'tmp');
    mkdirSync(scratch);
    await run('mariadb-install-db', [
      '--no-defaults',
      `--datadir=${join(folder, 'data')}`,
      `--tmpdir=${scratch}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--user=root',
      '--skip-name-resolve',
      '--innodb-log-file-size=4M',
    ]);
    return join(folder, 'data');
  })();
  return prepared;
}

export async function startMariadb(cleanup: Cleanup, options: MariadbOptions = {}): Promise<Mariadb> {
  const template = await prepareData();
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-mariadb-'));
  const data = join(folder, 'data');
  cpSync(template, data, { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  const socket = join(folder, 'sock');
  const port = await findFreePort();
  const root = { host: '127.0.0.1', port, user: 'root', multipleStatements: true, charset: 'utf8mb4' };
  let args = options.args ?? [];
  let child: ChildProcess | undefined;
  const killOnExit = (): void => void child?.kill('SIGKILL');
  process.once('exit', killOnExit);
  let own: Connection | undefined;

  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    // A query that is under way fails when the server is gone; destroyed before, it would never settle.
    const lost = own;
    own = undefined;
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
    setTimeout(() => lost?.destroy(), 1000).unref();
  };

  const start = async (newArgs?: readonly string[]): Promise<void> => {
    args = newArgs ?? args;
    const log = join(folder, 'log');
    child = spawn(
      findProgram('mariadbd')!,
      [
        '--no-defaults',
        `--datadir=${data}`,
        `--tmpdir=${join(folder, 'tmp')}`,
        `--socket=${socket}`,
        `--port=${port}`,
        `--pid-file=${join(folder, 'pid')}`,
        `--log-error=${log}`,
        '--bind-address=127.0.0.1',
        '--user=root',
        '--skip-name-resolve',
        '--server-id=101',
        '--log-bin=mall-mysql-bin',
        '--binlog-format=ROW',
        '--innodb-buffer-pool-size=24M',
        '--innodb-log-file-size=4M',
        '--character-set-server=utf8mb4',
        ...args,
      ],
      { stdio: 'ignore' },
    );
    const started = child;
    const giveUp = Date.now() + startMs;
    for (;;) {
      try {
        const connection = await createConnection(root);
        await connection.end();
        return;
      } catch {
        if (started.exitCode !== null || started.signalCode !== null || Date.now() > giveUp)
          throw new Error(`mariadbd did not start: ${existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : ''}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };

  cleanup.after(async () => {
    process.removeListener('exit', killOnExit);
    await kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await start();

  return {
    port,
    socket,
    folder,
    kill,
    start,
    connect: () => createConnection(root),
    async sql(text) {
      if (own === undefined) {
        const made = await createConnection(root);
        made.on('error', () => {
          if (own === made) own = undefined;
        });
        own = made;
      }
      const [rows] = await own.query({ sql: text, rowsAsArray: true, typeCast: false });
      const last =
        Array.isArray(rows) && Array.isArray(rows[0]) && Array.isArray(rows[0][0]) ? rows[rows.length - 1] : rows;
      if (!Array.isArray(last)) return [];
      return (last as unknown as (Buffer | null)[][]).map((row) =>
        Array.isArray(row) ? row.map((cell) => (cell === null ? null : cell.toString('utf8'))) : [],
      );
    },
    async client(query) {
      const words = [
        '--no-defaults',
        `--socket=${socket}`,
        '-uroot',
        '--default-character-set=utf8mb4',
        '-N',
        '-B',
        '-e',
        query,
      ];
      const text = await run('mariadb', words);
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) =>
          line
            .split('\t')
            .map((cell) =>
              cell.replace(
                /\\([ntr0\\])/g,
                (_, letter: string) => ({ n: '\n', t: '\t', r: '\r', '0': '\0', '\\': '\\' })[letter]!,
              ),
            ),
        );
    },
  };
}
