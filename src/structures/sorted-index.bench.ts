// sorted-index.bench: the processor time of an insert, a change, a rank and a pop, and the bytes of a member.
//   node dist/src/structures/sorted-index.bench.js [members]
import { Prng } from '../base/prng.js';
import { HalfSipHash } from '../base/siphash.js';
import { Arena } from '../memory/arena.js';
import { Dicts } from './dict.js';
import { Entries, NUMBER } from './entry.js';
import { SortedIndexes } from './sorted-index.js';

const count = Number(process.argv[2] ?? 1_000_000);
const arena = new Arena();
const entries = new Entries(arena);
const dicts = new Dicts(arena, new HalfSipHash(1, 2));
const indexes = new SortedIndexes(arena);
const set = dicts.create();
indexes.create(set);
const prng = new Prng(1);
const member = new Uint8Array(16);
const refs = new Int32Array(count);
const scores = new Float64Array(count);
for (let index = 0; index < count; index++) {
  for (let at = 0; at < 16; at++) member[at] = prng.below(256);
  refs[index] = entries.create(0, NUMBER, 0, member, 0, 16, 0);
  scores[index] = prng.below(1 << 30);
  entries.setNumber(refs[index]!, scores[index]!);
}

function measure(what: string, times: number, run: (index: number) => void): void {
  const start = process.cpuUsage();
  for (let index = 0; index < times; index++) run(index);
  const ns = (process.cpuUsage(start).user * 1000) / times;
  process.stdout.write(`${what.padEnd(28)} ${ns.toFixed(0).padStart(6)} ns\n`);
}

measure('insert, random scores', count, (index) => indexes.insert(set, scores[index]!, refs[index]!));
process.stdout.write(`${'bytes a member'.padEnd(28)} ${(indexes.bytes(set) / count).toFixed(1).padStart(6)}\n`);
measure('rank of a random member', count, (index) => void indexes.rankOf(set, scores[index]!, refs[index]!));
measure('seek a random rank', count, () => indexes.seekRank(set, prng.below(count)));
measure('change by a little', count, (index) => {
  indexes.update(set, scores[index]!, scores[index]! + 1, refs[index]!);
  entries.setNumber(refs[index]!, ++scores[index]!);
});
measure('change at random', count, (index) => {
  const score = prng.below(1 << 30);
  indexes.update(set, scores[index]!, score, refs[index]!);
  scores[index] = score;
  entries.setNumber(refs[index]!, score);
});
measure('pop the lowest', count, () => {
  indexes.seekFirst(set);
  indexes.remove(set, indexes.score(), indexes.entry());
});
