// screenshots: pictures of kvasir-admin's page for whoever changes it: each view, on a desktop and a phone, light and dark.
//   npm run --silent build && node scripts/screenshots.mjs FOLDER [--chinese] [VIEW ...]
//
// Needs chromium on the PATH. Starts servers of every kind and an admin of its own, and ends them.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemEnvironment } from '../dist/src/io/environment.js';
import { startAdmin } from '../dist/src/admin/admin.js';
import { startServer } from '../dist/src/embed/start-server.js';
import { openBrowser } from '../dist/test/admin/browser.js';
import { startPageFleet } from '../dist/test/admin/page-fleet.js';
import { openExample } from './pictures/example.mjs';

const [folder, ...words] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Usage: node scripts/screenshots.mjs FOLDER [--chinese] [VIEW ...]\n');
  process.exit(2);
}
const isChinese = words.includes('--chinese');
const chosen = words.filter((word) => !word.startsWith('--'));
const password = 'only for pictures';
/** The places of the views; given1 is the server with keys, the others stand in the order of the fleet. */
const places = {
  servers: '',
  ...Object.fromEntries(
    'overview keys analysis bulk flush preview console history slowlog clients pubsub monitor config scripts acl exchange'
      .split(' ')
      .map((view) => [view, `s/given1/${view}`]),
  ),
  flush: 's/given1/bulk',
  preview: 's/given1/bulk',
  sentinel: 's/given2/sentinel',
  proxy: 's/given3/proxy',
  codis: 's/given4/codis',
  cluster: 's/given5/cluster',
  reshard: 's/given5/cluster',
  add: '',
  rule: 'alerts',
  alerts: 'alerts',
  users: 'users',
  audit: 'audit',
  account: 'account',
};
const names = Object.keys(places).filter((view) => chosen.length === 0 || chosen.includes(view));

const server = await startServer({ port: 0 });
const fleet = await startPageFleet();
const data = mkdtempSync(join(tmpdir(), 'kvasir-admin-'));
const admin = await startAdmin({
  environment: systemEnvironment,
  host: '127.0.0.1',
  port: 0,
  dataFolder: data,
  pageFolder: 'dist/bundle/admin',
  keepsHistory: true,
  servers: [
    { name: 'cache', nodes: [`127.0.0.1:${server.port}`], separator: ':' },
    ...Object.values(fleet.entries),
    { name: 'gone', nodes: ['127.0.0.1:1'] },
  ].map((fields) => ({ fields, password: undefined })),
  log: (text) => process.stderr.write(`${text}\n`),
});
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
mkdirSync(folder, { recursive: true });

await openExample(page, admin.setupUrl, password);
await page.evaluate(async (isChinese) => {
  if (isChinese) localStorage.setItem('language', 'zh-CN');
  const { csrfToken } = await (await fetch('/api/session')).json();
  const post = (path, body) =>
    fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-csrf-token': csrfToken },
      body: JSON.stringify(body),
    });
  const codis = (body) => post('/api/servers/given4/codis', { confirm: 'shop', ...body });
  const { servers } = await (await fetch('/api/servers')).json();
  for (const group of [1, 2]) await codis({ command: 'add-group', group });
  await codis({ command: 'add-server', group: 1, server: servers.find(({ id }) => id === 'given4').nodes[0] });
  await codis({ command: 'pause' });
  await codis({ command: 'move', first: 0, last: 19, group: 1 });
  await post('/api/alerts/channels', {
    channel: { id: 'ops', name: 'Team', type: 'webhook', url: 'http://127.0.0.1:9/' },
  });
  await post('/api/alerts/silence', { rule: 'down', forMs: 3600_000 });
}, isChinese);

/** The steps on a view before its picture. */
const steps = {
  async keys() {
    await page.getByRole('treeitem').filter({ hasText: 'leaderboard' }).click();
    await page.getByText('player-0').first().waitFor();
  },
  async preview() {
    await page.locator('.content form').first().locator('input').first().fill('session:*');
    await page.locator('.content form').first().locator('button[type=submit]').click();
    await page.locator('.content h2', { hasText: '400' }).waitFor();
  },
  async sentinel() {
    await page.getByRole('button', { name: 'mymaster' }).click();
  },
  async reshard() {
    await page.locator('.panel > header button').nth(2).click();
    await page.locator('dialog button[type=submit]').click();
    await page.locator('dialog button.danger').waitFor();
  },
  async add() {
    await page.locator('.top button.primary').click();
  },
  async rule() {
    await page.locator('.panel').nth(1).locator('header button').click();
  },
  async flush() {
    await page.locator('form.panel button.danger').click();
    await page.locator('dialog input').fill('cache');
    await page.locator('dialog button.danger').click();
    await page.locator('.notice button.primary').waitFor();
  },
};
// The flush comes last, and its undo at once.
names.sort((a, b) => Number(a === 'flush') - Number(b === 'flush'));

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 800 } };
for (const theme of ['light', 'dark']) {
  await page.evaluate((name) => localStorage.setItem('theme', name), theme);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    for (const view of names) {
      await page.goto('about:blank');
      await page.goto(`${admin.url}#/${places[view]}`);
      await page
        .getByText(/^(Loading …|加载中…)$/)
        .first()
        .waitFor({ state: 'hidden' });
      await steps[view]?.();
      // Curves need two readings; nothing tells when they are drawn.
      await page.waitForTimeout(view === 'overview' || view === 'history' ? 5000 : 400);
      await page.screenshot({ path: join(folder, `${view}-${size}-${theme}.png`) });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) process.stderr.write(`${view}, ${size}: ${wide} pixels too wide\n`);
      if (view === 'flush') {
        await page.locator('.notice button.primary').click();
        await page.locator('.notice button.primary').waitFor({ state: 'detached' });
      }
    }
  }
}
await browser.close();
await admin.close();
await server.close();
await fleet.stop();
rmSync(data, { recursive: true });
