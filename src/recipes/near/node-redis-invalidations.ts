// node-redis-invalidations: news of changed keys by a duplicate of a node-redis client, as pushes of RESP3.

import { machineSurroundings } from '../surroundings.js';
import {
  beginToListen,
  clusterInvalidations,
  type InvalidationOptions,
  type Invalidations,
  keyOfChannel,
} from './invalidations.js';

/** The part of a client of node-redis that listening uses. */
export interface NodeRedisListener {
  // The options of a client are generic in five ways; what is given here holds for all.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  duplicate(overrides: any): unknown;
}

interface NodeRedisConnection {
  sendCommand(args: string[]): Promise<unknown>;
  pSubscribe(pattern: string, listener: (message: string, channel: string) => void): Promise<unknown>;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (argument: unknown) => void): unknown;
}

/** The part of a cluster client of node-redis that listening uses. */
export interface NodeRedisClusterListener {
  readonly masters: readonly { readonly address: string; readonly client?: unknown }[];
}

/** Listens by a duplicate of a node-redis client (5 or newer), which speaks RESP3 whatever the client speaks. */
export function nodeRedisInvalidations(client: NodeRedisListener, options: InvalidationOptions = {}): Invalidations {
  const { retryMs = 200, surroundings = machineSurroundings, onError } = options;
  return {
    listen(prefixes, listener) {
      const connection = client.duplicate({
        RESP: 3,
        emitInvalidate: true,
        clientSideCache: undefined,
      }) as NodeRedisConnection;
      let isClosed = false;
      let life = 0;
      let cancel = (): void => undefined;
      const lose = (): void => {
        life++;
        if (!isClosed) listener.lost();
      };
      connection.on('error', (error) => {
        if (!isClosed) onError?.(error);
      });
      connection.on('reconnecting', lose);
      connection.on('end', lose);
      connection.on('invalidate', (key) => listener.changed(key === null ? undefined : String(key as string)));
      const begin = (): void => {
        const own = ++life;
        const hear = (_message: string, channel: string): void => listener.changed(keyOfChannel(channel));
        const session = {
          call: async (command: string, ...args: string[]) => {
            const reply = await connection.sendCommand([command, ...args]);
            // CONFIG GET replies with a map.
            return Array.isArray(reply) || typeof reply !== 'object' || reply === null
              ? reply
              : Object.entries(reply).flat();
          },
          subscribe: () => Promise.reject(new Error('pushes need no channel')),
          psubscribe: (pattern: string) => connection.pSubscribe(pattern, hear),
          hasPushes: true,
        };
        beginToListen(session, prefixes, options).then(
          () => {
            if (own === life && !isClosed) listener.ready();
          },
          (error: unknown) => {
            if (own !== life || isClosed) return;
            onError?.(error);
            cancel = surroundings.after(retryMs, begin);
          },
        );
      };
      connection.on('ready', begin);
      connection.connect().catch((error: unknown) => {
        if (!isClosed) onError?.(error);
      });
      return () => {
        isClosed = true;
        cancel();
        connection.destroy();
      };
    },
  };
}

/** Listens to all masters of a node-redis cluster, of those that it has connected to. */
export function nodeRedisClusterInvalidations(
  cluster: NodeRedisClusterListener,
  options: InvalidationOptions = {},
): Invalidations {
  return clusterInvalidations(
    () =>
      cluster.masters.flatMap(({ address, client }) =>
        isListener(client) ? [{ id: address, source: () => nodeRedisInvalidations(client, options) }] : [],
      ),
    options,
  );
}

function isListener(client: unknown): client is NodeRedisListener {
  return typeof client === 'object' && client !== null && 'duplicate' in client;
}
