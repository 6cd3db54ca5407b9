import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { SimulatedFiles } from '../../io/files-simulated.js';
import { VirtualClock } from '../../io/virtual-clock.js';
import { FileHistory, folderName } from './file-history.js';
import type { Cell } from './open-block.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const START_MS = Date.UTC(2026, 0, 1);
const STEP_MS = 2000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function cell(name: string, value: number, decimals = 0): Cell {
  return { name, decimals, value };
}

function makeHistory(files: SimulatedFiles, limits = {}): { history: FileHistory; log: string[] } {
  const log: string[] = [];
  if (!files.isFolder('/data')) files.makeFolder('/data');
  const environment = { files, clock: new VirtualClock({ now: START_MS, frozen: true }) };
  return { history: new FileHistory(environment, '/data/history', (text) => log.push(text), limits), log };
}

/** A row whose figure is its index. */
function fill(history: FileHistory, from: number, count: number, target = 'a'): void {
  for (let index = from; index < from + count; index++)
    history.append(target, START_MS + index * STEP_MS, [cell('n', index), cell('ratio', index / 100, 2)]);
}

async function read(history: FileHistory, from: number, to: number, target = 'a', metric = 'n'): Promise<number[]> {
  const { v } = await history.series(target, metric, START_MS + from * STEP_MS, START_MS + to * STEP_MS, STEP_MS);
  return v;
}

/** Of rows whose figure is their index; the mean of a minute may stand in for one. */
function wrongCount(values: readonly number[]): number {
  return values.filter((value, index) => !Number.isNaN(value) && Math.abs(value - index) > MINUTE_MS / STEP_MS).length;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('the history in files', () => {
  test('gives a curve of what was appended, with gaps where nothing was', async () => {
    const { history } = makeHistory(new SimulatedFiles());
    fill(history, 0, 5);
    fill(history, 7, 3);
    assert.deepEqual(await read(history, 0, 11), [0, 1, 2, 3, 4, NaN, NaN, 7, 8, 9, NaN]);
    assert.deepEqual(await read(history, 2, 4, 'a', 'ratio'), [0.02, 0.03]);
    assert.deepEqual(await read(history, 0, 2, 'a', 'other'), [NaN, NaN]);
    assert.deepEqual(await history.metrics('a', 0), ['n', 'ratio']);
  });

  test('brings rows to wider steps by mean or by maximum', async () => {
    const { history } = makeHistory(new SimulatedFiles());
    fill(history, 0, 10);
    const mean = await history.series('a', 'n', START_MS, START_MS + 20_000, 10_000);
    assert.deepEqual(mean, { t: [START_MS, START_MS + 10_000], v: [2, 7] });
    const max = await history.series('a', 'n', START_MS, START_MS + 20_000, 10_000, 'max');
    assert.deepEqual(max.v, [4, 9]);
  });

  test('keeps targets with any name apart, and within its folder', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    const names = ['..', '.', '', 'a/b', 'C:\\x', 'ü\ud800', 'x'.repeat(500), 'a*b?'];
    for (const [index, name] of names.entries()) history.append(name, START_MS, [cell('n', index)]);
    for (const [index, name] of names.entries()) assert.deepEqual(await read(history, 0, 1, name), [index]);
    assert.equal(new Set(names.map(folderName)).size, names.length);
    for (const name of names) assert.match(folderName(name), /^[A-Za-z0-9%_-]+$/);
  });

  test('survives a kill at any time: every row that was appended is there', async () => {
    const files = new SimulatedFiles();
    let count = 0;
    for (const more of [1, 10, 900, 1000, 1, 2500, 5]) {
      // The one before is not closed: it was killed.
      const { history, log } = makeHistory(files);
      fill(history, count, more);
      count += more;
      assert.deepEqual(await read(history, 0, count), upTo(count));
      assert.deepEqual(log, []);
    }
    const { history } = makeHistory(files);
    assert.deepEqual(await read(history, 0, count), upTo(count));
  });

  test('loses no more than the row that was torn, wherever the tail is cut', async () => {
    const files = new SimulatedFiles();
    const first = makeHistory(files).history;
    fill(first, 0, 12);
    const path = '/data/history/a/rows.tail';
    const whole = files.get(path);
    for (let length = 0; length <= whole.length; length++) {
      files.put(path, whole.subarray(0, length));
      const { history } = makeHistory(files);
      const values = await read(history, 0, 12);
      const count = values.findIndex((value) => Number.isNaN(value));
      const kept = count < 0 ? 12 : count;
      assert.deepEqual(values.slice(0, kept), upTo(kept), `cut at ${length}`);
      assert.ok(
        values.slice(kept).every((value) => Number.isNaN(value)),
        `cut at ${length}`,
      );
      if (length === whole.length) assert.equal(kept, 12);
      // And it goes on from there.
      fill(history, 12, 1);
      assert.deepEqual((await read(history, 12, 13))[0], 12, `cut at ${length}`);
      await history.close();
    }
  });

  test('finds rows that follow upon each other after a power cut', async () => {
    const random = new Prng(seed);
    for (let round = 0; round < 20; round++) {
      const files = new SimulatedFiles();
      const { history } = makeHistory(files);
      const count = 1 + random.below(4000);
      fill(history, 0, count);
      const after = makeHistory(files.afterCrash(random));
      const values = await read(after.history, 0, count);
      // Minutes may have outlived their rows; then they stand in.
      assert.equal(wrongCount(values), 0, `seed ${seed}, round ${round}`);
      const rows = values.filter((value, index) => value === index);
      assert.ok(
        rows.length === 0 || rows[0] === 0 || values[0]! <= MINUTE_MS / STEP_MS,
        `seed ${seed}, round ${round}`,
      );
    }
  });

  test('does not count rows twice when the crash came between the block and the new tail', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    fill(history, 0, 100);
    const tail = files.get('/data/history/a/rows.tail');
    fill(history, 100, 1800);
    const sealed = await read(history, 0, 1900);
    assert.deepEqual(sealed, upTo(1900));
    files.put('/data/history/a/rows.tail', tail);
    const again = makeHistory(files).history;
    const { v } = await again.series('a', 'n', START_MS, START_MS + 50 * STEP_MS, 25 * STEP_MS);
    assert.deepEqual(v, [12, 37]);
    const blocks = files.list('/data/history/a').filter((name) => name.endsWith('.seg'));
    assert.ok(blocks.length > 0);
  });

  test('leaves out a damaged block, says so, and finds those after it', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    fill(history, 0, 6000);
    const path = '/data/history/a/rows-0000000001.seg';
    const bytes = files.get(path);
    bytes.fill(0xff, 60, 140);
    files.put(path, bytes);
    const { history: again, log } = makeHistory(files);
    const values = await read(again, 0, 6000);
    const missing = values.filter((value) => Number.isNaN(value)).length;
    assert.ok(missing > 0 && missing <= 1800, `${missing} rows are missing`);
    assert.equal(wrongCount(values), 0);
    assert.ok(log.some((line) => line.includes('no block') || line.includes('damaged')));
  });

  test('survives bytes of any kind in its files', async () => {
    const random = new Prng(seed);
    for (let round = 0; round < 30; round++) {
      const files = new SimulatedFiles();
      const { history } = makeHistory(files);
      fill(history, 0, 2500);
      for (const name of files.list('/data/history/a')) {
        const bytes = files.get(`/data/history/a/${name}`);
        for (let hit = 0; hit < 5; hit++) bytes[random.below(bytes.length)] = random.below(256);
        files.put(`/data/history/a/${name}`, bytes);
      }
      const again = makeHistory(files).history;
      const values = await read(again, 0, 2500);
      assert.equal(wrongCount(values), 0, `seed ${seed}, round ${round}`);
      fill(again, 2500, 1);
      assert.equal((await read(again, 2500, 2501))[0], 2500, `seed ${seed}, round ${round}`);
    }
  });

  test('goes on in memory while the disk is full, and on disk when it is not', async () => {
    const files = new SimulatedFiles();
    const { history, log } = makeHistory(files);
    fill(history, 0, 10);
    files.capacityBytes = files.usedBytes() + 3;
    fill(history, 10, 10);
    assert.equal(log.length, 1, 'told once a minute');
    assert.match(log[0]!, /cannot be kept/);
    files.capacityBytes = Infinity;
    fill(history, 20, 10);
    assert.deepEqual(await read(history, 0, 30), upTo(30));
    const again = makeHistory(files).history;
    const values = await read(again, 0, 10);
    assert.deepEqual(values, upTo(10));
  });

  test('reads curves with steps of a minute and more from minutes', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    fill(history, 0, 30 * 20);
    const minutes = await history.series('a', 'n', START_MS, START_MS + 20 * MINUTE_MS, MINUTE_MS);
    assert.deepEqual(
      minutes.v,
      upTo(20).map((minute) => (minute === 19 ? 30 * minute + 14.5 : Math.round(30 * minute + 14.5))),
    );
    const peaks = await history.series('a', 'n', START_MS, START_MS + 20 * MINUTE_MS, 10 * MINUTE_MS, 'max');
    assert.deepEqual(peaks.v, [299, 599]);
    // The minute that a kill interrupted is summed up again.
    const again = makeHistory(files).history;
    fill(again, 30 * 20, 30);
    const after = await again.series('a', 'n', START_MS, START_MS + 20 * MINUTE_MS, 20 * MINUTE_MS, 'max');
    assert.deepEqual(after.v, [599]);
    assert.deepEqual(await again.metrics('a', 0), ['n', 'ratio']);
  });

  test('forgets rows after their time, and has minutes for longer', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files, { keepMs: DAY_MS, keepMinutesMs: 30 * DAY_MS });
    for (let index = 0; index < 4 * 1440; index++)
      history.append('a', START_MS + index * MINUTE_MS, [cell('n', index), cell('command:get', 1)]);
    const nowMs = START_MS + 4 * DAY_MS;
    history.expire(nowMs);
    const firstDay = await history.series('a', 'n', START_MS, START_MS + DAY_MS, STEP_MS);
    assert.ok(
      firstDay.v.filter((value) => !Number.isNaN(value)).length >= 1439,
      'minutes stand in for rows that are gone',
    );
    assert.equal(files.list('/data/history/a').filter((name) => name.startsWith('rows-')).length < 4, true);
    history.expire(nowMs + 60 * DAY_MS);
    const gone = await history.series('a', 'n', START_MS, START_MS + 2 * DAY_MS, DAY_MS);
    assert.ok(gone.v.filter((value) => !Number.isNaN(value)).length < 2);
  });

  test('keeps rows for 7 days and minutes for a year unless told otherwise', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    const [dense, end] = [415 * DAY_MS, 430 * DAY_MS];
    // An hour apart, then three in a minute, whose mean is neither of their values.
    for (let at = 0; at < dense; at += 60 * MINUTE_MS) history.append('a', START_MS + at, [cell('n', 50)]);
    for (let at = dense; at < end; at += 20_000)
      history.append('a', START_MS + at, [cell('n', at % MINUTE_MS === 0 ? 0 : 90)]);
    history.expire(START_MS + end);
    const minuteAt = async (days: number): Promise<number[]> => {
      const at = START_MS + end - days * DAY_MS;
      const { v } = await history.series('a', 'n', at, at + MINUTE_MS, STEP_MS);
      return v.filter((value) => !Number.isNaN(value));
    };
    for (const days of [1, 6, 6.9]) assert.deepEqual(await minuteAt(days), [0, 90, 90], `${days} days ago`);
    // A segment goes as a whole, when its last row is too old.
    for (const days of [9, 14]) {
      const values = await minuteAt(days);
      assert.ok(values.length > 0 && values.every((value) => value === 60), `${days} days ago: ${values.join()}`);
    }
    assert.deepEqual([...new Set(await minuteAt(364))], [50]);
    assert.deepEqual(await minuteAt(425), []);
  });

  test('stays within its bytes by giving up the oldest', async () => {
    const { history, log } = makeHistory(new SimulatedFiles(), { bytesMax: 150_000 });
    const random = new Prng(seed);
    for (let index = 0; index < 12 * 1440; index++)
      history.append('a', START_MS + index * 5 * MINUTE_MS, [
        cell('n', random.below(1_000_000)),
        cell('m', random.below(1_000_000)),
      ]);
    history.expire(START_MS);
    assert.ok(history.bytesOf('a') <= 150_000, `${history.bytesOf('a')} bytes`);
    assert.ok(log.some((line) => line.includes('the oldest is gone')));
  });

  test('goes on when the clock was set back', async () => {
    const { history } = makeHistory(new SimulatedFiles());
    fill(history, 5000, 100);
    fill(history, 0, 100);
    assert.deepEqual(await read(history, 0, 100), upTo(100));
    assert.deepEqual(await read(history, 5000, 5001), [5000]);
  });

  test('forgets a target', async () => {
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    fill(history, 0, 10);
    await history.forget('a');
    assert.deepEqual(files.list('/data/history/a'), []);
    assert.deepEqual(await read(history, 0, 1), [NaN]);
  });

  test('needs at most 150 MB for a week of rows and a year of minutes of a busy server', async () => {
    const random = new Prng(seed);
    const files = new SimulatedFiles();
    const { history } = makeHistory(files);
    const names = Array.from({ length: 55 }, (_, index) => `figure-${index}`);
    const commands = Array.from({ length: 30 }, (_, index) => `command:c${index}`);
    const ROWS = 3600;
    const append = (target: string, index: number, stepMs: number): void => {
      // Of the figures of a server about half never rest.
      const cells = names.map((name, number) =>
        cell(name, number % 2 === 0 ? 1_000_000 * number + random.below(number % 4 === 0 ? 60 : 6000) : number),
      );
      for (const name of commands) cells.push(cell(name, random.below(500) / 10, 1));
      for (const name of commands) cells.push(cell(`p99:${name}`, index % 100 === 0 ? 20 : 10, 1));
      history.append(target, START_MS + index * stepMs, cells);
    };
    for (let index = 0; index < ROWS; index++) append('rows', index, STEP_MS);
    // Two rows a minute: their means and peaks are as restless as those of thirty.
    for (let index = 0; index < 2 * 361; index++) append('minutes', index, MINUTE_MS / 2);
    const bytes = (target: string, prefix: string): number =>
      files
        .list(`/data/history/${target}`)
        .filter((name) => name.startsWith(prefix) && name.endsWith('.seg'))
        .reduce((sum, name) => sum + files.sizeOf(`/data/history/${target}/${name}`), 0);
    const rowBytes = bytes('rows', 'rows-') + files.sizeOf('/data/history/rows/rows.tail');
    const minuteBytes = bytes('minutes', 'minutes-');
    assert.ok(minuteBytes > 0);
    // A segment is a day, and goes as a whole.
    const year = (rowBytes / ROWS) * 8 * 43_200 + (minuteBytes / 360) * 525_600;
    assert.ok(year < 150 * 1024 * 1024, `${Math.round(year / 1024 / 1024)} MB`);
  });
});
