// A process that keeps a history is killed with SIGKILL again and again; every row that it had appended is kept.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../src/base/prng.js';
import { systemClock } from '../../src/io/clock.js';
import { RealFiles } from '../../src/io/files.js';
import { FileHistory } from '../../src/monitor/history/file-history.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const script = fileURLToPath(new URL('./appender.js', import.meta.url));

test('a history survives kill -9', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-kill-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const random = new Prng(seed);
  let next = 0;
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [script, folder, String(next)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const wanted = next + 200 + random.below(2500);
    let text = '';
    let last = -1;
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      text += chunk;
      const end = text.lastIndexOf('\n');
      if (end < 0) return;
      last = Number(text.slice(text.lastIndexOf('\n', end - 1) + 1, end));
      text = text.slice(end + 1);
      if (last >= wanted) child.kill('SIGKILL');
    });
    await once(child, 'close');
    assert.ok(last >= wanted, `seed ${seed}: the child ended by itself`);
    const history = new FileHistory({ files: new RealFiles(), clock: systemClock }, folder, () => undefined);
    const { v } = await history.series('a', 'n', 0, (last + 1) * 2000, 2000);
    assert.deepEqual(
      v,
      Array.from({ length: last + 1 }, (_, index) => index),
      `seed ${seed}, round ${round}`,
    );
    // It may have appended more rows than it could say.
    const beyond = await history.series('a', 'n', (last + 1) * 2000, (last + 5000) * 2000, 2000);
    next = last + 1 + beyond.v.filter((value) => !Number.isNaN(value)).length;
    await history.close();
  }
});
