// screenshots: pictures of kvasir-admin's page for documents and for whoever changes it: each view, on a desktop and a phone.
//   npm run --silent build && node scripts/screenshots.mjs FOLDER [VIEW ...]
//
// Needs chromium on the PATH. Starts a server with made-up keys and an admin of its own, and ends both.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemEnvironment } from '../dist/src/io/environment.js';
import { startAdmin } from '../dist/src/admin/admin.js';
import { startServer } from '../dist/src/embed/start-server.js';
import { openBrowser } from '../dist/test/admin/browser.js';
import { openExample } from './pictures/example.mjs';

const [folder, ...chosen] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Usage: node scripts/screenshots.mjs FOLDER [VIEW ...]\n');
  process.exit(2);
}
const password = 'only for pictures';
const serverViews =
  'overview keys analysis bulk console history slowlog clients pubsub monitor config scripts acl exchange'.split(' ');
const views = ['servers', ...serverViews, 'alerts', 'users', 'audit'].filter(
  (view) => chosen.length === 0 || chosen.includes(view),
);

const server = await startServer({ port: 0 });
const data = mkdtempSync(join(tmpdir(), 'kvasir-admin-'));
const fields = { name: 'cache', nodes: [`127.0.0.1:${server.port}`], separator: ':' };
const admin = await startAdmin({
  environment: systemEnvironment,
  host: '127.0.0.1',
  port: 0,
  dataFolder: data,
  pageFolder: 'dist/bundle/admin',
  keepsHistory: true,
  servers: [{ fields, password: undefined }],
  log: (text) => process.stderr.write(`${text}\n`),
});
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
mkdirSync(folder, { recursive: true });

await openExample(page, admin.setupUrl, password);

const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 800 } };
for (const theme of ['light', 'dark']) {
  await page.evaluate((name) => localStorage.setItem('theme', name), theme);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    for (const view of views) {
      await page.goto('about:blank');
      await page.goto(
        `${admin.url}#/${view === 'servers' ? '' : serverViews.includes(view) ? `s/given1/${view}` : view}`,
      );
      await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
      if (view === 'keys') {
        await page.getByRole('treeitem').filter({ hasText: 'leaderboard' }).click();
        await page.getByText('player-0').first().waitFor();
      }
      // Curves need two readings; nothing tells when they are drawn.
      await page.waitForTimeout(view === 'overview' || view === 'history' ? 5000 : 400);
      await page.screenshot({ path: join(folder, `${view}-${size}-${theme}.png`) });
    }
  }
}
await browser.close();
await admin.close();
await server.close();
rmSync(data, { recursive: true });
