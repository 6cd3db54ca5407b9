// listpack.bench: the cost of listpacks and intsets, per operation.
//
//   node dist/src/structures/listpack.bench.js

import { latin1Bytes } from '../base/bytes.js';
import { Arena } from '../memory/arena.js';
import { Decimal } from './decimal.js';
import { Intsets } from './intset.js';
import { Listpacks } from './listpack.js';

const ENTRIES = 128;
const ROUNDS = 20_000;

function measure(name: string, operations: number, run: () => void): void {
  run();
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  process.stdout.write(`${name.padEnd(48)} ${((best * 1e6) / operations).toFixed(1)} ns\n`);
}

const arena = new Arena();
const lists = new Listpacks(arena);
const sets = new Intsets(arena);
const names = Array.from({ length: ENTRIES }, (_, index) => latin1Bytes(`member:${index}`));
const numbers = Array.from({ length: ENTRIES }, (_, index) => latin1Bytes(String(index * 37)));

function fill(elements: readonly Uint8Array[]): number {
  let ref = lists.create();
  for (const bytes of elements) ref = lists.append(ref, bytes, 0, bytes.length);
  return ref;
}

const strings = fill(names);
const integers = fill(numbers);
const last = names[ENTRIES - 1]!;
const lastNumber = numbers[ENTRIES - 1]!;

measure(`append of ${ENTRIES} strings, per string`, (ROUNDS / 100) * ENTRIES, () => {
  for (let round = 0; round < ROUNDS / 100; round++) lists.free(fill(names));
});
measure(`find the last of ${ENTRIES} strings, per entry`, ROUNDS * ENTRIES, () => {
  for (let round = 0; round < ROUNDS; round++) lists.find(strings, lists.first(strings), last, 0, last.length, 0);
});
measure(`find the last of ${ENTRIES} integers, per entry`, ROUNDS * ENTRIES, () => {
  for (let round = 0; round < ROUNDS; round++)
    lists.find(integers, lists.first(integers), lastNumber, 0, lastNumber.length, 0);
});
measure('read strings one after the other, per entry', (ROUNDS / 10) * ENTRIES, () => {
  for (let round = 0; round < ROUNDS / 10; round++)
    for (let at = lists.first(strings); at !== 0; at = lists.next(strings, at)) lists.read(strings, at);
});
measure('read integers one after the other, per entry', (ROUNDS / 10) * ENTRIES, () => {
  for (let round = 0; round < ROUNDS / 10; round++)
    for (let at = lists.first(integers); at !== 0; at = lists.next(integers, at)) lists.read(integers, at);
});
let changing = strings;
const short = latin1Bytes('short');
measure('replace by another length and back', ROUNDS * 2, () => {
  for (let round = 0; round < ROUNDS; round++) {
    const at = lists.first(changing);
    changing = lists.replace(changing, at, short, 0, short.length);
    changing = lists.replace(changing, at, last, 0, last.length);
  }
});

const decimal = new Decimal();
let set = sets.create();
for (let value = 0; value < 512; value++) {
  decimal.set(value * 1000);
  if (!sets.has(set, decimal)) set = sets.insert(set, decimal);
}
measure('has of an intset of 512', ROUNDS, () => {
  for (let round = 0; round < ROUNDS; round++) {
    decimal.set((round % 600) * 1000);
    sets.has(set, decimal);
  }
});
measure('insert into and delete from an intset of 512', ROUNDS, () => {
  for (let round = 0; round < ROUNDS; round++) {
    decimal.set((round % 500) * 1000 + 1);
    sets.has(set, decimal);
    const { index } = sets;
    set = sets.insert(set, decimal);
    set = sets.deleteAt(set, index);
  }
});
