// options tests: what the command line becomes; refusals are compared with redis-cli in test/cli.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine, usage, type CliOptions } from './options.js';
import { parseRedisUri } from './uri.js';

function parse(line: string): { options: CliOptions; command: string[] } {
  const parsed = parseCommandLine(
    line.split(' ').filter((word) => word !== ''),
    false,
  );
  assert.ok(parsed.kind === 'run', line);
  return parsed;
}

function refusal(line: string): string {
  const parsed = parseCommandLine(line.split(' '), false);
  assert.ok(parsed.kind === 'refuse', line);
  return parsed.message;
}

test('options end where the command begins', () => {
  const { options, command } = parse('-h host -p 7000 -n 3 -r 5 -i 0.25 get -h -p');
  assert.deepEqual(
    [options.host, options.port, options.db, options.repeat, options.intervalMs],
    ['host', 7000, 3, 5, 250],
  );
  assert.deepEqual(command, ['get', '-h', '-p']);
});

test('the command lines of the guides are understood', () => {
  assert.deepEqual(parse('-c -h 10.0.0.1 -p 6381 shutdown').command, ['shutdown']);
  assert.ok(parse('--pipe').options.modes.has('pipe'));
  const script = parse('--eval phone_limit.lua rate.limiting:13700000000 , 10 3');
  assert.deepEqual(
    [script.options.evalFile, script.command],
    ['phone_limit.lua', ['rate.limiting:13700000000', ',', '10', '3']],
  );
  assert.deepEqual(parse('-p 26379 info Sentinel').command, ['info', 'Sentinel']);
});

test('numbers are read as C reads them', () => {
  assert.equal(parse('-p 7000x').options.port, 7000);
  assert.equal(parse('-n x').options.db, 0);
  assert.equal(parse('-r -1').options.repeat, -1);
  assert.equal(parse('--pipe-timeout 5s --pipe').options.pipeTimeoutSeconds, 5);
});

test('newer options are there', () => {
  const { options } = parse('-t 1.5 --keystats-samples 7 --top 0 --cursor 18446744073709551615 -4');
  assert.deepEqual(
    [options.connectTimeoutMs, options.memorySamples, options.top, options.cursor, options.family],
    [1500, 7, 0, 18446744073709551615n, 4],
  );
  assert.match(refusal('-t x'), /Invalid connection timeout/);
  assert.match(refusal('-4 -6'), /mutually exclusive/);
  assert.match(refusal('--top -1'), /positive integer/);
  assert.match(refusal('--cursor 1x'), /conversion error/);
  assert.match(refusal('--memkeys-samples -1'), /should be positive/);
  assert.match(refusal('-p 70000'), /Invalid server port/);
  assert.equal(parse('--json').options.resp3, 'tried');
  assert.equal(parse('-3 --json').options.resp3, 'asked');
});

test('the cluster manager gets its words and options', () => {
  const { options } = parse('--cluster add-node a:1 b:2 --cluster-slave --cluster-master-id abc -a secret');
  assert.equal(options.cluster?.command, 'add-node');
  assert.deepEqual(options.cluster?.args, ['a:1', 'b:2']);
  assert.deepEqual(
    [...options.cluster.options],
    [
      ['slave', []],
      ['master-id', ['abc']],
    ],
  );
  assert.equal(options.password, 'secret');
  const weights = parse('--cluster rebalance a:1 --cluster-weight x=1 y=0 --cluster-use-empty-masters').options.cluster;
  assert.deepEqual(weights?.options.get('weight'), ['x=1', 'y=0']);
  assert.equal(parseCommandLine(['--cluster'], false).kind, 'help');
});

test('help names every option', () => {
  const text = usage();
  for (const name of [
    '-h <hostname>',
    '--askpass',
    '--tls-ciphersuites',
    '--ldb-sync-mode',
    '--keystats',
    '--functions-rdb',
    '--cluster <command>',
  ]) {
    assert.ok(text.includes(name), name);
  }
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});

test('URIs', () => {
  assert.deepEqual(parseRedisUri('redis://'), { tls: false });
  assert.deepEqual(parseRedisUri('REDISS://user:p%40ss%2f@host:7000/3'), {
    tls: true,
    user: 'user',
    password: 'p@ss/',
    host: 'host',
    port: 7000,
    db: 3,
  });
  assert.deepEqual(parseRedisUri('redis://:secret@host'), { tls: false, password: 'secret', host: 'host' });
  assert.deepEqual(parseRedisUri('redis://secret@[::1]:7000'), {
    tls: false,
    password: 'secret',
    host: '::1',
    port: 7000,
  });
  assert.deepEqual(parseRedisUri('redis:///5'), { tls: false, db: 5 });
  assert.deepEqual(parseRedisUri('redis://gr%C3%BCn@h'), { tls: false, password: 'grün', host: 'h' });
  for (const bad of ['http://host', 'host:1', 'redis://%@h', 'redis://%zz@h', 'redis://%4@h'])
    assert.throws(() => parseRedisUri(bad), bad);
});
