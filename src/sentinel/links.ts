// links: the connections of a sentinel: commands out, replies in, in order, and hello messages from pub/sub.
//
// A peer may be anything that listens at an address that somebody named. Bytes that are no RESP, or more than a
// sentinel ever asks for, close the connection.

import { systemErrorText } from '../base/system-error.js';
import { encodeCommand } from '../client/encode-command.js';
import { isAggregate, type Reply, replyText } from '../client/reply.js';
import { ReplyReader } from '../client/reply-reader.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import type { Address } from './address.js';
import type { Link } from './instance.js';
import type { Channel } from './port.js';
import { HELLO_CHANNEL } from './requests.js';

/** Opens a connection, with TLS where that is configured. */
export type Dial = (host: string, port: number, events: ConnectEvents) => Wire;

export interface LinkListener {
  lost(link: Link, channel: Channel, reason: string): void;
  /** Something came by pub/sub; `text` when it is a message of the hello channel. */
  heard(link: Link, text: string | undefined): void;
}

/** INFO of a server with ten thousand replicas and as many databases has less. */
const REPLY_BYTES_MAX = 8 << 20;
const PUBSUB_BYTES_MAX = 64 << 10;

class Talk implements ConnectEvents {
  private wire: Wire | undefined;
  private readonly reader = new ReplyReader();
  private waiting: ((reply: Reply) => void)[] = [];
  /** Bytes since the last whole reply. */
  private incompleteBytes = 0;
  private isOver = false;

  constructor(
    private readonly link: Link,
    private readonly channel: Channel,
    private readonly listener: LinkListener,
    private readonly forget: () => void,
  ) {}

  connect(dial: Dial, host: string, port: number): void {
    this.wire = dial(host, port, this);
  }

  get localHost(): string {
    const local = this.wire?.local ?? '';
    return local.slice(0, Math.max(0, local.lastIndexOf(':'))).replace(/^\[(.*)\]$/, '$1');
  }

  send(args: readonly string[], answered: (reply: Reply) => void): void {
    if (this.isOver || this.wire === undefined) return;
    this.waiting.push(answered);
    this.wire.write(encodeCommand(args.map((arg) => Buffer.from(arg, 'latin1'))));
  }

  /** The machine has no more use for the connection; orders that were given still go out. */
  close(): void {
    this.isOver = true;
    this.waiting = [];
    if (this.wire === undefined) return;
    if (this.wire.unsentBytes > 0 && this.wire.local !== '') this.wire.end();
    else this.wire.destroy();
  }

  onOpen(): void {}

  onDrain(): void {}

  onData(bytes: Uint8Array, count: number): void {
    if (this.isOver) return;
    this.incompleteBytes += count;
    this.reader.feed(Buffer.from(bytes.subarray(0, count)));
    try {
      for (;;) {
        const reply = this.reader.next();
        if (reply === undefined) break;
        this.incompleteBytes = 0;
        this.take(reply);
        if (this.isOver) return;
      }
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      return;
    }
    const limit = this.channel === 'commands' ? REPLY_BYTES_MAX : PUBSUB_BYTES_MAX;
    if (this.incompleteBytes > limit) this.fail(`a reply of more than ${limit} bytes`);
  }

  private take(reply: Reply): void {
    if (this.channel === 'commands') {
      if (reply.kind === 'push') return;
      const answered = this.waiting.shift();
      if (answered === undefined) this.fail('a reply that nobody asked for');
      else answered(reply);
      return;
    }
    const [kind, channel, text] = isAggregate(reply) ? reply.elements : [];
    const isMessage = replyText(kind) === 'message';
    if (!isMessage) this.waiting.shift()?.(reply);
    if (this.isOver) return;
    const isHello = isMessage && replyText(channel) === HELLO_CHANNEL;
    this.listener.heard(this.link, isHello ? replyText(text) : undefined);
  }

  onEnd(): void {
    this.fail('the peer closed the connection');
  }

  onClose(error: Error | undefined): void {
    this.fail(error === undefined ? 'the connection ended' : systemErrorText(error));
  }

  private fail(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.waiting = [];
    this.forget();
    this.wire?.destroy();
    this.listener.lost(this.link, this.channel, reason);
  }
}

export class Links {
  private readonly talks = { commands: new Map<Link, Talk>(), pubsub: new Map<Link, Talk>() };

  constructor(
    private readonly dial: Dial,
    private readonly listener: LinkListener,
  ) {}

  open(link: Link, channel: Channel, address: Address): void {
    const talks = this.talks[channel];
    talks.get(link)?.close();
    const talk = new Talk(link, channel, this.listener, () => {
      if (talks.get(link) === talk) talks.delete(link);
    });
    talks.set(link, talk);
    talk.connect(this.dial, address.ip === '' ? address.host : address.ip, address.port);
  }

  close(link: Link, channel: Channel): void {
    this.talks[channel].get(link)?.close();
    this.talks[channel].delete(link);
  }

  send(link: Link, channel: Channel, args: readonly string[], answered: (reply: Reply) => void): void {
    this.talks[channel].get(link)?.send(args, answered);
  }

  localHost(link: Link): string {
    return this.talks.commands.get(link)?.localHost ?? '';
  }

  closeAll(): void {
    for (const talks of Object.values(this.talks)) {
      for (const talk of talks.values()) talk.close();
      talks.clear();
    }
  }
}
