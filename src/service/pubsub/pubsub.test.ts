// pubsub: subscriptions against a plain model, the bytes of messages, and many patterns.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { latin1, latin1Bytes } from '../../base/bytes.js';
import { globMatches } from '../../base/glob.js';
import { Prng } from '../../base/prng.js';
import { PubSub, type Subscriber } from './pubsub.js';

const seed = Number(process.env.SEED ?? 77);

class Listener implements Subscriber {
  readonly got: string[] = [];
  constructor(readonly protocol: 2 | 3 = 2) {}
  push(bytes: Uint8Array): void {
    this.got.push(latin1(bytes));
  }
}

describe('pubsub', () => {
  it('delivers the bytes of each protocol', () => {
    const pubsub = new PubSub();
    const two = new Listener(2);
    const three = new Listener(3);
    pubsub.subscribe(two, 'channels', latin1Bytes('a\xff'));
    pubsub.subscribe(three, 'channels', latin1Bytes('a\xff'));
    pubsub.subscribe(three, 'patterns', latin1Bytes('a*'));
    pubsub.subscribe(two, 'shardChannels', latin1Bytes('a\xff'));
    assert.equal(pubsub.publish(latin1Bytes('a\xff'), latin1Bytes('hello')), 3);
    assert.equal(pubsub.publishShard(latin1Bytes('a\xff'), new Uint8Array(0)), 1);
    assert.deepEqual(two.got, [
      '*3\r\n$7\r\nmessage\r\n$2\r\na\xff\r\n$5\r\nhello\r\n',
      '*3\r\n$8\r\nsmessage\r\n$2\r\na\xff\r\n$0\r\n\r\n',
    ]);
    assert.deepEqual(three.got, [
      '>3\r\n$7\r\nmessage\r\n$2\r\na\xff\r\n$5\r\nhello\r\n',
      '>4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$2\r\na\xff\r\n$5\r\nhello\r\n',
    ]);
  });

  it(`keeps the same books as a plain model (seed ${seed})`, () => {
    const prng = new Prng(seed);
    const pubsub = new PubSub();
    const listeners = Array.from({ length: 6 }, () => new Listener());
    const model = listeners.map(() => ({
      channels: new Set<string>(),
      patterns: new Set<string>(),
      shardChannels: new Set<string>(),
    }));
    const word = (alphabet: string): string =>
      Array.from({ length: 1 + prng.below(4) }, () => alphabet[prng.below(alphabet.length)]!).join('');
    for (let round = 0; round < 5000; round++) {
      const who = prng.below(listeners.length);
      const kind = prng.pick(['channels', 'patterns', 'shardChannels'] as const);
      const name = word(kind === 'patterns' ? 'ab*?' : 'ab');
      const action = prng.below(10);
      if (action < 4) {
        pubsub.subscribe(listeners[who]!, kind, latin1Bytes(name));
        model[who]![kind].add(name);
      } else if (action < 7) {
        pubsub.unsubscribe(listeners[who]!, kind, latin1Bytes(name));
        model[who]![kind].delete(name);
      } else if (action === 7 && prng.chance(10)) {
        pubsub.forget(listeners[who]!);
        for (const set of Object.values(model[who]!)) set.clear();
      } else {
        const channel = word('ab');
        let expected = 0;
        for (const own of model) {
          if (own.channels.has(channel)) expected++;
          for (const pattern of own.patterns) if (globMatches(latin1Bytes(pattern), latin1Bytes(channel))) expected++;
        }
        assert.equal(pubsub.publish(latin1Bytes(channel), latin1Bytes('x')), expected);
        assert.equal(
          pubsub.publishShard(latin1Bytes(channel), latin1Bytes('x')),
          model.filter((own) => own.shardChannels.has(channel)).length,
        );
      }
      assert.equal(pubsub.count(listeners[who]!, 'channels'), model[who]!.channels.size + model[who]!.patterns.size);
      assert.equal(pubsub.patternCount, new Set(model.flatMap((own) => [...own.patterns])).size);
      assert.equal(pubsub.channelCount, new Set(model.flatMap((own) => [...own.channels])).size);
      assert.equal(
        pubsub.subscriberCount,
        model.filter((own) => own.channels.size + own.patterns.size + own.shardChannels.size > 0).length,
      );
    }
  });

  it('matches few of a hundred thousand patterns', () => {
    const pubsub = new PubSub();
    const listener = new Listener();
    for (let index = 0; index < 100_000; index++)
      pubsub.subscribe(listener, 'patterns', latin1Bytes(`user:${index}:*`));
    for (let index = 0; index < 1000; index++)
      assert.equal(pubsub.publish(latin1Bytes(`user:${index * 7}:news`), latin1Bytes('x')), 1);
    pubsub.forget(listener);
    assert.equal(pubsub.patternCount, 0);
  });

  it('tells who is subscribed to more than a user may be', () => {
    const pubsub = new PubSub();
    const listener = new Listener();
    const allowed = [{ text: 'news.*', bytes: latin1Bytes('news.*') }];
    pubsub.subscribe(listener, 'channels', latin1Bytes('news.a'));
    pubsub.subscribe(listener, 'patterns', latin1Bytes('news.*'));
    assert.ok(!pubsub.exceeds(listener, allowed));
    pubsub.subscribe(listener, 'patterns', latin1Bytes('news.a*'));
    assert.ok(pubsub.exceeds(listener, allowed));
  });
});
