// npm run fuzz -- [word...] [--seed first] [--seeds count] [--minutes n] [--steps factor]
//
// Runs the fuzzers of structures whose path contains a word, all for none, one seed after the other: for so many seeds, or for
// so many minutes (10 if neither is given). --steps makes each run so many times as long. The first failure ends it and tells
// how to repeat it.
import { parseArgs } from 'node:util';
import { findFuzzers } from './find-fuzzers.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    steps: { type: 'string', default: '1' },
  },
});
const fuzzers = await findFuzzers(positionals);
if (fuzzers.length === 0) {
  process.stderr.write(`no fuzzer matches: ${positionals.join(' ')}\n`);
  process.exit(1);
}
const first = Number(values.seed);
const last = values.seeds === undefined ? Infinity : first + Number(values.seeds) - 1;
const minutes = Number(values.minutes ?? (values.seeds === undefined ? 10 : Infinity));
const endMs = Date.now() + minutes * 60_000;
for (let seed = first; seed <= last && Date.now() < endMs; seed++) {
  for (const { file, fuzzer } of fuzzers) {
    const beginMs = Date.now();
    try {
      fuzzer.run(seed, Math.ceil(fuzzer.steps * Number(values.steps)));
    } catch (error) {
      process.stderr.write(
        `${file}: ${fuzzer.name}\n${(error as Error).stack}\nrepeat: npm run fuzz -- ${file} --seed ${seed} --seeds 1 --steps ${values.steps}\n`,
      );
      process.exit(1);
    }
    process.stdout.write(`${file}: ${fuzzer.name}, seed ${seed}: ${Date.now() - beginMs} ms\n`);
  }
}
