// Options of kvasir-benchmark that redis-benchmark lacks, and their errors.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import type { RedisPeer } from '../peer.js';
import { runKvasir } from './run-tool.js';

/** A server that answers each chunk after CONFIG GET with what `answer` says; undefined closes. */
async function startFake(
  answer: (requests: number, socket: Socket) => string | undefined,
): Promise<{ port: string; stop: () => void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      if (text.includes('CONFIG')) {
        socket.write('*2\r\n$1\r\nx\r\n$0\r\n\r\n');
        return;
      }
      const reply = answer(text.split('PING').length - 1, socket);
      if (reply === undefined) socket.end();
      else socket.write(reply, 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: String((server.address() as AddressInfo).port),
    stop: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe('kvasir-benchmark and a peer that fails', () => {
  it('says which server it cannot reach', async () => {
    const port = await findFreePort();
    const { err, code } = await runKvasir(['-p', String(port), '-n', '10', '-q']);
    const line = `Could not connect to Redis at 127.0.0.1:${port}: Connection refused\n`;
    assert.equal(err, `${line}WARNING: Could not fetch server CONFIG\n${line}`);
    assert.equal(code, 1);
  });

  it('says which socket it cannot reach', async () => {
    const { err, code } = await runKvasir(['-s', '/nowhere/redis.sock', '-n', '10', '-q']);
    assert.match(err, /^Could not connect to Redis at \/nowhere\/redis\.sock: No such file or directory\n/);
    assert.equal(code, 1);
  });

  const answers: [string, string | undefined, string][] = [
    ['garbage', 'HTTP/1.1 400 Bad Request\r\n', 'Error: Protocol error, got "H" as reply type byte\n'],
    ['a bulk length that is none', '$1x\r\n', 'Error: Bad bulk string length\n'],
    ['an error reply', '-ERR go away\r\n', 'Error from server: ERR go away\n'],
    ['the end of the connection', undefined, 'Error: Server closed the connection\n'],
  ];
  for (const [name, answer, message] of answers) {
    for (const extra of [[], ['--threads', '2'], ['--rate', '1000']]) {
      it(`ends with a message on ${name} ${extra.join(' ')}`, async () => {
        const fake = await startFake(() => answer);
        const { err, code } = await runKvasir(['-p', fake.port, '-n', '1000', '-q', '-t', 'ping_mbulk', ...extra]);
        fake.stop();
        assert.equal(err, message);
        assert.equal(code, 1);
      });
    }
  }

  it('ends with a message when the server goes away in the middle', async () => {
    let answered = 0;
    const fake = await startFake((requests) => (++answered > 500 ? undefined : '+PONG\r\n'.repeat(requests)));
    const { err, code } = await runKvasir(['-p', fake.port, '-n', '100000', '-q', '-t', 'ping_mbulk']);
    fake.stop();
    assert.equal(err, 'Error: Server closed the connection\n');
    assert.equal(code, 1);
  });

  it('counts replies that arrive in pieces', async () => {
    const fake = await startFake((requests, socket) => {
      const reply = '$3\r\nabc\r\n'.repeat(requests);
      socket.write(reply.slice(0, 4));
      setTimeout(() => socket.write(reply.slice(4)), 1);
      return '';
    });
    const { out, code } = await runKvasir([
      '-p',
      fake.port,
      '-n',
      '300',
      '--csv',
      '-c',
      '3',
      '-P',
      '4',
      '-t',
      'ping_mbulk',
    ]);
    fake.stop();
    assert.match(out, /^"PING_MBULK","\d+\.\d\d"/m);
    assert.equal(code, 0);
  });
});

describe('kvasir-benchmark beyond redis-benchmark', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let redis: RedisPeer;
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-benchmark-'));
  before(async () => {
    redis = await startRedis({ args: ['--enable-debug-command', 'local'] });
  });
  after(async () => {
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (...args: string[]) => runKvasir(['-p', String(redis.port), ...args]);

  it('keeps the rate that was asked for', async () => {
    for (const extra of [[], ['--threads', '2'], ['-P', '8', '-c', '4']]) {
      // A busy machine may stop the tool for a while, which makes it slower but never faster: one run of some must keep the rate.
      let rate = 0;
      for (let attempt = 0; attempt < 5 && rate <= 1900; attempt++) {
        await redis.send('CONFIG', 'RESETSTAT');
        const { out } = await run('-n', '3000', '--rate', '2000', '--csv', '-t', 'get', ...extra);
        rate = Number(/"GET","([\d.]+)"/.exec(out)?.[1]);
        assert.ok(rate < 2010, `${rate} requests per second, asked for 2000 ${extra.join(' ')}`);
        assert.match(await redis.send('INFO', 'commandstats'), /cmdstat_get:calls=3000,/);
      }
      assert.ok(rate > 1900, `${rate} requests per second, asked for 2000 ${extra.join(' ')}`);
    }
  });

  it('counts the wait behind a stall in the open loop, for every request that was due meanwhile', async () => {
    const pause = setTimeout(() => void redis.send('DEBUG', 'SLEEP', '0.3'), 700);
    const { out } = await run('-n', '2000', '--rate', '1000', '--csv', '-t', 'get', '-c', '2');
    clearTimeout(pause);
    // 300 ms at 1000 a second: 300 of 2000 requests wait, 150 ms on average; a closed loop would show two.
    const [, , , p95] = /"GET",(.*)/
      .exec(out)![1]!
      .split(',')
      .slice(1)
      .map((field) => Number(field.replaceAll('"', '')));
    assert.ok(p95! > 80, `p95 is ${p95} ms`);
  });

  it('gives __rand_1st__ one number in a command and __rand_int__ a new one each time', async () => {
    await redis.send('FLUSHALL');
    await run(
      '-n',
      '300',
      '-q',
      '-r',
      '1000000',
      '--seed',
      '3',
      'MSET',
      'a:__rand_1st__',
      '__rand_1st__',
      'b:__rand_int__',
      '__rand_int__',
    );
    const keys = (await redis.send('KEYS', '*')).split('\n');
    assert.ok(keys.length > 590);
    for (const key of keys.slice(0, 50)) {
      const value = await redis.send('GET', key);
      assert.match(value, /^\d{12}$/);
      assert.equal(key.slice(2) === value, key.startsWith('a:'));
    }
  });

  it('sends the same keys for the same seed', async () => {
    const seen: string[] = [];
    for (let round = 0; round < 2; round++) {
      await redis.send('FLUSHALL');
      await run('-n', '200', '-q', '-r', '100000', '--seed', '42', '-t', 'set');
      seen.push((await redis.send('KEYS', '*')).split('\n').sort().join());
    }
    assert.equal(seen[0], seen[1]);
  });

  it('replaces __data__ by a value of the size of -d', async () => {
    await run('-n', '100', '-q', '-d', '777', 'SET', 'data', '__data__');
    assert.equal(await redis.send('STRLEN', 'data'), '777');
  });

  it('answers values larger than its read buffer', async () => {
    const { out, code } = await run('-n', '60', '-q', '-d', '1500000', '-c', '3', '-P', '2', '-t', 'set,get');
    assert.match(out, /GET: [\d.]+ requests per second/);
    assert.equal(code, 0);
    await redis.send('FLUSHALL');
  });

  it('compares two servers in turns', async () => {
    const other = await startRedis();
    const { out, code } = await run('-n', '500', '--vs', `127.0.0.1:${other.port}`, '--rounds', '3', '-t', 'get,set');
    assert.match(await other.send('INFO', 'commandstats'), /cmdstat_get:calls=1500,/);
    await other.stop();
    assert.match(out, /^3 rounds of 500 requests, 50 clients, pipeline 1/m);
    assert.match(out, /^SET +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d( +\d+\.\d{3}){4} +\d+\.\d\d$/m);
    assert.match(out, /^GET /m);
    assert.equal(code, 0);
  });

  it('draws latency over time as text and as a page that stands alone', async () => {
    const path = join(folder, 'report.html');
    const { out, code } = await run('-n', '800', '--rate', '1000', '-t', 'get,set', '--chart', '--html', path);
    assert.equal(code, 0);
    assert.match(out, /Latency over time: GET \(msec; \. p50, o p99, \^ max\)/);
    const page = readFileSync(path, 'utf8');
    assert.match(page, /^<!doctype html>/);
    assert.equal(page.match(/<h2>/g)?.length, 2);
    assert.equal(page.match(/<svg /g)?.length, 6);
    assert.doesNotMatch(page, /(src|href)=|https?:|NaN|Infinity/);
  });

  it('works the same through plain sockets, where the stream handle is not to be had', async () => {
    process.env.KVASIR_PLAIN_SOCKETS = '1';
    try {
      const { out, code } = await run('-n', '500', '-P', '3', '-q', '-t', 'set,get');
      assert.match(out, /GET: [\d.]+ requests per second/);
      assert.equal(code, 0);
    } finally {
      delete process.env.KVASIR_PLAIN_SOCKETS;
    }
  });

  it('spreads over the masters of a cluster', async () => {
    const nodes = [
      await startRedis({ args: ['--cluster-enabled', 'yes'] }),
      await startRedis({ args: ['--cluster-enabled', 'yes'] }),
    ];
    try {
      const [first, second] = nodes as [RedisPeer, RedisPeer];
      await first.send('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
      await second.send('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
      await second.send('CONFIG', 'SET', 'cluster-announce-ip', '127.0.0.1');
      await second.send('CLUSTER', 'SET-CONFIG-EPOCH', '2');
      await first.send('CLUSTER', 'MEET', '127.0.0.1', String(second.port));
      for (let wait = 0; wait < 200; wait++) {
        const states = await Promise.all(nodes.map((node) => node.send('CLUSTER', 'INFO')));
        if (states.every((state) => /cluster_state:ok/.test(state) && /cluster_size:2/.test(state))) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const { out, err, code } = await runKvasir([
        '-p',
        String(first.port),
        '--cluster',
        '-n',
        '4000',
        '-r',
        '1000000',
        '-t',
        'set,mset,lpush',
      ]);
      assert.equal(err, '');
      assert.equal(code, 0);
      assert.match(out, /^Cluster has 2 master nodes:\n\nMaster 0: [0-9a-f]{40} 127\.0\.0\.1:\d+\n/);
      assert.match(
        out,
        / {2}cluster mode: yes \(2 masters\)\n {2}node \[0\] configuration:\n {4}save: NONE\n {4}appendonly: no\n/,
      );
      for (const node of nodes)
        assert.match(await node.send('INFO', 'commandstats'), /cmdstat_set:calls=[1-9]\d{2,3},/);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  });
});
