// campaign: many rounds of a duel, each from its own seed; what fails is shrunk to a short reproduction.

import { Prng } from '../../src/base/prng.js';
import { allDeclarations } from '../../src/server/declarations.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { startRedis, type RedisPeer } from '../peer.js';
import { Connection } from '../../src/client/connection.js';
import { latin1 } from '../../src/base/bytes.js';
import { ArgumentValues } from './argument-values.js';
import { differences } from './differences.js';
import { Duel, type Mismatch } from './duel.js';
import { candidates, Generator, versionNumber, type Candidate, type Words } from './generator.js';
import { shrink } from './shrink.js';

export interface CampaignOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly sequenceLength?: number;
  /** Path of another redis-server. */
  readonly peer?: string | undefined;
  /** Only commands whose full name is in the list. */
  readonly only?: readonly string[] | undefined;
  /** Ends after so many failures. */
  readonly failuresMax?: number;
  /** Full names of commands that are left out; grows with each failure, so that a long run finds different ones. */
  readonly without?: Set<string>;
  readonly report?: (text: string) => void;
}

export interface CampaignResult {
  readonly failures: readonly string[];
  readonly commandCount: number;
  /** How often each command ran. */
  readonly coverage: ReadonlyMap<string, number>;
  /** Names of differences that apply to this peer and were not seen. */
  readonly unseen: readonly string[];
}

/** Words as one can type them into redis-cli. */
export function quote(words: Words): string {
  return words
    .map((word) =>
      /^[\w.*:+-]+$/.test(word)
        ? word
        : `"${word.replace(/["\\]/g, '\\$&').replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`,
    )
    .join(' ');
}

async function versionOf(peer: RedisPeer): Promise<string> {
  const found = /redis_version:([\d.]+)/.exec(await peer.send('INFO', 'server'))?.[1] ?? '0.0.0';
  // Development builds call themselves 255.255.255: the one of our tests came before 8.0.
  return found.startsWith('255') ? '7.4.9' : found;
}

/** Payloads of DUMP for values of every type, made by the peer. */
async function dumpsOf(peer: RedisPeer): Promise<string[]> {
  const connection = await Connection.open({ host: peer.host, port: peer.port });
  const make: Words[] = [
    ['SET', 'a', 'text'],
    ['SET', 'b', '12345'],
    ['RPUSH', 'c', 'x', '1', 'y'.repeat(100)],
    ['SADD', 'd', '1', '2', '3'],
    ['SADD', 'e', 'm1', 'm2'],
    ['HSET', 'f', 'm1', 'v', 'm2', '2'],
    ['ZADD', 'g', '1', 'm1', '2.5', 'm2'],
    ['XADD', 'h', '5-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 'h', 'gr1', '0'],
    ['HSET', 'i', ...Array.from({ length: 1200 }, (_, index) => `m${index}`)],
    ['SADD', 'j', ...Array.from({ length: 700 }, (_, index) => String(index * 3))],
  ];
  for (const words of make) await connection.call(...words);
  const dumps: string[] = [];
  for (const key of 'abcdefghij') {
    const reply = await connection.call('DUMP', key);
    if (reply.kind === 'bulk') dumps.push(latin1(reply.bytes));
  }
  const [first = ''] = dumps;
  const broken = [first.slice(0, -1), `${first.slice(0, -1)}\x01`, ''];
  await connection.call('FLUSHALL');
  connection.close();
  return [...dumps, ...broken];
}

export class Campaign {
  private readonly seen = new Set<string>();
  private readonly coverage = new Map<string, number>();
  private commandCount = 0;

  private constructor(
    private readonly options: CampaignOptions,
    private readonly kvasir: KvasirProcess,
    private readonly redis: RedisPeer,
    private readonly version: string,
    private readonly dumps: readonly string[],
  ) {}

  static async run(options: CampaignOptions): Promise<CampaignResult> {
    const args = ['--databases', '16'];
    const redis = await startRedis({ args, ...(options.peer === undefined ? {} : { program: options.peer }) });
    try {
      const kvasir = await startKvasir({ args });
      try {
        const campaign = new Campaign(options, kvasir, redis, await versionOf(redis), await dumpsOf(redis));
        return await campaign.rounds();
      } finally {
        await kvasir.stop();
      }
    } finally {
      await redis.stop();
    }
  }

  private applicable(): readonly (typeof differences)[number][] {
    return differences.filter(
      ({ since = '0', before = '99' }) =>
        versionNumber(this.version) < versionNumber(before) && versionNumber(this.version) >= versionNumber(since),
    );
  }

  private async rounds(): Promise<CampaignResult> {
    const { seed, rounds, sequenceLength = 60, only, without, failuresMax = 1, report } = this.options;
    const applicable = this.applicable();
    const duel = new Duel(this.kvasir.port, this.redis.port, (words, ours, theirs) => {
      const excuse = applicable.find((difference) => difference.matches(words, ours, theirs));
      if (excuse !== undefined) this.seen.add(excuse.name);
      return excuse !== undefined;
    });
    const failures: string[] = [];
    try {
      for (let round = 0; round < rounds && failures.length < failuresMax; round++) {
        const commands = candidates(allDeclarations as never, this.version).filter(({ name }) => {
          const fullName = name.join('|');
          return (only === undefined || only.includes(fullName)) && without?.has(fullName) !== true;
        });
        const failure = await this.round(duel, seed + round, sequenceLength, commands);
        if (failure === undefined) continue;
        failures.push(failure);
        report?.(failure);
      }
    } finally {
      duel.close();
    }
    const unseen = applicable.filter(({ name }) => !this.seen.has(name)).map(({ name }) => name);
    return { failures, commandCount: this.commandCount, coverage: this.coverage, unseen };
  }

  private async round(
    duel: Duel,
    seed: number,
    length: number,
    commands: readonly Candidate[],
  ): Promise<string | undefined> {
    const prng = new Prng(seed);
    const generator = new Generator(
      prng,
      new ArgumentValues(prng, this.dumps, versionNumber(this.version) < versionNumber('7.4.9')),
      commands,
      this.version,
    );
    const protocol = prng.chance(50) ? 3 : 2;
    const sequence = generator.sequence(length);
    this.commandCount += sequence.length;
    for (const words of sequence) {
      const name = (words[0] ?? '').toLowerCase();
      this.coverage.set(name, (this.coverage.get(name) ?? 0) + 1);
    }
    const attempt = async (candidate: readonly Words[]): Promise<Mismatch | string | undefined> => {
      try {
        return await duel.run(candidate, protocol);
      } catch (error) {
        return (error as Error).message;
      }
    };
    const first = await attempt(sequence);
    if (first === undefined) return undefined;
    if (this.options.without !== undefined && typeof first !== 'string')
      this.options.without.add(fullNameOf(first.words));
    const kind = (found: Mismatch | string): string =>
      typeof found === 'string' ? 'failure' : found.words[0]!.toLowerCase();
    const short = await shrink(sequence, async (candidate) => {
      const found = await attempt(candidate);
      return found !== undefined && kind(found) === kind(first);
    });
    const last = await attempt(short);
    return describe(seed, protocol, short, last ?? first, last === undefined);
  }
}

function fullNameOf(words: Words): string {
  const [name = '', sub = ''] = words.map((word) => word.toLowerCase());
  return ['object', 'xinfo', 'xgroup', 'client', 'memory', 'pubsub'].includes(name) ? `${name}|${sub}` : name;
}

function describe(
  seed: number,
  protocol: number,
  sequence: readonly Words[],
  found: Mismatch | string,
  flaky: boolean,
): string {
  const lines = [
    `seed ${seed}, RESP${protocol}${flaky ? ', not every time' : ''}:`,
    ...sequence.map((words) => `  ${quote(words).slice(0, 2000)}`),
  ];
  if (typeof found === 'string') return [...lines, `  failed: ${found}`].join('\n');
  return [
    ...lines,
    `  at ${quote(found.words).slice(0, 300)}`,
    `  Kvasir: ${found.ours.slice(0, 600)}`,
    `  redis:  ${found.theirs.slice(0, 600)}`,
  ].join('\n');
}
