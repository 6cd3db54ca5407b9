// invalidations: news from the server of keys that changed, whatever client library brings it.
//
// The sources listen on a connection of their own, in broadcasting mode: the server reports every change of keys that
// begin with the prefixes, whichever connection read them. So the connections that read need no state, and pools work.
// A server without CLIENT TRACKING (before Redis 6) reports by keyspace notifications, if they are on.

import { machineSurroundings, type Surroundings } from '../surroundings.js';

export interface InvalidationListener {
  /** This key changed; undefined: any may have (FLUSHALL). */
  changed(key: string | undefined): void;
  /** From now on changes go unnoticed. */
  lost(): void;
  /** From now on every change is reported. */
  ready(): void;
}

export interface Invalidations {
  /** Listens until the function that it returns is called; connects again by itself when the connection breaks. */
  listen(prefixes: readonly string[], listener: InvalidationListener): () => void;
}

export interface InvalidationOptions {
  /** `'tracking'`: CLIENT TRACKING or nothing; `'keyspace'`: keyspace notifications; whichever the server has, if absent. */
  readonly by?: 'tracking' | 'keyspace' | undefined;
  /** The database whose keys are meant, for keyspace notifications; 0 if absent. */
  readonly database?: number | undefined;
  /** How long to wait before the next try to listen; 200 if absent. */
  readonly retryMs?: number | undefined;
  /** Gets the reasons why listening failed. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly surroundings?: Surroundings | undefined;
}

export const INVALIDATE_CHANNEL = '__redis__:invalidate';

/** The needed abilities of a dedicated connection, so that the steps to listen are written once. */
export interface ListeningConnection {
  call(command: string, ...args: string[]): Promise<unknown>;
  /** Listens to a channel, or to a pattern. */
  subscribe(channel: string): Promise<unknown>;
  psubscribe(pattern: string): Promise<unknown>;
  /** True if invalidations come as pushes of RESP3, without a channel. */
  readonly hasPushes: boolean;
}

/** Makes a fresh connection listen. Rejects with the server's error, or with an Error that says what the server lacks. */
export async function beginToListen(
  connection: ListeningConnection,
  prefixes: readonly string[],
  { by, database = 0 }: InvalidationOptions,
): Promise<void> {
  if (by !== 'keyspace') {
    try {
      const words = prefixes.flatMap((prefix) => ['PREFIX', prefix]);
      if (connection.hasPushes) {
        // node-redis turns on the other mode by itself, and a connection changes its mode only through off.
        await connection.call('CLIENT', 'TRACKING', 'OFF');
        await connection.call('CLIENT', 'TRACKING', 'ON', 'BCAST', ...words);
        return;
      }
      const id = String(await connection.call('CLIENT', 'ID'));
      await connection.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', ...words);
      await connection.subscribe(INVALIDATE_CHANNEL);
      return;
    } catch (error) {
      if (by === 'tracking' || !/unknown (sub)?command|syntax error|NOPERM/i.test((error as Error).message))
        throw error;
    }
  }
  const flags = String(((await connection.call('CONFIG', 'GET', 'notify-keyspace-events')) as unknown[])[1] ?? '');
  if (!flags.includes('K') || !/A|(?=.*g)(?=.*\$)(?=.*x)/.test(flags))
    throw new Error(
      `the server does not tell of changed keys: notify-keyspace-events is '${flags}' and must have K and A (and e for evictions)`,
    );
  for (const prefix of prefixes)
    await connection.psubscribe(`__keyspace@${database}__:${prefix.replaceAll(/[\\*?[\]]/g, '\\$&')}*`);
}

/** The key of a keyspace notification's channel. */
export function keyOfChannel(channel: string): string {
  return channel.slice(channel.indexOf(':') + 1);
}

/** Tells a listener of the keys of one invalidation message: a list, or null for all. */
export function tellKeys(listener: InvalidationListener, keys: unknown): void {
  if (!Array.isArray(keys)) listener.changed(undefined);
  else
    for (const key of keys)
      listener.changed(key instanceof Uint8Array ? new TextDecoder().decode(key) : String(key as string));
}

/** A node of a cluster that is to be listened to. */
export interface ListenedNode {
  readonly id: string;
  readonly source: () => Invalidations;
}

/**
 * Listens to all masters of a cluster: each reports its own keys. The list is looked at each `retryMs`; while a new
 * master is not listened to yet, everything counts as lost.
 */
export function clusterInvalidations(
  nodes: () => readonly ListenedNode[],
  { retryMs = 200, surroundings = machineSurroundings }: InvalidationOptions,
): Invalidations {
  return {
    listen(prefixes, listener) {
      const open = new Map<string, { readonly close: () => void; isReady: boolean }>();
      let wasReady = false;
      let cancel = (): void => undefined;
      const tell = (): void => {
        const isReady = open.size > 0 && [...open.values()].every((node) => node.isReady);
        if (isReady === wasReady) return;
        wasReady = isReady;
        if (isReady) listener.ready();
        else listener.lost();
      };
      const look = (): void => {
        const present = nodes();
        const ids = new Set(present.map(({ id }) => id));
        for (const [id, node] of open)
          if (!ids.has(id)) {
            open.delete(id);
            node.close();
          }
        for (const { id, source } of present) {
          if (open.has(id)) continue;
          const state = { isReady: false, close: () => undefined as void };
          open.set(id, state);
          tell();
          state.close = source().listen(prefixes, {
            changed: (key) => listener.changed(key),
            lost: () => {
              state.isReady = false;
              tell();
            },
            ready: () => {
              state.isReady = true;
              tell();
            },
          });
        }
        tell();
        cancel = surroundings.after(retryMs, look);
      };
      look();
      return () => {
        cancel();
        for (const { close } of open.values()) close();
      };
    },
  };
}
