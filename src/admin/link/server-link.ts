// server-link: the connections to one entry of the list: a server, a cluster, a sentinel or a proxy, found by asking it.
//
// There is one shared connection for each node and database, opened when it is needed and closed when nobody used it for a
// minute. Commands share it without waiting for each other. A reply that does not come within its time ends the connection,
// because what comes later would answer another command; the others that wait there fail with it.
import { addressText, type NodeAddress, readClusterSlots, SlotMap } from '../../client/slot-map.js';
import { Connection, ConnectionLost } from '../../client/connection.js';
import type { CommandArgument } from '../../client/encode-command.js';
import { LoginError, logIn } from '../../client/open-node.js';
import { ConnectError, type Endpoint } from '../../client/open-stream.js';
import { readRedirection } from '../../client/redirection.js';
import { isAggregate, isError, type Reply, replyText } from '../../client/reply.js';
import type { Clock, Timer } from '../../io/clock.js';
import { parseAddress } from '../../transfer/link/address.js';
import { ApiError } from '../api-error.js';
import type { ServerEntry } from '../store/servers.js';

const connectMsMax = 5000;
const idleMsMax = 60_000;
export const REPLY_MS_MAX = 15_000;
const redirectionsMax = 5;
const aboutMsMax = 2000;
/** A walk through all keys must not miss a master that got slots meanwhile; a single key finds its master by MOVED. */
const mapMsMax = 2000;

export type ServerKind = 'standalone' | 'cluster' | 'sentinel' | 'proxy';

/** A server's description of itself. */
export interface About {
  readonly kind: ServerKind;
  readonly role: 'master' | 'replica' | 'none';
  readonly version: string;
  readonly product: 'kvasir' | 'valkey' | 'redis' | 'other';
  readonly info: string;
}

export interface Login {
  readonly user: string | undefined;
  readonly password: string | undefined;
}

interface Shared {
  readonly opening: Promise<Connection>;
  /** The next command opens another connection. */
  readonly drop: () => void;
  usedMs: number;
  pending: number;
}

export class ServerLink {
  private readonly connections = new Map<string, Shared>();
  private map: SlotMap | undefined;
  private mapMs = 0;
  private about: { readonly value: About; readonly atMs: number } | undefined;
  private asking: Promise<About> | undefined;
  private sweep: Timer | undefined;
  private isClosed = false;

  constructor(
    readonly entry: ServerEntry,
    private readonly login: Login,
    private readonly clock: Clock,
  ) {}

  get name(): string {
    return this.entry.name;
  }

  /** INFO, at most two seconds old. */
  async ask(): Promise<About> {
    if (this.about !== undefined && this.clock.steadyMs() - this.about.atMs < aboutMsMax) return this.about.value;
    this.asking ??= this.readAbout().finally(() => (this.asking = undefined));
    return this.asking;
  }

  /** Sends one command to where it belongs. */
  async call(
    database: number,
    args: readonly CommandArgument[],
    key?: Uint8Array,
    replyMsMax = REPLY_MS_MAX,
  ): Promise<Reply> {
    const about = await this.ask();
    if (about.kind !== 'cluster') return this.callNode(undefined, database, args, replyMsMax);
    let node = key === undefined ? undefined : (await this.slotMap()).ownerOfKey(key);
    let isAsked = false;
    for (let tries = 0; ; tries++) {
      const asked = isAsked ? this.callNode(node, 0, ['ASKING'], replyMsMax) : undefined;
      const reply = await this.callNode(node, 0, args, replyMsMax);
      await asked;
      const redirection = isError(reply) ? readRedirection(reply, node) : undefined;
      if (redirection === undefined || tries === redirectionsMax) return reply;
      isAsked = redirection.kind === 'ASK';
      node = redirection.address;
      if (!isAsked) this.map = undefined;
    }
  }

  /** Sends a command to a node; undefined: the node of the entry. */
  async callNode(
    node: NodeAddress | undefined,
    database: number,
    args: readonly CommandArgument[],
    replyMsMax = REPLY_MS_MAX,
  ): Promise<Reply> {
    const shared = this.shared(node, database);
    shared.pending++;
    let connection: Connection | undefined;
    try {
      connection = await shared.opening;
      return await this.inTime(connection, connection.call(...args), replyMsMax);
    } catch (error) {
      // `onLost` is not called for an end that a waiting command was told of.
      if (connection?.lost !== undefined) shared.drop();
      throw this.explain(error, node);
    } finally {
      shared.pending--;
      shared.usedMs = this.clock.steadyMs();
    }
  }

  /** The nodes that hold keys: the masters of a cluster, or the server itself (undefined). */
  async dataNodes(): Promise<(NodeAddress | undefined)[]> {
    if ((await this.ask()).kind !== 'cluster') return [undefined];
    if (this.clock.steadyMs() - this.mapMs >= mapMsMax) this.map = undefined;
    return (await this.slotMap()).shards.map(({ master }) => master);
  }

  async slotMap(): Promise<SlotMap> {
    if (this.map === undefined) {
      const reply = await this.callNode(undefined, 0, ['CLUSTER', 'SLOTS']);
      if (isError(reply)) throw new ApiError('server-error', replyText(reply));
      const map = readClusterSlots(reply, await this.firstAddress());
      this.map = map;
      this.mapMs = this.clock.steadyMs();
      return map;
    }
    return this.map;
  }

  /** A connection of its own, for a console, MONITOR or subscriptions. The caller closes it. */
  async open(database: number, node?: NodeAddress): Promise<Connection> {
    try {
      return await this.connect(node, database);
    } catch (error) {
      throw this.explain(error, node);
    }
  }

  /** Where tools that open connections of their own find the server. */
  async endpoint(node?: NodeAddress): Promise<Endpoint> {
    const { tls } = this.entry;
    if (node !== undefined) return { host: node.host, port: node.port, tls, timeoutMs: connectMsMax };
    if (this.entry.sentinelMaster !== undefined) {
      const { host, port } = await this.masterBySentinel(this.entry.sentinelMaster);
      return { host, port, tls, timeoutMs: connectMsMax };
    }
    return { ...parseAddress(this.entry.nodes[0]!).endpoint, tls, timeoutMs: connectMsMax };
  }

  get credentials(): Login {
    return this.login;
  }

  close(): void {
    this.isClosed = true;
    this.sweep?.cancel();
    this.forgetConnections();
  }

  private forgetConnections(): void {
    for (const { opening } of this.connections.values())
      opening.then(
        (connection) => connection.close(),
        () => undefined, // it never came about
      );
    this.connections.clear();
  }

  private shared(node: NodeAddress | undefined, database: number): Shared {
    if (this.isClosed) throw new ApiError('unreachable', `${this.name} was closed`);
    const name = `${node === undefined ? '' : addressText(node)}/${database}`;
    const known = this.connections.get(name);
    if (known !== undefined) return known;
    const forget = (): void => {
      if (this.connections.get(name) === made) this.connections.delete(name);
    };
    const drop = (): void => {
      forget();
      this.about = undefined;
    };
    const made: Shared = { opening: this.connect(node, database), drop, usedMs: this.clock.steadyMs(), pending: 0 };
    this.connections.set(name, made);
    made.opening.then((connection) => {
      connection.onLost = drop;
      connection.onIdleData = () => {
        // Nobody asked for this: a notice before the end, say.
        connection.close();
        drop();
      };
    }, forget);
    this.sweepLater();
    return made;
  }

  private sweepLater(): void {
    this.sweep ??= this.clock.after(idleMsMax / 2, () => {
      this.sweep = undefined;
      for (const [name, shared] of this.connections) {
        if (shared.pending > 0 || this.clock.steadyMs() - shared.usedMs < idleMsMax) continue;
        this.connections.delete(name);
        shared.opening.then(
          (connection) => connection.close(),
          () => undefined,
        );
      }
      if (this.connections.size > 0) this.sweepLater();
    });
  }

  private async connect(node: NodeAddress | undefined, database: number): Promise<Connection> {
    const connection = await this.connectAny(node);
    try {
      await this.inTime(connection, logIn(connection, this.login), connectMsMax);
      if (database !== 0) {
        const reply = await this.inTime(connection, connection.call('SELECT', String(database)), connectMsMax);
        if (isError(reply)) throw new ApiError('server-error', replyText(reply));
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Tries the nodes of the entry one after the other. */
  private async connectAny(node: NodeAddress | undefined): Promise<Connection> {
    if (node !== undefined || this.entry.sentinelMaster !== undefined || this.entry.nodes.length === 1)
      return Connection.open(await this.endpoint(node));
    let failure: unknown;
    for (const text of this.entry.nodes) {
      try {
        return await Connection.open({ ...parseAddress(text).endpoint, tls: this.entry.tls, timeoutMs: connectMsMax });
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  private async firstAddress(): Promise<NodeAddress> {
    const { host, port } = await this.endpoint();
    return { host, port };
  }

  private async masterBySentinel(name: string): Promise<NodeAddress> {
    const reasons: string[] = [];
    for (const text of this.entry.nodes) {
      let connection: Connection | undefined;
      try {
        connection = await Connection.open({ ...parseAddress(text).endpoint, timeoutMs: connectMsMax });
        const reply = await this.inTime(
          connection,
          connection.call('SENTINEL', 'get-master-addr-by-name', name),
          connectMsMax,
        );
        if (isAggregate(reply) && reply.elements.length === 2)
          return { host: replyText(reply.elements[0]), port: Number(replyText(reply.elements[1])) };
        reasons.push(`${text}: ${isError(reply) ? replyText(reply) : `knows no master ${name}`}`);
      } catch (error) {
        reasons.push(`${text}: ${(error as Error).message}`);
      } finally {
        connection?.close();
      }
    }
    throw new ApiError('unreachable', `No sentinel knows the address of ${name} (${reasons.join('; ')}).`);
  }

  private async inTime<T>(connection: Connection, answer: Promise<T>, timeMs: number): Promise<T> {
    let isLate = false;
    const timer = this.clock.after(
      timeMs,
      () => {
        isLate = true;
        connection.close();
      },
      true,
    );
    try {
      return await answer;
    } catch (error) {
      if (isLate)
        throw new ApiError('unreachable', `${this.name} did not reply within ${Math.round(timeMs / 1000)} seconds.`);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  private async readAbout(): Promise<About> {
    let value = await this.askNode();
    if (value.role === 'replica' && this.entry.sentinelMaster !== undefined) {
      // There was a failover, and the old master did not end its connections: the sentinels know the new one.
      this.forgetConnections();
      value = await this.askNode();
    }
    this.about = { value, atMs: this.clock.steadyMs() };
    return value;
  }

  private async askNode(): Promise<About> {
    const reply = await this.callNode(undefined, 0, ['INFO']);
    return isError(reply) ? aboutRefused(replyText(reply)) : readInfo(replyText(reply));
  }

  private explain(error: unknown, node: NodeAddress | undefined): Error {
    const where = node === undefined ? this.name : `${this.name} (${addressText(node)})`;
    if (error instanceof LoginError) return new ApiError('unreachable', `${where} refuses the login: ${error.message}`);
    if (error instanceof ConnectError || error instanceof ConnectionLost)
      return new ApiError('unreachable', `${where}: ${error.message}`);
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A user that may not read INFO can work all the same. */
function aboutRefused(text: string): About {
  if (text.startsWith('NOAUTH')) throw new ApiError('unreachable', `The server wants a password: ${text}`);
  return { kind: 'standalone', role: 'none', version: '', product: 'other', info: '' };
}

export function infoField(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}

function readInfo(info: string): About {
  const mode = infoField(info, 'redis_mode') ?? infoField(info, 'server_mode');
  const isProxy = infoField(info, 'proxy') !== undefined;
  const kind = isProxy
    ? 'proxy'
    : mode === 'sentinel'
      ? 'sentinel'
      : infoField(info, 'cluster_enabled') === '1' || mode === 'cluster'
        ? 'cluster'
        : 'standalone';
  const role = infoField(info, 'role');
  const product =
    infoField(info, 'kvasir_version') !== undefined
      ? 'kvasir'
      : infoField(info, 'valkey_version') !== undefined
        ? 'valkey'
        : infoField(info, 'redis_version') !== undefined
          ? 'redis'
          : 'other';
  return {
    kind,
    role: role === 'slave' ? 'replica' : role === 'master' ? 'master' : 'none',
    version: infoField(info, `${product}_version`) ?? '',
    product,
    info,
  };
}
