// proxy-pools: the pools of kvasir-proxy and their servers, as its INFO tells them.
//
// `pool_alpha_server0` is the first server of the pool alpha, or a pool that somebody named so. A server's line has its name in
// it, and a pool's has none.
import { infoPairs, type InfoText } from '../base/info-text.js';

export interface PoolLine {
  readonly pool: string;
  /** Undefined in the line of the pool itself. */
  readonly server: string | undefined;
  readonly pairs: ReadonlyMap<string, string>;
}

/** The lines of pools and of their servers; undefined of what is no proxy. */
export function poolLines({ sections, pools }: InfoText): PoolLine[] | undefined {
  if (!sections.has('pools')) return undefined;
  return pools.flatMap(([field, text]) => {
    const pairs = infoPairs(text);
    const server = pairs.get('name');
    const pool = (server === undefined ? /^pool_(.+)$/ : /^pool_(.+)_server\d+$/).exec(field)?.[1];
    return pool === undefined ? [] : [{ pool, server, pairs }];
  });
}

export function isEjected({ server, pairs }: PoolLine): boolean {
  return server !== undefined && pairs.get('state') === 'ejected';
}
