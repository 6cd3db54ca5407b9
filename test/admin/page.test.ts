// The page in a real browser: people of each role at work on Kvasir and on redis-server, without a fault of script, policy or access.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type EmbeddedServer, startServer } from '../../src/embed/start-server.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { firstAdmin, password, startTestAdmin, type TestAdmin, userWith, type Visitor } from './admin-client.js';
import { openBrowser, seriousFaults, watchFaults } from './browser.js';

const waitMs = 60_000;

describe('the page of the admin', { skip: peerMissing('chromium', 'redis-server') }, () => {
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (run: () => Promise<void> | void) => void ends.push(run) } as never;
  let server: EmbeddedServer;
  let redis: RedisPeer;
  let admin: TestAdmin;
  let root: Visitor;
  let browser: Browser;
  const ids: Record<string, string> = {};

  before(async () => {
    server = await startServer({ port: 0 });
    redis = await startRedis();
    admin = await startTestAdmin(context);
    root = await firstAdmin(admin);
    for (const [name, port] of [
      ['ours', server.port],
      ['redis', redis.port],
    ] as const) {
      ids[name] = String((await root.post('/api/servers', { name, nodes: [`127.0.0.1:${port}`] })).json().id);
      const commands = [
        ...Array.from({ length: 300 }, (_, index) => ['SET', `session:${index}`, `{"user":${index}}`]),
        ['HSET', 'user:1', 'name', 'Ada', 'city', 'Tórshavn'],
        ['RPUSH', 'queue', 'first', 'second', 'third'],
        ['ZADD', 'scores', '1.5', 'one', '2', 'two'],
        ['SADD', 'tags', 'red', 'green'],
        ['XADD', 'events', '1-1', 'kind', 'login'],
        ['SET', '<img src=x onerror=alert(1)>', '<script>alert(1)</script>'],
        ['SET', 'bin\udcff', '\udc80\udcfe'],
      ];
      const answer = await root.post(`/api/servers/${ids[name]}/commands`, { commands });
      assert.equal(answer.status, 200, answer.text);
    }
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const end of ends.reverse()) await end();
    await redis?.stop();
    await server?.close();
  });

  /** A browser of its own, logged in. */
  async function enter(
    name: string,
    size = { width: 1280, height: 800 },
  ): Promise<{ page: Page; faults: string[]; own: BrowserContext }> {
    const own = await browser.newContext({ viewport: size, colorScheme: 'light', locale: 'en-GB' });
    own.setDefaultTimeout(waitMs);
    const page = await own.newPage();
    const faults = watchFaults(page, admin.url);
    await page.goto(admin.url);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Servers' }).waitFor();
    return { page, faults, own };
  }

  const open = async (page: Page, server: string, view: string): Promise<void> => {
    await page.goto(`${admin.url}#/s/${ids[server]}/${view}`);
    await page.locator('.content').waitFor();
  };

  it('opens every view for an admin without a fault of script, policy or access, light and dark', async () => {
    const { page, faults, own } = await enter('root');
    const views = [
      'overview',
      'keys',
      'analysis',
      'bulk',
      'console',
      'history',
      'slowlog',
      'clients',
      'pubsub',
      'monitor',
      'config',
      'scripts',
      'acl',
      'exchange',
    ];
    for (const [index, view] of views.entries()) {
      await open(page, index % 2 === 0 ? 'ours' : 'redis', view);
      await page.locator('nav.tabs a[aria-current=page]').waitFor();
      await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
      if (index === 7) await page.getByRole('button', { name: 'Dark colours' }).click();
      for (const fault of await seriousFaults(page)) faults.push(`${view}: ${fault}`);
    }
    for (const view of ['users', 'audit', 'account']) {
      await page.goto(`${admin.url}#/${view}`);
      await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
      for (const fault of await seriousFaults(page)) faults.push(`${view}: ${fault}`);
    }
    assert.deepEqual(faults, []);
    await own.close();
  });

  for (const name of ['ours', 'redis'] as const) {
    it(`shows, changes and deletes keys of each type (${name})`, async () => {
      const { page, faults, own } = await enter('root');
      await open(page, name, 'keys');
      const tree = page.getByRole('tree');
      const key = (text: string) => tree.getByRole('treeitem', { name: text });
      await key('session:').click();
      await key('session:0').waitFor();
      // Closed again: three hundred rows would push the others out of what is drawn.
      await key('session:').first().click();
      await key('user:').click();
      await key('user:1').click();
      await page.getByText('Tórshavn').waitFor();
      // A field, changed in its dialog.
      await page.getByRole('row', { name: /city/ }).getByRole('button', { name: 'Edit' }).click();
      await page.getByRole('dialog').getByLabel('Value').fill('Klaksvík');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await page.getByText('Klaksvík').waitFor();
      for (const [text, shown] of [
        ['queue', 'second'],
        ['scores', '1.5'],
        ['tags', 'green'],
        ['events', 'kind: login'],
        ['bin\\xff', '80 fe'],
        ['<img src=x onerror=alert(1)>', '<script>alert(1)</script>'],
      ] as const) {
        await key(text).click();
        await page.locator('.detail').getByText(shown).first().waitFor();
      }
      // A new key, its time to live, another name, and away with it.
      await page.getByRole('button', { name: 'Add key' }).click();
      await page.getByRole('dialog').getByLabel('Key').fill('made:here');
      await page.getByRole('dialog').getByLabel('Value').fill('hello');
      await page.getByRole('dialog').getByRole('button', { name: 'Add' }).click();
      await page.getByRole('button', { name: 'Time to live' }).click();
      await page.getByRole('dialog').getByLabel('The key expires').check();
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await page.getByText(/expires in/).waitFor();
      await page.getByRole('button', { name: 'Rename' }).click();
      await page.getByRole('dialog').getByLabel('New name').fill('made:there');
      await page.getByRole('dialog').getByRole('button', { name: 'Rename' }).click();
      await page.getByRole('heading', { name: 'made:there' }).waitFor();
      await page.getByRole('button', { name: 'Delete', exact: true }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('Choose a key to see its value.').waitFor();
      const left = (
        await root.post(`/api/servers/${ids[name]}/commands`, {
          commands: [
            ['EXISTS', 'made:here', 'made:there'],
            ['HGET', 'user:1', 'city'],
          ],
        })
      ).json();
      assert.deepEqual(left.replies, [0, 'Klaksvík']);
      assert.deepEqual(faults, []);
      await own.close();
    });
  }

  it('runs commands in the console, with completion, and asks before FLUSHALL', async () => {
    const { page, faults, own } = await enter('root');
    await open(page, 'ours', 'console');
    const prompt = page.getByLabel('Command', { exact: true });
    await prompt.pressSequentially('hge');
    await page.getByRole('option', { name: /^HGET / }).waitFor();
    await prompt.fill('');
    await prompt.fill('hget user:1 name');
    await prompt.press('Enter');
    await page.getByText('"Ada"').waitFor();
    // The tab's connection is its own: MULTI holds.
    for (const line of ['MULTI', 'INCR counter', 'EXEC']) {
      await prompt.fill(line);
      await prompt.press('Escape');
      await prompt.press('Enter');
      await page.locator('.cmd', { hasText: line }).waitFor();
    }
    await page.getByText('1) (integer) 1').waitFor();
    await prompt.fill('FLUSHALL');
    await prompt.press('Escape');
    await prompt.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'FLUSHALL' }).isDisabled(), true);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.deepEqual(
      (await root.post(`/api/servers/${ids.ours}/commands`, { commands: [['EXISTS', 'queue']] })).json().replies,
      [1],
    );
    assert.deepEqual(faults, []);
    await own.close();
  });

  it('finds keys and changes them together, after the name was typed', async () => {
    const { page, faults, own } = await enter('root');
    await open(page, 'ours', 'bulk');
    await page.getByLabel('Pattern').fill('session:1?');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('heading', { name: '10 keys fit' }).waitFor();
    await page.getByRole('button', { name: 'delete' }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('ours');
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /Change/ })
      .click();
    await page.getByText('10 keys changed').waitFor();
    assert.deepEqual(
      (
        await root.post(`/api/servers/${ids.ours}/commands`, { commands: [['EXISTS', 'session:10', 'session:2']] })
      ).json().replies,
      [1],
    );
    assert.deepEqual(faults, []);
    await own.close();
  });

  it('follows MONITOR and channels while they happen', async () => {
    const { page, faults, own } = await enter('root');
    await open(page, 'redis', 'monitor');
    await page.getByLabel('Only lines with').fill('followed');
    await page.getByRole('button', { name: 'Start' }).click();
    const log = page.getByRole('log');
    while (!(await log.getByText('followed').first().isVisible())) await redis.send('GET', 'followed');
    await open(page, 'redis', 'pubsub');
    await page.getByRole('button', { name: 'Subscribe' }).click();
    while ((await redis.send('PUBLISH', 'news', 'hello there')) === '0');
    await page.getByText('hello there').first().waitFor();
    assert.deepEqual(faults, []);
    await own.close();
  });

  it('gives a viewer nothing to change, and a limited editor the own keys only', async () => {
    await userWith(root, 'viewer', { role: 'viewer' });
    const viewer = await enter('viewer');
    await open(viewer.page, 'ours', 'keys');
    await viewer.page.getByRole('treeitem', { name: 'queue' }).click();
    await viewer.page.getByText('second').waitFor();
    for (const name of ['Add key', 'Delete', 'Rename', 'Add element'])
      assert.equal(await viewer.page.getByRole('button', { name, exact: true }).count(), 0, name);
    for (const name of ['Configuration', 'ACL', 'Monitor', 'Users', 'Audit log'])
      assert.equal(await viewer.page.getByRole('link', { name, exact: true }).count(), 0, name);
    assert.deepEqual(viewer.faults, []);
    await viewer.own.close();

    await userWith(root, 'limited', { role: 'editor', prefixes: ['user:'], servers: [ids.ours] });
    const limited = await enter('limited');
    await limited.page.getByRole('link', { name: 'ours' }).first().waitFor();
    assert.equal(await limited.page.getByRole('link', { name: 'redis' }).count(), 0);
    await open(limited.page, 'ours', 'keys');
    await limited.page.getByRole('treeitem', { name: 'user:' }).waitFor();
    assert.equal(await limited.page.getByRole('treeitem').count(), 1);
    await limited.own.close();
  });

  it('is usable by keyboard, on a phone, and in Chinese', async () => {
    const { page, faults, own } = await enter('root', { width: 390, height: 800 });
    await open(page, 'ours', 'keys');
    const tree = page.getByRole('tree');
    await page.getByRole('treeitem').first().waitFor();
    await tree.focus();
    await tree.press('End');
    await tree.press('Home');
    await tree.press('ArrowRight');
    await page.getByRole('treeitem', { expanded: true }).waitFor();
    await tree.press('ArrowLeft');
    await page.getByRole('treeitem', { name: 'tags' }).click();
    await page.getByText('green').waitFor();
    await page.getByRole('button', { name: 'Back to the keys' }).click();
    assert.deepEqual(await seriousFaults(page), []);
    // Nothing sticks out to the side.
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'));
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByRole('link', { name: '全部服务器' }).click();
    await page.getByRole('heading', { name: '服务器' }).waitFor();
    assert.deepEqual(faults, []);
    await own.close();
  });
});
