// Links to peers that may send anything: replies in pieces, garbage, more than anybody wants, and what nobody asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { replyText } from '../client/reply.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { Link } from './instance.js';
import { Links } from './links.js';
import type { Channel } from './port.js';
import { HELLO_CHANNEL } from './requests.js';

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
const message = (channel: string, text: string): string => `*3\r\n$7\r\nmessage\r\n${bulk(channel)}${bulk(text)}`;

function stage(channel: Channel) {
  const link = new Link(0);
  const lost: string[] = [];
  const heard: (string | undefined)[] = [];
  const replies: string[] = [];
  let events!: ConnectEvents;
  let isDestroyed = false;
  const wire = {
    local: '10.0.0.9:40000',
    remote: '10.0.0.1:6379',
    unsentBytes: 0,
    write: () => true,
    end: () => (isDestroyed = true),
    destroy: () => (isDestroyed = true),
  } as unknown as Wire;
  const links = new Links(
    (_host, _port, given) => {
      events = given;
      return wire;
    },
    { lost: (_link, _channel, reason) => lost.push(reason), heard: (_link, text) => heard.push(text) },
  );
  links.open(link, channel, { host: '10.0.0.1', ip: '10.0.0.1', port: 6379 });
  events.onOpen();
  return {
    lost,
    heard,
    replies,
    ask: () => links.send(link, channel, ['X'], (reply) => replies.push(replyText(reply))),
    say: (text: string) => events.onData(bytesOf(text), text.length),
    isDestroyed: () => isDestroyed,
  };
}

test('replies come in order, however they are cut', () => {
  const { ask, say, replies, lost } = stage('commands');
  for (let index = 0; index < 3; index++) ask();
  for (const letter of `+one\r\n${bulk('t\r\nwo')}-ERR three\r\n`) say(letter);
  assert.deepEqual(replies, ['one', 't\r\nwo', 'ERR three']);
  assert.deepEqual(lost, []);
});

test('what is no RESP, too long, or asked for by nobody ends the connection with its reason', () => {
  for (const [text, reason] of [
    ['HTTP/1.1 400 Bad Request\r\n', /got "H" as reply type byte/],
    [`$99999999999999999999\r\n`, /length/],
    [':12x\r\n', /integer|number/i],
    [`$99999999\r\n${'x'.repeat(9 << 20)}`, /a reply of more than 8388608 bytes/],
    ['*1\r\n'.repeat(600), /nest|deep|depth/i],
    ['+one\r\n+two\r\n', /nobody asked for/],
  ] as const) {
    const { ask, say, lost, isDestroyed } = stage('commands');
    ask();
    say(text);
    assert.equal(lost.length, 1, text.slice(0, 30));
    assert.match(lost[0]!, reason);
    assert.ok(isDestroyed());
    say('+more\r\n');
    assert.equal(lost.length, 1);
  }
});

test('of pub/sub only messages of the hello channel are read, and everything is a sign of life', () => {
  const { ask, say, heard, replies } = stage('pubsub');
  ask();
  say(`*3\r\n$9\r\nsubscribe\r\n${bulk(HELLO_CHANNEL)}:1\r\n`);
  say(message('other', 'x') + message(HELLO_CHANNEL, 'hello') + '*0\r\n+PONG\r\n*1\r\n*1\r\n:1\r\n');
  assert.equal(replies.length, 1);
  assert.deepEqual(
    heard.filter((text) => text !== undefined),
    ['hello'],
  );
  assert.ok(heard.length >= 5);
});

test('any bytes may come', () => {
  const seed = Number(process.env.SEED ?? 15);
  const random = new Prng(seed);
  const parts = [
    '+',
    '-',
    ':',
    '$',
    '*',
    '%',
    '>',
    '_',
    '\r\n',
    '0',
    '1',
    '3',
    '-1',
    'message',
    HELLO_CHANNEL,
    '\0',
    '\xff',
    'PONG',
    '9999999',
  ];
  for (let round = 0; round < 3000; round++) {
    const { ask, say, lost } = stage(random.chance(50) ? 'commands' : 'pubsub');
    for (let count = random.below(4); count > 0; count--) ask();
    for (let count = random.below(30); count > 0; count--) say(random.pick(parts).repeat(1 + random.below(3)));
    assert.ok(lost.length <= 1, `seed ${seed}, round ${round}`);
  }
});
