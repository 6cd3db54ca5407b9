// failure: servers that go away, lie or never answer, readers that go away, and connections other than plain TCP.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { kvasirCliPath, runKvasir, runRedis, type RunOptions } from './programs.js';

/** A server that answers whatever comes first with these bytes and then closes, or stays silent. */
async function startLiar(answer: string | undefined): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      if (answer !== undefined) socket.end(Buffer.from(answer, 'latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('servers that fail', { skip: peerMissing('redis-cli') }, () => {
  const answers: [string, string][] = [
    ['closes at once', ''],
    ['closes within a reply', '*3\r\n$1\r\na\r\n'],
    ['closes within a bulk string', '$10\r\nabc'],
    ['speaks something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['sends a bad length', '$abc\r\n'],
    ['sends a bad integer', ':12x\r\n'],
    ['sends a length below zero', '*-5\r\n'],
    ['sends a bad boolean', '#x\r\n'],
    ['claims a huge reply', '*1000000000\r\n:1\r\n'],
    ['sends a NUL', '\0'],
  ];
  for (const [name, answer] of answers) {
    test(`a server that ${name}`, async () => {
      const liar = await startLiar(answer);
      try {
        const words = ['-p', String(liar.port), 'ping'];
        const [first, second] = [await runRedis(words), await runKvasir(words)];
        assert.equal(second.status, first.status, second.stderr);
        assert.equal(second.stdout, first.stdout);
        // The client library's words for broken numbers differ between its versions.
        assert.match(second.stderr, /^Error: .+\n$/);
        if (/closed|reply type byte/.test(first.stderr)) assert.equal(second.stderr, first.stderr);
      } finally {
        liar.stop();
      }
    });
  }

  test('--pipe: what a server says before it closes is shown, however much is still to be sent', async () => {
    const error = 'ERR Protocol error: invalid bulk length';
    const bad = '*3\r\n$3\r\nset\r\n$1\r\na\r\n$-1\r\n';
    for (let round = 0; round < 5; round++) {
      const liar = await startLiar(`-${error}\r\n`);
      try {
        const input = bad + '*1\r\n$4\r\nPING\r\n'.repeat(200_000);
        const { status, stderr } = await runKvasir(['-p', String(liar.port), '--pipe'], { stdin: input });
        assert.equal(status, 1);
        assert.ok(stderr.startsWith(`${error}\n`), stderr);
      } finally {
        liar.stop();
      }
    }
    // With little to send, the last write often meets a server that has closed, and whose error is not read yet.
    const redis = await startRedis();
    try {
      for (const pings of [0, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 1000]) {
        const stdin = '*1\r\n$4\r\nPING\r\n'.repeat(pings) + bad + '*1\r\n$4\r\nPING\r\n'.repeat(pings);
        const { status, stderr } = await runKvasir(['-p', String(redis.port), '--pipe'], { stdin });
        assert.equal(status, 1);
        assert.ok(stderr.startsWith(`${error}\n`), stderr);
      }
    } finally {
      await redis.stop();
    }
  });

  test('nesting without end is refused', async () => {
    const liar = await startLiar('*1\r\n'.repeat(100_000));
    try {
      const { status, stderr } = await runKvasir(['-p', String(liar.port), 'ping']);
      assert.equal(status, 1);
      assert.match(stderr, /^Error: Reply nested deeper than \d+ levels\n$/);
    } finally {
      liar.stop();
    }
  });

  const modes: [string[], RegExp, RunOptions][] = [
    [['--pipe'], /^Error reading replies from server\n$/, { stdin: 'PING\r\n'.repeat(1000) }],
    [['--rdb', '-'], /I\/O error/, {}],
    [['--replica'], /I\/O error/, {}],
    [['--scan'], /I\/O error/, {}],
    [['--bigkeys'], /I\/O error/, {}],
    [['--keystats'], /I\/O error/, {}],
    [['--hotkeys'], /I\/O error/, {}],
    [['--lru-test', '10'], /I\/O error during LRU test/, {}],
  ];
  for (const [words, expected, options] of modes) {
    test(`${words.join(' ')} with a server that closes`, async () => {
      const liar = await startLiar('');
      try {
        const { status, stderr } = await runKvasir(['-p', String(liar.port), ...words], options);
        assert.equal(status, 1);
        assert.match(stderr, expected);
      } finally {
        liar.stop();
      }
    });
  }

  test('--pipe gives up on a silent server after its time', async () => {
    const liar = await startLiar(undefined);
    try {
      const { status, stdout, stderr } = await runKvasir(['-p', String(liar.port), '--pipe', '--pipe-timeout', '1'], {
        stdin: 'PING\r\n',
      });
      assert.equal(status, 1);
      assert.equal(stdout, 'All data transferred. Waiting for the last reply...\nerrors: 1, replies: 0\n');
      assert.equal(stderr, 'No replies for 1 seconds: exiting.\n');
    } finally {
      liar.stop();
    }
  });

  test('--pipe refuses an RDB file', async () => {
    const liar = await startLiar(undefined);
    try {
      const { status, stderr } = await runKvasir(['-p', String(liar.port), '--pipe'], {
        stdin: 'REDIS0010\xfa\x09redis-ver',
      });
      assert.equal(status, 1);
      assert.match(stderr, /begins with an RDB file/);
    } finally {
      liar.stop();
    }
  });

  for (const answer of [
    '$100\r\nREDIS0010',
    `$EOF:${'m'.repeat(40)}\r\nREDIS0010 and no mark`,
    '$nonsense\r\n',
    '-ERR no\r\n',
    '+OK\r\n',
  ]) {
    test(`--rdb with a master that sends ${JSON.stringify(answer.slice(0, 24))}`, async () => {
      const liar = await startLiar(`+OK\r\n+OK\r\n${answer}`);
      const file = join(mkdtempSync(join(tmpdir(), 'kvasir-rdb-')), 'x.rdb');
      try {
        const { status, stderr } = await runKvasir(['-p', String(liar.port), '--rdb', file]);
        assert.equal(status, 1);
        assert.match(
          stderr,
          /I\/O Error reading RDB payload from socket|SYNC with master failed|Error reading bulk length while SYNCing/,
        );
      } finally {
        liar.stop();
        rmSync(join(file, '..'), { recursive: true, force: true });
      }
    });
  }
});

describe('real servers in special ways', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let redis: RedisPeer;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kvasir-cli-'));
    redis = await startRedis({ args: ['--unixsocket', join(folder, 'redis.sock'), '--enable-debug-command', 'yes'] });
  });
  after(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a reader that goes away ends the program by SIGPIPE', async () => {
    await redis.send('eval', "for i=1,20000 do redis.call('set', 'pipe:' .. i, '') end", '0');
    for (const words of [['--scan'], ['-r', '100000', 'info']]) {
      const child = spawn(process.execPath, [kvasirCliPath, '-p', String(redis.port), ...words], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.stdout.once('data', () => child.stdout.destroy());
      const [status, signal] = await new Promise<[number | null, string | null]>((resolve) =>
        child.once('exit', (...how) => resolve(how)),
      );
      assert.deepEqual([status, signal, stderr], [null, 'SIGPIPE', '']);
    }
    await redis.send('flushall');
  });

  test(
    'arguments that are no UTF-8 arrive as they are',
    { skip: process.platform !== 'linux' && 'only Linux shows the bytes of the command line' },
    () => {
      const script = `"${process.execPath}" "${kvasirCliPath}" -p ${redis.port} set "$(printf 'k\\377\\376')" "$(printf '\\200v')"`;
      assert.equal(execFileSync('sh', ['-c', script]).toString(), 'OK\n');
      assert.equal(
        execFileSync('redis-cli', ['-p', String(redis.port), '--no-raw', 'keys', 'k*']).toString(),
        '1) "k\\xff\\xfe"\n',
      );
    },
  );

  test('a unix socket', async () => {
    const words = ['-s', join(folder, 'redis.sock'), '--no-raw', 'config', 'get', 'unixsocket'];
    assert.deepEqual(await runKvasir(words), await runRedis(words));
  });

  test('values of many megabytes pass through', async () => {
    const value = Buffer.alloc(12 * 1024 * 1024, 'kvasir\xff\0"');
    const port = ['-p', String(redis.port)];
    assert.equal((await runKvasir([...port, '-x', 'set', 'huge'], { stdin: value })).stdout, 'OK\n');
    const raw = await runKvasir([...port, '-D', '', 'get', 'huge']);
    assert.ok(Buffer.from(raw.stdout, 'latin1').equals(value));
    const quoted = await runKvasir([...port, '--no-raw', 'get', 'huge']);
    assert.equal(quoted.stdout, (await runRedis([...port, '--no-raw', 'get', 'huge'])).stdout);
    await redis.send('del', 'huge');
  });

  test('an append-only file goes to another server by --pipe', async () => {
    await redis.send('flushall');
    const source = await startRedis({ args: ['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no'] });
    const commands = Array.from(
      { length: 5000 },
      (_, index) => `SET key:${index} ${index}\r\nRPUSH list ${index}\r\n`,
    ).join('');
    const filled = await runKvasir(['-p', String(source.port), '--pipe'], { stdin: commands });
    assert.equal(
      filled.stdout,
      'All data transferred. Waiting for the last reply...\nLast reply received from server.\nerrors: 0, replies: 10000\n',
    );
    await source.send('config', 'set', 'appendfsync', 'always');
    const file = join(source.folder, 'appendonlydir', 'appendonly.aof.1.incr.aof');
    const sent = await runKvasir(['-p', String(redis.port), '--pipe'], { stdin: readFileSync(file) });
    assert.match(sent.stdout, /errors: 0, replies: 1000[1-9]\n$/); // SELECT is one more
    assert.equal(await redis.send('dbsize'), '5001');
    assert.equal(await redis.send('lrange', 'list', '-1', '-1'), '4999');
    await source.stop();
    await redis.send('flushall');
  });

  test('--functions-rdb and SYNC typed as a command', async () => {
    const words = ['-p', String(redis.port), 'sync'];
    const [first, second] = [
      await runRedis(words, { stopAt: /Logging commands from master\.\n/ }),
      await runKvasir(words, { stopAt: /Logging commands from master\.\n/ }),
    ];
    assert.match(second.stdout, /^Entering replica output mode\.\.\. {2}\(press Ctrl-C to quit\)\n/);
    assert.match(
      first.stderr + second.stderr,
      /SYNC with master, discarding \d+ bytes of bulk transfer\.\.\.\nSYNC done\. Logging commands from master\.\n/,
    );
  });

  test('SHUTDOWN ends quietly, and a server that dies is told', async () => {
    const server = await startRedis();
    const words = ['-p', String(server.port)];
    assert.deepEqual(await runKvasir([...words, 'shutdown', 'nosave']), {
      stdout: '',
      stderr: '',
      status: 0,
      signal: null,
    });
    const dying = await startRedis();
    const waiting = runKvasir(['-p', String(dying.port), 'blpop', 'nothing', '0']);
    while (!/blocked_clients:1/.test(await dying.send('info', 'clients'))) continue;
    await dying.stop({ signal: 'SIGKILL' });
    const { status, stderr } = await waiting;
    assert.equal(status, 1);
    assert.match(stderr, /^Error: (?:Server closed the connection|Connection reset by peer)\n$/);
    await server.stop();
  });

  test('cluster mode follows MOVED to the right node', async () => {
    const nodes: RedisPeer[] = [];
    for (let index = 0; index < 2; index++) {
      // The bus listens 10,000 above.
      let port = await findFreePort();
      while (port > 50_000) port = await findFreePort();
      nodes.push(await startRedis({ port, args: ['--cluster-enabled', 'yes'] }));
    }
    const [one, two] = nodes as [RedisPeer, RedisPeer];
    try {
      await one.send('cluster', 'addslotsrange', '0', '8191');
      await two.send('cluster', 'addslotsrange', '8192', '16383');
      await one.send('cluster', 'meet', '127.0.0.1', String(two.port));
      for (const node of nodes) while (!/cluster_state:ok/.test(await node.send('cluster', 'info'))) continue;
      const lines = 'set k1 v1\nset k2 v2\nget k1\nget k2\nset k4 v4\n';
      const words = ['-c', '-p', String(one.port)];
      const [first, second] = [await runRedis(words, { stdin: lines }), await runKvasir(words, { stdin: lines })];
      assert.deepEqual(second, first);
      assert.ok(
        second.stdout.includes(`-> Redirected to slot [12706] located at 127.0.0.1:${two.port}\n`),
        second.stdout,
      );
      assert.deepEqual(await runKvasir([...words, 'get', 'k1']), {
        stdout: 'v1\n',
        stderr: '',
        status: 0,
        signal: null,
      });
      assert.match((await runKvasir(['-p', String(one.port), 'get', 'k1'])).stdout, /^MOVED 12706 127\.0\.0\.1:\d+\n/);
    } finally {
      for (const node of nodes) await node.stop();
    }
  });

  test('TLS, with and without a trusted certificate', { skip: peerMissing('openssl') }, async () => {
    const key = join(folder, 'key.pem');
    const certificate = join(folder, 'certificate.pem');
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=kvasir.test',
        '-keyout',
        key,
        '-out',
        certificate,
      ],
      { stdio: 'ignore' },
    );
    const tlsPort = await findFreePort();
    const server = await startRedis({
      args: [
        '--tls-port',
        String(tlsPort),
        '--tls-cert-file',
        certificate,
        '--tls-key-file',
        key,
        '--tls-ca-cert-file',
        certificate,
        '--tls-auth-clients',
        'optional',
      ],
    });
    try {
      const words = ['-p', String(tlsPort)];
      for (const how of [
        ['--cacert', certificate],
        ['--insecure'],
        ['--cacert', certificate, '--cert', certificate, '--key', key, '--sni', 'kvasir.test'],
      ]) {
        assert.deepEqual(await runKvasir([...words, '--tls', ...how, 'ping']), {
          stdout: 'PONG\n',
          stderr: '',
          status: 0,
          signal: null,
        });
      }
      assert.equal((await runKvasir(['-u', `rediss://127.0.0.1:${tlsPort}`, '--insecure', 'ping'])).stdout, 'PONG\n');
      const untrusted = await runKvasir([...words, '--tls', 'ping']);
      assert.deepEqual(
        [untrusted.status, untrusted.stderr],
        [1, 'Could not negotiate a TLS connection: SSL_connect failed: certificate verify failed\n'],
      );
      const missing = await runKvasir([...words, '--tls', '--cacert', join(folder, 'none.pem'), 'ping']);
      assert.deepEqual(
        [missing.status, missing.stderr],
        [1, 'Could not negotiate a TLS connection: Invalid CA Certificate File/Directory\n'],
      );
      const file = join(folder, 'tls.rdb');
      assert.equal((await runKvasir([...words, '--tls', '--cacert', certificate, '--rdb', file])).status, 0);
      assert.equal(readFileSync(file).toString('latin1', 0, 5), 'REDIS');
    } finally {
      await server.stop();
    }
  });

  test('--cluster create names the node that cannot be reached', async () => {
    const { status, stderr } = await runKvasir([
      '--cluster',
      'create',
      '127.0.0.1:1',
      '127.0.0.1:2',
      '--cluster-replicas',
      '1',
      '--cluster-yes',
    ]);
    assert.equal(status, 1);
    assert.equal(stderr, 'Could not connect to Redis at 127.0.0.1:1: Connection refused\n');
  });

  test('a script file of bytes runs', async () => {
    const file = join(folder, 'bytes.lua');
    writeFileSync(file, Buffer.from('return "\xff\xfe"', 'latin1'));
    assert.equal((await runKvasir(['-p', String(redis.port), '--no-raw', '--eval', file])).stdout, '"\\xff\\xfe"\n');
  });
});
