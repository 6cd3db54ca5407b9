import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { untilTrue } from '../cluster-peers.js';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { dataset, sendAll } from '../persistence/dataset.js';
import { findFreePort, peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { askHttp, startPart } from '../proxy/codis-parts.js';
import { detailsOf, digestOf, kvasirWithDebug, mustRun, redisWithDebug, runTool, withFolder } from './tools.js';

const url = (peer: { port: number }): string => `127.0.0.1:${peer.port}`;
const seed = Number(process.env.SEED ?? 7);

/** Every type as redis-dump 0.4 writes it, after its documentation; scores also as the texts of old versions. */
const gemFile = [
  '{"db":0,"key":"greeting","ttl":-1,"type":"string","value":"grüße\\n","size":6}',
  '{"db":0,"key":"queue","ttl":-1,"type":"list","value":["a","b","a"],"size":3}',
  '{"db":0,"key":"tags","ttl":-1,"type":"set","value":["x","y"],"size":2}',
  '{"db":0,"key":"board","ttl":-1,"type":"zset","value":[["ann",1.5],["bob",100.0],["cy",1.0e+20]],"size":23}',
  '{"db":0,"key":"user","ttl":-1,"type":"hash","value":{"name":"Ann","age":"7"},"size":11}',
  '{"db":3,"key":"session","ttl":500,"type":"string","value":"1","size":1}',
];

describe('kvasir-dump and kvasir-load', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  it('carry every type between redis-server and Kvasir without a difference', async () => {
    const redis = await redisWithDebug();
    const kvasir = await kvasirWithDebug();
    const back = await redisWithDebug();
    try {
      await sendAll(redis.port, dataset({ seed, keys: 8, withFunctions: true }));
      const dump = await mustRun('kvasir-dump', ['-u', url(redis), '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(kvasir)], { input: dump.stdout });
      assert.equal(await digestOf(kvasir), await digestOf(redis), `seed ${seed}`);
      const again = await mustRun('kvasir-dump', ['-u', url(kvasir), '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(back), '--no-restore'], { input: again.stdout });
      assert.equal(await digestOf(back), await digestOf(redis), `seed ${seed}`);
      for (const database of [0, 3])
        assert.deepEqual(await detailsOf(back, database), await detailsOf(redis, database), `seed ${seed}`);
      assert.equal(await back.send('FUNCTION', 'LIST'), await redis.send('FUNCTION', 'LIST'));
    } finally {
      await Promise.all([redis.stop(), kvasir.stop(), back.stop()]);
    }
  });

  it('read RDB and append-only files without a server', async () => {
    const redis = await redisWithDebug({ args: ['--appendonly', 'yes'] });
    const target = await kvasirWithDebug();
    try {
      await sendAll(redis.port, dataset({ seed, keys: 8, withFunctions: false }));
      await redis.send('SAVE');
      const wanted = await digestOf(redis);
      const rdb = await mustRun('kvasir-dump', ['--rdb', join(redis.folder, 'dump.rdb'), '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(target)], { input: rdb.stdout });
      assert.equal(await digestOf(target), wanted);
      await target.send('FLUSHALL');
      const manifest = join(redis.folder, 'appendonlydir', 'appendonly.aof.manifest');
      const aof = await mustRun('kvasir-dump', ['--aof', manifest, '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(target)], { input: aof.stdout });
      assert.equal(await digestOf(target), wanted);
    } finally {
      await Promise.all([redis.stop(), target.stop()]);
    }
  });

  it('let an empty server run the commands of an append-only file, where that gives the same data', async () => {
    const source = await kvasirWithDebug(['--appendonly', 'yes', '--auto-aof-rewrite-percentage', '0']);
    const target = await kvasirWithDebug();
    try {
      const load = ['-u', url(target), '--aof'];
      const manifest = join(source.folder, 'appendonlydir', 'appendonly.aof.manifest');
      await sendAll(source.port, [
        ...Array.from({ length: 3000 }, (_, index) => ['SET', `key:${index}`, 'v'.repeat(index)]),
        ['SET', 'late', '1', 'PXAT', '9999999999999'],
      ]);
      // A base of these, and commands after it.
      await source.send('BGREWRITEAOF');
      await untilTrue(
        async () => /aof_rewrite_in_progress:0/.test(await source.send('INFO', 'persistence')),
        'the end of the rewrite',
      );
      await sendAll(source.port, [
        ['INCRBY', 'counter', '3'],
        ['SELECT', '3'],
        ['MULTI'],
        ['RPUSH', 'list', 'a', 'b'],
        ['LPOP', 'list'],
        ['ZADD', 'zset', '1.5', 'a'],
        ['HSET', 'hash', 'f', 'v'],
        ['EXEC'],
        ['SADD', 'set', 'a', 'b'],
      ]);
      await source.send('APPEND', 'key:1', 'w');
      const wanted = await digestOf(source);
      await mustRun('kvasir-load', [...load, manifest, '--stream']);
      assert.equal(await digestOf(target), wanted);

      const inUse = await runTool('kvasir-load', [...load, manifest, '--stream']);
      assert.equal(inUse.status, 1);
      assert.match(inUse.stderr, /has keys; --stream needs an empty server/);
      assert.equal(await digestOf(target), wanted);

      // Without --stream a server with keys gets the data, and an empty one the commands, where both come to the same.
      const commandsOf = async (...words: string[]): Promise<number> => {
        const { stdout } = await mustRun('kvasir-load', [...load, ...words, '--json']);
        return (JSON.parse(stdout.toString()) as { commands: number }).commands;
      };
      await target.send('SET', 'key:1', 'another');
      assert.equal(await commandsOf(manifest), 0);
      assert.equal(await digestOf(target), wanted);
      await target.send('FLUSHALL');
      assert.ok((await commandsOf(manifest)) > 5);
      assert.equal(await digestOf(target), wanted);
      await target.send('FLUSHALL');
      assert.equal(await commandsOf(manifest, '--no-restore'), 0);
      assert.equal(await digestOf(target), wanted);

      await target.send('FLUSHALL');
      const torn = join(source.folder, 'torn.aof');
      const command = (...words: string[]): string =>
        `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
      writeFileSync(torn, command('SET', 'a', '1') + command('MULTI') + command('SET', 'a', '2') + '*3\r\n$3\r\nSE');
      const cut = await mustRun('kvasir-load', [...load, torn, '--stream']);
      assert.match(cut.stderr, /ends inside a command or transaction; what came before was taken/);
      assert.equal(await target.send('GET', 'a'), '1');

      // It has expired, and a later command made it persist: a server that loads the file has it.
      await target.send('FLUSHALL');
      const old = join(source.folder, 'old.aof');
      writeFileSync(old, command('SET', 'a', '1', 'PXAT', '1000') + command('PERSIST', 'a'));
      const flushing = join(source.folder, 'flushing.aof');
      writeFileSync(flushing, command('SET', 'a', '1') + command('FLUSHDB') + command('SET', 'b', '2'));
      assert.equal(await commandsOf(flushing), 0);
      assert.equal(await target.send('GET', 'b'), '2');
      await target.send('FLUSHALL');
      const refused = await runTool('kvasir-load', [...load, old, '--stream']);
      assert.equal(refused.status, 1);
      assert.match(
        refused.stderr,
        /command at offset 0 that may mean something else now \(SET\); load the file without --stream/,
      );
      const shown = await mustRun('kvasir-dump', ['--aof', old]);
      assert.match(shown.stdout.toString(), /"key":"a","ttl":-1,/);
      await mustRun('kvasir-load', [...load, old]);
      assert.equal(await target.send('GET', 'a'), '1');
    } finally {
      await Promise.all([source.stop(), target.stop()]);
    }
  });

  it('take and write the files of the Ruby gem', async () => {
    const kvasir = await kvasirWithDebug();
    try {
      // Records need no line between them, and one of another database than -d is passed over.
      await mustRun('kvasir-load', ['-u', url(kvasir)], { input: gemFile.join('') });
      assert.equal(await kvasir.send('--raw', 'GET', 'greeting'), 'grüße\n');
      assert.equal(await kvasir.send('LRANGE', 'queue', '0', '-1'), 'a\nb\na');
      assert.equal(await kvasir.send('ZRANGE', 'board', '0', '-1', 'WITHSCORES'), 'ann\n1.5\nbob\n100\ncy\n1e+20');
      assert.equal(await kvasir.send('HGET', 'user', 'age'), '7');
      assert.match(await kvasir.send('-n', '3', 'TTL', 'session'), /^(500|4\d\d)$/);
      const dump = await mustRun('kvasir-dump', ['-u', url(kvasir), '-d', '0']);
      assert.deepEqual(dump.stdout.toString().trimEnd().split('\n').sort(), gemFile.slice(0, 5).sort());
      const some = await mustRun('kvasir-dump', ['-u', url(kvasir), '-d', '0', '-f', 'use', '-O', '-c', '1']);
      assert.equal(some.stdout.toString(), `${gemFile[4]!}\n`);
      // As the gem does, a list is appended to and not replaced.
      await mustRun('kvasir-load', ['-u', url(kvasir), '-d', '0'], { input: `${gemFile[1]!}\n` });
      assert.equal(await kvasir.send('LLEN', 'queue'), '6');
      await mustRun('kvasir-load', ['-u', url(kvasir), '-d', '4'], { input: gemFile[1]! });
      assert.equal(await kvasir.send('LLEN', 'queue'), '6');
      const old = '{"db":0,"key":"board","ttl":-1,"type":"zset","value":[["dan","3"]],"size":4}';
      await mustRun('kvasir-load', [], { input: old, env: { REDIS_URI: url(kvasir) } });
      assert.equal(await kvasir.send('ZSCORE', 'board', 'dan'), '3');
    } finally {
      await kvasir.stop();
    }
  });

  it('write string values of any bytes as base64, and say which keys the old format cannot hold', async () => {
    const kvasir = await kvasirWithDebug();
    try {
      const bytes = Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 7) & 255));
      await sendAll(kvasir.port, [
        ['SET', 'raw', bytes],
        ['XADD', 's', '1-1', 'a', 'b'],
        ['SADD', 'bad', bytes],
      ]);
      const plain = await runTool('kvasir-dump', ['-u', url(kvasir)]);
      assert.equal(plain.status, 1);
      assert.match(plain.stderr, /key 'raw' of database 0: the value .* is no UTF-8/);
      assert.match(plain.stderr, /key 's' of database 0: the format has no streams/);
      const dump = await runTool('kvasir-dump', ['-u', url(kvasir), '-b', '--match', 'raw']);
      assert.equal(dump.status, 0, dump.stderr);
      const { value } = JSON.parse(dump.stdout.toString()) as { value: string };
      assert.match(value, /^[A-Za-z0-9+/]{60}\n/);
      await kvasir.send('DEL', 'raw');
      await mustRun('kvasir-load', ['-u', url(kvasir), '-b'], { input: dump.stdout });
      assert.equal(await kvasir.send('--raw', 'BITCOUNT', 'raw'), String(bitsOf(bytes)));
    } finally {
      await kvasir.stop();
    }
  });

  it('pass collections that are bigger than a part through every way', async () => {
    const redis = await redisWithDebug();
    const kvasir = await kvasirWithDebug();
    try {
      const long = 'x'.repeat(90);
      const fill = (command: string, count: number, words: (n: number) => string[]): string[][] =>
        Array.from({ length: count / 1000 }, (_, group) => [
          command,
          command,
          ...Array.from({ length: 1000 }, (_unused, n) => words(group * 1000 + n)).flat(),
        ]);
      await redis.send('CONFIG', 'SET', 'rdbcompression', 'no');
      await sendAll(redis.port, [
        ...fill('RPUSH', 101_000, (n) => [`${long}${n}`]),
        ...fill('SADD', 50_000, (n) => [`${long}${n}`]),
        ...fill('ZADD', 50_000, (n) => [String(n / 3), `${long}${n}`]),
        ...fill('HSET', 50_000, (n) => [`field:${n}`, `${long}${n}`]),
        ['EXPIRE', 'HSET', '100000'],
      ]);
      const wanted = await digestOf(redis);
      await redis.send('SAVE');
      const rdb = ['--rdb', join(redis.folder, 'dump.rdb')];
      for (const words of [['-u', url(redis), '--format', 'kvasir'], [...rdb, '--format', 'kvasir'], rdb]) {
        const dump = await mustRun('kvasir-dump', words);
        if (words.includes('kvasir')) assert.match(dump.stdout.toString(), /"part":"more"/);
        await kvasir.send('FLUSHALL');
        await mustRun('kvasir-load', ['-u', url(kvasir)], { input: dump.stdout });
        assert.equal(await digestOf(kvasir), wanted);
      }
      // Without compression a part is too much for the memory of the sink, which keeps the value in a file.
      const folder = join(redis.folder, 'converted');
      mkdirSync(folder);
      const nine = join(folder, 'nine.rdb');
      await mustRun('kvasir-rdb', ['convert', rdb[1]!, '--to', '9', '--no-compression', '-o', nine]);
      assert.deepEqual(readdirSync(folder), ['nine.rdb']);
      await kvasir.send('FLUSHALL');
      await mustRun('kvasir-load', ['-u', url(kvasir), '--rdb', nine]);
      assert.equal(await digestOf(kvasir), wanted);
    } finally {
      await Promise.all([redis.stop(), kvasir.stop()]);
    }
  });

  it('go on after a kill where they were', async () => {
    await withFolder(async (folder) => {
      const kvasir = await kvasirWithDebug();
      const other = await kvasirWithDebug();
      try {
        await kvasir.send('DEBUG', 'POPULATE', '20000', 'key', '200');
        for (let n = 0; n < 20; n++) await kvasir.send('RPUSH', 'list', String(n));
        const file = join(folder, 'dump.json');
        const dumpWords = ['-u', url(kvasir), '-c', '500', '--format', 'kvasir', '-o', file];
        await runTool('kvasir-dump', [...dumpWords, '-s', '0.3'], { onStart: killWhenThere(`${file}.position`) });
        assert.ok(!existsSync(file), 'a file that is not whole has not its name');
        await mustRun('kvasir-dump', [...dumpWords, '--resume']);
        const position = join(folder, 'load.position');
        const loadWords = ['-u', url(other), '--position', position, file];
        await runTool('kvasir-load', [...loadWords, '--limit-keys', '3000'], { onStart: killWhenThere(position) });
        assert.notEqual(await other.send('DBSIZE'), '20001');
        const offset = (JSON.parse(readFileSync(position, 'utf8')) as { offset: number }).offset;
        assert.ok(offset > 0);
        const ran = await mustRun('kvasir-load', [...loadWords, '--json']);
        assert.ok((JSON.parse(ran.stdout.toString()) as { keys: number }).keys < 20_001);
        assert.equal(await digestOf(other), await digestOf(kvasir));
      } finally {
        await Promise.all([kvasir.stop(), other.stop()]);
      }
    });
  });

  it('load streams without entries beside others', async () => {
    const redis = await redisWithDebug();
    const kvasir = await kvasirWithDebug();
    try {
      for (let index = 0; index < 8; index++) {
        await redis.send('XADD', `s${index}`, '1-1', 'a', 'b');
        if (index < 4) await redis.send('XTRIM', `s${index}`, 'MAXLEN', '0');
      }
      await redis.send('SAVE');
      await mustRun('kvasir-load', ['-u', url(kvasir), '--rdb', join(redis.folder, 'dump.rdb')]);
      assert.equal(await digestOf(kvasir), await digestOf(redis));
      assert.equal(await kvasir.send('XLEN', 's0'), '0');
    } finally {
      await Promise.all([redis.stop(), kvasir.stop()]);
    }
  });

  it('work with a cluster', async () => {
    const nodes = await startCluster();
    const kvasir = await kvasirWithDebug();
    const back = await kvasirWithDebug();
    try {
      await kvasir.send('DEBUG', 'POPULATE', '3000', 'key', '50');
      await kvasir.send('XADD', 's', '1-1', 'a', 'b');
      const dump = await mustRun('kvasir-dump', ['-u', url(kvasir), '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(nodes[0]!)], { input: dump.stdout });
      const sizes = await Promise.all(nodes.map((node) => node.send('DBSIZE')));
      assert.equal(
        sizes.reduce((sum, size) => sum + Number(size), 0),
        3001,
      );
      const again = await mustRun('kvasir-dump', ['-u', url(nodes[1]!), '--format', 'kvasir']);
      await mustRun('kvasir-load', ['-u', url(back)], { input: again.stdout });
      assert.equal(await digestOf(back), await digestOf(kvasir));
    } finally {
      await Promise.all([...nodes, kvasir, back].map((node) => node.stop()));
    }
  });

  it('load through twemproxy', { skip: peerMissing('nutcracker') }, async () => {
    await withFolder(async (folder) => {
      const redis = await startRedis();
      const port = await findFreePort();
      writeFileSync(
        join(folder, 'nutcracker.yml'),
        `alpha:\n  listen: 127.0.0.1:${port}\n  hash: fnv1a_64\n  distribution: ketama\n  redis: true\n  servers:\n   - ${url(redis)}:1\n`,
      );
      const stats = await findFreePort();
      const proxy = spawn('nutcracker', ['-c', join(folder, 'nutcracker.yml'), '-s', String(stats)], {
        stdio: 'ignore',
      });
      try {
        let ran = await runTool('kvasir-load', ['-u', `127.0.0.1:${port}`, '-d', '0'], { input: gemFile.join('\n') });
        for (let tries = 0; ran.status !== 0 && tries < 50; tries++)
          ran = await runTool('kvasir-load', ['-u', `127.0.0.1:${port}`, '-d', '0'], { input: gemFile.join('\n') });
        assert.equal(ran.status, 0, ran.stderr);
        assert.equal(await redis.send('LRANGE', 'queue', '0', '-1'), 'a\nb\na');
        assert.equal(await redis.send('ZSCORE', 'board', 'bob'), '100');
      } finally {
        proxy.kill('SIGKILL');
        await redis.stop();
      }
    });
  });

  it('load through the proxy of a codis, into the databases of the records', async (t) => {
    await withFolder(async (folder) => {
      const servers = [await kvasirWithDebug(), await kvasirWithDebug()];
      for (const server of servers) t.after(() => server.stop());
      const [port, adminPort] = [await findFreePort(), await findFreePort()];
      const config = join(folder, 'proxy.toml');
      writeFileSync(
        config,
        `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
      );
      const proxy = await startPart(['proxy', `--config=${config}`], adminPort, '/proxy/model');
      t.after(() => proxy.kill());
      const model = (await askHttp(adminPort, 'GET', '/api/proxy/model')).body as { token: string };
      const xauth = xauthOf('shop', '', model.token);
      const slots = Array.from({ length: 1024 }, (_, id) => ({ id, backend_addr: url(servers[id % 2]!) }));
      await askHttp(adminPort, 'PUT', `/api/proxy/fillslots/${xauth}`, slots);
      await askHttp(adminPort, 'PUT', `/api/proxy/start/${xauth}`);
      await mustRun('kvasir-load', ['-u', `127.0.0.1:${port}`], { input: gemFile.join('\n') });
      const found = await Promise.all(servers.map((server) => server.send('-n', '3', 'TTL', 'session')));
      assert.deepEqual(found.map((ttl) => (Number(ttl) > 400 ? 'there' : ttl)).sort(), ['-2', 'there']);
      const sizes = await Promise.all(servers.map((server) => server.send('DBSIZE')));
      assert.equal(Number(sizes[0]) + Number(sizes[1]), 5);
    });
  });

  it('say what is wrong with input, and go on', async () => {
    const kvasir = await kvasirWithDebug();
    try {
      const input = `{"db":0,"key":"a","ttl":-1,"type":"string","value":"1","size":1}
{"db":0,"key":"b","ttl":-1,"type":"tree","value":"1","size":1}
{"db":0,"key":"c","ttl":-1,"type":"list","value":{"x":1},"size":1}
{"db":0,"key":"d" ttl}
{"db":0,"key":"e","ttl":-5,"type":"string","value":"1","size":1}
`;
      const ran = await runTool('kvasir-load', ['-u', url(kvasir)], { input });
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, /^#<\d+\.\d{4}>: \(key: b\) Unknown type: tree$/m);
      assert.match(ran.stderr, /\(key: c\) the value of a list must be an array/);
      assert.equal(await kvasir.send('DBSIZE'), '2');
      assert.equal(await kvasir.send('TTL', 'e'), '-1');
      const cut = await runTool('kvasir-load', ['-u', url(kvasir)], { input: input.slice(0, 90) });
      assert.match(cut.stderr, /the input ends inside a record/);
      assert.equal(cut.status, 1);
      const lost = await runTool('kvasir-dump', ['-u', '127.0.0.1:1']);
      assert.match(lost.stderr, /cannot connect to 127.0.0.1:1/);
      assert.equal(lost.status, 1);
      assert.equal((await runTool('kvasir-dump', ['--formt', 'x'])).status, 2);
    } finally {
      await kvasir.stop();
    }
  });
});

function bitsOf(bytes: Buffer): number {
  let bits = 0;
  for (const byte of bytes) for (let rest = byte; rest > 0; rest >>= 1) bits += rest & 1;
  return bits;
}

/** Kills the process once a file is there. */
export function killWhenThere(path: string): (child: { kill(signal: 'SIGKILL'): boolean }) => void {
  return (child) => {
    const timer = setInterval(() => {
      if (!existsSync(path)) return;
      clearInterval(timer);
      child.kill('SIGKILL');
    }, 5);
    timer.unref();
  };
}

async function startCluster(): Promise<RedisPeer[]> {
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis({ args: ['--cluster-enabled', 'yes'] })));
  const ranges = ['0 5460', '5461 10922', '10923 16383'];
  for (const [index, node] of nodes.entries()) {
    await node.send('CLUSTER', 'ADDSLOTSRANGE', ...ranges[index]!.split(' '));
    await node.send('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
    await nodes[0]!.send('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  }
  for (const node of nodes)
    while (
      !/cluster_state:ok/.test(await node.send('CLUSTER', 'INFO')) ||
      (await node.send('CLUSTER', 'NODES')).split('\n').filter((line) => / connected \d/.test(line)).length < 3
    )
      await new Promise((resolve) => setTimeout(resolve, 50));
  return nodes;
}
