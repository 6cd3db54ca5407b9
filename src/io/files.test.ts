import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RealFiles } from './files.js';

/** Files in this folder that this process has open although their name is gone. */
function nameless(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      return target.startsWith(folder) && target.endsWith(' (deleted)') ? [target] : [];
    } catch {
      return []; // The descriptor of the listing itself.
    }
  });
}

test(
  'a file that loses its name is closed soon after, and errors come as without that',
  { skip: process.platform === 'linux' ? false : 'only Linux lists the open files' },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-files-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const files = new RealFiles();
    const [old, other] = [join(folder, 'old'), join(folder, 'other')];
    writeFileSync(old, 'old');
    writeFileSync(other, 'other');
    files.rename(other, old);
    assert.equal(readFileSync(old, 'latin1'), 'other');
    files.remove(old);
    assert.deepEqual(readdirSync(folder), []);
    while (nameless(folder).length > 0) await sleep(1);

    assert.throws(() => files.remove(old), { code: 'ENOENT' });
    assert.throws(() => files.rename(old, other), { code: 'ENOENT' });
    writeFileSync(other, '');
    assert.throws(() => files.rename(old, other), { code: 'ENOENT' });
    while (readdirSync('/proc/self/fd').some((name) => isOpen(name, other))) await sleep(1);
  },
);

function isOpen(name: string, path: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${name}`) === path;
  } catch {
    return false;
  }
}
