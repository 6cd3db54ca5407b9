// The event history: bounded, whole after a crash, and silent about a disk that is full.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { SimulatedFiles } from '../io/files-simulated.js';
import { History, HISTORY_MAX, readHistory } from './history.js';

const PATH = '/sentinel.conf.events';

function event(text: string) {
  return { at: 5, type: '+sdown', master: 'm', text };
}

test('events come back as they were, bytes of any kind included', () => {
  const files = new SimulatedFiles();
  const history = new History(files, PATH, assert.fail);
  for (const text of ['plain', 'with "quotes" and \n lines', '\xff\x00\x7f', '']) history.add(event(text));
  history.close();
  const again = new History(files, PATH, assert.fail);
  assert.deepEqual(again.last(10), readHistory(files, PATH));
  assert.deepEqual(
    again.last(2).map(({ text }) => text),
    ['\xff\x00\x7f', ''],
  );
  assert.deepEqual(again.last(0), []);
});

test('the file and the memory hold no more than twice what is kept', () => {
  const files = new SimulatedFiles();
  const history = new History(files, PATH, assert.fail);
  for (let index = 0; index < HISTORY_MAX * 2 + 10; index++) history.add(event(String(index)));
  assert.equal(history.last(1_000_000).length, HISTORY_MAX);
  assert.equal(readHistory(files, PATH).at(-1)!.text, String(HISTORY_MAX * 2 + 9));
  const lines = Buffer.from(files.get(PATH)).toString().split('\n').length - 1;
  assert.ok(lines < HISTORY_MAX * 2, String(lines));
});

test('a line that a crash has torn, and nonsense, are left out', () => {
  const seed = Number(process.env.SEED ?? 15);
  const random = new Prng(seed);
  const files = new SimulatedFiles();
  const history = new History(files, PATH, assert.fail);
  for (let index = 0; index < 20; index++) history.add(event(String(index)));
  const whole = files.get(PATH);
  for (let round = 0; round < 200; round++) {
    const torn = whole.slice(0, random.below(whole.length + 1));
    files.put(PATH, torn);
    const kept = new History(files, PATH, assert.fail);
    const texts = kept.last(100).map(({ text }) => text);
    assert.deepEqual(
      texts,
      texts.map((_, index) => String(index)),
      `seed ${seed}`,
    );
    kept.add(event('after'));
    assert.equal(readHistory(files, PATH).at(-1)!.text, 'after');
  }
  files.put(PATH, latin1Bytes('null\n[]\n{"at":"x"}\n{}\n\x00\x01\n'));
  assert.deepEqual(new History(files, PATH, assert.fail).last(10), []);
});

test('a full disk costs the file alone, and is told once', () => {
  const files = new SimulatedFiles();
  const told: string[] = [];
  const history = new History(files, PATH, (text) => told.push(text));
  files.fail('write', 'ENOSPC');
  for (let index = 0; index < 5; index++) history.add(event(String(index)));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /cannot be kept in .*no space left/i);
  assert.equal(history.last(10).length, 5);
  files.heal();
  history.add(event('5'));
  assert.equal(readHistory(files, PATH).at(-1)!.text, '5');
});
