// outlets: how notifications leave the process, as functions; the real ones are in monitor/outlets, tests bring their own.

import type { CommandChannel, MailChannel, WebhookChannel } from './channel.js';
import type { Notification } from './notification.js';

/** Each resolves when the notification has arrived, and rejects with the reason when it has not. */
export interface Outlets {
  readonly webhook?: (channel: WebhookChannel, notification: Notification) => Promise<void>;
  readonly mail?: (channel: MailChannel, notification: Notification) => Promise<void>;
  readonly command?: (channel: CommandChannel, notification: Notification) => Promise<void>;
}
