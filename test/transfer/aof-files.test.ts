import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
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
