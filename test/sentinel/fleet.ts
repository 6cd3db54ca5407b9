// fleet: masters, replicas and sentinels of both kinds as processes, for the tests of sentinels.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, type Reply, replyText } from '../../src/client/reply.js';
import { programPath, startKvasir } from '../kvasir.js';
import { findFreePort, type RedisPeer, startRedis } from '../peer.js';

export type Kind = 'kvasir' | 'redis';

const sentinelScript = programPath('kvasir-sentinel');

const LOG_BYTES_MAX = 1 << 20;
/** Bounds for machines that are many times slower. */
const WAIT_MS = 180_000;

/** Waits until `holds` gives something, and names what it waited for when it never does. */
export async function until<Value>(
  what: string,
  holds: () => Promise<Value | undefined | false>,
  timeoutMs = WAIT_MS,
): Promise<Value> {
  const endMs = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await holds();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > endMs) throw new Error(`${what} has not happened${last === undefined ? '' : `: ${String(last)}`}`);
    await sleep(50);
  }
}

/** Sends one command on a connection of its own. */
export async function ask(port: number, ...words: string[]): Promise<Reply> {
  const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 10_000 });
  try {
    return await connection.call(...words);
  } finally {
    connection.close();
  }
}

/** A reply as nested arrays of texts. */
export function plain(reply: Reply): unknown {
  if (isAggregate(reply)) return reply.elements.map(plain);
  if (reply.kind === 'nil') return null;
  return reply.kind === 'integer' ? Number(reply.value) : `${reply.kind === 'error' ? '-' : ''}${replyText(reply)}`;
}

/** A flat list of names and values. */
export function fieldsOf(reply: unknown): Map<string, string> {
  const words = reply as string[];
  return new Map(words.flatMap((name, index) => (index % 2 === 0 ? [[name, words[index + 1]!] as const] : [])));
}

export class SentinelProcess {
  private child: ChildProcess | undefined;
  /** Its latest output. */
  log = '';

  constructor(
    readonly kind: Kind,
    readonly port: number,
    readonly file: string,
  ) {}

  async start(): Promise<void> {
    const [program, ...args] =
      this.kind === 'redis' ? ['redis-sentinel', this.file] : [process.execPath, sentinelScript, this.file];
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes: Buffer) => (this.log = (this.log + bytes.toString('latin1')).slice(-LOG_BYTES_MAX)));
    await until('the sentinel answers', async () => plain(await ask(this.port, 'PING')) === 'PONG');
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  async stop(name: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(name);
    await ended;
  }

  get config(): string {
    return readFileSync(this.file, 'latin1');
  }

  async ask(...words: string[]): Promise<unknown> {
    return plain(await ask(this.port, ...words));
  }

  async masterPort(name = 'mymaster'): Promise<number> {
    const address = (await this.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as string[];
    return Number(address[1]);
  }
}

export class Fleet {
  readonly folder = mkdtempSync(join(tmpdir(), 'kvasir-fleet-'));
  readonly servers: RedisPeer[] = [];
  readonly sentinels: SentinelProcess[] = [];

  /** The first server is the master, the others follow it. */
  static async make(options: {
    servers: readonly Kind[];
    sentinels: readonly Kind[];
    quorum?: number;
    lines?: readonly string[];
    downAfterMs?: number;
  }): Promise<Fleet> {
    const fleet = new Fleet();
    for (const kind of options.servers) await fleet.addServer(kind);
    await fleet.linked();
    const { quorum = Math.floor(options.sentinels.length / 2) + 1, downAfterMs = 1500 } = options;
    for (const kind of options.sentinels)
      await fleet.addSentinel(kind, [
        `sentinel monitor mymaster 127.0.0.1 ${fleet.servers[0]!.port} ${quorum}`,
        `sentinel down-after-milliseconds mymaster ${downAfterMs}`,
        'sentinel failover-timeout mymaster 20000',
        ...(options.lines ?? []),
      ]);
    return fleet;
  }

  async addServer(kind: Kind, port = 0): Promise<RedisPeer> {
    const [master] = this.servers;
    const following = master === undefined ? [] : ['--replicaof', '127.0.0.1', String(master.port)];
    const args = ['--repl-diskless-sync-delay', '0', ...following];
    const server = await (kind === 'redis' ? startRedis({ args, port }) : startKvasir({ args, port }));
    this.servers.push(server);
    return server;
  }

  /** All servers follow the first. Sentinels that start before that learn of the replicas ten seconds later. */
  async linked(): Promise<void> {
    const [master, ...replicas] = this.servers;
    await until('the replicas follow', async () => {
      const [, , followers] = plain(await ask(master!.port, 'ROLE')) as [string, number, unknown[]];
      return followers.length === replicas.length;
    });
  }

  async addSentinel(kind: Kind, lines: readonly string[]): Promise<SentinelProcess> {
    const port = await findFreePort();
    const file = join(this.folder, `sentinel-${port}.conf`);
    writeFileSync(file, `${[`port ${port}`, `dir ${this.folder}`, ...lines].join('\n')}\n`);
    const sentinel = new SentinelProcess(kind, port, file);
    await sentinel.start();
    this.sentinels.push(sentinel);
    return sentinel;
  }

  /** All sentinels know one another and all replicas, and everything is up. */
  async ready(): Promise<void> {
    for (const sentinel of this.sentinels)
      await until(`sentinel ${sentinel.port} (${sentinel.kind}) has found everybody`, async () => {
        const fields = fieldsOf(await sentinel.ask('SENTINEL', 'MASTER', 'mymaster'));
        if (fields.get('flags') !== 'master') return false;
        if (Number(fields.get('num-slaves')) !== this.servers.length - 1) return false;
        if (Number(fields.get('num-other-sentinels')) !== this.sentinels.length - 1) return false;
        const others = [
          ...((await sentinel.ask('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[]),
          ...((await sentinel.ask('SENTINEL', 'SENTINELS', 'mymaster')) as unknown[]),
        ].map(fieldsOf);
        return others.every(
          (each) =>
            /^(slave|sentinel)$/.test(each.get('flags')!) &&
            (each.get('master-link-status') ?? 'ok') === 'ok' &&
            each.get('info-refresh') !== '0',
        );
      });
  }

  /** Waits until all sentinels name one master other than this port; that port. */
  agreedOther(port: number): Promise<number> {
    return until('all sentinels agree on a new master', async () => {
      const ports = await Promise.all(this.sentinels.map((sentinel) => sentinel.masterPort()));
      return ports.every((each) => each === ports[0] && each !== port) ? ports[0] : undefined;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop({ signal: 'SIGKILL' }).catch(() => undefined)));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
