// transactions: MULTI, EXEC, DISCARD, WATCH: queued commands run in one go, if no watched key was touched.

import { type ClientBounds, ITEM_BYTES } from './client-bounds.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { latin1 } from '../base/bytes.js';
import { errors } from '../protocol/errors.js';
import type { Command } from '../registry/command.js';
import { commandFlags } from '../registry/command.js';
import { type Client, Gate } from '../service/clients/client.js';
import { CommandQueue } from './command-queue.js';
import type { ServerCall } from './call.js';

/** The keys that are watched, and the way to run what was queued. */
export interface TransactionsHost {
  readonly keyspace: Keyspace;
  readonly clientBounds: ClientBounds;
  readonly queryBytesMax: number;
  queryLimitReached(client: Client): void;
  runQueued(client: Client, queue: CommandQueue): void;
  updateListening(): void;
}

interface Watched {
  readonly database: number;
  readonly key: Uint8Array;
  /** The key was past its time when WATCH came: its deletion is no change. */
  wasExpired: boolean;
}

/** A client's transaction. */
export class Transaction {
  active = false;
  /** Made when the first command is queued. */
  queue: CommandQueue | undefined;
  /** A command was refused while queueing: EXEC answers EXECABORT. */
  broken = false;
  /** A watched key was touched: EXEC answers nil. */
  touched = false;
  /** By name: a client may watch a great many keys. */
  readonly watched = new Map<string, Watched>();
}

const GONE = 0;
const EXPIRED = 1;
const THERE = 2;

const states = new WeakMap<Client, Transaction>();

export class Transactions {
  /** The commands of an EXEC are running. */
  executing = false;
  private readonly watchers = new Map<string, Set<Client>>();
  /** Commands that were queued, by their numbers. */
  private readonly commands: (Command<ServerCall> | undefined)[] = [];

  constructor(private readonly server: TransactionsHost) {}

  of(client: Client): Transaction | undefined {
    return states.get(client);
  }

  private ensure(client: Client): Transaction {
    let state = states.get(client);
    if (state === undefined) {
      state = new Transaction();
      states.set(client, state);
    }
    return state;
  }

  /** How many keys are watched by how many clients, for INFO. */
  get watchingClients(): number {
    const clients = new Set<Client>();
    for (const set of this.watchers.values()) for (const client of set) clients.add(client);
    return clients.size;
  }

  get watchedKeys(): number {
    return this.watchers.size;
  }

  begin(client: Client): void {
    const state = this.ensure(client);
    state.active = true;
    client.gates |= Gate.MULTI;
  }

  /** Whether a command inside MULTI is queued instead of run. */
  queues(command: Pick<Command, 'name'>): boolean {
    return !(
      command.name === 'exec' ||
      command.name === 'discard' ||
      command.name === 'multi' ||
      command.name === 'watch' ||
      command.name === 'quit' ||
      command.name === 'reset'
    );
  }

  /** Keeps a command for EXEC; returns why it is refused, undefined when it has been dealt with. */
  queue(client: Client, call: ServerCall, command: Command<ServerCall>, flags: number): string | undefined {
    if ((command.flags & commandFlags.no_multi) !== 0) return 'ERR Command not allowed inside a transaction';
    const state = this.ensure(client);
    const queue = (state.queue ??= new CommandQueue(this.commands));
    const { segmentBytes } = queue;
    queue.push(call, command, flags);
    if (!this.server.clientBounds.admitQueue(client, queue.segmentBytes - segmentBytes)) return undefined;
    const { connection } = client;
    // As Redis: what is queued counts as a part of what the client has sent and is not done.
    if (connection !== undefined && queue.bytes + connection.queryBytes > this.server.queryBytesMax) {
      this.server.queryLimitReached(client);
      connection.destroy();
      return undefined;
    }
    call.reply.queued();
    return undefined;
  }

  /** The commands that a client has queued; undefined outside MULTI and while there are none. */
  queueOf(client: Client): CommandQueue | undefined {
    const state = states.get(client);
    return state?.active === true ? state.queue : undefined;
  }

  /** Whether one of the queued commands has one of these flags. */
  has(client: Client, mask: number): boolean {
    return ((states.get(client)?.queue?.flags ?? 0) & mask) !== 0;
  }

  /** Whether one of the queued commands lacks one of these flags. */
  lacks(client: Client, mask: number): boolean {
    return ((states.get(client)?.queue?.commonFlags ?? -1) & mask) !== mask;
  }

  /** How many commands are queued; -1 outside MULTI. */
  queuedCount(client: Client): number {
    const state = states.get(client);
    return state?.active === true ? (state.queue?.count ?? 0) : -1;
  }

  /** Bytes of queued commands. */
  queuedBytes(client: Client): number {
    return states.get(client)?.queue?.bytes ?? 0;
  }

  /** Bytes that the queue takes, with the room that is left in it. */
  private segmentBytes(client: Client): number {
    return states.get(client)?.queue?.segmentBytes ?? 0;
  }

  /** A watched key was touched: the next EXEC will not run. */
  isTouched(client: Client): boolean {
    return states.get(client)?.touched === true;
  }

  watchedCount(client: Client): number {
    return states.get(client)?.watched.size ?? 0;
  }

  markBroken(client: Client): void {
    const state = states.get(client);
    if (state?.active === true) state.broken = true;
  }

  exec(call: ServerCall): void {
    const { client } = call;
    const state = states.get(client);
    if (state === undefined || !state.active) {
      call.reply.error(errors.execWithoutMulti);
      return;
    }
    const { queue, broken } = state;
    const touched = state.touched || this.anyHasExpired(state);
    this.end(client);
    if (broken) {
      call.reply.error(errors.execAborted);
      return;
    }
    if (touched) {
      call.reply.nilArray();
      return;
    }
    call.reply.array(queue?.count ?? 0);
    if (queue !== undefined) this.server.runQueued(client, queue);
  }

  private anyHasExpired(state: Transaction): boolean {
    for (const watched of state.watched.values()) if (this.hasExpired(watched)) return true;
    return false;
  }

  private hasExpired(watched: Watched): boolean {
    if (watched.wasExpired) return false;
    const keyspace = this.server.keyspace;
    const database = keyspace.databases[watched.database]!;
    const hash = keyspace.databases[watched.database]!.hashOf(watched.key, 0, watched.key.length);
    const entry = keyspace.dicts.find(database.dict, watched.key, 0, watched.key.length, hash);
    return entry !== 0 && keyspace.entries.hasNumber(entry) && keyspace.entries.number(entry) < keyspace.nowMs;
  }

  discard(call: ServerCall): void {
    const state = states.get(call.client);
    if (state === undefined || !state.active) {
      call.reply.error('ERR DISCARD without MULTI');
      return;
    }
    this.end(call.client);
    call.reply.ok();
  }

  watch(call: ServerCall): void {
    const state = this.ensure(call.client);
    if (state.active) {
      call.reply.error('ERR WATCH inside MULTI is not allowed');
      return;
    }
    // Once a watched key was touched, nothing that is watched later can save the transaction.
    if (!state.touched) {
      for (let index = 1; index < call.count; index++) this.watchKey(call, state, index);
      this.server.updateListening();
    }
    call.reply.ok();
  }

  private watchKey(call: ServerCall, state: Transaction, index: number): void {
    const database = call.db.index;
    const key = call.copy(index);
    const name = watchName(database, key, 0, key.length);
    if (state.watched.has(name) || !this.server.clientBounds.admitItem(call.client, key.length)) return;
    const keyspace = this.server.keyspace;
    const entry = keyspace.dicts.find(call.db.dict, key, 0, key.length, call.db.hashOf(key, 0, key.length));
    const wasExpired =
      entry !== 0 && keyspace.entries.hasNumber(entry) && keyspace.entries.number(entry) < keyspace.nowMs;
    state.watched.set(name, { database, key, wasExpired });
    const clients = this.watchers.get(name);
    if (clients === undefined) this.watchers.set(name, new Set([call.client]));
    else clients.add(call.client);
  }

  unwatch(client: Client): void {
    const state = states.get(client);
    if (state === undefined) return;
    this.releaseKeys(client, state);
    state.touched = false;
  }

  /** A watched key was touched: there is nothing more to watch for. */
  private touch(client: Client): void {
    const state = states.get(client)!;
    state.touched = true;
    this.releaseKeys(client, state);
  }

  private releaseKeys(client: Client, state: Transaction): void {
    for (const [name, { key }] of state.watched) {
      this.server.clientBounds.releaseItem(client, key.length);
      const clients = this.watchers.get(name);
      clients?.delete(client);
      if (clients?.size === 0) this.watchers.delete(name);
    }
    state.watched.clear();
    this.server.updateListening();
  }

  get isWatching(): boolean {
    return this.watchers.size > 0;
  }

  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void {
    if (this.watchers.size === 0) return;
    const name = watchName(database, key, offset, length);
    for (const client of [...(this.watchers.get(name) ?? [])]) {
      const state = states.get(client)!;
      // The deletion of a key that was past its time already is no change for who watched it so.
      const watched = state.watched.get(name)!;
      if (!watched.wasExpired || this.exists(watched)) this.touch(client);
    }
  }

  private exists(watched: Watched): boolean {
    const keyspace = this.server.keyspace;
    const hash = keyspace.databases[watched.database]!.hashOf(watched.key, 0, watched.key.length);
    return (
      keyspace.dicts.find(keyspace.databases[watched.database]!.dict, watched.key, 0, watched.key.length, hash) !== 0
    );
  }

  /**
   * All keys of a database (-1: of all) go, or `replacedBy` takes its place: a watched key that existed before, or
   * exists now, counts as touched. A key past its time counts as missing, before and after.
   */
  databaseChanged(database: number, replacedBy?: number): void {
    const touched = new Set<Client>();
    for (const [name, clients] of this.watchers) {
      for (const client of clients) {
        const watched = states.get(client)!.watched.get(name)!;
        if (database >= 0 && watched.database !== database) continue;
        const after = replacedBy === undefined ? GONE : this.stateOf(replacedBy, watched.key);
        if (watched.wasExpired && after !== THERE) watched.wasExpired = after === EXPIRED;
        else if (this.stateOf(watched.database, watched.key) === GONE && after === EXPIRED) watched.wasExpired = true;
        else if (this.stateOf(watched.database, watched.key) !== GONE || after !== GONE) touched.add(client);
      }
    }
    for (const client of touched) this.touch(client);
  }

  private stateOf(index: number, key: Uint8Array): number {
    const { dicts, entries, databases, nowMs } = this.server.keyspace;
    const entry = dicts.find(databases[index]!.dict, key, 0, key.length, databases[index]!.hashOf(key, 0, key.length));
    if (entry === 0) return GONE;
    return entries.hasNumber(entry) && entries.number(entry) < nowMs ? EXPIRED : THERE;
  }

  forget(client: Client): void {
    this.unwatch(client);
    states.delete(client);
  }

  reset(client: Client): void {
    this.end(client);
  }

  /** Bytes that the queue and the watched keys take. */
  bytes(client: Client): number {
    return this.segmentBytes(client) + this.watchedCount(client) * ITEM_BYTES;
  }

  /** Ends MULTI, whatever came of it, and lets go of watched keys. */
  end(client: Client): void {
    const state = states.get(client);
    if (state === undefined) return;
    state.active = false;
    state.queue = undefined;
    this.server.clientBounds.releaseQueue(client);
    state.broken = false;
    client.gates &= ~Gate.MULTI;
    this.unwatch(client);
  }
}

function watchName(database: number, key: Uint8Array, offset: number, length: number): string {
  return `${database}:${latin1(key, offset, length)}`;
}
