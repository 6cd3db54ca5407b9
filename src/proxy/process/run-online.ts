// run-online: `kvasir-proxy migrate`, `mirror` and `move`: PROXY MIGRATE, MIRROR and MOVE, begun, watched and ended
// from a shell.
//
// The proxy does the work; the tool edits its configuration, has it reloaded, and prints its progress. It may be
// interrupted and started again at any time.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { systemErrorText } from '../../base/system-error.js';
import { Connection } from '../../client/connection.js';
import { isAggregate, isError, replyText, type Reply } from '../../client/reply.js';
import { delay } from '../../io/clock.js';
import { systemEnvironment } from '../../io/environment.js';
import { readNutcrackerConfig } from '../config/nutcracker-config.js';
import type { PoolConfig } from '../config/pool-config.js';

const usage = `Usage: kvasir-proxy migrate -c FILE --from POOL --to POOL [--speed KEYS] [--auth PASSWORD] [--user NAME]
       kvasir-proxy mirror  -c FILE --from POOL --to POOL [--compare KEYS | --repair | --switch | --end] [--auth ...]
       kvasir-proxy move    -c FILE --from POOL --server NAME --to HOST:PORT [--auth ...]

migrate  moves all keys of a pool to the servers of another while clients work, and tells how far it is. --speed bounds keys a second.
mirror   sends all writes of a pool to another too. --compare draws keys and compares them, --repair compares and mends all,
         --switch lets the other pool answer, --end stops the mirror.
move     gives one server's place in a pool to a new, empty instance: it becomes a replica, then the master, and the file names it.

The proxy that runs with FILE does it, asked through the listen address of --from. Each may be interrupted and started again.
`;

const valued = new Set(['from', 'to', 'speed', 'auth', 'user', 'compare', 'server', 'c']);
const bare = new Set(['repair', 'switch', 'end', 'help']);

function readWords(args: readonly string[]): Map<string, string> | string {
  const flags = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const match = /^--?([a-z-]+)(?:=(.*))?$/.exec(args[index]!);
    const name = match?.[1] === 'conf-file' ? 'c' : match?.[1] === 'h' ? 'help' : match?.[1];
    if (name === undefined || !(valued.has(name) || bare.has(name))) return `unknown word ${args[index]}`;
    const value = bare.has(name) ? '' : (match![2] ?? args[++index]);
    if (value === undefined) return `--${name} needs a value`;
    flags.set(name, value);
  }
  return flags;
}

/** So long the tool waits for a proxy that has gone. */
const RETURN_MS_MAX = 60_000;

/** The proxy's own word against it. */
class ReplyError extends Error {}

class Online {
  private connection: Connection | undefined;

  constructor(
    private readonly flags: ReadonlyMap<string, string>,
    private readonly print: (text: string) => void,
  ) {}

  private need(name: string): string {
    const value = this.flags.get(name);
    if (value === undefined) throw new Error(`-${name.length > 1 ? '-' : ''}${name} is missing`);
    return value;
  }

  private read(): { text: string; pools: readonly PoolConfig[] } {
    const file = this.need('c');
    const text = readFileSync(file, 'utf8');
    const { pools, mistakes } = readNutcrackerConfig(text, file);
    if (mistakes.length > 0) throw new Error(mistakes.map((each) => `${file}:${each.line}: ${each.text}`).join('\n'));
    return { text, pools };
  }

  private poolNamed(name: string): PoolConfig {
    const pool = this.read().pools.find((each) => each.name === name);
    if (pool === undefined) throw new Error(`${this.need('c')} has no pool '${name}'`);
    return pool;
  }

  /** Sets a key of a pool in the file, or takes it away, and leaves all other lines as they are. */
  private edit(pool: PoolConfig, key: string, value: string | undefined): void {
    const lines = this.read().text.split('\n');
    let end = pool.line;
    while (end < lines.length && !/^\S/.test(lines[end]!.replace(/^#.*/, ''))) end++;
    const old = lines.findIndex(
      (line, index) => index >= pool.line && index < end && line.trimStart().startsWith(`${key}:`),
    );
    const indent = /^\s+/.exec(lines.slice(pool.line, end).find((line) => /^\s+\w/.test(line)) ?? '  ')![0];
    if (old >= 0) lines.splice(old, 1);
    if (value !== undefined) lines.splice(pool.line, 0, `${indent}${key}: ${value}`);
    this.write(lines.join('\n'));
  }

  /** Written aside and moved, so that a reload never reads half of it. */
  private write(text: string): void {
    const file = this.need('c');
    const { mistakes } = readNutcrackerConfig(text, file);
    if (mistakes.length > 0) throw new Error(mistakes.map((each) => `${each.line}: ${each.text}`).join('\n'));
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  private async call(pool: PoolConfig, ...words: string[]): Promise<Reply> {
    if (this.connection === undefined) {
      const { host, port, path } = pool.listen;
      const place = host === '0.0.0.0' || host === '' ? '127.0.0.1' : host;
      this.connection = await Connection.open({
        host: place,
        port,
        timeoutMs: 10_000,
        ...(path === undefined ? {} : { path }),
      });
      const password = this.flags.get('auth') ?? pool.password;
      const user = this.flags.get('user');
      if (password !== undefined) await this.checked(['AUTH', ...(user === undefined ? [] : [user]), password]);
    }
    return this.checked(words);
  }

  private async checked(words: readonly string[]): Promise<Reply> {
    const reply = await this.connection!.call(...words);
    if (isError(reply)) throw new ReplyError(replyText(reply));
    return reply;
  }

  private async fields(pool: PoolConfig, ...words: string[]): Promise<Record<string, string>> {
    const reply = await this.call(pool, ...words);
    const found: Record<string, string> = {};
    if (isAggregate(reply))
      for (let index = 0; index + 1 < reply.elements.length; index += 2)
        found[replyText(reply.elements[index])] = replyText(reply.elements[index + 1]);
    return found;
  }

  private async tellSpeed(pool: PoolConfig): Promise<void> {
    const speed = this.flags.get('speed');
    if (speed !== undefined) await this.call(pool, 'PROXY', 'MIGRATE', 'SPEED', speed);
  }

  /** How far the migration is; a proxy that has gone is waited for, since it goes on when it is started again. */
  private async statusOf(pool: PoolConfig): Promise<Record<string, string>> {
    const { clock } = systemEnvironment;
    let giveUpMs = 0;
    for (;;) {
      try {
        if (giveUpMs > 0) await this.tellSpeed(pool);
        return await this.fields(pool, 'PROXY', 'MIGRATE', 'STATUS');
      } catch (error) {
        if (error instanceof ReplyError) throw error;
        this.close();
        const reason = error instanceof Error ? error.message : String(error);
        if (giveUpMs === 0) {
          giveUpMs = clock.steadyMs() + RETURN_MS_MAX;
          this.print(`the proxy does not answer (${reason}): it goes on when it is started again`);
        } else if (clock.steadyMs() > giveUpMs) throw error;
        await delay(clock, 200);
      }
    }
  }

  async migrate(): Promise<void> {
    const pool = this.poolNamed(this.need('from'));
    const to = this.poolNamed(this.need('to')).name;
    if (pool.migrateTo !== to) this.edit(pool, 'migrate_to', to);
    // Also when the file has it already: whoever wrote that may have been interrupted before the proxy knew.
    await this.call(pool, 'PROXY', 'RELOAD');
    await this.tellSpeed(pool);
    let shown = '';
    for (;;) {
      const status = await this.statusOf(pool);
      const text = `${status.state}: ${status.moved} keys moved (${status.bytes} bytes), ${status.scanned} looked at, ${status.failed} failures${status.error === '' ? '' : `, last: ${status.error}`}`;
      if (text !== shown) this.print(text);
      shown = text;
      if (status.state === 'done') break;
      await delay(systemEnvironment.clock, 500);
    }
    this.print(
      `No key of pool '${pool.name}' is at an old place. Its clients are served by the servers of '${to}': give '${pool.name}' those servers in the file, take migrate_to away, and reload.`,
    );
  }

  async mirror(): Promise<void> {
    const pool = this.poolNamed(this.need('from'));
    if (this.flags.has('end')) {
      this.edit(pool, 'mirror_to', undefined);
      await this.call(pool, 'PROXY', 'RELOAD');
      this.print(`pool '${pool.name}' has no mirror any more`);
      return;
    }
    const to = this.poolNamed(this.need('to')).name;
    if (pool.mirrorTo !== to) this.edit(pool, 'mirror_to', to);
    await this.call(pool, 'PROXY', 'RELOAD');
    const compare = this.flags.get('compare');
    if (compare !== undefined)
      this.print(
        `${replyText(await this.call(pool, 'PROXY', 'MIRROR', 'COMPARE', compare))} of ${compare} keys differ`,
      );
    if (this.flags.has('repair'))
      this.print(`${replyText(await this.call(pool, 'PROXY', 'MIRROR', 'REPAIR'))} keys were not equal, and are now`);
    if (this.flags.has('switch')) {
      await this.call(pool, 'PROXY', 'MIRROR', 'SWITCH');
      this.print(`the servers of '${to}' answer; put them into pool '${pool.name}' of the file before the next reload`);
    }
    const status = await this.fields(pool, 'PROXY', 'MIRROR', 'STATUS');
    this.print(
      Object.entries(status)
        .filter(([, value]) => value !== '')
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    );
  }

  async move(): Promise<void> {
    const pool = this.poolNamed(this.need('from'));
    const [name, to] = [this.need('server'), this.need('to')];
    const server = pool.servers.find((each) => each.name === name || each.label === name);
    if (server === undefined) throw new Error(`pool '${pool.name}' has no server '${name}'`);
    const running = await this.fields(pool, 'PROXY', 'MOVE', 'STATUS');
    if (!['syncing', 'switching'].includes(running.state ?? '')) await this.call(pool, 'PROXY', 'MOVE', name, to);
    let shown = '';
    for (;;) {
      const { state = '', error = '' } = await this.fields(pool, 'PROXY', 'MOVE', 'STATUS');
      if (state !== shown) this.print(state);
      shown = state;
      if (state === 'failed') throw new Error(error);
      if (state === 'done') break;
      await delay(systemEnvironment.clock, 100);
    }
    // The old name stays, or keys would go elsewhere.
    const lines = this.read().text.split('\n');
    const at = lines.findIndex(
      (line, index) => index >= pool.line && line.trim().replace(/^-\s*/, '').startsWith(server.label),
    );
    if (at < 0)
      throw new Error(
        `the line of ${server.label} is not found: write "- ${to}:${server.weight} ${server.name}" there`,
      );
    lines[at] = lines[at]!.replace(/-.*/, `- ${to}:${server.weight} ${server.name}`);
    this.write(lines.join('\n'));
    await this.call(pool, 'PROXY', 'RELOAD');
    this.print(
      `server '${server.name}' is at ${to}; the old instance has no clients of this proxy any more and may be ended`,
    );
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
  }
}

/** Runs one of them; resolves with the exit status. */
export async function runOnline(word: 'migrate' | 'mirror' | 'move', args: readonly string[]): Promise<number> {
  const flags = readWords(args);
  if (typeof flags === 'string' || flags.has('help') || args.length === 0) {
    const isHelp = typeof flags !== 'string' && flags.has('help');
    if (typeof flags === 'string') process.stderr.write(`kvasir-proxy ${word}: ${flags}\n`);
    (isHelp ? process.stdout : process.stderr).write(usage);
    return isHelp ? 0 : 1;
  }
  const online = new Online(flags, (text) => void process.stdout.write(`${text}\n`));
  try {
    await online[word]();
    return 0;
  } catch (error) {
    const text = error instanceof Error && error.message !== '' ? error.message : systemErrorText(error);
    process.stderr.write(`kvasir-proxy ${word}: ${text}\n`);
    return 1;
  } finally {
    online.close();
  }
}
