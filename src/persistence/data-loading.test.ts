import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../base/prng.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { digestOf, LocalHost, makeKeyspace } from '../../test/persistence/local.js';
import { type ByteSource, FileSource, PushedSource } from './byte-source.js';
import { LoadError, LoadProgress, loadRdb, type LoadedRdb } from './data-loading.js';
import { RdbSaver } from './rdb/saver.js';
import { Cuts } from './snapshot/cuts.js';

const files = new SimulatedFiles();
files.makeFolder('/data');

/** An RDB of short, long and many values, as the server's own writer makes it. */
function makeRdb(keys: number): { bytes: Uint8Array; digest: string } {
  const host = new LocalHost(files);
  for (let key = 0; key < keys; key++) host.set(`key:${key}`, `value ${key} `.repeat(1 + (key % 40)), key % 3);
  assert.equal(new RdbSaver(host, new Cuts(host), () => undefined).save(), true);
  const file = files.open('/data/dump.rdb', 'read');
  const bytes = new Uint8Array(file.size());
  file.read(bytes, 0, bytes.length, 0);
  file.close();
  return { bytes, digest: digestOf(host.keyspace) };
}

interface Loaded {
  readonly result: LoadedRdb;
  readonly digest: string;
}

async function load(source: ByteSource): Promise<Loaded> {
  const host = new LocalHost(files, {}, makeKeyspace());
  const result = await loadRdb(host, source, new LoadProgress(host, 0), {
    dropsExpired: true,
    loadFunction: () => undefined,
    log: () => undefined,
  });
  return { result, digest: digestOf(host.keyspace) };
}

function fileOf(bytes: Uint8Array): FileSource {
  const file = files.open('/data/loaded.rdb', 'create');
  file.write(bytes, 0, bytes.length);
  file.close();
  return new FileSource(files.open('/data/loaded.rdb', 'read'));
}

/** Pushes the bytes in pieces of these sizes, repeated, as fast as the source takes them; then ends it. */
function pushed(bytes: Uint8Array, sizes: readonly number[], bytesMax?: number): PushedSource {
  const source = new PushedSource('a peer', bytesMax);
  let at = 0;
  let turn = 0;
  const push = (): void => {
    while (at < bytes.length) {
      const chunk = bytes.slice(at, at + sizes[turn++ % sizes.length]!);
      at += chunk.length;
      if (!source.push(chunk)) return;
    }
    source.end();
  };
  source.onRoom = push;
  push();
  return source;
}

/** Each source gets the same bytes; the pushed ones in one chunk and in small ones. */
const sources: readonly (readonly [string, (bytes: Uint8Array) => ByteSource])[] = [
  ['a file', fileOf],
  ['one pushed chunk', (bytes) => pushed(bytes, [1 << 30])],
  ['pushed chunks of odd sizes', (bytes) => pushed(bytes, [1, 7, 64, 3], 100)],
];

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function restOf({ result }: Loaded, source: ByteSource): Uint8Array {
  const rest = source instanceof PushedSource ? source.takeRest() : new Uint8Array(0);
  return concat(result.rest, rest);
}

for (const [name, make] of sources)
  describe(`from ${name}`, () => {
    const { bytes, digest } = makeRdb(300);

    test('an RDB is loaded up to its own end', async () => {
      const loaded = await load(make(bytes));
      assert.deepEqual([loaded.digest, loaded.result.bytes], [digest, bytes.length]);
    });

    test('the bytes after the RDB are left', async () => {
      const tail = new TextEncoder().encode(`${'e'.repeat(40)}*1\r\n$4\r\nPING\r\n`);
      const source = make(concat(bytes, tail));
      const loaded = await load(source);
      assert.deepEqual([loaded.digest, loaded.result.bytes], [digest, bytes.length]);
      const rest = restOf(loaded, source);
      assert.deepEqual(rest, tail.subarray(0, rest.length));
      if (source instanceof FileSource) assert.equal(rest.length, tail.length);
    });

    test('an RDB that is cut at any byte is refused', async () => {
      const small = makeRdb(3).bytes;
      for (let length = 0; length < small.length; length++) {
        const refusal = await load(make(small.subarray(0, length))).then(
          () => undefined,
          (error: unknown) => error,
        );
        assert.ok(refusal instanceof LoadError, `cut at ${length}: ${String(refusal)}`);
      }
    });

    test('garbage is refused', async () => {
      const seed = Number(process.env['SEED'] ?? 4711);
      const random = new Prng(seed);
      const bodies = ['', 'REDIS0011', 'REDIS0099', '-ERR no', '\n\n\n'];
      for (let round = 0; round < 50; round++) {
        const garbage = Uint8Array.from({ length: 200 }, () => random.below(256));
        const head = new TextEncoder().encode(bodies[round % bodies.length]);
        await assert.rejects(load(make(concat(head, garbage))), LoadError, `seed ${seed}, round ${round}`);
      }
    });

    test('a length that claims more than comes costs no memory', async () => {
      const head = new TextEncoder().encode('REDIS0011');
      for (const claim of [
        [0x80, 0x7f, 0xff, 0xff, 0xff],
        [0x81, 0, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ]) {
        // A string of one key, a list and a hash of as many elements.
        for (const type of [0, 1, 4]) {
          const before = process.memoryUsage();
          const record = Uint8Array.from([0xfe, 0, type, 1, 107, ...claim, 1, 2, 3]);
          await assert.rejects(load(make(concat(head, record))), LoadError);
          const after = process.memoryUsage();
          assert.ok(after.arrayBuffers - before.arrayBuffers < 512 << 20, `type ${type}`);
        }
      }
    });
  });

test('an RDB cut in two pushed chunks at every byte is the same', async () => {
  const { bytes, digest } = makeRdb(5);
  const tail = new TextEncoder().encode('tail');
  const all = concat(bytes, tail);
  for (let at = 1; at < all.length; at++) {
    const source = pushed(all, [at, all.length - at]);
    const loaded = await load(source);
    assert.equal(loaded.digest, digest, `cut at ${at}`);
    assert.deepEqual(restOf(loaded, source), tail, `cut at ${at}`);
  }
});

describe('a pushed source', () => {
  test('asks its sender to wait when it is full, and to go on when there is room', () => {
    const source = new PushedSource('a peer', 10);
    let calls = 0;
    source.onRoom = () => calls++;
    assert.equal(source.push(new Uint8Array(6)), true);
    assert.equal(source.push(new Uint8Array(6)), false);
    assert.deepEqual([source.pendingBytes, calls], [12, 0]);
    assert.equal((source.next() as Uint8Array).length, 6);
    assert.deepEqual([source.pendingBytes, calls], [6, 1]);
    assert.equal((source.next() as Uint8Array).length, 6);
    assert.equal(calls, 1);
  });

  test('never holds more than its bound and one chunk', async () => {
    const { bytes } = makeRdb(300);
    const source = pushed(bytes, [64], 1000);
    let most = 0;
    const watched: ByteSource = {
      name: 'watched',
      next() {
        most = Math.max(most, source.pendingBytes);
        return source.next();
      },
    };
    await load(watched);
    assert.ok(most > 900 && most < 1064, `${most} bytes`);
  });

  test('gives a reader that waits what comes, the end and a failure', async () => {
    const source = new PushedSource('a peer');
    const first = source.next();
    assert.ok(first instanceof Promise);
    source.push(new Uint8Array(0));
    source.push(Uint8Array.of(1));
    assert.deepEqual(await first, Uint8Array.of(1));
    const second = source.next();
    source.end();
    assert.equal(await second, null);
    assert.equal(source.next(), null);
  });

  test('fails a load at once, with its own error', async () => {
    const { bytes } = makeRdb(300);
    const lost = new Error('the link is lost');
    const source = new PushedSource('a peer');
    source.push(bytes.slice(0, 1000));
    const loading = load(source);
    source.fail(lost);
    assert.equal(source.push(bytes.slice(1000)), true);
    await assert.rejects(loading, lost);
    await assert.rejects(load(source), lost);
    assert.equal(source.pendingBytes, 0);
  });
});

test('an RDB that is torn at any byte leaves a sound memory behind', async () => {
  const { bytes, digest } = makeRdb(6);
  const expiring = Buffer.concat([Buffer.from('REDIS0010'), Buffer.of(0xfd), Buffer.alloc(8)]);
  const torn = [expiring, ...Array.from({ length: bytes.length }, (_, length) => bytes.subarray(0, length))];
  for (const part of torn) {
    const host = new LocalHost(files, {}, makeKeyspace());
    const { keyspace } = host;
    const options = { dropsExpired: false, loadFunction: () => undefined, log: () => undefined };
    const into = (data: Uint8Array): Promise<LoadedRdb> =>
      loadRdb(host, fileOf(data), new LoadProgress(host, 0), options);
    await assert.rejects(into(part), LoadError, `cut at ${part.length}`);
    for (const database of keyspace.databases) database.clear();
    await into(bytes);
    keyspace.verify();
    assert.equal(digestOf(keyspace), digest, `cut at ${part.length}`);
  }
});
