// Random streams with renames, trims, failing disks, kills and power cuts against a plain copy of the stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import type { Clock, Timer } from '../../io/clock.js';
import { WriteStream } from '../write-stream.js';
import { DiskBacklog, type DiskBacklogHost } from './disk-backlog.js';
import { ChunkView, CHUNK_HEADER_BYTES, decodeHeader, encodeHeader, HEADER_BYTES } from './segment-format.js';
import { Crc64 } from '../../base/crc64.js';

/** Turns that come when the test says so. */
class ManualClock implements Clock {
  private nowMs = 0;
  private turns: (() => void)[] = [];
  wallMs = (): number => this.nowMs;
  steadyMs = (): number => this.nowMs;
  idleMs = (): number => 0;
  processorMs = (): number => 0;

  after(): Timer {
    throw new Error('nothing here waits for a time');
  }

  soon(run: () => void): Timer {
    this.turns.push(run);
    return { cancel: () => undefined };
  }

  advance(ms: number): void {
    this.nowMs += ms;
  }

  /** One turn of the loop: what is due, without that which it brings about. */
  runTurn(): void {
    for (const run of this.turns.splice(0)) run();
  }

  /** All turns, with those that they bring about. */
  runSoon(): void {
    for (let run = this.turns.shift(); run !== undefined; run = this.turns.shift()) run();
  }
}

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);

function makeHost(
  files: SimulatedFiles,
  clock: ManualClock,
  sizeBytes = 1 << 20,
): DiskBacklogHost & { log: (level: string, text: string) => void; lines: string[] } {
  files.makeFolder('/data');
  files.later = (run) => void clock.soon(run);
  const lines: string[] = [];
  return {
    files,
    clock,
    folder: '/data/aof',
    prefix: 'appendonly.aof',
    sizeBytes,
    aofTail: undefined,
    increments: [],
    streamDatabase: 0,
    lines,
    log: (_level: string, text: string) => void lines.push(text),
    written: () => undefined,
  };
}

/** Reads all from `offset` on; the problem, if one came up. */
function readAll(
  backlog: DiskBacklog,
  clock: ManualClock,
  offset: number,
  limit: number,
): { bytes: Buffer; problem: string | undefined } {
  const reader = backlog.read(offset);
  const parts: Uint8Array[] = [];
  let problem: string | undefined;
  while (reader.offset < limit && problem === undefined) {
    const before = reader.offset;
    let isDone = false;
    reader.read(
      (bytes) => parts.push(bytes),
      (reason) => {
        isDone = true;
        problem = reason;
      },
    );
    clock.runSoon();
    assert.ok(isDone);
    assert.ok(reader.offset >= before);
  }
  reader.close();
  return { bytes: Buffer.concat(parts), problem };
}

test('headers and chunks have the bytes that the format says', () => {
  const header = { id: A, previousId: B, startOffset: 2 ** 40 + 5, previousBytes: 77 };
  const bytes = encodeHeader(header);
  assert.equal(bytes.length, HEADER_BYTES);
  assert.equal(Buffer.from(bytes.subarray(0, 16)).toString('hex'), '4b564241434b4c470100000000000000');
  assert.deepEqual(decodeHeader(bytes), header);
  for (let at = 0; at < bytes.length; at++) {
    const broken = bytes.slice();
    broken[at]! ^= 4;
    assert.equal(typeof decodeHeader(broken), 'string', `byte ${at}`);
  }
  const chunk = new ChunkView();
  const crc = new Crc64();
  const buffer = new Uint8Array(CHUNK_HEADER_BYTES + 5);
  buffer.set(Buffer.from('hello'), CHUNK_HEADER_BYTES);
  chunk.offset = 99;
  chunk.payloadBytes = 5;
  chunk.place = { sequence: 3, position: 2 ** 33, database: 4, fingerprint: Buffer.from('12345678') };
  chunk.encode(buffer, crc);
  const read = new ChunkView();
  assert.equal(read.decode(buffer, 0, buffer.length, 99, crc), buffer.length);
  assert.deepEqual(
    { ...read.place, fingerprint: Buffer.from(read.place!.fingerprint).toString() },
    { sequence: 3, position: 2 ** 33, database: 4, fingerprint: '12345678' },
  );
  assert.equal(read.decode(buffer, 0, buffer.length - 1, 99, crc), 0);
  assert.equal(read.decode(buffer, 0, buffer.length, 98, crc), -1);
  for (let at = 0; at < buffer.length; at++) {
    const broken = buffer.slice();
    broken[at]! ^= 4;
    assert.notEqual(read.decode(broken, 0, broken.length, 99, crc), buffer.length, `byte ${at}`);
  }
});

test('what was written is read back after renames, trims, kills and power cuts', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e6);
  const rounds = Number(process.env.ROUNDS ?? 60);
  for (let round = 0; round < rounds; round++) runLife(new Prng(seed + round), `SEED=${seed + round} ROUNDS=1`);
});

function runLife(random: Prng, name: string): void {
  const clock = new ManualClock();
  let files = new SimulatedFiles();
  let host = makeHost(files, clock, 200_000);
  let backlog = new DiskBacklog(host);
  let stream = new WriteStream(0, 3000);
  const all = Buffer.alloc(3_000_000);
  let id = A;
  const names: { id: string; start: number }[] = [{ id, start: 0 }];
  backlog.load();
  backlog.begin(stream, id);
  let lives = 0;
  for (let step = 0; step < 120; step++) {
    const kind = random.below(20);
    if (kind < 12 && stream.endOffset < 2_500_000) {
      const bytes = Uint8Array.from({ length: random.chance(10) ? random.below(60_000) : 1 + random.below(800) }, () =>
        random.below(256),
      );
      all.set(bytes, stream.endOffset);
      stream.append(bytes);
    } else if (kind < 16) {
      clock.advance(random.below(300));
      clock.runSoon();
      backlog.tick();
    } else if (kind === 16) {
      id = Buffer.from(Uint8Array.from({ length: 20 }, () => random.below(256))).toString('hex');
      names.push({ id, start: stream.endOffset });
      backlog.rename(id);
    } else if (kind === 17) {
      clock.runSoon();
      const from = backlog.startOffset!;
      const until = stream.endOffset;
      const at = from + random.below(until - from + 1);
      if (!backlog.covers(at)) continue;
      const { bytes, problem } = readAll(backlog, clock, at, until);
      assert.equal(problem, undefined, name);
      assert.ok(bytes.equals(all.subarray(at, until)), `${name}: other bytes from ${at}`);
    } else if (kind === 18 && lives < 6) {
      lives++;
      const isPowerCut = random.chance(50);
      if (random.chance(30)) backlog.finish();
      clock.runSoon();
      if (isPowerCut) files = files.afterCrash(random);
      // The data from the disk stands somewhere before the end, in the time of any name.
      const resumeAt = Math.max(0, stream.endOffset - random.below(random.chance(50) ? 2000 : 100_000));
      while (names.length > 1 && names[names.length - 1]!.start > resumeAt) names.pop();
      id = names[names.length - 1]!.id;
      host = makeHost(files, clock, 200_000);
      backlog = new DiskBacklog(host);
      backlog.load();
      stream = new WriteStream(resumeAt, 3000);
      backlog.resume(stream, id);
      assert.equal(backlog.startOffset! <= resumeAt, true, name);
      // A name is remembered only where the bytes under it are there.
      for (const earlier of backlog.earlierIds)
        assert.ok(
          names.some((known, index) => known.id === earlier.id && names[index + 1]?.start === earlier.endOffset),
          name,
        );
      id = Buffer.from(Uint8Array.from({ length: 20 }, () => random.below(256))).toString('hex');
      names.push({ id, start: resumeAt });
      backlog.rename(id);
    } else {
      clock.runSoon();
      assert.ok(backlog.bytes <= 200_000 + 1000, `${name}: ${backlog.bytes} bytes`);
    }
  }
}

test('a disk that fails costs the files; after a while they begin anew', () => {
  const clock = new ManualClock();
  const files = new SimulatedFiles();
  const host = makeHost(files, clock);
  const backlog = new DiskBacklog(host);
  const stream = new WriteStream(0, 1000);
  backlog.begin(stream, A);
  stream.append(new Uint8Array(5000));
  clock.runSoon();
  assert.equal(backlog.covers(0), true);
  files.fail('write', 'ENOSPC');
  stream.append(new Uint8Array(5000));
  clock.runSoon();
  assert.equal(backlog.startOffset, undefined);
  assert.match(host.lines.join('\n'), /has failed and is dropped: .*begins anew in 30 seconds/);
  assert.deepEqual(files.list('/data/aof'), []);
  files.heal();
  clock.advance(31_000);
  backlog.tick();
  clock.runSoon();
  assert.equal(backlog.startOffset, 9000);
  assert.equal(backlog.covers(9000), true);
  // Readers of the old files get an error.
  assert.match(String(readAll(backlog, clock, 100, 200).problem), /has left the backlog on disk/);
});

test('a disk that is too slow does not keep the stream in memory', () => {
  const clock = new ManualClock();
  const files = new SimulatedFiles();
  const host = makeHost(files, clock);
  const backlog = new DiskBacklog(host);
  const stream = new WriteStream(0, 1000);
  backlog.begin(stream, A);
  const block = new Uint8Array(1 << 20);
  for (let count = 0; count < 40; count++) stream.append(block);
  assert.ok(stream.memoryBytes < 1 << 20, String(stream.memoryBytes));
  assert.match(host.lines.join('\n'), /the disk is \d+ bytes behind the stream/);
});

test('a burst may wait for a slow disk as long as an eighth of the directive allows', () => {
  const clock = new ManualClock();
  const host = makeHost(new SimulatedFiles(), clock, 800 << 20);
  const backlog = new DiskBacklog(host);
  const stream = new WriteStream(0, 1000);
  backlog.begin(stream, A);
  const block = new Uint8Array(1 << 20);
  for (let count = 0; count < 100; count++) stream.append(block);
  assert.deepEqual(host.lines, []);
  stream.append(block);
  stream.append(block);
  assert.match(host.lines.join('\n'), /the disk is \d+ bytes behind the stream/);
});

test('a disk that ends one write in each turn of the loop keeps up with turns that bring megabytes', () => {
  const clock = new ManualClock();
  const host = makeHost(new SimulatedFiles(), clock, 400 << 20);
  const backlog = new DiskBacklog(host);
  const stream = new WriteStream(0, 1000);
  backlog.begin(stream, A);
  const block = new Uint8Array(1 << 20);
  for (let turn = 0; turn < 100; turn++) {
    block.fill(turn);
    stream.append(block);
    clock.runTurn();
  }
  clock.runSoon();
  assert.deepEqual(host.lines, []);
  const { bytes } = readAll(backlog, clock, 0, 100 << 20);
  for (let turn = 0; turn < 100; turn++) assert.equal(bytes[(turn << 20) + 12345], turn);
});
