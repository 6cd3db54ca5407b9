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
  'on', 'on', 'on', 'off', '>p', '>q', '<p', 'nopass', 'resetpass', '~*', '~a*', '%R~b*', '%W~c*', 'resetkeys', 'allchannels', '&news', 'resetchannels', '+@all', '-@all',
  '+get', '-get', '+@write', '-@write', '+@read', '-@string', '+multi', '+exec', '+subscribe', '+publish', '+config|get', '-config|set', '(+get ~x*)', '(+set %W~y* )',
  'clearselectors', 'reset', '+acl|whoami', '+hello', '+auth', '+select|1', '-ping', '+ping',
];
const keys = ['a1', 'b1', 'c1', 'x1', 'y1'];

function randomCommand(prng: Prng): string[] {
  switch (prng.below(24)) {
    case 0: case 1: case 2: case 3: return ['ACL', 'SETUSER', prng.pick(names), ...Array.from({ length: 1 + prng.below(4) }, () => prng.pick(rules))];
    case 4: return prng.chance(30) ? ['ACL', 'DELUSER', prng.pick(names)] : ['ACL', 'SETUSER', prng.pick(names), 'on', 'nopass', '+@all', '~*', '&*'];
    case 5: case 6: return ['AUTH', prng.pick([...names, 'default', 'nobody']), prng.pick(['p', 'q', ''])];
    case 7: return ['HELLO', prng.pick(['2', '3']), 'AUTH', prng.pick([...names, 'default']), prng.pick(['p', 'q'])];
    case 8: return ['ACL', 'WHOAMI'];
    case 9: return ['RESET'];
    case 10: case 11: return ['GET', prng.pick(keys)];
    case 12: return ['SET', prng.pick(keys), 'v', ...(prng.chance(20) ? ['GET'] : [])];
    case 13: return ['MGET', prng.pick(keys), prng.pick(keys)];
    case 14: return ['DEL', prng.pick(keys), prng.pick(keys)];
    case 15: return [prng.pick(['MULTI', 'EXEC', 'EXEC', 'DISCARD'])];
    case 16: return ['SUBSCRIBE', prng.pick(['news', 'other'])];
    case 17: return ['PSUBSCRIBE', prng.pick(['news', 'n*'])];
    case 18: return ['PUBLISH', prng.pick(['news', 'other']), 'm'];
    case 19: return ['CONFIG', ...prng.pick([['GET', 'hz'], ['SET', 'hz', '10'], ['SET', 'requirepass', prng.pick(['', 'p'])]])];
    case 20: return ['SELECT', prng.pick(['0', '1'])];
    case 21: return ['UNSUBSCRIBE', 'news'];
    case 22: return prng.pick([['CLIENT', 'ID'], ['CLIENT', 'SETNAME', 'x'], ['OBJECT', 'ENCODING', 'a1'], ['COPY', 'a1', 'b1'], ['RENAME', 'a1', 'c1']]).slice();
    default: return ['PING'];
  }
}

/** 7.0 and later versions word refusals differently; the ids of clients differ anyway. */
function comparable(lines: readonly string[]): string[] {
  // Since 7.2 a message to oneself comes behind the reply.
  return [...lines].sort().map((text) =>
    text
      .replace(/(This user|[Uu]ser \S+) has no permissions/, 'User has no permissions')
      .replace(/bulk:version bulk:\S+/, 'bulk:version')
      .replace(/bulk:id integer:\d+/, 'bulk:id')
      .replace(/^integer:\d{1,6}$/, 'integer'),
  );
}

describe('ACL beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it(`the same refusals and the same connections closed (seed ${seed})`, { timeout: 120_000 }, async () => {
    const prng = new Prng(seed);
    const twins = await Twins.start(3, {}, []);
    try {
      for (let round = 0; round < rounds; round++) {
        // The first client stays the administrator, so that there is always one who may do everything.
        const words = randomCommand(prng);
        const administers = /^(ACL|CONFIG)$/.test(words[0]!) && words[1] !== 'WHOAMI';
        const client = administers && prng.chance(80) ? 0 : 1 + prng.below(2);
        const { ours, theirs } = await twins.step(client, words);
        assert.deepEqual(ours.map(comparable), theirs.map(comparable), `seed ${seed} round ${round}, client ${client}: ${JSON.stringify(words)}`);
      }
    } finally {
      await twins.stop();
    }
  });
});
