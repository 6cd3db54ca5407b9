// key-tree: one level of the tree of keys: the folders below a prefix with counts, and the keys that lie in it.
import { globMatches } from '../../base/glob.js';
import type { Clock } from '../../io/clock.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import type { ServerLink } from '../link/server-link.js';
import { KeyScan, startingWith } from './key-scan.js';
import { readPrefixes } from './prefix-counts.js';

const stepMsMax = 150;
/** The first step of a folder is short, so that the first names are soon seen. */
const firstStepMsMax = 30;
const newNamesMax = 1000;
const nameBytesMax = 4 << 20;

export interface TreeQuery {
  readonly database: number;
  /** In the form of text-bytes; '' is the root. */
  readonly prefix: string;
  readonly separator: string;
  /** A pattern that the keys must match besides; '' for none. */
  readonly pattern: string;
  readonly type: string | undefined;
  readonly position: string;
  /** The keys that the person may see begin with one of these; none: all. */
  readonly limits: readonly string[];
}

export interface TreeStep {
  readonly position: string;
  readonly isDone: boolean;
  readonly scanned: number;
  /** Name of each folder (with its separator) and keys that this step found in it. */
  readonly folders: readonly (readonly [string, number])[];
  readonly keys: readonly string[];
  /** On the first step of a server that counts prefixes: all folders here, and how many keys lie here beside them. */
  readonly exact?: { readonly folders: readonly (readonly [string, number])[]; readonly keys: number };
}

export async function treeStep(link: ServerLink, clock: Clock, query: TreeQuery): Promise<TreeStep> {
  const { prefix, separator, limits } = query;
  const exact = query.position === '' ? await exactLevel(link, query) : undefined;
  // Nothing lies here but folders: there is nothing to look for.
  if (exact?.keys === 0) return { position: '', isDone: true, scanned: 0, folders: exact.folders, keys: [], exact };
  const scan = new KeyScan(
    link,
    { database: query.database, pattern: patternOf(query), type: query.type },
    query.position,
  );
  const folders = new Map<string, number>();
  const keys: string[] = [];
  const matches = query.pattern !== '' && prefix !== '' ? matcherOf(query.pattern) : undefined;
  let nameBytes = 0;
  await scan.step(clock, query.position === '' ? firstStepMsMax : stepMsMax, (found) => {
    for (const bytes of found) {
      nameBytes += bytes.length;
      const key = textOfBytes(bytes);
      if (!key.startsWith(prefix) || (limits.length > 0 && !limits.some((limit) => key.startsWith(limit)))) continue;
      if (matches !== undefined && !matches(key)) continue;
      const end = separator === '' ? -1 : key.indexOf(separator, prefix.length);
      if (end < 0) keys.push(key);
      else {
        const folder = key.slice(prefix.length, end + separator.length);
        folders.set(folder, (folders.get(folder) ?? 0) + 1);
      }
    }
    return folders.size + keys.length < newNamesMax && nameBytes < nameBytesMax;
  });
  const step = { position: scan.position, isDone: scan.isDone, scanned: scan.scanned, folders: [...folders], keys };
  return exact === undefined ? step : { ...step, exact };
}

/** The server's own counts below a prefix, for somebody who may see all of it. */
async function exactLevel(link: ServerLink, query: TreeQuery): Promise<TreeStep['exact']> {
  const { database, prefix, separator, pattern, type, limits } = query;
  if (
    pattern !== '' ||
    type !== undefined ||
    !(limits.length === 0 || limits.some((limit) => prefix.startsWith(limit)))
  )
    return undefined;
  const counts = await readPrefixes(link, database, separator, prefix);
  if (counts === undefined) return undefined;
  const folders = [...counts.prefixes].map(([name, count]) => [name.slice(prefix.length), count] as const);
  const below = folders.reduce((sum, [, count]) => sum + count, 0);
  return { folders, keys: Math.max(0, counts.keys - below) };
}

/** The pattern for the server's filter: made of the prefix where there is one, else the query's own. */
function patternOf({ prefix, pattern, limits }: TreeQuery): Uint8Array | undefined {
  if (prefix !== '') return startingWith(prefix);
  if (pattern !== '') return bytesOfText(pattern);
  return limits.length === 1 ? startingWith(limits[0]!) : undefined;
}

/** The pattern's own matcher, for keys below a prefix, which the server filters by. */
function matcherOf(pattern: string): (key: string) => boolean {
  const bytes = bytesOfText(pattern);
  return (key) => globMatches(bytes, bytesOfText(key));
}
