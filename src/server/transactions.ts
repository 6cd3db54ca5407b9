// transactions: MULTI, EXEC, DISCARD, WATCH: queued commands run in one go, if no watched key was touched.

import { type ClientBounds, ITEM_BYTES } from './client-bounds.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { errors } from '../protocol/errors.js';
import type { Command } from '../registry/command.js';
import { commandFlags } from '../registry/command.js';
import { type Client, Gate } from '../service/clients/client.js';
import { CommandQueue } from './command-queue.js';
import type { ServerCall } from './call.js';
import { KeyState, type Watch, WatchedKeys, type Watcher } from './watched-keys.js';

/** The keys that are watched, and the way to run what was queued. */
export interface TransactionsHost {
  readonly keyspace: Keyspace;
  readonly clientBounds: ClientBounds;
  readonly queryBytesMax: number;
  queryLimitReached(client: Client): void;
  runQueued(client: Client, queue: CommandQueue): void;
  updateListening(): void;
}

/** A client's transaction. */
export class Transaction implements Watcher<Transaction> {
  active = false;
  /** Made when the first command is queued. */
  queue: CommandQueue | undefined;
  /** A command was refused while queueing: EXEC answers EXECABORT. */
  broken = false;
  /** A watched key was touched: EXEC answers nil. */
  touched = false;
  readonly watches: Watch<Transaction>[] = [];

  constructor(readonly client: Client) {}
}

const states = new WeakMap<Client, Transaction>();

export class Transactions {
  /** The commands of an EXEC are running. */
  executing = false;
  private readonly watched: WatchedKeys<Transaction>;
  /** Commands that were queued, by their numbers. */
  private readonly commands: (Command<ServerCall> | undefined)[] = [];

  constructor(private readonly server: TransactionsHost) {
    this.watched = new WatchedKeys(server.keyspace);
  }

  of(client: Client): Transaction | undefined {
    return states.get(client);
  }

  private ensure(client: Client): Transaction {
    let state = states.get(client);
    if (state === undefined) {
      state = new Transaction(client);
      states.set(client, state);
    }
    return state;
  }

  /** How many keys are watched by how many clients, for INFO. */
  get watchingClients(): number {
    return this.watched.watchers;
  }

  get watchedKeys(): number {
    return this.watched.keys;
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
    return states.get(client)?.watches.length ?? 0;
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
    const touched = state.touched || this.watched.anyHasExpired(state);
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
    const length = call.lengths[index]!;
    const { clientBounds } = this.server;
    if (!clientBounds.admitItem(call.client, length)) return;
    if (!this.watched.add(state, call.db.index, call.bytes, call.starts[index]!, length))
      clientBounds.releaseItem(call.client, length);
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
    for (const { name } of state.watches) this.server.clientBounds.releaseItem(client, name.length);
    this.watched.removeAll(state);
    this.server.updateListening();
  }

  get isWatching(): boolean {
    return this.watched.keys > 0;
  }

  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void {
    let next: Watch<Transaction> | undefined;
    for (let watch = this.watched.find(database, key, offset, length); watch !== undefined; watch = next) {
      // All watches of one client go at once, but it has one of a key only.
      ({ next } = watch);
      // The deletion of a key that was past its time already is no change for who watched it so.
      if (!watch.wasExpired || this.watched.stateOf(database, watch.name) !== KeyState.GONE)
        this.touch(watch.watcher.client);
    }
  }

  /**
   * All keys of a database (-1: of all) go, or `replacedBy` takes its place: a watched key that existed before, or
   * exists now, counts as touched. A key past its time counts as missing, before and after.
   */
  databaseChanged(database: number, replacedBy?: number): void {
    const touched = new Set<Client>();
    const { watched } = this;
    watched.forEach((watch) => {
      if (database >= 0 && watch.database !== database) return;
      const after = replacedBy === undefined ? KeyState.GONE : watched.stateOf(replacedBy, watch.name);
      if (watch.wasExpired && after !== KeyState.THERE) {
        watch.wasExpired = after === KeyState.EXPIRED;
        return;
      }
      const isGone = watched.stateOf(watch.database, watch.name) === KeyState.GONE;
      if (isGone && after === KeyState.EXPIRED) watch.wasExpired = true;
      else if (!isGone || after !== KeyState.GONE) touched.add(watch.watcher.client);
    });
    for (const client of touched) this.touch(client);
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
