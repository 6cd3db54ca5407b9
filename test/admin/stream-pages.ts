// stream-pages: the tests of the page's view of streams: entries, groups, consumers and pending entries, changed and deleted on both servers.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import type { Locator, Page } from 'playwright-core';
import { userWith } from './admin-client.js';
import { seriousFaults } from './browser.js';
import type { PageStage } from './page-stage.js';

const database = 8;

export function streamPages(stage: PageStage): void {
  describe('over streams', () => {
    const { ids } = stage;
    const run = async (name: 'ours' | 'redis', ...commands: string[][]): Promise<unknown[]> => {
      const answer = await stage.root.post(`/api/servers/${ids[name]!}/commands`, { database, commands });
      assert.equal(answer.status, 200, answer.text);
      return answer.json<{ replies: unknown[] }>().replies;
    };
    /** Has a consumer read new entries, which the page sends for nobody. */
    const read = async (
      name: 'ours' | 'redis',
      key: string,
      group: string | Buffer,
      consumer: string,
      count: number,
    ): Promise<void> => {
      const port = name === 'ours' ? stage.server.port : stage.redis.port;
      const client = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 });
      await client.call('SELECT', String(database));
      const words = ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(count), 'STREAMS', key, '>'] as const;
      assert.equal((await client.call(...words)).kind, 'array');
      client.close();
    };
    /** Entries 1-1 to 1-60. */
    const fill = (name: 'ours' | 'redis', key: string): Promise<unknown[]> =>
      run(
        name,
        ...Array.from({ length: 60 }, (_, index) => ['XADD', key, `1-${index + 1}`, 'number', `n${index + 1}`]),
      );
    const openKey = async (page: Page, key: string): Promise<Locator> => {
      await page.getByRole('treeitem', { name: key }).click();
      await page.getByRole('heading', { name: key }).waitFor();
      return page.locator('.detail');
    };
    const rowOf = (place: Locator, table: string, text: string): Locator =>
      place
        .getByRole('region', { name: table, exact: true })
        .getByRole('row')
        .filter({ has: place.page().getByText(text, { exact: true }) });
    /** Fills the open dialog and saves. */
    const save = async (page: Page, values: Readonly<Record<string, string>>): Promise<void> => {
      for (const [label, value] of Object.entries(values)) await page.getByRole('dialog').getByLabel(label).fill(value);
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    };
    const remove = async (page: Page, row: Locator): Promise<void> => {
      await row.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await row.waitFor({ state: 'detached' });
    };

    for (const name of ['ours', 'redis'] as const) {
      it(`adds and deletes entries, byte for byte (${name})`, async () => {
        await fill(name, 'entries');
        const { page, faults, open, leave } = await stage.seat(stage.root);
        await open(ids[name]!, `keys?db=${database}`);
        const detail = await openKey(page, 'entries');
        const row = (id: string): Locator => rowOf(detail, 'Entries', id);
        await row('1-60').waitFor();
        await row('1-11').waitFor();
        await detail.getByRole('button', { name: 'Older' }).click();
        await row('1-1').getByText('number: n1', { exact: true }).waitFor();
        assert.equal(await row('1-11').count(), 0);
        // A colon, a line break, a byte that is no UTF-8, markup, nothing, and a text that looks like an escape.
        await detail.getByRole('button', { name: 'Add entry' }).click();
        await page.getByRole('dialog').getByLabel('ID').waitFor();
        faults.push(...(await seriousFaults(page)));
        const pairs = 'url: http://x:1\nlines: a\\x0ab: c\nraw\\xff: <b>\nempty:\nalone\nescape: \\x5cx41';
        await save(page, { ID: '1-60', Fields: pairs });
        await page
          .getByRole('dialog')
          .getByText(/equal or smaller/)
          .waitFor();
        await save(page, { ID: '2-0', Fields: pairs });
        // It is on the page of the newest.
        await row('2-0').waitFor();
        await row('1-60').waitFor();
        const shown = (await row('2-0').locator('.mono').last().innerText()).split('\n');
        assert.deepEqual(shown, [
          'url: http://x:1',
          'lines: a',
          '  b: c',
          'raw\\xff: <b>',
          'empty: ',
          'alone: ',
          'escape: \\x41',
        ]);
        const [entry] = (await run(name, ['XRANGE', 'entries', '2-0', '2-0']))[0] as [[string, string[]]];
        assert.deepEqual(entry[1], [
          ...['url', 'http://x:1', 'lines', 'a\nb: c', 'raw\udcff', '<b>', 'empty', '', 'alone', '', 'escape', '\\x41'],
        ]);
        await detail.getByText('61 elements').waitFor();
        await remove(page, row('2-0'));
        await remove(page, row('1-60'));
        await detail.getByText('59 elements').waitFor();
        assert.deepEqual(await run(name, ['XLEN', 'entries']), [59]);
        // What others add is there after loading again.
        await run(name, ['XADD', 'entries', '3-0', 'by', 'others']);
        await detail.getByRole('button', { name: 'Load again' }).click();
        await row('3-0').getByText('by: others', { exact: true }).waitFor();
        await detail.getByText('60 elements').waitFor();
        await leave();
      });

      it(`makes groups, moves and deletes them with their consumers, and takes pending entries off (${name})`, async () => {
        await fill(name, 'work');
        const { page, faults, open, leave } = await stage.seat(stage.root);
        await open(ids[name]!, `keys?db=${database}`);
        const detail = await openKey(page, 'work');
        await detail.getByRole('button', { name: 'Groups' }).click();
        await detail.getByText('Nothing here.').waitFor();
        const groups = async () => (await run(name, ['XINFO', 'GROUPS', 'work']))[0] as unknown[];
        const group = (text: string): Locator => rowOf(detail, 'Groups', text);
        const add = (values: Readonly<Record<string, string>>): Promise<void> =>
          detail
            .getByRole('button', { name: 'Add group' })
            .click()
            .then(() => save(page, values));
        await add({ Group: 'late' });
        await group('late').getByText('1-60', { exact: true }).waitFor();
        await add({ Group: 'late' });
        await page
          .getByRole('dialog')
          .getByText(/BUSYGROUP/)
          .waitFor();
        await save(page, { Group: 'all\\xff', 'Begins after': '0' });
        await group('all\\xff').getByText('0-0', { exact: true }).waitFor();
        await group('late').waitFor();

        // Ann has three entries, and Bob more than a page of them.
        await read(name, 'work', Buffer.from('all\xff', 'latin1'), 'ann', 3);
        await read(name, 'work', Buffer.from('all\xff', 'latin1'), 'bob', 54);
        await detail.getByRole('button', { name: 'Load again' }).click();
        await group('all\\xff').getByText('57', { exact: true }).waitFor();
        await group('all\\xff').getByRole('button', { name: 'all\\xff' }).click();
        const pending = (id: string): Locator => rowOf(detail, 'Pending entries', id);
        const consumer = (text: string): Locator => rowOf(detail, 'Consumers', text);
        await pending('1-1').getByText('ann', { exact: true }).waitFor();
        await detail.getByRole('heading', { name: 'Pending entries (57)' }).waitFor();
        assert.equal(await pending('1-51').count(), 0);
        faults.push(...(await seriousFaults(page)));
        await detail.getByRole('button', { name: 'Next' }).click();
        await pending('1-51').getByText('bob', { exact: true }).waitFor();
        assert.equal(await pending('1-50').count(), 0);
        await pending('1-57').getByRole('button', { name: 'Acknowledge' }).click();
        await pending('1-57').waitFor({ state: 'detached' });
        // The list of groups knows it too.
        await group('all\\xff').getByText('56', { exact: true }).waitFor();
        await detail.getByRole('button', { name: 'Back', exact: true }).click();
        await pending('1-2').getByRole('button', { name: 'Hand over' }).click();
        await save(page, { 'To the consumer': 'carol' });
        await pending('1-2').getByText('carol', { exact: true }).waitFor();
        await consumer('carol').waitFor();
        await consumer('bob').getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('dialog').getByText('Its 53 pending entries go with it.').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await consumer('bob').waitFor({ state: 'detached' });
        await detail.getByRole('heading', { name: 'Pending entries (3)' }).waitFor();

        await group('all\\xff').getByRole('button', { name: 'Edit' }).click();
        await save(page, { 'Begins after': '1-30' });
        await group('all\\xff').getByText('1-30', { exact: true }).waitFor();
        await remove(page, group('all\\xff'));
        assert.equal(await detail.getByRole('region', { name: 'Pending entries' }).count(), 0);
        assert.equal((await groups()).length, 1);
        await remove(page, group('late'));
        assert.equal((await groups()).length, 0);
        await leave();
      });
    }

    it('gives a viewer no button of a stream', async () => {
      await run('redis', ['XADD', 'seen', '1-1', 'number', 'n1'], ['XGROUP', 'CREATE', 'seen', 'readers', '0']);
      await read('redis', 'seen', 'readers', 'ann', 1);
      const { page, open, leave } = await stage.seat(await userWith(stage.root, 'reads-streams', { role: 'viewer' }));
      await open(ids.redis!, `keys?db=${database}`);
      const detail = await openKey(page, 'seen');
      await rowOf(detail, 'Entries', '1-1').waitFor();
      const buttons = (): Promise<string[]> => detail.getByRole('button').allInnerTexts();
      assert.deepEqual(
        (await buttons()).filter((text) => /Add|Delete|Edit/.test(text)),
        [],
      );
      assert.equal(await detail.getByRole('button', { name: 'Delete' }).count(), 0);
      await detail.getByRole('button', { name: 'Groups' }).click();
      await detail.getByRole('button', { name: 'readers' }).click();
      await rowOf(detail, 'Pending entries', '1-1').waitFor();
      for (const label of ['Add group', 'Edit', 'Delete', 'Acknowledge', 'Hand over'])
        assert.equal(await detail.getByRole('button', { name: label }).count(), 0, label);
      await leave();
    });
  });
}
