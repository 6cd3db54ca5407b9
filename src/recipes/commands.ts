// commands: what a recipe needs of a client: one method that sends a command and gives its reply.
//
// A recipe never holds a client of a certain library. The adapters (adapters/) make this of ioredis, node-redis, a server in the
// process or a stream. Replies differ between libraries and protocol versions (a map may be an object, a Map or a flat list), so
// recipes read them through the functions below.

export type CommandArgument = string | number | Uint8Array;

/** The one thing that recipes ask of a client. */
export interface Commands {
  /**
   * Sends a command and resolves to its reply: text or bytes, numbers, null, lists. Rejects with an Error whose message is the
   * text of an error reply. `key` says where a cluster must send it: the first argument if absent.
   */
  send(command: string, args: readonly CommandArgument[], key?: string): Promise<unknown>;
}

const decoder = new TextDecoder();

/** A reply as text; undefined for null. */
export function replyText(reply: unknown): string | undefined {
  if (reply === null || reply === undefined) return undefined;
  if (reply instanceof Uint8Array) return decoder.decode(reply);
  return String(reply as string);
}

/** A reply as a number; 0 for null. */
export function replyNumber(reply: unknown): number {
  const text = replyText(reply);
  if (text === undefined) return 0;
  return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text);
}

/** A reply as a list; empty for null. A map or set becomes the list of what is in it. */
export function replyList(reply: unknown): readonly unknown[] {
  if (reply === null || reply === undefined) return [];
  if (Array.isArray(reply)) return reply;
  if (reply instanceof Map) return [...reply].flat();
  if (reply instanceof Set) return [...reply];
  if (typeof reply === 'object') return Object.entries(reply).flat();
  throw new TypeError(`the reply is no list: ${String(reply as string)}`);
}

export function replyTexts(reply: unknown): string[] {
  return replyList(reply).map((item) => replyText(item) ?? '');
}

/** Pairs of a reply, whether they came as a map, as a flat list (RESP2) or as a list of pairs (RESP3). */
export function replyPairs(reply: unknown): (readonly [string, string])[] {
  const list = replyList(reply);
  const flat = Array.isArray(list[0]) ? list.flatMap((pair) => replyList(pair)) : list;
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([replyText(flat[index]) ?? '', replyText(flat[index + 1]) ?? '']);
  return pairs;
}

/** True if an error is an error reply that begins with a word such as NOSCRIPT. */
export function isErrorReply(error: unknown, word: string): boolean {
  return error instanceof Error && new RegExp(`(^|\\s)${word}\\b`).test(error.message);
}

/**
 * The key of one instance of a recipe, with a hash tag, so that all of its keys lie in one slot of a cluster: `lock:{stock}`. A name
 * with a tag of its own keeps it: `lock::{order:9}%3Aann`. Two names never share a key, whatever characters users put into them;
 * several parts make one name. The other keys of an instance are this one, a colon, and a word.
 */
export function tagged(prefix: string, ...parts: readonly string[]): string {
  const name = parts.length === 1 ? parts[0]! : [...parts.slice(0, -1).map(withoutColons), parts.at(-1)].join(':');
  if (name === '') throw new RangeError(`${prefix}: a name must not be empty`);
  // Redis looks at the first opening brace, and the first closing one after it; nothing in between is no tag.
  const own = /^([^{]*)\{([^}]+)\}([^]*)$/.exec(name);
  const key =
    own === null
      ? `${prefix}:{${name.replaceAll('%', '%25').replaceAll('}', '%7D')}}`
      : `${prefix}::${withoutColons(own[1]!)}{${own[2]!}}${withoutColons(own[3]!)}`;
  // Halves of characters would all become the same replacement character on the way to the server.
  return key.replaceAll(/\p{Surrogate}/gu, (half) => `%u${half.charCodeAt(0).toString(16)}`);
}

function withoutColons(text: string): string {
  return text.replaceAll('%', '%25').replaceAll(':', '%3A');
}

/** Throws a RangeError unless `value` is a whole number of at least `min`. */
export function requireCount(what: string, value: number, min = 1): number {
  if (!Number.isSafeInteger(value) || value < min)
    throw new RangeError(`${what} must be a whole number of at least ${min}, and is ${value}`);
  return value;
}

/** Throws a RangeError unless `value` is a number that is neither infinite nor NaN. */
export function requireFinite(what: string, value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${what} must be a finite number, and is ${value}`);
  return value;
}
