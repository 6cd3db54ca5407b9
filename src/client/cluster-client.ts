// cluster-client: sends each command to the node of a cluster that serves its key, through redirections, moved slots and
// failovers.
//
//   const cluster = await ClusterClient.open({ seeds: [{ host: '127.0.0.1', port: 6381 }], clock, connect });
//   await cluster.call('SET', 'k1', 'v');              // the second word is the key
//   await cluster.callSlot(keySlot(key), ['EVAL', script, '1', key]);
//   await cluster.callNode(master, 'DBSIZE');
//
// One connection a node, opened when first needed. Calls that are made without waiting for the ones before share a write and
// keep their order on a node, but not across a redirection.
//
// - MOVED names the slot's owner, which counts from then on; the whole map is read again beside the calls.
// - ASK sends this one command to the other node, after ASKING.
// - TRYAGAIN, CLUSTERDOWN, LOADING, MASTERDOWN and a node that cannot be reached: read the map again, wait, and send again,
//   until `patienceMs` is over. Then the last error reply is the answer, or the connection's error is thrown.
// - A connection that ends with a command under way may have run it: the call fails with ConnectionLost, unless
//   `resendsLost` says that commands may run twice.
//
// Not here: several keys of different slots in one command (the proxy splits those), and reading from replicas.
import { latin1Bytes } from '../base/bytes.js';
import { keySlot, SLOT_COUNT } from '../base/key-slot.js';
import { delay, type Clock } from '../io/clock.js';
import { ConnectionLost, type Connection } from './connection.js';
import type { CommandArgument } from './encode-command.js';
import { readRedirection } from './redirection.js';
import { isError, replyText, type Reply } from './reply.js';
import { addressText, readClusterShards, readClusterSlots, SlotMap, type NodeAddress } from './slot-map.js';

export interface ClusterClientOptions {
  /** Nodes to ask for the map first; one that answers is enough. */
  readonly seeds: readonly NodeAddress[];
  readonly clock: Clock;
  /** Opens a connection that has logged in, as `openNode` does. */
  readonly connect: (address: NodeAddress) => Promise<Connection>;
  /** How long a call goes on trying while the cluster has no node for it; 15 seconds if absent. */
  readonly patienceMs?: number;
  /** How long a node may take to answer before its connection counts as lost; 15 seconds if absent, 0 for ever. */
  readonly answerMsMax?: number;
  /** Send a command again when the connection ended with it under way: it may run twice. */
  readonly resendsLost?: boolean;
  /** The nodes' ports for TLS count. */
  readonly tls?: boolean;
}

/** No node of the cluster gave a map of slots; the message names each with its reason. */
export class ClusterUnreachable extends Error {}

const redirectionsMax = 16;
const firstWaitMs = 10;
const longestWaitMs = 500;
const passing = /^(?:TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)\b/;

export class ClusterClient {
  private readonly connections = new Map<string, Promise<Connection>>();
  private refreshing: Promise<void> | undefined;
  private closed = false;
  private readonly patienceMs: number;
  private readonly answerMsMax: number;
  /** Times that the map was read, redirections that were followed: for tests and statistics. */
  readonly counts = { refreshes: 0, moved: 0, asked: 0, waits: 0 };

  private constructor(
    private readonly options: ClusterClientOptions,
    private slotMap: SlotMap,
  ) {
    this.patienceMs = options.patienceMs ?? 15_000;
    this.answerMsMax = options.answerMsMax ?? 15_000;
  }

  static async open(options: ClusterClientOptions): Promise<ClusterClient> {
    const client = new ClusterClient(options, new SlotMap([]));
    try {
      await client.refresh();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** The map as it is known now; replaced by a refresh. */
  get map(): SlotMap {
    return this.slotMap;
  }

  /** Runs a command whose second word is its key. */
  call(...args: CommandArgument[]): Promise<Reply> {
    const key = args[1];
    if (key === undefined) throw new TypeError('a command without a key has no slot: use callSlot or callNode');
    return this.callSlot(keySlot(typeof key === 'string' ? Buffer.from(key) : key), args);
  }

  /** Runs a command on the node that serves the slot. An error reply of the command itself is the result. */
  async callSlot(slot: number, args: readonly CommandArgument[]): Promise<Reply> {
    if (!(slot >= 0 && slot < SLOT_COUNT)) throw new RangeError(`no slot: ${slot}`);
    const deadlineMs = this.options.clock.steadyMs() + this.patienceMs;
    let waitMs = firstWaitMs;
    let target: NodeAddress | undefined;
    let asking = false;
    for (let redirections = 0; ;) {
      const address = target ?? this.slotMap.ownerOf(slot);
      const outcome = address === undefined ? notServed : await this.try(address, args, asking);
      target = undefined;
      asking = false;
      if ('reply' in outcome) {
        const { reply } = outcome;
        if (!isError(reply)) return reply;
        const redirection = readRedirection(reply, address);
        if (redirection !== undefined) {
          if (redirection.kind === 'MOVED') {
            this.counts.moved++;
            this.slotMap.move(redirection.slot, redirection.address);
            this.refreshBeside();
          } else {
            this.counts.asked++;
            target = redirection.address;
            asking = true;
          }
          if (++redirections % redirectionsMax !== 0) continue;
          // Nodes that point at each other: wait for the cluster to make up its mind.
        } else if (!passing.test(replyText(reply))) return reply;
      }
      if (this.closed) throw new ConnectionLost('closed', 'The cluster client is closed');
      if (this.options.clock.steadyMs() + waitMs > deadlineMs) {
        if ('reply' in outcome) return outcome.reply;
        throw outcome.error;
      }
      this.counts.waits++;
      await delay(this.options.clock, waitMs);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
      if (target === undefined) await this.refresh().catch(() => undefined); // the deadline ends this, with the better error
    }
  }

  /** Runs a command on one node, without following anything. */
  async callNode(address: NodeAddress, ...args: CommandArgument[]): Promise<Reply> {
    const connection = await this.connectionTo(address);
    return this.inTime(connection, connection.call(...args));
  }

  /** Reads the map of slots again; calls that come meanwhile share the one reading. */
  refresh(): Promise<void> {
    this.refreshing ??= this.readMap().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  /** Ends all connections; calls under way fail. */
  close(): void {
    this.closed = true;
    for (const opening of this.connections.values())
      void opening.then(
        (connection) => connection.close(),
        () => undefined,
      );
    this.connections.clear();
  }

  private async try(address: NodeAddress, args: readonly CommandArgument[], asking: boolean): Promise<Outcome> {
    let connection: Connection;
    try {
      connection = await this.connectionTo(address);
    } catch (error) {
      return { error: asError(error) };
    }
    try {
      if (connection.lost !== undefined) return { error: connection.lost };
      // One after the other without a pause, so that nothing comes between ASKING and its command.
      if (asking) {
        connection.send(['ASKING']);
        connection.readAnswer().catch(() => undefined); // the command's own reply reports the loss
      }
      return { reply: await this.inTime(connection, connection.call(...args)) };
    } catch (error) {
      if (this.options.resendsLost === true && !this.closed) return { error: asError(error) };
      throw error;
    }
  }

  /** The connection to a node, opened when there is none that lives. */
  private async connectionTo(address: NodeAddress): Promise<Connection> {
    const name = addressText(address);
    for (;;) {
      if (this.closed) throw new ConnectionLost('closed', 'The cluster client is closed');
      const known = this.connections.get(name);
      if (known === undefined) break;
      const connection = await known;
      if (connection.lost === undefined) return connection;
      if (this.connections.get(name) === known) this.connections.delete(name);
    }
    const opening = this.options.connect(address);
    this.connections.set(name, opening);
    try {
      const connection = await opening;
      if (this.closed) connection.close();
      return connection;
    } catch (error) {
      if (this.connections.get(name) === opening) this.connections.delete(name);
      throw error;
    }
  }

  /** Ends the connection when its answer takes too long, because what comes later would answer something else. */
  private async inTime(connection: Connection, answer: Promise<Reply>): Promise<Reply> {
    if (this.answerMsMax === 0) return answer;
    const timer = this.options.clock.after(this.answerMsMax, () => connection.close(), true);
    try {
      return await answer;
    } finally {
      timer.cancel();
    }
  }

  private refreshBeside(): void {
    this.refresh().catch(() => undefined); // the present map stays; calls that find no node try again
  }

  private async readMap(): Promise<void> {
    const reasons: string[] = [];
    const asked = new Set<string>();
    for (const address of [...this.slotMap.nodes, ...this.options.seeds]) {
      if (asked.has(addressText(address))) continue;
      asked.add(addressText(address));
      try {
        this.slotMap = await this.readMapOf(address);
        this.counts.refreshes++;
        return;
      } catch (error) {
        reasons.push(`${addressText(address)}: ${asError(error).message}`);
      }
    }
    throw new ClusterUnreachable(`no node of the cluster reports its slots (${reasons.join('; ')})`);
  }

  private async readMapOf(address: NodeAddress): Promise<SlotMap> {
    const slots = await this.callNode(address, 'CLUSTER', 'SLOTS');
    if (!isError(slots)) return readClusterSlots(slots, address);
    if (!/unknown|^NOPERM/i.test(replyText(slots))) throw new Error(replyText(slots));
    return readClusterShards(await this.callNode(address, 'CLUSTER', 'SHARDS'), address, this.options.tls === true);
  }
}

type Outcome = { readonly reply: Reply } | { readonly error: Error };

const notServed: Outcome = {
  reply: { kind: 'error', bytes: latin1Bytes('CLUSTERDOWN Hash slot not served') },
};

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
