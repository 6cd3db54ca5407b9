// prefix-counts: exact counts of keys by prefix, from the tables that Kvasir keeps when `prefix-table` is on; undefined elsewhere.
//
// A server without a table says so with an error, which costs it nothing; it is asked again when a level of the tree is opened.
import { isAggregate, isError, replyText, type Reply } from '../../client/reply.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import type { ServerLink } from '../link/server-link.js';

const prefixesMax = 20_000;

export interface PrefixCounts {
  /** Keys of the database, or below the prefix. */
  readonly keys: number;
  readonly prefixes: ReadonlyMap<string, number>;
}

/** The counts one level below a prefix, or of all levels; undefined where not every node has a whole table by this separator. */
export async function readPrefixes(
  link: ServerLink,
  database: number,
  separator: string,
  within: string | undefined,
): Promise<PrefixCounts | undefined> {
  // A proxy would have it from one of the servers behind it.
  if (separator.length !== 1 || (await link.ask()).kind === 'proxy') return undefined;
  const words = ['PREFIXES', 'COUNT', String(prefixesMax), ...(within === undefined ? [] : ['IN'])];
  const command = within === undefined ? words : [...words, bytesOfText(within)];
  const replies = await Promise.all(
    (await link.dataNodes()).map((node) => link.callNode(node, database, command).catch(() => undefined)),
  );
  let keys = 0;
  const prefixes = new Map<string, number>();
  for (const reply of replies) {
    const table = reply === undefined ? undefined : readTable(reply, separator);
    if (table === undefined) return undefined;
    keys += table.keys;
    for (const [prefix, count] of table.prefixes) prefixes.set(prefix, (prefixes.get(prefix) ?? 0) + count);
  }
  return { keys, prefixes };
}

function readTable(reply: Reply, separator: string): { keys: number; prefixes: [string, number][] } | undefined {
  if (isError(reply) || !isAggregate(reply)) return undefined;
  const fields = new Map<string, Reply>();
  for (let index = 0; index + 1 < reply.elements.length; index += 2)
    fields.set(replyText(reply.elements[index]), reply.elements[index + 1]!);
  const number = (name: string): number => Number(replyText(fields.get(name)));
  const list = fields.get('prefixes');
  if (
    replyText(fields.get('separators')) !== separator ||
    number('complete') !== 1 ||
    number('full') !== 0 ||
    number('cut') !== 0 ||
    list === undefined ||
    !isAggregate(list)
  )
    return undefined;
  const prefixes: [string, number][] = [];
  for (let index = 0; index + 1 < list.elements.length; index += 2) {
    const name = list.elements[index]!;
    if (name.kind === 'bulk') prefixes.push([textOfBytes(name.bytes), Number(replyText(list.elements[index + 1]))]);
  }
  return { keys: number('keys'), prefixes };
}
