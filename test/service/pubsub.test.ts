// Pub/sub, keyspace notifications and channel rights over sockets, beside redis-server, message by message.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing } from '../peer.js';
import { Twins } from './twins.js';

const seed = Number(process.env.KVASIR_SEED ?? 5);
const rounds = Number(process.env.KVASIR_ROUNDS ?? 600);
const channels = ['a', 'b', 'news.1', 'news.2', '__keyspace@0__:k', '__keyevent@0__:set', ''];
const patterns = ['*', 'n*', 'news.?', '[ab]', 'a', '__key*', 'x\\*'];
const keys = ['k', 'k2'];

function some(prng: Prng, list: readonly string[]): string[] {
  return Array.from({ length: 1 + prng.below(3) }, () => prng.pick(list));
}

function randomCommand(prng: Prng): string[] {
  switch (prng.below(30)) {
    case 0:
    case 1:
    case 2:
      return ['SUBSCRIBE', ...some(prng, channels)];
    case 3:
    case 4:
      return ['PSUBSCRIBE', ...some(prng, patterns)];
    case 5:
      return ['SSUBSCRIBE', ...some(prng, channels)];
    case 6:
    case 7:
      return ['UNSUBSCRIBE', ...(prng.chance(30) ? [] : some(prng, channels))];
    case 8:
      return ['PUNSUBSCRIBE', ...(prng.chance(30) ? [] : some(prng, patterns))];
    case 9:
      return ['SUNSUBSCRIBE', ...(prng.chance(30) ? [] : some(prng, channels))];
    case 10:
    case 11:
    case 12:
    case 13:
      return ['PUBLISH', prng.pick(channels), 'm' + String(prng.below(9))];
    case 14:
      return ['SPUBLISH', prng.pick(channels), 'm'];
    case 15:
      return ['PUBSUB', prng.pick(['CHANNELS', 'SHARDCHANNELS']), ...(prng.chance(50) ? [prng.pick(patterns)] : [])];
    case 16:
      return ['PUBSUB', prng.pick(['NUMSUB', 'SHARDNUMSUB']), ...some(prng, channels)];
    case 17:
      return ['PUBSUB', 'NUMPAT'];
    case 18:
      return ['HELLO', prng.pick(['2', '3'])];
    case 19:
      return ['RESET'];
    case 20:
      return ['CONFIG', 'SET', 'notify-keyspace-events', prng.pick(['KEA', 'K$', 'Eg', '', 'KEx', 'A', 'Kn'])];
    case 21:
    case 22:
      return ['SET', prng.pick(keys), 'v'];
    case 23:
      return ['DEL', prng.pick(keys)];
    case 24:
      return prng.pick([
        ['EXPIRE', 'k', '100'],
        ['APPEND', 'k', 'x'],
        ['RENAME', 'k', 'k2'],
        ['GET', 'k'],
        ['PERSIST', 'k'],
        ['INCR', 'n'],
      ]);
    case 25:
      return [prng.pick(['MULTI', 'MULTI', 'EXEC', 'EXEC', 'EXEC', 'DISCARD'])];
    case 26:
      return ['PING', ...(prng.chance(50) ? ['hi'] : [])];
    case 27:
      return prng.pick([
        ['SUBSCRIBE'],
        ['PUBLISH', 'a'],
        ['PUBSUB', 'nope'],
        ['PUBSUB', 'CHANNELS', 'a', 'b'],
        ['SPUBLISH'],
        ['PUBSUB', 'NUMPAT', 'x'],
      ]);
    case 28:
      return ['CLIENT', 'REPLY', prng.pick(['ON', 'ON', 'SKIP'])];
    default:
      return ['ECHO', 'x'];
  }
}

/** Ids and versions differ, as they must. */
function settled(text: string): string {
  return text.replace(/bulk:version bulk:\S+/g, 'bulk:version').replace(/bulk:id integer:\d+/g, 'bulk:id');
}

/** Sorts lines that may come in any order: names listed from a table, and messages of several patterns. */
function ordered(lines: readonly string[]): string[] {
  return lines
    .map(settled)
    .map((text) =>
      /^array\[(bulk:\S* ?)*\]$/.test(text)
        ? text
            .split(/[[\] ]/)
            .sort()
            .join(' ')
        : text,
    )
    .sort();
}

/**
 * After an UNSUBSCRIBE from everything, which count belongs to which name is chance; and messages to oneself that EXEC
 * causes come after its reply since 7.2, inside of it before.
 */
function loose(lines: readonly string[]): string[] {
  return lines
    .flatMap((text) => settled(text).split(/[[\] ]+/))
    .filter((word) => word !== '')
    .sort();
}

describe('pub/sub beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it(`the same messages on every connection (seed ${seed})`, { timeout: 600_000 }, async () => {
    const prng = new Prng(seed);
    const twins = await Twins.start(4, {}, []);
    const history: string[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        const client = prng.below(4);
        const words = randomCommand(prng);
        history.push(`${client}: ${words.join(' ')}`);
        const { ours, theirs } = await twins.step(client, words);
        const shape = words.length === 1 && /UNSUBSCRIBE|RESET|EXEC/.test(words[0]!) ? loose : ordered;
        assert.deepEqual(
          ours.map(shape),
          theirs.map(shape),
          `seed ${seed} round ${round}, client ${client}: ${JSON.stringify(words)}\n${history.slice(-60).join('\n')}`,
        );
      }
    } finally {
      await twins.stop();
    }
  });
});
