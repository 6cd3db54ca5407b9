import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { Type } from '../../src/datatypes/object.js';
import type { StreamRef } from '../../src/datatypes/stream-ref.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Local, Remote, type Words } from './side-by-side.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
/** Another redis-server to compare with. */
const program = process.env.KVASIR_PEER;
const keys = ['a', 'b', 'missing', 'string'];
const groups = ['g1', 'g2', 'nogroup'];
const consumers = ['alice', 'bob', 'c'];
const max = '18446744073709551615';

class Generator {
  /** Ids go up with time, so that most commands have something to work on. */
  private top = 1;

  constructor(private readonly prng: Prng) {}

  private id(): string {
    const { prng } = this;
    if (prng.chance(2))
      return prng.pick([
        'x',
        '1-',
        '-1',
        '1-x',
        '',
        max,
        `${max}-${max}`,
        '18446744073709551616',
        '1-2-3',
        '*',
        '$',
        '>',
      ]);
    const ms = prng.below(this.top + 3);
    return prng.chance(20) ? String(ms) : `${ms}-${prng.below(4)}`;
  }

  private end(): string {
    const { prng } = this;
    if (prng.chance(30)) return prng.pick(['-', '+', '(', '(-', '(+', '((1']);
    return (prng.chance(20) ? '(' : '') + this.id();
  }

  private ids(): string[] {
    return Array.from({ length: 1 + this.prng.below(6) }, () => this.id());
  }

  private value(): string {
    const { prng } = this;
    if (prng.chance(50))
      return prng.pick([
        '',
        'x',
        '0',
        '-1',
        '127',
        '70000',
        '-9000000000',
        '9223372036854775807',
        '007',
        'hello world',
      ]);
    return 'v'.repeat(prng.below(prng.chance(3) ? 6000 : 30));
  }

  private fields(): string[] {
    const { prng } = this;
    if (prng.chance(60)) return ['name', this.value(), 'age', this.value()];
    return Array.from({ length: 1 + prng.below(4) }, () => [
      prng.chance(80) ? prng.pick(['f', 'g', '12', 'name']) : this.value(),
      this.value(),
    ]).flat();
  }

  private trim(): string[] {
    const { prng } = this;
    const operator = prng.pick([[], ['='], ['~'], ['~']]);
    const limit = prng.chance(30) ? ['LIMIT', prng.pick(['0', '1', '100', '250', '-1', 'x'])] : [];
    if (prng.chance(50))
      return [
        prng.pick(['MAXLEN', 'maxlen']),
        ...operator,
        prng.pick(['0', '5', '50', '120', '400', '-1', 'x']),
        ...limit,
      ];
    return ['MINID', ...operator, this.id(), ...limit];
  }

  private newId(): string {
    const { prng } = this;
    if (prng.chance(5)) return this.id().replace('*', '5-*');
    if (prng.chance(5)) return '0-0';
    if (prng.chance(40)) this.top++;
    return prng.chance(50) ? `${this.top}-*` : `${this.top}-${1 + prng.below(20)}`;
  }

  /** Before 7.2, a read or claim that got nothing did not make the consumer: so it is made before. */
  private afterConsumer(key: string, group: string, consumer: string, command: Words): Words {
    this.queue.push(command);
    return ['XGROUP', 'CREATECONSUMER', key, group, consumer];
  }

  private readonly queue: Words[] = [];

  /** Commands whose replies do not depend on the time of day. */
  next(): Words {
    const { prng } = this;
    const queued = this.queue.pop();
    if (queued !== undefined) return queued;
    const key = prng.chance(3) ? prng.pick(keys) : prng.pick(['a', 'a', 'b']);
    const group = prng.chance(5) ? prng.pick(groups) : 'g1';
    const consumer = prng.pick(consumers);
    const count = (percent: number): string[] =>
      prng.chance(percent) ? ['COUNT', prng.pick(['1', '2', '7', '0', '-1', '100'])] : [];
    switch (prng.below(30)) {
      case 0:
        return ['XLEN', key];
      case 1:
        return ['XRANGE', key, this.end(), this.end(), ...count(60)];
      case 2:
        return ['XREVRANGE', key, this.end(), this.end(), ...count(60)];
      case 3:
        return ['XRANGE', key, '-', '+'];
      case 4:
        return ['XREVRANGE', key, '+', '-'];
      case 5:
        return ['XDEL', key, ...this.ids()];
      case 6:
        return prng.chance(50) ? ['XTRIM', key, ...this.trim()] : ['XLEN', key];
      case 7:
        return ['XREAD', ...count(50), 'STREAMS', key, prng.pick(keys), this.id(), this.id()];
      case 8:
        return [
          'XGROUP',
          'CREATE',
          key,
          group,
          prng.pick(['$', '0', this.id()]),
          ...(prng.chance(30) ? ['MKSTREAM'] : []),
          ...(prng.chance(10) ? ['ENTRIESREAD', '5'] : []),
        ];
      case 9:
        return this.afterConsumer(key, group, consumer, [
          'XREADGROUP',
          'GROUP',
          group,
          consumer,
          ...count(70),
          ...(prng.chance(15) ? ['NOACK'] : []),
          'STREAMS',
          key,
          prng.chance(80) ? '>' : this.id(),
        ]);
      case 10:
        return this.afterConsumer(key, group, consumer, [
          'XREADGROUP',
          'GROUP',
          group,
          consumer,
          'COUNT',
          '5',
          'STREAMS',
          key,
          '>',
        ]);
      case 11:
        return ['XACK', key, group, ...this.ids()];
      case 12:
        return ['XPENDING', key, group];
      case 13:
        return this.afterConsumer(key, group, consumer, [
          'XCLAIM',
          key,
          group,
          consumer,
          '0',
          ...this.ids(),
          ...(prng.chance(30) ? ['FORCE'] : []),
          ...(prng.chance(50) ? ['JUSTID'] : []),
          ...(prng.chance(20) ? ['RETRYCOUNT', '3'] : []),
          ...(prng.chance(5) ? ['WHAT'] : []),
        ]);
      case 14:
        return this.afterConsumer(key, group, consumer, [
          'XAUTOCLAIM',
          key,
          group,
          consumer,
          '0',
          prng.chance(50) ? '0' : this.id(),
          ...count(60),
          ...(prng.chance(50) ? ['JUSTID'] : []),
        ]);
      case 15:
        return prng.chance(20)
          ? ['XGROUP', 'DELCONSUMER', key, group, consumer]
          : ['XGROUP', 'CREATECONSUMER', key, group, consumer];
      case 16:
        return prng.chance(10)
          ? ['XGROUP', 'DESTROY', key, group]
          : ['XINFO', 'GROUPS', program === undefined ? 'string' : prng.pick(['missing', 'string'])];
      case 17:
        return [
          'XGROUP',
          'SETID',
          key,
          group,
          prng.pick(['$', this.id(), this.id()]),
          ...(prng.chance(30) ? ['ENTRIESREAD', prng.pick(['-1', '3', '-2', 'x'])] : []),
        ];
      case 18:
        return program !== undefined && prng.chance(10)
          ? [
              'XSETID',
              key,
              this.id(),
              ...(prng.chance(50) ? ['ENTRIESADDED', '1000'] : []),
              ...(prng.chance(50) ? ['MAXDELETEDID', this.id()] : []),
            ]
          : ['XLEN', key];
      case 19:
        return prng.chance(30) ? ['XADD', key, ...this.trim(), this.newId(), ...this.fields()] : ['XLEN', 'string'];
      case 20:
        return ['XADD', key, 'NOMKSTREAM', this.newId(), ...this.fields()];
      case 21:
        return prng.chance(10)
          ? ['XADD', key, this.newId(), 'odd', 'number', 'of']
          : ['XPENDING', key, group, ...this.ids()];
      default:
        return ['XADD', key, this.newId(), ...this.fields()];
    }
  }
}

describe(
  'stream commands answer as redis-server does',
  { skip: program === undefined && peerMissing('redis-server') },
  () => {
    let redis: RedisPeer;
    before(async () => void (redis = await startRedis(program === undefined ? {} : { program })));
    after(() => redis.stop());

    for (const [bytesMax, entriesMax, protocol] of [
      [4096, 100, 2],
      [300, 7, 3],
      [0, 0, 2],
    ] as const) {
      test(`nodes of ${bytesMax} bytes and ${entriesMax} entries, RESP${protocol}`, async () => {
        const prng = new Prng(seed * 100 + entriesMax);
        const generator = new Generator(prng);
        const local = new Local(seed);
        local.limits.streamNodeMaxBytes = bytesMax;
        local.limits.streamNodeMaxEntries = entriesMax;
        local.protocol = protocol;
        const remote = await Remote.connect(redis.port);
        const config = ['stream-node-max-bytes', String(bytesMax), 'stream-node-max-entries', String(entriesMax)];
        await remote.run([
          ['FLUSHALL'],
          ['CONFIG', 'SET', ...config],
          ['HELLO', String(protocol)],
          ['SET', 'string', 'value'],
        ]);
        local.run(['SET', 'string', 'value']);
        for (let round = 0; round < 40; round++) {
          const commands = Array.from({ length: 200 }, () => generator.next());
          const expected = await remote.run(commands);
          for (let at = 0; at < commands.length; at++) {
            const where = `seed ${seed} round ${round}: ${commands[at]!.join(' ').slice(0, 300)}`;
            assert.equal(withoutIdle(local.run(commands[at]!)), withoutIdle(expected[at]!), where);
          }
          local.keyspace.verify();
          verifyStreams(local);
          // XINFO's figures of counters and groups, without those that count Redis's own nodes.
          for (const key of ['a', 'b']) {
            const infos = await remote.run([
              ['XINFO', 'STREAM', key],
              ['XINFO', 'GROUPS', key],
            ]);
            assert.equal(
              withoutNodes(local.run(['XINFO', 'STREAM', key])),
              withoutNodes(infos[0]!),
              `seed ${seed} round ${round} ${key}`,
            );
            if (program !== undefined)
              assert.equal(local.run(['XINFO', 'GROUPS', key]), infos[1], `seed ${seed} round ${round} ${key}`);
          }
        }
        remote.close();
        for (const key of ['a', 'b']) local.run(['DEL', key]);
        while (!local.keyspace.freeSome(1000)) continue;
        local.keyspace.verify();
      });
    }
  },
);

function withoutNodes(reply: string): string {
  // Ours has six figures of producers, which came with Redis 8.6.
  return reply
    .replace(/(radix-tree-(?:keys|nodes)\r\n:)\d+/g, '$1?')
    .replace(/\$\d+\r\n(idmp-duration|idmp-maxsize|pids-tracked|iids-(tracked|added|duplicates))\r\n:\d+\r\n/g, '')
    .replace(/^(\*32|%16)(?=\r\n\$6\r\nlength)/, (head) => (head === '%16' ? '%10' : '*20'));
}

/** XPENDING reports the idle time of a message after the consumer's name. */
function withoutIdle(reply: string): string {
  return reply.replace(/((?:alice|bob|\$1\r\nc)\r\n:)\d+/g, '$1?');
}

function verifyStreams(local: Local): void {
  const { entries, dicts, values, databases } = local.keyspace;
  dicts.forEach(databases[0]!.dict, (entry) => {
    if (entries.type(entry) === Type.STREAM) values.streams.verify(entries.word2(entry) as StreamRef);
  });
}
