import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Prng } from '../base/prng.js';
import { codisDefaults, defaultCodisConfig } from '../proxy/codis/codis-config.js';
import { dashboardDefaults, defaultDashboardConfig } from '../proxy/codis/dashboard/dashboard-config.js';
import { ownKeys, poolKeys } from '../proxy/config/nutcracker-config.js';
import { sharesPorts } from '../io/sockets.js';
import { directiveNames } from '../sentinel/config-reader.js';
import { codisKeyNotes } from './codis-key-notes.js';
import { kindOf } from './config-kind.js';
import { explainConfig, explainText } from './explain-config.js';
import { poolKeyNotes } from './pool-key-notes.js';
import { sentinelNotes } from './sentinel-notes.js';

const old = `daemonize yes
vm-enabled no
glueoutputbuf yes
hash-max-zipmap-entries 64
slave-read-only yes
logfile stdout
auto-aof-rewrite-percentage 80-100
maxmemroy 1gb
appendonly maybe
timeout 7  tcp-keepalive 9
save 900 1
`;

it('says of each line what it does today, and how a current file has it', () => {
  const lines = explainText('redis.conf', old);
  const of = (line: number): (typeof lines)[number][] => lines.filter((one) => one.line === line);
  assert.deepEqual(
    lines.map(({ line, verdict }) => `${line} ${verdict}`),
    [
      '1 ok',
      '2 warning',
      '3 warning',
      '4 warning',
      '5 ok',
      '6 warning',
      '7 warning',
      '8 error',
      '9 error',
      '10 warning',
      '10 warning',
      '11 ok',
    ],
  );
  assert.match(of(2)[0]!.meaning, /virtual memory is gone since Redis 2\.6/);
  assert.equal(of(2)[0]!.now, undefined);
  assert.match(of(4)[0]!.now!, /^hash-max-listpack-entries 64$/);
  assert.equal(of(5)[0]!.now, 'replica-read-only yes');
  assert.equal(of(6)[0]!.now, 'logfile ""');
  assert.equal(of(7)[0]!.now, 'auto-aof-rewrite-percentage 80');
  assert.match(of(8)[0]!.meaning, /the nearest is 'maxmemory'/);
  assert.deepEqual(
    of(10).map(({ now }) => now),
    ['timeout 7', 'tcp-keepalive 9'],
  );
  assert.equal(of(11)[0]!.now, 'save 900 1');
});

it('gives a converted file that explains itself without a warning', () => {
  const converted = explainText('redis.conf', old).flatMap(({ now }) => now ?? []);
  for (const one of explainText('new.conf', converted.join('\n'))) assert.equal(one.verdict, 'ok', one.text);
});

const verdicts = (lines: ReturnType<typeof explainText>): string[] =>
  lines.map(({ line, verdict }) => `${line} ${verdict}`);

const sentinelFile = `port 26379
sentinel parallel-syncs mymaster 1
sentinel monitor mymaster 127.0.0.1 6379 2
sentinel can-failover mymaster yes
sentinel known-slave mymaster 127.0.0.1 6380
sentinel monitor other redis.example 6379 2
sentinel down-after-millisecond mymaster 5000
sentinel notification-script mymaster /nowhere/notify.sh
sentinel down-after-milliseconds nobody 5000
sentinel auth-pass mymaster "a b"
sentinel
glueoutputbuf yes
`;

it('explains a sentinel.conf of any order and age, and converts it', () => {
  const lines = explainText('any.conf', sentinelFile);
  assert.deepEqual(verdicts(lines), [
    ...['1 ok', '2 ok', '3 ok', '4 warning', '5 warning', '6 error', '7 error', '8 warning', '9 error', '10 ok'],
    ...['11 error', '12 warning'],
  ]);
  assert.match(lines[3]!.meaning, /gone since Redis 2\.8/);
  assert.equal(lines[3]!.now, undefined);
  assert.equal(lines[4]!.now, 'sentinel known-replica mymaster 127.0.0.1 6380');
  assert.match(lines[5]!.meaning, /resolve-hostnames yes/);
  assert.match(lines[6]!.meaning, /the nearest is 'down-after-milliseconds'/);
  assert.match(lines[7]!.meaning, /cannot be run on this machine/);
  assert.match(lines[8]!.meaning, /No such master/);
  const good = sentinelFile.split('\n').filter((_, index) => ![5, 6, 7, 8, 10].includes(index));
  const converted = explainText('old.conf', good.join('\n')).flatMap(({ now }) => now ?? []);
  assert.equal(converted.length, 5);
  for (const one of explainText('new.conf', converted.join('\n'))) assert.equal(one.verdict, 'ok', one.text);
  assert.match(explainText('s', 'sentinel monitor m 127.0.0.1 1 1\nsentinel can-failover m no')[1]!.meaning, /remove/);
});

it('explains a nutcracker.yml, and leaves its indentation in the converted file', () => {
  const text = `# caches
alpha:
  listen: 127.0.0.1:22121
  hash: fnv1a_64
  redis: true
  reuseport: true
  redis_aut: secret
  servers:
   - 127.0.0.1:6379:1 one
   - 127.0.0.1:6380
`;
  const lines = explainText('nutcracker', text);
  assert.deepEqual(verdicts(lines), [
    ...['2 ok', '3 ok', '4 ok', '5 ok', `6 ${sharesPorts() ? 'ok' : 'warning'}`, '7 error', '8 ok', '9 ok', '10 error'],
  ]);
  assert.equal(lines[1]!.now, '  listen: 127.0.0.1:22121');
  assert.match(lines[3]!.meaning, /since twemproxy/);
  const memcached = explainText('x.yml', 'beta:\n  listen: 127.0.0.1:1\n  servers:\n   - h:1:1\n');
  assert.match(memcached[0]!.meaning, /for memcached/);
});

it("explains codis's files of every generation in the words of 3.2", () => {
  const proxy = explainText(
    'proxy.toml',
    'product_name = "shop"\nsession_max_timeout = 1800\njodis_compatible = 0\nmax_alive_sessions = 9\nbackend_max_pipelin = 1\nmigration_timeout = "30s"\nproduct_name = "again"\n',
  );
  assert.deepEqual(verdicts(proxy), ['1 ok', '2 warning', '3 warning', '4 warning', '5 error', '6 error', '7 error']);
  assert.equal(proxy[1]!.now, 'session_recv_timeout = "1800s"');
  assert.equal(proxy[2]!.now, 'jodis_compatible = false');
  assert.equal(proxy[3]!.now, 'proxy_max_clients = 9');
  assert.match(proxy[4]!.meaning, /the nearest is 'backend_max_pipeline'/);
  assert.match(proxy[5]!.meaning, /it belongs in dashboard\.toml/);
  const ini = explainText('config.ini', 'zk=localhost:2181\nproduct=test\nproxy_id=proxy_1\nbackend_ping_period=5\n');
  assert.deepEqual(verdicts(ini), ['1 warning', '2 warning', '3 warning', '4 ok']);
  assert.equal(ini[1]!.now, 'product_name = "test"');
  assert.match(ini[0]!.meaning, /coordinator_addr in dashboard\.toml/);
  const dashboard = explainText('x', 'migration_method = "async"\nsentinel_quorum = 2\n');
  assert.deepEqual(verdicts(dashboard), ['1 error', '2 ok']);
});

it('tells the kinds of files apart by what is in them', () => {
  assert.equal(kindOf('a', old), 'redis');
  assert.equal(kindOf('a', sentinelFile), 'sentinel');
  assert.equal(kindOf('a', '\nalpha:\n  listen: 1\n'), 'nutcracker');
  assert.equal(kindOf('a', defaultCodisConfig()), 'codis-proxy');
  assert.equal(kindOf('a', defaultDashboardConfig()), 'codis-dashboard');
  assert.equal(kindOf('a', ''), 'redis');
  for (const text of [defaultCodisConfig(), defaultDashboardConfig()])
    for (const one of explainText('a', text)) assert.equal(one.verdict, 'ok', one.text);
});

it('knows a meaning for every key that the programs read, and for no other', () => {
  assert.deepEqual(Object.keys(sentinelNotes).sort(), directiveNames().sort());
  assert.deepEqual(Object.keys(poolKeyNotes).sort(), [...poolKeys, ...ownKeys].sort());
  const codis = new Set([...Object.keys(codisDefaults), ...Object.keys(dashboardDefaults)]);
  assert.deepEqual(Object.keys(codisKeyNotes).sort(), [...codis].sort());
});

it('explains any bytes without an exception', () => {
  const random = new Prng(20_261_129);
  const pieces = [
    'sentinel ',
    'monitor m ',
    '127.0.0.1',
    ' 6379 2',
    '"',
    "'",
    '\\x',
    ' = ',
    ': ',
    '\n',
    '\t',
    '  \0  ',
    '  \v  ',
    'timeout 7  ',
    '- ',
    '[',
    '\0',
    '#',
  ];
  for (let round = 0; round < 2000; round++) {
    let text = '';
    for (let count = 0; count < 15; count++) text += pieces[random.below(pieces.length)]!;
    for (const kind of ['redis', 'sentinel', 'nutcracker', 'codis-proxy', 'codis-dashboard', undefined] as const)
      explainText('f', text, kind);
  }
});

it('refuses an unknown kind and prints how it is called', () => {
  let printed = '';
  assert.equal(
    explainConfig(['x', '--kind', 'memcached'], (text) => (printed += String(text))),
    2,
  );
  assert.match(printed, /--kind KIND/);
});

it('shows a line as it is written, in UTF-8 or not, and keeps its bytes in a converted file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-doctor-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'redis.conf');
  const printed = (...words: string[]): Buffer => {
    const parts: Buffer[] = [];
    explainConfig([file, ...words], (text) => void parts.push(Buffer.from(text as string)));
    return Buffer.concat(parts);
  };
  writeFileSync(file, '# Größe\nrequirepass schlüssel\ndir /data/größe\nunbekannt größe\n');
  assert.match(printed().toString(), /requirepass schlüssel\n/);
  assert.match(printed().toString(), /unbekannt größe\n/);
  assert.match(printed('--json').toString(), /"text":"requirepass schlüssel"/);
  assert.match(printed('--convert').toString(), /^requirepass schlüssel$/m);
  writeFileSync(file, Buffer.from('requirepass schl\xfcssel\n', 'latin1'));
  assert.match(printed().toString(), /requirepass schlüssel\n/);
  assert.equal(printed('--convert').toString('latin1'), 'requirepass schl\xfcssel\n');
});
