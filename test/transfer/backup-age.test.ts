// Backups in the format of age: the machine that makes them needs the recipient alone, and age itself opens them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { peerMissing } from '../peer.js';
import { kvasirWithDebug, mustRun, runTool, withFolder } from './tools.js';

const skip = peerMissing('redis-cli');

interface Outcome {
  readonly file: string;
  readonly keys: number;
}

function flip(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset]! ^= 1;
  writeFileSync(file, bytes);
}

async function newIdentity(path: string): Promise<string> {
  const made = await mustRun('kvasir-backup', ['keygen', path, '--age']);
  return /^recipient: (age1\w+)$/m.exec(made.stdout.toString())![1]!;
}

describe('kvasir-backup with age', { skip }, () => {
  it('stores for recipients, verifies and restores with an identity, and refuses all else', async (t) => {
    const server = await kvasirWithDebug();
    t.after(() => server.stop());
    // More than a piece of age.
    await server.send('CONFIG', 'SET', 'rdbcompression', 'no');
    await server.send('DEBUG', 'POPULATE', '3', 'key', '100000');
    await withFolder(async (folder) => {
      const place = (name: string): string => join(folder, name);
      const [identity, other] = [place('identity'), place('other')];
      const recipient = await newIdentity(identity);
      const otherRecipient = await newIdentity(other);
      const source = ['--from', `127.0.0.1:${server.port}`, '--json'];
      const store = async (to: string, ...words: string[]): Promise<Outcome> => {
        const ran = await mustRun('kvasir-backup', ['run', ...source, '--to', place(to), ...words]);
        return JSON.parse(ran.stdout.toString()) as Outcome;
      };

      // By the recipient alone, which cannot read what it has written.
      const blind = await store('blind', '--age-recipient', recipient, '--age-recipient', otherRecipient);
      assert.match(blind.file, /^redis-\d{8}T\d{6}Z\.rdb\.gz\.age$/);
      assert.equal(blind.keys, 3);
      const stored = place(`blind/${blind.file}`);
      assert.match(readFileSync(stored, 'latin1').slice(0, 40), /^age-encryption\.org\/v1\n-> X25519 /);
      for (const key of [identity, other]) {
        const verified = await mustRun('kvasir-backup', ['verify', '--to', place('blind'), '--age-identity', key]);
        assert.match(verified.stdout.toString(), /good, 3 keys/);
      }
      for (const [words, message] of [
        [[], /is encrypted: --age-identity opens it/],
        [['--age-recipient', recipient], /is encrypted for a recipient: --age-identity opens it/],
        [['--passphrase', 'x'], /is encrypted by age: --age-identity opens it/],
      ] as const) {
        const ran = await runTool('kvasir-backup', ['verify', '--to', place('blind'), ...words]);
        assert.equal(ran.status, 1, ran.stderr);
        assert.match(ran.stderr, message);
      }

      // The identity alone is its own recipient; a file of recipients.
      const own = await store('own', '--age-identity', identity, '--compress', 'none');
      assert.match(own.file, /\.rdb\.age$/);
      writeFileSync(place('recipients'), `# all of us\n${recipient}\n\n${otherRecipient}\n`);
      await store('listed', '--age-recipients-file', place('recipients'));
      const out = place('restored.rdb');
      const from = ['restore', '--to', place('listed'), '-o', out];
      await mustRun('kvasir-backup', [...from, '--age-identity', other]);
      const stats = await mustRun('kvasir-rdb', ['stats', out, '--json']);
      assert.equal((JSON.parse(stats.stdout.toString()) as { keys: number }).keys, 3);
      const wrong = await runTool('kvasir-backup', ['verify', '--to', place('own'), '--age-identity', other]);
      assert.equal(wrong.status, 1);
      assert.match(wrong.stderr, /no identity of --age-identity opens it: it is for other recipients/);
      const sealed = await store('sealed', '--passphrase', 'x');
      const crossed = await runTool('kvasir-backup', ['verify', '--to', place('sealed'), '--age-identity', identity]);
      assert.match(crossed.stderr, new RegExp(`${sealed.file} is not encrypted by age`));

      // Every kind of damage is noticed, and nothing of it restored. A checksum of its own makes the decryption look.
      const damages: readonly ((file: string) => void)[] = [
        (file) => flip(file, 10),
        (file) => flip(file, 60),
        (file) => flip(file, readFileSync(file).length - 20),
        (file) => truncateSync(file, readFileSync(file).length - 1),
        (file) => truncateSync(file, 65536 + 16 + 200),
        (file) => truncateSync(file, 30),
        (file) => appendFileSync(file, 'x'),
        (file) => writeFileSync(file, 'a'.repeat(5000)),
        (file) => writeFileSync(file, `age-encryption.org/v1\n-> ${'x'.repeat(3 << 20)}`),
      ];
      for (const [index, damage] of damages.entries()) {
        const to = `damage${index}`;
        const made = await store(to, '--age-recipient', recipient, '--compress', 'none', '--verify', 'none');
        const file = place(`${to}/${made.file}`);
        damage(file);
        const sum = spawnSync('sha256sum', [made.file], { cwd: place(to), encoding: 'utf8' });
        writeFileSync(`${file}.sha256`, sum.stdout);
        const broken = place(`${to}.rdb`);
        const ran = await runTool('kvasir-backup', [
          ...['restore', '--to', place(to), '-o', broken, '--age-identity', identity],
        ]);
        assert.equal(ran.status, 1, `damage ${index}: ${ran.stderr}`);
        assert.match(ran.stderr, /damaged|no file of age|cut off/, `damage ${index}`);
        assert.deepEqual([existsSync(broken), existsSync(`${broken}.part`)], [false, false], `damage ${index}`);
      }

      for (const [words, message] of [
        [['--age-recipient', 'age1nonsense'], /--age-recipient: 'age1nonsense' is no recipient/],
        [['--age-recipient', recipient, '--encrypt-key', identity], /exclude each other/],
        [['--age-identity', place('recipients')], /identity 1 is none that can be used/],
      ] as const) {
        const ran = await runTool('kvasir-backup', ['run', ...source, '--to', place('bad'), ...words]);
        assert.equal(ran.status, 2, ran.stderr);
        assert.match(ran.stderr, message);
      }
      assert.equal(existsSync(place('bad')), false);

      // A snapshot that is damaged is found even where nobody can read the backup.
      writeFileSync(place('bad.rdb'), readFileSync(out).subarray(0, 150_000));
      const refused = await runTool('kvasir-backup', [
        ...['run', '--from', `rdb:${place('bad.rdb')}`, '--to', place('refused'), '--age-recipient', recipient],
      ]);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /the RDB in it is damaged/);
      assert.deepEqual(readdirSync(place('refused')), []);
    });
  });

  it('makes files that age opens, and opens those of age', { skip: peerMissing('age', 'age-keygen') }, async (t) => {
    const server = await kvasirWithDebug();
    t.after(() => server.stop());
    await server.send('DEBUG', 'POPULATE', '2000', 'key', '100');
    await withFolder(async (folder) => {
      const [identity, to] = [join(folder, 'identity'), join(folder, 'to')];
      const made = spawnSync('age-keygen', ['-o', identity], { encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      const source = ['--from', `127.0.0.1:${server.port}`, '--to', to, '--age-identity', identity];
      const ran = await mustRun('kvasir-backup', ['run', ...source, '--json']);
      const { file } = JSON.parse(ran.stdout.toString()) as Outcome;
      const opened = spawnSync('age', ['-d', '-i', identity, join(to, file)], { maxBuffer: 1 << 28 });
      assert.equal(opened.status, 0, opened.stderr.toString());
      const rdb = gunzipSync(opened.stdout);
      assert.equal(rdb.toString('latin1', 0, 5), 'REDIS');
      // And the other way round: the same backup, encrypted by age.
      const recipient = /age1\w+/.exec(readFileSync(identity, 'utf8'))![0];
      const again = spawnSync('age', ['-r', recipient, '-o', join(to, file)], { input: opened.stdout });
      assert.equal(again.status, 0, again.stderr.toString());
      const sum = spawnSync('sha256sum', [file], { cwd: to, encoding: 'utf8' });
      writeFileSync(join(to, `${file}.sha256`), sum.stdout);
      const verified = await mustRun('kvasir-backup', ['verify', '--to', to, '--age-identity', identity]);
      assert.match(verified.stdout.toString(), /good, 2000 keys/);
    });
  });
});
