import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SyncProgress } from '../engine/sync-progress.js';
import { alert } from './alerts.js';

it('tells once that it lags and once that it follows again, by webhook and command, and of a webhook that fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-alerts-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const told = join(folder, 'told');
  const bodies: Record<string, unknown>[] = [];
  let status = 200;
  let wake = (): void => undefined;
  const hook = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      bodies.push(JSON.parse(text) as Record<string, unknown>);
      response.statusCode = status;
      response.end();
      wake();
    });
  });
  hook.listen(0, '127.0.0.1');
  await once(hook, 'listening');
  t.after(() => hook.close());
  const next = async (count: number): Promise<void> => {
    while (bodies.length < count) await new Promise<void>((resolve) => (wake = resolve));
  };
  let nowMs = 1_000_000_000;
  const warnings: string[] = [];
  let warned = (): void => undefined;
  const environment = {
    now: () => nowMs,
    say: () => undefined,
    warn: (text: string) => {
      warnings.push(text);
      warned();
    },
    sleep: () => Promise.resolve(),
  };
  const progress = new SyncProgress('shop', environment);
  const config = {
    lagSeconds: 10,
    webhook: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
    command: `echo "$KVASIR_MYSQL_STATE $KVASIR_MYSQL_NAME: $KVASIR_MYSQL_TEXT" >> '${told}'`,
  };
  const end = alert(config, progress, environment);
  t.after(end);
  // The timer does not keep a process alive by itself.
  const keep = setInterval(() => undefined, 1000);
  t.after(() => clearInterval(keep));
  progress.phase = 'waiting';
  progress.lastError = 'the source is gone';
  await new Promise((resolve) => setTimeout(resolve, 1500));
  assert.equal(bodies.length, 0, 'a short loss is nobody’s business');
  nowMs += 11_000;
  await next(1);
  assert.equal(bodies[0]!.state, 'lagging');
  assert.equal(bodies[0]!.text, 'kvasir-mysql shop is 11 s behind (waiting): the source is gone');
  assert.equal(bodies[0]!.phase, 'waiting');
  nowMs += 60_000;
  progress.phase = 'following';
  await next(2);
  assert.equal(bodies[1]!.state, 'recovered');
  while (readOr(told).split('\n').length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(
    readFileSync(told, 'utf8'),
    'lagging shop: kvasir-mysql shop is 11 s behind (waiting): the source is gone\nrecovered shop: kvasir-mysql shop follows again\n',
  );
  status = 500;
  progress.phase = 'waiting';
  progress.heardMs = nowMs;
  const isWarned = new Promise<void>((resolve) => (warned = resolve));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  nowMs += 11_000;
  await isWarned;
  assert.deepEqual(warnings, ['cannot tell of it: the webhook answers 500']);
  assert.equal(bodies.length, 3);
});

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
