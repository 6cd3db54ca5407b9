// blocking: clients that wait for keys: first come, first served, until a change, the timeout, or CLIENT UNBLOCK.
//
// A blocked command is kept as it was called and run again from its start when one of its keys was changed; if it calls
// `block` again it keeps its place in the queues. So each family's command has one path for "there is something" and one
// for "there is nothing", and the served command is propagated like any other.
//
// A key becomes ready when it is changed while a client waits for it; ready keys are served after the command (or the
// whole EXEC or script) that changed them, in the order of the changes; serving may make more keys ready.

import type { ReplyWriter } from '../protocol/reply.js';
import type { CommandStats } from '../service/watch/command-stats.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { argumentsOf } from '../registry/call.js';
import type { Clock, Timer } from '../io/clock.js';
import { countWaiting } from '../io/late-reads.js';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { type BlockRequest, partBytes } from '../commands/engine.js';
import { errors } from '../protocol/errors.js';
import type { Command } from '../registry/command.js';
import type { Client } from '../service/clients/client.js';
import { type ClientBounds, ITEM_BYTES, NAME_COPIES } from './client-bounds.js';
import type { ServerCall } from './call.js';

/** The part of the server that waiting needs: its clock and keys, and the way to run a command again. */
export interface BlockingHost {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  readonly clientBounds: ClientBounds;
  readonly stats: CommandStats;
  beginTurn(): void;
  noteLatency(event: string, milliseconds: number): void;
  runFor(client: Client, command: Command<ServerCall>, args: readonly Uint8Array[], database: number): Uint8Array;
  send(client: Client, write: (reply: ReplyWriter) => void): void;
  updateListening(): void;
}

interface BlockedState {
  readonly client: Client;
  readonly command: Command<ServerCall>;
  args: readonly Uint8Array[];
  readonly database: number;
  /** Queue names (see `queueName`), each once. */
  readonly queues: readonly string[];
  /** Bytes that it adds to what its client is charged for. */
  readonly heldBytes: number;
  /** When the wait is over, in wall-clock ms; 0: never. */
  readonly deadlineMs: number;
  readonly onTimeout: BlockRequest['onTimeout'];
  /** The type of key that wakes the client, undefined for any. */
  readonly onlyType: number | undefined;
  /** A key that is deleted or of another type wakes the client too. */
  readonly wakesOnDelete: boolean;
  timer: Timer | undefined;
  /** Runs the command again although nothing has changed; see BlockRequest.retryAtMs. */
  retryTimer: Timer | undefined;
  /** Set while the command is run again, to tell a second `block` from a first. */
  serving: boolean;
  blockedAgain: boolean;
}

export class Blocking {
  private readonly states = new Map<Client, BlockedState>();
  /** Waiting clients by key, in order of arrival. */
  private readonly queues = new Map<string, Set<BlockedState>>();
  private ready: string[] = [];
  private readonly readyNames = new Set<string>();

  constructor(private readonly server: BlockingHost) {}

  get count(): number {
    return this.states.size;
  }

  /** How many of them wait for a limited time. */
  get timedCount(): number {
    let count = 0;
    for (const { deadlineMs } of this.states.values()) if (deadlineMs > 0) count++;
    return count;
  }

  /** How many keys somebody waits for. */
  get keyCount(): number {
    return this.queues.size;
  }

  /** How many keys somebody waits for who wants to know of a deletion too. */
  get keyCountOnDelete(): number {
    let count = 0;
    for (const queue of this.queues.values()) if ([...queue].some((state) => state.wakesOnDelete)) count++;
    return count;
  }

  get hasReadyKeys(): boolean {
    return this.ready.length > 0;
  }

  isBlocked(client: Client): boolean {
    return this.states.has(client);
  }

  /** Bytes of the arguments that are kept for a client that waits. */
  argumentBytes(client: Client): number {
    return this.states.get(client)?.args.reduce((sum, arg) => sum + arg.length, 0) ?? 0;
  }

  /** Whether the command that a client ran just now waits, for the first time or again. */
  isWaiting(client: Client): boolean {
    const state = this.states.get(client);
    return state !== undefined && (!state.serving || state.blockedAgain);
  }

  /** Whether the command that runs for this client is one that had waited. */
  isServing(client: Client): boolean {
    return this.states.get(client)?.serving === true;
  }

  block(call: ServerCall, request: BlockRequest): void {
    const { client } = call;
    const serving = this.states.get(client);
    if (serving !== undefined && serving.serving) {
      serving.blockedAgain = true;
      this.armRetry(serving, request.retryAtMs);
      return;
    }
    const database = call.db.index;
    // Each key is kept as an argument and as the name of a queue.
    const heldBytes = stateBytes(call);
    if (!this.server.clientBounds.admitHeap(client, heldBytes)) return;
    const queues = [
      ...new Set(
        request.keys.map((index) => queueName(database, call.bytes, call.starts[index]!, call.lengths[index]!)),
      ),
    ];
    const state: BlockedState = {
      client,
      command: call.command as unknown as Command<ServerCall>,
      args: request.args?.map(partBytes) ?? argumentsOf(call),
      database,
      queues,
      heldBytes,
      deadlineMs: request.timeoutMs === 0 ? 0 : this.server.keyspace.nowMs + request.timeoutMs,
      onTimeout: request.onTimeout,
      onlyType: request.onlyType,
      wakesOnDelete: request.wakesOnDelete === true,
      timer: undefined,
      retryTimer: undefined,
      serving: false,
      blockedAgain: false,
    };
    this.states.set(client, state);
    countWaiting(1);
    for (const name of queues) {
      const queue = this.queues.get(name);
      if (queue === undefined) this.queues.set(name, new Set([state]));
      else queue.add(state);
    }
    client.blocked = true;
    this.server.updateListening();
    this.arm(state);
    this.armRetry(state, request.retryAtMs);
  }

  /** A key was changed. @hot only while somebody waits */
  keyChanged(database: number, key: Uint8Array, offset: number, length: number): void {
    if (this.queues.size === 0) return;
    this.nameChanged(queueName(database, key, offset, length));
  }

  private nameChanged(name: string): void {
    if (!this.queues.has(name) || this.readyNames.has(name)) return;
    this.readyNames.add(name);
    this.ready.push(name);
  }

  /** Databases were exchanged or all keys came anew: everybody looks again. */
  allChanged(): void {
    for (const name of this.queues.keys()) this.nameChanged(name);
  }

  /** Runs waiting commands again whose keys were changed. */
  serveReadyKeys(): void {
    // The command that made the keys ready may have taken long: the clients served now see the present time.
    if (this.ready.length > 0) this.server.beginTurn();
    while (this.ready.length > 0) {
      const names = this.ready;
      this.ready = [];
      this.readyNames.clear();
      for (const name of names) {
        // The queue changes while it is served; who blocks again keeps the place.
        for (const state of [...(this.queues.get(name) ?? [])]) {
          if (state.wakesOnDelete || state.onlyType === undefined || state.onlyType === this.typeOf(name))
            this.serve(state);
        }
      }
    }
  }

  /** The type of a queue's key, -1 when it is missing or past its time. A waiting client is no reason to delete it. */
  private typeOf(name: string): number {
    const { keyspace } = this.server;
    const colon = name.indexOf(':');
    const key = latin1Bytes(name.slice(colon + 1));
    const entry = keyspace.databases[Number(name.slice(0, colon))]!.look(key, 0, key.length);
    return entry === 0 ? -1 : keyspace.entries.type(entry);
  }

  private serve(state: BlockedState): void {
    if (this.states.get(state.client) !== state) return;
    const { server } = this;
    const { client } = state;
    // It was killed, and its end has not been told yet.
    if (client.connection?.isClosing === true) {
      this.release(state);
      return;
    }
    state.serving = true;
    state.blockedAgain = false;
    const { clock } = server;
    const startMs = clock.steadyMs();
    // The lookups were counted when the command was called.
    const { stats } = server.keyspace;
    const { hits, misses } = stats;
    const bytes = server.runFor(client, state.command, state.args, state.database);
    stats.hits = hits;
    stats.misses = misses;
    server.noteLatency('command-unblocking', clock.steadyMs() - startMs);
    state.serving = false;
    if (state.blockedAgain) {
      if (bytes.length > 0) client.connection?.send(bytes);
      return;
    }
    this.release(state);
    if (bytes.length > 0) client.connection?.send(bytes);
    this.goOn(client);
  }

  /** Runs WAIT and its kin again, which wait for no key. */
  retryWaits(): void {
    if (this.states.size === 0) return;
    for (const state of [...this.states.values()]) if (state.queues.length === 0) this.serve(state);
  }

  /** Ends all waits with an error, and the connections of those who waited. */
  releaseAll(text: string): void {
    for (const state of [...this.states.values()]) {
      this.release(state);
      this.server.stats.count(state.command.id);
      this.server.stats.countError(state.command.id, text);
      this.server.send(state.client, (reply) => reply.error(text));
      state.client.connection?.closeAfterReply();
    }
  }

  /** Ends the waits for whose first key `refusal` has an error. */
  releaseIf(refusal: (client: Client, command: Command<ServerCall>, key: Uint8Array) => string | undefined): void {
    for (const state of [...this.states.values()]) {
      const name = state.queues[0];
      if (name === undefined) continue;
      const text = refusal(state.client, state.command, latin1Bytes(name.slice(name.indexOf(':') + 1)));
      if (text === undefined) continue;
      this.release(state);
      this.server.stats.count(state.command.id);
      this.server.stats.countError(state.command.id, text);
      this.server.send(state.client, (reply) => reply.error(text));
      this.goOn(state.client);
    }
  }

  /** CLIENT UNBLOCK: ends the wait as if the time were over, or with an error. */
  unblock(client: Client, withError: boolean): boolean {
    const state = this.states.get(client);
    if (state === undefined) return false;
    this.release(state);
    this.server.stats.count(state.command.id);
    if (withError) this.server.stats.countError(state.command.id, errors.unblocked);
    this.server.send(client, (reply) => {
      if (withError) reply.error(errors.unblocked);
      else state.onTimeout(reply);
    });
    this.goOn(client);
    return true;
  }

  /** The client is gone. */
  forget(client: Client): void {
    const state = this.states.get(client);
    if (state !== undefined) this.release(state);
  }

  private release(state: BlockedState): void {
    state.timer?.cancel();
    state.retryTimer?.cancel();
    if (this.states.delete(state.client)) countWaiting(-1);
    this.server.clientBounds.releaseHeap(state.client, state.heldBytes);
    for (const name of state.queues) {
      const queue = this.queues.get(name);
      if (queue === undefined) continue;
      queue.delete(state);
      if (queue.size === 0) this.queues.delete(name);
    }
    state.client.blocked = false;
    this.server.updateListening();
  }

  /** Requests that the client sent meanwhile run in a turn of their own, so that a chain of waiting clients does not nest. */
  private goOn(client: Client): void {
    this.server.clock.soon(() => client.connection?.proceed());
  }

  private armRetry(state: BlockedState, atMs: number | undefined): void {
    state.retryTimer?.cancel();
    if (atMs === undefined) return;
    const wait = atMs - this.server.clock.wallMs();
    state.retryTimer = this.server.clock.after(Math.max(wait, 1), () => {
      this.server.beginTurn();
      this.serve(state);
      this.serveReadyKeys();
    });
  }

  private arm(state: BlockedState): void {
    if (state.deadlineMs === 0) return;
    const wait = state.deadlineMs - this.server.clock.wallMs();
    state.timer = this.server.clock.after(wait, () => {
      this.server.beginTurn();
      if (this.server.keyspace.nowMs < state.deadlineMs) {
        this.arm(state);
        return;
      }
      this.release(state);
      this.server.stats.count(state.command.id);
      this.server.send(state.client, state.onTimeout);
      this.goOn(state.client);
    });
  }
}

/** Bytes of heap that a waiting command takes, about. */
function stateBytes(call: ServerCall): number {
  let bytes = 0;
  for (let index = 0; index < call.count; index++) bytes += 2 * ITEM_BYTES + NAME_COPIES * call.lengths[index]!;
  return bytes;
}

function queueName(database: number, key: Uint8Array, offset: number, length: number): string {
  return `${database}:${latin1(key, offset, length)}`;
}
