// phpRedisAdmin walked through in Chromium, on our server and on its replica, which only reads.
//
//   KVASIR_PHPREDISADMIN=/path/to/phpRedisAdmin npm test -- clients/phpredisadmin
//
// docs/clients tells how the folder is made. Without the variable the test is skipped: CI has neither the page nor, always, a network.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Browser, Frame, Page } from 'playwright-core';
import { openBrowser } from '../admin/browser.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { findFreePort, findProgram } from '../peer.js';

const folder = process.env.KVASIR_PHPREDISADMIN;
const missing = ['php', 'chromium'].filter((program) => findProgram(program) === undefined);
const skip =
  folder === undefined
    ? 'KVASIR_PHPREDISADMIN names no folder'
    : missing.length > 0 && `not on the PATH: ${missing.join(', ')}`;

const MASTER = 0;
const REPLICA = 1;

describe('phpRedisAdmin', { skip, timeout: 600_000 }, () => {
  let master: KvasirProcess;
  let replica: KvasirProcess;
  let redis: Redis;
  let browser: Browser;
  let page: Page;
  let address: string;
  const ends: (() => unknown)[] = [];
  /** Errors and warnings of PHP, which it writes into the page and into its log. */
  let log = '';

  before(async () => {
    master = await startKvasir();
    ends.push(() => master.stop());
    replica = await startKvasir({ args: ['--replicaof', `127.0.0.1 ${master.port}`] });
    ends.push(() => replica.stop());
    redis = new Redis(master.port, '127.0.0.1');
    ends.push(() => redis.disconnect());
    address = await startPhp();
    browser = await openBrowser();
    ends.push(() => browser.close());
    page = await browser.newPage();
    page.on('dialog', (dialog) => void dialog.accept());
  });

  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  async function startPhp(): Promise<string> {
    const copy = mkdtempSync(join(tmpdir(), 'kvasir-php-'));
    ends.push(() => rmSync(copy, { recursive: true }));
    cpSync(folder!, copy, { recursive: true, filter: (path) => !path.includes('.git/') });
    const server = (name: string, port: number): string =>
      `array('name' => '${name}', 'host' => '127.0.0.1', 'port' => ${port}, 'filter' => '*', 'flush' => true)`;
    // The sample's other settings stay; the servers are ours.
    const servers = `array(${server('master', master.port)}, ${server('replica', replica.port)})`;
    const config = `<?php require __DIR__ . '/config.sample.inc.php'; $config['servers'] = ${servers};`;
    writeFileSync(join(copy, 'includes/config.inc.php'), config);
    const port = await findFreePort();
    const php = spawn('php', ['-d', 'display_errors=1', '-S', `127.0.0.1:${port}`, '-t', copy], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    ends.push(async () => {
      php.kill('SIGKILL');
      if (php.exitCode === null && php.signalCode === null) await once(php, 'exit');
    });
    php.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    while (!log.includes('started')) await sleep(20);
    return `http://127.0.0.1:${port}`;
  }

  /** The frame with the part of the page that is asked for; fails on what PHP or the page complains of. */
  async function open(what: string, server = MASTER): Promise<Frame> {
    await page.goto(`${address}/?${what}&s=${server}&d=0`);
    return await frame();
  }

  async function frame(): Promise<Frame> {
    const handle = await page.waitForSelector('#iframe');
    const inner = (await handle.contentFrame())!;
    await inner.waitForLoadState();
    const text = await inner.textContent('body');
    assert.doesNotMatch(text!, /Fatal error|Warning:|ERROR:|Uncaught/);
    return inner;
  }

  /** Fills the form of a new value, sends it, and waits for the page of its key. */
  async function add(fields: Readonly<Record<string, string>>): Promise<Frame> {
    const form = await open('edit');
    await form.selectOption('#type', fields.type!);
    for (const [name, value] of Object.entries(fields)) if (name !== 'type') await form.fill(`#${name}`, value);
    await pressAndLoad(form, 'input.button');
    return await frame();
  }

  const shown = async (part: Frame): Promise<string> =>
    (await part.textContent('body'))!.replace(/\s+/g, ' ').replace(/: ?/g, ': ');

  /** Clicks what may lie outside of the frame, which does not scroll. */
  const press = (part: Frame | Page, selector: string): Promise<void> =>
    part.$eval(selector, (element) => (element as unknown as { click(): void }).click());

  /** Clicks, and waits until the whole page has loaded again. */
  async function pressAndLoad(part: Frame | Page, selector: string): Promise<void> {
    await Promise.all([page.waitForEvent('load'), press(part, selector)]);
  }

  it('shows what the server is, and INFO', async () => {
    const overview = await shown(await open('overview'));
    assert.match(overview, /Redis version: 7\.4.*Redis version: 7\.4/);
    const info = await shown(await open('info'));
    for (const field of ['redis_version', 'used_memory', 'connected_clients', 'tcp_port'])
      assert.ok(info.includes(field));
  });

  it('writes values of all types by its forms, and shows them', async () => {
    assert.match(
      await shown(await add({ type: 'string', key: 'user:1', value: 'Ann' })),
      /Type: string.*does not expire.*Ann/,
    );
    assert.match(
      await shown(await add({ type: 'hash', key: 'user:2', hkey: 'name', value: 'Bob' })),
      /Type: hash.*1 items.*name.*Bob/,
    );
    for (const value of ['one', 'two']) await add({ type: 'list', key: 'queue', index: '', value });
    assert.match(await shown(await open('view&key=queue')), /Type: list.*2 items.*one.*two/);
    assert.match(await shown(await add({ type: 'set', key: 'tags', value: 'red' })), /Type: set.*red/);
    assert.match(
      await shown(await add({ type: 'zset', key: 'board', score: '3', value: 'ann' })),
      /Type: zset.*3.*ann/,
    );
    assert.equal(await redis.get('user:1'), 'Ann');
    assert.deepEqual(await redis.hgetall('user:2'), { name: 'Bob' });
    assert.deepEqual(await redis.lrange('queue', 0, -1), ['one', 'two']);
    assert.deepEqual(await redis.smembers('tags'), ['red']);
    assert.equal(await redis.zscore('board', 'ann'), '3');
    // The tree has each of them once, the two users in a folder, and counts their parts.
    const tree = (await page.textContent('#keys'))!.replace(/\s+/g, ' ');
    assert.match(tree, /scanned 5 keys/);
    assert.match(tree, /user.\(2\)/);
    await redis.xadd('events', '*', 'type', 'click');
    assert.match(await shown(await open('view&key=events')), /Type: stream.*Type Unsupported/);
  });

  it('edits, expires, renames and deletes', async () => {
    await redis.set('note', 'old');
    let form = await open('edit&type=string&key=note');
    assert.equal(await form.inputValue('#value'), 'old');
    await form.fill('#value', 'größer');
    await pressAndLoad(form, 'input.button');
    assert.match(await shown(await frame()), /größer/);
    assert.equal(await redis.get('note'), 'größer');

    form = await open('ttl&key=note&ttl=-1');
    await form.fill('#ttl', '1000');
    await Promise.all([form.waitForURL(/view\.php/), press(form, 'input.button')]);
    assert.ok((await redis.ttl('note')) > 100);

    form = await open('rename&key=note');
    await form.fill('#key', 'memo');
    await pressAndLoad(form, 'input.button');
    assert.equal(await redis.exists('note'), 0);

    form = await open('view&key=memo');
    await pressAndLoad(form, 'a.delkey');
    assert.equal(await redis.exists('memo'), 0);
  });

  it('deletes trees and selected keys, exports, imports and flushes', async () => {
    await redis.flushall();
    await redis.mset('shop:1', 'a', 'shop:2', 'b', 'keep', 'c', 'drop', 'd');
    await open('overview');
    await pressAndLoad(page, 'a.deltree');
    assert.deepEqual((await redis.keys('*')).sort(), ['drop', 'keep']);

    await open('overview');
    await page.check('input[name=checked_keys][value=drop]');
    await pressAndLoad(page, '#operations a.batch_del');
    assert.deepEqual(await redis.keys('*'), ['keep']);

    let form = await open('export');
    await form.selectOption('#type', 'json');
    const [exported] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      press(form, 'input.button'),
    ]);
    assert.deepEqual(await exported.json(), { keep: 'c' });

    form = await open('import');
    await form.fill('#commands', 'SET imported yes');
    await pressAndLoad(form, 'input.button');
    assert.equal(await redis.get('imported'), 'yes');

    await open('overview');
    await pressAndLoad(page, '#flush');
    assert.equal(await redis.dbsize(), 0);
  });

  it('reads a replica, which refuses what it writes', async () => {
    await redis.set('user:1', 'Ann');
    await redis.wait(1, 60_000);
    assert.match(await shown(await open('view&key=user:1', REPLICA)), /Type: string.*Ann/);
    assert.match(await shown(await open('info', REPLICA)), /role.{0,20}slave/);

    const form = await open('edit&type=string&key=user:1', REPLICA);
    await form.fill('#value', 'Eve');
    await Promise.all([form.waitForSelector('.exception'), press(form, 'input.button')]);
    assert.match(await shown(await frame()), /READONLY You can't write against a read only replica/);

    const view = await open('view&key=user:1', REPLICA);
    const [answer] = await Promise.all([page.waitForResponse(/delete\.php/), press(view, 'a.delkey')]);
    assert.match(await answer.text(), /READONLY/);
    assert.equal(await redis.get('user:1'), 'Ann');
  });

  it('had nothing to complain of but the refused write', () => {
    const complaints = log.split('\n').filter((line) => /PHP (Fatal|Warning|Parse|Notice)/.test(line));
    assert.deepEqual(
      complaints.filter((line) => !line.includes('READONLY')),
      [],
    );
  });
});
