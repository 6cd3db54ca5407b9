// node-redis: `Commands` of a client of the package `redis`: single server, pool, Sentinel or cluster.

import type { CommandArgument, Commands } from '../commands.js';

/** The part of a client or a pool of node-redis that the adapter uses. */
export interface NodeRedisLike {
  sendCommand(args: (string | Buffer)[]): Promise<unknown>;
}

/** The part of a Sentinel client of node-redis that the adapter uses. */
export interface NodeRedisSentinelLike {
  sendCommand(isReadonly: boolean | undefined, args: (string | Buffer)[]): Promise<unknown>;
}

/** The part of a cluster client of node-redis that the adapter uses. */
export interface NodeRedisClusterLike {
  sendCommand(
    firstKey: string | undefined,
    isReadonly: boolean | undefined,
    args: (string | Buffer)[],
  ): Promise<unknown>;
}

/** `Commands` of a node-redis client, or of a pool. */
export function fromNodeRedis(client: NodeRedisLike): Commands {
  return { send: (command, args) => client.sendCommand([command, ...args.map(nodeRedisArgument)]) };
}

/** `Commands` of a node-redis Sentinel client. Every command goes to the master, so that a recipe never reads a replica's past. */
export function fromNodeRedisSentinel(sentinel: NodeRedisSentinelLike): Commands {
  return { send: (command, args) => sentinel.sendCommand(false, [command, ...args.map(nodeRedisArgument)]) };
}

/** `Commands` of a node-redis cluster. Every command goes to a master, so that a recipe never reads a replica's past. */
export function fromNodeRedisCluster(cluster: NodeRedisClusterLike): Commands {
  return {
    send: (command, args, key) => {
      const words = args.map(nodeRedisArgument);
      const [first] = words;
      const place = key ?? (typeof first === 'string' ? first : first?.toString());
      return cluster.sendCommand(place, false, [command, ...words]);
    },
  };
}

function nodeRedisArgument(argument: CommandArgument): string | Buffer {
  if (typeof argument === 'number') return String(argument);
  return typeof argument === 'string' ? argument : Buffer.from(argument);
}
