// Values that contradict themselves: RESTORE takes and refuses what redis-server 7.0 does, what it takes holds the same
// elements here and can be used, and files load with what was mended in the log.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { latin1Bytes } from '../../src/base/bytes.js';
import { Prng } from '../../src/base/prng.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';
import { type KvasirProcess, startKvasir } from '../kvasir.js';
import { peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { damagedSamples, payloadOf, type Sample, seal, soundSamples } from './payloads.js';

const seed = Number(process.env.SEED ?? 911);
/** Mutations of each sample. */
const rounds = Number(process.env.ROUNDS ?? 8);
/** A peer that spins in a value that it took. */
const patienceMs = 60_000;

/** A server that may crash: it is started again. */
class Side<Peer extends RedisPeer = RedisPeer> {
  crashes = 0;
  peer: Peer | undefined;
  private connection: Connection | undefined;

  constructor(private readonly start: () => Promise<Peer>) {}

  /** The replies; undefined when the server crashed or hung. */
  async run(commands: readonly (readonly (string | Uint8Array)[])[]): Promise<Reply[] | undefined> {
    this.peer ??= await this.start();
    this.connection ??= await Connection.open({ host: '127.0.0.1', port: this.peer.port });
    const { connection } = this;
    const replies: Reply[] = [];
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('late')), patienceMs)));
    try {
      for (const words of commands) {
        connection.send(words.map((word) => (typeof word === 'string' ? latin1Bytes(word) : word)));
        replies.push(connection.takeReply() ?? (await Promise.race([connection.readReply(), late])));
      }
      return replies;
    } catch {
      this.crashes++;
      await this.stop();
      return undefined;
    } finally {
      clearTimeout(timer);
      late.catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    this.connection?.close();
    await this.peer?.stop({ signal: 'SIGKILL' });
    this.connection = this.peer = undefined;
  }
}

function texts(reply: Reply): unknown {
  return isAggregate(reply) ? reply.elements.map(texts) : replyText(reply);
}

const pairs = (list: readonly string[]): [string, string][] =>
  list.flatMap((each, index) => (index % 2 === 0 ? [[each, list[index + 1] ?? 'none']] : []));

const toNumber = (score: string): number => Number(score.replace('inf', 'Infinity'));

/** Of elements with the same name the first. */
function firstOfEach(list: readonly [string, string][]): [string, string][] {
  const seen = new Map<string, string>();
  for (const [name, value] of list) if (!seen.has(name)) seen.set(name, value);
  return [...seen];
}

const questions: Readonly<Record<string, readonly (readonly string[])[]>> = {
  string: [['GET', 'k']],
  list: [['LRANGE', 'k', '0', '-1']],
  set: [['SMEMBERS', 'k']],
  hash: [['HGETALL', 'k']],
  zset: [['ZRANGE', 'k', '0', '-1', 'WITHSCORES']],
  stream: [
    ['XRANGE', 'k', '-', '+'],
    ['XINFO', 'GROUPS', 'k'],
    ['XPENDING', 'k', 'g', '-', '+', '100'],
  ],
};

/** Further commands, so that an unusable value shows. */
const uses: Readonly<Record<string, readonly (readonly string[])[]>> = {
  list: [
    ['LRANGE', 'k', '-100', '-1'],
    ['LINDEX', 'k', '-1'],
    ['LPOS', 'k', 'none'],
    ['RPOP', 'k', '100'],
  ],
  set: [
    ['SCARD', 'k'],
    ['SADD', 'k', '4', 'word'],
    ['SREM', 'k', '4'],
  ],
  hash: [
    ['HLEN', 'k'],
    ['HSET', 'k', 'more', 'x'.repeat(100)],
    ['HDEL', 'k', 'more'],
  ],
  zset: [
    ['ZREVRANGE', 'k', '0', '-1'],
    ['ZADD', 'k', '1', 'x'.repeat(100)],
    ['ZREM', 'k', 'm'],
  ],
  stream: [
    ['XREVRANGE', 'k', '+', '-'],
    ['XADD', 'k', '*', 'a', 'b'],
    ['XAUTOCLAIM', 'k', 'g', 'c', '0', '0'],
    ['XINFO', 'STREAM', 'k', 'FULL'],
    ['XTRIM', 'k', 'MAXLEN', '1'],
    ['XGROUP', 'DESTROY', 'k', 'g'],
  ],
};

/** The content of the key in a form in which a value repaired here equals one that is not repaired there. */
async function contentOf(side: Side): Promise<unknown> {
  const type = await side.run([['TYPE', 'k']]);
  if (type === undefined) return undefined;
  const name = replyText(type[0]!);
  const replies = await side.run(questions[name]!);
  if (replies === undefined) return undefined;
  const content = replies.map(texts);
  const list = content[0] as string[];
  switch (name) {
    case 'set':
      return [...new Set(list)].sort();
    case 'hash':
      return firstOfEach(pairs(list)).sort();
    case 'zset':
      // 7.0 shows scores with 17 digits.
      return firstOfEach(pairs(list))
        .map(([member, score]) => [member, Object.is(toNumber(score), -0) ? '-0' : String(toNumber(score))])
        .sort();
    case 'stream': {
      const groups = (content[1] as string[][]).map((group) => Object.fromEntries(pairs(group.map(String))));
      const pending = Array.isArray(content[2])
        ? (content[2] as string[][]).map(([id, consumer]) => [id, consumer])
        : [];
      return [list, groups.map(({ name: title, pending: count }) => [title, count]), pending];
    }
    default:
      return content;
  }
}

interface Counts {
  taken: number;
  refused: number;
  crashed: number;
  /** Taken by redis-server alone, which makes a number or an empty key of what is none. */
  meaningless: number;
}

/** A length in a stream's numbers that redis-server reads as 2^64 - 1 is refused here. */
const NO_LENGTH = /Unknown length encoding.*\n$/;

async function compare(
  sample: { name: string },
  payload: Uint8Array,
  ours: Side<KvasirProcess>,
  theirs: Side,
  counts: Counts,
): Promise<void> {
  const restore = [['FLUSHALL'], ['RESTORE', 'k', '0', payload]];
  const mine = await ours.run(restore);
  assert.ok(mine !== undefined, `${sample.name}: Kvasir is gone`);
  const other = await theirs.run(restore);
  if (other === undefined) {
    counts.crashed++;
    return;
  }
  const [verdict, wanted] = [replyText(mine[1]!), replyText(other[1]!)];
  const content = wanted === 'OK' ? await contentOf(theirs) : undefined;
  if (verdict === 'OK' && wanted === 'OK' && content !== undefined)
    assert.deepEqual(await contentOf(ours), content, `${sample.name}: ${Buffer.from(payload).toString('hex')}`);
  if (verdict === 'OK') {
    const type = replyText((await ours.run([['TYPE', 'k']]))![0]!);
    for (const reply of (await ours.run([...(uses[type] ?? []), ['DUMP', 'k'], ['DEBUG', 'DIGEST-VALUE', 'k']])) ?? [])
      assert.doesNotMatch(replyText(reply), /internal error/i, sample.name);
  }
  assert.equal(ours.crashes, 0, sample.name);
  if (wanted === 'OK' && content === undefined) {
    counts.crashed++;
    return;
  }
  const isEmpty = Array.isArray(content) && content.length === 0;
  if (verdict !== wanted && wanted === 'OK' && (isEmpty || NO_LENGTH.test(ours.peer?.log() ?? ''))) {
    counts.meaningless++;
    return;
  }
  if (verdict !== wanted && wanted === 'OK') {
    // Taken there without a look: only what can be used there must be taken here.
    const type = replyText((await theirs.run([['TYPE', 'k']]))![0]!);
    if ((await theirs.run(uses[type] ?? [])) === undefined) {
      counts.crashed++;
      return;
    }
  }
  assert.equal(verdict, wanted, `${sample.name}: ${Buffer.from(payload).toString('hex')}`);
  if (wanted === 'OK') counts.taken++;
  else counts.refused++;
}

function mutate(random: Prng, payload: Buffer): Buffer {
  const damaged = Buffer.from(payload);
  for (let changes = 1 + random.below(2); changes > 0; changes--) {
    const at = random.below(damaged.length - 10);
    damaged[at] = random.chance(50) ? random.below(256) : damaged[at]! ^ (1 << random.below(8));
  }
  // Later types, which redis-server 7.0 does not know, are no matter of comparison.
  if (damaged[0]! > 19) damaged[0] = payload[0]!;
  return seal(damaged);
}

describe('RESTORE of values that contradict themselves', { skip: peerMissing('redis-server') }, () => {
  test(`takes and refuses the same as redis-server, with the same elements (seed ${seed})`, async (context) => {
    const random = new Prng(seed);
    const ours = new Side(() => startKvasir({ args: ['--enable-debug-command', 'yes'] }));
    const theirs = new Side(() =>
      startRedis({ args: ['--crash-log-enabled', 'no', '--crash-memcheck-enabled', 'no'] }),
    );
    const counts: Counts = { taken: 0, refused: 0, crashed: 0, meaningless: 0 };
    try {
      const samples: Sample[] = [...soundSamples(), ...damagedSamples()];
      for (const sample of samples) await compare(sample, payloadOf(sample.type, sample.value), ours, theirs, counts);
      const differences: string[] = [];
      for (const sample of samples) {
        const payload = payloadOf(sample.type, sample.value);
        for (let round = 0; round < rounds; round++)
          await compare({ name: `${sample.name}, mutated` }, mutate(random, payload), ours, theirs, counts).catch(
            (error: Error) => differences.push(error.message),
          );
      }
      assert.deepEqual(differences.slice(0, 20), [], `${differences.length} differences`);
    } finally {
      await ours.stop();
      await theirs.stop();
    }
    context.diagnostic(
      `taken ${counts.taken}, refused ${counts.refused}, redis-server crashed on ${counts.crashed}, ` +
        `took ${counts.meaningless} without meaning`,
    );
    assert.ok(counts.taken > 0 && counts.refused > 0);
  });
});
