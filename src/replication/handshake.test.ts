import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { Handshake, type HandshakeOptions, type HandshakeStep } from './handshake.js';

const ID = 'a'.repeat(40);
const usual: HandshakeOptions = {
  user: '',
  password: '',
  announcedPort: 6380,
  announcedAddress: '',
  version: '7.4.0',
  id: ID,
  offset: 100,
};

/** Plays a handshake against a master that answers so; returns what was sent and the last step. */
function play(options: Partial<HandshakeOptions>, answers: readonly string[]): { sent: string[]; last: HandshakeStep } {
  const handshake = new Handshake({ ...usual, ...options });
  const sent: string[] = [];
  let last = handshake.begin();
  for (const answer of answers) {
    if (last.kind === 'send') sent.push(last.command.join(' '));
    last = handshake.take(answer);
    if (last.kind === 'wait') continue;
    if (last.kind !== 'send') break;
  }
  if (last.kind === 'send') sent.push(last.command.join(' '));
  return { sent, last };
}

test('a partial resync with everything announced', () => {
  const { sent, last } = play({ user: 'replica', password: 'secret', announcedAddress: '10.0.0.5' }, [
    '-NOAUTH Authentication required.',
    '+OK',
    '+OK',
    '+OK',
    '+OK',
    '+OK',
    '+CONTINUE',
  ]);
  assert.deepEqual(sent, [
    'PING',
    'AUTH replica secret',
    'REPLCONF listening-port 6380',
    'REPLCONF ip-address 10.0.0.5',
    'REPLCONF capa eof capa psync2',
    'REPLCONF version 7.4.0',
    `PSYNC ${ID} 100`,
  ]);
  assert.deepEqual(last, { kind: 'continue', id: undefined });
});

test('the data may come over a second connection, which names the first', () => {
  const { sent, last } = play({ takesChannel: true }, ['+PONG', '+OK', '+OK', '+OK', '+RDBCHANNELSYNC 17']);
  assert.equal(sent[2], 'REPLCONF capa eof capa psync2 capa rdb-channel-repl');
  assert.deepEqual(last, { kind: 'channel', mainClientId: '17' });
  const wrong = play({ takesChannel: true }, ['+PONG', '+OK', '+OK', '+OK', '+RDBCHANNELSYNC']).last;
  assert.equal(wrong.kind, 'fail');
  assert.equal(play({}, ['+PONG', '+OK', '+OK', '+OK', '+RDBCHANNELSYNC 17']).last.kind, 'fail');
});

test('the second connection authenticates, names the first, and takes nothing but the data', () => {
  const second = (...answers: string[]): (string | HandshakeStep)[] => {
    const handshake = Handshake.ofChannel({ user: 'replica', password: 'secret', announcedPort: 7000 }, '17');
    const steps = [handshake.begin(), ...answers.map((answer) => handshake.take(answer))];
    return steps.map((step) => (step.kind === 'send' ? step.command.join(' ') : step));
  };
  assert.deepEqual(second('+OK', '+OK', '', `+FULLRESYNC ${ID} 5`), [
    'AUTH replica secret',
    'REPLCONF capa eof rdb-only 1 rdb-channel 1 main-ch-client-id 17 listening-port 7000',
    'PSYNC ? -1',
    { kind: 'wait' },
    { kind: 'full', id: ID, offset: 5 },
  ]);
  for (const answer of [`+CONTINUE ${ID}`, '+RDBCHANNELSYNC 3', '-ERR unknown command', '-ERR', '$5'])
    assert.equal((second('+OK', '+OK', answer)[3] as HandshakeStep).kind, 'fail', answer);
  assert.equal((second('+OK', '-ERR Unrecognized RDB client id: 17')[2] as HandshakeStep).kind, 'fail');
});

test('a full resync carries the id and the offset of the master', () => {
  const { last } = play({ id: '?', offset: -1 }, ['+PONG', '+OK', '+OK', '+OK', `+FULLRESYNC ${ID} 12345`]);
  assert.deepEqual(last, { kind: 'full', id: ID, offset: 12345 });
});

test('a promoted master goes on under its own id', () => {
  const other = 'c'.repeat(40);
  assert.deepEqual(play({}, ['+PONG', '+OK', '+OK', '+OK', `+CONTINUE ${other}`]).last, {
    kind: 'continue',
    id: other,
  });
});

test('an old master knows neither options nor PSYNC', () => {
  const { sent } = play({}, [
    '+PONG',
    "-ERR unknown command 'REPLCONF'",
    '-ERR',
    '-ERR',
    "-ERR unknown command 'PSYNC'",
  ]);
  assert.equal(sent.at(-1), 'SYNC');
});

test('a master that cannot serve is left alone for a while', () => {
  for (const answer of [
    '-NOMASTERLINK down',
    '-LOADING',
    '-NOPERM no',
    '?',
    '+FULLRESYNC',
    '+FULLRESYNC x y',
    '+CONTINUE x',
  ])
    assert.equal(play({}, ['+PONG', '+OK', '+OK', '+OK', answer]).last.kind, 'fail', answer);
  assert.equal(play({ id: '?' }, ['+PONG', '+OK', '+OK', '+OK', '+CONTINUE']).last.kind, 'fail');
  assert.equal(play({}, ['-ERR max number of clients reached']).last.kind, 'fail');
  assert.equal(play({ password: 'x' }, ['+PONG', '-WRONGPASS']).last.kind, 'fail');
});

test('any lines lead to an end or to waiting, and never to an exception', () => {
  const seed = Date.now() | 0;
  const random = new Prng(seed);
  const words = ['+OK', '+PONG', '-ERR', '+FULLRESYNC', '+CONTINUE', ID, '1', '', '-LOADING', '\0\xff', '$5'];
  for (let round = 0; round < 2000; round++) {
    const handshake = new Handshake({ ...usual, password: random.chance(50) ? 'x' : '' });
    handshake.begin();
    for (let index = 0; index < 12; index++) {
      const line = Array.from({ length: random.below(4) }, () => random.pick(words)).join(' ');
      const step = handshake.take(line);
      if (step.kind === 'fail') assert.ok(step.reason.length < 400 && !/[^\x20-\x7e]/.test(step.reason));
      if (step.kind !== 'send' && step.kind !== 'wait') break;
    }
  }
});
