// pubsub-hub: pub/sub through the proxy: one subscriber connection to each server that has a channel, shared by all clients.
//
// A channel lies on the server that a key of its name would lie on, and PUBLISH goes there too, so every message is heard once.
// Patterns are subscribed to on all servers, or on one where servers pass messages on among themselves (a cluster). A client's
// SUBSCRIBE is answered when the server has confirmed it, so that nothing that is published afterwards is missed. When a connection
// is lost, its channels are subscribed to again.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { encodeCommand } from '../../client/encode-command.js';
import { replyText, type Reply } from '../../client/reply.js';
import { ReplyReader } from '../../client/reply-reader.js';
import type { Clock } from '../../io/clock.js';
import { ReplyWriter } from '../../protocol/reply.js';
import type { Call } from '../../registry/call.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { Router } from '../routing/router.js';
import { type BackendConnection, QUIET_END } from '../wire/backend-connection.js';
import type { Session } from './session.js';

export type ChannelKind = 'channel' | 'pattern' | 'shard';

const subscribeWords = { channel: 'SUBSCRIBE', pattern: 'PSUBSCRIBE', shard: 'SSUBSCRIBE' } as const;
const unsubscribeWords = { channel: 'UNSUBSCRIBE', pattern: 'PUNSUBSCRIBE', shard: 'SUNSUBSCRIBE' } as const;
const kindOfWord: Readonly<Record<string, ChannelKind>> = {
  subscribe: 'channel',
  psubscribe: 'pattern',
  ssubscribe: 'shard',
  unsubscribe: 'channel',
  punsubscribe: 'pattern',
  sunsubscribe: 'shard',
};
const RECONNECT_MS = 200;

/** One channel, pattern or shard channel that somebody listens to. */
class Topic {
  readonly listeners = new Set<Session>();
  /** Servers that have not confirmed yet. */
  readonly unconfirmed = new Set<Upstream>();
  /** Called when all servers have confirmed, or with the error of one that refuses. */
  waiting: ((error?: string) => void)[] = [];

  constructor(
    readonly kind: ChannelKind,
    /** A byte string. */
    readonly name: string,
    readonly upstreams: readonly Upstream[],
  ) {}
}

/** The subscriber connection to one server. */
class Upstream {
  private connection: BackendConnection | undefined;
  readonly topics = new Set<Topic>();
  private isClosed = false;

  constructor(
    readonly backend: Backend,
    private readonly clock: Clock,
    private readonly received: (upstream: Upstream, bytes: Uint8Array, from: number, to: number) => void,
    /** Its topics must be subscribed to anew, here or where they belong now. */
    private readonly wasLost: (upstream: Upstream) => void,
    private readonly refused: (upstream: Upstream, error: string) => void,
  ) {}

  send(word: string, name: string): void {
    this.open();
    const bytes = new Uint8Array(encodeCommand([word, latin1Bytes(name)]));
    this.connection!.output.append(bytes, 0, bytes.length);
  }

  private open(): void {
    if (this.connection !== undefined && !this.connection.isClosed) return;
    this.connection = this.backend.subscriber(
      (bytes, from, to) => this.received(this, bytes, from, to),
      (reason) => this.lost(reason),
    );
  }

  /** The server says what no server says: the connection is of no more use. */
  reject(): void {
    this.connection?.fail('EBADMSG');
  }

  private lost(reason: string): void {
    this.connection = undefined;
    // The server's own words against AUTH; with a code of the system it may be back soon.
    if (reason.includes(' ') && reason !== QUIET_END) this.refused(this, reason);
    if (this.isClosed || this.topics.size === 0) return;
    this.clock.after(RECONNECT_MS, () => {
      if (!this.isClosed) this.wasLost(this);
    });
  }

  close(): void {
    this.isClosed = true;
    this.connection?.closeQuietly();
  }
}

interface Subscriptions {
  readonly channel: Set<string>;
  readonly pattern: Set<string>;
  readonly shard: Set<string>;
}

export class PubSubHub {
  private readonly topics = {
    channel: new Map<string, Topic>(),
    pattern: new Map<string, Topic>(),
    shard: new Map<string, Topic>(),
  };
  private readonly upstreams = new Map<Backend, Upstream>();
  private readonly subscriptions = new Map<Session, Subscriptions>();
  private readonly writer = new ReplyWriter();

  constructor(
    private router: Router,
    private readonly clock: Clock,
  ) {}

  /** Other servers after a reload: everything is subscribed to anew. */
  useRouter(router: Router): void {
    if (router === this.router) return;
    this.router = router;
    for (const upstream of this.upstreams.values()) upstream.close();
    this.upstreams.clear();
    for (const topics of Object.values(this.topics)) {
      for (const old of [...topics.values()]) {
        const topic = this.openTopic(old.kind, old.name);
        for (const listener of old.listeners) topic.listeners.add(listener);
        topic.waiting = old.waiting;
      }
    }
  }

  private upstreamsOf(kind: ChannelKind, name: string): Upstream[] {
    const { router } = this;
    let backends: Backend[] = [];
    if (kind === 'pattern') {
      backends = router.publishesEverywhere ? router.backends.slice(0, 1) : [...router.backends];
    } else {
      const bytes = latin1Bytes(name);
      const backend = router.pick(bytes, 0, bytes.length, true);
      if (backend !== undefined) backends = [backend];
    }
    return backends.map((backend) => {
      let upstream = this.upstreams.get(backend);
      if (upstream === undefined) {
        upstream = new Upstream(
          backend,
          this.clock,
          (from, bytes, start, end) => this.received(from, bytes, start, end),
          (lost) => this.reopen(lost),
          (of, error) => this.refused(of, error),
        );
        this.upstreams.set(backend, upstream);
      }
      return upstream;
    });
  }

  private openTopic(kind: ChannelKind, name: string): Topic {
    const topic = new Topic(kind, name, this.upstreamsOf(kind, name));
    this.topics[kind].set(name, topic);
    for (const upstream of topic.upstreams) {
      topic.unconfirmed.add(upstream);
      upstream.topics.add(topic);
      upstream.send(subscribeWords[kind], name);
    }
    return topic;
  }

  private reopen(upstream: Upstream): void {
    this.upstreams.delete(upstream.backend);
    upstream.close();
    for (const old of upstream.topics) {
      if (this.topics[old.kind].get(old.name) !== old) continue;
      for (const other of old.upstreams) other.topics.delete(old);
      const topic = this.openTopic(old.kind, old.name);
      for (const listener of old.listeners) topic.listeners.add(listener);
      topic.waiting = old.waiting;
    }
  }

  /** A server serves no more: its channels are subscribed to where they are now. */
  serverGone(backend: Backend): void {
    const upstream = this.upstreams.get(backend);
    if (upstream !== undefined && !this.router.backends.includes(backend)) this.reopen(upstream);
  }

  private closeTopic(topic: Topic): void {
    this.topics[topic.kind].delete(topic.name);
    for (const upstream of topic.upstreams) {
      upstream.topics.delete(topic);
      upstream.send(unsubscribeWords[topic.kind], topic.name);
    }
  }

  private received(upstream: Upstream, bytes: Uint8Array, from: number, to: number): void {
    const reader = new ReplyReader();
    reader.feed(Buffer.from(bytes.slice(from, to)));
    let reply: Reply | undefined;
    try {
      reply = reader.next();
    } catch {
      upstream.reject();
      return;
    }
    if (reply?.kind === 'error') this.refused(upstream, replyText(reply));
    if (reply === undefined || (reply.kind !== 'array' && reply.kind !== 'push')) return;
    const words = reply.elements.map((item) => ('bytes' in item ? latin1(item.bytes) : ''));
    const [word, first, second] = words;
    switch (word) {
      case 'message':
        this.tell(this.topics.channel.get(first ?? ''), bytes, from, to);
        return;
      case 'smessage':
        this.tell(this.topics.shard.get(first ?? ''), bytes, from, to);
        return;
      case 'pmessage':
        this.tell(this.topics.pattern.get(first ?? ''), bytes, from, to);
        return;
      case 'subscribe':
      case 'psubscribe':
      case 'ssubscribe':
        this.confirmed(this.topics[kindOfWord[word]!].get(first ?? ''), upstream);
        return;
      default:
        void second;
    }
  }

  private tell(topic: Topic | undefined, bytes: Uint8Array, from: number, to: number): void {
    if (topic === undefined) return;
    let push: Uint8Array | undefined;
    for (const listener of topic.listeners) {
      if (listener.protocol === 2) {
        listener.push(bytes, from, to - from);
        continue;
      }
      if (push === undefined) {
        push = bytes.slice(from, to);
        push[0] = 62;
      }
      listener.push(push, 0, push.length);
    }
  }

  private confirmed(topic: Topic | undefined, upstream: Upstream): void {
    if (topic === undefined) return;
    topic.unconfirmed.delete(upstream);
    if (topic.unconfirmed.size > 0) return;
    const { waiting } = topic;
    topic.waiting = [];
    for (const proceed of waiting) proceed();
  }

  /** A server does not let the proxy subscribe: clients that wait for it get its error. */
  private refused(upstream: Upstream, error: string): void {
    for (const topic of [...upstream.topics]) {
      if (!topic.unconfirmed.has(upstream)) continue;
      const { waiting } = topic;
      topic.waiting = [];
      for (const proceed of waiting) proceed(error);
    }
  }

  private of(session: Session): Subscriptions {
    let subscriptions = this.subscriptions.get(session);
    if (subscriptions === undefined) {
      subscriptions = { channel: new Set(), pattern: new Set(), shard: new Set() };
      this.subscriptions.set(session, subscriptions);
    }
    return subscriptions;
  }

  private confirmation(session: Session, word: string, name: string | undefined, count: number): void {
    const { writer } = this;
    writer.protocol = session.protocol;
    writer.push(3);
    writer.bulkText(word);
    if (name === undefined) writer.nil();
    else writer.bulkLatin1(name);
    writer.integer(count);
  }

  /** SUBSCRIBE and its kin. */
  subscribe(session: Session, plan: Plan, call: Call): void {
    const { name: word } = plan.command;
    const kind = kindOfWord[word]!;
    const own = this.of(session);
    let waitingCount = 1;
    const sequence = session.order.take();
    const late: { text?: Uint8Array } = {};
    let error: string | undefined;
    const added: string[] = [];
    const proceed = (refusal?: string): void => {
      error ??= refusal;
      if (--waitingCount > 0 || late.text === undefined) return;
      if (error === undefined) {
        session.takeReply(sequence, late.text, 0, late.text.length);
        return;
      }
      for (const name of added) this.leave(session, own, kind, name);
      session.subscriptionCount = own.channel.size + own.pattern.size + own.shard.size;
      session.takeFailure(sequence, error);
    };
    for (let index = 1; index < call.count; index++) {
      const name = call.text(index);
      if (!own[kind].has(name)) {
        own[kind].add(name);
        added.push(name);
        const topic = this.topics[kind].get(name) ?? this.openTopic(kind, name);
        topic.listeners.add(session);
        if (topic.unconfirmed.size > 0) {
          waitingCount++;
          topic.waiting.push(proceed);
        }
      }
      this.confirmation(session, word, name, kind === 'shard' ? own.shard.size : own.channel.size + own.pattern.size);
    }
    session.subscriptionCount = own.channel.size + own.pattern.size + own.shard.size;
    late.text = this.writer.takeBytes();
    proceed();
  }

  unsubscribe(session: Session, plan: Plan, call: Call): void {
    const { name: word } = plan.command;
    const kind = kindOfWord[word]!;
    const own = this.of(session);
    const names: (string | undefined)[] = [];
    for (let index = 1; index < call.count; index++) names.push(call.text(index));
    if (call.count === 1) names.push(...own[kind]);
    if (names.length === 0) names.push(undefined);
    for (const name of names) {
      if (name !== undefined) this.leave(session, own, kind, name);
      this.confirmation(session, word, name, kind === 'shard' ? own.shard.size : own.channel.size + own.pattern.size);
    }
    session.subscriptionCount = own.channel.size + own.pattern.size + own.shard.size;
    session.answer(this.writer.takeBytes());
  }

  private leave(session: Session, own: Subscriptions, kind: ChannelKind, name: string): void {
    if (!own[kind].delete(name)) return;
    const topic = this.topics[kind].get(name);
    if (topic === undefined) return;
    topic.listeners.delete(session);
    if (topic.listeners.size === 0) this.closeTopic(topic);
  }

  /** The client is gone, or RESET. */
  forget(session: Session): void {
    const own = this.subscriptions.get(session);
    if (own === undefined) return;
    for (const kind of ['channel', 'pattern', 'shard'] as const)
      for (const name of [...own[kind]]) this.leave(session, own, kind, name);
    this.subscriptions.delete(session);
    session.subscriptionCount = 0;
  }

  /** PUBSUB, about the clients of this proxy. */
  names(kind: ChannelKind): string[] {
    return [...this.topics[kind].keys()];
  }

  listenerCount(kind: ChannelKind, name: string): number {
    return this.topics[kind].get(name)?.listeners.size ?? 0;
  }

  close(): void {
    for (const upstream of this.upstreams.values()) upstream.close();
  }
}
