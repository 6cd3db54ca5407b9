// The monitor against scripted servers on a simulated clock and disk: figures, events, failures, strangers.
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { SimulatedFiles } from '../../src/io/files-simulated.js';
import { VirtualClock } from '../../src/io/virtual-clock.js';
import { FleetMetrics } from '../../src/monitor/fleet-metrics.js';
import { Monitor } from '../../src/monitor/monitor.js';
import { until } from '../sentinel/fleet.js';
import { parseExposition, valueOf } from './exposition-parser.js';
import { bulk, type Script, ScriptedServer } from './scripted-server.js';

const START_MS = Date.UTC(2026, 0, 1);
const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));

type Fields = Record<string, string | number>;

const base: Fields = {
  '# Server': '',
  redis_version: '7.0.15',
  redis_mode: 'standalone',
  run_id: 'a'.repeat(40),
  uptime_in_seconds: 1000,
  '# Clients': '',
  connected_clients: 3,
  '# Memory': '',
  used_memory: 500,
  maxmemory: 1000,
  '# Persistence': '',
  loading: 0,
  rdb_bgsave_in_progress: 0,
  rdb_last_save_time: START_MS / 1000 - 60,
  rdb_last_bgsave_status: 'ok',
  aof_rewrite_in_progress: 0,
  aof_last_bgrewrite_status: 'ok',
  aof_last_write_status: 'ok',
  '# Stats': '',
  total_commands_processed: 0,
  keyspace_hits: 0,
  keyspace_misses: 0,
  rejected_connections: 0,
  '# Replication': '',
  role: 'master',
  master_repl_offset: 100,
  slave0: 'ip=10.0.0.2,port=6380,state=online,offset=60,lag=2',
  '# CPU': '',
  used_cpu_sys: '1.000000',
  used_cpu_user: '2.000000',
  '# Commandstats': '',
  cmdstat_get: 'calls=0,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0',
  '# Latencystats': '',
  latency_percentiles_usec_get: 'p50=1.003,p99=9.023,p99.9=27.007',
  '# Cluster': '',
  cluster_enabled: 0,
  '# Keyspace': '',
  db0: 'keys=10,expires=4,avg_ttl=0',
  db3: 'keys=5,expires=0,avg_ttl=0',
};

function infoText(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => (name.startsWith('# ') ? `\r\n${name}\r\n` : `${name}:${value}\r\n`))
    .join('');
}

/** A server whose INFO a test changes; further commands have the replies that it sets. */
class Stage {
  fields: Fields = { ...base };
  readonly replies = new Map<string, string | Buffer>();
  readonly clock = new VirtualClock({ now: START_MS, frozen: true });
  readonly log: string[] = [];
  server!: ScriptedServer;
  monitor: Monitor;

  private constructor(readonly files = new SimulatedFiles()) {
    this.monitor = this.make();
  }

  make(): Monitor {
    return new Monitor({
      environment: { clock: this.clock, files: this.files },
      folder: '/monitor',
      log: (text) => this.log.push(text),
    });
  }

  static async set(t: TestContext): Promise<Stage> {
    const stage = new Stage();
    stage.server = await ScriptedServer.start(stage.answer);
    t.after(() => stage.server.stop());
    t.after(() => stage.monitor.stop());
    stage.monitor.addTarget({ id: 'a', name: 'cache', connect: stage.server.connect });
    return stage;
  }

  readonly answer: Script = (words, socket) => {
    const reply = this.replies.get(words.slice(0, 2).join(' ')) ?? this.replies.get(words[0]!);
    if (reply !== undefined) socket.write(reply);
    else if (words[0] === 'INFO') socket.write(bulk(infoText(this.fields)));
    else socket.write('-ERR unknown command\r\n');
  };

  /** Two seconds later, with other fields. */
  async next(fields: Fields = {}): Promise<ReadonlyMap<string, number>> {
    Object.assign(this.fields, fields);
    this.clock.advance(2000);
    await this.monitor.tick();
    return this.monitor.status('a')!.values;
  }

  /** Kinds of the events so far. */
  kinds(): string[] {
    return this.monitor.events('a', 0, Infinity).map(({ kind }) => kind);
  }
}

describe('a sample', () => {
  test('has figures of INFO as they are, and rates from the second on', async (t) => {
    const stage = await Stage.set(t);
    const first = await stage.next();
    assert.equal(first.get('up'), 1);
    assert.equal(first.get('memory_percent'), 50);
    assert.equal(first.get('clients'), 3);
    assert.equal(first.get('keys'), 15);
    assert.equal(first.get('keys_expiring'), 4);
    assert.equal(first.get('lag_seconds'), 2);
    assert.equal(first.get('lag_bytes'), 40);
    assert.equal(first.get('save_age'), 62);
    assert.equal(first.get('commands'), undefined);
    const second = await stage.next({
      total_commands_processed: 300,
      keyspace_hits: 30,
      keyspace_misses: 10,
      rejected_connections: 4,
      used_cpu_sys: '1.500000',
      used_cpu_user: '2.500000',
      cmdstat_get: 'calls=40,usec=200,usec_per_call=5.00,rejected_calls=0,failed_calls=0',
    });
    assert.equal(second.get('commands'), 150);
    assert.equal(second.get('hit_rate'), 75);
    assert.equal(second.get('rejected'), 2);
    assert.equal(second.get('cpu'), 50);
    assert.equal(second.get('command:get'), 20);
    assert.equal(second.get('command_us'), 5);
    assert.equal(second.get('p99_us'), 9.023);
    assert.equal(second.get('p99:get'), 9.023);
    // Nobody asks any more: there is no hit rate, and no percentile of commands that ran.
    const third = await stage.next();
    assert.equal(third.get('hit_rate'), undefined);
    assert.equal(third.get('p99_us'), undefined);
    assert.equal(third.get('command:get'), 0);
  });

  test('has each figure of memory, network, keys, replication, saves and the event loop', async (t) => {
    const stage = await Stage.set(t);
    Object.assign(stage.fields, {
      total_net_input_bytes: 0,
      total_net_output_bytes: 0,
      total_net_repl_output_bytes: 0,
      expired_keys: 0,
      evicted_keys: 0,
      total_error_replies: 0,
      total_connections_received: 0,
      sync_full: 0,
    });
    const first = await stage.next();
    assert.deepEqual([first.get('rdb_ok'), first.get('aof_ok'), first.get('master')], [1, 1, 1]);
    const second = await stage.next({
      used_memory_rss: 900,
      used_memory_peak: 600,
      mem_fragmentation_ratio: '1.80',
      blocked_clients: 2,
      pubsub_clients: 1,
      connected_slaves: 1,
      rdb_changes_since_last_save: 11,
      rdb_bgsave_in_progress: 1,
      aof_current_size: 4096,
      aof_last_write_status: 'err',
      rdb_last_bgsave_status: 'err',
      instantaneous_eventloop_duration_usec: 70,
      eventloop_pause_max_usec: 1500,
      total_net_input_bytes: 2000,
      total_net_output_bytes: 6000,
      total_net_repl_output_bytes: 400,
      expired_keys: 8,
      evicted_keys: 10,
      total_error_replies: 2,
      total_connections_received: 6,
      sync_full: 1,
      cmdstat_get: 'calls=4,usec=8,usec_per_call=2.00,rejected_calls=0,failed_calls=0',
      latency_percentiles_usec_get: 'p50=2.007,p99=11.007,p99.9=31.007',
    });
    for (const [name, value] of Object.entries({
      memory_rss: 900,
      memory_peak: 600,
      fragmentation: 1.8,
      clients_blocked: 2,
      clients_pubsub: 1,
      replicas: 1,
      changes: 11,
      saving: 1,
      aof_size: 4096,
      aof_ok: 0,
      rdb_ok: 0,
      loop_us: 70,
      loop_pause_us: 1500,
      net_in: 1000,
      net_out: 3000,
      repl_out: 200,
      expired: 4,
      evicted: 5,
      errors: 1,
      connections: 3,
      syncs_full: 0.5,
      'command:get': 2,
      'p99:get': 11.007,
      p50_us: 2.007,
      p99_us: 11.007,
      p999_us: 31.007,
    }))
      assert.equal(second.get(name), value, name);
    const replica = await stage.next({
      role: 'slave',
      master_host: '10.0.0.9',
      master_port: 6379,
      master_link_status: 'up',
      master_last_io_seconds_ago: 7,
      total_net_repl_input_bytes: 0,
    });
    assert.deepEqual([replica.get('master'), replica.get('link_up'), replica.get('lag_seconds')], [0, 1, 7]);
    const cut = await stage.next({ master_link_status: 'down', master_link_down_since_seconds: 40 });
    assert.deepEqual([cut.get('link_up'), cut.get('lag_seconds')], [0, 40]);
  });

  test('has no rate over a counter that was reset', async (t) => {
    const stage = await Stage.set(t);
    await stage.next({ total_commands_processed: 1000 });
    assert.equal((await stage.next({ total_commands_processed: 10 })).get('commands'), undefined);
    assert.equal((await stage.next({ total_commands_processed: 20 })).get('commands'), 5);
  });

  test('becomes a curve, and reaches whoever listens', async (t) => {
    const stage = await Stage.set(t);
    const heard: number[] = [];
    const end = stage.monitor.onSample(({ t: at, values }) => heard.push(at - START_MS, values.get('clients')!));
    await stage.next({ connected_clients: 5 });
    await stage.next({ connected_clients: 7 });
    end();
    await stage.next({ connected_clients: 9 });
    assert.deepEqual(heard, [2000, 5, 4000, 7]);
    const { t: times, v } = await stage.monitor.series('a', 'clients', START_MS, START_MS + 8000, 2000);
    assert.deepEqual(
      times.map((each) => each - START_MS),
      [0, 2000, 4000, 6000],
    );
    assert.deepEqual(v, [NaN, 5, 7, 9]);
    const figures = await stage.monitor.metrics('a');
    assert.equal(figures.find(({ name }) => name === 'memory_used')?.unit, 'bytes');
  });

  test('is taken at multiples of two seconds by itself once the monitor is started', async (t) => {
    const stage = await Stage.set(t);
    const heard: number[] = [];
    stage.monitor.onSample(({ t: at }) => heard.push(at - START_MS));
    stage.clock.advance(700);
    stage.monitor.start();
    for (const count of [1, 2, 3]) {
      stage.clock.advance(2000);
      await until('a sample comes', () => Promise.resolve(heard.length === count));
    }
    assert.deepEqual(heard, [2000, 4000, 6000]);
  });
});

describe('events', () => {
  test('tell what changed between two samples', async (t) => {
    const stage = await Stage.set(t);
    await stage.next();
    const steps: [Fields, string[]][] = [
      [{ connected_clients: 50 }, []],
      [{ rdb_bgsave_in_progress: 1 }, ['save-started']],
      [{ rdb_bgsave_in_progress: 0, rdb_last_save_time: START_MS / 1000 }, ['saved']],
      [{ rdb_last_bgsave_status: 'err' }, ['save-failed']],
      [{ aof_rewrite_in_progress: 1 }, ['rewrite-started']],
      [{ aof_rewrite_in_progress: 0 }, ['rewritten']],
      [{ aof_last_write_status: 'err' }, ['aof-failed']],
      [{ aof_last_write_status: 'ok' }, ['aof-recovered']],
      [{ role: 'slave', master_host: '10.0.0.9', master_port: 6379, master_link_status: 'up' }, ['demoted']],
      [{ master_link_status: 'down' }, ['link-down']],
      [{ master_link_status: 'up' }, ['link-up']],
      [{ master_host: '10.0.0.8' }, ['new-master']],
      [{ role: 'master' }, ['promoted']],
      [{ run_id: 'b'.repeat(40), uptime_in_seconds: 1, loading: 1 }, ['restart', 'loading']],
      [{ loading: 0 }, ['loaded']],
    ];
    const expected: string[] = [];
    for (const [fields, kinds] of steps) {
      await stage.next(fields);
      expected.push(...kinds);
      assert.deepEqual(
        stage.kinds().filter((kind) => kind !== 'alert'),
        expected,
        JSON.stringify(fields),
      );
    }
    const texts = stage.monitor.events('a', 0, Infinity).map(({ text }) => text);
    assert.ok(texts.includes('was a replica of 10.0.0.8:6379, is a master'), texts.join('\n'));
    assert.equal(stage.monitor.events(undefined, START_MS, START_MS + 4000).length, 0);
    // And they survive a kill.
    const again = stage.make();
    assert.deepEqual(
      again.events('a', 0, Infinity).map(({ text }) => text),
      texts,
    );
    await again.stop();
  });

  test('tell of changes of the configuration, without secrets', async (t) => {
    const stage = await Stage.set(t);
    const config = (maxmemory: string, password: string): string =>
      `*4\r\n$9\r\nmaxmemory\r\n${bulk(maxmemory).toString()}$11\r\nrequirepass\r\n${bulk(password).toString()}`;
    stage.replies.set('CONFIG GET', config('0', 'old-secret'));
    await stage.next();
    stage.replies.set('CONFIG GET', config('100mb', 'new-secret'));
    stage.clock.advance(60_000);
    await stage.next();
    const [event] = stage.monitor.events('a', 0, Infinity);
    assert.equal(event?.kind, 'config');
    assert.equal(event.text, 'maxmemory: "0" is now "100mb"; requirepass was changed');
  });

  test('tell of slots that moved, and of the state of the cluster', async (t) => {
    const stage = await Stage.set(t);
    stage.fields.cluster_enabled = 1;
    const nodes = (slots: string): Buffer =>
      bulk(
        `${'1'.repeat(40)} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected ${slots}\n${'2'.repeat(40)} 10.0.0.2:6379@16379 master - 0 0 2 connected 1-2\n`,
      );
    stage.replies.set('CLUSTER INFO', bulk('cluster_state:ok\r\ncluster_known_nodes:2\r\n'));
    stage.replies.set('CLUSTER NODES', nodes('0-100 200'));
    const values = await stage.next();
    assert.equal(values.get('slots'), 102);
    assert.equal(values.get('cluster_ok'), 1);
    stage.replies.set('CLUSTER INFO', bulk('cluster_state:fail\r\n'));
    stage.replies.set('CLUSTER NODES', nodes('50-100 200-201 [5->-abc]'));
    stage.clock.advance(10_000);
    await stage.next();
    const texts = stage.monitor.events('a', 0, Infinity).map(({ kind, text }) => `${kind}: ${text}`);
    assert.ok(texts.includes('slots-gained: gained slots 201 (1 slot)'), texts.join('\n'));
    assert.ok(texts.includes('slots-lost: lost slots 0-49 (50 slots)'));
    assert.ok(texts.includes('cluster-failed: cluster state is fail'));
  });

  test('tell what a sentinel says, and what a proxy ejects', async (t) => {
    const stage = await Stage.set(t);
    Object.assign(stage.fields, {
      redis_mode: 'sentinel',
      '# Sentinel': '',
      master0: 'name=m,status=ok,address=h:1,slaves=1,sentinels=3',
    });
    let ears: import('node:net').Socket | undefined;
    stage.server.script = (words, socket) => {
      if (words[0] !== 'PSUBSCRIBE') return stage.answer(words, socket);
      socket.write('*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:1\r\n');
      ears = socket;
    };
    assert.equal((await stage.next()).get('sentinel_down'), 0);
    await until('the sentinel is listened to', () => Promise.resolve(ears !== undefined));
    const say = (channel: string, text: string): void =>
      void ears!.write(`*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n${bulk(channel).toString()}${bulk(text).toString()}`);
    say('__sentinel__:hello', 'x');
    say('+odown', 'master m 10.0.0.1 6379 #quorum 2/2');
    say('+switch-master', 'm 10.0.0.1 6379 10.0.0.2 6380');
    await until('both are heard', () => Promise.resolve(stage.kinds().includes('failover')));
    const events = stage.monitor.events('a', 0, Infinity).filter(({ kind }) => kind !== 'alert');
    assert.deepEqual(
      events.map(({ text }) => text),
      ['+odown master m 10.0.0.1 6379 #quorum 2/2', 'm: the master was 10.0.0.1:6379, is 10.0.0.2:6380'],
    );
    // The connection is opened again when it is lost.
    const before = ears;
    before!.destroy();
    await until('it is listened to again', async () => {
      await stage.next();
      return ears !== before;
    });
    Object.assign(stage.fields, { '# Pools': '', pool_p_server0: 'name=s0,address=h:1,state=connected,requests=1' });
    const values = await stage.next();
    assert.equal(values.get('backends'), 1);
    await stage.next({ pool_p_server0: 'name=s0,address=h:1,state=ejected,requests=1' });
    assert.equal(
      stage
        .kinds()
        .filter((kind) => kind !== 'alert')
        .at(-1),
      'ejected',
    );
  });
});

test('the pools of a proxy are told from its servers, whatever their names are', async (t) => {
  const stage = await Stage.set(t);
  // The pool p_server0 has the name that the first server of the pool p has in INFO.
  const info = (state: string): Buffer =>
    bulk(
      [
        '# Server',
        'redis_version:7.0.15',
        'kvasir_version:1.0.0',
        '# Pools',
        'pool_p:client_connections=1,forward_error=0',
        'pool_p_server0:name=s0,address=h:1,state=connected,requests=10',
        'pool_p_server0:client_connections=2,forward_error=3',
        `pool_p_server0_server0:name=s1,address=h:2,state=${state},requests=20`,
        'pool_q_server7:client_connections=4,forward_error=0',
        '',
      ].join('\r\n'),
    );
  stage.replies.set('INFO', info('connected'));
  let values = await stage.next();
  assert.equal(values.get('backends'), 2);
  assert.equal(values.get('backends_ejected'), 0);
  stage.replies.set('INFO', info('ejected'));
  values = await stage.next();
  assert.equal(values.get('backends_ejected'), 1);
  const told = stage.monitor.events('a', 0, Infinity).filter(({ kind }) => kind === 'ejected');
  assert.deepEqual(
    told.map(({ text }) => text),
    ['p_server0/s1 is ejected'],
  );
  const text = new FleetMetrics(stage.monitor, () => START_MS).metrics('openmetrics');
  const families = parseExposition(text, 'openmetrics');
  const samples = families.get('kvasir_proxy_client_connections')!.samples;
  assert.deepEqual(
    samples.map(({ labels, value }) => [labels.pool, labels.server, value]),
    [
      ['p', undefined, 1],
      ['p_server0', undefined, 2],
      ['q_server7', undefined, 4],
    ],
  );
  for (const [pool, server, requests, ejected] of [
    ['p', 's0', 10, 0],
    ['p_server0', 's1', 20, 1],
  ] as const) {
    assert.equal(valueOf(families, 'kvasir_proxy_requests_total', { pool, server }), requests);
    assert.equal(valueOf(families, 'kvasir_proxy_server_ejected', { pool, server }), ejected);
  }
  assert.equal(valueOf(families, 'kvasir_proxy_forward_error_total', { pool: 'p_server0' }), 3);
});

describe('a server that does not answer', () => {
  test('is down with the reason, then up again; a connection that was closed alone is no event', async (t) => {
    const stage = await Stage.set(t);
    await stage.next();
    for (const socket of stage.server.sockets) socket.destroy();
    await until('the end is known', () => Promise.resolve(stage.server.sockets.size === 0));
    await stage.next();
    assert.deepEqual(stage.kinds(), []);
    stage.replies.set('INFO', '-NOPERM no\r\n');
    await stage.next();
    const status = stage.monitor.status('a')!;
    assert.equal(status.state, 'down');
    assert.match(status.error, /INFO is refused: NOPERM no/);
    assert.equal(status.values.get('up'), 0);
    assert.equal(stage.kinds()[0], 'down');
    stage.replies.clear();
    await stage.next();
    assert.equal(stage.monitor.status('a')!.state, 'up');
    assert.ok(stage.kinds().includes('up'));
    const { v } = await stage.monitor.series('a', 'up', START_MS + 2000, START_MS + 10_000, 2000);
    assert.deepEqual(v, [1, 1, 0, 1]);
  });

  test('is down after the time limit, and holds up no other', async (t) => {
    const stage = await Stage.set(t);
    const other = await ScriptedServer.start((words, socket) => stage.answer(words, socket));
    t.after(() => other.stop());
    stage.monitor.addTarget({ id: 'b', name: 'other', connect: other.connect });
    stage.replies.set('INFO', Buffer.alloc(0));
    other.script = (words, socket) =>
      void socket.write(words[0] === 'INFO' ? bulk(infoText(base)) : '-ERR unknown command\r\n');
    stage.clock.advance(2000);
    const tick = stage.monitor.tick();
    await until('the other is up', () => Promise.resolve(stage.monitor.status('b')!.state === 'up'));
    await until('the silent one is asked', () => Promise.resolve(stage.server.sockets.size > 0));
    stage.clock.advance(10_000);
    await tick;
    assert.equal(stage.monitor.status('a')!.state, 'down');
    assert.match(stage.monitor.status('a')!.error, /no reply within 10000 ms/);
  });

  test('fires an alert and ends it, by way of samples', async (t) => {
    const stage = await Stage.set(t);
    await stage.next();
    stage.server.script = (_, socket) => void socket.destroy();
    for (let index = 0; index < 8; index++) await stage.next();
    assert.deepEqual(
      stage.monitor.alerts.current().map(({ rule, phase }) => `${rule} ${phase}`),
      ['down firing'],
    );
    stage.server.script = stage.answer;
    for (let index = 0; index < 32; index++) await stage.next();
    assert.deepEqual(stage.monitor.alerts.current(), []);
    const alerts = stage.monitor.events('a', 0, Infinity).filter(({ kind }) => kind === 'alert');
    assert.deepEqual(
      alerts.map(({ text }) => text.slice(0, 8)),
      ['[ALERT] ', '[RESOLVE'],
    );
  });
});

describe('a stranger', () => {
  const strange: readonly (readonly [what: string, reply: string | Buffer])[] = [
    ['nothing of INFO', bulk('hello')],
    ['an empty INFO', bulk('')],
    ['no bulk', ':7\r\n'],
    ['nil', '$-1\r\n'],
    ['an array', '*2\r\n+a\r\n*1\r\n$-1\r\n'],
    ['no RESP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a length that is none', '$99999999999999999999\r\n'],
    ['deep nesting', '*1\r\n'.repeat(5000)],
    ['bytes of any kind', bulk(Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256)))],
    [
      'numbers that are none',
      bulk(infoText({ ...base, used_memory: 'NaN', maxmemory: '-1', uptime_in_seconds: '1e999' })),
    ],
    [
      'huge numbers',
      bulk(infoText({ ...base, used_memory: '9'.repeat(20), db0: `keys=${'9'.repeat(20)},expires=-5` })),
    ],
    [
      'escapes',
      bulk(infoText({ ...base, redis_version: '\u001b[31m<script>alert(1)</script>\u0000', run_id: '"\\\n' })),
    ],
    [
      'ten thousand commands',
      bulk(
        infoText({ ...base, '# Commandstats': '' }) +
          Array.from({ length: 10_000 }, (_, index) => `cmdstat_c${index}:calls=${index},usec=1`).join('\r\n'),
      ),
    ],
  ];

  for (const [what, reply] of strange)
    test(`that replies ${what} harms nobody`, async (t) => {
      const stage = await Stage.set(t);
      await stage.next();
      stage.replies.set('INFO', reply);
      const hanging = setInterval(() => stage.clock.advance(1000), 20);
      t.after(() => clearInterval(hanging));
      for (let index = 0; index < 3; index++) await stage.next();
      clearInterval(hanging);
      const text = new FleetMetrics(stage.monitor, () => START_MS).metrics('openmetrics');
      parseExposition(text, 'openmetrics');
      const names = await stage.monitor.metrics('a');
      assert.ok(names.length < 200, `${names.length} figures`);
      for (const { text: line } of stage.monitor.events('a', 0, Infinity))
        assert.ok(!/[\u0000-\u001f]/.test(line) && line.length < 2000, line);
      stage.replies.clear();
      await stage.next();
      assert.equal(stage.monitor.status('a')!.state, 'up');
    });

  test('whose reply never ends is left at a bound', async (t) => {
    const stage = await Stage.set(t);
    let sent = 0;
    stage.server.script = (_, socket) => {
      socket.write('$4000000000\r\n');
      const more = (): void => {
        if (socket.destroyed) return;
        sent += 1 << 20;
        socket.write(Buffer.alloc(1 << 20, 65), more);
      };
      more();
    };
    await stage.next();
    assert.match(stage.monitor.status('a')!.error, /reply of more than \d+ bytes/);
    assert.ok(sent < 64 << 20, `${sent} bytes`);
  });

  test('that cuts its INFO anywhere harms nobody', async (t) => {
    const stage = await Stage.set(t);
    const random = new Prng(seed);
    const whole = infoText(base);
    for (let round = 0; round < 100; round++) {
      stage.replies.set('INFO', bulk(whole.slice(random.below(whole.length), random.below(whole.length) + 1)));
      await stage.next();
    }
    stage.replies.clear();
    await stage.next();
    assert.equal(stage.monitor.status('a')!.state, 'up', `seed ${seed}`);
  });
});

test('metrics of the fleet have every server with its name, also one that is down', async (t) => {
  const stage = await Stage.set(t);
  stage.monitor.addTarget({ id: 'gone', name: 'gone "x"', connect: () => Promise.reject(new Error('refused')) });
  stage.monitor.addTarget({ id: 'c', name: 'cache', connect: stage.server.connect });
  await stage.next();
  for (let index = 0; index < 8; index++) await stage.next();
  const fleet = new FleetMetrics(stage.monitor, () => stage.clock.wallMs());
  for (const format of ['prometheus', 'openmetrics'] as const) {
    const families = parseExposition(fleet.metrics(format), format);
    // Two have the same name: their ids tell them apart.
    assert.equal(valueOf(families, 'redis_up', { instance: 'a' }), 1);
    assert.equal(valueOf(families, 'redis_memory_used_bytes', { instance: 'c' }), 500);
    assert.equal(valueOf(families, 'redis_up', { instance: 'gone "x"' }), 0);
    assert.equal(valueOf(families, 'redis_exporter_last_scrape_error', { err: 'refused' }), 1);
    assert.equal(valueOf(families, 'kvasir_monitor_alert_firing', { instance: 'gone "x"', rule: 'down' }), 1);
  }
  assert.deepEqual(fleet.health().details, { targets: 3, down: ['gone "x"'] });
});

test('a target that is removed is asked no more, and forgotten when that is wanted', async (t) => {
  const stage = await Stage.set(t);
  await stage.next();
  await stage.monitor.removeTarget('a');
  await until('its connection ends', () => Promise.resolve(stage.server.sockets.size === 0));
  const { v } = await stage.monitor.series('a', 'up', START_MS + 2000, START_MS + 4000, 2000);
  assert.deepEqual(v, [1]);
  await stage.monitor.removeTarget('a', { forget: true });
  const after = await stage.monitor.series('a', 'up', START_MS + 2000, START_MS + 4000, 2000);
  assert.deepEqual(after.v, [NaN]);
});
