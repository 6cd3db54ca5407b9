// long: the differential test for as long as one likes.
//   node dist/test/differential/long.js --rounds 10000 --seed 1 --peer /path/redis-server --only get,set --failures 20
// With --spread a command that failed is left out from then on, so that the next failure is another one.

import { parseArgs } from 'node:util';
import { Campaign } from './campaign.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    length: { type: 'string', default: '60' },
    failures: { type: 'string', default: '1' },
    peer: { type: 'string' },
    only: { type: 'string' },
    without: { type: 'string' },
    spread: { type: 'boolean', default: false },
    coverage: { type: 'boolean', default: false },
  },
});
process.stdout.write(`seed ${values.seed}\n`);
const result = await Campaign.run({
  seed: Number(values.seed),
  rounds: Number(values.rounds),
  sequenceLength: Number(values.length),
  failuresMax: Number(values.failures),
  peer: values.peer,
  only: values.only?.split(','),
  ...(values.without === undefined && !values.spread ? {} : { without: new Set(values.without?.split(',') ?? []) }),
  report: (text) => process.stdout.write(`${text}\n\n`),
});
process.stdout.write(`${result.commandCount} commands, ${result.failures.length} failures\n`);
if (result.unseen.length > 0) process.stdout.write(`differences that did not occur: ${result.unseen.join('; ')}\n`);
if (values.coverage)
  for (const [name, count] of [...result.coverage].sort((a, b) => a[1] - b[1]))
    process.stdout.write(`${count}\t${name}\n`);
process.exitCode = result.failures.length > 0 ? 1 : 0;
