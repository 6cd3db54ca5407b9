import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis } from '../peer.js';
import { accessKey, secretKey, startS3 } from './s3-server.js';
import { mustRun, runTool, withFolder } from './tools.js';

const page = fileURLToPath(new URL('../../../docs/backup.md', import.meta.url));
const skip = peerMissing('redis-cli');

async function withServer<T>(run: (server: KvasirProcess, folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const server = await startKvasir({ args: ['--repl-diskless-sync-delay', '0'] });
    try {
      await server.send('MSET', 'a', '1', 'b', '2', 'c', 'x'.repeat(1000));
      return await run(server, folder);
    } finally {
      await server.stop();
    }
  });
}

const backups = (folder: string): string[] => readdirSync(folder).filter((name) => /\.(rdb|gz|br|sealed)$/.test(name));

describe('kvasir-backup', { skip }, () => {
  it('stores, lists and restores snapshots of all compressions, and by a passphrase', async () => {
    await withServer(async (server, folder) => {
      const from = ['--from', `127.0.0.1:${server.port}`];
      const to = ['--to', join(folder, 'to')];
      const env = { KVASIR_BACKUP_PASSPHRASE: 'correct horse' };
      for (const compress of ['none', 'gzip', 'brotli'])
        for (const sealed of [false, true]) {
          const words = ['run', ...from, ...to, '--compress', compress, '--json', '--name', compress];
          const ran = await mustRun('kvasir-backup', words, sealed ? { env } : {});
          const outcome = JSON.parse(ran.stdout.toString()) as { keys: number; file: string };
          assert.equal(outcome.keys, 3);
          assert.equal(outcome.file.endsWith('.sealed'), sealed);
          const out = join(folder, `${outcome.file}.restored`);
          const at = ['--at', outcome.file.split('-')[1]!.slice(0, 16)];
          await mustRun('kvasir-backup', ['restore', ...to, '--name', compress, ...at, '-o', out], { env });
          const stats = await mustRun('kvasir-rdb', ['stats', out, '--json']);
          assert.equal((JSON.parse(stats.stdout.toString()) as { keys: number }).keys, 3);
        }
      const list = await mustRun('kvasir-backup', ['list', ...to, '--name', 'gzip']);
      assert.equal(list.stdout.toString().match(/ whole /g)?.length, 2);
      assert.deepEqual(
        readdirSync(join(folder, 'to')).filter((name) => name.startsWith('.')),
        [],
      );
    });
  });

  it('takes snapshots of redis-server, with a password', { skip: peerMissing('redis-server') }, async () => {
    await withFolder(async (folder) => {
      const redis = await startRedis({ args: ['--repl-diskless-sync-delay', '1'] });
      try {
        await redis.send('SET', 'k', 'v');
        await redis.send('CONFIG', 'SET', 'requirepass', 'secret');
        const words = ['run', '--from', `127.0.0.1:${redis.port}`, '--to', folder];
        const refused = await runTool('kvasir-backup', words);
        assert.equal(refused.status, 1);
        assert.match(refused.stderr, /NOAUTH|Authentication/i);
        assert.deepEqual(readdirSync(folder), []);
        const ran = await mustRun('kvasir-backup', words, { env: { REDISCLI_AUTH: 'secret' } });
        assert.match(ran.stdout.toString(), /1 keys, verified/);
      } finally {
        await redis.stop();
      }
    });
  });

  it('makes files that open without it, as the page says', async () => {
    await withServer(async (server, folder) => {
      const script = /^```js\n(.*?)^```$/ms.exec(readFileSync(page, 'utf8'))![1]!;
      writeFileSync(join(folder, 'open.mjs'), script);
      writeFileSync(join(folder, 'phrase'), 'korrektes Pferd, größer\n');
      await mustRun('kvasir-backup', ['keygen', join(folder, 'key')]);
      // More than a piece: the server must not compress.
      await server.send('CONFIG', 'SET', 'rdbcompression', 'no');
      for (let index = 0; index < 3; index++)
        await server.send('EVAL', "redis.call('SET', KEYS[1], string.rep(ARGV[1], 1000000))", '1', `big${index}`, 'ab');
      for (const secret of [
        ['--encrypt-key', join(folder, 'key')],
        ['--passphrase-file', join(folder, 'phrase')],
      ]) {
        const to = join(folder, secret[0]!.slice(2));
        await mustRun('kvasir-backup', [
          ...['run', '--from', `127.0.0.1:${server.port}`, '--to', to, '--compress', 'none'],
          ...secret,
        ]);
        const [file] = backups(to);
        await mustRun('kvasir-backup', ['restore', '--to', to, '-o', join(to, 'restored'), ...secret]);
        const opened = spawnSync(process.execPath, [join(folder, 'open.mjs'), join(to, file!), secret[1]!], {
          maxBuffer: 1 << 30,
        });
        assert.equal(opened.stderr.toString(), '');
        assert.ok(opened.stdout.equals(readFileSync(join(to, 'restored'))));
        assert.ok(opened.stdout.length > 3 << 20);
        assert.equal(opened.stdout.toString('latin1', 0, 5), 'REDIS');
      }
    });
  });

  it('notices every kind of damage, and restores nothing of it', async () => {
    await withServer(async (server, folder) => {
      const key = join(folder, 'key');
      await mustRun('kvasir-backup', ['keygen', key]);
      await mustRun('kvasir-backup', ['keygen', join(folder, 'other')]);
      const source = ['--from', `127.0.0.1:${server.port}`];
      const cases: [string, string[], (file: string, folder: string) => void, RegExp][] = [
        ['cut', [], (file) => truncateSync(file, 60), /damaged/],
        ['cut-sealed', ['--encrypt-key', key], (file) => truncateSync(file, 60), /another one|damaged|cut off/],
        ['longer', [], (file) => appendFileSync(file, 'x'), /damaged|checksum/],
        ['byte', ['--compress', 'none'], (file) => flip(file, 40), /damaged|checksum/],
        ['byte-sealed', ['--encrypt-key', key], (file) => flip(file, 40), /damaged/],
        ['no-rdb', [], (file) => writeFileSync(file, 'hello'), /damaged/],
        ['header', ['--encrypt-key', key], (file) => flip(file, 12), /too much memory/],
        ['sum', [], (file) => writeFileSync(`${file}.sha256`, 'x'), /is no checksum/],
        ['swapped', [], (file) => writeFileSync(`${file}.sha256`, `${'0'.repeat(64)}  ${nameOf(file)}\n`), /checksum/],
      ];
      for (const [name, options, damage, message] of cases) {
        const to = ['--to', join(folder, name)];
        await mustRun('kvasir-backup', ['run', ...source, ...to, ...options]);
        const secret = options.filter((word) => word !== '--compress' && word !== 'none');
        await mustRun('kvasir-backup', ['verify', ...to, ...secret]);
        damage(join(folder, name, backups(join(folder, name))[0]!), folder);
        const verified = await runTool('kvasir-backup', ['verify', '--all', ...to, ...secret]);
        assert.equal(verified.status, 1, name);
        assert.match(verified.stderr, message, name);
        const out = join(folder, `${name}.rdb`);
        const restored = await runTool('kvasir-backup', ['restore', ...to, ...secret, '-o', out]);
        assert.equal(restored.status, 1, name);
        assert.deepEqual([existsSync(out), existsSync(`${out}.part`)], [false, false], name);
      }
      const sealed = ['--to', join(folder, 'again')];
      await mustRun('kvasir-backup', ['run', ...source, ...sealed, '--encrypt-key', key]);
      for (const [words, message] of [
        [[], /is encrypted/],
        [['--encrypt-key', join(folder, 'other')], /the key or the passphrase is another one/],
        [['--passphrase', 'x'], /was encrypted with a key/],
      ] as const) {
        const ran = await runTool('kvasir-backup', ['verify', ...sealed, ...words]);
        assert.equal(ran.status, 1);
        assert.match(ran.stderr, message);
      }
    });
  });

  it('removes old backups by the rules, and says before what it would remove', async () => {
    await withServer(async (server, folder) => {
      const run = ['run', '--from', `127.0.0.1:${server.port}`, '--to', folder];
      const add = (name: string): void => {
        writeFileSync(join(folder, name), '');
        writeFileSync(join(folder, `${name}.sha256`), '');
      };
      for (const hour of ['01', '02', '03']) add(`redis-20260101T${hour}0000Z.rdb`);
      add('other-20260101T000000Z.rdb');
      writeFileSync(join(folder, 'redis-20260102T000000Z.rdb.gz'), 'of a run that was killed');
      const keep = ['--keep-hourly', '2'];
      const dry = await mustRun('kvasir-backup', [...run, ...keep, '--dry-run']);
      assert.match(dry.stdout.toString(), /would store redis-/);
      assert.match(dry.stdout.toString(), /would remove redis-20260101T010000Z.rdb/);
      assert.equal(backups(folder).length, 5);
      await mustRun('kvasir-backup', [...run, ...keep]);
      const left = backups(folder);
      assert.deepEqual(left.slice(0, 2), ['other-20260101T000000Z.rdb', 'redis-20260101T030000Z.rdb']);
      assert.equal(left.length, 3);
    });
  });

  it('a run that is killed leaves nothing that looks whole', async () => {
    await withFolder(async (folder) => {
      // A server that never ends its snapshot.
      const server = createTcpServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (bytes) => {
          const count = bytes.toString().match(/REPLCONF|INFO/g)?.length ?? 0;
          socket.write('+OK\r\n'.repeat(count));
          if (bytes.includes('SYNC')) socket.write(`$100000000\r\nREDIS0011${'\0'.repeat(1 << 20)}`);
        });
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const from = ['--from', `127.0.0.1:${(server.address() as AddressInfo).port}`];
      try {
        for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
          const to = join(folder, signal);
          mkdirSync(to);
          const ran = await runTool('kvasir-backup', ['run', ...from, '--to', to], {
            onStart: (child) => {
              const timer = setInterval(() => {
                if (!readdirSync(to).some((name) => name.endsWith('.part'))) return;
                clearInterval(timer);
                child.kill(signal);
              }, 20);
            },
          });
          assert.equal(ran.status, signal === 'SIGKILL' ? null : 130);
          assert.deepEqual(backups(to), []);
          if (signal === 'SIGTERM') assert.deepEqual(readdirSync(to), []);
        }
        const silent = await runTool('kvasir-backup', ['run', ...from, '--to', folder, '--stall', '1']);
        assert.equal(silent.status, 1);
        assert.match(silent.stderr, /sent nothing for 1 seconds/);
      } finally {
        server.close();
      }
    });
  });

  it('tells of failures by a command and a webhook', async () => {
    await withFolder(async (folder) => {
      const bodies: string[] = [];
      const hook = createServer((request, response) => {
        request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
        request.on('end', () => response.end());
      });
      hook.listen(0, '127.0.0.1');
      await once(hook, 'listening');
      try {
        writeFileSync(join(folder, 'bad.rdb'), 'no RDB');
        const ran = await runTool('kvasir-backup', [
          ...['run', '--from', `rdb:${join(folder, 'bad.rdb')}`, '--to', join(folder, 'to')],
          ...['--on-failure', `echo "$KVASIR_BACKUP_TEXT" > '${join(folder, 'told')}'`],
          ...['--webhook', `http://127.0.0.1:${(hook.address() as AddressInfo).port}/x`],
        ]);
        assert.equal(ran.status, 1);
        assert.match(
          readFileSync(join(folder, 'told'), 'utf8'),
          /run of redis on .* failed: .*the RDB in it is damaged/,
        );
        assert.match((JSON.parse(bodies.join('')) as { error: string }).error, /damaged/);
        assert.deepEqual(readdirSync(join(folder, 'to')), []);
        const untold = await runTool('kvasir-backup', [
          ...['run', '--from', 'rdb:/nowhere', '--to', folder, '--on-failure', 'exit 7'],
        ]);
        assert.match(untold.stderr, /No such file[^]*cannot tell of the failure: 'exit 7' exits with 7/);
      } finally {
        hook.close();
      }
    });
  });

  it('stays and makes one after the other with --every', async () => {
    await withServer(async (server, folder) => {
      const words = ['run', '--from', `127.0.0.1:${server.port}`, '--to', folder, '--every', '1s', '--keep-last', '2'];
      let printed = '';
      const ran = await runTool('kvasir-backup', words, {
        onStart: (child) =>
          child.stdout!.on('data', (chunk: Buffer) => {
            printed += chunk.toString();
            if ((printed.match(/verified/g)?.length ?? 0) >= 4) child.kill('SIGTERM');
          }),
      });
      assert.equal(ran.status, 130);
      assert.equal(backups(folder).length, 2);
    });
  });

  it('works by commands', async () => {
    await withServer(async (server, folder) => {
      const far = join(folder, 'it is far');
      mkdirSync(far);
      mkdirSync(join(folder, 'work'));
      const config = join(folder, 'backup.yaml');
      writeFileSync(
        config,
        [
          `from: 127.0.0.1:${server.port}`,
          'to: command',
          `work: ${join(folder, 'work')}`,
          `put-command: "cp {file} '${far}'/{name}"`,
          `get-command: "cp '${far}'/{name} {file}"`,
          `list-command: "ls -l '${far}'"`,
          `remove-command: "rm '${far}'/{name}"`,
          'keep-last: 1',
        ].join('\n'),
      );
      for (let count = 0; count < 2; count++) await mustRun('kvasir-backup', ['run', '-c', config]);
      assert.equal(readdirSync(far).length, 2);
      assert.deepEqual(readdirSync(join(folder, 'work')), []);
      await mustRun('kvasir-backup', ['restore', '-c', config, '-o', join(folder, 'out.rdb')]);
      assert.match((await mustRun('kvasir-backup', ['list', '-c', config])).stdout.toString(), /whole/);
    });
  });

  it('speaks S3: signed, in parts, in pages, again when the server is busy', async () => {
    await withServer(async (server, folder) => {
      const s3 = await startS3();
      const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
      const to = ['--to', 's3://vault/a b/redis', '--s3-endpoint', s3.url, '--work', folder];
      const run = ['run', '--from', `127.0.0.1:${server.port}`, ...to];
      try {
        let failures = 0;
        s3.fail = (request) => (request.startsWith('PUT') && failures++ < 2 ? 503 : undefined);
        await mustRun('kvasir-backup', run, { env });
        assert.ok(failures > 2);
        // Eleven megabytes that do not compress, in parts of five.
        await server.send('CONFIG', 'SET', 'rdbcompression', 'no');
        await server.send('EVAL', bigScript, '1', 'big');
        await mustRun('kvasir-backup', [...run, '--s3-part-size', '5mb', '--compress', 'none'], { env });
        assert.equal(s3.requests.filter((request) => request.includes('partNumber=')).length, 3);
        assert.equal(s3.uploads.size, 0);
        const list = await mustRun('kvasir-backup', ['list', ...to], { env });
        assert.equal(list.stdout.toString().match(/ whole /g)?.length, 2);
        const out = join(folder, 'out.rdb');
        await mustRun('kvasir-backup', ['restore', ...to, '-o', out], { env });
        assert.ok(readFileSync(out).length > 11e6);
        // The oldest one is still what it was.
        const [first] = [...s3.objects.keys()].filter((key) => key.endsWith('.gz'));
        assert.equal(gunzipSync(s3.objects.get(first!)!).toString('latin1', 0, 5), 'REDIS');
        // A failed upload is ended, and one that a crash left goes after a day.
        s3.fail = (request) => (request.includes('partNumber=2') ? 403 : undefined);
        const failed = await runTool('kvasir-backup', [...run, '--s3-part-size', '5mb', '--compress', 'none'], { env });
        assert.equal(failed.status, 1);
        assert.match(failed.stderr, /403 AccessDenied: as the test <wants>/);
        assert.equal(s3.uploads.size, 0);
        s3.fail = () => undefined;
        s3.uploads.set('old', { key: 'a b/redis/x', parts: new Map(), startedMs: Date.now() - 2 * 86_400_000 });
        await mustRun('kvasir-backup', ['prune', ...to, '--keep-last', '1'], { env });
        assert.equal(s3.uploads.size, 0);
        assert.equal(s3.objects.size, 2);
        assert.deepEqual(s3.refused, []);
        const wrong = await runTool('kvasir-backup', run, { env: { ...env, AWS_SECRET_ACCESS_KEY: 'other' } });
        assert.equal(wrong.status, 1);
        assert.match(wrong.stderr, /403 SignatureDoesNotMatch/);
      } finally {
        await s3.close();
      }
    });
  });

  it('goes on with an upload after kill -9, and after a dead network', async () => {
    await withServer(async (server, folder) => {
      const s3 = await startS3();
      const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
      const work = join(folder, 'work');
      const to = ['--to', 's3://vault/r', '--s3-endpoint', s3.url, '--work', work];
      const run = ['run', '--from', `127.0.0.1:${server.port}`, ...to, '--s3-part-size', '5mb', '--compress', 'none'];
      const parts = (): string[] => s3.requests.flatMap((request) => /partNumber=(\d)/.exec(request)?.[1] ?? []);
      const sums = (): number => [...s3.objects.keys()].filter((key) => key.endsWith('.sha256')).length;
      try {
        await server.send('CONFIG', 'SET', 'rdbcompression', 'no');
        await server.send('EVAL', bigScript, '1', 'big');
        const killed = await runTool('kvasir-backup', run, {
          env,
          onStart: (child) => {
            s3.hang = (request) => {
              if (!request.includes('partNumber=3')) return false;
              child.kill('SIGKILL');
              return true;
            };
          },
        });
        assert.equal(killed.status, null);
        assert.deepEqual([s3.objects.size, s3.uploads.size], [0, 1]);
        assert.equal(readdirSync(work).filter((name) => name.endsWith('.made.part')).length, 1);
        s3.hang = () => false;
        s3.requests.length = 0;
        const next = await mustRun('kvasir-backup', run, { env });
        assert.match(next.stdout.toString(), /which an interrupted run had made\n.*, 4 keys, verified/);
        assert.deepEqual(parts(), ['3', '1', '2', '3']);
        assert.deepEqual([sums(), s3.uploads.size], [2, 0]);
        assert.deepEqual(readdirSync(work), []);
        // Killed between the last part and the checksum: the stored file is verified, and not sent again.
        const late = await runTool('kvasir-backup', run, {
          env,
          onStart: (child) => {
            s3.hang = (request) => {
              if (!request.startsWith('PUT') || !request.includes('.sha256')) return false;
              child.kill('SIGKILL');
              return true;
            };
          },
        });
        assert.equal(late.status, null);
        assert.equal(sums(), 2);
        s3.hang = () => false;
        s3.requests.length = 0;
        await mustRun('kvasir-backup', run, { env });
        assert.deepEqual([sums(), parts()], [4, ['1', '2', '3']]);
        // A server that is busy for ever: the file stays, and the upload with it.
        s3.fail = (request) => (request.includes('partNumber=2') ? 503 : undefined);
        assert.equal((await runTool('kvasir-backup', run, { env })).status, 1);
        assert.equal(s3.uploads.size, 1);
        s3.fail = () => undefined;
        s3.requests.length = 0;
        const verified = await mustRun('kvasir-backup', [...run, '--json'], { env });
        assert.equal((JSON.parse(verified.stdout.toString()) as { resumed: string[] }).resumed.length, 1);
        assert.deepEqual(parts(), ['2', '3', '1', '2', '3']);
        await mustRun('kvasir-backup', ['verify', '--all', ...to], { env });
      } finally {
        await s3.close();
      }
    });
  });

  it('takes no file of an interrupted run that is not what its record says', async () => {
    await withServer(async (server, folder) => {
      const run = ['run', '--from', `127.0.0.1:${server.port}`, '--to', folder];
      const file = 'redis-20260101T000000Z.rdb';
      const content = Buffer.from('half');
      const sum = createHash('sha256').update(content).digest('hex');
      const records = [
        'no JSON',
        'null',
        '[]',
        '{"pid":-1}',
        recordOf({ file, hash: '0'.repeat(64), bytes: 4, rdbBytes: 4 }),
        recordOf({ file, hash: '../../x', bytes: 'x', rdbBytes: 4 }),
        recordOf({ file: '../x', hash: sum, bytes: 4, rdbBytes: 4 }),
        recordOf({ file, hash: sum, bytes: 4, rdbBytes: 4 }, { pid: '../../etc/passwd' }),
        recordOf({ file, hash: sum, bytes: 4, rdbBytes: 4 }, { about: ['not a comment'] }),
        recordOf({ file, hash: sum, bytes: 4, rdbBytes: 4 }, { files: null }),
        recordOf({ file: file.replace('26', '27'), hash: sum, bytes: 4, rdbBytes: 4 }),
        'x'.repeat(10_000),
      ];
      for (const record of records) {
        writeFileSync(join(folder, `.${file}.999999999.part`), content);
        writeFileSync(join(folder, `.${file}.made.part`), record);
        await mustRun('kvasir-backup', run);
        assert.ok(!existsSync(join(folder, file)), record.slice(0, 80));
      }
      // One that is what it says, and is no RDB: the check of its content refuses it.
      writeFileSync(join(folder, `.${file}.made.part`), recordOf({ file, hash: sum, bytes: 4, rdbBytes: 4 }));
      const ran = await runTool('kvasir-backup', run);
      assert.equal(ran.status, 3);
      assert.match(ran.stderr, /damaged/);
      assert.ok(!existsSync(join(folder, file)));
    });
  });

  it('says what is wrong with a command line', async () => {
    await withFolder(async (folder) => {
      for (const [words, status, message] of [
        [['run'], 2, /--to says where/],
        [['run', '--to', folder, '--name', '../x'], 2, /--name is made of/],
        [['run', '--to', folder, '--compress', 'zip'], 2, /--compress is/],
        [['run', '--to', folder, '--every', 'soon'], 2, /--every wants/],
        [['run', '--to', 's3://B'], 2, /is no target/],
        [['restore', '--to', folder], 2, /--file says where/],
        [['restore', '--to', folder, '--at', 'noon', '--file', 'x'], 2, /--at wants/],
        [['restore', '--to', folder, '--file', join(folder, 'x')], 1, /no backup of redis is on/],
        [['prune', '--to', folder], 2, /say what stays/],
        [['run', '--to', folder, '--from', '127.0.0.1:1'], 1, /cannot connect to 127.0.0.1:1/],
        [['run', '--to', folder, '--encrypt-key', '/dev/null'], 1, /holds no key/],
      ] as const) {
        const ran = await runTool('kvasir-backup', words);
        assert.equal(ran.status, status, words.join(' '));
        assert.match(ran.stderr, message);
      }
      assert.deepEqual(readdirSync(folder), []);
    });
  });
});

const bigScript = `math.randomseed(7)
local parts = {}
for index = 1, 1100 do
  local bytes = {}
  for at = 1, 100 do bytes[at] = string.char(math.random(0, 255)) end
  parts[index] = string.rep(table.concat(bytes), 100)
end
redis.call('SET', KEYS[1], table.concat(parts))`;

/** The files that a killed run has left beside the one that it made. */
function recordOf(file: object, other: object = {}): string {
  return JSON.stringify({ pid: 999_999_999, about: [], files: [file], ...other });
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x55;
  writeFileSync(file, bytes);
}

function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
