// transcript: the same command lines through redis-cli and kvasir-cli against one redis-server give the same bytes on
// standard output, the same on standard error where redis-cli is stable there, and the same exit status.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { runKvasir, runRedis, type Outcome } from './programs.js';

interface Case {
  readonly words: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Makes differences that have a good reason equal. */
  readonly normalize?: (text: string) => string;
  /** Standard error is not compared. */
  readonly ignoreStderr?: boolean;
  readonly stopAt?: RegExp;
}

const formats = [['--raw'], ['--no-raw'], ['--csv'], ['--json'], ['--quoted-json'], []];
const debugTypes = ['string', 'integer', 'double', 'null', 'array', 'set', 'map', 'push', 'verbatim', 'true', 'false'];
const folder = mkdtempSync(join(tmpdir(), 'kvasir-transcript-'));
const scriptFile = join(folder, 'script.lua');
const brokenScriptFile = join(folder, 'broken.lua');

const nested = 'return {1,{2,{3,"a",{"b",{}}}},{},"q",false,{err="ERR inside"},{ok="fine"}}';
const bytes = 'return "\\0\\1\\7\\8\\t\\n\\r\\"\\\\ \\127\\200\\255 gr\\195\\188n"';

/** Every reply type and both protocols through every format. */
function replyCases(): Case[] {
  const cases: Case[] = [];
  for (const format of formats) {
    for (const protocol of [['-2'], ['-3']]) {
      // One run with many lines is one process where many runs would be many.
      const lines = debugTypes.map((type) => `debug protocol ${type}`);
      lines.push(
        'set text "hello \\x00 world"',
        'get text',
        'get missing',
        'incr counter',
        'lrange list 0 -1',
        'lrange missing 0 -1',
        'smembers set',
        'hgetall hash',
        'hgetall missing',
        'zrange zset 0 -1 withscores',
        'xrange stream - +',
        'xinfo stream stream full',
        'nonsense a b',
        'get',
        'incr text',
        `eval '${nested}' 0`,
        'config get *max-listpack*',
        'command info get',
        'client no-evict on',
        'latency doctor',
        'object encoding list',
        'geoadd geo 13.361389 38.115556 Palermo',
        'geopos geo Palermo Nowhere',
        'type list',
        'ttl list',
        'lrange long 0 -1',
        'cluster info',
        'exists a b c',
      );
      cases.push({ words: [...format, ...protocol], stdin: `${lines.join('\n')}\n` });
      // The words of a command line take a shorter way than lines do.
      cases.push({ words: [...format, ...protocol, 'hgetall', 'hash'] });
      cases.push({ words: [...format, ...protocol, 'eval', nested, '0'] });
      cases.push({ words: [...format, ...protocol, 'eval', bytes, '0'] });
    }
  }
  return cases;
}

/** HELLO tells the number of the connection. */
function maskConnectionId(text: string): string {
  return text.replace(/((?:"id"|\bid)[ ,:\n]|"id"\n *\d\) \(integer\) |"id" => \(integer\) )\d+/g, '$1N');
}

const lineCases: Case[] = [
  [
    'set a b',
    'get a',
    '"',
    'get "a"b',
    "get 'a\\'b'",
    'set "\\x61\\n\\t\\"" v',
    'get "\\x61\\n\\t\\""',
    '',
    '   ',
    'echo ""',
    "echo ''",
  ],
  ['3 incr counter', '-1 incr counter', '0 incr counter', '2 3', '99999999999999999999999 ping', '2x ping'],
  [
    'multi',
    'select 3',
    'set zz 1',
    'exec',
    'get zz',
    'select 0',
    'multi',
    'discard',
    'multi',
    'nonsense',
    'exec',
    'reset',
    'ping',
  ],
  ['hello 3', 'hgetall hash', 'hello 2', 'hgetall hash', 'hello 9'],
  ['restart', ':set hints', ':set nonsense', ':nonsense', 'quit', 'ping'],
  ['connect 127.0.0.1 1', 'ping', 'exit'],
  ['select 99', 'select x', 'auth x', 'auth x y', 'client getname', 'client setname me', 'client getname'],
  ['script debug', 'debug sleep 0', 'acl whoami', 'lolwut version 1', 'memory doctor'],
].flatMap((lines) =>
  [[], ['--no-raw'], ['--csv'], ['-3', '--json']].map((format) => ({
    words: format,
    stdin: lines.join('\n'),
    // Each program names itself, and kvasir-cli says more of a wrong line.
    normalize: (text: string) =>
      maskConnectionId(text)
        .replace(/^(unknown|Invalid) redis-cli/gm, '$1 kvasir-cli')
        .replace(/^(Invalid argument\(s\)): a quote is .*$/gm, '$1'),
  })),
);

const debuggerLines =
  'step\nprint\nhelp\neval return "a b"\ne redis.call("set", "x", "y z")\nredis get x\nlist\nrestart\nbreak 2\ncontinue\ncontinue\nping\n';

const wordCases: Case[] = [
  ...['dumb', 'xterm-256color'].flatMap((TERM) => [
    { words: ['--ldb', '--eval', scriptFile, 'k1', ',', 'a1'], stdin: debuggerLines, env: { TERM } },
    { words: ['--ldb-sync-mode', '--eval', scriptFile], stdin: debuggerLines, env: { TERM } },
    { words: ['--ldb', '--eval', brokenScriptFile], env: { TERM } },
    { words: ['--ldb', '--eval', scriptFile], stdin: 'quit\n', env: { TERM } },
    { words: [], stdin: 'script debug yes\neval "return 5" 0\nstep\nping\n', env: { TERM } },
  ]),
  { words: ['ping'] },
  { words: ['--verbose', 'ping'] },
  { words: ['-r', '3', 'incr', 'counter'] },
  { words: ['-r', '2', '-i', '0.01', 'incr', 'counter'] },
  { words: ['-r', '0', 'incr', 'counter'] },
  { words: ['-r', 'x', 'incr', 'counter'] },
  { words: ['-n', '3', 'set', 'a', 'b'] },
  { words: ['-n', '99', 'ping'] },
  { words: ['-d', ',', 'lrange', 'list', '0', '-1'] },
  { words: ['-d', '', 'lrange', 'list', '0', '-1'] },
  { words: ['-D', '', 'get', 'text'] },
  { words: ['-D', '--\n', '-r', '2', 'get', 'text'] },
  { words: ['-x', 'set', 'k'], stdin: 'some\nlines\n' },
  { words: ['-x', 'echo'], stdin: '' },
  { words: ['-x', 'strlen'], stdin: 'text' },
  { words: ['-X', 'TAG', 'set', 'k', 'TAG'], stdin: 'value' },
  { words: ['-X', 'TAG', 'set', 'k', 'v'], stdin: 'value' },
  { words: ['-e', 'nonsense'] },
  { words: ['-e', 'ping'] },
  { words: ['-e', '--no-raw', 'incr', 'text'] },
  { words: ['--quoted-input', 'set', '"with\\x00zero"', '"v"'] },
  { words: ['--quoted-input', 'set', 'plain', "'v w'"] },
  { words: ['--quoted-input', 'set', '"unclosed', 'v'] },
  { words: ['--quoted-input', 'set', '"two" "words"', 'v'] },
  { words: ['echo', 'grün'] },
  { words: ['--no-raw', 'echo', 'grün'] },
  { words: ['info', 'nonsense'] },
  { words: ['--no-raw', 'client', 'list', 'id', '0'] },
  { words: ['--csv', 'info', 'nonsense'] },
  { words: ['--show-pushes', 'x', 'ping'] },
  { words: ['--show-pushes', 'yes', '-3', 'debug', 'protocol', 'push'] },
  { words: ['--show-pushes', 'no', '-3', 'debug', 'protocol', 'push'] },
  { words: ['--no-raw', '-3', '--show-pushes', 'y'], stdin: 'client tracking on\nget text\nset text x\nget text\n' },
  { words: ['-a', 'wrong', 'ping'] },
  { words: ['--no-auth-warning', '-a', 'wrong', 'ping'] },
  { words: ['--user', 'nobody', '--pass', 'wrong', 'ping'] },
  { words: ['ping'], env: { REDISCLI_AUTH: 'wrong' } },
  { words: ['get', 'text'], env: { FAKETTY: '1' } },
  { words: ['--eval', scriptFile, 'k1', 'k2', ',', 'a1', 'a2'] },
  { words: ['--eval', scriptFile, 'k1', 'k2'] },
  { words: ['--eval', scriptFile, ',', 'a'] },
  { words: ['--eval', scriptFile] },
  { words: ['--no-raw', '--eval', scriptFile, 'k,', ',', 'a', ',', 'b'] },
  { words: ['--eval', brokenScriptFile] },
  { words: ['--eval', join(folder, 'missing.lua')] },
  { words: ['--scan'] },
  { words: ['--no-raw', '--scan'] },
  { words: ['--scan', '--pattern', 'key:1?'] },
  { words: ['--scan', '--quoted-pattern', '"key:\\x32*"'] },
  { words: ['--scan', '--quoted-pattern', '"key'] },
  { words: ['--bigkeys'] },
  { words: ['--bigkeys', '--pattern', 'key:*'] },
  { words: ['--memkeys'] },
  { words: ['--hotkeys'], ignoreStderr: true },
  { words: ['--pipe'], stdin: 'set a 1\r\nincr a\r\nget a\r\n' },
  {
    words: ['--pipe'],
    stdin: '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*1\r\n$8\r\nNONSENSE\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n',
  },
  { words: ['--pipe'], stdin: '' },
  { words: ['--pipe', '--pipe-timeout', '0'], stdin: 'ping\r\n' },
  {
    words: ['--replica'],
    stopAt: /SYNC done.*Logging commands from master\.\n/,
    normalize: (text) => text.replace(/after \d+ bytes/, 'after N bytes').replace(/^"ping"\n/gm, ''),
  },
  { words: ['--csv', 'subscribe', 'a', 'b'], stopAt: /"b",2\n/ },
  { words: ['subscribe', 'a'], stopAt: /a\n1\n/ },
  { words: ['subscribe'] },
  { words: ['-3', '--no-raw', 'psubscribe', 'a*'], stopAt: /\(integer\) 1\n/ },
];

/** Nothing that a server is needed for. */
const refusedCases: Case[] = [
  { words: ['-z'] },
  { words: ['--nonsense', 'x'] },
  { words: ['-p'] },
  { words: ['--eval'] },
  { words: ['-2', '-3', 'ping'] },
  { words: ['-x', '-X', 'a', 'b'] },
  { words: ['--rdb', 'a', '--functions-rdb', 'b'] },
  { words: ['-c', '-s', '/tmp/none', 'ping'] },
  { words: ['-u', 'http://host', 'ping'] },
  { words: ['-u', 'redis://a%b:c@host', 'ping'] },
  { words: ['--ldb', 'ping'], normalize: (text) => text.replace('redis-cli', 'kvasir-cli') },
  { words: ['-p', '1', 'ping'] },
  { words: ['-p', '1', '--scan'] },
  { words: ['-p', '1', '--pipe'] },
  { words: ['-p', '1', '--bigkeys'] },
  { words: ['-p', '1', '--stat'] },
  { words: ['-p', '1', '--eval', scriptFile] },
  { words: ['-p', '1'], stdin: 'ping\nping\n' },
  { words: ['-u', 'redis://127.0.0.1:1/2', 'ping'] },
  { words: ['-s', join(folder, 'none.sock'), 'ping'] },
  {
    words: ['-h', 'host.invalid', 'ping'],
    normalize: (text) => text.replace('Temporary failure in name resolution', 'Name or service not known'),
  },
];

/** KVASIR_LONG=1 compares all replies. */
const isLong = process.env.KVASIR_LONG === '1';
const offset = Number(process.env.KVASIR_SEED ?? 0);

describe('the same words give the same output as redis-cli', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let redis: RedisPeer;
  let admin: Connection;

  before(async () => {
    writeFileSync(
      scriptFile,
      'local keys = #KEYS\nlocal arguments = #ARGV\nreturn {keys, arguments, KEYS[1] or false, ARGV[1] or false}',
    );
    writeFileSync(brokenScriptFile, 'this is no Lua');
    redis = await startRedis({ args: ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'] });
    admin = await Connection.open({ host: '127.0.0.1', port: redis.port });
  });

  after(async () => {
    admin.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The same contents, and the same order of keys, for each of the two programs. */
  async function seed(): Promise<void> {
    const commands = [
      ['FLUSHALL'],
      ['CONFIG', 'RESETSTAT'],
      ['SELECT', '0'],
      ['SET', 'text', 'hello'],
      ['RPUSH', 'list', 'one', 'two', 'three'],
      ['SADD', 'set', '1', '2', '3'],
      ['HSET', 'hash', 'field', 'value', 'f\r\n2', '"quoted"'],
      ['ZADD', 'zset', '1', 'a', '2.5', 'b', 'inf', 'c'],
      ['XADD', 'stream', '1-1', 'field', 'value'],
      ['RPUSH', 'long', ...Array.from({ length: 12 }, (_, index) => `item ${index}`)],
      ...Array.from({ length: 40 }, (_, index) => ['SET', `key:${index}`, 'x'.repeat(index)]),
      ['DBSIZE'],
    ];
    for (const command of commands) await admin.call(...command);
    // The key table grows in steps in the background; DEBUG waits for none, so keys are touched until it is through.
    for (let round = 0; round < 100; round++) await admin.call('EXISTS', 'key:1');
  }

  async function compare(
    { words, stdin, env, normalize = (text) => text, ignoreStderr, stopAt }: Case,
    port?: number,
  ): Promise<void> {
    const all = port === undefined ? words : ['-p', String(port), ...words];
    const options = {
      ...(stdin === undefined ? {} : { stdin }),
      ...(env === undefined ? {} : { env }),
      ...(stopAt === undefined ? {} : { stopAt }),
    };
    const outcomes: Outcome[] = [];
    for (const program of [runRedis, runKvasir]) {
      if (port !== undefined) await seed();
      const outcome = await program(all, options);
      outcomes.push({
        ...outcome,
        stdout: normalize(outcome.stdout),
        stderr: ignoreStderr === true ? '' : normalize(outcome.stderr),
      });
    }
    assert.deepEqual(outcomes[1], outcomes[0], all.join(' '));
  }

  const groups: [string, Case[], boolean][] = [
    ['every reply type in every format and both protocols', replyCases(), true],
    ['lines on standard input', lineCases, true],
    ['options', wordCases, true],
    ['refusals and unreachable servers', refusedCases, false],
  ];
  for (const [name, cases, needsServer] of groups) {
    test(name, async (context) => {
      // Each case starts two programs: of the many replies a sixth is compared by default, KVASIR_SEED=1 to 5 takes the others.
      const share = isLong || cases.length < 60 ? 1 : 6;
      for (const one of cases.filter((_, index) => index % share === offset % share)) {
        await context.test(
          `${one.words.join(' ')}${one.stdin === undefined ? '' : ` < ${JSON.stringify(one.stdin).slice(0, 60)}`}`,
          () => compare(one, needsServer ? redis.port : undefined),
        );
      }
    });
  }

  test('a login is needed', async () => {
    await admin.call('CONFIG', 'SET', 'requirepass', 'secret');
    try {
      for (const words of [
        ['ping'],
        ['-a', 'secret', 'ping'],
        ['-a', 'wrong', 'ping'],
        ['-n', '2', 'ping'],
        ['-3', 'ping'],
        ['--json', 'ping'],
      ]) {
        await compare({ words: ['-p', String(redis.port), ...words] });
      }
      await compare({ words: ['-p', String(redis.port), 'ping'], env: { REDISCLI_AUTH: 'secret' } });
      await compare({
        words: ['-u', `redis://default:secret@127.0.0.1:${redis.port}/3`, '--no-auth-warning', 'client', 'getname'],
      });
      await compare({ words: ['-p', String(redis.port)], stdin: 'ping\nauth secret\nping\n' });
    } finally {
      await admin.call('CONFIG', 'SET', 'requirepass', '');
    }
  });

  test('--rdb and --functions-rdb fetch the same file', async () => {
    await seed();
    await admin.call(
      'FUNCTION',
      'LOAD',
      'REPLACE',
      "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    );
    for (const option of ['--rdb', '--functions-rdb']) {
      const files = [join(folder, 'redis.rdb'), join(folder, 'kvasir.rdb')];
      const clean = (text: string): string => text.replace(/'\S*'/, "'file'").replace(/\d+ bytes/, 'N bytes');
      const first = await runRedis(['-p', String(redis.port), option, files[0]!]);
      const second = await runKvasir(['-p', String(redis.port), option, files[1]!]);
      assert.deepEqual({ ...second, stderr: clean(second.stderr) }, { ...first, stderr: clean(first.stderr) });
      const [one, two] = files.map((file) => readFileSync(file));
      assert.equal(two!.toString('latin1', 0, 5), 'REDIS');
      assert.ok(Math.abs(two!.length - one!.length) < 16, `${one!.length} and ${two!.length} bytes`); // they hold the time
      const piped = await runKvasir(['-p', String(redis.port), option, '-']);
      assert.equal(piped.status, 0);
      assert.ok(piped.stdout.startsWith('REDIS') && Math.abs(piped.stdout.length - two!.length) < 16);
    }
    await admin.call('FUNCTION', 'FLUSH');
    const unwritable = ['-p', String(redis.port), '--rdb', join(folder, 'no/such/folder.rdb')];
    assert.deepEqual((await runKvasir(unwritable)).status, (await runRedis(unwritable)).status);
  });

  test('--stat, --latency and their kin have the same layout', async () => {
    await seed();
    const port = ['-p', String(redis.port)];
    const shape = (text: string): string => text.replace(/\d+(?:\.\d+)?/g, '0');
    const latency = ['--latency', '-i', '1'];
    for (const format of [['--raw'], ['--csv']]) {
      const words = [...port, ...format, ...latency];
      assert.equal(shape((await runKvasir(words)).stdout), shape((await runRedis(words)).stdout));
    }
    const stat = await runKvasir([...port, '--stat', '-i', '0.1'], { stopAt: /^(?:.*\n){3}/ });
    const [dashes, header, line] = stat.stdout.split('\n');
    assert.equal(dashes, '------- data ------ --------------------- load -------------------- - child -');
    assert.equal(header, 'keys       mem      clients blocked requests            connections          ');
    assert.match(line!, /^47 {9}\d+\.\d\d[KM] {2,4}\d+ +0 {7}\d+ \(\+0\) +\d+ *$/);
    const endless: readonly (readonly [readonly string[], RegExp])[] = [
      [['--lru-test', '100'], /^\d+ Gets\/sec \| Hits: \d+ \(\d+\.\d\d%\) \| Misses: \d+ \(\d+\.\d\d%\)\n/],
      [
        ['--latency-dist', '-i', '0.2'],
        /From 0 to 100%: (?:\x1b\[48;5;\d+m ){19}\x1b\[0m\n-{45}\n\x1b\[38;5;0m\x1b\[48;5;\d+m\./,
      ],
    ];
    for (const [words, expected] of endless)
      assert.match((await runKvasir([...port, ...words], { stopAt: expected })).stdout, expected);
    const intrinsic = await runKvasir(['--intrinsic-latency', '1']);
    assert.match(intrinsic.stdout, /Max latency so far: \d+ microseconds\.\n/);
    assert.match(
      intrinsic.stdout,
      /\n\d+ total runs \(avg latency: \d+\.\d{4} microseconds \/ \d+\.\d\d nanoseconds per run\)\.\nWorst run took \d+x/,
    );
  });

  test('hot keys are listed under an LFU policy', async () => {
    await admin.call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu');
    try {
      await seed();
      for (let round = 0; round < 500; round++) await admin.call('GET', 'key:7');
      const { stdout, status } = await runKvasir(['-p', String(redis.port), '--hotkeys']);
      assert.equal(status, 0);
      assert.match(stdout, /Sampled 47 keys in the keyspace!\nhot key found with counter: \d+\tkeyname: "key:7"\n/);
    } finally {
      await admin.call('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
  });

  test('--keystats tells sizes, lengths and their spread', async () => {
    await seed();
    const { stdout, status } = await runKvasir(['-p', String(redis.port), '--keystats', '--top', '3']);
    assert.equal(status, 0);
    assert.match(stdout, /100\.00% keys scanned\nKeys sampled: 47\n/);
    assert.match(stdout, /--- Top 3 key sizes ---\n(?: {2}\d .*\n){3}\n--- Top size per type ---\n/);
    assert.match(stdout, /\nKey size Percentile Total keys\n-+ -+ -+\n(?: +[\d.]+[BK] +[\d.]+% +\d+\n)+Note: /);
    assert.match(stdout, /\n {13}6B {2}100\.0000% {10}47\nTotal key length is 2\d\dB \(\dB avg\)\n/);
    assert.match(stdout, /\nlist +2 +4\.26% /);
  });
});
