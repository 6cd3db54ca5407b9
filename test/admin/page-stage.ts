// page-stage: what the tests of the page share, as each part is dear: one browser, one admin, a Kvasir and a redis-server with keys.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type EmbeddedServer, startServer } from '../../src/embed/start-server.js';
import { startRedis, type RedisPeer } from '../peer.js';
import { firstAdmin, startTestAdmin, type TestAdmin, Visitor } from './admin-client.js';
import { type PageFleet, startPageFleet } from './page-fleet.js';
import { openBrowser, watchFaults } from './browser.js';

const waitMs = 60_000;

/** A browser of somebody, with what went wrong in it. */
export interface Seat {
  readonly page: Page;
  readonly faults: string[];
  /** Opens a view of a server, or of the whole page with an empty id, and waits until it has loaded. */
  open(id: string, view: string): Promise<void>;
  leave(): Promise<void>;
}

export class PageStage {
  server!: EmbeddedServer;
  redis!: RedisPeer;
  /** The configuration file that the redis-server began with. */
  redisConfig!: string;
  admin!: TestAdmin;
  root!: Visitor;
  browser!: Browser;
  fleet!: Promise<PageFleet>;
  /** Ids of the servers by name. */
  readonly ids: Record<string, string> = {};
  private readonly seats = new Map<Visitor, { seat: Seat; isFree: boolean }>();
  private readonly ends: (() => Promise<void> | void)[] = [];

  async start(): Promise<void> {
    const ends = this.ends;
    const ended = async <Part>(starting: Promise<Part>, end: (part: Part) => Promise<void>): Promise<Part> => {
      const part = await starting;
      ends.push(() => end(part));
      return part;
    };
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-page-redis-'));
    this.redisConfig = join(folder, 'redis.conf');
    writeFileSync(this.redisConfig, 'loglevel notice\n');
    // Its parts start while the first tests run.
    this.fleet = startPageFleet();
    ends.push(async () => (await this.fleet.catch(() => undefined))?.stop());
    this.fleet.catch(() => undefined); // told by the tests that need it
    [this.server, this.redis, this.browser, this.admin] = await Promise.all([
      ended(startServer({ port: 0 }), (server) => server.close()),
      ended(startRedis({ folder, programArgs: [this.redisConfig] }), (redis) => redis.stop()),
      ended(openBrowser(), (browser) => browser.close()),
      startTestAdmin({ after: (run: () => Promise<void>) => void ends.push(run) } as never, { keepsHistory: true }),
    ]);
    this.root = await firstAdmin(this.admin);
    await this.add({ name: 'ours', nodes: [`127.0.0.1:${this.server.port}`] });
    await this.add({ name: 'redis', nodes: [`127.0.0.1:${this.redis.port}`] });
    for (const name of ['ours', 'redis']) await this.run(name, ...exampleKeys());
  }

  async stop(): Promise<void> {
    for (const end of this.ends.reverse()) await end();
  }

  /** The things that end with the stage. */
  endWith(end: () => Promise<void> | void): void {
    this.ends.push(end);
  }

  async add(entry: { name: string; nodes: string[]; codisDashboard?: string; group?: string }): Promise<string> {
    const answer = await this.root.post('/api/servers', entry);
    assert.equal(answer.status, 200, answer.text);
    return (this.ids[entry.name] = String(answer.json().id));
  }

  /** Runs commands on a server; their replies. */
  async run(name: string, ...commands: string[][]): Promise<unknown[]> {
    const answer = await this.root.post(`/api/servers/${this.ids[name]}/commands`, { commands });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ replies: unknown[] }>().replies;
  }

  /**
   * A page for somebody who is logged in, at the list of servers. Loading the page takes longer than most that happens in it, so
   * whoever comes back gets the same one, unless the test before ended without leaving it.
   */
  async seat(visitor: Visitor): Promise<Seat> {
    const known = this.seats.get(visitor);
    if (known?.isFree !== true) {
      if (known !== undefined) await known.seat.page.context().close();
      const seat = await this.newSeat(visitor, { width: 1280, height: 800 });
      const kept: { seat: Seat; isFree: boolean } = { seat, isFree: false };
      kept.seat = {
        ...seat,
        leave: () => {
          kept.isFree = true;
          return Promise.resolve(assert.deepEqual(seat.faults.splice(0), []));
        },
      };
      this.seats.set(visitor, kept);
      return kept.seat;
    }
    known.isFree = false;
    const { page } = known.seat;
    await page.goto(`${this.admin.url}#/`);
    await page.getByRole('heading', { name: 'Servers' }).waitFor();
    return known.seat;
  }

  /** A page in a browser of its own. */
  async newSeat(visitor: Visitor, size: { width: number; height: number }): Promise<Seat> {
    const own: BrowserContext = await this.browser.newContext({
      viewport: size,
      colorScheme: 'light',
      locale: 'en-GB',
      reducedMotion: 'reduce',
    });
    own.setDefaultTimeout(waitMs);
    const [name, value] = visitor.cookie.split('=') as [string, string];
    await own.addCookies([{ name, value, url: this.admin.url }]);
    const page = await own.newPage();
    const faults = watchFaults(page, this.admin.url);
    await page.goto(this.admin.url);
    await page.getByRole('heading', { name: 'Servers' }).waitFor();
    return {
      page,
      faults,
      open: async (id, view) => {
        await page.goto(`${this.admin.url}#/${id === '' ? view : `s/${id}/${view}`}`);
        if (id !== '') await page.locator(`nav.tabs a[aria-current=page][href*="/${id}/${view}"]`).waitFor();
        else await page.locator('.content').waitFor();
        await page.getByText('Loading …').first().waitFor({ state: 'hidden' });
      },
      leave: async () => {
        assert.deepEqual(faults, []);
        await own.close();
      },
    };
  }
}

function exampleKeys(): string[][] {
  return [
    ...Array.from({ length: 300 }, (_, index) => ['SET', `session:${index}`, `{"user":${index}}`]),
    ['HSET', 'user:1', 'name', 'Ada', 'city', 'Tórshavn'],
    ['RPUSH', 'queue', 'first', 'second', 'third'],
    ['ZADD', 'scores', '1.5', 'one', '2', 'two'],
    ['SADD', 'tags', 'red', 'green'],
    ['XADD', 'events', '1-1', 'kind', 'login'],
    ['SET', '<img src=x onerror=alert(1)>', '<script>alert(1)</script>'],
    ['SET', 'bin\udcff', '\udc80\udcfe'],
  ];
}
