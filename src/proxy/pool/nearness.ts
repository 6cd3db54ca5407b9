// nearness: which of some servers a read goes to: the nearest of the pool's choice, and none that is too far behind its master.
//
// `read_near` lists globs of addresses, nearest first ("10.1.*", "rack-a-*:*"): so a proxy in each zone reads in its own and goes to another only when
// nobody there can serve.

import { globMatches } from '../../base/glob.js';
import { utf8 } from '../../base/bytes.js';

export class Nearness {
  private readonly globs: readonly Uint8Array[];

  constructor(globs: readonly string[]) {
    this.globs = globs.map((glob) => utf8(glob));
  }

  /** 0 for the nearest; servers that no glob names are the farthest. */
  rank(host: string, port: number): number {
    for (const [index, glob] of this.globs.entries())
      if (globMatches(glob, utf8(host)) || globMatches(glob, utf8(`${host}:${port}`))) return index;
    return this.globs.length;
  }

  /** Those of `servers` that are nearest. */
  nearest<T extends { readonly options: { readonly host: string; readonly port: number } }>(
    servers: readonly T[],
  ): T[] {
    let best = Infinity;
    let found: T[] = [];
    for (const server of servers) {
      const rank = this.rank(server.options.host, server.options.port);
      if (rank < best) {
        best = rank;
        found = [];
      }
      if (rank === best) found.push(server);
    }
    return found;
  }
}
