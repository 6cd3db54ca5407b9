// The lock of a name in a folder: held by one process, and taken over after a crash.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, afterEach, describe, it } from 'node:test';
import { NameLock, takeName } from './name-lock.js';

const name = '.test';

describe('a name that one process may have', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'kvasir-lock-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const take = async (): Promise<NameLock> => {
    const got = await takeName(folder, name);
    assert.ok(got instanceof NameLock, String(got));
    return got;
  };

  const children: ChildProcess[] = [];
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

  /** Another process takes the name, and keeps it if it gets it. */
  const startElsewhere = async (mustHold = true): Promise<ChildProcess & { said: string }> => {
    const script = `
      const { takeName } = await import('${new URL('./name-lock.js', import.meta.url).href}');
      const got = await takeName(${JSON.stringify(folder)}, '${name}');
      process.send(typeof got === 'string' ? got : 'held');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.push(child);
    const [said] = (await once(child, 'message')) as [string];
    if (mustHold) assert.equal(said, 'held');
    return Object.assign(child, { said });
  };

  it('is refused with the id of the holder, and free after its release', async () => {
    const lock = await take();
    assert.equal(await takeName(folder, name), ` (pid ${process.pid})`);
    const other = await takeName(folder, '.other');
    assert.ok(other instanceof NameLock);
    other.release();
    lock.release();
    (await take()).release();
  });

  it('is free after its holder was killed, and not before', async () => {
    const child = await startElsewhere();
    assert.equal(await takeName(folder, name), ` (pid ${child.pid})`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    (await take()).release();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('has one holder when many take what a crash has left, in this process and in others', async () => {
    const child = await startElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Each holder lets go after a moment, and the next ones come.
    let holders = 0;
    let heldCount = 0;
    const contend = async (): Promise<void> => {
      for (let round = 0; round < 5;) {
        const got = await takeName(folder, name);
        if (!(got instanceof NameLock)) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        assert.equal(++holders, 1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        holders--;
        heldCount++;
        got.release();
        round++;
      }
    };
    await Promise.all(Array.from({ length: 6 }, contend));
    assert.equal(heldCount, 30);
    const words = await Promise.all(Array.from({ length: 4 }, async () => (await startElsewhere(false)).said));
    assert.equal(words.filter((each) => each === 'held').length, 1, String(words));
    assert.deepEqual(
      readdirSync(folder).filter((each) => !each.startsWith(name)),
      [],
    );
  });

  it(
    'is not kept by files of its form that no process listens on',
    { skip: process.platform === 'win32' ? 'a pipe is no file' : false },
    async () => {
      const number = '0123456789abcdef';
      for (const ending of ['lock', 'new']) writeFileSync(join(folder, `${name}.${number}.${ending}`), 'no socket');
      writeFileSync(join(folder, `${name}.mine.lock`), "somebody's");
      (await take()).release();
      assert.deepEqual(readdirSync(folder), [`${name}.mine.lock`]);
    },
  );

  it(
    'is refused while a process of the door does not answer',
    { skip: process.platform === 'win32' ? 'no SIGSTOP' : false },
    async () => {
      const child = await startElsewhere();
      child.kill('SIGSTOP');
      assert.equal(await takeName(folder, name), ', which does not answer,');
      child.kill('SIGCONT');
      assert.equal(await takeName(folder, name), ` (pid ${child.pid})`);
    },
  );
});
