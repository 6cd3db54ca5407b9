import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlagError, readFlags } from './flags.js';
import { readNutcrackerConfig } from './nutcracker-config.js';

const good = `
# the caches
beta:
  listen: /tmp/beta.sock 0660
  redis: true
  hash: md5
  hash_tag: "{}"
  distribution: modula
  timeout: 400
  backlog: 1024
  preconnect: true
  tcpkeepalive: true
  reuseport: false
  redis_db: 2
  redis_auth: 'se#cret'   # quoted
  server_connections: 3
  auto_eject_hosts: true
  server_retry_timeout: 2000
  server_failure_limit: 1
  client_connections: 10
  servers:
   - 127.0.0.1:6379:1 longer
   - 127.0.0.1:6380:2 b
a:
  listen: 127.0.0.1:22121
  redis: true
  servers:
  - localhost:11211:1
  - /tmp/redis.sock:7
`;

test('every key is read, with pools and servers in the order of twemproxy', () => {
  const { pools, mistakes } = readNutcrackerConfig(good, 'f');
  assert.deepEqual(mistakes, []);
  assert.deepEqual(
    pools.map(({ name }) => name),
    ['a', 'beta'],
  );
  const beta = pools[1]!;
  assert.equal(beta.listen.path, '/tmp/beta.sock');
  assert.equal(beta.listen.permissions, 0o660);
  assert.equal(beta.password, 'se#cret');
  assert.equal(beta.databaseIndex, 2);
  assert.equal(beta.serverConnections, 3);
  assert.equal(beta.failureLimit, 1);
  assert.deepEqual(
    beta.servers.map(({ name, weight }) => [name, weight]),
    [
      ['b', 2],
      ['longer', 1],
    ],
  );
  const plain = pools[0]!;
  assert.equal(plain.hash, 'fnv1a_64');
  assert.equal(plain.distribution, 'ketama');
  assert.deepEqual(
    plain.servers.map(({ name }) => name),
    ['localhost', '/tmp/redis.sock:'],
  );
});

test('all mistakes are told, each with its line', () => {
  const { mistakes } = readNutcrackerConfig(
    [
      'a:',
      '  listen: nowhere',
      '  hash: md6',
      '  hash_tag: "{"',
      '  distribution: even',
      '  timeout: soon',
      '  redis: yes',
      '  backlog: 5',
      '  backlog: 6',
      '  unknown: 1',
      '  servers: [x]',
      'b:',
      '  listen: 127.0.0.1:70000',
      '  redis: true',
      '  server_connections: 0',
      '  servers:',
      '   - 127.0.0.1:6379',
      '   - 127.0.0.1:6379:0',
      '   - 127.0.0.1:x:1',
      '   - 127.0.0.1:6379:1 same',
      '   - 127.0.0.1:6380:1 same',
      '\tc: 1',
      'b:',
      '---',
    ].join('\n'),
    'f',
  );
  const lines = mistakes.map(({ line }) => line);
  for (const line of [2, 3, 4, 5, 6, 7, 9, 10, 11, 13, 15, 17, 18, 19, 21, 22, 23, 24])
    assert.ok(lines.includes(line), `line ${line}: ${JSON.stringify(mistakes)}`);
});

test('a pool for memcached is refused with a clear word', () => {
  const { mistakes } = readNutcrackerConfig('a:\n  listen: 127.0.0.1:1\n  servers:\n   - h:1:1\n', 'f');
  assert.match(mistakes[0]!.text, /is for memcached, which kvasir-proxy does not speak/);
});

test('any bytes end in mistakes or pools, never in an exception', () => {
  const pieces = [
    'a:',
    '  listen: ',
    '"',
    "'",
    '- ',
    ': ',
    '\t',
    '{',
    '&x',
    '\0',
    '#',
    '  servers:',
    '\r\n',
    '\n',
    '127.0.0.1:1:1',
    '   ',
  ];
  for (let seed = 1; seed < 3000; seed++) {
    let text = '';
    let state = seed;
    for (let index = 0; index < 12; index++) {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      text += pieces[(state >> 8) % pieces.length]!;
    }
    const { pools, mistakes } = readNutcrackerConfig(text, 'f');
    assert.ok(pools.length > 0 || mistakes.length > 0, JSON.stringify(text));
  }
});

test('flags are those of nutcracker, and mistakes read as there', () => {
  const flags = readFlags(['-d', '-v7', '-c', 'x.yml', '--stats-port=99', '-a', '::1', '--mbuf-size', '512']);
  assert.deepEqual(
    [flags.daemonizes, flags.verbosity, flags.configFile, flags.statsPort, flags.statsAddress, flags.mbufBytes],
    [true, 7, 'x.yml', 99, '::1', 512],
  );
  const wrong: [string[], string][] = [
    [['-x'], "invalid option -- 'x'"],
    [['-v', 'a'], 'option -v requires a number'],
    [['-c'], 'option -c requires a file name'],
    [['-s', '70000'], 'option -s value 70000 is not a valid port'],
    [['-m', '5'], 'mbuf chunk size must be between 512 and 16777216 bytes'],
    [['-m', '0'], 'option -m requires a non-zero number'],
  ];
  for (const [words, text] of wrong)
    assert.throws(
      () => readFlags(words),
      (error) => error instanceof FlagError && error.message === text,
    );
});
