// port: the machine's way to the world: connections, commands on them, events, the config file, scripts.
//
// The machine itself waits for nothing and knows no socket: the rim (links, host) and tests implement this.

import type { LogLevel } from '../base/log-level.js';
import type { Reply } from '../client/reply.js';
import type { Address } from './address.js';
import type { Link, Master } from './instance.js';

export type Channel = 'commands' | 'pubsub';

export interface SentinelEvent {
  readonly level: LogLevel;
  /** The channel that it is published to, such as +sdown. */
  readonly type: string;
  readonly text: string;
  /** The master that it is about. */
  readonly master: Master | undefined;
}

export interface SentinelPort {
  /** Begins to connect. Commands sent before the connection is open wait for it. Its end comes as `linkLost`. */
  open(link: Link, channel: Channel, address: Address): void;
  /** Closes a connection if it is open. Neither a reply nor `linkLost` comes from it afterwards. */
  close(link: Link, channel: Channel): void;
  /** Sends a command; `answered` gets its reply. When the connection ends first it is never called. */
  send(link: Link, channel: Channel, args: readonly string[], answered: (reply: Reply) => void): void;
  /** The address that this sentinel has on the connection; empty when there is none. */
  localHost(link: Link): string;
  /** Logs and publishes an event, and keeps it in the history. */
  event(event: SentinelEvent): void;
  log(level: LogLevel, text: string): void;
  /** Makes the state durable before it is sent to anybody; returns whether that worked. */
  save(): boolean;
  runScript(path: string, args: readonly string[]): void;
  /** The master's address changed, or was read at the start: a virtual address may have to move. */
  masterMoved(master: Master): void;
  /** SENTINEL SIMULATE-FAILURE: ends the process at once. */
  crash(): void;
}
