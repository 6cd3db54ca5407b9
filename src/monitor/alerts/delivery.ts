// delivery: brings notifications to their channels, one after the other in each, and tries again when that fails.
//
// A channel that does not take anything must not hold up the others, nor fill memory: of its queue the oldest go.

import type { Clock } from '../../io/clock.js';
import type { Channel } from './channel.js';
import { type Notification, notificationLine } from './notification.js';
import type { Outlets } from './outlets.js';

/** The outcome of a notification. */
export interface DeliveryRecord {
  readonly at: number;
  readonly channel: string;
  readonly line: string;
  /** Empty when it arrived. */
  readonly error: string;
}

const QUEUE_MAX = 100;
const RECORDS_MAX = 200;
/** Waits before further attempts. */
const retryMs = [5000, 30_000, 120_000];

class ChannelQueue {
  readonly waiting: Notification[] = [];
  isBusy = false;
  attempts = 0;
}

export class Delivery {
  /** Latest last. */
  readonly records: DeliveryRecord[] = [];
  private readonly queues = new Map<string, ChannelQueue>();
  private isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly outlets: Outlets,
    private readonly channelOf: (id: string) => Channel | undefined,
    private readonly log: (text: string) => void,
  ) {}

  add(channelId: string, notification: Notification): void {
    let queue = this.queues.get(channelId);
    if (queue === undefined) this.queues.set(channelId, (queue = new ChannelQueue()));
    queue.waiting.push(notification);
    if (queue.waiting.length > QUEUE_MAX) queue.waiting.splice(queue.isBusy ? 1 : 0, 1);
    this.next(channelId, queue);
  }

  /** Sends at once and once; rejects with the reason. */
  async send(channel: Channel, notification: Notification): Promise<void> {
    const { webhook, mail, command } = this.outlets;
    const missing = (): Promise<never> => Promise.reject(new Error(`there is no outlet for ${channel.type} here`));
    switch (channel.type) {
      case 'webhook':
        return webhook === undefined ? missing() : webhook(channel, notification);
      case 'mail':
        return mail === undefined ? missing() : mail(channel, notification);
      case 'command':
        return command === undefined ? missing() : command(channel, notification);
    }
  }

  close(): void {
    this.isClosed = true;
    this.queues.clear();
  }

  private next(channelId: string, queue: ChannelQueue): void {
    const notification = queue.waiting[0];
    if (queue.isBusy || notification === undefined || this.isClosed) return;
    const channel = this.channelOf(channelId);
    if (channel === undefined) {
      queue.waiting.length = 0;
      return;
    }
    queue.isBusy = true;
    this.send(channel, notification).then(
      () => this.arrived(channelId, queue, notification, ''),
      (error: unknown) => this.failed(channelId, queue, notification, error),
    );
  }

  private arrived(channelId: string, queue: ChannelQueue, notification: Notification, error: string): void {
    this.records.push({ at: this.clock.wallMs(), channel: channelId, line: notificationLine(notification), error });
    if (this.records.length > RECORDS_MAX) this.records.shift();
    queue.waiting.splice(queue.waiting.indexOf(notification), 1);
    queue.attempts = 0;
    queue.isBusy = false;
    this.next(channelId, queue);
  }

  private failed(channelId: string, queue: ChannelQueue, notification: Notification, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const waitMs = retryMs[queue.attempts++];
    if (waitMs === undefined) {
      this.log(`alert channel ${channelId}: given up: ${reason}: ${notificationLine(notification)}`);
      this.arrived(channelId, queue, notification, reason);
      return;
    }
    this.log(`alert channel ${channelId}: ${reason}: tried again in ${waitMs / 1000} s`);
    this.clock.after(waitMs, () => {
      queue.isBusy = false;
      this.next(channelId, queue);
    });
  }
}
