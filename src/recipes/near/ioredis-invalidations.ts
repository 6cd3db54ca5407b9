// ioredis-invalidations: news of changed keys by a duplicate of an ioredis client.
//
// ioredis speaks RESP2 to subscribers, so invalidations are redirected: the connection redirects them to itself, and subscribes.

import { machineSurroundings } from '../surroundings.js';
import {
  beginToListen,
  clusterInvalidations,
  INVALIDATE_CHANNEL,
  type InvalidationOptions,
  type Invalidations,
  keyOfChannel,
  tellKeys,
} from './invalidations.js';

/** The part of `Redis` of ioredis that listening uses. */
export interface IoredisListener {
  duplicate(options: {
    autoResubscribe: boolean;
    lazyConnect: boolean;
    readOnly: boolean;
    keyPrefix: string;
    retryStrategy: () => number;
  }): IoredisConnection;
}

export interface IoredisConnection {
  call(command: string, args: string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  psubscribe(pattern: string): Promise<unknown>;
  connect(): Promise<unknown>;
  disconnect(reconnect?: boolean): void;
  // Each client has overloads of its own, so listeners are loose here.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
}

/** The part of `Cluster` of ioredis that listening uses. */
export interface IoredisClusterListener {
  nodes(
    role: 'master',
  ): (IoredisListener & { readonly options: { host?: string | undefined; port?: number | undefined } })[];
}

/** Listens by a duplicate of an ioredis client; the client's own connection stays as it is. */
export function ioredisInvalidations(client: IoredisListener, options: InvalidationOptions = {}): Invalidations {
  const { retryMs = 200, surroundings = machineSurroundings, onError } = options;
  return {
    listen(prefixes, listener) {
      const connection = client.duplicate({
        // Subscriptions alone would come back without the redirection.
        autoResubscribe: false,
        lazyConnect: true,
        readOnly: false,
        keyPrefix: '',
        retryStrategy: () => retryMs,
        // Version 6 would speak RESP3, whose pushes it does not show.
        ...({ protocol: 2 } as object),
      });
      let isClosed = false;
      let cancel = (): void => undefined;
      let life = 0;
      connection.on('error', (error: unknown) => onError?.(error));
      connection.on('close', () => {
        life++;
        if (!isClosed) listener.lost();
      });
      connection.on('messageBuffer', (channel: Uint8Array, keys: unknown) => {
        if (new TextDecoder().decode(channel) === INVALIDATE_CHANNEL) tellKeys(listener, keys);
      });
      connection.on('pmessage', (_pattern: string, channel: string) => listener.changed(keyOfChannel(channel)));
      connection.on('ready', () => {
        const own = ++life;
        const session = {
          call: (command: string, ...args: string[]) => connection.call(command, args),
          subscribe: (channel: string) => connection.subscribe(channel),
          psubscribe: (pattern: string) => connection.psubscribe(pattern),
          hasPushes: false,
        };
        beginToListen(session, prefixes, options).then(
          () => {
            if (own === life && !isClosed) listener.ready();
          },
          (error: unknown) => {
            if (isClosed || own !== life) return;
            onError?.(error);
            cancel = surroundings.after(retryMs, () => connection.disconnect(true));
          },
        );
      });
      connection.connect().catch((error: unknown) => onError?.(error));
      return () => {
        isClosed = true;
        cancel();
        connection.disconnect();
      };
    },
  };
}

/** Listens to all masters of an ioredis cluster. */
export function ioredisClusterInvalidations(
  cluster: IoredisClusterListener,
  options: InvalidationOptions = {},
): Invalidations {
  return clusterInvalidations(
    () =>
      cluster.nodes('master').map((node) => ({
        id: `${node.options.host}:${node.options.port}`,
        source: () => ioredisInvalidations(node, options),
      })),
    options,
  );
}
