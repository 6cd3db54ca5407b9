// Names that stop resolving, resolve late, never, or to something else: what the sentinel knows by them meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../io/virtual-clock.js';
import { NameCache } from './names.js';

interface Question {
  readonly host: string;
  answer(...ips: string[]): void;
  fail(): void;
}

/** Lets promises that are settled take effect. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function stage() {
  const clock = new VirtualClock({ frozen: true });
  const questions: Question[] = [];
  const changes: string[] = [];
  const names = new NameCache(
    (host) =>
      new Promise((resolve, reject) => {
        questions.push({ host, answer: (...ips) => resolve(ips), fail: () => reject(new Error('ENOTFOUND')) });
      }),
    clock,
    (host, resolves) => changes.push(`${host} ${resolves}`),
  );
  const answer = async (...ips: string[]): Promise<void> => {
    const question = questions.shift()!;
    if (ips.length === 0) question.fail();
    else question.answer(...ips);
    await settled();
  };
  return { clock, names, questions, changes, answer };
}

test('asking never waits: a name is empty until it has resolved', async () => {
  const { names, questions, answer, clock } = stage();
  assert.equal(names.ip('Master.example'), '');
  assert.equal(names.ip('master.example'), '');
  assert.equal(questions.length, 1, 'one question at a time');
  await answer('10.0.0.1');
  assert.equal(names.ip('MASTER.EXAMPLE'), '10.0.0.1');
  assert.equal(questions.length, 0);
  clock.advance(1100);
  assert.equal(names.ip('master.example'), '10.0.0.1');
  assert.equal(questions.length, 1, 'looked up anew after a second');
});

test('a name that stops resolving keeps its address, and both ends are told once', async () => {
  const { names, clock, changes, answer } = stage();
  names.ip('a');
  await answer('10.0.0.1');
  for (let round = 0; round < 3; round++) {
    clock.advance(1100);
    names.ip('a');
    await answer();
    assert.equal(names.ip('a'), '10.0.0.1');
  }
  clock.advance(1100);
  names.ip('a');
  await answer('10.0.0.2');
  assert.equal(names.ip('a'), '10.0.0.2');
  assert.deepEqual(changes, ['a false', 'a true']);
});

test('a name with several addresses keeps the one in use, in whatever order they come', async () => {
  const { names, clock, answer } = stage();
  names.ip('a');
  await answer('10.0.0.1', '10.0.0.2');
  clock.advance(1100);
  names.ip('a');
  await answer('10.0.0.2', '10.0.0.1');
  assert.equal(names.ip('a'), '10.0.0.1');
  clock.advance(1100);
  names.ip('a');
  await answer('10.0.0.3', '10.0.0.2');
  assert.equal(names.ip('a'), '10.0.0.3');
});

test('a name server that never answers holds nobody up', async () => {
  const { names, clock, questions } = stage();
  const prepared = names.prepare('a');
  await settled();
  clock.advance(5000);
  assert.equal(await prepared, '');
  clock.advance(20_000);
  names.ip('a');
  assert.equal(questions.length, 1);
  clock.advance(10_000);
  names.ip('a');
  assert.equal(questions.length, 2, 'asked again');
  questions[1]!.answer('10.0.0.5');
  await settled();
  assert.equal(names.ip('a'), '10.0.0.5');
  questions[0]!.answer('10.0.0.4');
  await settled();
  assert.equal(names.ip('a'), '10.0.0.5', 'the answer to the older question is late');
});

test('an address is its own name, and a flood of names fills no more than its bound', async () => {
  const { names, questions } = stage();
  assert.equal(await names.prepare('10.1.2.3'), '10.1.2.3');
  assert.equal(names.ip('::1'), '::1');
  assert.equal(questions.length, 0);
  for (let index = 0; index < 10_000; index++) names.ip(`host${index}`);
  assert.ok((names as unknown as { known: Map<string, unknown> }).known.size <= 4096);
});
