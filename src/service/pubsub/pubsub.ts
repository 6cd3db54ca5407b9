// pubsub: the subscriptions of all clients, and the delivery of messages.
//
// A message is encoded once for each protocol and the same bytes go to every subscriber. Channels and patterns are byte
// strings (one character a byte), which makes them map keys. Shard channels are a world of their own, with the same rules.
//
// Not here: the commands (service/commands/pubsub), a push that a connection cannot send (connection).
import { digitCount, latin1, latin1Bytes, writeInteger } from '../../base/bytes.js';
import { channelAllowed, type ChannelPattern } from '../acl/selector.js';
import { PatternIndex } from './pattern-index.js';

/** One who can subscribe. */
export interface Subscriber {
  readonly protocol: 2 | 3;
  /** Sends a complete message; the bytes are shared and must not be changed. */
  push(bytes: Uint8Array): void;
}

interface Topic {
  readonly name: Uint8Array;
  readonly subscribers: Set<Subscriber>;
}

/** The subscriptions of one client, in the order in which it made them. */
interface Subscriptions {
  readonly channels: Map<string, Topic>;
  readonly patterns: Map<string, Topic>;
  readonly shardChannels: Map<string, Topic>;
}

export type TopicKind = 'channels' | 'patterns' | 'shardChannels';

const messageWord = latin1Bytes('message');
const patternMessageWord = latin1Bytes('pmessage');
const shardMessageWord = latin1Bytes('smessage');

export class PubSub {
  private readonly topics = new Map<string, Topic>();
  private readonly shardTopics = new Map<string, Topic>();
  private readonly patterns = new PatternIndex<Topic>();
  private readonly bySubscriber = new Map<Subscriber, Subscriptions>();

  /** Asked before a client gets a subscription; false: it gets none. */
  admits: (subscriber: Subscriber, nameBytes: number) => boolean = () => true;
  /** Takes messages of this server's clients to other servers, where there are any. */
  relay: ((sharded: boolean, channel: Uint8Array, payload: Uint8Array) => void) | undefined;
  /** Told of every subscription that ends. */
  released: (subscriber: Subscriber, nameBytes: number) => void = () => undefined;

  /** Count of different patterns. */
  get patternCount(): number {
    return this.patterns.size;
  }

  get channelCount(): number {
    return this.topics.size;
  }

  get shardChannelCount(): number {
    return this.shardTopics.size;
  }

  /** Count of clients with any subscription. */
  get subscriberCount(): number {
    return this.bySubscriber.size;
  }

  /** Channels and patterns together, or shard channels: what replies to subscribing show. */
  count(subscriber: Subscriber, kind: TopicKind): number {
    const own = this.bySubscriber.get(subscriber);
    if (own === undefined) return 0;
    return kind === 'shardChannels' ? own.shardChannels.size : own.channels.size + own.patterns.size;
  }

  /** Of one kind alone, for CLIENT LIST. */
  countOf(subscriber: Subscriber, kind: TopicKind): number {
    return this.bySubscriber.get(subscriber)?.[kind].size ?? 0;
  }

  isSubscribed(subscriber: Subscriber): boolean {
    return this.bySubscriber.has(subscriber);
  }

  subscribe(subscriber: Subscriber, kind: TopicKind, name: Uint8Array): void {
    const text = latin1(name);
    let own = this.bySubscriber.get(subscriber);
    if (own?.[kind].has(text) === true || !this.admits(subscriber, name.length)) return;
    if (own === undefined) {
      own = { channels: new Map(), patterns: new Map(), shardChannels: new Map() };
      this.bySubscriber.set(subscriber, own);
    }
    const topic = this.topicOf(kind, text, name);
    topic.subscribers.add(subscriber);
    own[kind].set(text, topic);
  }

  private topicOf(kind: TopicKind, text: string, name: Uint8Array): Topic {
    const known = kind === 'patterns' ? this.patterns.get(text) : this.table(kind).get(text);
    if (known !== undefined) return known;
    const topic = { name, subscribers: new Set<Subscriber>() };
    if (kind === 'patterns') this.patterns.add(text, name, topic);
    else this.table(kind).set(text, topic);
    return topic;
  }

  private table(kind: 'channels' | 'shardChannels'): Map<string, Topic> {
    return kind === 'channels' ? this.topics : this.shardTopics;
  }

  unsubscribe(subscriber: Subscriber, kind: TopicKind, name: Uint8Array): void {
    this.leave(subscriber, kind, latin1(name));
  }

  private leave(subscriber: Subscriber, kind: TopicKind, text: string): void {
    const own = this.bySubscriber.get(subscriber);
    const topic = own?.[kind].get(text);
    if (own === undefined || topic === undefined) return;
    own[kind].delete(text);
    this.released(subscriber, topic.name.length);
    topic.subscribers.delete(subscriber);
    if (topic.subscribers.size === 0) {
      if (kind === 'patterns') this.patterns.remove(text);
      else this.table(kind).delete(text);
    }
    if (own.channels.size + own.patterns.size + own.shardChannels.size === 0) this.bySubscriber.delete(subscriber);
  }

  /** Names of what a client is subscribed to. */
  names(subscriber: Subscriber, kind: TopicKind): Uint8Array[] {
    return [...(this.bySubscriber.get(subscriber)?.[kind].values() ?? [])].map((topic) => topic.name);
  }

  /** The client is gone or starts anew. */
  forget(subscriber: Subscriber): void {
    const own = this.bySubscriber.get(subscriber);
    if (own === undefined) return;
    for (const kind of ['channels', 'patterns', 'shardChannels'] as const) {
      for (const text of [...own[kind].keys()]) this.leave(subscriber, kind, text);
    }
  }

  /** Delivers a message; returns how many times it was delivered. The arguments are only read during the call. */
  publish(channel: Uint8Array, payload: Uint8Array): number {
    const text = latin1(channel);
    let count = 0;
    const topic = this.topics.get(text);
    if (topic !== undefined) count += deliver(topic, [messageWord, channel, payload]);
    this.patterns.match(text, channel, (matching, pattern) => {
      count += deliver(matching, [patternMessageWord, pattern, channel, payload]);
    });
    return count;
  }

  publishShard(channel: Uint8Array, payload: Uint8Array): number {
    const topic = this.shardTopics.get(latin1(channel));
    return topic === undefined ? 0 : deliver(topic, [shardMessageWord, channel, payload]);
  }

  /** Names of the channels that have subscribers. */
  activeNames(kind: 'channels' | 'shardChannels'): Uint8Array[] {
    return [...this.table(kind).values()].map((topic) => topic.name);
  }

  subscriberCountOf(kind: 'channels' | 'shardChannels', name: Uint8Array): number {
    return this.table(kind).get(latin1(name))?.subscribers.size ?? 0;
  }

  /** The shard channels for which `isGone` holds lose their subscribers; calls `told` for each. */
  dropShardChannels(
    isGone: (name: Uint8Array) => boolean,
    told: (subscriber: Subscriber, name: Uint8Array) => void,
  ): void {
    for (const [text, topic] of [...this.shardTopics]) {
      if (!isGone(topic.name)) continue;
      for (const subscriber of [...topic.subscribers]) {
        this.leave(subscriber, 'shardChannels', text);
        told(subscriber, topic.name);
      }
    }
  }

  /** Whether a client is subscribed to something that none of the patterns allows. */
  exceeds(subscriber: Subscriber, allowed: readonly ChannelPattern[]): boolean {
    const own = this.bySubscriber.get(subscriber);
    if (own === undefined) return false;
    const refused = ({ name }: Topic, isPattern: boolean): boolean =>
      !channelAllowed(allowed, name, 0, name.length, isPattern);
    for (const topic of own.patterns.values()) if (refused(topic, true)) return true;
    for (const topic of own.channels.values()) if (refused(topic, false)) return true;
    for (const topic of own.shardChannels.values()) if (refused(topic, false)) return true;
    return false;
  }
}

function deliver(topic: Topic, parts: readonly Uint8Array[]): number {
  let forRespTwo: Uint8Array | undefined;
  let forRespThree: Uint8Array | undefined;
  for (const subscriber of topic.subscribers) {
    if (subscriber.protocol === 3) subscriber.push((forRespThree ??= encodeMessage(62, parts)));
    else subscriber.push((forRespTwo ??= encodeMessage(42, parts)));
  }
  return topic.subscribers.size;
}

/** An array (42) or push (62) of bulk strings. */
function encodeMessage(type: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = 4;
  for (const part of parts) length += 5 + digitCount(part.length) + part.length;
  const bytes = new Uint8Array(length);
  let at = writeHeader(bytes, 0, type, parts.length);
  for (const part of parts) {
    at = writeHeader(bytes, at, 36, part.length);
    bytes.set(part, at);
    at += part.length;
    bytes[at++] = 13;
    bytes[at++] = 10;
  }
  return bytes;
}

function writeHeader(bytes: Uint8Array, at: number, type: number, value: number): number {
  bytes[at] = type;
  let end = writeInteger(bytes, at + 1, value);
  bytes[end++] = 13;
  bytes[end++] = 10;
  return end;
}
