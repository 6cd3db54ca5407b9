// cluster-keys: deletes keys and redirects waiting clients when slots go to other nodes.

import { keySlot } from '../base/key-slot.js';
import { latin1Bytes } from '../base/bytes.js';
import type { Client } from '../service/clients/client.js';
import type { ReplyWriter } from '../protocol/reply.js';
import type { PubSub } from '../service/pubsub/pubsub.js';
import type { ServiceClient } from '../service/host.js';
import type { Blocking } from './blocking.js';
import type { ClusterGate } from './cluster-gate.js';
import { type ClusterKeys, type ClusterPort, keyCountOf } from './cluster-port.js';
import { SlotTrim, type TrimHost } from './slot-trim.js';

export interface ClusterKeysHost extends TrimHost {
  readonly cluster: ClusterPort | undefined;
  readonly clusterGate: ClusterGate;
  readonly blocking: Blocking;
  readonly pubsub: PubSub;
  send(client: Client, write: (reply: ReplyWriter) => void): void;
  subscriptionsChanged(client: ServiceClient): void;
}

const sunsubscribeWord = latin1Bytes('sunsubscribe');

export class SlotKeysOfServer implements ClusterKeys {
  readonly trim: SlotTrim;

  constructor(private readonly host: ClusterKeysHost) {
    this.trim = new SlotTrim(host);
  }

  countKeys(slot: number): number {
    return keyCountOf(this.host.keyspace, slot);
  }

  deleteKeys(slot: number): void {
    this.trim.begin(slot);
  }

  finishDeleting(slot: number): void {
    this.trim.finish(slot);
  }

  topologyChanged(): void {
    const { host } = this;
    const { cluster, clusterGate } = host;
    if (cluster === undefined) return;
    host.beginTurn();
    host.blocking.releaseIf((client, command, key) => clusterGate.refuseWaiting(client, command, key));
    host.pubsub.dropShardChannels(
      (name) => cluster.owner(keySlot(name)) !== cluster.shardMaster,
      (subscriber, name) => {
        const client = subscriber as Client;
        host.send(client, (reply) => {
          reply.push(3);
          reply.bulk(sunsubscribeWord, 0, sunsubscribeWord.length);
          reply.bulk(name, 0, name.length);
          reply.integer(host.pubsub.count(client, 'shardChannels'));
        });
        host.subscriptionsChanged(client);
      },
    );
  }
}
