// The words for what goes wrong with TLS: never OpenSSL's own, which name its functions, codes and source files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { runKvasir as runBenchmark } from '../benchmark-tool/run-tool.js';
import { findFreePort, peerMissing } from '../peer.js';
import { runKvasir, runRedis } from './programs.js';

const noRedisCli = peerMissing('redis-cli');
const WANTS_CERTIFICATE = 'Error: the server wants a client certificate (--cert and --key)\n';

describe('TLS that cannot come about', { skip: peerMissing('openssl') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tls-words-'));
  const file = (name: string): string => join(folder, name);
  let server: EmbeddedServer;
  let port = 0;

  before(async () => {
    for (const name of ['one', 'other']) {
      const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name}`.split(' ');
      execFileSync('openssl', [...words, '-keyout', file(`${name}.key`), '-out', file(name)], { stdio: 'ignore' });
    }
    writeFileSync(file('garbage'), 'no certificate and no key\n');
    port = await findFreePort();
    server = await startServer({
      port: 0,
      dir: folder,
      save: '',
      'tls-port': port,
      'tls-cert-file': file('one'),
      'tls-key-file': file('one.key'),
      'tls-ca-cert-file': file('one'),
    });
  });

  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const good = { '--cacert': 'one', '--cert': 'one', '--key': 'one.key' };
  const unusable: readonly (readonly [changes: Readonly<Record<string, string>>, says: string])[] = [
    [{ '--cacert': 'garbage' }, 'Invalid CA Certificate File/Directory'],
    [{ '--cacert': 'missing' }, 'Invalid CA Certificate File/Directory'],
    [{ '--cert': 'garbage' }, 'Invalid client certificate'],
    [{ '--cert': 'missing' }, 'Invalid client certificate'],
    [{ '--key': 'garbage' }, 'Invalid private key'],
    [{ '--key': 'missing' }, 'Invalid private key'],
    [{ '--key': 'other.key' }, 'Invalid private key'],
  ];

  const wordsOf = (changes: Readonly<Record<string, string>>): string[] => [
    '-p',
    String(port),
    '--tls',
    ...Object.entries({ ...good, ...changes }).flatMap(([name, value]) => [name, file(value)]),
  ];

  for (const [changes, says] of unusable) {
    test(`${JSON.stringify(changes)}: ${says}`, async () => {
      const wanted = `Could not negotiate a TLS connection: ${says}\n`;
      const cli = await runKvasir([...wordsOf(changes), 'ping']);
      assert.deepEqual([cli.status, cli.stderr], [1, wanted]);
      if (noRedisCli === false || noRedisCli === undefined)
        // It tries twice.
        assert.equal((await runRedis([...wordsOf(changes), 'ping'])).stderr, wanted.repeat(2));
      const benchmark = await runBenchmark([...wordsOf(changes), '-n', '10', '-t', 'ping', '-q']);
      assert.deepEqual([benchmark.code, benchmark.err], [1, wanted]);
    });
  }

  for (const [option, says] of [
    ['--tls-ciphers', 'Error while configuring ciphers'],
    ['--tls-ciphersuites', 'Error while setting cypher suites'],
  ] as const) {
    test(`${option} of none`, async () => {
      const { status, stderr } = await runKvasir([...wordsOf({}), option, 'none', 'ping']);
      assert.deepEqual([status, stderr], [1, `Could not negotiate a TLS connection: ${says}\n`]);
    });
  }

  test('a certificate is wanted and none is given, in every mode', async () => {
    const words = ['-p', String(port), '--tls', '--cacert', file('one')];
    for (const mode of [['ping'], ['--bigkeys'], ['--stat'], ['--pipe']]) {
      const { status, stderr } = await runKvasir([...words, ...mode], { stdin: 'PING\r\n' });
      assert.equal(status, 1, mode[0]);
      assert.equal(stderr, WANTS_CERTIFICATE, mode[0]);
    }
    const { code, err } = await runBenchmark([...words, '-n', '10', '-t', 'ping', '-q']);
    assert.equal(code, 1);
    assert.ok(err.endsWith(WANTS_CERTIFICATE), err);
    assert.doesNotMatch(err, /SSL routines|error:/);
  });

  test('with all that is wanted it comes about', async () => {
    assert.equal((await runKvasir([...wordsOf({}), 'ping'])).stdout, 'PONG\n');
  });
});
