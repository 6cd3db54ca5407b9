// client-registry: the clients of a server: their arrival, identity and end.
//
// Not here: their bytes (connection), their commands (dispatcher), state of features (client-features).

import { utf8 } from '../../base/bytes.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Wire } from '../../io/wire.js';
import type { Acl } from '../acl/acl.js';
import type { User } from '../acl/user.js';
import type { Permissions } from '../dispatch/permissions.js';
import type { PubSub } from '../pubsub/pubsub.js';
import type { CommandStats } from '../watch/command-stats.js';
import { Client, type ClientOwner, Gate } from './client.js';
import type { ClientFeatures } from './client-features.js';
import { Connection, type ConnectionHost } from './connection.js';

/** The server whose clients these are. */
export interface ClientRegistryHost extends ClientOwner, ConnectionHost {
  readonly acl: Acl;
  readonly permissions: Permissions;
  readonly pubsub: PubSub;
  readonly stats: CommandStats;
  readonly clientFeatures: ClientFeatures;
  readonly settings: { readonly maxClients: number; readonly protectedMode: boolean; readonly timeoutSeconds: number };
  nowMs(): number;
  log(level: LogLevel, text: string): void;
}

const protectedModeText =
  "DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.";

export class ClientRegistry {
  /** Clients with a connection, by id, in the order in which they came. */
  readonly all = new Map<number, Client>();
  private nextId = 1;

  constructor(private readonly host: ClientRegistryHost) {}

  /** A client has connected. */
  accept(wire: Wire, unixSocket: boolean): Connection {
    const { host } = this;
    const client = new Client(this.nextId++, host, host.nowMs(), wire.remote, wire.local, unixSocket);
    const connection = new Connection(wire, host, client);
    client.connection = connection;
    host.stats.connections++;
    const refusal = this.refusal(client);
    if (refusal !== undefined) {
      host.stats.rejectedConnections++;
      connection.send(utf8(`-${refusal}\r\n`));
      connection.closeAfterReply();
      return connection;
    }
    this.all.set(client.id, client);
    this.loginByDefault(client);
    return connection;
  }

  private refusal(client: Client): string | undefined {
    const { settings, acl } = this.host;
    if (this.all.size >= settings.maxClients) return 'ERR max number of clients reached';
    if (settings.protectedMode && acl.defaultUser.noPassword && !client.isLocal) return protectedModeText;
    return undefined;
  }

  /** A client without a socket, for commands that the server or its embedder runs. */
  internal(remote = '', local = ''): Client {
    const client = new Client(this.nextId++, this.host, this.host.nowMs(), remote, local, false);
    client.authenticated = true;
    return client;
  }

  /** A client whose connection this server has opened, its master: it is listed, and can be killed. */
  list(client: Client): void {
    this.all.set(client.id, client);
  }

  /** The client is this user from now on. */
  login(client: Client, user: User | undefined, authenticated: boolean): void {
    client.user = user;
    client.authenticated = authenticated;
    this.updateUserGates(client);
  }

  private loginByDefault(client: Client): void {
    const { defaultUser } = this.host.acl;
    this.login(client, defaultUser, defaultUser.noPassword && defaultUser.enabled);
  }

  updateUserGates(client: Client): void {
    const restricted = client.user !== undefined && !client.user.unrestricted;
    client.gates =
      (client.gates & ~(Gate.AUTH | Gate.ACL)) |
      (client.authenticated || !this.host.permissions.requiresPassword ? 0 : Gate.AUTH) |
      (restricted ? Gate.ACL : 0);
  }

  /** The client is gone. */
  closed(client: Client): void {
    const { stats, clientFeatures } = this.host;
    this.all.delete(client.id);
    clientFeatures.forget(client);
    stats.bytesIn += client.connection?.bytesIn ?? 0;
    stats.bytesOut += client.connection?.bytesOut ?? 0;
    stats.reads += client.connection?.reads ?? 0;
    stats.writes += client.connection?.writes ?? 0;
  }

  /** RESET: the client is as it was after connecting. */
  reset(client: Client): void {
    this.host.clientFeatures.reset(client);
    client.kind = 'normal';
    client.protocol = 2;
    client.databaseIndex = 0;
    client.name = '';
    client.noEvict = false;
    client.readOnly = false;
    client.replyMode = 'on';
    client.gates &= ~(Gate.SILENT | Gate.NO_TOUCH | Gate.SUBSCRIBED | Gate.ASKING);
    this.loginByDefault(client);
  }

  /** The client has become or is no longer a subscriber. */
  subscriptionsChanged(client: Client): void {
    const subscribed = this.host.pubsub.isSubscribed(client);
    if (subscribed === (client.kind === 'pubsub')) return;
    client.kind = subscribed ? 'pubsub' : 'normal';
    client.gates = subscribed ? client.gates | Gate.SUBSCRIBED : client.gates & ~Gate.SUBSCRIBED;
  }

  /** Closes clients that sent nothing for `timeout` seconds; those that wait for something stay. */
  closeIdle(): void {
    const { host } = this;
    const { timeoutSeconds } = host.settings;
    if (timeoutSeconds === 0) return;
    for (const client of this.all.values()) {
      if (client.kind !== 'normal' || client.blocked || client.monitors) continue;
      if (host.nowMs() - client.lastInteractionMs <= timeoutSeconds * 1000) continue;
      host.log('verbose', 'Closing idle client');
      client.connection?.abandon();
    }
  }

  /** Closes all connections at once: the server ends. */
  destroyAll(): void {
    for (const client of [...this.all.values()]) client.connection?.destroy();
  }
}
