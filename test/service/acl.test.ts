// ACL over sockets, beside redis-server: rights change under living connections.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { peerMissing } from '../peer.js';
import { Twins } from './twins.js';

const seed = Number(process.env.KVASIR_SEED ?? 6);
const rounds = Number(process.env.KVASIR_ROUNDS ?? 800);
const names = ['alice', 'bob'];
const rules = [
  'on',
  'on',
  'on',
  'off',
  '>p',
  '>q',
  '<p',
  'nopass',
  'resetpass',
  '~*',
  '~a*',
  '%R~b*',
  '%W~c*',
  'resetkeys',
  'allchannels',
  '&news',
  'resetchannels',
  '+@all',
  '-@all',
  '+get',
  '-get',
  '+@write',
  '-@write',
  '+@read',
  '-@string',
  '+multi',
  '+exec',
  '+subscribe',
  '+publish',
  '+config|get',
  '-config|set',
  '(+get ~x*)',
  '(+set %W~y* )',
  'clearselectors',
  'reset',
  '+acl|whoami',
  '+hello',
  '+auth',
  '+select|1',
  '-ping',
  '+ping',
];
const keys = ['a1', 'b1', 'c1', 'x1', 'y1'];

function randomCommand(prng: Prng): string[] {
  switch (prng.below(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return ['ACL', 'SETUSER', prng.pick(names), ...Array.from({ length: 1 + prng.below(4) }, () => prng.pick(rules))];
    case 4:
      return prng.chance(30)
        ? ['ACL', 'DELUSER', prng.pick(names)]
        : ['ACL', 'SETUSER', prng.pick(names), 'on', 'nopass', '+@all', '~*', '&*'];
    case 5:
    case 6:
      return ['AUTH', prng.pick([...names, 'default', 'nobody']), prng.pick(['p', 'q', ''])];
    case 7:
      return ['HELLO', prng.pick(['2', '3']), 'AUTH', prng.pick([...names, 'default']), prng.pick(['p', 'q'])];
    case 8:
      return ['ACL', 'WHOAMI'];
    case 9:
      return ['RESET'];
    case 10:
    case 11:
      return ['GET', prng.pick(keys)];
    case 12:
      return ['SET', prng.pick(keys), 'v', ...(prng.chance(20) ? ['GET'] : [])];
    case 13:
      return ['MGET', prng.pick(keys), prng.pick(keys)];
    case 14:
      return ['DEL', prng.pick(keys), prng.pick(keys)];
    case 15:
      return [prng.pick(['MULTI', 'EXEC', 'EXEC', 'DISCARD'])];
    case 16:
      return ['SUBSCRIBE', prng.pick(['news', 'other'])];
    case 17:
      return ['PSUBSCRIBE', prng.pick(['news', 'n*'])];
    case 18:
      return ['PUBLISH', prng.pick(['news', 'other']), 'm'];
    case 19:
      return [
        'CONFIG',
        ...prng.pick([
          ['GET', 'hz'],
          ['SET', 'hz', '10'],
          ['SET', 'requirepass', prng.pick(['', 'p'])],
        ]),
      ];
    case 20:
      return ['SELECT', prng.pick(['0', '1'])];
    case 21:
      return ['UNSUBSCRIBE', 'news'];
    case 22:
      return prng
        .pick([
          ['CLIENT', 'ID'],
          ['CLIENT', 'SETNAME', 'x'],
          ['OBJECT', 'ENCODING', 'a1'],
          ['COPY', 'a1', 'b1'],
          ['RENAME', 'a1', 'c1'],
        ])
        .slice();
    default:
      return ['PING'];
  }
}

/**
 * The words of all that came, in order. Versions word refusals differently; ids of clients differ anyway; and messages to
 * oneself come after the reply since 7.2, before it or inside of EXEC's earlier.
 */
function comparable(lines: readonly string[]): string[] {
  return lines
    .flatMap((text) =>
      text
        .replace(/([Tt]his user|User \S+) has no permissions to run/g, 'User has no permissions to run')
        .replace(
          /this user has no permissions to access one of the (key|channel)s used as arguments/g,
          'No permissions to access a $1',
        )
        .replace(/bulk:version bulk:\S+/g, 'bulk:version')
        .replace(/integer:\d{1,6}/g, 'integer')
        .split(/[[\] ]+/),
    )
    .filter((word) => word !== '')
    .sort();
}

describe('ACL beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it(`the same refusals and the same connections closed (seed ${seed})`, { timeout: 600_000 }, async () => {
    const prng = new Prng(seed);
    const twins = await Twins.start(3, {}, []);
    const history: string[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        // The first client stays the administrator, so that there is always one who may do everything.
        const words = randomCommand(prng);
        const administers = /^(ACL|CONFIG)$/.test(words[0]!) && words[1] !== 'WHOAMI';
        const client = administers && prng.chance(80) ? 0 : 1 + prng.below(2);
        history.push(`${client}: ${words.join(' ')}`);
        const { ours, theirs } = await twins.step(client, words);
        assert.deepEqual(
          ours.map(comparable),
          theirs.map(comparable),
          `seed ${seed} round ${round}, client ${client}: ${JSON.stringify(words)}\n${history.slice(-60).join('\n')}`,
        );
      }
    } finally {
      await twins.stop();
    }
  });
});
