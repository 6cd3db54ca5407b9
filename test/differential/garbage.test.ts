import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { dataCommands } from '../../src/commands/index.js';
import { Local } from './side-by-side.js';
import { isOneReply } from './unordered.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
const groups = new Set(['hash', 'set']);
const numbers = [
  '0',
  '1',
  '2',
  '3',
  '-1',
  '-5',
  '100',
  '1000000',
  '4000000000000',
  '70368744177663',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '1.5',
  'nan',
  'inf',
  '1e309',
];
const words = [
  'FIELDS',
  'fields',
  'NX',
  'XX',
  'GT',
  'LT',
  'EX',
  'PX',
  'EXAT',
  'PXAT',
  'PERSIST',
  'KEEPTTL',
  'FNX',
  'FXX',
  'MATCH',
  'COUNT',
  'NOVALUES',
  'WITHVALUES',
  'LIMIT',
  'APPROX',
  '*',
  '[',
  'a*',
];

function argument(prng: Prng): string {
  const kind = prng.below(10);
  if (kind < 4) return prng.pick(['a', 'b', 'c', 'h1', 'h2', 's1', 's2', 'string']);
  if (kind < 6) return prng.pick(numbers);
  if (kind < 8) return prng.pick(words);
  if (kind === 8) return String.fromCharCode(...Array.from({ length: prng.below(80) }, () => prng.below(256)));
  return 'x'.repeat(prng.below(prng.chance(5) ? 5000 : 70));
}

test('whatever the arguments are, each command gives one reply and leaves the keyspace whole', () => {
  const local = new Local(seed);
  local.propagates = true;
  const prng = new Prng(seed);
  const commands = dataCommands
    .filter((command) => groups.has(command.group))
    .flatMap(({ name, subcommands = [] }) => [[name], ...subcommands.map((sub) => [name, sub.name])]);
  for (let step = 0; step < 30_000; step++) {
    if (step % 200 === 0) {
      for (const key of ['h1', 'h2', 's1', 's2']) local.run(['DEL', key]);
      local.run(['SET', 'string', 'value']);
      local.run(['HSET', 'h1', 'a', '1', 'b', '2', 'c', 'x']);
      local.run(['HSET', 'h2', ...Array.from({ length: 1400 }, (_, index) => `a${index % 700}`)]);
      local.run(['SADD', 's1', '1', '2', '3']);
      local.run(['SADD', 's2', ...Array.from({ length: 300 }, (_, index) => `a${index}`)]);
      local.limits.hashMaxListpackEntries = prng.pick([0, 4, 512]);
      local.limits.setMaxListpackEntries = prng.pick([0, 4, 128]);
      local.limits.setMaxIntsetEntries = prng.pick([0, 4, 512]);
      local.propagated.length = 0;
    }
    local.protocol = prng.chance(50) ? 2 : 3;
    local.keyspace.nowMs += prng.below(200);
    const command = prng.pick(commands);
    const args = Array.from({ length: prng.below(9) }, () => argument(prng));
    // A count of a hundred million random elements is right, but not for a test.
    const line = [...command, ...args].map((word) => (word === '-5' || !/^-\d{6,}$/.test(word) ? word : '-1000'));
    const reply = local.run(line);
    assert.ok(isOneReply(reply), `seed ${seed} step ${step}: ${line.join(' ')} gave ${reply.slice(0, 100)}`);
    if (step % 500 === 0) local.keyspace.verify();
  }
  local.keyspace.verify();
});
