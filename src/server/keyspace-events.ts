// keyspace-events: passes changes of keys on: to WATCH, waiting clients, pub/sub, AOF and replicas.

import type { Effects } from './effects.js';
import type { Transactions } from './transactions.js';
import type { Migrations } from './migrations.js';
import type { Blocking } from './blocking.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { latin1 } from '../base/bytes.js';
import { EventClass, type KeyspaceListener } from '../keyspace/events.js';
import type { Client } from '../service/clients/client.js';

/** The listeners for changed keys. */
export interface KeyspaceEventsHost {
  readonly keyspace: Keyspace;
  readonly blocking: Blocking;
  readonly transactions: Transactions;
  readonly migrations: Migrations;
  readonly effects: Effects;
  readonly propagates: boolean;
  readonly actingClient: Client | undefined;
  reclaimCommand(reason: 'expired' | 'evicted'): 'DEL' | 'UNLINK';
}

/** A name that may have any bytes, after its length. */
function measured(name: string): string {
  return `${name.length}:${name}`;
}

export class KeyspaceEvents implements KeyspaceListener {
  /** Delivers a message to the subscribers of a channel; set by pub/sub. */
  publish: (channel: Uint8Array, message: Uint8Array) => void = () => undefined;
  /** Tells clients that track the key; set by tracking while there are any. Without a changer, the key went by age or for memory. */
  invalidate: ((key: Uint8Array, offset: number, length: number, changer: Client | undefined) => void) | undefined;
  private reclaims = false;

  constructor(private readonly server: KeyspaceEventsHost) {}

  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void {
    this.server.transactions.keyChanged(database, key, offset, length);
    this.server.blocking.keyChanged(database, key, offset, length);
    this.server.migrations.keyChanged(database, key, offset, length);
    if (this.invalidate === undefined) return;
    this.invalidate(key, offset, length, this.reclaims ? undefined : this.server.actingClient);
    this.reclaims = false;
  }

  notify(_eventClass: number, event: string, database: number, key: Uint8Array, offset: number, length: number): void {
    const mask = this.server.keyspace.notifyMask;
    const name = latin1(key, offset, length);
    if ((mask & EventClass.KEYSPACE) !== 0) this.publishText(`__keyspace@${database}__:${name}`, event);
    if ((mask & EventClass.KEYEVENT) !== 0) this.publishText(`__keyevent@${database}__:${event}`, name);
  }

  notifyFields(
    event: string,
    database: number,
    key: Uint8Array,
    offset: number,
    length: number,
    fields: readonly Uint8Array[],
  ): void {
    const mask = this.server.keyspace.notifyMask;
    const name = latin1(key, offset, length);
    const names = fields.map((field) => latin1(field));
    const list = names.map(measured).join(',');
    if ((mask & EventClass.SUBKEYSPACE) !== 0)
      this.publishText(`__subkeyspace@${database}__:${name}`, `${event}|${list}`);
    if ((mask & EventClass.SUBKEYEVENT) !== 0)
      this.publishText(`__subkeyevent@${database}__:${event}`, `${measured(name)}|${list}`);
    // A line feed ends the key in the name of the channel.
    if ((mask & EventClass.SUBKEYSPACE_ITEM) !== 0 && !name.includes('\n'))
      for (const field of names) this.publishText(`__subkeyspaceitem@${database}__:${name}\n${field}`, event);
    if ((mask & EventClass.SUBKEYSPACE_EVENT) !== 0)
      this.publishText(`__subkeyspaceevent@${database}__:${event}|${name}`, list);
  }

  keyReclaimed(reason: 'expired' | 'evicted', database: number, key: Uint8Array, offset: number, length: number): void {
    // The next call is keyChanged of the same key.
    this.reclaims = this.invalidate !== undefined;
    if (this.server.propagates)
      this.server.effects.add(database, [this.server.reclaimCommand(reason), key.slice(offset, offset + length)]);
  }

  private publishText(channel: string, message: string): void {
    this.publish(Buffer.from(channel, 'latin1'), Buffer.from(message, 'latin1'));
  }
}
