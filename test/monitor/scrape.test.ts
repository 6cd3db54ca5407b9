// The doors for monitoring systems of real processes: server, sentinel and proxy, in both formats, and what strangers send them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../../src/index.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { accepts, findFreePort } from '../peer.js';
import { startKvasirProxy } from '../proxy/nutcracker.js';
import { Fleet, until } from '../sentinel/fleet.js';
import { parseExposition, type ParsedFamily, sampleNames, valueOf } from './exposition-parser.js';

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const PLAIN = 'text/plain; version=0.0.4; charset=utf-8';

async function scrape(port: number, accept = '*/*'): Promise<Map<string, ParsedFamily>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } });
  assert.equal(response.status, 200);
  const isOpen = accept.includes('openmetrics');
  assert.equal(response.headers.get('content-type'), isOpen ? OPEN_METRICS : PLAIN);
  return parseExposition(await response.text(), isOpen ? 'openmetrics' : 'prometheus');
}

async function health(port: number): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`http://127.0.0.1:${port}/health`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Sends bytes and reads the reply until the other side closes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.write(bytes, 'latin1');
  await once(socket, 'close');
  return text;
}

describe('metrics-port of a server', () => {
  let kvasir: KvasirProcess;
  let port: number;

  before(async () => {
    port = await findFreePort();
    kvasir = await startKvasir({ args: ['--metrics-port', String(port), '--slowlog-log-slower-than', '0'] });
    await kvasir.send('SET', 'key', 'value');
    await kvasir.send('GET', 'key');
    await kvasir.send('GET', 'nothing');
    await kvasir.send('NOSUCHCOMMAND');
  });
  after(() => kvasir?.stop());

  for (const accept of ['*/*', 'application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5']) {
    test(`serves metrics for ${accept}`, async () => {
      const families = await scrape(port, accept);
      const is = (name: string, value: number, labels = {}): void =>
        assert.equal(valueOf(families, name, labels), value, name);
      is('redis_up', 1);
      is('redis_db_keys', 1, { db: 'db0' });
      is('redis_keyspace_hits_total', 1);
      is('redis_keyspace_misses_total', 1);
      is('redis_commands_total', 2, { cmd: 'get' });
      is('redis_errors_total', 1, { err: 'ERR' });
      is('redis_config_maxclients', 10000);
      is('redis_instance_info', 1, { role: 'master', redis_mode: 'standalone' });
      is('redis_exporter_last_scrape_error', 0);
      assert.ok(valueOf(families, 'redis_memory_used_bytes')! > 0);
      assert.ok(valueOf(families, 'redis_slowlog_length')! >= 4);
      assert.ok(valueOf(families, 'redis_latency_percentiles_usec', { cmd: 'get', quantile: '99' })! > 0);
      assert.ok(valueOf(families, 'redis_eventloop_pause_max_seconds')! >= 0);
    });
  }

  test('has every figure that the dashboard asks for', async () => {
    const names = sampleNames(await scrape(port));
    const dashboard = readFileSync(new URL('../../../docs/grafana-dashboard.json', import.meta.url), 'utf8');
    const { panels } = JSON.parse(dashboard) as { panels: { targets?: { expr: string }[] }[] };
    const asked = panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => expr.match(/\b(?:redis|kvasir)_\w+/g) ?? []),
    );
    assert.ok(asked.length > 20);
    // Only some servers have these.
    const others =
      /^redis_(connected_slave_|master_link_up|master_last_io|cluster_|db_avg_ttl|latency_spike|sentinel_|aof_|errors_)/;
    for (const name of asked) assert.ok(names.has(name) || others.test(name), name);
  });

  test('tells that the server is healthy', async () => {
    const { status, body } = await health(port);
    assert.equal(status, 200);
    assert.equal(body.status, 'ok');
    assert.equal(body.role, 'master');
    assert.equal(body.loading, false);
  });

  test('listens on loopback alone unless told otherwise', async (t) => {
    assert.ok(await accepts(port));
    const outer = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4');
    if (outer === undefined) t.skip('this machine has no other address');
    else assert.equal(await accepts(port, outer.address), false);
  });

  test('refuses other requests in words, and closes', async () => {
    assert.match(await raw(port, 'GET /nothing HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 404 Not Found\r\n/);
    assert.match(await raw(port, 'POST /metrics HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 405 .*\r\n[^]*Allow: GET, HEAD/);
    assert.match(await raw(port, 'GET /../../etc/passwd HTTP/1.1\r\n\r\n'), /404/);
    assert.match(await raw(port, 'PING\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.match(await raw(port, `GET /${'x'.repeat(20_000)}`), /^HTTP\/1\.1 431 /);
    const head = await raw(port, 'HEAD /metrics HTTP/1.1\r\n\r\n');
    assert.match(head, /Content-Length: [1-9]\d+\r\n/);
    assert.ok(head.endsWith('\r\n\r\n'));
    assert.match(await raw(port, 'GET /metrics?x=1 HTTP/1.0\r\nAccept: a\r\n\r\n'), /redis_up 1/);
  });

  test('survives bytes of any kind and clients that leave in the middle', async () => {
    for (const bytes of [
      '\x00\xff\xfe\r\n\r\n',
      '\r\n\r\n',
      'GET\r\n\r\n',
      'GET  HTTP/1.1\r\n\r\n',
      '*1\r\n$4\r\nPING\r\n\r\n\r\n',
    ])
      await raw(port, bytes);
    for (let round = 0; round < 100; round++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write('GET /metrics HT');
      socket.destroy();
    }
    assert.equal(await kvasir.send('PING'), 'PONG');
    await scrape(port);
  });

  test('moves with CONFIG SET, and stays where it is when it cannot', async () => {
    const other = await findFreePort();
    assert.equal(await kvasir.send('CONFIG', 'SET', 'metrics-port', String(other)), 'OK');
    await scrape(other);
    assert.equal(await accepts(port), false);
    assert.match(
      await kvasir.send('CONFIG', 'SET', 'metrics-port', String(kvasir.port)),
      /Unable to listen on this port/,
    );
    await scrape(other);
    assert.equal(await kvasir.send('CONFIG', 'GET', 'metrics-port'), `metrics-port\n${other}`);
    assert.equal(await kvasir.send('CONFIG', 'SET', 'metrics-port', '0'), 'OK');
    assert.equal(await accepts(other), false);
    assert.equal(await kvasir.send('CONFIG', 'SET', 'metrics-port', String(port)), 'OK');
    await scrape(port);
  });
});

test('a server does not start when its metrics-port is taken, and says why', async () => {
  const first = await startServer({ port: 0 });
  try {
    await assert.rejects(startServer({ port: 0, 'metrics-port': first.port }), /metrics-port \d+: .*in use/i);
  } finally {
    await first.close();
  }
});

test('a replica shows its master, and a node of a cluster its cluster', async (t) => {
  const [replicaPort, nodePort] = [await findFreePort(), await findFreePort()];
  const master = await startKvasir();
  t.after(() => master.stop());
  const replica = await startKvasir({
    args: ['--metrics-port', String(replicaPort), '--replicaof', '127.0.0.1', String(master.port)],
  });
  t.after(() => replica.stop());
  const node = await startKvasir({ args: ['--metrics-port', String(nodePort), '--cluster-enabled', 'yes'] });
  t.after(() => node.stop());
  await until('the link stands', async () => {
    const families = await scrape(replicaPort);
    return valueOf(families, 'redis_master_link_up', { master_port: String(master.port) }) === 1;
  });
  assert.equal((await health(replicaPort)).body.role, 'slave');
  const families = await scrape(nodePort, OPEN_METRICS);
  assert.equal(valueOf(families, 'redis_cluster_state'), 0);
  assert.equal(valueOf(families, 'redis_cluster_known_nodes'), 1);
  assert.equal(valueOf(families, 'redis_cluster_enabled'), 1);
});

test('the statistics port of the proxy serves metrics in both formats, health, and what it served before', async (t) => {
  const server = await startKvasir();
  t.after(() => server.stop());
  const port = await findFreePort();
  const proxy = await startKvasirProxy(
    `pool:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:${server.port}:1 one\n`,
    port,
  );
  t.after(() => proxy.stop('SIGKILL'));
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write('*2\r\n$3\r\nGET\r\n$1\r\na\r\n');
  await once(client, 'data');
  for (const accept of ['*/*', OPEN_METRICS]) {
    const families = await scrape(proxy.statsPort, accept);
    assert.equal(valueOf(families, 'redis_up'), 1);
    assert.equal(valueOf(families, 'kvasir_proxy_requests_total', { pool: 'pool', server: 'one' }), 1);
    assert.equal(valueOf(families, 'kvasir_proxy_commands_total', { command: 'get' }), 1);
    assert.equal(valueOf(families, 'redis_commands_total', { cmd: 'get' }), 1);
    assert.ok(valueOf(families, 'redis_uptime_in_seconds')! >= 0);
  }
  const { status, body } = await health(proxy.statsPort);
  assert.equal(status, 200);
  assert.deepEqual(body.pools, [{ name: 'pool', servers: 1, ejected: 0 }]);
  const json = (await (await fetch(`http://127.0.0.1:${proxy.statsPort}/`)).json()) as { service: string };
  assert.equal(json.service, 'nutcracker');
  assert.equal((JSON.parse(await raw(proxy.statsPort, '')) as { service: string }).service, 'nutcracker');
});

test('a sentinel serves metrics of the masters that it watches', async (t) => {
  const port = await findFreePort();
  const fleet = await Fleet.make({ servers: ['kvasir'], sentinels: ['kvasir'], lines: [`metrics-port ${port}`] });
  t.after(() => fleet.stop());
  const families = await scrape(port, OPEN_METRICS);
  assert.equal(valueOf(families, 'redis_sentinel_masters'), 1);
  assert.equal(valueOf(families, 'redis_sentinel_master_status', { master_name: 'mymaster' }), 1);
  assert.equal(valueOf(families, 'redis_instance_info', { redis_mode: 'sentinel' }), 1);
  const { status, body } = await health(port);
  assert.equal(status, 200);
  assert.equal(body.redis_mode, 'sentinel');
});
