// Scripts and functions, hand-written and generated, answer here as they do on redis-server, to the byte.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Remote, type Words } from '../differential/side-by-side.js';
import { collection } from './collection.js';
import { randomScripts } from './random-script.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);
/** Rounds of 2,000 generated scripts, each with a seed of its own. */
const rounds = Number(process.env.KVASIR_ROUNDS ?? 1);

/** Where we differ on purpose, as [part of the command, why]. */
const meant: readonly (readonly [part: RegExp, why: string])[] = [
  [/\bos\./, 'os.clock came after 7.0'],
  [/string\.dump/, 'there is no bytecode'],
  [
    /'(blpop|brpoplpush|bzpopmin|blmove|xread','block)'/,
    'since 7.2 blocking commands are allowed in scripts and do not block',
  ],
  [/"xread','block"/, 'as before'],
];

/** Fields of a table have no order: encoded they come in ours. */
function isSameInAnotherOrder(words: Words, own: string, other: string): boolean {
  return (
    words.join(' ').includes('cjson.encode') &&
    own.length === other.length &&
    [...own].sort().join('') === [...other].sort().join('')
  );
}

describe('scripts beside redis-server', { skip: peerMissing('redis-server') }, () => {
  let kvasir: KvasirProcess;
  let redis: RedisPeer;

  before(async () => {
    [kvasir, redis] = await Promise.all([startKvasir(), startRedis()]);
  });
  after(() => Promise.all([kvasir?.stop(), redis?.stop()]));

  async function compare(commands: readonly Words[], protocol = '2'): Promise<void> {
    const [ours, theirs] = [await Remote.connect(kvasir.port), await Remote.connect(redis.port)];
    const different: string[] = [];
    try {
      if (protocol === '3') await Promise.all([ours, theirs].map((end) => end.run([['HELLO', '3']])));
      const [own, other] = await Promise.all([ours.run(commands), theirs.run(commands)]);
      commands.forEach((words, index) => {
        if (
          own[index] === other[index] ||
          isSameInAnotherOrder(words, own[index]!, other[index]!) ||
          meant.some(([part]) => part.test(words.join(' ')))
        )
          return;
        different.push(
          `${JSON.stringify(words).slice(0, 400)}\n  ours   ${JSON.stringify(own[index]).slice(0, 300)}\n  theirs ${JSON.stringify(other[index]).slice(0, 300)}`,
        );
      });
    } finally {
      ours.close();
      theirs.close();
    }
    assert.equal(
      different.length,
      0,
      `${different.length} of ${commands.length} replies differ:\n${different.slice(0, 60).join('\n')}`,
    );
  }

  for (const protocol of ['2', '3']) {
    test(`hand-written scripts in RESP${protocol}`, () => compare(collection(), protocol));
  }

  for (let round = 0; round < rounds; round++) {
    const protocol = (seed + round) % 2 === 0 ? '3' : '2';
    test(`generated scripts in RESP${protocol} (seed ${seed + round})`, () =>
      compare(randomScripts(seed + round, 2000), protocol));
  }
});
