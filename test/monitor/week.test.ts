// A week of samples of many servers, read as a page reads it: a short share of it always, fifty servers with KVASIR_MONITOR_WEEK=1.
//
//   KVASIR_MONITOR_WEEK=1 node --test dist/test/monitor/week.test.js
//
// One server is written row by row; the others are copies of its files, which are what is read.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { systemClock } from '../../src/io/clock.js';
import { RealFiles } from '../../src/io/files.js';
import { FileHistory } from '../../src/monitor/history/file-history.js';
import type { Cell } from '../../src/monitor/history/open-block.js';

const isFull = process.env.KVASIR_MONITOR_WEEK !== undefined;
const DAY_MS = 86_400_000;
const DAYS = isFull ? 7 : 1 / 6;
const SERVERS = isFull ? 50 : 5;
const STEP_MS = 2000;
const START_MS = Date.UTC(2026, 0, 1);
const END_MS = START_MS + DAYS * DAY_MS;
const READ_MS_MAX = 200;

test(`a week of ${SERVERS} servers is read in no more than ${READ_MS_MAX} ms`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-week-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { files: new RealFiles(), clock: systemClock };
  const log = (text: string): void => assert.fail(text);
  const random = new Prng(1);
  const writer = new FileHistory(environment, folder, log);
  const names = ['commands', 'memory_used', 'cpu', 'clients', 'net_in', 'net_out', 'hit_rate', 'keys'];
  let memory = 1e9;
  for (let at = START_MS; at < END_MS; at += STEP_MS) {
    memory += random.below(20_001) - 10_000;
    const cells: Cell[] = names.map((name) => ({ name, decimals: 1, value: random.below(100_000) / 10 }));
    cells.push({ name: 'memory', decimals: 0, value: memory });
    writer.append('server-0', at, cells);
  }
  await writer.close();
  for (let server = 1; server < SERVERS; server++)
    cpSync(join(folder, 'server-0'), join(folder, `server-${server}`), { recursive: true });

  const history = new FileHistory(environment, folder, log);
  const curves = async (metric: string, stepMs: number, servers = SERVERS): Promise<{ ms: number; points: number }> => {
    const began = performance.now();
    const all = await Promise.all(
      Array.from({ length: servers }, (_, server) =>
        history.series(`server-${server}`, metric, START_MS, END_MS, stepMs),
      ),
    );
    const ms = performance.now() - began;
    for (const { v } of all) assert.ok(v.filter((value) => !Number.isNaN(value)).length >= v.length - 1, metric);
    return { ms, points: all.reduce((sum, { v }) => sum + v.length, 0) };
  };
  const first = await curves('cpu', 600_000);
  // The best of some: other programs have the processors too.
  let later = await curves('memory', 600_000);
  for (let round = 0; round < (isFull ? 9 : 1); round++) {
    const again = await curves(names[round % names.length]!, 600_000);
    if (again.ms < later.ms) later = again;
  }
  const minutes = await curves('net_in', 60_000);
  const rows = await curves('net_out', 20_000, 1);
  t.diagnostic(
    `first, with opening all files: ${first.ms.toFixed()} ms; ${later.points} points: ${later.ms.toFixed()} ms; ` +
      `${minutes.points} points, a minute each: ${minutes.ms.toFixed()} ms; one server from rows of 2 s: ${rows.ms.toFixed()} ms; ` +
      `${(history.bytesOf('server-0') / 1024 / 1024).toFixed(1)} MB a server`,
  );
  await history.close();
  if (isFull) assert.ok(later.ms <= READ_MS_MAX, `${later.ms.toFixed()} ms`);
});
