// undo: takes back what a debugged script changes (SCRIPT DEBUG YES).
//
// redis-server forks and lets the child change its copy of the data. Here nobody else is served meanwhile, so that it is enough to
// dump each key before the first command that may change it, and to put all of them back at the end. A command that names no
// keys (FLUSHALL, SWAPDB) makes every key be dumped.
//
// Not undone: published messages, the clocks of LRU and LFU, and the change that WATCH saw.

import type { Effects } from '../effects.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { latin1, latin1Bytes } from '../../base/bytes.js';
import type { Database } from '../../keyspace/database.js';
import { Call } from '../../registry/call.js';
import type { Command } from '../../registry/command.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import type { Client } from '../../service/clients/client.js';
import type { ServerCall } from '../call.js';

/** The keys, and the way to run commands without propagating them. */
export interface UndoHost {
  readonly keyspace: Keyspace;
  readonly effects: Effects;
  internalClient(): Client;
  resolve(call: ServerCall): Command<ServerCall> | undefined;
  run(call: ServerCall, command: Command<ServerCall>): void;
}

interface Saved {
  readonly database: number;
  readonly key: Uint8Array;
  /** The payload of DUMP; undefined: there was no such key. */
  readonly payload: Uint8Array | undefined;
  /** Milliseconds since 1970; 0: none. */
  readonly expiry: string;
}

export class Undo {
  private readonly saved = new Map<string, Saved>();
  private hasAll = false;
  private readonly found = new FoundKeys();
  private readonly call: ServerCall = new Call<Database, unknown, Client>();
  private readonly dirty: number;

  constructor(private readonly server: UndoHost) {
    this.dirty = server.keyspace.dirty;
    this.call.host = server;
    this.call.client = server.internalClient();
    this.call.denyBlocking = true;
  }

  /** A command that writes will run. */
  before(call: ServerCall, command: Command<ServerCall>): void {
    if (this.hasAll) return;
    this.found.clear();
    findKeys(command, call, false, this.found);
    if (this.found.count === 0) {
      this.saveAll();
      return;
    }
    // These name another database besides.
    const isWide = command.name === 'move' || command.name === 'copy';
    for (let at = 0; at < this.found.count; at++) {
      const key = call.copy(this.found.indexes[at]!);
      for (const { index } of isWide ? this.server.keyspace.databases : [call.db]) this.save(index, key);
    }
  }

  /** Puts everything back. */
  rollBack(): void {
    const { keyspace } = this.server;
    const { notifyMask } = keyspace;
    keyspace.notifyMask = 0;
    if (this.hasAll) for (const database of keyspace.databases) database.clear();
    for (const { database, key, payload, expiry } of this.saved.values()) {
      if (payload === undefined) this.run(database, ['DEL', key]);
      else this.run(database, ['RESTORE', key, expiry, payload, 'REPLACE', 'ABSTTL']);
    }
    keyspace.notifyMask = notifyMask;
    keyspace.dirty = this.dirty;
  }

  private saveAll(): void {
    for (const { index, size } of this.server.keyspace.databases) {
      if (size === 0) continue;
      const names = latin1(this.run(index, ['KEYS', '*']));
      let at = names.indexOf('\r\n') + 2;
      while (at < names.length) {
        const lineEnd = names.indexOf('\r\n', at);
        const length = Number(names.slice(at + 1, lineEnd));
        this.save(index, latin1Bytes(names.slice(lineEnd + 2, lineEnd + 2 + length)));
        at = lineEnd + length + 4;
      }
    }
    this.hasAll = true;
  }

  private save(database: number, key: Uint8Array): void {
    const name = `${database}:${latin1(key)}`;
    if (this.saved.has(name)) return;
    const reply = this.run(database, ['DUMP', key]);
    const start = reply.indexOf(10) + 1;
    const payload = reply[1] === 0x2d ? undefined : reply.slice(start, -2);
    const expiry = payload === undefined ? '0' : latin1(this.run(database, ['PEXPIRETIME', key])).slice(1, -2);
    this.saved.set(name, { database, key, payload, expiry: expiry === '-1' ? '0' : expiry });
  }

  /** Runs a command without propagating it; returns its reply. */
  private run(database: number, words: readonly (string | Uint8Array)[]): Uint8Array {
    const { call, server } = this;
    const { effects } = server;
    call.setArguments(words.map((word) => (typeof word === 'string' ? latin1Bytes(word) : word)));
    call.db = server.keyspace.databases[database]!;
    const command = server.resolve(call)!;
    call.command = command as Command<never>;
    const { reach } = effects;
    effects.reach = 0;
    effects.update();
    server.run(call, command);
    effects.reach = reach;
    effects.update();
    return call.reply.takeBytes();
  }
}
