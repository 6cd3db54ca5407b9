// What INFO, LATENCY and MEMORY STATS tell of a running server, against what was done to it.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { binLabel } from '../../src/server/key-sizes.js';

describe('INFO', () => {
  let server: EmbeddedServer;
  let client: Redis;

  before(async () => {
    server = await startServer();
    client = new Redis(server.port, server.host);
  });

  after(async () => {
    client.disconnect();
    await server.close();
  });

  beforeEach(async () => {
    await client.flushall();
    await waitFor(async () => (await field('memory', 'lazyfree_pending_objects')) === 0);
    await client.config('RESETSTAT');
  });

  async function fields(section: string): Promise<Map<string, string>> {
    const text = await client.info(section);
    return new Map(
      text
        .split('\r\n')
        .filter((line) => line.includes(':'))
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
    );
  }

  async function field(section: string, name: string): Promise<number> {
    return Number((await fields(section)).get(name));
  }

  it('counts anew for each INFO of a pipeline', async () => {
    const [before, , after] = (await client
      .pipeline()
      .info('memory')
      .set('big', 'x'.repeat(20_000))
      .info('memory')
      .exec())!;
    const used = (reply: unknown): number => Number(/used_memory:(\d+)/.exec(String(reply))![1]);
    assert.ok(used(after![1]) - used(before![1]) >= 20_000);
  });

  async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
    while (!(await isTrue())) await client.ping();
  }

  it('keysizes counts strings by length and collections by elements, in powers of two', async () => {
    await client.mset('empty', '', 'one', '1', 'two', '12', 'three', '123', 'kilo', 'x'.repeat(2047));
    await client.rpush('list', ...'abcde');
    await client.sadd('set', 'a');
    await client.zadd('zset', 1, 'a', 2, 'b');
    await client.hset('hash', Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, 'v'])));
    await client.xadd('stream', '*', 'f', 'v');
    await client.select(3);
    await client.rpush('list', 'a');
    await client.select(0);
    assert.deepEqual(Object.fromEntries(await fields('keysizes')), {
      db0_distrib_strings_sizes: '0=1,1=1,2=2,1K=1',
      db0_distrib_lists_items: '4=1',
      db0_distrib_sets_items: '1=1',
      db0_distrib_zsets_items: '2=1',
      db0_distrib_hashes_items: '512=1',
      db3_distrib_lists_items: '1=1',
    });
    assert.deepEqual([0, 1, 10, 11, 20, 21, 31].map(binLabel), ['0', '1', '512', '1K', '512K', '1M', '1G']);
  });

  it('keysizes of many keys come from a sample, scaled to all', async () => {
    const pipeline = client.pipeline();
    for (let index = 0; index < 30_000; index++) pipeline.set(`key:${index}`, 'x'.repeat(index % 3 === 0 ? 4 : 16));
    await pipeline.exec();
    const found = await fields('keysizes');
    assert.ok(Number(found.get('db0_distrib_sampled_keys')) >= 2048);
    const [, short, long] = /^4=(\d+),16=(\d+)$/.exec(found.get('db0_distrib_strings_sizes')!)!.map(Number);
    assert.ok(Math.abs(short! - 10_000) < 1500, `${short} of 10000`);
    assert.ok(Math.abs(short! + long! - 30_000) <= 1);
  });

  it('keyspace gives the mean of the times that are left', async () => {
    await client.set('stays', 'x');
    for (let index = 0; index < 100; index++) await client.set(`k${index}`, 'x', 'PX', (index + 1) * 1_000_000);
    const line = (await fields('keyspace')).get('db0')!;
    const [, mean] = /^keys=101,expires=100,avg_ttl=(\d+),subexpiry=0$/.exec(line)!;
    assert.ok(Math.abs(Number(mean) - 50_500_000) < 100_000, mean);
    await client.select(1);
    await client.set('k', 'x');
    assert.equal((await fields('keyspace')).get('db1'), 'keys=1,expires=0,avg_ttl=0,subexpiry=0');
    await client.select(0);
  });

  it('memory counts what was freed little by little', async () => {
    await client.sadd('big', ...Array.from({ length: 5000 }, (_, index) => `member ${index}`));
    await client.unlink('big');
    await waitFor(async () => (await field('memory', 'lazyfree_pending_objects')) === 0);
    assert.equal(await field('memory', 'lazyfreed_objects'), 1);
    await client.mset('a', '1', 'b', '2', 'c', '3');
    await client.flushall('ASYNC');
    await waitFor(async () => (await field('memory', 'lazyfree_pending_objects')) === 0);
    assert.equal(await field('memory', 'lazyfreed_objects'), 4);
  });

  it('memory and MEMORY STATS count the same things once', async () => {
    await client.mset(
      Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key:${index}`, 'x'.repeat(100)])),
    );
    const [text, reply] = (await client.pipeline().info('memory').call('MEMORY', 'STATS').exec())!.map(
      ([, each]) => each,
    );
    const info = (name: string): number => Number(new RegExp(`^${name}:(.*)\r$`, 'm').exec(String(text))![1]);
    const stats = reply as (string | number)[];
    const stat = (name: string): number => Number(stats[stats.indexOf(name) + 1]);
    for (const [field, name] of [
      ['used_memory_startup', 'startup.allocated'],
      ['mem_clients_slaves', 'clients.slaves'],
      ['mem_replication_backlog', 'replication.backlog'],
      ['mem_cluster_links', 'cluster.links'],
      ['allocator_allocated', 'allocator.allocated'],
      ['allocator_active', 'allocator.active'],
    ] as const)
      assert.equal(info(field), stat(name), `${field} and ${name}`);
    // The reply to INFO, which waits to be sent, is memory of the client.
    const slackBytes = 100_000;
    for (const [field, name] of [
      ['used_memory', 'total.allocated'],
      ['used_memory_peak', 'peak.allocated'],
      ['used_memory_overhead', 'overhead.total'],
      ['used_memory_dataset', 'dataset.bytes'],
      ['mem_clients_normal', 'clients.normal'],
    ] as const)
      assert.ok(Math.abs(info(field) - stat(name)) < slackBytes, `${field} ${info(field)}, ${name} ${stat(name)}`);
    assert.equal(stat('keys.count'), 1000);
    assert.ok(stat('dataset.bytes') >= 100_000);
    assert.equal(stat('total.allocated'), stat('overhead.total') + stat('dataset.bytes'));
  });

  it('errorstats knows errors of clients that waited, of EXEC and of scripts, and gives up on endless new codes', async () => {
    const waiter = new Redis(server.port, server.host);
    const id = await waiter.client('ID');
    const popped = waiter.blpop('none', 0);
    popped.catch(() => undefined);
    await waitFor(async () => (await field('clients', 'blocked_clients')) === 1);
    await client.client('UNBLOCK', id, 'ERROR');
    await assert.rejects(popped, /^ReplyError: UNBLOCKED/);
    waiter.disconnect();
    await assert.rejects(client.call('EXEC'), /EXEC without MULTI/);
    await assert.rejects(client.eval("return redis.error_reply('MINE of a script')", 0));
    const errors = await fields('errorstats');
    assert.deepEqual(
      ['UNBLOCKED', 'ERR', 'MINE'].map((code) => errors.get(`errorstat_${code}`)),
      ['count=1', 'count=1', 'count=1'],
    );
    const commands = await fields('commandstats');
    assert.match(commands.get('cmdstat_blpop')!, /^calls=1,.*failed_calls=1$/);
    assert.match(commands.get('cmdstat_exec')!, /failed_calls=1$/);
    assert.match(commands.get('cmdstat_eval')!, /failed_calls=1$/);
    for (let index = 0; index < 150; index++)
      await client.eval('return redis.error_reply(ARGV[1])', 0, `CODE${index} x`).catch(() => undefined);
    assert.deepEqual(Object.fromEntries(await fields('errorstats')), { errorstat_ERRORSTATS_DISABLED: 'count=1' });
    assert.equal(await field('stats', 'total_error_replies'), 153);
  });

  it('commands that a script may not call count as refused; CONFIG RESETSTAT forgets the scripts that went', async () => {
    await client.config('RESETSTAT');
    await assert.rejects(client.eval("return redis.call('subscribe', 'c')", 0), /not allowed/);
    await assert.rejects(client.eval("return redis.pcall('set', 'k')", 0), /Wrong number of args/);
    await client.call('EVAL_RO', "redis.pcall('set', 'k', 'v') redis.pcall('nosuch')", 0);
    const commands = await fields('commandstats');
    assert.match(commands.get('cmdstat_set')!, /^calls=0,usec=0,.*rejected_calls=2,failed_calls=0$/);
    assert.match(commands.get('cmdstat_subscribe')!, /rejected_calls=1,failed_calls=0$/);
    assert.match(commands.get('cmdstat_eval')!, /^calls=2,.*failed_calls=2$/);
    assert.match(commands.get('cmdstat_eval_ro')!, /^calls=1,.*failed_calls=0$/);
    assert.equal(await field('stats', 'total_error_replies'), 4);
    for (let index = 0; index < 520; index++) await client.eval(`return ${index}`, 0);
    assert.ok((await field('stats', 'evicted_scripts')) >= 20);
    await client.config('RESETSTAT');
    assert.equal(await field('stats', 'evicted_scripts'), 0);
  });

  it('counts hits and misses of OBJECT, clients that wait for a limited time, and keeps refusals of ACL through CONFIG RESETSTAT', async () => {
    await client.set('o', '1');
    await client.config('RESETSTAT');
    await client.object('ENCODING', 'o');
    await client.object('ENCODING', 'nosuch');
    assert.deepEqual([await field('stats', 'keyspace_hits'), await field('stats', 'keyspace_misses')], [1, 1]);
    const waiters = [new Redis(server.port, server.host), new Redis(server.port, server.host)];
    waiters.forEach((waiter, index) => void waiter.blpop('nosuch', index * 1000).catch(() => undefined));
    await waitFor(async () => (await field('clients', 'blocked_clients')) === 2);
    assert.equal(await field('clients', 'clients_in_timeout_table'), 1);
    for (const waiter of waiters) waiter.disconnect();
    const failures = await field('stats', 'acl_access_denied_auth');
    await assert.rejects(client.call('AUTH', 'nobody', 'x'));
    await client.config('RESETSTAT');
    assert.equal(await field('stats', 'acl_access_denied_auth'), failures + 1);
  });

  it('a waiting command that is refused in the end did not run', async () => {
    await client.call('ACL', 'SETUSER', 'popper', 'on', 'nopass', '+@all', '~*');
    const waiter = new Redis({ port: server.port, host: server.host, username: 'popper', password: 'x' });
    const popped = waiter.blpop('q', 0);
    popped.catch(() => undefined);
    await waitFor(async () => (await field('clients', 'blocked_clients')) === 1);
    await client.call('ACL', 'SETUSER', 'popper', '-blpop');
    await client.rpush('q', 'x');
    await assert.rejects(popped, /NOPERM/);
    waiter.disconnect();
    assert.match(
      (await fields('commandstats')).get('cmdstat_blpop')!,
      /^calls=0,usec=0,.*rejected_calls=1,failed_calls=0$/,
    );
    await client.call('ACL', 'DELUSER', 'popper');
  });

  it('stats tells of the event loop, and debug only to those who ask for it by name', async () => {
    const before = await fields('stats');
    await waitFor(async () => (await field('stats', 'eventloop_cycles')) > Number(before.get('eventloop_cycles')));
    const later = await fields('stats');
    assert.ok(Number(later.get('eventloop_duration_sum')) > Number(before.get('eventloop_duration_sum')));
    assert.ok(Number(later.get('eventloop_duration_cmd_sum')) > 0);
    const debug = await fields('debug');
    assert.deepEqual(
      [...debug.keys()],
      [
        'eventloop_duration_aof_sum',
        'eventloop_duration_cron_sum',
        'eventloop_duration_max',
        'eventloop_cmd_per_cycle_max',
      ],
    );
    assert.ok(Number(debug.get('eventloop_cmd_per_cycle_max')) > 0);
    for (const section of ['everything', 'all', 'default'])
      assert.ok(!(await fields(section)).has('eventloop_duration_aof_sum'), section);
  });

  it('counts what came and went over connections that are open and that are gone, from CONFIG RESETSTAT on', async () => {
    const names = [
      'total_reads_processed',
      'total_writes_processed',
      'total_net_input_bytes',
      'total_net_output_bytes',
    ];
    const counts = async (): Promise<number[]> => Promise.all(names.map((name) => field('stats', name)));
    await client.set('k', 'x'.repeat(100_000));
    await client.get('k');
    for (const count of await counts()) assert.ok(count > 0);
    await client.config('RESETSTAT');
    for (const count of await counts()) assert.ok(count >= 0 && count < 50_000, String(count));
    const [reads, writes] = await counts();
    const other = new Redis(server.port, server.host);
    await other.ping();
    other.disconnect();
    await waitFor(async () => (await field('clients', 'connected_clients')) === 1);
    const [readsAfter, writesAfter] = await counts();
    assert.ok(readsAfter! > reads! && writesAfter! > writes!);
  });

  it('bytes of connections that are open show in the rates', async () => {
    await waitFor(async () => {
      await client.set('k', 'x'.repeat(100_000));
      return (await field('stats', 'instantaneous_input_kbps')) > 0;
    });
    // In one turn, so that no sample comes between.
    const [, [, stats]] = (await client.multi().config('RESETSTAT').info('stats').exec()) as unknown as [
      unknown,
      [null, string],
    ];
    assert.match(stats, /instantaneous_ops_per_sec:0\r\n[^]*instantaneous_input_kbps:0.00\r\n/);
  });
});

describe('client-output-buffer-limit of ordinary clients', () => {
  let server: EmbeddedServer;
  before(
    async () => void (server = await startServer({ 'client-output-buffer-limit': ['normal', '100kb', '0', '0'] })),
  );
  after(() => server.close());

  /** Runs commands of a client that is cut off; what it was answered before that. */
  async function answersTo(commands: readonly (readonly string[])[]): Promise<string[]> {
    const client = new Redis({ port: server.port, host: server.host, retryStrategy: () => null, lazyConnect: true });
    client.on('error', () => undefined);
    await client.connect();
    // In one packet: a reply that left before the server saw the next command would not wait beside that one's.
    client.stream.cork();
    const calls = commands.map(([name, ...args]) => client.call(name!, ...args));
    client.stream.uncork();
    const settled = await Promise.allSettled(calls);
    client.disconnect();
    return settled.map((result) => (result.status === 'fulfilled' ? String(result.value).slice(0, 20) : 'cut off'));
  }

  it('a reply that is too large is not given: the client is cut off', async () => {
    assert.deepEqual(await answersTo([['SET', 'k', 'x'.repeat(90_000)]]), ['OK']);
    assert.deepEqual(await answersTo([['GET', 'k']]), ['x'.repeat(20)]);
    assert.deepEqual(
      await answersTo([
        ['SET', 'small', '1'],
        ['GET', 'k'],
        ['GET', 'k'],
        ['GET', 'small'],
      ]),
      ['cut off', 'cut off', 'cut off', 'cut off'],
    );
    assert.deepEqual(await answersTo([['GET', 'small']]), ['1']);
  });

  it('what only reads stops midway; a transaction runs to its end', async () => {
    await answersTo([
      ['HSET', 'h', 'field', 'value'],
      ['RPUSH', 'l', ...Array.from({ length: 200 }, () => 'x'.repeat(1000))],
    ]);
    assert.deepEqual(await answersTo([['HRANDFIELD', 'h', '-2000000000']]), ['cut off']);
    assert.deepEqual(
      await answersTo([['MULTI'], ['SET', 'before', '1'], ['LRANGE', 'l', '0', '-1'], ['SET', 'after', '1'], ['EXEC']]),
      Array<string>(5).fill('cut off'),
    );
    assert.deepEqual(await answersTo([['MGET', 'before', 'after']]), ['1,1']);
  });

  it('says how many were cut off', async () => {
    const client = new Redis(server.port, server.host);
    assert.match(await client.info('stats'), /client_output_buffer_limit_disconnections:3\r/);
    client.disconnect();
  });
});
