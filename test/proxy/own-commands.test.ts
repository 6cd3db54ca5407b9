// Commands that the proxy answers itself, or refuses with the reason: PROXY, CLIENT, CONFIG, COMMAND, HELLO, RESET; and the
// families that twemproxy refuses over real servers: scripts, functions, sharded channels, streams that wait. Loads of redis-cli and
// redis-benchmark through it.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { encodeCommand } from '../../src/client/encode-command.js';
import { findFreePort, peerMissing } from '../peer.js';
import { startKvasirProxy, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const run = promisify(execFile);

describe('what the proxy answers', () => {
  const servers: EmbeddedServer[] = [];
  let proxy: RunningProxy;
  let port: number;
  let client: RawClient;

  before(async () => {
    for (let index = 0; index < 2; index++) servers.push(await startServer({}));
    port = await findFreePort();
    const lines = servers.map((server, index) => `   - 127.0.0.1:${server.port}:1 s${index}\n`);
    proxy = await startKvasirProxy(
      `pool:\n  listen: 127.0.0.1:${port}\n  redis: true\n  hash_tag: "{}"\n  servers:\n${lines.join('')}`,
      port,
    );
    client = await RawClient.open(port);
  });

  after(async () => {
    client?.close();
    await proxy?.stop('SIGKILL');
    for (const server of servers) await server.close();
  });

  /** Sends each line and compares, or matches, its reply. */
  async function expectAll(rows: readonly (readonly [string, string | RegExp])[], on = client): Promise<void> {
    for (const [line, expected] of rows) {
      const reply = (await on.call(...line.split(' ')))!;
      if (typeof expected === 'string') assert.equal(reply, `${expected}\r\n`, line);
      else assert.match(reply, expected, line);
    }
  }

  test('PROXY tells of the proxy', async () => {
    await expectAll([
      ['PROXY STATS', /^\$\d+\r\n\{"service":"nutcracker".*"pool":\{.*"s0":\{/],
      ['PROXY METRICS', /kvasir_proxy_requests_total\{pool="pool",server="s1"\} \d+/],
      ['PROXY SERVERS', /s0 127\.0\.0\.1:\d+:1 weight=1 connections=\d+ ejected=0\ns1 /],
      ['PROXY VERSION', /^\$\d+\r\n\d+\.\d+/],
      ['PROXY HELP', /RELOAD -- Read/],
      ['PROXY', /RELOAD -- Read/],
      ['PROXY RUBBISH', "-ERR unknown subcommand 'RUBBISH'. Try PROXY HELP."],
      ['PROXY MIGRATE', /^-ERR this pool does not migrate: 'migrate_to'/],
      ['PROXY MIRROR', /^-ERR this pool has no mirror: 'mirror_to'/],
      ['PROXY HOTKEYS', /^-ERR keys of this pool are not watched: 'watch_keys: true'/],
      ['PROXY MOVE', /^\*2\r\n\$5\r\nstate\r\n\$4\r\nnone\r\n/],
      ['PROXY MOVE STOP', /^-ERR no move is under way/],
      ['PROXY MOVE s7 127.0.0.1:1', "-ERR the pool has no server 's7'"],
      ['PROXY MOVE s0 nowhere', "-ERR 'nowhere' is no host:port"],
    ]);
  });

  test('CLIENT is about the clients of the proxy', async () => {
    const other = await RawClient.open(port);
    await expectAll(
      [
        ['CLIENT SETNAME ann', '+OK'],
        ['CLIENT GETNAME', '$3\r\nann'],
        ['CLIENT SETINFO LIB-NAME lib', '+OK'],
      ],
      other,
    );
    const id = Number((await other.call('CLIENT', 'ID'))!.slice(1));
    await expectAll([
      ['CLIENT LIST', new RegExp(`id=${id} addr=127\\.0\\.0\\.1:\\d+ .* name=ann .* lib-name=lib `)],
      ['CLIENT INFO', /name= .* cmd=client\|info user=default resp=2 pool=pool/],
      ['CLIENT NO-EVICT ON', '+OK'],
      ['CLIENT TRACKING ON', /^-ERR the proxy does not support 'client\|tracking': connections to servers are shared/],
      ['CLIENT PAUSE 10', /^-ERR the proxy does not support 'client\|pause'/],
      ['CLIENT KILL 127.0.0.1:1', '-ERR No such client'],
      ['CLIENT KILL ID', /^-ERR/],
      [`CLIENT KILL ID ${id}`, ':1'],
      ['CLIENT', "-ERR wrong number of arguments for 'client' command"],
    ]);
    assert.equal(await other.next(), undefined);
  });

  test('a client that wants no replies gets none, whatever it asks, and the next is that of its next request', async () => {
    const quiet = await RawClient.open(port);
    const words = [
      ['CLIENT', 'REPLY', 'OFF'],
      ['SET', 'q', '1'],
      ['MSET', 'qa', '1', 'qb', '2', 'qc', '3'],
      ['MGET', 'qa', 'qb', 'qc', 'qd'],
      ['DBSIZE'],
      ['KEYS', '*'],
      ['RPUSH', 'ql', 'x', 'y'],
      ['BLPOP', 'ql', '1'],
      ['MULTI'],
      ['SET', '{q}t', '5'],
      ['INCR', '{q}t'],
      ['EXEC'],
      ['NOSUCH'],
      ['CLIENT', 'REPLY', 'ON'],
      ['PING'],
      ['CLIENT', 'REPLY', 'SKIP'],
      ['MGET', 'qa', 'qb', 'qc'],
      ['GET', '{q}t'],
      ['LLEN', 'ql'],
    ];
    for (const request of words) quiet.write(Buffer.from(encodeCommand(request)));
    for (const expected of ['+OK\r\n', '+PONG\r\n', '$1\r\n6\r\n', ':1\r\n'])
      assert.equal(await quiet.next(), expected);
    quiet.close();
  });

  test('CONFIG, COMMAND, HELLO, RESET and the like are answered here', async () => {
    const other = await RawClient.open(port);
    await expectAll(
      [
        ['CONFIG GET pool.*', /pool\.listen[\s\S]*pool\.timeout[\s\S]*pool\.hash/],
        ['CONFIG GET maxmemory', /maxmemory\r\n\$1\r\n0/],
        ['CONFIG SET maxmemory 1', /^-ERR CONFIG SET failed .* edit the proxy's file and call PROXY RELOAD/],
        ['CONFIG REWRITE', /^-ERR the proxy does not write/],
        ['CONFIG RESETSTAT', '+OK'],
        ['COMMAND COUNT', /^:\d{3}\r\n$/],
        ['COMMAND DOCS get', /summary/],
        ['COMMAND INFO get', /^\*1\r\n\*\d+\r\n\$3\r\nget/],
        ['COMMAND GETKEYS MSET a 1 b 2', '*2\r\n$1\r\na\r\n$1\r\nb'],
        ['INFO server', /kvasir_version/],
        ['INFO commandstats', /cmdstat_command\|count:calls=1/],
        ['ROLE', '*3\r\n$6\r\nmaster\r\n:0\r\n*0'],
        ['TIME', /^\*2\r\n\$10\r\n\d+\r\n\$\d+\r\n\d+\r\n$/],
        ['ECHO x', '$1\r\nx'],
        ['HELLO x', '-ERR Protocol version is not an integer or out of range'],
        ['HELLO 4', '-NOPROTO unsupported protocol version'],
        ['HELLO 3 RUBBISH', "-ERR Syntax error in HELLO option 'RUBBISH'"],
        ['HELLO 3 SETNAME eve', /^%7\r\n[\s\S]*proto\r\n:3/],
        ['CLIENT GETNAME', '$3\r\neve'],
        ['MULTI', '+OK'],
        ['RESET', '+RESET'],
        ['EXEC', '-ERR EXEC without MULTI'],
        ['ACL WHOAMI', '$7\r\ndefault'],
        ['ACL SETUSER x', /^-ERR the proxy does not support 'acl\|setuser'/],
        ['AUTH x', '-ERR Client sent AUTH, but no password is set'],
        ['SLOWLOG GET', /^-ERR the proxy does not support 'slowlog\|get': it is about one server/],
        ['LATENCY LATEST', /^-ERR the proxy does not support 'latency\|latest'/],
        ['MONITOR', /^-ERR the proxy does not support 'monitor': /],
        ['WAIT 0 0', /^-ERR the proxy does not support 'wait': /],
        ['SELECT 99', '-ERR DB index is out of range'],
        ['READONLY', '+OK'],
        ['LOLWUT', /Kvasir|Redis/],
        ['QUIT', '+OK'],
      ],
      other,
    );
    assert.equal(await other.next(), undefined);
  });

  test('scripts and functions are at all servers', async () => {
    const script = 'return {KEYS[1], ARGV[1]}';
    const loaded = (await client.call('SCRIPT', 'LOAD', script))!;
    const sha = loaded.split('\r\n')[1]!;
    for (let index = 0; index < 10; index++) {
      assert.equal(await client.call('EVALSHA', sha, '1', `k${index}`, 'x'), `*2\r\n$2\r\nk${index}\r\n$1\r\nx\r\n`);
      assert.equal(await client.call('EVAL', 'return 1', '0'), ':1\r\n');
    }
    assert.equal(await client.call('SCRIPT', 'EXISTS', sha, 'none'), '*2\r\n:1\r\n:0\r\n');
    assert.equal(await client.call('SCRIPT', 'FLUSH'), '+OK\r\n');
    assert.match((await client.call('EVALSHA', sha, '1', 'k', 'x'))!, /^-NOSCRIPT/);
    const library = "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)";
    assert.equal(await client.call('FUNCTION', 'LOAD', library), '$3\r\nlib\r\n');
    for (let index = 0; index < 10; index++)
      assert.equal(await client.call('FCALL', 'f', '1', `k${index}`, 'y'), '$1\r\ny\r\n');
    assert.equal(await client.call('FUNCTION', 'DELETE', 'lib'), '+OK\r\n');
    assert.match((await client.call('EVAL', 'return 1', '2', 'a', 'b{c}'))!, /^(?::1|-CROSSSLOT)/);
  });

  test('sharded channels and streams that wait', async () => {
    const listener = await RawClient.open(port);
    for (let index = 0; index < 5; index++) {
      assert.match(
        (await listener.call('SSUBSCRIBE', `ch${index}`))!,
        new RegExp(`ssubscribe[\\s\\S]*ch${index}\r\n:${index + 1}`),
      );
      assert.equal(await client.call('SPUBLISH', `ch${index}`, 'm'), ':1\r\n');
      assert.equal(await listener.next(), `*3\r\n$8\r\nsmessage\r\n$3\r\nch${index}\r\n$1\r\nm\r\n`);
    }
    listener.close();
    const reader = await RawClient.open(port);
    const read = reader.call('XREAD', 'BLOCK', '0', 'STREAMS', 'events', '$');
    while (!(await client.call('CLIENT', 'LIST'))!.includes('cmd=xread'));
    // The waiting has begun at the server when it says so.
    const waits = async (): Promise<boolean> => {
      for (const server of servers) {
        const direct = await RawClient.open(server.port);
        const info = (await direct.call('INFO', 'clients'))!;
        direct.close();
        if (/blocked_clients:1/.test(info)) return true;
      }
      return false;
    };
    while (!(await waits()));
    await client.call('XADD', 'events', '1-1', 'f', 'v');
    assert.match((await read)!, /events[\s\S]*1-1[\s\S]*\r\nv\r\n$/);
    reader.close();
  });

  test(
    'redis-cli --pipe and redis-benchmark bring their loads',
    { skip: peerMissing('redis-cli', 'redis-benchmark') },
    async () => {
      await client.call('FLUSHALL');
      const pipe = spawn('redis-cli', ['-p', String(port), '--pipe'], { stdio: ['pipe', 'pipe', 'pipe'] });
      let said = '';
      pipe.stdout.on('data', (part: Buffer) => (said += part.toString()));
      for (let index = 0; index < 5000; index++) pipe.stdin.write(encodeCommand(['SET', `p${index}`, `v${index}`]));
      pipe.stdin.end();
      assert.deepEqual(await once(pipe, 'close'), [0, null]);
      assert.match(said, /errors: 0, replies: 5000/);
      assert.equal(await client.call('DBSIZE'), ':5000\r\n');
      const tests = 'set,get,incr,lpush,rpop,sadd,hset,spop,zadd,mset';
      const { stdout } = await run('redis-benchmark', [
        '-p',
        String(port),
        '-t',
        tests,
        '-n',
        '500',
        '-c',
        '20',
        '-P',
        '4',
        '-r',
        '100',
        '--csv',
      ]);
      for (const name of ['SET', 'GET', 'INCR', 'LPUSH', 'RPOP', 'SADD', 'HSET', 'SPOP', 'ZADD', 'MSET (10 keys)'])
        assert.ok(stdout.includes(`"${name}",`), `${name}: ${stdout}`);
    },
  );

  test('PROXY SHUTDOWN ends it when all is answered', async () => {
    const [reply, ended] = await client.pipeline([
      ['GET', 'p1'],
      ['PROXY', 'SHUTDOWN'],
    ]);
    assert.equal(reply, '$2\r\nv1\r\n');
    assert.equal(ended, '+OK\r\n');
    await proxy.exited;
  });
});
