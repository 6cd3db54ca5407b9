// work-pages: the tests of the page's tools: forms of values, settings, connections, users of the server, flush and undo, files, and finding servers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { Connection } from '../../src/client/connection.js';
import { startServer } from '../../src/embed/start-server.js';
import { userWith } from './admin-client.js';
import { seriousFaults } from './browser.js';
import type { PageStage } from './page-stage.js';

export function workPages(stage: PageStage): void {
  describe('at work on servers', () => {
    const { ids } = stage;
    const connect = async (port: number): Promise<Connection> => {
      const client = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 });
      stage.endWith(() => client.close());
      return client;
    };
    const confirm = async (page: Page, name: string): Promise<void> => {
      const dialog = page.getByRole('dialog').last();
      await dialog.getByLabel('Type the name of the server').fill(name);
      await dialog.locator('button.danger').click();
    };

    it('marks events in the curves of the history, and stays zoomed in while new data comes', async () => {
      const { page, open, leave } = await stage.newSeat(stage.root, { width: 1280, height: 800 });
      await page.clock.install();
      // What is written on a canvas is nowhere else.
      await page.evaluate(`(() => {
        globalThis.drawn = [];
        const { prototype } = CanvasRenderingContext2D;
        const { fillText } = prototype;
        prototype.fillText = function (text, ...rest) {
          if (this.canvas.closest('section')?.ariaLabel === 'Memory') globalThis.drawn.push(text);
          return fillText.call(this, text, ...rest);
        };
      })()`);
      const isDrawn = async (text: RegExp): Promise<boolean> =>
        (await page.evaluate<string[]>('globalThis.drawn')).some((each) => text.test(each));
      const untilDrawn = async (text: RegExp): Promise<void> => {
        while (!(await isDrawn(text))) await page.clock.runFor(200);
      };
      const forget = (): Promise<void> => page.evaluate('void (globalThis.drawn = [])');
      /** What the page asks for every ten seconds. */
      const newData = async (): Promise<void> => {
        await forget();
        const answered = page.waitForResponse(/\/series\?/);
        await page.clock.fastForward(10_000);
        await answered;
        await untilDrawn(/./);
      };
      await stage.redis.send('SAVE');
      await open(ids.redis!, 'history');
      while ((await page.getByRole('region', { name: 'Events' }).getByText('saved', { exact: true }).count()) === 0)
        await newData();
      await untilDrawn(/^saved$/);
      // An hour has ticks of minutes, and some minutes of it have ticks of seconds.
      const seconds = /\d:\d\d:\d\d/;
      await newData();
      assert.equal(await isDrawn(seconds), false);
      const memory = page.getByRole('region', { name: 'Memory', exact: true });
      const area = memory.locator('.u-over');
      await area.scrollIntoViewIfNeeded();
      const { x, y, width, height } = (await area.boundingBox())!;
      await page.mouse.move(x + width - 9, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + width - 3, y + height / 2, { steps: 5 });
      await page.mouse.up();
      await untilDrawn(seconds);
      for (let refresh = 0; refresh < 2; refresh++) {
        await newData();
        await untilDrawn(seconds);
      }
      await area.dblclick();
      await newData();
      assert.equal(await isDrawn(seconds), false);
      // Another server's curve, for as long as it is wanted.
      await page.getByLabel('Lay over it').selectOption({ label: 'ours' });
      await memory.getByText('used (ours)').waitFor();
      await page.getByRole('button', { name: 'Take ours away' }).click();
      await memory.getByText('used (ours)').waitFor({ state: 'detached' });
      // As many marks as a chart has at most: the oldest gives way to a new one.
      const count = 50;
      let newest = 0;
      await page.route('**/events?*', (route) => {
        const to = Number(new URL(route.request().url()).searchParams.get('to'));
        const events = Array.from({ length: count + newest }, (_, index) => ({
          at: to - 1000 * (count + newest - index),
          kind: index < count ? (index === 0 ? 'loading' : 'saved') : 'restart',
          text: `event ${index}`,
        }));
        return route.fulfill({ json: { hasHistory: true, events } });
      });
      await newData();
      await untilDrawn(/^loading$/);
      newest = 1;
      await newData();
      await untilDrawn(/^restart$/);
      await newData();
      assert.deepEqual(
        (await page.evaluate<string[]>('globalThis.drawn')).filter((text) => text === 'loading'),
        [],
      );
      await page.unroute('**/events?*');
      await leave();
    });

    it('shows values in the form that fits, and what lies in sketches, streams, fields and places', async () => {
      const client = await connect(stage.server.port);
      const packed = Buffer.from([0x81, 0xa6, ...Buffer.from('packed'), 0xc3]);
      for (const words of [
        ['SELECT', '3'],
        ['SET', 'form:msgpack', packed],
        ['SET', 'form:php', 'a:1:{s:6:"framed";i:7;}'],
        ['SET', 'form:gzip', gzipSync('{"zipped":1}')],
        ['SET', 'form:json', '{"plain":1}'],
        ['SETBIT', 'form:bits', '7', '1'],
        ['PFADD', 'form:sketch', 'a', 'b', 'c'],
        ['GEOADD', 'form:geo', '-6.77', '62.01', 'Tórshavn', '12.56', '55.67', 'København'],
        ['HSET', 'form:fields', 'short', 'lived', 'long', 'kept'],
        ['HEXPIRE', 'form:fields', '1000', 'FIELDS', '1', 'short'],
        ['XADD', 'form:stream', '5-1', 'kind', 'order'],
        ['XGROUP', 'CREATE', 'form:stream', 'workers', '0'],
        ['XREADGROUP', 'GROUP', 'workers', 'ann', 'STREAMS', 'form:stream', '>'],
      ])
        await client.call(...words);
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids.ours!, 'keys');
      // The list of databases has those with keys, and one that is free.
      const databases = page.getByLabel('Database');
      await databases.locator('option[value="3"]').waitFor({ state: 'attached' });
      assert.equal(await databases.locator('option').count(), 3);
      await databases.selectOption('3');
      await page.getByRole('treeitem', { name: 'form:' }).click();
      const detail = page.locator('.detail');
      for (const [key, ...shown] of [
        ['msgpack', '"packed": true'],
        ['php', '"framed": 7'],
        ['gzip', '"zipped": 1'],
        ['json', '"plain": 1'],
        ['sketch', 'A HyperLogLog of about 3 elements.'],
        ['fields', 'lived', '16 min'],
        ['geo', 'København'],
        ['stream', 'kind: order'],
      ]) {
        await page.getByRole('treeitem', { name: `form:${key!}` }).click();
        for (const text of shown) await detail.getByText(text).first().waitFor();
      }
      await page.getByRole('button', { name: 'Groups' }).click();
      await page.getByRole('button', { name: 'workers' }).click();
      await page.getByRole('region', { name: 'Pending entries' }).getByText('ann').waitFor();
      await page.getByRole('button', { name: 'Acknowledge' }).click();
      await page.getByRole('region', { name: 'Pending entries' }).getByText('ann').waitFor({ state: 'detached' });
      await page.getByRole('treeitem', { name: 'form:geo' }).click();
      await page.getByText('As places on a map').click();
      await page.locator('svg.map').getByText('Tórshavn').waitFor();
      await page.getByRole('treeitem', { name: 'form:bits' }).click();
      await page.getByRole('button', { name: 'Bits', exact: true }).click();
      await page.getByRole('button', { name: '0: 0' }).click();
      await page.getByRole('button', { name: '0: 1' }).waitFor();
      await leave();
    });

    it('changes a setting after the name was typed, writes the file of settings, kills a connection, and makes and deletes a user of the server', async () => {
      const victim = await connect(stage.redis.port);
      await victim.call('CLIENT', 'SETNAME', 'victim');
      const lost = new Promise<void>((resolve) => (victim.onLost = () => resolve()));
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids.redis!, 'config');
      await page.getByLabel('Filter').fill('maxmemory-samples');
      await page.getByRole('button', { name: 'Edit maxmemory-samples' }).click();
      await page.getByRole('dialog').getByLabel('Value').fill('7');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      await confirm(page, 'redis');
      const row = page.getByRole('row', { name: /maxmemory-samples/ });
      await row.getByText('changed').waitFor();
      await row.getByText('default: 5').waitFor();
      // Into the file, which a server without one cannot do.
      assert.doesNotMatch(readFileSync(stage.redisConfig, 'utf8'), /samples/);
      await page.getByRole('button', { name: 'Write to the file' }).click();
      await page.getByText('The configuration file is written.').waitFor();
      assert.match(readFileSync(stage.redisConfig, 'utf8'), /^maxmemory-samples 7$/m);
      await open(ids.ours!, 'config');
      await page.getByRole('button', { name: 'Write to the file' }).click();
      await page.getByText(/running without a config file/).waitFor();
      await open(ids.redis!, 'clients');
      await page.getByLabel('Filter').fill('victim');
      await page
        .getByRole('row', { name: /victim/ })
        .getByRole('button', { name: 'Kill' })
        .click();
      await page.getByRole('dialog').getByRole('button', { name: 'Kill' }).click();
      await lost;
      await open(ids.redis!, 'acl');
      await page.getByRole('button', { name: 'Add user' }).click();
      await page.getByRole('dialog').getByLabel('Name').fill('reader');
      await page.getByRole('dialog').getByLabel('Rules').fill('on >secret ~app:* +get');
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
      const user = page.getByRole('region', { name: 'ACL users' }).getByRole('row', { name: /reader/ });
      await user.getByText(/~app:\* .*\+get/).waitFor();
      await user.getByRole('button', { name: 'Delete' }).click();
      await confirm(page, 'redis');
      await user.waitFor({ state: 'detached' });
      await leave();
    });

    it('deletes all keys with a copy and brings them back, and takes keys out into a file and in again', async () => {
      const client = await connect(stage.redis.port);
      await client.call('SELECT', '5');
      for (let index = 0; index < 20; index++) await client.call('SET', `kept:${index}`, String(index));
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids.redis!, 'bulk?db=5');
      await page.getByRole('button', { name: 'Delete all keys' }).click();
      await confirm(page, 'redis');
      await page.getByText(/deleted 20 keys/).waitFor();
      assert.deepEqual(await client.call('DBSIZE'), { kind: 'integer', value: 0 });
      await page.getByRole('button', { name: 'Undo' }).click();
      await page.getByText('20 keys came in').waitFor();
      assert.deepEqual(await client.call('DBSIZE'), { kind: 'integer', value: 20 });
      await open(ids.redis!, 'exchange?db=5');
      await page.getByLabel('Pattern').fill('kept:1*');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download database 5' }).click(),
      ]);
      const file = await download.path();
      assert.equal(readFileSync(file, 'utf8').match(/kept:1/g)?.length, 11);
      await client.call('DEL', 'kept:1', 'kept:11');
      await page.getByLabel('File', { exact: true }).setInputFiles(file);
      await page.getByRole('button', { name: 'Import' }).click();
      await page.getByText(/^(2|11) keys came in$/).waitFor();
      assert.deepEqual(await client.call('EXISTS', 'kept:1', 'kept:11'), { kind: 'integer', value: 2 });
      // A pattern of bytes that are no text, and an import that is given up while its file is on the way.
      await client.call('SET', Buffer.from('raw\xff:1', 'latin1'), '1');
      await page.getByLabel('Pattern').fill('raw\\xff*');
      const [raw] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Download database 5' }).click(),
      ]);
      const lines = readFileSync(await raw.path(), 'utf8')
        .trim()
        .split('\n')
        .slice(1);
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        [{ db: 5, key: { base64: 'cmF3/zox' }, type: 'string', value: '1' }],
      );
      let asked = 0;
      await page.route('**/import?*', () => void asked++);
      await page.getByRole('button', { name: 'Import' }).click();
      const sending = page.getByRole('region', { name: 'Upload' });
      await sending.getByRole('progressbar').waitFor();
      await sending.getByRole('button', { name: 'Cancel' }).click();
      await sending.waitFor({ state: 'detached' });
      assert.equal(asked, 1);
      assert.equal(await page.getByRole('button', { name: 'Import' }).isDisabled(), false);
      await page.unroute('**/import?*');
      await leave();
    });

    it('finds the servers that a sentinel watches, and adds the chosen ones', async () => {
      const [sentinel] = (await stage.fleet).entries.sentinel.nodes;
      const { page, leave } = await stage.seat(stage.root);
      await page.getByRole('button', { name: 'Add server' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Address').fill(sentinel!);
      await dialog.getByRole('button', { name: 'Try' }).click();
      await dialog.getByText(/It answers: kvasir .*sentinel/).waitFor();
      await dialog.getByRole('button', { name: 'Find others' }).click();
      await dialog.getByText('Found: add which?').waitFor();
      assert.equal(await dialog.getByRole('checkbox').count(), 3);
      await dialog.getByRole('checkbox', { name: /^sentinel/ }).uncheck();
      await dialog.getByRole('button', { name: 'Add', exact: true }).click();
      for (const name of ['mymaster', /^mymaster replica/])
        await page.getByRole('link', { name, exact: true }).first().waitFor();
      await leave();
    });

    it('adds a key of each type, and goes through the pages of a long one', async () => {
      const client = await connect(stage.server.port);
      await client.call('SELECT', '7');
      await client.call('RPUSH', 'long', ...Array.from({ length: 250 }, (_, index) => `element ${index}`));
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids.ours!, 'keys?db=7');
      const detail = page.locator('.detail');
      for (const [type, label, name, shown] of [
        ['hash', 'Field', 'colour', 'colour'],
        ['list', undefined, '', 'given'],
        ['set', undefined, '', 'given'],
        ['zset', 'Score', '2.5', '2.5'],
        ['stream', 'Field', 'kind', 'kind: given'],
      ] as const) {
        await page.getByRole('button', { name: 'Add key' }).click();
        const dialog = page.getByRole('dialog');
        await dialog.getByLabel('Type').selectOption(type);
        await dialog.getByLabel('Key').fill(`new-${type}`);
        if (label !== undefined) await dialog.getByLabel(label, { exact: true }).fill(name);
        await dialog.getByLabel(/^(Value|Member)$/).fill('given');
        if (type === 'hash') await dialog.getByLabel('Time to live in seconds').fill('5000');
        await dialog.getByRole('button', { name: 'Add' }).click();
        await page.getByRole('heading', { name: `new-${type}` }).waitFor();
        await detail.getByText(shown).first().waitFor();
        assert.deepEqual(await client.call('TYPE', `new-${type}`), { kind: 'status', bytes: Buffer.from(type) });
      }
      const ttl = await client.call('TTL', 'new-hash');
      assert.ok(ttl.kind === 'integer' && Number(ttl.value) > 4000);
      // A copy of one of them, under a name that is free.
      await page.getByRole('treeitem', { name: 'new-set' }).click();
      await page.getByRole('heading', { name: 'new-set' }).waitFor();
      await page.getByRole('button', { name: 'Copy to' }).click();
      const copy = page.getByRole('dialog');
      await copy.getByLabel('New name').fill('new-list');
      await copy.getByRole('button', { name: 'Copy to' }).click();
      await copy.getByText('There is a key with this name.').waitFor();
      await copy.getByLabel('New name').fill('copied');
      await copy.getByRole('button', { name: 'Copy to' }).click();
      await page.getByRole('treeitem', { name: 'copied' }).waitFor();
      await page.getByRole('treeitem', { name: 'long' }).click();
      await detail.getByText('element 99', { exact: true }).waitFor();
      await detail.getByRole('button', { name: 'Next' }).click();
      await detail.getByText('element 100', { exact: true }).waitFor();
      await detail.getByRole('button', { name: 'Next' }).click();
      await detail.getByText('element 249', { exact: true }).waitFor();
      assert.equal(await detail.getByRole('button', { name: 'Next' }).isDisabled(), true);
      await detail.getByRole('button', { name: 'Back', exact: true }).click();
      await detail.getByText('element 199', { exact: true }).waitFor();
      await leave();
    });

    it('shows names that are empty, long or begin with spaces, and goes through collections of 100,000 elements', async () => {
      const client = await connect(stage.server.port);
      await client.call('SELECT', '8');
      const long = `long${'k'.repeat(3000)}`;
      for (const [key, value] of [
        ['', 'nameless'],
        ['  led', 'by spaces'],
        [long, 'x'],
        ['raw', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
      ] as const)
        await client.call('SET', key, value);
      for (let from = 0; from < 100_000; from += 1000) {
        const places = Array.from({ length: 1000 }, (_, index) => from + index);
        await client.call('RPUSH', 'list', ...places.map((place) => `element ${place}`));
        await client.call('ZADD', 'zset', ...places.flatMap((place) => [String(place / 2), `member ${place}`]));
        await client.call('HSET', 'hash', ...places.flatMap((place) => [`field ${place}`, `value ${place}`]));
      }
      await client.call('HSET', 'hash', '', 'of no field');
      const { page, faults, open, leave } = await stage.seat(stage.root);
      await open(ids.ours!, 'keys?db=8');
      const detail = page.locator('.detail');
      const choose = async (name: string): Promise<void> => {
        await page.getByRole('treeitem', { name }).click();
        await detail.getByText('in memory').waitFor();
      };
      await choose('(empty)');
      await detail.getByRole('heading', { name: '(empty)' }).waitFor();
      await detail.getByText('nameless').waitFor();
      // The spaces are there to be seen.
      const indent = await page.evaluate(`(() => {
        const label = [...document.querySelectorAll('.node .label')].find(({ textContent }) => textContent === '  led');
        const range = document.createRange();
        range.setStart(label.firstChild, 2);
        range.setEnd(label.firstChild, 3);
        return range.getBoundingClientRect().left - label.getBoundingClientRect().left;
      })()`);
      assert.ok(Number(indent) > 8, `${String(indent)} pixels`);
      await choose('longkkk');
      const title = (await detail.locator('.key-title').boundingBox())!;
      assert.ok(title.height < 100, `the title is ${title.height} pixels high`);
      const copy = (await detail.getByRole('button', { name: 'Load again' }).boundingBox())!;
      assert.ok(copy.y < title.y + title.height, 'the buttons stay beside the title');
      faults.push(...(await seriousFaults(page)));
      await choose('raw');
      await detail.getByText('00000010').waitFor();
      // Sixteen lines for 256 bytes, however narrow the place is.
      const lines = await page.evaluate(`(() => {
        const range = document.createRange();
        range.selectNodeContents(document.querySelector('.detail .value-text'));
        return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
      })()`);
      assert.equal(lines, 16);
      for (const [name, element] of [
        ['list', 'element 54321'],
        ['zset', 'member 54321'],
      ] as const) {
        await choose(name);
        await detail.getByLabel('Place').fill('54321');
        await detail.getByRole('button', { name: 'Go to' }).click();
        await detail.getByText(element, { exact: true }).waitFor();
        await detail.getByText('Places 54,321 to 54,420').waitFor();
        assert.equal(await detail.getByRole('row').count(), 101);
        await detail.getByRole('button', { name: 'Back', exact: true }).click();
        await detail.getByText('Places 0 to 99').waitFor();
      }
      // A field among so many, without a click for each thousand of them.
      await choose('hash');
      await detail.getByLabel('Find in it').fill('field 98765');
      await detail.getByLabel('Find in it').press('Enter');
      while ((await detail.getByText('value 98765', { exact: true }).count()) === 0) {
        assert.ok(!(await detail.getByText('Page 3').isVisible()), 'found within two pages');
        const next = detail.getByRole('button', { name: 'Next' });
        if (await next.isEnabled()) await next.click();
        await page.waitForTimeout(20);
      }
      await leave();
    });

    it('says that a server went away, and goes on by itself when it is back', async () => {
      let doomed = await startServer({ port: 0 });
      const { port } = doomed;
      stage.endWith(() => doomed.close());
      await stage.add({ name: 'doomed', nodes: [`127.0.0.1:${port}`] });
      const commands = [['RPUSH', 'l', ...Array.from({ length: 250 }, (_, index) => `element ${index}`)]];
      await stage.run('doomed', ...commands);
      const { page, open, leave } = await stage.newSeat(stage.root, { width: 1280, height: 800 });
      const lost = page.locator('.content > [role=alert]', { hasText: 'It is asked again every two seconds' });
      const goAway = async (): Promise<void> => {
        await doomed.close();
        await lost.waitFor();
        await page.locator('.top').getByText('down', { exact: true }).waitFor();
      };
      const comeBack = async (): Promise<void> => {
        doomed = await startServer({ port });
        await lost.waitFor({ state: 'detached' });
      };
      await open(ids.doomed!, 'keys');
      const detail = page.locator('.detail');
      await page.getByRole('treeitem', { name: 'l' }).click();
      await detail.getByText('element 99', { exact: true }).waitFor();
      await goAway();
      // The refusal is where the click was, and not above a hundred rows.
      const next = detail.getByRole('button', { name: 'Next' });
      await next.click();
      const refusal = detail.getByRole('alert');
      await refusal.waitFor();
      const [above, below] = [(await refusal.boundingBox())!, (await next.boundingBox())!];
      assert.ok(below.y - above.y < 200, `${below.y - above.y} pixels`);
      await comeBack();
      await refusal.waitFor({ state: 'detached' });
      // Views that load once: they failed, and have their rows without a click.
      await goAway();
      await page.locator('nav.tabs').getByRole('link', { name: 'Clients' }).click();
      await page.getByRole('button', { name: 'Try again' }).waitFor();
      const [first, second] = await Promise.all(
        [page.getByRole('alert').first(), page.getByRole('alert').nth(1)].map((each) => each.boundingBox()),
      );
      assert.ok(second!.y >= first!.y + first!.height + 8, 'the notices do not touch');
      await comeBack();
      await page.getByRole('region', { name: 'Clients' }).getByRole('row').nth(1).waitFor();
      await goAway();
      await page.locator('nav.tabs').getByRole('link', { name: 'Keys' }).click();
      await page
        .locator('.browser')
        .getByText(/refused|closed/i)
        .first()
        .waitFor();
      await comeBack();
      await stage.run('doomed', ['SET', 'again', '1']);
      await page
        .locator('.browser')
        .getByText(/refused|closed/i)
        .first()
        .waitFor({ state: 'detached' });
      await leave();
    });

    it('has tabs and a history in the console, and shows slow commands, latency events and libraries', async () => {
      const { page, open, leave } = await stage.seat(stage.root);
      await open(ids.redis!, 'console');
      const prompt = page.getByLabel('Command', { exact: true });
      const type = async (line: string): Promise<void> => {
        await prompt.fill(line);
        await prompt.press('Escape');
        await prompt.press('Enter');
        await page.locator('.cmd', { hasText: line }).last().waitFor();
      };
      for (const line of ['ECHO one', 'ECHO two', 'AUTH secret']) await type(line);
      await page.getByRole('button', { name: 'New tab' }).click();
      await page.locator('.cmd').first().waitFor({ state: 'detached' });
      // The history is that of all tabs, without the lines that hold passwords.
      await prompt.press('ArrowUp');
      assert.equal(await prompt.inputValue(), 'ECHO two');
      await prompt.press('ArrowUp');
      assert.equal(await prompt.inputValue(), 'ECHO one');
      await prompt.press('ArrowDown');
      assert.equal(await prompt.inputValue(), 'ECHO two');
      await prompt.press('Enter');
      await page.locator('.cmd', { hasText: 'ECHO two' }).waitFor();
      assert.equal(await page.locator('.cmd').count(), 1);
      await page.getByRole('button', { name: 'Close tab' }).click();
      await page.locator('.cmd', { hasText: 'ECHO one' }).waitFor();
      await page.getByRole('button', { name: 'Close tab' }).waitFor({ state: 'detached' });
      // Loaded again for another database, the console is at that, and not on the connection that it had.
      await type('SET console:here 1');
      await open(ids.redis!, 'console?db=9');
      await page.reload();
      await prompt.waitFor();
      await type('SET console:there 1');
      await page.locator('.cmd', { hasText: 'SET console:there 1' }).waitFor();
      assert.equal(await stage.redis.send('-n', '9', 'DBSIZE'), '1');
      assert.equal(await stage.redis.send('EXISTS', 'console:here', 'console:there'), '1');

      await stage.redis.send('CONFIG', 'SET', 'slowlog-log-slower-than', '0', 'latency-monitor-threshold', '1');
      await stage.redis.send(
        'EVAL',
        "redis.call('time') local n = 0 while n < 3e6 do n = n + 1 end return 'slow one'",
        '0',
      );
      await stage.redis.send('CONFIG', 'SET', 'slowlog-log-slower-than', '-1', 'latency-monitor-threshold', '0');
      await stage.redis.send(
        'FUNCTION',
        'LOAD',
        "#!lua name=doomed\nredis.register_function('fatal', function() return 1 end)",
      );
      await open(ids.redis!, 'slowlog');
      await page.getByRole('region', { name: 'Slow commands' }).getByText('slow one').waitFor();
      await page.getByRole('region', { name: 'Latency events' }).getByText('command', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Empty' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Empty' }).click();
      await page.getByRole('region', { name: 'Slow commands' }).getByText('slow one').waitFor({ state: 'detached' });
      assert.equal(await stage.redis.send('SLOWLOG', 'LEN'), '0');
      await open(ids.redis!, 'scripts');
      const library = page.locator('section', { has: page.getByRole('heading', { name: 'doomed' }) });
      await library.getByText('fatal', { exact: true }).waitFor();
      await library.getByRole('button', { name: 'Delete' }).click();
      await confirm(page, 'redis');
      await page.getByRole('heading', { name: 'doomed' }).waitFor({ state: 'detached' });
      assert.equal(await stage.redis.send('FUNCTION', 'LIST'), '');
      await page.getByRole('button', { name: 'Kill the running script' }).click();
      await page
        .getByText(/NOTBUSY/)
        .first()
        .waitFor();
      await leave();
    });

    for (const role of ['viewer', 'editor', 'operator'] as const)
      it(`opens each page that ${role === 'viewer' ? 'a' : 'an'} ${role} has, on both servers`, async () => {
        const { page, open, leave } = await stage.seat(await userWith(stage.root, `is-${role}`, { role }));
        for (const server of ['ours', 'redis'] as const) {
          await open(ids[server]!, 'overview');
          const names = await page.locator('nav.tabs a').allInnerTexts();
          assert.equal(names.includes('Config'), role === 'operator');
          assert.ok(!names.includes('ACL'));
          for (const name of names) {
            await page.locator('nav.tabs').getByRole('link', { name, exact: true }).click();
            await page.locator('nav.tabs a[aria-current=page]').getByText(name, { exact: true }).waitFor();
            await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
            assert.equal(await page.getByRole('alert').count(), 0, `${server} ${name}`);
          }
        }
        await leave();
      });
  });
}
