// events: the classes of keyspace notifications, as bits; the letters are those of notify-keyspace-events.

import type { DictRef } from '../structures/dict.js';
import type { Database } from './database.js';

export const EventClass = {
  KEYSPACE: 1 << 0, // K
  KEYEVENT: 1 << 1, // E
  GENERIC: 1 << 2, // g
  STRING: 1 << 3, // $
  LIST: 1 << 4, // l
  SET: 1 << 5, // s
  HASH: 1 << 6, // h
  ZSET: 1 << 7, // z
  EXPIRED: 1 << 8, // x
  EVICTED: 1 << 9, // e
  STREAM: 1 << 10, // t
  KEY_MISS: 1 << 11, // m
  MODULE: 1 << 13, // d
  NEW: 1 << 14, // n
  SUBKEYSPACE: 1 << 15, // S
  SUBKEYEVENT: 1 << 16, // T
  SUBKEYSPACE_ITEM: 1 << 17, // I
  SUBKEYSPACE_EVENT: 1 << 18, // V
} as const;

/** The channels for events of hash fields. */
export const SUBKEY_CLASSES =
  EventClass.SUBKEYSPACE | EventClass.SUBKEYEVENT | EventClass.SUBKEYSPACE_ITEM | EventClass.SUBKEYSPACE_EVENT;

/** Receives the events of keys above the keyspace; `key` is borrowed: copy it to keep it. */
export interface KeyspaceListener {
  /** A key was changed, created, deleted or expired: watchers, trackers and blocked clients want to know. */
  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void;
  /** A keyspace event; only called when `notifyMask` has its class. */
  notify(eventClass: number, event: string, database: number, key: Uint8Array, offset: number, length: number): void;
  /** The fields that an event of a hash is about; only called when `tellsFields` is set. */
  notifyFields?(
    event: string,
    database: number,
    key: Uint8Array,
    offset: number,
    length: number,
    fields: readonly Uint8Array[],
  ): void;
  /** A key was deleted because of its age or for memory: the AOF and replicas get a DEL or UNLINK. */
  keyReclaimed(reason: 'expired' | 'evicted', database: number, key: Uint8Array, offset: number, length: number): void;
}

/** Stands between a command and an entry of the old epoch while a snapshot is taken. */
export interface SnapshotBarrier {
  /** Whether the snapshot still needs an entry as it is. */
  isDue(entry: number, hash: number): boolean;
  /** An entry was added after the cut. */
  entryAdded(entry: number, hash: number): void;
  /** The entry is about to change or go; whatever the snapshot needs of it must be taken now. */
  beforeChange(database: Database, entry: number, hash: number): void;
  /** All keys of the database go: true when the snapshot still needs the dict, and will release it itself. */
  takesDict(database: Database, dict: DictRef): boolean;
  /** A collection that no entry refers to is to be freed: true when the snapshot still needs it, and will free it itself. */
  takesValue(type: number, encoding: number, ref: number): boolean;
}
