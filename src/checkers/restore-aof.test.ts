// kvasir-check-aof --restore-to: the data as it was before a FLUSHALL, at a time, at an offset; multi-part and old files.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCheckAof } from './check-aof.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { Persistence } from '../persistence/persistence.js';
import { LocalHost } from '../../test/persistence/local.js';

const folder = '/data/appendonlydir';
const manifestPath = `${folder}/appendonly.aof.manifest`;

function command(...words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
}

const set = (key: string, value: string): Buffer => command('SET', key, value);
const note = (seconds: number): Buffer => Buffer.from(`#TS:${seconds}\r\n`);

interface Outcome {
  readonly code: number;
  readonly text: string;
}

function check(files: SimulatedFiles, ...words: readonly string[]): Outcome {
  let text = '';
  const code = runCheckAof(words, {
    name: 'kvasir-check-aof',
    files,
    nowMs: 0,
    out: (part) => void (text += part),
    ask: () => undefined,
  });
  return { code, text };
}

/** An append-only file of a base and increments, each a list of commands. */
function multiPart(...parts: readonly (readonly Uint8Array[])[]): SimulatedFiles {
  const files = new SimulatedFiles();
  files.makeFolder('/data');
  files.makeFolder(folder);
  let manifest = 'file appendonly.aof.1.base.aof seq 1 type b\n';
  parts.forEach((part, index) => {
    if (index > 0) manifest += `file appendonly.aof.${index}.incr.aof seq ${index} type i\n`;
    files.put(`${folder}/appendonly.aof.${index === 0 ? '1.base' : `${index}.incr`}.aof`, Buffer.concat(part));
  });
  files.put(manifestPath, Buffer.from(manifest));
  return files;
}

/** The data of a server that starts on this folder. */
async function keysIn(files: SimulatedFiles, dir: string): Promise<Record<string, string>> {
  const host = new LocalHost(files, { appendonly: true, dir });
  const persistence = new Persistence(host);
  await persistence.load();
  persistence.shutdown(false);
  const { keyspace } = host;
  const found: Record<string, string> = {};
  keyspace.databases.forEach((database, index) => {
    keyspace.dicts.forEach(database.dict, (entry) => {
      const key = Buffer.from(keyspace.entries.keyBytes(entry)).toString();
      found[index === 0 ? key : `${index}:${key}`] = host.get(key, index)!;
    });
  });
  return found;
}

function contents(files: SimulatedFiles, dir: string): string[] {
  return files.list(dir).map((name) => `${name} ${Buffer.from(files.get(`${dir}/${name}`)).toString('latin1')}`);
}

test('the last FLUSHALL is undone, whatever file it is in, and the originals stay as they are', async () => {
  for (const where of [0, 1, 2]) {
    const parts = [
      [set('base', '1'), command('SELECT', '3'), set('other', '2')],
      [set('first', '3'), set('base', 'changed')],
      [command('SELECT', '0'), set('second', '4')],
    ];
    parts[where]!.push(
      command(where === 1 ? 'flushall' : 'FLUSHALL', ...(where === 2 ? ['ASYNC'] : [])),
      set('after', '5'),
    );
    const files = multiPart(...parts);
    const before = contents(files, folder);
    const { code, text } = check(files, '--restore-to', '/new', manifestPath);
    assert.equal(code, 0, text);
    assert.match(text, /before the last FLUSHALL/);
    assert.deepEqual(contents(files, folder), before);
    const wanted: Record<string, string> = { base: '1', '3:other': '2' };
    // An increment begins in database 0 again.
    if (where >= 1) Object.assign(wanted, { first: '3', base: 'changed' });
    if (where >= 2) wanted.second = '4';
    assert.deepEqual(await keysIn(files, '/new'), wanted, `FLUSHALL in file ${where}`);
  }
});

test('of several the last one is undone, FLUSHDB too, and another command by its name', async () => {
  const files = multiPart(
    [set('a', '1')],
    [command('FLUSHALL'), set('b', '2'), command('FLUSHDB'), set('c', '3'), command('DEL', 'c'), set('d', '4')],
  );
  assert.equal(check(files, '--restore-to', '/new', manifestPath).code, 0);
  // Data from before the first FLUSHALL is gone in any case, so the replay would meet that one.
  const kept = Buffer.from(files.get('/new/appendonlydir/appendonly.aof.1.incr.aof')).toString();
  assert.equal(kept, Buffer.concat([command('FLUSHALL'), set('b', '2')]).toString());
  assert.equal(check(files, '--restore-to', '/second', '--before-last', 'del', manifestPath).code, 0);
  assert.match(
    Buffer.from(files.get('/second/appendonlydir/appendonly.aof.1.incr.aof')).toString(),
    /c\r\n\$1\r\n3\r\n$/,
  );
});

test('a transaction with the FLUSHALL is left out as a whole', async () => {
  const files = multiPart(
    [set('a', '1')],
    [
      set('b', '2'),
      command('MULTI'),
      set('c', '3'),
      command('FLUSHALL'),
      set('d', '4'),
      command('EXEC'),
      set('e', '5'),
    ],
  );
  assert.equal(check(files, '--restore-to', '/new', manifestPath).code, 0);
  assert.deepEqual(await keysIn(files, '/new'), { a: '1', b: '2' });
});

test('up to a second, with notes of the time in any file', async () => {
  const make = (): SimulatedFiles =>
    multiPart(
      [note(100), set('a', '1')],
      [note(200), set('b', '2'), note(300), set('c', '3')],
      [note(400), set('d', '4')],
    );
  const wanted: readonly (readonly [number, Record<string, string>])[] = [
    [100, { a: '1' }],
    [250, { a: '1', b: '2' }],
    [300, { a: '1', b: '2', c: '3' }],
    [399, { a: '1', b: '2', c: '3' }],
  ];
  for (const [seconds, keys] of wanted) {
    const files = make();
    const { code, text } = check(files, '--restore-to', '/new', '--until-timestamp', String(seconds), manifestPath);
    assert.equal(code, 0, text);
    assert.deepEqual(await keysIn(files, '/new'), keys, `until ${seconds}`);
  }
  assert.match(
    check(make(), '--restore-to', '/new', '--until-timestamp', '500', manifestPath).text,
    /Nothing in these files is later than that/,
  );
  assert.match(
    check(multiPart([set('a', '1')]), '--restore-to', '/new', '--until-timestamp', '5', manifestPath).text,
    /There are no timestamps in these files/,
  );
});

test('up to any offset of the last file: all commands that end before it', async () => {
  const last = [set('b', '2'), command('MULTI'), set('c', '3'), set('d', '4'), command('EXEC'), set('e', '5')];
  const size = Buffer.concat(last).length;
  let offset = 0;
  const ends = last.map((part) => (offset += part.length));
  for (let bytes = 0; bytes <= size; bytes += 7) {
    const files = multiPart([set('a', '1')], last);
    assert.equal(check(files, '--restore-to', '/new', '--until-offset', String(bytes), manifestPath).code, 0);
    const wanted: Record<string, string> = { a: '1' };
    if (bytes >= ends[0]!) wanted.b = '2';
    if (bytes >= ends[4]!) Object.assign(wanted, { c: '3', d: '4' });
    if (bytes >= ends[5]!) wanted.e = '5';
    assert.deepEqual(await keysIn(files, '/new'), wanted, `offset ${bytes}`);
  }
  const files = multiPart([set('a', '1')], last);
  const beyond = check(files, '--restore-to', '/new', '--until-offset', String(size + 1), manifestPath);
  assert.notEqual(beyond.code, 0);
  assert.match(beyond.text, /there is no offset/);
});

test('an old single file, of commands and with an RDB before them', async () => {
  const plain = new SimulatedFiles();
  plain.makeFolder('/data');
  plain.put(
    '/data/appendonly.aof',
    Buffer.concat([command('SELECT', '2'), set('a', '1'), command('FLUSHALL'), set('b', '2')]),
  );
  assert.equal(check(plain, '--restore-to', '/new', '/data/appendonly.aof').code, 0);
  assert.deepEqual(await keysIn(plain, '/new'), { '2:a': '1' });

  const mixed = new SimulatedFiles();
  mixed.makeFolder('/data');
  const host = new LocalHost(mixed);
  const persistence = new Persistence(host);
  await persistence.load();
  for (let index = 0; index < 50; index++) host.set(`key:${index}`, `value ${index} `.repeat(20), index % 3);
  assert.equal(persistence.save(), undefined);
  const rdb = mixed.get('/data/dump.rdb');
  mixed.put('/data/appendonly.aof', Buffer.concat([rdb, set('a', '1'), command('FLUSHALL')]));
  assert.equal(check(mixed, '--restore-to', '/new', '/data/appendonly.aof').code, 0);
  const found = await keysIn(mixed, '/new');
  assert.equal(Object.keys(found).length, 51);
  assert.equal(found.a, '1');
  assert.equal(found['1:key:1'], 'value 1 '.repeat(20));
});

test('what cannot be restored is said, and nothing is written', () => {
  const refused = (files: SimulatedFiles, words: readonly string[], reason: RegExp): void => {
    const { code, text } = check(files, '--restore-to', ...words);
    assert.notEqual(code, 0);
    assert.match(text, reason);
    assert.deepEqual(files.list('/new/appendonlydir'), []);
  };
  refused(multiPart([set('a', '1')]), ['/new', manifestPath], /There is no FLUSHALL or FLUSHDB in these files/);
  refused(multiPart([set('a', '1')]), ['/new', '/data/missing'], /No such file/);
  refused(multiPart([set('a', '1')], [Buffer.from('*2\r\n$3\r\nDEL\r\n$x\r\n')]), ['/new', manifestPath], /malformed/);
  const files = multiPart([set('a', '1')], [command('FLUSHALL')]);
  assert.match(check(files, '--restore-to', folder, manifestPath).text, /is not empty/);
});
