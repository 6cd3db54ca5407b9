// key-events: the names of keys that change, as a server's keyspace events tell them (`notify-keyspace-events`).
//
// An event is a message that a server sends once: when the connection is lost, events are, and whoever uses them has to look at
// all keys again.

import { isAggregate, isError, type Reply, replyText } from '../../client/reply.js';
import { latin1 } from '../../base/bytes.js';
import type { ServerAddress } from '../link/address.js';
import { Pipeline } from '../link/pipeline.js';
import { bytesOf, listOf } from '../link/replies.js';
import { TransferError } from '../record/record.js';
import type { DatabaseKey } from './fences.js';

const CLASSES = [...'g$lshzxet'];

/** The flags that the setting lacks to report every change. */
export function missingFlags(current: string): string {
  let missing = current.includes('K') ? '' : 'K';
  if (!current.includes('A') && !CLASSES.every((flag) => current.includes(flag))) missing += 'A';
  return missing;
}

/** The key in the channel of an event: __keyspace@<database>__:<key>. */
export function keyOfChannel(channel: Uint8Array): DatabaseKey | undefined {
  const match = /^__keyspace@(\d+)__:/.exec(latin1(channel, 0, Math.min(channel.length, 40)));
  return match === null ? undefined : { database: Number(match[1]), key: channel.subarray(match[0].length) };
}

export interface KeyEventsOptions {
  /** The setting cannot be read there, and the user says that it is right. */
  readonly isAssumed: boolean;
  readonly onKey: (key: DatabaseKey) => void;
  readonly say: (message: string) => void;
}

export class KeyEvents {
  /** The setting before it was changed. */
  former: string | undefined;

  private constructor(
    private readonly messages: Pipeline,
    private readonly control: Pipeline,
  ) {}

  static async open(address: ServerAddress, options: KeyEventsOptions): Promise<KeyEvents> {
    const events = new KeyEvents(await Pipeline.open(address), await Pipeline.open(address));
    try {
      await events.enable(options);
      await events.subscribe(options);
    } catch (error) {
      events.drop();
      throw error;
    }
    return events;
  }

  get isLost(): boolean {
    return this.messages.lost !== undefined || this.control.lost !== undefined;
  }

  private async enable({ isAssumed, say }: KeyEventsOptions): Promise<void> {
    const { control } = this;
    const reply = await control.call('CONFIG', 'GET', 'notify-keyspace-events');
    if (isError(reply) && control.lost === undefined) {
      if (isAssumed) return;
      throw new TransferError(
        `${control.name} does not tell whether it sends keyspace events (${replyText(reply)}): set notify-keyspace-events to KA in its settings and add --assume-events, or copy with --once`,
      );
    }
    const current = latin1(listOf(reply)[1] ?? new Uint8Array(0));
    const missing = missingFlags(current);
    if (missing === '') return;
    const set = await control.call('CONFIG', 'SET', 'notify-keyspace-events', current + missing);
    if (isError(set) && control.lost === undefined)
      throw new TransferError(
        `${control.name} has notify-keyspace-events '${current}' and does not let it be set (${replyText(set)}): set it to '${current}${missing}', or copy with --once`,
      );
    this.former = current;
    say(`${control.name}: notify-keyspace-events set from '${current}' to '${current}${missing}'`);
  }

  private async subscribe({ onKey }: KeyEventsOptions): Promise<void> {
    const { messages } = this;
    messages.takesMessages = true;
    messages.onPush = (reply: Reply) => {
      const channel = isAggregate(reply) ? bytesOf(reply.elements[2]) : undefined;
      const key = channel === undefined ? undefined : keyOfChannel(channel);
      if (key !== undefined) onKey({ database: key.database, key: Uint8Array.from(key.key) });
    };
    const reply = await messages.call('PSUBSCRIBE', '__keyspace@*__:*');
    if (isError(reply))
      throw new TransferError(`${messages.name} does not let keyspace events be received: ${replyText(reply)}`);
  }

  /** FLUSHALL and its like send no events, but their counts of calls show them. Empty where that is refused. */
  async flushes(): Promise<string> {
    const reply = await this.control.call('INFO', 'commandstats');
    if (isError(reply)) return '';
    return [...replyText(reply).matchAll(/^cmdstat_(?:flushall|flushdb|swapdb):calls=\d+/gm)].join(' ');
  }

  /** Ends, with the setting as it was. */
  async close(): Promise<void> {
    if (this.former !== undefined && !this.isLost)
      await this.control.call('CONFIG', 'SET', 'notify-keyspace-events', this.former).catch(() => undefined);
    this.drop();
  }

  drop(): void {
    this.messages.close();
    this.control.close();
  }
}
