// Whatever comes to the ports for operators (the dashboard's and the proxy's HTTP interface of a codis, kvasir-proxy's statistics):
// bytes that are no HTTP, requests without end, huge bodies, paths that lead out of the state, values of every kind in every
// path. Each is answered or ended, the process serves on, and nothing is written where it does not belong.
// KVASIR_SEED repeats a run, and KVASIR_HOSTILE_TIMES=50 makes it long.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { xauthOf } from '../../src/proxy/codis/identity.js';
import { findFreePort } from '../peer.js';
import { askHttp, startPart, type CodisPart } from './codis-parts.js';
import { askStatistics, startKvasirProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Date.now() % 100_000);
const times = Number(process.env.KVASIR_HOSTILE_TIMES ?? 1);

/** Sends the bytes and ends; resolves with what came until the other side has ended too. */
function exchange(port: number, bytes: string | Buffer, ends = true): Promise<string> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    if (ends) socket.end();
  });
}

const head = (line: string, ...headers: string[]): string =>
  `${[`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

/** Each is sent as it is. */
function rawRequests(prng: Prng): (string | Buffer)[] {
  const noise = Buffer.from(Array.from({ length: 5000 }, () => prng.below(256)));
  return [
    noise,
    Buffer.concat([Buffer.from('GET /'), noise, Buffer.from('\r\n\r\n')]),
    '\r\n\r\n\r\n',
    'GET',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    `GET /${'a'.repeat(200_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(50_000)}\r\n`,
    `GET / HTTP/1.1\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`,
    head('PUT /api/topom/slots/assign/x', 'Content-Length: -5'),
    head('PUT /api/topom/slots/assign/x', 'Content-Length: 5', 'Content-Length: 6'),
    head('PUT /api/topom/slots/assign/x', 'Content-Length: 999999999999') + '[1',
    head('PUT /api/proxy/fillslots/x', 'Transfer-Encoding: chunked') + 'ZZ\r\nx\r\n0\r\n\r\n',
    head('PUT /api/proxy/fillslots/x', 'Transfer-Encoding: chunked') + 'fffffffffffffffff\r\nx',
    head('GET /', 'Upgrade: websocket'),
    'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    head('OPTIONS *'),
    head('TRACE /topom'),
    head('DELETE /api/topom/model'),
    head('POST /proxy', 'Content-Length: 2') + '{}',
    head('GET /../../../../etc/passwd'),
    head('GET /%2e%2e/%2e%2e/etc/passwd'),
    head('GET /topom/../../etc/passwd'),
    head('GET //etc/passwd'),
    head('GET /%'),
    head('GET /proxy/%zz'),
    head('GET /proxy/%00'),
    head('GET /proxy/__proto__'),
    head('GET /proxy/constructor'),
    head('GET /topom/constructor'),
    head('GET /proxy/hasOwnProperty'),
    head('GET http://[::1'),
    head('GET /metrics?x=%ff', 'Accept: application/openmetrics-text'),
    head('GET /metrics\x01'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '*1\r\n$4\r\nPING\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ];
}

const values = [
  '%20',
  '%25',
  '%',
  '%00',
  '..%2f..%2f..%2fescaped',
  '..',
  '%2e%2e%2fescaped',
  '-1',
  '0',
  '1',
  '1.5',
  '1e9',
  'NaN',
  '1024',
  '999999999999999999999',
  '__proto__',
  'constructor',
  'a'.repeat(3000),
  ':',
  '127.0.0.1:0',
  '127.0.0.1:99999',
  '127.0.0.1:1',
  '%5b::1%5d:1',
  '%0d%0aSet-Cookie:%20x',
  '%F0%9F%98%80',
];

const bodies = [
  '',
  '[',
  'null',
  '{}',
  '[null]',
  '[1,"a"]',
  '[{"id":1e300}]',
  '[{"id":-1,"group_id":1}]',
  '[{"id":1,"group_id":"x"}]',
  '[{"id":1,"group_id":99999999}]',
  '[{"id":1,"action":{"state":"x"}}]',
  '[{"id":1,"backend_addr":"../x:1"}]',
  '[{"id":1,"backend_addr":7,"replica_groups":[["x"],3]}]',
  '[{"id":1,"backend_addr":"127.0.0.1:1","migrate_from":"127.0.0.1:99999","forward_method":9}]',
  '[{"id":1,"backend_addr":"127.0.0.1:1","replica_groups":"none"}]',
  '[{"id":1,"backend_addr":"127.0.0.1:1","replica_groups":[["127.0.0.1:99999"]]}]',
  '[{"id":1,"backend_addr":"127.0.0.1:1","locked":"yes","migrate_from_group_id":"x"}]',
  '[{"id":1,"backend_addr":null,"migrate_from":null,"locked":null,"replica_groups":null,"forward_method":null}]',
  '[{"__proto__":{"id":1},"constructor":1}]',
  '['.repeat(100_000),
  '\ufeff[]',
];

const topomPuts =
  'loglevel/X/V proxy/create/X/V proxy/online/X/V proxy/reinit/X/V proxy/remove/X/V/V group/create/X/V group/remove/X/V ' +
  'group/resync/X/V group/resync-all/X group/add/X/V/V group/add/X/V/V/V group/del/X/V/V group/promote/X/V/V ' +
  'group/replica-groups/X/V/V/V group/replica-groups-all/X/V group/action/create/X/V group/action/remove/X/V ' +
  'slots/action/create/X/V/V slots/action/create-some/X/V/V/V slots/action/create-range/X/V/V/V slots/action/remove/X/V ' +
  'slots/action/interval/X/V slots/action/disabled/X/V slots/assign/X slots/assign/X/offline slots/rebalance/X/V ' +
  'sentinels/add/X/V sentinels/del/X/V/V sentinels/resync-all/X V/X V/V/X reload/X';
const topomGets = 'model xping/X stats/X slots/X group/info/V sentinels/info/V sentinels/info/V/monitored V V/V';
const proxyPuts =
  'start/X stats/reset/X stats/V/X forcegc/X loglevel/X/V fillslots/X fillslots/X/V sentinels/X sentinels/X/V V/X';
const proxyGets = 'model xping/X stats/X stats/X/V slots/X V/X V';
/** Every body goes to these; the others take none. */
const readsBody = new Set(['fillslots/X', 'sentinels/X', 'slots/assign/X', 'slots/assign/X/offline']);

interface Interface {
  readonly part: CodisPart;
  readonly root: 'topom' | 'proxy';
  readonly xauth: string;
  readonly puts: readonly string[];
  readonly gets: readonly string[];
}

async function startInterfaces(t: TestContext, folder: string): Promise<Interface[]> {
  const [adminPort, proxyAdminPort, port] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const file = join(folder, 'dashboard.toml');
  writeFileSync(
    file,
    `coordinator_name = "filesystem"\ncoordinator_addr = "${folder}/state"\nproduct_name = "shop"\nadmin_addr = "127.0.0.1:${adminPort}"\n`,
  );
  const proxyFile = join(folder, 'proxy.toml');
  writeFileSync(
    proxyFile,
    `product_name = "shop"\nproxy_addr = "127.0.0.1:${port}"\nadmin_addr = "127.0.0.1:${proxyAdminPort}"\n`,
  );
  const dashboard = await startPart(['dashboard', `--config=${file}`], adminPort, '/topom');
  t.after(() => dashboard.kill());
  const proxy = await startPart(['proxy', `--config=${proxyFile}`], proxyAdminPort, '/proxy/model');
  t.after(() => proxy.kill());
  const { token } = (await askHttp(proxyAdminPort, 'GET', '/api/proxy/model')).body as { token: string };
  const wordsOf = (text: string): string[] => text.split(' ');
  return [
    { part: dashboard, root: 'topom', xauth: xauthOf('shop'), puts: wordsOf(topomPuts), gets: wordsOf(topomGets) },
    {
      part: proxy,
      root: 'proxy',
      xauth: xauthOf('shop', '', token),
      puts: wordsOf(proxyPuts),
      gets: wordsOf(proxyGets),
    },
  ];
}

async function serves({ part, root }: Interface, what: string): Promise<void> {
  assert.equal(part.process.exitCode, null, `it has ended after ${what}: ${part.log()}`);
  const { status } = await askHttp(part.adminPort, 'GET', `/${root}`);
  assert.equal(status, 200, what);
}

/** All files below a folder. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('the interfaces for operators', () => {
  test('of a codis answer or end whatever comes, and serve on', async (t) => {
    const outside = mkdtempSync(join(tmpdir(), 'kvasir-hostile-'));
    t.after(() => rmSync(outside, { recursive: true, force: true }));
    const folder = join(outside, 'a/b/c');
    mkdirSync(folder, { recursive: true });
    const prng = new Prng(seed);
    const interfaces = await startInterfaces(t, folder);
    const configured = filesOf(outside).filter((file) => file.endsWith('.toml'));
    for (const each of interfaces) {
      const { part, root, xauth } = each;
      for (const bytes of rawRequests(prng)) {
        const shown = JSON.stringify(bytes.toString('latin1').slice(0, 60));
        const answer = await exchange(part.adminPort, bytes);
        assert.doesNotMatch(answer, /root:/, shown);
        if (answer !== '') assert.match(answer, /^HTTP\/1\.1 [1-9]\d\d /, shown);
        await serves(each, `KVASIR_SEED=${seed}: ${shown}`);
      }
      // A body that is too long is refused, and who sends on is not listened to.
      const long = Buffer.alloc(17 * 1024 * 1024, 0x20);
      const target = root === 'topom' ? `/api/topom/slots/assign/${xauth}` : `/api/proxy/fillslots/${xauth}`;
      const refused = await exchange(
        part.adminPort,
        Buffer.concat([Buffer.from(head(`PUT ${target}`, `Content-Length: ${long.length}`)), long]),
      );
      assert.match(refused, /^HTTP\/1\.1 413 /);
      await serves(each, 'a long body');
      // Everything that has a value gets one that it does not expect; whoever does not know the key changes nothing.
      const before = JSON.stringify((await askHttp(part.adminPort, 'GET', `/${root}/slots`)).body);
      for (const pattern of each.puts) {
        const words = pattern.split('/').map((word) => (word === 'X' ? 'wrong' : word === 'V' ? '1' : word));
        const { status } = await askHttp(part.adminPort, 'PUT', `/api/${root}/${words.join('/')}`, []);
        assert.ok(status === 800 || status === 404, `${pattern}: ${status}`);
      }
      assert.equal(JSON.stringify((await askHttp(part.adminPort, 'GET', `/${root}/slots`)).body), before);
      const send = async (isPut: boolean, pattern: string, body: string): Promise<void> => {
        const words = pattern
          .split('/')
          .map((word) => (word === 'X' ? xauth : word === 'V' ? prng.pick(values) : word));
        const line = `${isPut ? 'PUT' : 'GET'} /api/${root}/${words.join('/')}`;
        const bytes = Buffer.from(body);
        const answer = await exchange(
          part.adminPort,
          Buffer.concat([Buffer.from(head(line, `Content-Length: ${bytes.length}`)), bytes]),
          false,
        );
        const shown = `KVASIR_SEED=${seed}: ${line.slice(0, 200)} ${body.slice(0, 100)}`;
        assert.match(answer, /^HTTP\/1\.1 (?:200|404|800) /, shown);
        assert.doesNotMatch(answer.split('\r\n\r\n')[0]!, /Set-Cookie/, shown);
        assert.equal(part.process.exitCode, null, `${shown}: ${part.log()}`);
      };
      for (const pattern of each.puts)
        if (readsBody.has(pattern)) for (const body of bodies) await send(true, pattern, body);
      for (let round = 0; round < 150 * times; round++) {
        const isPut = prng.chance(80);
        await send(isPut, prng.pick(isPut ? each.puts : each.gets), isPut ? prng.pick(bodies) : '');
      }
      await serves(each, 'all that');
    }
    const state = join(folder, 'state/codis3/shop');
    for (const file of filesOf(outside))
      assert.ok(configured.includes(file) || (file.startsWith(state) && !file.includes('escaped')), file);
    assert.ok(!existsSync(join(tmpdir(), 'escaped')));
    for (const file of filesOf(state)) JSON.parse(readFileSync(file, 'utf8'));
  });

  test('of kvasir-proxy tell their statistics to whatever comes, and end', async (t) => {
    const port = await findFreePort();
    const proxy = await startKvasirProxy(
      `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n   - 127.0.0.1:1:1\n`,
      port,
    );
    t.after(() => proxy.stop('SIGKILL'));
    const client = await RawClient.open(port);
    t.after(() => client.close());
    const prng = new Prng(seed);
    for (const bytes of rawRequests(prng)) {
      const shown = `KVASIR_SEED=${seed}: ${JSON.stringify(bytes.toString('latin1').slice(0, 60))}`;
      const answer = await exchange(proxy.statsPort, bytes);
      if (answer !== '') assert.match(answer, /^(?:HTTP\/1\.1 [2-5]\d\d |\{"service":"nutcracker")/, shown);
      assert.doesNotMatch(answer, /root:/, shown);
      assert.equal(await client.call('PING'), '+PONG\r\n', shown);
    }
    // Many at once that ask for nothing, and go when the proxy has told.
    const quiet = await Promise.all(Array.from({ length: 100 }, () => exchange(proxy.statsPort, '', false)));
    for (const answer of quiet) assert.match(answer, /^\{"service":"nutcracker"/);
    assert.match(await askStatistics(proxy, '/metrics'), /^# HELP redis_up/m);
    assert.equal(await client.call('PING'), '+PONG\r\n');
  });
});
