// quicklist.bench: the cost of the ends, an index and an insertion in the middle, and the bytes of an element.
//   node dist/src/structures/quicklist.bench.js [elements]
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from './listpack.js';
import { Quicklists } from './quicklist.js';

const count = Number(process.argv[2] ?? 1_000_000);
const quicklists = new Quicklists(new Listpacks(new Arena()));
const list = quicklists.create();
const value = latin1Bytes('x'.repeat(16));
const number = latin1Bytes('1234567');
const prng = new Prng(1);

function measure(what: string, times: number, run: () => void): void {
  const start = process.hrtime.bigint();
  for (let index = 0; index < times; index++) run();
  const ns = Number(process.hrtime.bigint() - start) / times;
  process.stdout.write(`${what.padEnd(32)} ${ns.toFixed(0).padStart(6)} ns\n`);
}

measure('push at the tail', count, () => quicklists.pushLast(list, value, 0, 16));
measure('push at the head', count, () => quicklists.pushFirst(list, value, 0, 16));
process.stdout.write(
  `${'bytes an element'.padEnd(32)} ${(quicklists.byteSize(list) / (2 * count)).toFixed(1).padStart(6)}\n`,
);
measure('push of an integer', count, () => quicklists.pushLast(list, number, 0, 7));
measure('seek a random index', count / 10, () => void quicklists.seek(list, prng.below(3 * count)));
measure('insert at a random index', count / 10, () => {
  quicklists.seek(list, prng.below(3 * count));
  quicklists.insertBefore(list, value, 0, 16);
});
const walkStart = process.hrtime.bigint();
for (let there = quicklists.first(list); there; there = quicklists.next()) quicklists.equals(number, 0, 6);
const walkNs = Number(process.hrtime.bigint() - walkStart) / quicklists.count(list);
process.stdout.write(`${'walk and compare'.padEnd(32)} ${walkNs.toFixed(1).padStart(6)} ns\n`);
measure('pop at the head', count, () => {
  quicklists.first(list);
  quicklists.read();
  quicklists.deleteEdge(list, true);
});
measure('pop at the tail', count, () => {
  quicklists.last(list);
  quicklists.read();
  quicklists.deleteEdge(list, false);
});
