// The page over millions of keys: the first view, frames while scrolling, and how long others wait for the server meanwhile.
//   KVASIR_ADMIN_KEYS=10000000 node --test dist/test/admin/many-keys.test.js       (about 1 GB for 10 million; KVASIR_ADMIN_BOUNDS=1 asserts)
//
// Twice: with a server that is walked by SCAN, and with one that counts prefixes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { startKvasir } from '../kvasir.js';
import { peerMissing } from '../peer.js';
import { firstAdmin, startTestAdmin } from './admin-client.js';
import { openBrowser } from './browser.js';

const keys = Number(process.env.KVASIR_ADMIN_KEYS ?? 0);
const hasBounds = process.env.KVASIR_ADMIN_BOUNDS !== undefined;
const folders = ['session', 'cart', 'user', 'token', 'feed', 'score', 'lock', 'queue', 'page', 'rate'];
const skip = keys === 0 ? 'takes minutes: KVASIR_ADMIN_KEYS=10000000' : peerMissing('chromium', 'redis-server');

async function startPinger(t: TestContext, port: number): Promise<() => Promise<number>> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./pinger.js', import.meta.url)), String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  while (!said.includes('ready')) await once(child.stdout, 'data');
  return async () => {
    child.stdin.end();
    await once(child.stdout, 'end');
    return Number(said.trim().split('\n').at(-1));
  };
}

/** Scrolls the tree from top to end in steps of a screen, one a frame; the longest frame in milliseconds. */
async function scrollAll(page: Page): Promise<{ frames: number; longestMs: number }> {
  return page.evaluate(`new Promise((resolve) => {
    const tree = document.querySelector('.tree');
    let frames = 0, longestMs = 0, before;
    const step = (now) => {
      if (before !== undefined) longestMs = Math.max(longestMs, now - before);
      before = now;
      const top = tree.scrollTop;
      tree.scrollTop += tree.clientHeight * 0.9;
      frames++;
      if (tree.scrollTop === top) resolve({ frames, longestMs: Math.round(longestMs) });
      else requestAnimationFrame(step);
    };
    tree.scrollTop = 0;
    requestAnimationFrame(step);
  })`);
}

for (const counts of [false, true])
  test(`${keys} keys, ${counts ? 'with' : 'without'} a table of prefixes`, { skip }, async (t) => {
    const server = await startKvasir({
      args: ['--save', '', '--enable-debug-command', 'yes', '--prefix-table', counts ? 'yes' : 'no'],
    });
    t.after(() => server.stop({ signal: 'SIGKILL' }));
    const startMs = Date.now();
    for (const folder of folders)
      assert.equal(
        await server.send('DEBUG', 'POPULATE', String(Math.ceil(keys / folders.length)), `app:${folder}`),
        'OK',
      );
    t.diagnostic(
      `filled in ${Date.now() - startMs} ms, ${Math.round((server.residentBytes() ?? 0) / 2 ** 20)} MB resident`,
    );
    const admin = await startTestAdmin(t);
    const root = await firstAdmin(admin);
    const id = String(
      (await root.post('/api/servers', { name: 'big', nodes: [`127.0.0.1:${server.port}`] })).json().id,
    );
    const browser = await openBrowser();
    t.after(() => browser.close());
    const own = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    own.setDefaultTimeout(300_000);
    const [name, value] = root.cookie.split('=') as [string, string];
    await own.addCookies([{ name, value, url: admin.url }]);
    const page = await own.newPage();
    const endPings = await startPinger(t, server.port);
    const openedMs = performance.now();
    await page.goto(`${admin.url}#/s/${id}/keys`);
    const tree = page.getByRole('tree');
    await tree.getByRole('treeitem', { name: 'app:' }).waitFor();
    const firstMs = Math.round(performance.now() - openedMs);
    await tree.getByRole('treeitem', { name: 'app:' }).click();
    await tree.getByRole('treeitem', { name: 'session:' }).click();
    // Until a few thousand names are there. The row that loads more of this folder, which is the third level, moves down with each part.
    const more = tree.locator('[aria-level="3"]', { hasText: 'Load more' });
    const height = (): Promise<number> => page.evaluate(`document.querySelector('.tree .sizer').offsetHeight`);
    for (let round = 0; round < 8; round++) {
      while (!(await more.isVisible())) {
        await tree.press('End');
        await page.waitForTimeout(20);
      }
      const before = await height();
      await more.click();
      while ((await height()) <= before) await page.waitForTimeout(20);
    }
    const { frames, longestMs } = await scrollAll(page);
    const analysisMs = performance.now();
    await page.goto(`${admin.url}#/s/${id}/analysis`);
    await page.getByRole('heading', { name: 'Memory by prefix' }).waitFor();
    const analysedMs = Math.round(performance.now() - analysisMs);
    const pingMs = await endPings();
    t.diagnostic(
      `first view ${firstMs} ms; ${frames} frames, the longest ${longestMs} ms; analysis ${analysedMs} ms; longest PING ${pingMs} ms`,
    );
    if (!hasBounds) return;
    assert.ok(firstMs < 1000, `first view ${firstMs} ms`);
    assert.ok(longestMs < 100, `a frame of ${longestMs} ms`);
    assert.ok(pingMs < 20, `PING ${pingMs} ms`);
  });
