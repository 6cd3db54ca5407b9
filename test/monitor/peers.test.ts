// The monitor over real processes: servers of both kinds, a sentinel with a failover, a node of a cluster, a proxy.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { systemClock } from '../../src/io/clock.js';
import { RealFiles } from '../../src/io/files.js';
import { FleetMetrics } from '../../src/monitor/fleet-metrics.js';
import { Monitor } from '../../src/monitor/monitor.js';
import { startKvasir } from '../kvasir.js';
import { findFreePort, peerMissing, startRedis } from '../peer.js';
import { startKvasirProxy } from '../proxy/nutcracker.js';
import { Fleet, until } from '../sentinel/fleet.js';
import { TlsFiles } from '../sentinel/tls-files.js';
import { parseExposition, sampleNames, valueOf } from './exposition-parser.js';

const skip = peerMissing('redis-server', 'redis-cli', 'redis-sentinel');

function watch(t: TestContext, ports: Readonly<Record<string, number>>): Monitor {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-monitor-'));
  const monitor = new Monitor({
    environment: { clock: systemClock, files: new RealFiles() },
    folder: join(folder, 'monitor'),
    log: (text) => t.diagnostic(text),
    times: { timeoutMs: 60_000, slotsEveryMs: 0, configEveryMs: 0 },
  });
  t.after(async () => {
    await monitor.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [id, port] of Object.entries(ports))
    monitor.addTarget({ id, name: id, connect: () => Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 }) });
  return monitor;
}

const kindsOf = (monitor: Monitor, id: string): string[] => monitor.events(id, 0, Infinity).map(({ kind }) => kind);

test('figures, metrics and events of servers of both kinds are the same', { skip }, async (t) => {
  const servers = { kvasir: await startKvasir(), redis: await startRedis() };
  for (const server of Object.values(servers)) t.after(() => server.stop());
  const port = await findFreePort();
  const node = await startKvasir({ args: ['--cluster-enabled', 'yes'] });
  t.after(() => node.stop());
  const proxy = await startKvasirProxy(
    `pool:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:${servers.redis.port}:1 one\n`,
    port,
  );
  t.after(() => proxy.stop('SIGKILL'));
  const monitor = watch(t, { kvasir: servers.kvasir.port, redis: servers.redis.port, node: node.port, proxy: port });
  await monitor.tick();
  for (const server of Object.values(servers)) {
    await server.send('SET', 'key', 'value');
    await server.send('GET', 'key');
    await server.send('GET', 'nothing');
    await server.send('CONFIG', 'SET', 'maxmemory', '100mb');
    await server.send('SAVE');
  }
  await node.send('CLUSTER', 'ADDSLOTSRANGE', '0', '100');
  await monitor.tick();
  for (const id of ['kvasir', 'redis']) {
    const { values, state, role, error } = monitor.status(id)!;
    assert.equal(state, 'up', error);
    assert.equal(role, 'master');
    assert.equal(values.get('hit_rate'), 50, id);
    assert.equal(values.get('keys'), 1, id);
    assert.ok(values.get('command:get')! > 0, id);
    assert.ok(values.get('memory_percent')! > 0, id);
    assert.ok(values.get('p99_us')! > 0, id);
    assert.ok(values.get('cpu')! >= 0, id);
    const events = monitor.events(id, 0, Infinity);
    assert.ok(
      events.some(({ kind, text }) => kind === 'config' && /maxmemory: "0" is now "104857600"/.test(text)),
      JSON.stringify(events),
    );
  }
  // Everything that redis-server has a figure for, ours has too.
  const [ours, theirs] = ['kvasir', 'redis'].map((id) => monitor.status(id)!.values);
  for (const name of theirs!.keys()) if (!name.includes(':')) assert.ok(ours!.has(name), name);
  assert.equal(monitor.status('node')!.values.get('slots'), 101);
  assert.ok(kindsOf(monitor, 'node').includes('slots-gained'));
  assert.equal(monitor.status('proxy')!.role, 'proxy');
  assert.equal(monitor.status('proxy')!.values.get('backends'), 1);

  const families = parseExposition(new FleetMetrics(monitor, () => Date.now()).metrics('openmetrics'), 'openmetrics');
  for (const instance of ['kvasir', 'redis', 'node', 'proxy'])
    assert.equal(valueOf(families, 'redis_up', { instance }), 1);
  assert.equal(valueOf(families, 'redis_keyspace_hits_total', { instance: 'redis' }), 1);
  assert.equal(valueOf(families, 'kvasir_proxy_server_ejected', { instance: 'proxy', server: 'one' }), 0);
  assert.ok(sampleNames(families).size > 100);

  await servers.redis.stop({ keepFolder: true });
  await monitor.tick();
  assert.equal(monitor.status('redis')!.state, 'down');
  assert.ok(kindsOf(monitor, 'redis').includes('down'));
  const again = await startRedis({ port: servers.redis.port });
  t.after(() => again.stop());
  await monitor.tick();
  assert.equal(monitor.status('redis')!.state, 'up');
  for (const kind of ['up', 'restart']) assert.ok(kindsOf(monitor, 'redis').includes(kind), kind);
});

test('a failover is seen at the servers and heard from the sentinel', { skip }, async (t) => {
  const fleet = await Fleet.make({ servers: ['kvasir', 'redis'], sentinels: ['redis'], quorum: 1 });
  t.after(() => fleet.stop());
  await fleet.ready();
  const [master, replica] = fleet.servers;
  const monitor = watch(t, { master: master!.port, replica: replica!.port, sentinel: fleet.sentinels[0]!.port });
  await until('everything is up', async () => {
    await monitor.tick();
    return monitor.targets().every(({ state }) => state === 'up') && monitor.status('replica')!.role === 'slave';
  });
  assert.equal(monitor.status('sentinel')!.role, 'sentinel');
  assert.equal(monitor.status('sentinel')!.values.get('sentinel_masters'), 1);
  // The second connection to the sentinel listens before the master ends.
  await until('the sentinel is listened to', async () => {
    const clients = (await fleet.sentinels[0]!.ask('CLIENT', 'LIST')) as string;
    return / psub=1 /.test(clients);
  });
  await master!.stop({ signal: 'SIGKILL' });
  await until('the replica is seen as a master', async () => {
    await monitor.tick();
    return kindsOf(monitor, 'replica').includes('promoted') && kindsOf(monitor, 'sentinel').includes('failover');
  });
  assert.ok(kindsOf(monitor, 'master').includes('down'));
  const { text } = monitor.events('sentinel', 0, Infinity).find(({ kind }) => kind === 'failover')!;
  assert.equal(text, `mymaster: the master was 127.0.0.1:${master!.port}, is 127.0.0.1:${replica!.port}`);
});

test('the certificate of a server is watched', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-certificate-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = new TlsFiles(folder);
  files.issue('server');
  const tlsPort = await findFreePort();
  const kvasir = await startKvasir({
    args: [
      ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', files.file('ca.crt')],
      ...['--tls-cert-file', files.file('server.crt'), '--tls-key-file', files.file('server.key')],
    ],
  });
  t.after(() => kvasir.stop());
  const monitor = watch(t, {});
  const tls = { caFile: files.file('ca.crt') };
  const connect = (): Promise<Connection> =>
    Connection.open({ host: '127.0.0.1', port: tlsPort, tls, timeoutMs: 60_000 });
  monitor.addTarget({ id: 'secure', name: 'secure', connect });
  await monitor.tick();
  const days = monitor.status('secure')!.values.get('certificate_days')!;
  assert.ok(days > 1.9 && days <= 2, `${days} days`);
  assert.deepEqual(
    monitor.alerts.current().map(({ rule }) => rule),
    ['certificate'],
  );
});
