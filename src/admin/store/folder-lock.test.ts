// The lock of the data folder: held by one process, and taken over after a crash.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FolderLock } from './folder-lock.js';

test('one process holds the folder; what a crash left is taken over', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'lock');
  const lock = new FolderLock(path);
  const isHeldBy = (number: number): boolean =>
    (JSON.parse(readFileSync(path, 'utf8')) as { process: number }).process === number;
  lock.take();
  assert.ok(isHeldBy(process.pid));
  lock.release();
  assert.ok(!existsSync(path));

  // The process that runs this one lives.
  const script = `import('${new URL('./folder-lock.js', import.meta.url).href}').then(({ FolderLock }) => new FolderLock(process.argv[1]).take())`;
  const dead = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
  assert.equal(dead.status, 0, dead.stderr);
  assert.ok(isHeldBy(dead.pid));
  lock.take();
  assert.ok(isHeldBy(process.pid));
  const refused = spawnSync(process.execPath, ['-e', script, path], { encoding: 'utf8' });
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, new RegExp(`another kvasir-admin \\(process ${process.pid}\\)`));
  assert.ok(isHeldBy(process.pid));
  lock.release();

  // Nonsense, as after a full disk, holds nothing; the own number is that of a start before, in a container.
  for (const text of ['', '{', '[]', `{"process":${process.pid},"began":"1"}`]) {
    writeFileSync(path, text);
    lock.take();
    assert.ok(isHeldBy(process.pid), text);
    lock.release();
  }
  if (process.platform !== 'linux') return;
  // Another process has got the number since.
  writeFileSync(path, `{"process":${process.ppid},"began":"1"}`);
  lock.take();
  assert.ok(isHeldBy(process.pid));
});
