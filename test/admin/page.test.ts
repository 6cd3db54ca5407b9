// The page in a real browser: people of each role at work on Kvasir and on redis-server, without a fault of script, policy or access.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { peerMissing } from '../peer.js';
import { password, userWith } from './admin-client.js';
import { faultsBy, seriousFaults, watchFaults } from './browser.js';
import { fleetPages } from './fleet-pages.js';
import { hostileNames } from './hostile-names.js';
import { PageStage } from './page-stage.js';
import { streamPages } from './stream-pages.js';
import { workPages } from './work-pages.js';

/** Contrast depends on colours, not on the language, and takes most of axe's time. */
const withoutContrast = { rules: { 'color-contrast': { enabled: false } } };

describe('the page of the admin', { skip: peerMissing('chromium', 'redis-server') }, () => {
  const stage = new PageStage();
  before(() => stage.start());
  after(() => stage.stop());

  // Side by side, as both wait more than they work: for replies, for samples, for a failover.
  describe('in the hands of people', { concurrency: 2 }, () => {
    describe('of each role', { concurrency: 1 }, () => {
      keyPages(stage);
      workPages(stage);
      streamPages(stage);
    });
    fleetPages(stage);
  });
  hostileNames(stage);
});

function keyPages(stage: PageStage): void {
  const { ids } = stage;
  it('lets people in by name and password', async () => {
    const own = await stage.browser.newContext({ locale: 'en-GB' });
    const page = await own.newPage();
    const faults = watchFaults(page, stage.admin.url);
    await page.goto(stage.admin.url);
    await page.getByLabel('Name').fill('root');
    await page.getByLabel('Password').fill('wrong one');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    for (const fault of await seriousFaults(page)) faults.push(fault);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Servers' }).waitFor();
    for (const fault of await seriousFaults(page)) faults.push(fault);
    assert.deepEqual(faults, []);
    const loaded = Number(
      await page.evaluate(
        `performance.getEntriesByType('navigation').concat(performance.getEntriesByType('resource')).reduce((sum, { transferSize }) => sum + transferSize, 0)`,
      ),
    );
    assert.ok(loaded > 10_000 && loaded < 300 * 1024, `the first view takes ${loaded} bytes`);
    await own.close();
  });

  it('opens every view for an admin without a fault of script, policy or access, in both colours and languages', async () => {
    const { page, faults, open, leave } = await stage.seat(stage.root);
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
      await open(ids[index % 2 === 0 ? 'ours' : 'redis']!, view);
      if (index === 7) await page.getByRole('button', { name: 'Dark colours' }).click();
      // Hundreds of rows of a kind say no more than some, and looking at all takes half of the test's time.
      const filter = page.getByLabel(view === 'overview' ? 'Filter INFO' : 'Filter', { exact: true });
      if (view === 'overview' || view === 'config') await filter.fill('max');
      for (const fault of await seriousFaults(page)) faults.push(`${view}: ${fault}`);
    }
    const ownViews = ['users', 'audit', 'account'];
    for (const view of ownViews) {
      await open('', view);
      for (const fault of await seriousFaults(page)) faults.push(`${view}: ${fault}`);
    }
    await page.getByRole('button', { name: '中文' }).click();
    for (const view of [...views.map((each) => `s/${ids.ours}/${each}`), ...ownViews]) {
      await page.goto(`${stage.admin.url}#/${view}`);
      await page.locator('main h1, main h2').first().waitFor();
      await page.getByText('加载中…').first().waitFor({ state: 'hidden' });
      for (const fault of await faultsBy(page, withoutContrast)) faults.push(`${view} in Chinese: ${fault}`);
    }
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('button', { name: 'Light colours' }).click();
    await leave();
  });

  for (const name of ['ours', 'redis'] as const) {
    it(`shows, changes and deletes keys of each type (${name})`, async () => {
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids[name]!, 'keys');
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
      const left = await stage.run(name, ['EXISTS', 'made:here', 'made:there'], ['HGET', 'user:1', 'city']);
      assert.deepEqual(left, [0, 'Klaksvík']);
      await leave();
    });
  }

  it('keeps what is looked at for Back, for loading again and for a link', async () => {
    const { page, open, leave } = await stage.seat(stage.root);
    await open(ids.ours!, 'keys');
    const tree = page.getByRole('tree');
    const title = (name: string) => page.locator('.detail').getByRole('heading', { name, exact: true });
    await tree.getByRole('treeitem', { name: 'queue' }).click();
    await title('queue').waitFor();
    await tree.getByRole('treeitem', { name: 'bin\\xff' }).click();
    await title('bin\\xff').waitFor();
    await page.reload();
    await title('bin\\xff').waitFor();
    await page.goBack();
    await title('queue').waitFor();
    await page.goBack();
    await page.getByText('Choose a key to see its value.').waitFor();
    // A search, and a type: both are there again with the key.
    await page.getByLabel('Pattern').fill('s*');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByLabel('Type').selectOption('zset');
    await page.getByText('1 key fits').waitFor();
    await tree.getByRole('treeitem', { name: 'scores' }).click();
    await title('scores').waitFor();
    await page.reload();
    await title('scores').waitFor();
    await page.getByText('1 key fits').waitFor();
    assert.equal(await page.getByLabel('Pattern').inputValue(), 's*');
    assert.equal(await page.getByLabel('Type').inputValue(), 'zset');
    await page.goBack();
    await page.goBack();
    await page.goBack();
    await page.getByText(/keys in all/).waitFor();
    assert.equal(await page.getByLabel('Pattern').inputValue(), '');
    await open(ids.ours!, 'history');
    await page.getByRole('button', { name: '24h' }).click();
    await page.getByLabel('Lay over it').selectOption({ label: 'redis' });
    await page.getByRole('button', { name: 'Take redis away' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Take redis away' }).waitFor();
    await page.getByRole('button', { name: '24h', pressed: true }).waitFor();
    await page.goBack();
    await page.getByRole('button', { name: 'Take redis away' }).waitFor({ state: 'detached' });
    await page.goBack();
    await page.getByRole('button', { name: '1h', pressed: true }).waitFor();
    await leave();
  });

  it('edits JSON and Lua in an editor with colours, byte for byte', async () => {
    const { page, faults, open, leave } = await stage.seat(stage.root);
    await stage.run('ours', ['SET', 'text', 'one\r\ntwo\n']);
    await open(ids.ours!, 'keys');
    const stored = async (key: string): Promise<unknown> => (await stage.run('ours', ['GET', key]))[0];
    for (const [key, shown, typed, kept] of [
      ['text', 'two', 'x', 'xone\r\ntwo\n'],
      ['<img src=x onerror=alert(1)>', 'alert(1)', 'y', 'y<script>alert(1)</script>'],
    ] as const) {
      await page.getByRole('treeitem', { name: key }).click();
      await page.locator('.detail').getByText(shown).last().waitFor();
      await page.getByRole('button', { name: 'Edit' }).click();
      const editor = page.locator('.code-editor').getByLabel('Value');
      await editor.focus();
      await editor.press('Control+Home');
      await editor.pressSequentially(typed);
      for (const fault of await seriousFaults(page)) faults.push(fault);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.locator('.code-editor').waitFor({ state: 'detached' });
      while ((await stored(key)) !== kept) await page.waitForTimeout(50);
    }
    // Its styles come, though the policy of the page refuses <style>.
    await open(ids.ours!, 'scripts');
    await page.getByRole('button', { name: 'Load library' }).click();
    const code = page.getByRole('dialog').getByLabel('Code');
    await code.waitFor();
    const style = `getComputedStyle(document.querySelector('dialog .code-editor').shadowRoot.querySelector('.cm-content'))`;
    assert.equal(await page.evaluate(`${style}.whiteSpace`), 'break-spaces');
    await page.getByRole('dialog').getByRole('button', { name: 'Load library' }).click();
    await page.getByRole('heading', { name: 'mylib' }).waitFor();
    await leave();
  });

  it('runs commands in the console, with completion, and asks before FLUSHALL', async () => {
    const { page, open, leave } = await stage.seat(stage.root);
    await open(ids.ours!, 'console');
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
    // What is entered while a command runs comes after it.
    const ahead = ['BLPOP typed-ahead 0', 'ECHO second', 'ECHO third'];
    for (const line of ahead) {
      await prompt.fill(line);
      await prompt.press('Escape');
      await prompt.press('Enter');
    }
    await stage.run('ours', ['RPUSH', 'typed-ahead', 'first']);
    await page.locator('.out pre', { hasText: 'third' }).waitFor();
    const entered = await page.locator('.cmd').allTextContents();
    assert.deepEqual(
      entered.slice(-ahead.length),
      ahead.map((line) => `> ${line}`),
    );
    await prompt.fill('FLUSHALL');
    await prompt.press('Escape');
    await prompt.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'FLUSHALL' }).isDisabled(), true);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.deepEqual(await stage.run('ours', ['EXISTS', 'queue']), [1]);
    await leave();
  });

  it('finds keys and changes them together, after the name was typed', async () => {
    const { page, open, leave } = await stage.seat(stage.root);
    await open(ids.ours!, 'bulk');
    const search = page.getByRole('button', { name: 'Search' });
    await page.getByLabel('Pattern').fill('session:1?');
    await search.click();
    await page.getByRole('heading', { name: '10 keys fit' }).waitFor();
    // By size, time to live and content.
    await stage.run('ours', ['EXPIRE', 'session:11', '5000'], ['EXPIRE', 'session:12', '9000']);
    for (const [fill, heading] of [
      [() => page.getByLabel('Expires within seconds').fill('6000'), '1 key'],
      [() => page.getByLabel('Expires within seconds').fill(''), '10 keys'],
      [() => page.getByLabel('Time to live').selectOption('with'), '2 keys'],
      [() => page.getByLabel('Value contains').fill('"user":12'), '1 key'],
      [() => page.getByLabel('Value contains').fill(''), '2 keys'],
      [() => page.getByLabel('At least so many KB').fill('1000'), '0 keys'],
      [() => page.getByLabel('At least so many KB').fill('0'), '2 keys'],
      [() => page.getByLabel('Type').selectOption('hash'), '0 keys'],
      [() => page.getByLabel('Type').selectOption(''), '2 keys'],
      [() => page.getByLabel('Time to live').selectOption(''), '10 keys'],
    ] as const) {
      await fill();
      await search.click();
      await page.getByRole('heading', { name: new RegExp(`^${heading} fits?$`) }).waitFor();
    }
    // What was asked for is there again after a look at one of the keys.
    await page.getByLabel('At least so many KB').fill('');
    await page.getByLabel('Time to live').selectOption('with');
    await search.click();
    await page.getByRole('heading', { name: '2 keys fit' }).waitFor();
    await page.getByRole('link', { name: 'session:11' }).click();
    await page.locator('.detail').getByText('in memory').waitFor();
    await page.goBack();
    await search.waitFor();
    await page.reload();
    await search.waitFor();
    assert.equal(await page.getByLabel('Pattern').inputValue(), 'session:1?');
    assert.equal(await page.getByLabel('Time to live').inputValue(), 'with');
    await page.getByLabel('Time to live').selectOption('');
    await search.click();
    await page.getByRole('heading', { name: '10 keys fit' }).waitFor();
    await page.getByRole('button', { name: 'delete', exact: true }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('dialog').getByRole('textbox').fill('ours');
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /Change/ })
      .click();
    await page.getByText('10 keys changed').waitFor();
    assert.deepEqual(await stage.run('ours', ['EXISTS', 'session:10', 'session:2']), [1]);
    await leave();
  });

  it('follows MONITOR and channels while they happen', async () => {
    const { page, open, leave } = await stage.seat(stage.root);
    await open(ids.redis!, 'monitor');
    await page.getByLabel('Only lines with').fill('followed');
    await page.getByRole('button', { name: 'Start' }).click();
    const log = page.getByRole('log');
    while (!(await log.getByText('followed').first().isVisible())) await stage.redis.send('GET', 'followed');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByRole('button', { name: 'Start' }).waitFor();
    await open(ids.redis!, 'pubsub');
    await page.getByRole('button', { name: 'Subscribe' }).click();
    while ((await stage.redis.send('PUBLISH', 'news', 'hello there')) === '0');
    await page.getByText('hello there').first().waitFor();
    // Bytes that are no text, in the name of a channel and in a message.
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByLabel('Channels or patterns').fill('raw\\xff');
    await page.getByRole('button', { name: 'Subscribe' }).click();
    await page.getByLabel('Channel', { exact: true }).fill('raw\\xff');
    await page.getByLabel('Message', { exact: true }).fill('bytes\\xfe');
    while (!(await log.getByText('bytes\\xfe').first().isVisible()))
      await page.getByRole('button', { name: 'Publish' }).click();
    await leave();
  });

  it('gives a viewer nothing to change, and a limited editor the own keys only', async () => {
    const viewer = await stage.seat(await userWith(stage.root, 'viewer', { role: 'viewer' }));
    await viewer.open(ids.ours!, 'keys');
    await viewer.page.getByRole('treeitem', { name: 'queue' }).click();
    await viewer.page.getByText('second').waitFor();
    for (const name of ['Add key', 'Delete', 'Rename', 'Add element'])
      assert.equal(await viewer.page.getByRole('button', { name, exact: true }).count(), 0, name);
    for (const name of ['Config', 'ACL', 'Monitor', 'Users', 'Audit log'])
      assert.equal(await viewer.page.getByRole('link', { name, exact: true }).count(), 0, name);
    await viewer.leave();

    const rights = { role: 'editor', prefixes: ['user:'], servers: [ids.ours] };
    const limited = await stage.seat(await userWith(stage.root, 'limited', rights));
    await limited.page.getByRole('link', { name: 'ours' }).first().waitFor();
    assert.equal(await limited.page.getByRole('link', { name: 'redis' }).count(), 0);
    await limited.open(ids.ours!, 'keys');
    await limited.page.getByRole('treeitem', { name: 'user:' }).waitFor();
    assert.equal(await limited.page.getByRole('treeitem').count(), 1);
    await limited.leave();
  });

  it('is usable by keyboard, on a phone, and in Chinese', async () => {
    const { page, open, leave } = await stage.newSeat(stage.root, { width: 390, height: 800 });
    await open(ids.ours!, 'keys');
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
    // Tables are cards here; in the other colours and the other language.
    await page.getByRole('button', { name: '菜单' }).click();
    await page.getByRole('button', { name: '深色' }).click();
    for (const [id, view] of [
      [ids.ours!, 'acl'],
      [ids.ours!, 'clients'],
      ['', 'users'],
      ['', 'audit'],
      ['', 'alerts'],
    ] as const) {
      await page.goto(`${stage.admin.url}#/${id === '' ? view : `s/${id}/${view}`}`);
      // Without rows it has no height here.
      await page.getByRole('table').first().waitFor({ state: 'attached' });
      await page.getByText('加载中…').first().waitFor({ state: 'hidden' });
      assert.deepEqual(await seriousFaults(page), [], view);
      assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), view);
    }
    await leave();
  });
}
