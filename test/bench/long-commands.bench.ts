// long-commands: how long a PING takes while another client runs a command on a great many elements or bytes.
//
// For each type a server is filled once; then every command whose work grows with the size of a key, or with the number of
// its arguments, runs while another connection sends PINGs. A command that holds others is run again, and the best of the runs
// counts: other programs on the machine make a figure larger, never smaller. redis-server holds others with some of these
// too; a figure is bold where only Kvasir does.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyCounter } from '../../src/bench/reply-counter.js';
import { fill, watchPings } from './fill.js';
import { log, type Section } from './report.js';
import { type BenchServer, kinds, redisCli, type ServerKind, startServer, untilFreed } from './servers.js';

const pauseGoalMs = 100;
const runsMax = 3;
const perCommand = 500;
const settleMs = 60;
const replyTimeoutMs = 60_000;

interface LongCommand {
  readonly words: readonly string[];
  /** Its name, where the words are too many or say too little. */
  readonly name?: string;
  /** Run before each measurement. */
  readonly before?: readonly (readonly string[])[];
  readonly only?: ServerKind;
}

interface Group {
  readonly name: string;
  prepare(port: number): Promise<void>;
  readonly commands: readonly LongCommand[];
}

interface Figure {
  readonly pingMs: number;
  readonly replyMs: number;
  readonly error: string | undefined;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const element = (index: number): string => `element:${String(index).padStart(9, '0')}`;

/** Fills with commands of many elements each. */
function fillMany(port: number, count: number, make: (indexes: readonly number[]) => string[]): Promise<void> {
  return fill(port, Math.ceil(count / perCommand), (command) =>
    make(numbers(perCommand).map((index) => command * perCommand + index)),
  );
}

function groups(count: number, megabytes: number): readonly Group[] {
  const half = String(count >> 1);
  const large = String(megabytes * 2 ** 20 - 1);
  const last = String(count - 1);
  const many = numbers(Math.min(count, 100_000)).map(element);
  const copied = (words: readonly string[], name?: string): LongCommand => ({
    words,
    before: [['COPY', 'a', 'big', 'REPLACE']],
    ...(name === undefined ? {} : { name }),
  });
  const draws = (command: string, ...more: readonly string[]): LongCommand[] => [
    { words: [command, 'small', '-3000000', ...more] },
    { words: [command, 'a', '-3000000', ...more] },
    { words: [command, 'a', '-100000000', ...more] },
    { words: [command, 'a', half, ...more] },
    { words: [command, 'a', last, ...more] },
  ];
  return [
    {
      name: 'string',
      prepare: async (port) => {
        await redisCli(port, 'setrange', 'a', large, 'x');
        await redisCli(port, 'copy', 'a', 'b');
        await redisCli(port, 'setrange', 'ones', String(megabytes * 2 ** 17), 'x');
        await redisCli(port, 'bitop', 'not', 'ones', 'ones');
      },
      commands: [
        { words: ['BITCOUNT', 'a'] },
        { words: ['BITCOUNT', 'a', '1', '-2'] },
        { words: ['BITPOS', 'a', '1'] },
        { words: ['BITPOS', 'a', '1', '1', '-3'] },
        { words: ['BITPOS', 'ones', '0'] },
        { words: ['BITOP', 'AND', 'to', 'a', 'b'] },
        { words: ['BITOP', 'OR', 'to', 'a', 'b'] },
        { words: ['BITOP', 'XOR', 'to', 'a', 'b'] },
        { words: ['BITOP', 'NOT', 'to', 'a'] },
        { words: ['BITOP', 'AND', 'to', 'a', 'b', 'ones'] },
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['GETRANGE', 'a', '0', '-1'] },
        { words: ['GET', 'a'] },
        { words: ['SETRANGE', 'big', large, 'x'], before: [['DEL', 'big']] },
        {
          words: ['APPEND', 'big', 'x'.repeat(1_000_000)],
          name: 'APPEND of 1 MB',
          before: [['COPY', 'b', 'big', 'REPLACE']],
        },
        { words: ['BITFIELD', 'big', 'SET', 'u8', String(Number(large) * 8), '1'], before: [['DEL', 'big']] },
        { words: ['SETBIT', 'big', String(Number(large) * 8), '1'], before: [['DEL', 'big']] },
        { words: ['DEL', 'big'], before: [['COPY', 'b', 'big', 'REPLACE']] },
        { words: ['STRLEN', 'a'] },
        { words: ['PFCOUNT', 'a'] },
      ],
    },
    {
      name: 'keys',
      prepare: async (port) => {
        await fillMany(port, count, (indexes) => ['MSET', ...indexes.flatMap((index) => [element(index), 'value'])]);
        await redisCli(port, 'set', 'lcs1', 'ab'.repeat(1000));
        await redisCli(port, 'set', 'lcs2', 'ba'.repeat(1000));
      },
      commands: [
        { words: ['KEYS', '*'] },
        { words: ['KEYS', 'x*y'] },
        { words: ['SCAN', '0', 'COUNT', String(count)] },
        { words: ['SCAN', '0', 'COUNT', String(count), 'MATCH', 'none'] },
        { words: ['MGET', ...many], name: 'MGET of 100,000 keys' },
        { words: ['EXISTS', ...many], name: 'EXISTS of 100,000 keys' },
        { words: ['TOUCH', ...many], name: 'TOUCH of 100,000 keys' },
        // redis-server compares each key with all before it: 100,000 keep it busy for minutes.
        { words: ['WATCH', ...many.slice(0, 20_000)], name: 'WATCH of 20,000 keys' },
        { words: ['WATCH', ...many], name: 'WATCH of 100,000 keys', only: 'kvasir' },
        { words: ['MSETNX', ...many.flatMap((key) => [`x${key}`, 'v'])], name: 'MSETNX of 100,000 keys' },
        { words: ['DEL', ...many.map((key) => `x${key}`)], name: 'DEL of 100,000 keys' },
        { words: ['MSET', ...many.flatMap((key) => [`x${key}`, 'v'])], name: 'MSET of 100,000 keys' },
        { words: ['UNLINK', ...many.map((key) => `x${key}`)], name: 'UNLINK of 100,000 keys' },
        { words: ['SUBSCRIBE', ...many], name: 'SUBSCRIBE to 100,000 channels' },
        { words: ['PSUBSCRIBE', ...many], name: 'PSUBSCRIBE to 100,000 patterns' },
        { words: ['LCS', 'lcs1', 'lcs2'] },
        { words: ['DBSIZE'] },
        { words: ['RANDOMKEY'] },
        { words: ['SWAPDB', '0', '1'] },
        { words: ['SWAPDB', '0', '1'] },
        { words: ['DEBUG', 'DIGEST'] },
        { words: ['DEBUG', 'HTSTATS', '0'] },
        { words: ['MEMORY', 'STATS'] },
        { words: ['INFO', 'everything'] },
        { words: ['FLUSHALL'] },
      ],
    },
    {
      name: 'list',
      prepare: async (port) => {
        await fillMany(port, count, (indexes) => ['RPUSH', 'a', ...indexes.map(element)]);
        await redisCli(port, 'rpush', 'numbers', '3', '1', '2');
        await fillMany(port, count, (indexes) => ['RPUSH', 'n', ...indexes.map(String)]);
      },
      commands: [
        { words: ['LRANGE', 'a', '0', '-1'] },
        { words: ['LINDEX', 'a', half] },
        { words: ['LPOS', 'a', 'none'] },
        { words: ['LPOS', 'a', 'none', 'RANK', '-1'] },
        { words: ['LPOS', 'a', 'none', 'COUNT', '0'] },
        copied(['LREM', 'big', '0', element(count - 2)]),
        copied(['LREM', 'big', '0', 'none']),
        copied(['LINSERT', 'big', 'BEFORE', element(count - 2), 'x']),
        copied(['LSET', 'big', half, 'x']),
        copied(['LTRIM', 'big', '1', half]),
        copied(['LPOP', 'big', half]),
        copied(['RPOP', 'big', last]),
        copied(['LMPOP', '1', 'big', 'LEFT', 'COUNT', half]),
        { words: ['RPUSH', 'to', ...many], name: 'RPUSH of 100,000 elements' },
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['SORT', 'n'] },
        { words: ['SORT', 'a', 'ALPHA', 'LIMIT', '0', '10'] },
        { words: ['SORT', 'n', 'DESC', 'STORE', 'to'] },
        { words: ['SORT', 'n', 'BY', 'nosort', 'GET', 'w_*'] },
        { words: ['DUMP', 'a'] },
        { words: ['OBJECT', 'ENCODING', 'a'] },
        { words: ['MEMORY', 'USAGE', 'a', 'SAMPLES', '0'] },
        { words: ['DEBUG', 'OBJECT', 'a'] },
        copied(['DEL', 'big']),
      ],
    },
    {
      name: 'set',
      prepare: async (port) => {
        await fillMany(port, count, (indexes) => ['SADD', 'a', ...indexes.map(element)]);
        await fillMany(port, count, (indexes) => [
          'SADD',
          'b',
          ...indexes.map((index) => element(index + (count >> 1))),
        ]);
        await redisCli(port, 'sadd', 'small', 'one', 'two', 'three');
      },
      commands: [
        { words: ['SMEMBERS', 'a'] },
        { words: ['SSCAN', 'a', '0', 'COUNT', String(count)] },
        { words: ['SUNION', 'a', 'b'] },
        { words: ['SINTER', 'a', 'b'] },
        { words: ['SDIFF', 'a', 'b'] },
        { words: ['SUNIONSTORE', 'to', 'a', 'b'] },
        { words: ['SINTERSTORE', 'to', 'a', 'b'] },
        { words: ['SDIFFSTORE', 'to', 'a', 'b'] },
        { words: ['SINTERCARD', '2', 'a', 'b'] },
        ...draws('SRANDMEMBER'),
        copied(['SPOP', 'big', half]),
        copied(['SPOP', 'big', last]),
        copied(['SREM', 'big', ...many], 'SREM of 100,000 members'),
        { words: ['SMISMEMBER', 'a', ...many], name: 'SMISMEMBER of 100,000 members' },
        { words: ['SADD', 'to', ...many], name: 'SADD of 100,000 members' },
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['SORT', 'a', 'ALPHA', 'LIMIT', '0', '10'] },
        { words: ['DUMP', 'a'] },
        copied(['DEL', 'big']),
      ],
    },
    {
      name: 'hash',
      prepare: async (port) => {
        await fillMany(port, count, (indexes) => [
          'HSET',
          'a',
          ...indexes.flatMap((index) => [element(index), 'value']),
        ]);
        await redisCli(port, 'hset', 'small', 'one', '1', 'two', '2', 'three', '3');
      },
      commands: [
        { words: ['HGETALL', 'a'] },
        { words: ['HKEYS', 'a'] },
        { words: ['HVALS', 'a'] },
        { words: ['HSCAN', 'a', '0', 'COUNT', String(count)] },
        { words: ['HMGET', 'a', ...many], name: 'HMGET of 100,000 fields' },
        copied(['HDEL', 'big', ...many], 'HDEL of 100,000 fields'),
        ...draws('HRANDFIELD', 'WITHVALUES'),
        { words: ['HSET', 'to', ...many.flatMap((field) => [field, 'v'])], name: 'HSET of 100,000 fields' },
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['DUMP', 'a'] },
        copied(['DEL', 'big']),
      ],
    },
    {
      name: 'sorted set',
      prepare: async (port) => {
        await fillMany(port, count, (indexes) => [
          'ZADD',
          'a',
          ...indexes.flatMap((index) => [String(index), element(index)]),
        ]);
        await fillMany(port, count, (indexes) => [
          'ZADD',
          'b',
          ...indexes.flatMap((index) => [String(index), element(index + (count >> 1))]),
        ]);
        await redisCli(port, 'zadd', 'small', '1', 'one', '2', 'two', '3', 'three');
        await fillMany(port, count >> 2, (indexes) => [
          'GEOADD',
          'geo',
          ...indexes.flatMap((index) => [String((index % 1000) / 10), String((index % 777) / 10), element(index)]),
        ]);
      },
      commands: [
        { words: ['ZRANGE', 'a', '0', '-1'] },
        { words: ['ZRANGE', 'a', '0', '-1', 'WITHSCORES'] },
        { words: ['ZRANGEBYSCORE', 'a', '-inf', '+inf', 'LIMIT', half, '10'] },
        { words: ['ZRANGEBYLEX', 'a', '-', '+'] },
        { words: ['ZRANGESTORE', 'to', 'a', '0', '-1'] },
        { words: ['ZCOUNT', 'a', '-inf', '+inf'] },
        { words: ['ZLEXCOUNT', 'a', '-', '+'] },
        { words: ['ZSCAN', 'a', '0', 'COUNT', String(count)] },
        { words: ['ZUNION', '2', 'a', 'b'] },
        { words: ['ZINTER', '2', 'a', 'b'] },
        { words: ['ZDIFF', '2', 'a', 'b'] },
        { words: ['ZUNIONSTORE', 'to', '2', 'a', 'b'] },
        { words: ['ZINTERSTORE', 'to', '2', 'a', 'b'] },
        { words: ['ZDIFFSTORE', 'to', '2', 'a', 'b'] },
        { words: ['ZINTERCARD', '2', 'a', 'b'] },
        ...draws('ZRANDMEMBER', 'WITHSCORES'),
        copied(['ZREMRANGEBYRANK', 'big', '0', half]),
        copied(['ZREMRANGEBYSCORE', 'big', '0', half]),
        copied(['ZREMRANGEBYRANK', 'big', '0', '-101']),
        copied(['ZREMRANGEBYLEX', 'big', '-', `[${element(count >> 1)}`]),
        copied(['ZPOPMIN', 'big', half]),
        copied(['ZMPOP', '1', 'big', 'MAX', 'COUNT', half]),
        copied(['ZREM', 'big', ...many], 'ZREM of 100,000 members'),
        { words: ['ZMSCORE', 'a', ...many], name: 'ZMSCORE of 100,000 members' },
        {
          words: ['ZADD', 'to', ...many.flatMap((name, index) => [String(index), name])],
          name: 'ZADD of 100,000 members',
        },
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['GEOSEARCH', 'geo', 'FROMLONLAT', '50', '30', 'BYRADIUS', '20000', 'km'] },
        { words: ['GEOSEARCH', 'geo', 'FROMLONLAT', '50', '30', 'BYRADIUS', '20000', 'km', 'ASC', 'COUNT', '10'] },
        { words: ['GEOSEARCHSTORE', 'to', 'geo', 'FROMLONLAT', '50', '30', 'BYRADIUS', '20000', 'km'] },
        { words: ['SORT', 'a', 'ALPHA', 'LIMIT', '0', '10'] },
        { words: ['DUMP', 'a'] },
        copied(['DEL', 'big']),
      ],
    },
    {
      name: 'stream',
      prepare: async (port) => {
        await fill(port, count, (index) => ['XADD', 'a', `${index + 1}-0`, 'field', element(index)]);
        await redisCli(port, 'xgroup', 'create', 'a', 'g', '0');
        await fill(port, Math.ceil(count / 10_000), () => [
          ...['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '10000', 'STREAMS', 'a', '>'],
        ]);
      },
      commands: [
        { words: ['XRANGE', 'a', '-', '+'] },
        { words: ['XREVRANGE', 'a', '+', '-'] },
        { words: ['XREAD', 'STREAMS', 'a', '0'] },
        { words: ['XLEN', 'a'] },
        { words: ['XINFO', 'STREAM', 'a', 'FULL', 'COUNT', '0'] },
        { words: ['XINFO', 'GROUPS', 'a'] },
        { words: ['XPENDING', 'a', 'g'] },
        { words: ['XPENDING', 'a', 'g', '-', '+', last] },
        { words: ['XPENDING', 'a', 'g', 'IDLE', '100000000', '-', '+', '10'] },
        { words: ['XAUTOCLAIM', 'a', 'g', 'c', '100000000', '0', 'COUNT', '100000'] },
        { words: ['XAUTOCLAIM', 'a', 'g', 'd', '0', '0', 'COUNT', '100000'] },
        { words: ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'a', '0'] },
        copied(['XREADGROUP', 'GROUP', 'n', 'c', 'STREAMS', 'big', '>']),
        copied(['XTRIM', 'big', 'MAXLEN', '10']),
        copied(['XTRIM', 'big', 'MAXLEN', half]),
        copied(['XADD', 'big', 'MAXLEN', '10', '*', 'f', 'v']),
        copied(['XTRIM', 'big', 'MINID', half]),
        copied(
          ['XDEL', 'big', ...numbers(Math.min(count, 100_000)).map((index) => `${index + 1}-0`)],
          'XDEL of 100,000',
        ),
        copied(
          ['XACK', 'big', 'g', ...numbers(Math.min(count, 100_000)).map((index) => `${index + 1}-0`)],
          'XACK of 100,000',
        ),
        copied(['XGROUP', 'DELCONSUMER', 'big', 'g', 'c']),
        copied(['XGROUP', 'DESTROY', 'big', 'g']),
        { words: ['COPY', 'a', 'to', 'REPLACE'] },
        { words: ['DUMP', 'a'] },
        copied(['DEL', 'big']),
      ],
    },
    {
      name: 'HyperLogLog',
      prepare: async (port) => {
        await fill(port, 200, (index) => ['PFADD', `h${index}`, ...numbers(200).map((n) => `${index}:${n}`)]);
      },
      commands: [
        { words: ['PFCOUNT', ...numbers(200).map((index) => `h${index}`)], name: 'PFCOUNT of 200 keys' },
        { words: ['PFMERGE', 'to', ...numbers(200).map((index) => `h${index}`)], name: 'PFMERGE of 200 keys' },
        { words: ['PFADD', 'to', ...many], name: 'PFADD of 100,000 elements' },
      ],
    },
  ];
}

/** Sends one command and reads its reply to the end, without keeping it. */
function send(port: number, words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let error: string | undefined;
    const counter = new ReplyCounter((text) => (error = text));
    // SUBSCRIBE answers once for each channel.
    let left = /^P?SUBSCRIBE$/.test(words[0]!) ? words.length - 1 : 1;
    const finish = (outcome: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish('no reply'), replyTimeoutMs);
    socket.on('error', reject);
    socket.on('close', () => finish(error ?? 'closed'));
    socket.on('data', (chunk: Uint8Array) => {
      left -= counter.feed(chunk, chunk.length);
      if (left <= 0) finish(error);
    });
    socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');
  });
}

async function measureOnce(port: number, command: LongCommand): Promise<Figure> {
  for (const words of command.before ?? []) await redisCli(port, ...words);
  if (command.words.includes('n') && command.words[0] === 'XREADGROUP')
    await redisCli(port, 'xgroup', 'create', 'big', 'n', '0');
  await untilFreed(port);
  const pings = await watchPings(port);
  await sleep(settleMs);
  const startMs = performance.now();
  const error = await send(port, command.words);
  const replyMs = performance.now() - startMs;
  await sleep(settleMs);
  return { pingMs: pings.stop(), replyMs, error };
}

async function measureCommand(server: BenchServer, command: LongCommand): Promise<Figure> {
  let best: Figure | undefined;
  for (let run = 0; run < runsMax; run++) {
    const figure = await measureOnce(server.port, command);
    if (best === undefined || figure.pingMs < best.pingMs) best = figure;
    // Only what holds others for long, and not for very long, may be better at another time.
    if (best.pingMs < pauseGoalMs || best.pingMs > 30 * pauseGoalMs) break;
  }
  return best!;
}

function nameOf(command: LongCommand): string {
  return command.name ?? command.words.join(' ');
}

const shown = (figure: Figure | undefined): string =>
  figure === undefined
    ? '-'
    : `${figure.pingMs.toFixed(0)} / ${figure.replyMs.toFixed(0)}${figure.error === undefined ? '' : ` (${figure.error.slice(0, 40)})`}`;

/** `only`: names of groups, comma between them; `match`: a part of the command's name. */
export async function measureLongCommands(
  count: number,
  megabytes: number,
  only?: string,
  match?: string,
): Promise<Section[]> {
  const lines = ['| | command | redis, ms | kvasir, ms |', '|---|---|--:|--:|'];
  for (const group of groups(count, megabytes)) {
    if (only !== undefined && !only.split(',').includes(group.name)) continue;
    const chosen = group.commands.filter((command) => match === undefined || nameOf(command).includes(match));
    if (chosen.length === 0) continue;
    const figures = new Map<string, Figure>();
    for (const kind of kinds) {
      const server = await startServer(kind, [
        ...['--proto-max-bulk-len', '1gb', '--enable-debug-command', 'yes'],
        ...['--client-output-buffer-limit', 'normal 0 0 0'],
      ]);
      try {
        await group.prepare(server.port);
        for (const [index, command] of chosen.entries()) {
          if (command.only !== undefined && command.only !== kind) continue;
          const figure = await measureCommand(server, command);
          figures.set(`${kind} ${index}`, figure);
          log(`${group.name}, ${kind}: ${nameOf(command)}: ${shown(figure)}`);
        }
      } finally {
        await server.stop();
      }
    }
    for (const [index, command] of chosen.entries()) {
      const redis = figures.get(`redis ${index}`);
      const kvasir = figures.get(`kvasir ${index}`);
      const misses = kvasir !== undefined && kvasir.pingMs > Math.max(pauseGoalMs, redis?.pingMs ?? 0);
      const cell = misses ? `**${shown(kvasir)}**` : shown(kvasir);
      lines.push(`| ${group.name} | \`${nameOf(command).replaceAll('|', '/')}\` | ${shown(redis)} | ${cell} |`);
    }
  }
  return [
    {
      title: 'Long commands',
      command: 'npm run bench -- --only long-commands',
      lines: [
        ...lines,
        '',
        `The longest PING of another client, and after the slash the time to the end of the reply, on collections of ${count} elements and strings of ${megabytes} MB. Goal: no PING over ${pauseGoalMs} ms where redis-server's is shorter.`,
      ],
    },
  ];
}
