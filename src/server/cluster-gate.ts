// cluster-gate: whether a command may run on this node of a cluster, by its keys; else the error that names their node.
//
// Most commands have one key at a fixed place, and its slot is this node's: `admits` sees that with one checksum of the key and
// two loads, and spares the lookup the checksum (SlotKeys.remember). Everything else goes to `refuse`, which follows the rules of
// Redis's getNodeByQuery in their order:
//
//   keys of several slots            CROSSSLOT
//   no node serves the slot          CLUSTERDOWN Hash slot not served
//   the cluster is down              CLUSTERDOWN, unless reads or shard channels are allowed then
//   the slot moves away, keys gone   ASK the new node; TRYAGAIN when some are still here
//   the slot moves here, ASKING      run; TRYAGAIN when there are several keys and some are not here yet
//   READONLY on a replica            reads of its master's slots run
//   another node's slot              MOVED
//
// Not here: clients that wait when a slot moves (cluster-keys).

import { keySlot, SLOT_COUNT } from '../base/key-slot.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import { errors } from '../protocol/errors.js';
import { Call } from '../registry/call.js';
import { type Command, commandFlags } from '../registry/command.js';
import { findKeys, FoundKeys } from '../registry/find-keys.js';
import type { Database } from '../keyspace/database.js';
import { type Client, Gate } from '../service/clients/client.js';
import type { Config } from '../service/config/config.js';
import type { CommandQueue } from './command-queue.js';
import { endpointOf, portOf } from './cluster-endpoint.js';
import type { ClusterNodeView, ClusterPort } from './cluster-port.js';
import type { ServerCall } from './call.js';

export interface GateHost {
  readonly cluster: ClusterPort | undefined;
  readonly keyspace: Keyspace;
  readonly config: Config;
  readonly tlsPort: number;
  readonly transactions: { queueOf(client: Client): CommandQueue | undefined };
}

/** No key was met yet. */
const NO_SLOT = -1;
/** In `keyPlaces`: the command has keys that only a search finds. */
const SEARCH = -1;

const shardCommands = new Set(['ssubscribe', 'sunsubscribe', 'spublish']);

/** Errors that mean the same to a script in other words. */
const scriptTexts: ReadonlyMap<string, string> = new Map([
  [
    errors.clusterDownReadOnly,
    'ERR Script attempted to execute a write command while the cluster is down and readonly',
  ],
  [errors.clusterDown, 'ERR Script attempted to execute a command while the cluster is down'],
]);

export class ClusterGate {
  private readonly allowsReads;
  private readonly allowsShardChannels;
  private readonly found = new FoundKeys();
  /** By the number of a command: 0 not looked at yet, -1 its keys must be searched, else 1 + the place of the only key, 1 for none. */
  private keyPlaces: Int16Array = new Int16Array(1024);
  /** By the number of a command: how many arguments a call has that has only one key; 0: any number. */
  private counts: Int16Array = new Int16Array(1024);
  // The findings of `look` so far.
  private slot = NO_SLOT;
  private owner: ClusterNodeView | undefined;
  private isMigrating = false;
  private isImporting = false;
  private missingKeys = 0;
  private presentKeys = 0;
  private hasSeveralKeys = false;
  private firstBytes: Uint8Array | undefined;
  private firstOffset = 0;
  private firstLength = 0;

  constructor(private readonly host: GateHost) {
    this.allowsReads = host.config.flag('cluster-allow-reads-when-down');
    this.allowsShardChannels = host.config.flag('cluster-allow-pubsubshard-when-down');
  }

  /** The slot of the keys of the command that was looked at last; -1 when it had none. */
  get lastSlot(): number {
    return this.slot;
  }

  /** Whether a call runs here without a closer look. @hot */
  admits(call: ServerCall, command: Command<ServerCall>): boolean {
    const place = this.keyPlaces[command.id]!;
    if (place <= 1) {
      this.slot = NO_SLOT;
      return place === 1 || (place === 0 && this.placeOf(command) && this.admits(call, command));
    }
    const count = this.counts[command.id]!;
    if (count !== 0 && call.count !== count) return false;
    const offset = call.starts[place - 1]!;
    const length = call.lengths[place - 1]!;
    const slot = keySlot(call.bytes, offset, length);
    const cluster = this.host.cluster!;
    if (!cluster.isOk || cluster.isMovingSlots || !cluster.isMine(slot)) return false;
    this.host.keyspace.databases[0]!.slots!.remember(call.bytes, offset, length, slot);
    this.slot = slot;
    return true;
  }

  /** Looks where a command has its key; false when it has more than one or `refuse` must look at it. */
  private placeOf(command: Command<ServerCall>): boolean {
    while (command.id >= this.keyPlaces.length) {
      this.keyPlaces = grown(this.keyPlaces);
      this.counts = grown(this.counts);
    }
    this.keyPlaces[command.id] = SEARCH;
    const { keys, declaration } = command;
    if (declaration.findKeys !== undefined || command.name === 'exec' || shardCommands.has(command.name)) return false;
    if (keys.length === 0) {
      this.keyPlaces[command.id] = 1;
      return true;
    }
    const { begin, find } = keys[0]!;
    if (keys.length > 1 || begin === 'unknown' || !('index' in begin) || find === 'unknown' || !('last' in find))
      return false;
    this.keyPlaces[command.id] = 1 + begin.index;
    // Of several keys in a row, a call with the fewest arguments has one.
    if (find.last !== 0) this.counts[command.id] = begin.index + (find.last < 0 ? -find.last : find.last + 1);
    return find.last <= 0;
  }

  /** Why a command does not run here; undefined when it does. */
  refuse(client: Client, command: Command<ServerCall>, call: ServerCall, flags: number): string | undefined {
    const cluster = this.host.cluster!;
    this.begin();
    let flagsOfAll = flags;
    if (command.name === 'exec') {
      const queue = this.host.transactions.queueOf(client);
      if (queue === undefined) return undefined;
      flagsOfAll |= queue.flags;
      const text = this.lookAtQueue(cluster, queue);
      if (text !== undefined) return text;
    } else {
      const text = this.look(cluster, command, call);
      if (text !== undefined) return text;
    }
    return this.decide(cluster, client, command, flagsOfAll);
  }

  /** As `refuse`, for a command of a script, in the words of scripts. `caller` is who called the script. */
  refuseScripted(caller: Client, command: Command<ServerCall>, call: ServerCall): string | undefined {
    // Commands of a script come in one buffer: what was remembered of the last one is of no use.
    this.host.keyspace.databases[0]!.slots!.forget();
    if (this.admits(call, command)) return undefined;
    const text = this.refuse(caller, command, call, command.flags);
    if (text === undefined) return undefined;
    return scriptTexts.get(text) ?? 'ERR Script attempted to access a non local key in a cluster node';
  }

  /** Why a client may not go on waiting for a key with its command; undefined when it may. */
  refuseWaiting(client: Client, command: Command<ServerCall>, key: Uint8Array): string | undefined {
    const cluster = this.host.cluster!;
    if (!cluster.isOk) return errors.clusterDown;
    const slot = keySlot(key);
    const owner = cluster.owner(slot);
    if (owner === cluster.myself || cluster.importingFrom(slot) !== undefined) return undefined;
    const isReading = client.readOnly && (command.flags & commandFlags.write) === 0;
    if (owner !== undefined && isReading && cluster.myself.isReplica && cluster.shardMaster === owner) return undefined;
    return owner === undefined ? errors.slotNotServed : this.redirection('MOVED', client, slot, owner);
  }

  private begin(): void {
    this.slot = NO_SLOT;
    this.owner = undefined;
    this.isMigrating = false;
    this.isImporting = false;
    this.missingKeys = 0;
    this.presentKeys = 0;
    this.hasSeveralKeys = false;
    this.firstBytes = undefined;
  }

  private lookAtQueue(cluster: ClusterPort, queue: CommandQueue): string | undefined {
    const reader = queue.reader();
    const call = new Call<Database, unknown, Client>();
    while (reader.hasNext) {
      const text = this.look(cluster, reader.next(call), call);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  /** Takes the keys of a command into account; returns the error of keys that nobody serves together. */
  private look(cluster: ClusterPort, command: Command<ServerCall>, call: ServerCall): string | undefined {
    const { found } = this;
    const isOfShard = (command.flags & commandFlags.pubsub) !== 0;
    // Where the arguments do not fit, the command itself says so.
    if (!findKeys(command, call, isOfShard, found)) return undefined;
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      const offset = call.starts[at]!;
      const length = call.lengths[at]!;
      const slot = keySlot(call.bytes, offset, length);
      if (this.slot === NO_SLOT) {
        this.slot = slot;
        this.owner = cluster.owner(slot);
        if (this.owner === undefined) return errors.slotNotServed;
        this.isMigrating = this.owner === cluster.myself && cluster.migratingTo(slot) !== undefined;
        this.isImporting = !this.isMigrating && cluster.importingFrom(slot) !== undefined;
        this.firstBytes = call.bytes;
        this.firstOffset = offset;
        this.firstLength = length;
      } else if (slot !== this.slot) {
        return errors.crossSlot;
      } else if (!this.hasSeveralKeys) {
        this.hasSeveralKeys = !this.isFirst(call.bytes, offset, length);
      }
      if ((this.isMigrating || this.isImporting) && !isOfShard) this.countKey(call.bytes, offset, length);
    }
    return undefined;
  }

  private isFirst(bytes: Uint8Array, offset: number, length: number): boolean {
    if (length !== this.firstLength) return false;
    const first = this.firstBytes!;
    for (let index = 0; index < length; index++)
      if (first[this.firstOffset + index] !== bytes[offset + index]) return false;
    return true;
  }

  private countKey(bytes: Uint8Array, offset: number, length: number): void {
    if (this.host.keyspace.databases[0]!.peek(bytes, offset, length) === 0) this.missingKeys++;
    else this.presentKeys++;
  }

  private decide(
    cluster: ClusterPort,
    client: Client,
    command: Command<ServerCall>,
    flags: number,
  ): string | undefined {
    const { owner, slot } = this;
    if (owner === undefined) return undefined;
    // Of the commands with keys only those of shard channels have this flag, alone or in a transaction.
    const isOfShard = (flags & commandFlags.pubsub) !== 0;
    const writes = (flags & commandFlags.write) !== 0;
    if (!cluster.isOk) {
      if (isOfShard) {
        if (!this.allowsShardChannels.value) return errors.clusterDown;
      } else if (!this.allowsReads.value) return errors.clusterDown;
      else if (writes) return errors.clusterDownReadOnly;
    }
    // MIGRATE is how keys of a slot that is open get here and away.
    if ((this.isMigrating || this.isImporting) && command.name === 'migrate') return undefined;
    if (this.isMigrating && this.missingKeys > 0)
      return this.presentKeys > 0 ? errors.tryAgain : this.redirection('ASK', client, slot, cluster.migratingTo(slot)!);
    const asks = (client.gates & Gate.ASKING) !== 0 || (command.flags & commandFlags.asking) !== 0;
    if (this.isImporting && asks) return this.hasSeveralKeys && this.missingKeys > 0 ? errors.tryAgain : undefined;
    const isReading = (client.readOnly || isOfShard) && !writes;
    if (isReading && cluster.myself.isReplica && cluster.shardMaster === owner) return undefined;
    return owner === cluster.myself ? undefined : this.redirection('MOVED', client, slot, owner);
  }

  private redirection(word: 'MOVED' | 'ASK', client: Client, slot: number, node: ClusterNodeView): string {
    const isSecure = client.local.endsWith(`:${this.host.tlsPort}`);
    return `${word} ${slot} ${endpointOf(node, this.host.config) ?? ''}:${portOf(node, isSecure)}`;
  }
}

function grown(table: Int16Array): Int16Array {
  const larger = new Int16Array(table.length * 2);
  larger.set(table);
  return larger;
}

/** The slot that an argument names; NaN when it is none. */
export function readSlot(call: Pick<ServerCall, 'integer'>, index: number): number {
  const slot = call.integer(index);
  return slot >= 0 && slot < SLOT_COUNT ? slot : NaN;
}
