// terminal: kvasir-cli as a person uses it, in a pseudo-terminal.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { findFreePort, peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { kvasirCliPath } from './programs.js';
import { TerminalScreen } from './terminal-screen.js';

describe('kvasir-cli at a terminal', { skip: peerMissing('redis-server', 'redis-cli', 'tmux') }, () => {
  let redis: RedisPeer;
  let folder: string;
  let screens: TerminalScreen[] = [];

  before(async () => {
    redis = await startRedis({ args: ['--enable-debug-command', 'yes'] });
  });
  after(() => redis.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kvasir-terminal-'));
  });
  afterEach(async () => {
    for (const screen of screens) await screen.stop();
    screens = [];
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a program that ends with the test. */
  async function start(command: readonly string[], env: Readonly<Record<string, string>>): Promise<TerminalScreen> {
    const screen = await TerminalScreen.start(command, env);
    screens.push(screen);
    return screen;
  }

  async function open(
    words: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    port = redis.port,
  ): Promise<TerminalScreen> {
    return start([process.execPath, kvasirCliPath, '-p', String(port), ...words], {
      TERM: 'xterm-256color',
      REDISCLI_HISTFILE: join(folder, 'history'),
      REDISCLI_RCFILE: join(folder, 'preferences'),
      ...env,
    });
  }

  test('hints show what is still to be typed, in grey behind the cursor', async () => {
    const terminal = await open();
    await terminal.waitFor(/>$/m);
    await terminal.type('get ');
    await terminal.waitFor(/> get key$/m);
    await terminal.type('greeting');
    await terminal.press('C-u');
    await terminal.type('set greeting hello ex ');
    await terminal.waitFor(/> set greeting hello ex seconds \[NX\|XX\] \[GET\]$/m);
    const styled = await terminal.read(true);
    assert.match(styled, /\x1b\[90mseconds \[NX/);
    await terminal.type('60');
    await terminal.press('Enter');
    await terminal.waitFor(/\nOK\n/);
    await terminal.enter(':set nohints');
    await terminal.type('get ');
    await terminal.waitFor(/> get$/m);
  });

  test('Tab completes commands, subcommands, keywords and keys, and lists them when there are several', async () => {
    await redis.send('mset', 'user:1:name', 'x', 'user:1:mail', 'y', 'with space', 'z', 'odd*key', 'w');
    const terminal = await open();
    await terminal.waitFor(/>$/m);
    await terminal.type('get k');
    await terminal.waitFor(/get k/);
    await terminal.press('C-u');
    await terminal.type('conf');
    await terminal.pressUntil('Tab', /> config$/m);
    await terminal.type('rewr');
    await terminal.pressUntil('Tab', /> config rewrite/);
    await terminal.press('C-u');
    await terminal.type('GET user:1:n');
    await terminal.pressUntil('Tab', /> GET user:1:name$/m);
    await terminal.press('C-u');
    await terminal.type('get with');
    await terminal.pressUntil('Tab', /> get "with space"$/m);
    await terminal.press('Enter');
    await terminal.waitFor(/^"z"$/m);
    await terminal.type('get odd*');
    await terminal.pressUntil('Tab', /> get odd\*key$/m);
    await terminal.press('C-u');
    await terminal.type('set k v kee');
    await terminal.pressUntil('Tab', /> set k v keepttl/);
    await terminal.press('C-u');
    await terminal.type('georad');
    await terminal.press('Tab', 'Tab', 'Tab');
    await terminal.waitFor(/georadius +georadius_ro +georadiusbymember/);
    await terminal.press('C-u');
    await terminal.type('help @sor');
    await terminal.pressUntil('Tab', /> help @sorted-set/);
  });

  test('the history keeps commands, and no secrets', async () => {
    const terminal = await open();
    const secrets = [
      'auth hunter2',
      'AUTH default hunter2',
      'acl setuser alice >hunter2',
      'config set requirepass ""',
      'config set maxmemory 0 masterauth ""',
      'hello 3 auth default hunter2',
      'migrate 127.0.0.1 1 k 0 10 auth hunter2',
      '2 auth hunter2',
      'auth "hunter2',
    ];
    await terminal.waitFor(/>$/m);
    await terminal.enter('set kept 1');
    await terminal.waitFor(/\nOK\n/);
    for (const line of secrets) {
      await terminal.press('C-l');
      await terminal.enter(line);
      await terminal.waitFor(/\n.+\n.*>$/);
    }
    await terminal.press('C-l');
    await terminal.enter('get kept');
    await terminal.waitFor(/"1"/);
    const file = join(folder, 'history');
    assert.equal(readFileSync(file, 'utf8'), 'set kept 1\nget kept\n');
    assert.equal(statSync(file).mode & 0o077, 0);
    // In memory they are there: a mistyped password can be corrected.
    await terminal.press('Up', 'Up');
    await terminal.waitFor(/> auth "hunter2$/m);
    await terminal.press('C-c');
    await terminal.press('C-r');
    await terminal.type('set k');
    await terminal.waitFor(/^\(reverse-i-search\): set kept 1$/m);
    await terminal.press('Enter');
    await terminal.waitFor(/set kept 1\nOK/);
    await terminal.enter('quit');
    await terminal.waitFor(/\[ended with 0\]/);
    const again = await open();
    await again.waitFor(/>$/m);
    await again.press('Up', 'Up');
    await again.waitFor(/> set kept 1/);
  });

  test('Ctrl-C gives up a blocking command, MONITOR and a subscription, and the prompt comes back', async () => {
    const terminal = await open(['-n', '2']);
    await terminal.waitFor(/\[2\]>$/m);
    for (const line of ['blpop nothing 0', 'monitor']) {
      await terminal.press('C-l');
      await terminal.enter(line);
      if (line === 'monitor') await terminal.waitFor(/monitor\nOK/);
      else await waitUntilBlocked();
      await terminal.press('C-c');
      await terminal.waitFor(/\[2\]>$/);
      await terminal.press('C-l');
      await terminal.enter('echo here');
      await terminal.waitFor(/^"here"$/m);
    }
    await terminal.press('C-l');
    await terminal.enter('subscribe news');
    await terminal.waitFor(/\(subscribed mode\)>$/m);
    await terminal.type('pin');
    await redis.send('publish', 'news', 'hello');
    await terminal.waitFor(/3\) "hello"\n.*\(subscribed mode\)> pin/);
    await terminal.type('g');
    await terminal.press('Enter');
    await terminal.waitFor(/1\) "pong"/);
    await terminal.press('C-c');
    await terminal.waitFor(/\[2\]>$/);
    await terminal.press('C-c');
    await terminal.waitFor(/\[ended with 0\]/);
  });

  async function waitUntilBlocked(): Promise<void> {
    while (!/blocked_clients:1/.test(await redis.send('info', 'clients'))) continue;
  }

  test('the prompt shows MULTI and the database, and a lost server is found again', async () => {
    const port = await findFreePort();
    let server = await startRedis({ port });
    try {
      const terminal = await open([], {}, port);
      await terminal.waitFor(new RegExp(`127\\.0\\.0\\.1:${port}>$`, 'm'));
      await terminal.enter('select 3');
      await terminal.waitFor(/\[3\]>$/);
      await terminal.enter('multi');
      await terminal.waitFor(/\[3\]\(TX\)>$/);
      await terminal.enter('set k v');
      await terminal.waitFor(/QUEUED/);
      await terminal.enter('exec');
      await terminal.waitFor(/1\) OK\n.*\[3\]>$/);
      await server.stop();
      await terminal.waitFor(/^not connected>$/m);
      await terminal.enter('get k');
      await terminal.waitFor(
        new RegExp(`Could not connect to Redis at 127\\.0\\.0\\.1:${port}: Connection refused\nnot connected>$`),
      );
      server = await startRedis({ port });
      await terminal.enter('get k');
      await terminal.waitFor(/\(nil\)\n.*\[3\]>$/);
    } finally {
      await server.stop();
    }
  });

  test('long replies stop at each page', async () => {
    await redis.send('eval', "redis.call('del','long') for i=1,90 do redis.call('rpush','long','item ' .. i) end", '0');
    const terminal = await open();
    await terminal.waitFor(/>$/m);
    await terminal.enter('lrange long 0 -1');
    await terminal.waitFor(/29\) "item 29"\n-- more: .*--$/);
    await terminal.press('Enter');
    await terminal.waitFor(/30\) "item 30"\n-- more/);
    await terminal.press('Space');
    await terminal.waitFor(/59\) "item 59"\n-- more/);
    await terminal.press('q');
    await terminal.waitFor(/59\) "item 59"\n.*>$/);
    await terminal.enter(':set nopager');
    await terminal.enter('lrange long 0 -1');
    await terminal.waitFor(/90\) "item 90"\n.*>$/);
  });

  test('colours are there, and gone with NO_COLOR', async () => {
    await redis.send('set', 'text', 'hello');
    const colored = await open();
    await colored.waitFor(/>$/m);
    await colored.enter('get text');
    await colored.waitFor(/\x1b\[32m"hello"/, true);
    await colored.stop();
    const plain = await open([], { NO_COLOR: '1' });
    await plain.waitFor(/>$/m);
    await plain.enter('get text');
    await plain.waitFor(/^"hello"$/m, true);
    await plain.enter('nonsense');
    await plain.waitFor(/^\(error\) ERR unknown command/m, true);
    assert.ok(!(await plain.read(true)).includes('\x1b[3'));
  });

  test("preferences come from the file, and help knows the server's commands", async () => {
    writeFileSync(join(folder, 'preferences'), ':set nohints\n:set nonsense\n');
    const terminal = await open();
    await terminal.waitFor(/\.redisclirc: unknown kvasir-cli preference 'nonsense'\n.*>$/);
    await terminal.type('get ');
    await terminal.waitFor(/> get$/m);
    await terminal.press('C-u');
    await terminal.enter('help getdel');
    await terminal.waitFor(/ {2}GETDEL key\n {2}summary: .+\n {2}since: 6\.2\.0\n {2}group: string\n/);
    await terminal.enter('help');
    await terminal.waitFor(/:set nopager/);
  });

  test('a slow command tells its time, and wide characters edit well', async () => {
    const terminal = await open();
    await terminal.waitFor(/>$/m);
    await terminal.enter('debug sleep 0.6');
    await terminal.waitFor(/\nOK\n\(0\.\d\ds\)\n/);
    await terminal.type('set wide 日本語x');
    await terminal.press('Left', 'BSpace', 'Enter');
    await terminal.waitFor(/set wide 日本x\nOK/);
    assert.equal(await redis.send('get', 'wide'), '日本x');
    await terminal.type(`echo ${'a'.repeat(150)}`);
    await terminal.press('C-a');
    await terminal.type('2 ');
    await terminal.press('C-e');
    await terminal.press('Enter');
    await terminal.waitFor(new RegExp(`"a{98,}\\n?a*"\\n"a{98,}\\n?a*"`));
  });

  test('a password can be asked for, and shows as stars', async () => {
    await redis.send('config', 'set', 'requirepass', 'hunter2');
    try {
      const terminal = await open(['--askpass']);
      await terminal.waitFor(/Please input password:$/m);
      await terminal.type('hunter2');
      await terminal.waitFor(/Please input password: \*{7}$/m);
      await terminal.press('Enter');
      await terminal.waitFor(/127\.0\.0\.1:\d+>$/m);
      await terminal.enter('ping');
      await terminal.waitFor(/PONG/);
    } finally {
      await redis.send('-a', 'hunter2', 'config', 'set', 'requirepass', '');
    }
  });

  test('progress is shown on standard error while a file is sent', async () => {
    const file = join(folder, 'commands');
    // More than sockets hold, and slowly read.
    const value = `*3\r\n$3\r\nSET\r\n$4\r\ndone\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`;
    writeFileSync(file, `${value}DEBUG SLEEP 0.005\r\n`.repeat(400));
    const screen = await start(['sh', '-c', `${process.execPath} ${kvasirCliPath} -p ${redis.port} --pipe < ${file}`], {
      TERM: 'xterm',
    });
    await screen.waitFor(/\d+\.\d% .* of \d+\.\d\dM, \d+\.\d\d[KM]\/s/);
    const text = await screen.waitFor(/\[ended with 0\]/);
    assert.match(text, /All data transferred\. Waiting for the last reply\.\.\.\n/);
    assert.match(text, /Last reply received from server\.\nerrors: 0, replies: 800\n/);
  });

  test('progress is shown while keys are walked, and is gone when Ctrl-C ends the walk', async () => {
    await redis.send('flushall');
    await redis.send('debug', 'populate', '20000');
    const walk = /\d+\.\d% .* of 20,000 keys, .* keys\/s/;
    for (const mode of ['--bigkeys', '--memkeys']) {
      const terminal = await open([mode, '-i', '2']); // two seconds for each of 20 parts
      await terminal.waitFor(walk);
      await terminal.press('C-c');
      await terminal.waitFor(/-------- summary -------/);
      assert.doesNotMatch(await terminal.waitFor(/\[ended with \d+\]/), /keys\/s/);
    }
    const file = join(folder, 'keys');
    const screen = await start(
      ['sh', '-c', `exec ${process.execPath} ${kvasirCliPath} -p ${redis.port} --scan -i 0.02 > ${file}`],
      { TERM: 'xterm' },
    );
    await screen.waitFor(walk);
    await screen.press('C-c');
    assert.doesNotMatch(await screen.waitFor(/\[ended with \d+\]/), /keys\/s/);
    assert.match(readFileSync(file, 'utf8'), /^(key:\d+\n)+$/);
    await redis.send('flushall');
  });

  test('progress is shown while a snapshot is fetched', async () => {
    await redis.send('flushall');
    await redis.send('debug', 'populate', '100', 'key', '50000');
    for (const [name, value] of [
      ['repl-diskless-sync', 'yes'],
      ['repl-diskless-sync-delay', '0'],
      ['rdbcompression', 'no'],
      ['rdb-key-save-delay', '20000'],
    ])
      await redis.send('config', 'set', name!, value!);
    try {
      const file = join(folder, 'fetched.rdb');
      const terminal = await open(['--rdb', file]);
      await terminal.waitFor(/[\d.]+[KM], [\d.]+[KM]\/s$/m);
      const text = await terminal.waitFor(/\[ended with 0\]/);
      assert.match(text, /Transfer finished with success after \d+ bytes\n/);
      assert.doesNotMatch(text, /\/s$/m);
      assert.ok(statSync(file).size > 100 * 50_000);
    } finally {
      await redis.send('config', 'set', 'rdb-key-save-delay', '0');
      await redis.send('flushall');
    }
  });

  test('a script runs in the debugger', async () => {
    const file = join(folder, 'script.lua');
    writeFileSync(file, 'local sum = 0\nfor i = 1, 3 do\n  sum = sum + i\nend\nreturn sum + #KEYS\n');
    const terminal = await open(['--ldb', '--eval', file, 'k1', ',', 'a1']);
    await terminal.waitFor(/Lua debugging session started.*\n(?:.*\n)*.*-> 1 .*local sum = 0\n.*lua debugger>$/);
    await terminal.enter('step');
    await terminal.waitFor(/-> 2 .*for i = 1, 3 do/);
    await terminal.enter('eval redis.breakpoint() return "two words"');
    await terminal.waitFor(/<retval> "two words"/);
    await terminal.enter('restart');
    await terminal.waitFor(/(?:Lua debugging session started(?:.*\n)*){2}.*lua debugger>$/);
    await terminal.enter('continue');
    await terminal.waitFor(/\(integer\) 7\n\n\(Lua debugging session ended -- dataset changes rolled back\)\n\n.*>$/);
  });
});
