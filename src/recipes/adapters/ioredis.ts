// ioredis: `Commands` of an ioredis client (or iovalkey, which is the same), single server, Sentinel or cluster.

import type { CommandArgument, Commands } from '../commands.js';

/** The part of `Redis` and `Cluster` that the adapter uses. */
export interface IoredisLike {
  call(command: string, args: (string | number | Buffer)[]): Promise<unknown>;
}

/**
 * `Commands` of an ioredis client. A cluster client finds the key of the commands that ioredis knows; it sends others (BF.*) to
 * any node and follows the redirection, which costs a round trip.
 */
export function fromIoredis(client: IoredisLike): Commands {
  return {
    send: (command, args) => client.call(command, args.map(ioredisArgument)),
  };
}

function ioredisArgument(argument: CommandArgument): string | number | Buffer {
  return argument instanceof Uint8Array ? Buffer.from(argument) : argument;
}
