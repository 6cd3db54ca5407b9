// acl-changes: the effects of changed users on connections.

import type { PubSub } from '../pubsub/pubsub.js';
import type { AclListener } from './acl.js';
import type { ChannelPattern } from './selector.js';
import type { User } from './user.js';
import type { Client } from '../clients/client.js';

/** The connections, and whose command changed the users. */
export interface AclChangesHost {
  readonly clients: ReadonlyMap<number, Client>;
  readonly pubsub: PubSub;
  readonly actingClient: Client | undefined;
  updateUserGates(client: Client): void;
}

export class AclChanges implements AclListener {
  constructor(private readonly server: AclChangesHost) {}

  userDeleted(user: User): void {
    for (const client of this.server.clients.values()) if (client.user === user) this.close(client);
  }

  userChanged(user: User): void {
    for (const client of this.server.clients.values()) {
      // Whether a client must authenticate at all depends on the default user as it is now.
      if (client.user === user || !client.authenticated) this.server.updateUserGates(client);
    }
  }

  channelsLost(user: User, left: readonly ChannelPattern[]): void {
    for (const client of this.server.clients.values()) {
      if (client.user === user && this.server.pubsub.exceeds(client, left)) this.close(client);
    }
  }

  /** The client that caused the change still gets its reply. */
  private close(client: Client): void {
    if (client === this.server.actingClient) client.connection?.closeAfterReply();
    else client.connection?.destroy();
  }
}
