import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { startKvasir } from '../kvasir.js';
import { mustRun, runTool, withFolder } from './tools.js';

function command(...words: (string | Buffer)[]): Buffer {
  const parts = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words)
    parts.push(Buffer.from(`$${word.length}\r\n`), Buffer.from(word as string), Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

const seconds = (text: string): number => Date.parse(`${text}Z`) / 1000;
const note = (text: string): Buffer => Buffer.from(`#TS:${seconds(text)}\r\n`);

const noon = [note('2026-01-31T12:00:00'), command('SELECT', '0'), command('SET', 'a', '1'), command('SET', 'b', '1')];
const hour = [
  note('2026-01-31T13:00:00'),
  command('MULTI'),
  command('SET', 'a', '2'),
  command('DEL', 'b'),
  command('EXEC'),
];
const late = [
  note('2026-01-31T14:00:00'),
  command('SELECT', '3'),
  command('SET', 'c', Buffer.of(0xff, 0)),
  command('FLUSHALL'),
  command('SET', 'after', '1'),
];

/** A base, and an increment with the notes of time. */
function write(folder: string): { manifest: string; incr: string } {
  const manifest = join(folder, 'a.manifest');
  const incr = join(folder, 'a.1.incr.aof');
  writeFileSync(join(folder, 'a.1.base.aof'), Buffer.concat([command('SELECT', '0'), command('SET', 'base', '1')]));
  writeFileSync(incr, Buffer.concat([...noon, ...hour, ...late]));
  writeFileSync(manifest, 'file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n');
  return { manifest, incr };
}

/** The keys of a data folder, as `database/key=value`. */
async function dataOf(folder: string): Promise<string> {
  const words = ['--format', 'kvasir', '--aof', join(folder, 'appendonlydir', 'appendonly.aof.manifest')];
  const lines = (await mustRun('kvasir-dump', words)).stdout.toString().trimEnd().split('\n').slice(1);
  const keys = lines.map((line) => JSON.parse(line) as { db: number; key: string; value: unknown });
  return keys
    .map(({ db, key, value }) => `${db}/${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .sort()
    .join(' ');
}

it('kvasir-aof cuts at a time or an offset, and never within a transaction', async () => {
  await withFolder(async (folder) => {
    const { manifest } = write(folder);
    const inTransaction = Buffer.concat([...noon, ...hour.slice(0, 3)]).length;
    const atNoon = '0/a=1 0/b=1 0/base=1';
    const cuts: readonly (readonly [string, string])[] = [
      ['2026-01-31 12:30', atNoon],
      ['2026-01-31T12:00:00Z', atNoon],
      [String(seconds('2026-01-31T12:59:59')), atNoon],
      ['2026-01-31 13:00', '0/a=2 0/base=1'],
      ['2026-01-31 11:59:59', '0/base=1'],
      [`@${inTransaction}`, atNoon],
      [`@${Buffer.concat([...noon, ...hour]).length}`, '0/a=2 0/base=1'],
      ['@0', '0/base=1'],
    ];
    for (const [index, [point, wanted]] of cuts.entries()) {
      const out = join(folder, String(index));
      const env = { TZ: 'UTC' };
      await mustRun('kvasir-aof', ['cut', manifest, '--to', point, '-o', out], { env });
      assert.equal(await dataOf(out), wanted, point);
    }
    const plan = await mustRun('kvasir-aof', ['cut', manifest, '--to', '@0']);
    // The note of time before the first command stays.
    const wanted = /^would cut .*a\.1\.incr\.aof at offset 16 \(offset 0\), after 2 commands; -o FOLDER does it$/m;
    assert.match(plan.stdout.toString(), wanted);
    for (const [point, status, reason] of [
      ['2026-01-31 15:00', 1, /Nothing in these files is later than that/],
      ['@99999', 1, /there is no offset 99999/],
      ['yesterday', 2, /is neither an offset .* nor a time/],
    ] as const) {
      const refused = await runTool('kvasir-aof', ['cut', manifest, '--to', point]);
      assert.equal(refused.status, status, point);
      assert.match(refused.stderr, reason);
    }
    const plain = join(folder, 'plain.aof');
    writeFileSync(plain, command('SET', 'a', '1'));
    const blind = await runTool('kvasir-aof', ['cut', plain, '--to', '2026-01-31 12:00']);
    assert.equal(blind.status, 1);
    assert.match(blind.stderr, /no timestamps in these files/);
  });
});

it('kvasir-aof undoes the last of any command, within a transaction all of it', async () => {
  await withFolder(async (folder) => {
    const { manifest, incr } = write(folder);
    const before = readFileSync(incr);
    for (const [words, wanted] of [
      [[], '0/a=2 0/base=1 3/c={"base64":"/wA="}'],
      [['--command', 'del'], '0/a=1 0/b=1 0/base=1'],
      [['--command', 'DEL,FLUSHALL'], '0/a=2 0/base=1 3/c={"base64":"/wA="}'],
    ] as const) {
      const out = join(folder, `undone ${words.join('')}`);
      const plan = await mustRun('kvasir-aof', ['undo', manifest, '--json', ...words]);
      const { commands, commandsAfter } = JSON.parse(plan.stdout.toString()) as Record<string, number>;
      assert.ok(commands! > 0 && commandsAfter! > 0, plan.stdout.toString());
      await mustRun('kvasir-aof', ['undo', manifest, ...words, '--apply', out]);
      assert.equal(await dataOf(out), wanted, words.join(' '));
    }
    assert.ok(readFileSync(incr).equals(before), 'the files are only read');
    const none = await runTool('kvasir-aof', ['undo', manifest, '--command', 'SPOP']);
    assert.equal(none.status, 1);
    assert.match(none.stderr, /There is no SPOP in these files/);
  });
});

it('kvasir-aof stats and json show commands, databases and times, and a torn end', async () => {
  await withFolder(async (folder) => {
    const { manifest, incr } = write(folder);
    const stats = async (): Promise<{ status: number | null; json: Record<string, unknown> }> => {
      const ran = await runTool('kvasir-aof', ['stats', manifest, '--json']);
      return { status: ran.status, json: JSON.parse(ran.stdout.toString()) as Record<string, unknown> };
    };
    const whole = await stats();
    assert.equal(whole.status, 0);
    const { commands, byCommand, byDatabase, from, to, torn } = whole.json;
    assert.deepEqual([commands, torn], [13, null]);
    assert.deepEqual([from, to], ['2026-01-31T12:00:00.000Z', '2026-01-31T14:00:00.000Z']);
    assert.deepEqual(byDatabase, { 0: 9, 3: 4 });
    const counts = Object.entries(byCommand as Record<string, { count: number }>).map(
      ([name, { count }]) => `${name} ${count}`,
    );
    assert.deepEqual(counts.sort(), ['DEL 1', 'EXEC 1', 'FLUSHALL 1', 'MULTI 1', 'SELECT 3', 'SET 6']);
    const json = (await mustRun('kvasir-aof', ['json', manifest])).stdout.toString();
    const lines = json
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const binary = lines.find(({ args }) => (args as unknown[])[1] === 'c')!;
    assert.deepEqual(binary.args, ['SET', 'c', { base64: '/wA=' }]);
    assert.deepEqual([binary.db, binary.time], [3, seconds('2026-01-31T14:00:00')]);
    appendFileSync(incr, '*3\r\n$3\r\nSET\r\n$1');
    const cutOff = await stats();
    assert.equal(cutOff.status, 1);
    assert.match(String(cutOff.json.torn), /a\.1\.incr\.aof ends inside a command, which begins at offset \d+$/);
    const text = await runTool('kvasir-aof', ['stats', manifest]);
    assert.equal(text.status, 1);
    assert.match(text.stdout.toString(), /^SET +6 /m);
    assert.match(text.stdout.toString(), /ends inside a command/);
    assert.equal((await runTool('kvasir-aof', ['json', manifest])).status, 1);
  });
});

/** A script in a file must not hang the tools that run it; the bound of each is the same engine's, which counts steps. */
it('a script without an end in a file is an error that names its offset, in all tools that run it', async () => {
  const redis = await startKvasir();
  try {
    await withFolder(async (folder) => {
      const file = join(folder, 'endless.aof');
      const before = Buffer.concat([command('SELECT', '0'), command('SET', 'kept', '1')]);
      const script = command('EVAL', 'while true do end', '0');
      writeFileSync(file, Buffer.concat([before, script, command('SET', 'after', '1')]));
      const target = `127.0.0.1:${redis.port}`;
      const runs: readonly (readonly [string, ...string[]])[] = [
        ['kvasir-dump', '--aof', file],
        ['kvasir-load', '-u', target, '--aof', file],
        ['kvasir-sync', '--from', `aof:${file}`, '--to', `rdb:${join(folder, 'out.rdb')}`, '--quiet'],
        ['kvasir-aof', 'compact', file, '-o', join(folder, 'compact')],
        ['kvasir-aof', 'undo', file, '--command', 'SET', '--into', target],
      ];
      for (const [tool, ...words] of runs) {
        const ran = await runTool(tool, words);
        assert.equal(ran.status, 1, `${tool}: ${ran.stderr}`);
        assert.ok(ran.stderr.includes(`the script at offset ${before.length} has not ended after 1000 million`), tool);
        assert.ok(ran.stderr.includes(`--to @${before.length}`), ran.stderr);
        assert.equal(ran.stdout.toString(), '', tool);
      }
      assert.equal(await redis.send('DBSIZE'), '0');
      // What does not run the commands is not concerned, and the message says how to go on.
      assert.match((await mustRun('kvasir-aof', ['json', file])).stdout.toString(), /while true do end/);
      await mustRun('kvasir-aof', ['cut', file, '--to', `@${before.length}`, '-o', join(folder, 'cut')]);
      assert.equal(await dataOf(join(folder, 'cut')), '0/kept=1');

      // The bound by time takes its place, and none of these can catch it.
      const stubborn = [
        'while true do pcall(function() while true do end end) end',
        'local function f() return f() end f()',
        "while true do redis.call('SET', 'x', 'y') end",
        'local c = coroutine.wrap(function() while true do coroutine.yield() end end) while true do c() end',
      ];
      for (const text of stubborn) {
        writeFileSync(file, Buffer.concat([command('MULTI'), command('EVAL', text, '0'), command('EVAL', text, '0')]));
        appendFileSync(file, command('EXEC'));
        const ran = await runTool('kvasir-dump', ['--aof', file, '--script-seconds', '0.2']);
        assert.equal(ran.status, 1, `${text}: ${ran.stderr}`);
        assert.match(ran.stderr, /has not ended after 0\.2 seconds/, text);
      }
    });
  } finally {
    await redis.stop();
  }
});

it('commands that no server writes into its file do not run from there, and hang no tool', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'odd.aof');
    const library = "#!lua name=l\nredis.register_function('f', function(k) return redis.call('SET', k[1], 'f') end)";
    const commands = [
      command('SELECT', '0'),
      command('SCRIPT', 'DEBUG', 'YES'),
      command('EVAL', "return redis.call('SET', KEYS[1], 'e')", '1', 'scripted'),
      command('SCRIPT', 'LOAD', "return redis.call('SET', KEYS[1], 's')"),
      command('EVALSHA', createHash('sha1').update("return redis.call('SET', KEYS[1], 's')").digest('hex'), '1', 'sha'),
      command('FUNCTION', 'LOAD', library),
      command('FCALL', 'f', '1', 'called'),
      ...[
        ['DEBUG', 'SLEEP', '100000'],
        ['DEBUG', 'POPULATE', '1000000000'],
        ['DEBUG', 'SEGFAULT'],
        ['SHUTDOWN', 'NOSAVE'],
        ['SAVE'],
        ['BGREWRITEAOF'],
        ['CONFIG', 'SET', 'dir', folder],
        ['CONFIG', 'REWRITE'],
        ['REPLICAOF', '127.0.0.1', '1'],
        ['MONITOR'],
        ['SUBSCRIBE', 'c'],
        ['CLIENT', 'PAUSE', '100000'],
        ['WAIT', '1', '0'],
        ['MIGRATE', '127.0.0.1', '1', 'scripted', '0', '0'],
        ['BLPOP', 'nothing', '0'],
        ['XREAD', 'BLOCK', '0', 'STREAMS', 'nothing', '$'],
      ].map((words) => command(...words)),
      command('MULTI'),
      command('BLPOP', 'nothing', '0'),
      command('DEBUG', 'SLEEP', '100000'),
      command('SET', 'last', '1'),
      command('EXEC'),
    ];
    writeFileSync(file, Buffer.concat(commands));
    const ran = await mustRun('kvasir-dump', ['--aof', file]);
    const keys = ran.stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { key: string; value: string });
    assert.deepEqual(keys.map(({ key, value }) => `${key}=${value}`).sort(), [
      'called=f',
      'last=1',
      'scripted=e',
      'sha=s',
    ]);
    assert.deepEqual(readdirSync(folder), ['odd.aof']);
  });
});
