// fleet-pages: the tests of the page's views of sentinels, proxies, codis, clusters and alerts, for those who may act and those who may look.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { keySlot } from '../../src/base/key-slot.js';
import { ask } from '../ask.js';
import { startNodes, stopNodes } from '../cluster-peers.js';
import type { RedisPeer } from '../peer.js';
import { userWith, Visitor } from './admin-client.js';
import { seriousFaults } from './browser.js';
import type { PageFleet } from './page-fleet.js';
import type { PageStage } from './page-stage.js';
import { until } from '../sentinel/fleet.js';

export function fleetPages(stage: PageStage): void {
  describe('of other servers than data servers', { concurrency: 1 }, () => {
    let fleet: PageFleet;
    let viewer: Visitor;
    let root: Visitor;
    before(async () => {
      fleet = await stage.fleet;
      for (const entry of Object.values(fleet.entries)) await stage.add(entry);
      viewer = await userWith(stage.root, 'looks', { role: 'viewer' });
      // A session, and so a page, of its own.
      root = new Visitor(stage.admin.port);
      await root.logIn('root');
    });

    const keyOfSlot = (slot: number): string => {
      for (let index = 0; ; index++) if (keySlot(Buffer.from(`key:${index}`)) === slot) return `key:${index}`;
    };
    /** Types the name of the server where the page asks for it. */
    const confirm = async (page: Page, name: string): Promise<void> => {
      const dialog = page.getByRole('dialog').last();
      await dialog.getByLabel('Type the name of the server').fill(name);
      await dialog.locator('button.danger').click();
    };
    /** The view, for somebody who may only look: what is there, and which buttons are not. */
    const looksOnly = async (name: string, view: string, seen: string, hidden: readonly string[]): Promise<void> => {
      const { page, open, leave } = await stage.seat(viewer);
      await open(stage.ids[name]!, view);
      await page.getByText(seen).locator('visible=true').first().waitFor();
      for (const text of hidden) assert.equal(await page.getByRole('button', { name: text }).count(), 0, text);
      await leave();
    };

    it('shows a sentinel, fails over by hand, and follows its events', async () => {
      const { page, faults, open, leave } = await stage.seat(root);
      await open(stage.ids.watch!, 'sentinel');
      const [master, replica] = fleet.sentinels.servers.map(({ port }) => `127.0.0.1:${port}`);
      const masters = page.getByRole('region', { name: 'Masters' });
      await masters.getByText(master!).waitFor();
      await page.getByRole('button', { name: 'mymaster' }).click();
      await page.getByRole('region', { name: 'Replicas' }).getByText(replica!).waitFor();
      await page.getByText(/^OK 2 usable Sentinels/).waitFor();
      const other = page
        .getByRole('region', { name: 'Other sentinels' })
        .getByRole('row')
        .filter({ hasText: `127.0.0.1:${fleet.sentinels.sentinels[1]!.port}` });
      await other.getByText('sentinel', { exact: true }).waitFor();
      await masters.getByRole('row', { name: /mymaster/ }).waitFor();
      faults.push(...(await seriousFaults(page)));
      // One that hangs takes the majority with it.
      fleet.sentinels.sentinels[1]!.signal('SIGSTOP');
      await other.getByText('s_down', { exact: true }).waitFor();
      await page.getByText(/^NOQUORUM/).waitFor();
      fleet.sentinels.sentinels[1]!.signal('SIGCONT');
      await other.getByText('s_down', { exact: true }).waitFor({ state: 'detached' });
      await page.getByText(/^OK 2 usable Sentinels/).waitFor();
      await page.getByRole('button', { name: 'Follow' }).click();
      await page.getByText('Nothing yet.').waitFor();
      await masters.getByRole('button', { name: 'Failover' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Failover' }).click();
      await page.getByRole('log').getByText('+switch-master').waitFor();
      await masters.getByText(replica!).waitFor();
      await leave();
      await looksOnly('watch', 'sentinel', 'mymaster', ['Failover']);
    });

    it('shows the pools of a proxy, and has it read its configuration again', async () => {
      const { page, faults, open, leave } = await stage.seat(root);
      await open(stage.ids.router!, 'proxy');
      await page.getByRole('heading', { name: '3 pools', exact: true }).waitFor();
      for (const [pool, names] of [
        ['alpha', ['one', 'two']],
        ['alpha_server0', ['inner']],
      ] as const) {
        const servers = page.getByRole('region', { name: `Servers of ${pool}`, exact: true });
        for (const name of names) await servers.getByText(name, { exact: true }).waitFor();
        assert.equal(await servers.locator('tbody').getByRole('row').count(), names.length, pool);
        const section = page.locator('section', { has: page.getByRole('heading', { name: pool, exact: true }) });
        await section.getByText(names.length === 1 ? '1 server' : '2 servers', { exact: true }).waitFor();
        await section.locator('[title=client_connections]').waitFor();
      }
      // A server that is down is ejected after a request that it was to answer.
      const stateOf = (name: string): Locator =>
        page
          .getByRole('region', { name: 'Servers of beta' })
          .getByRole('row')
          .filter({ hasText: name })
          .locator('.badge');
      assert.equal(await stateOf('dead').innerText(), 'idle');
      for (let index = 0; index < 100; index++) await ask(fleet.ejectingPort, ['GET', `key:${index}`]);
      await stateOf('dead').getByText('ejected').waitFor();
      await stateOf('alive').getByText('connected').waitFor();
      const pool = page.locator('section', { has: page.getByRole('heading', { name: 'beta' }) });
      await pool.locator('[title=server_ejects]').getByText('1', { exact: true }).waitFor();
      faults.push(...(await seriousFaults(page)));
      // In the list, a server that is named as a pool is none.
      await page.goto(`${stage.admin.url}#/`);
      await page.getByRole('region', { name: 'router' }).getByText('3 pools', { exact: true }).waitFor();
      await open(stage.ids.router!, 'proxy');
      await page.getByRole('button', { name: 'Read the configuration again' }).click();
      await page.getByText('The configuration is read again.').waitFor();
      await leave();
      await looksOnly('router', 'proxy', 'alpha', ['Read the configuration again']);
    });

    it('shows the groups and slots of a codis, and moves them after the name was typed', async () => {
      for (const body of [
        { command: 'add-group', group: 1 },
        { command: 'add-server', group: 1, server: fleet.entries.codis.nodes[0] },
      ]) {
        const answer = await stage.root.post(`/api/servers/${stage.ids.shop}/codis`, { ...body, confirm: 'shop' });
        assert.equal(answer.status, 200, answer.text);
      }
      const { page, faults, open, leave } = await stage.seat(root);
      await open(stage.ids.shop!, 'codis');
      await page.getByRole('region', { name: 'Servers of group 1' }).getByText(fleet.entries.codis.nodes[0]!).waitFor();
      await page.getByRole('button', { name: 'Pause moves' }).click();
      await confirm(page, 'shop');
      await page.getByText('moves are paused').waitFor();
      await page.getByLabel('First slot').fill('10');
      await page.getByLabel('Last slot').fill('19');
      await page.getByRole('button', { name: 'Move slots' }).click();
      await confirm(page, 'shop');
      await page.getByText('pending → Group 1').waitFor();
      await page.getByRole('region', { name: 'Slots' }).getByText('10–19').waitFor();
      faults.push(...(await seriousFaults(page)));
      await leave();
      await looksOnly('shop', 'codis', '10–19', ['Pause moves', 'Resume moves', 'Rebalance', 'Move slots', 'Promote']);
    });

    /** Shows the plan of the open dialog, and carries it out after `check`. */
    const carryOut = async (page: Page, check: (dialog: Locator) => Promise<unknown> = () => Promise.resolve()) => {
      const dialog = page.getByRole('dialog').first();
      await dialog.getByRole('button', { name: 'Show the plan' }).click();
      const carry = dialog.getByRole('button', { name: 'Carry it out' });
      await carry.waitFor();
      await check(dialog);
      await carry.click();
      await confirm(page, 'nodes');
      await carry.and(dialog.locator(':disabled')).waitFor();
      await dialog.getByText('done', { exact: true }).waitFor();
    };
    /** What the map of slots shows: each bar's node by the colour that the list below gives it, and the slots between its edges. */
    const drawnSlots = (page: Page): Promise<string[]> =>
      page.evaluate(`(() => {
        const map = document.querySelector('svg.slots');
        const { left, width } = map.getBoundingClientRect();
        const slotAt = (x) => Math.round(((x - left) / width) * 16384);
        const names = new Map([...map.parentElement.querySelectorAll('.dot')].map((dot) => [
          getComputedStyle(dot).backgroundColor,
          dot.parentElement.querySelector('.mono').textContent,
        ]));
        return [...map.querySelectorAll('rect')].map((bar) => {
          const { left: from, right, height } = bar.getBoundingClientRect();
          const name = names.get(getComputedStyle(bar).fill);
          if (height < 10 || !bar.textContent.startsWith(name + ': ')) return 'no bar of ' + bar.textContent;
          return name + ' ' + slotAt(from) + ' ' + slotAt(right);
        });
      })()`);
    const slotsOf = async (port: string): Promise<number> => {
      const text = await ask(Number(port), ['CLUSTER', 'NODES']);
      const own = text.split('\n').find((line) => line.includes('myself'))!;
      return [...own.matchAll(/ (\d+)-(\d+)/g)].reduce((sum, [, from, to]) => sum + Number(to) - Number(from) + 1, 0);
    };
    const portOf = (address: string): string => address.slice(address.indexOf(':') + 1);

    it('shows a cluster, moves slots and evens them out after the plan was shown and the name typed', async () => {
      const { page, faults, open, leave } = await stage.seat(root);
      const [first, second] = fleet.entries.cluster.nodes;
      await open(stage.ids.nodes!, 'cluster');
      const nodes = page.getByRole('region', { name: 'Nodes' });
      for (const address of [first!, second!]) await nodes.getByText(address).waitFor();
      faults.push(...(await seriousFaults(page)));
      assert.deepEqual(await drawnSlots(page), [`${first} 0 8192`, `${second} 8192 16384`]);
      const dialog = page.getByRole('dialog').first();
      await page.getByRole('button', { name: 'Reshard' }).click();
      await dialog.getByLabel('Slots to move').fill('200');
      await carryOut(page, async () => {
        await dialog.getByText(/Ready to move 200 slots/).waitFor();
        faults.push(...(await seriousFaults(page)));
      });
      await dialog.getByText('Slots 200 / 200').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      for (const slots of ['8,392', '7,992']) await nodes.getByText(slots).waitFor();
      assert.equal(await slotsOf(portOf(first!)), 8392);
      assert.deepEqual(await drawnSlots(page), [`${first} 0 8392`, `${second} 8392 16384`]);
      await page.getByRole('button', { name: 'Rebalance' }).click();
      await carryOut(page, async () => {
        await dialog.getByText(/Moving 200 slots/).waitFor();
        // The plan moves nothing.
        assert.equal(await slotsOf(portOf(first!)), 8392);
        faults.push(...(await seriousFaults(page)));
      });
      await dialog.getByText('Slots 200 / 200').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      await nodes.getByText('8,392').waitFor({ state: 'detached' });
      for (const address of [first!, second!]) assert.equal(await slotsOf(portOf(address)), 8192);
      await leave();
      await looksOnly('nodes', 'cluster', first!, ['Check', 'Fix', 'Reshard', 'Rebalance', 'Add node', 'Remove']);
    });

    it('shows how far a reshard and a rebalance are while they wait for a node', async () => {
      const nodes = await startNodes(2);
      stage.endWith(() => stopNodes(nodes));
      const [first, second] = nodes as [RedisPeer, RedisPeer];
      await first.send('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
      await second.send('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
      await first.send('CLUSTER', 'MEET', '127.0.0.1', String(second.port));
      for (const node of nodes)
        await until('the cluster is whole', async () => /cluster_state:ok/.test(await node.send('CLUSTER', 'INFO')));
      await stage.add({ name: 'slow', nodes: nodes.map(({ port }) => `127.0.0.1:${port}`) });
      const { page, open, leave } = await stage.seat(root);
      await open(stage.ids.slow!, 'cluster');
      const dialog = page.getByRole('dialog').first();
      // It moves 200 slots from the lowest on. The hundred before the key are empty, and the key cannot leave a node whose writes are
      // paused.
      const key = keyOfSlot(8192 + 100);
      assert.equal(await second.send('SET', key, 'x'), 'OK');
      await second.send('CLIENT', 'PAUSE', '100000000', 'WRITE');
      await page.getByRole('button', { name: 'Reshard' }).click();
      await dialog.getByLabel('Slots to move').fill('200');
      await dialog.getByRole('button', { name: 'Show the plan' }).click();
      await dialog.getByRole('button', { name: 'Carry it out' }).click();
      await confirm(page, 'slow');
      // The last slot may be moved and not shown yet: the bar is drawn ten times a second.
      await dialog.getByText(/^Slots (9\d|100) \/ 200$/).waitFor();
      await dialog.getByText('running', { exact: true }).waitFor();
      const bar = dialog.getByRole('progressbar', { name: 'Progress' });
      assert.equal(await bar.getAttribute('max'), '200');
      assert.match((await bar.getAttribute('value'))!, /^(9\d|100)$/);
      await dialog.getByRole('button', { name: 'Cancel' }).waitFor();
      await page.getByRole('region', { name: 'Nodes' }).getByText('1 moving').first().waitFor();
      await second.send('CLIENT', 'UNPAUSE');
      await dialog.getByText('done', { exact: true }).waitFor();
      await dialog.getByText('Slots 200 / 200').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      assert.equal(await first.send('GET', key), 'x');

      // The same of a rebalance, which gives the lowest slots of the first node away.
      const low = keyOfSlot(100);
      assert.equal(await first.send('SET', low, 'y'), 'OK');
      await first.send('CLIENT', 'PAUSE', '100000000', 'WRITE');
      await page.getByRole('button', { name: 'Rebalance' }).click();
      await dialog.getByRole('button', { name: 'Show the plan' }).click();
      await dialog.getByRole('button', { name: 'Carry it out' }).click();
      await confirm(page, 'slow');
      await dialog.getByText(/^Slots (9\d|100) \/ 200$/).waitFor();
      assert.match((await bar.getAttribute('value'))!, /^(9\d|100)$/);
      // The moved slots are drawn before the others have followed.
      await until('the map shows what has moved', async () => (await drawnSlots(page)).length === 3);
      await first.send('CLIENT', 'UNPAUSE');
      await dialog.getByText('done', { exact: true }).waitFor();
      await dialog.getByText('Slots 200 / 200').waitFor();
      await dialog.getByRole('button', { name: 'Close' }).click();
      assert.equal(await second.send('GET', low), 'y');
      await leave();
    });

    it('takes a node into a cluster, makes it the master by hand, and takes it out again', async () => {
      const { page, open, leave } = await stage.seat(root);
      const [first, second] = fleet.entries.cluster.nodes;
      const spare = fleet.spareNode;
      await open(stage.ids.nodes!, 'cluster');
      const rowOf = (address: string): Locator =>
        page.getByRole('region', { name: 'Nodes' }).getByRole('row').filter({ hasText: address });
      const roleOf = async (address: string): Promise<string> =>
        (await ask(Number(portOf(address)), ['ROLE'])).split('\n')[0]!;
      await page.getByRole('button', { name: 'Add node' }).click();
      const dialog = page.getByRole('dialog').first();
      await dialog.getByLabel('Address').fill(spare);
      await dialog.getByLabel('As').selectOption({ label: `replica of ${first!}` });
      await carryOut(page);
      await dialog.getByRole('button', { name: 'Close' }).click();
      for (const [next, last] of [
        [spare, first!],
        [first!, spare],
      ] as const) {
        await rowOf(next).getByText('replica').waitFor();
        await rowOf(next).getByText('0 B', { exact: true }).waitFor();
        // Who does not know yet that it is a replica gives it no vote.
        const isReplica = new RegExp(`:${portOf(next)}@\\S+ \\S*slave `);
        await until('the other master knows the replica', async () =>
          isReplica.test(await ask(Number(portOf(second!)), ['CLUSTER', 'NODES'])),
        );
        assert.equal(await roleOf(next), 'slave');
        // A failover that takes a busy machine more than five seconds is given up by the nodes.
        for (let tries = 1; ; tries++) {
          await rowOf(next).getByRole('button', { name: 'Make it the master' }).click();
          await confirm(page, 'nodes');
          const master = rowOf(next).getByText('master', { exact: true });
          const isMade = master.waitFor({ timeout: 15_000 }).then(
            () => true,
            () => false,
          );
          if (await isMade) break;
          assert.ok(tries < 5, `${next} did not become the master`);
        }
        await rowOf(last).getByText('replica', { exact: true }).waitFor();
        assert.deepEqual([await roleOf(next), await slotsOf(portOf(next))], ['master', 8192]);
      }
      await rowOf(spare).getByRole('button', { name: 'Remove' }).click();
      await carryOut(page);
      await dialog.getByRole('button', { name: 'Close' }).click();
      await rowOf(spare).waitFor({ state: 'detached' });
      await leave();
    });

    for (const name of ['watch', 'router', 'nodes'] as const)
      it(`opens each page of ${name}`, async () => {
        const { page, open, leave } = await stage.seat(root);
        await open(stage.ids[name]!, 'overview');
        for (const tab of await page.locator('nav.tabs a').allInnerTexts()) {
          await page.locator('nav.tabs').getByRole('link', { name: tab, exact: true }).click();
          await page.locator('nav.tabs a[aria-current=page]').getByText(tab, { exact: true }).waitFor();
          await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
          assert.deepEqual(await page.getByRole('alert').allInnerTexts(), [], tab);
        }
        await leave();
      });

    it('makes rules and channels of alerts, silences what fires, and tries a channel', async () => {
      await stage.add({ name: 'gone', nodes: ['127.0.0.1:1'] });
      const heard: string[] = [];
      const listener = createServer((request, response) => {
        request.on('data', (part: Buffer) => heard.push(part.toString()));
        request.on('end', () => response.end());
      });
      listener.listen(0, '127.0.0.1');
      await once(listener, 'listening');
      stage.endWith(() => void listener.close());
      const { page, faults, open, leave } = await stage.seat(root);
      await open('', 'alerts');
      await page.getByRole('button', { name: 'Add channel' }).click();
      let dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('Team');
      await dialog.getByLabel('Address').fill(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/`);
      faults.push(...(await seriousFaults(page)));
      await dialog.getByRole('button', { name: 'Save' }).click();
      await page.getByRole('button', { name: 'Test' }).click();
      await page.getByText('Delivered').waitFor();
      assert.equal(heard.length, 1);
      // A rule about a figure that makes no sense is refused in its dialog, and saved when it does.
      await page.getByRole('button', { name: 'Add rule' }).click();
      dialog = page.getByRole('dialog');
      await dialog.getByLabel('Name').fill('Nobody there');
      await dialog.getByLabel('Figure', { exact: true }).fill('nosuch');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('there is no figure "nosuch"').waitFor();
      await dialog.getByRole('button', { name: 'No answer' }).click();
      await dialog.getByLabel('Severity').selectOption('critical');
      await dialog.getByLabel('Holds for seconds').fill('0');
      await dialog.getByLabel('gone', { exact: true }).check();
      faults.push(...(await seriousFaults(page)));
      await dialog.getByRole('button', { name: 'Save' }).click();
      const now = page.getByRole('region', { name: 'Now' });
      const row = now.getByRole('row', { name: /Nobody there/ });
      await row.getByText('firing').waitFor();
      assert.match(await row.innerText(), /critical[^]*gone/);
      await row.getByRole('button', { name: 'Silence for an hour' }).click();
      await row.getByText('silenced').waitFor();
      await page.getByRole('region', { name: 'Silences' }).getByText('Nobody there').waitFor();
      faults.push(...(await seriousFaults(page)));
      await page.getByRole('button', { name: 'End', exact: true }).click();
      await row.getByText('silenced').waitFor({ state: 'detached' });
      const rules = page.getByRole('region', { name: 'Rules' });
      await rules
        .getByRole('row', { name: /Nobody there/ })
        .getByRole('button', { name: 'Delete' })
        .click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await row.waitFor({ state: 'detached' });
      await leave();
      const operator = await userWith(stage.root, 'operates', { role: 'operator' });
      for (const [visitor, maySilence] of [
        [viewer, false],
        [operator, true],
      ] as const) {
        const other = await stage.seat(visitor);
        await other.open('', 'alerts');
        await other.page.getByRole('region', { name: 'Now' }).getByText('Server is down').waitFor();
        const silence = other.page.getByRole('button', { name: 'Silence for an hour' });
        assert.equal((await silence.count()) > 0, maySilence);
        for (const name of ['Add rule', 'Add channel', 'Test', 'Delete'])
          assert.equal(await other.page.getByRole('button', { name, exact: true }).count(), 0, name);
        await other.leave();
      }
    });
  });
}
