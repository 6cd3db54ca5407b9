// sibling-store: one value on several independent servers with vector clocks: writes that did not know of each other both stay.
//
// A version is a dot (the writer and its count) and the past that the writer had seen: for each writer a count. A version whose
// dot lies in another's past is obsolete; versions that do not know of each other are siblings, and the reader resolves them by
// writing with the context it read (dotted version vectors, Preguiça and others, 2010). Each server merges what it gets in one
// script; a read merges what the servers have and writes back to those that lack something.
//
// Writers have names of their own for each process, so a past grows with the processes that ever wrote the key; the last
// PAST_MAX writers are kept. A forgotten writer can bring an old value back as a sibling, never take a new one away.
//
// Key: siblings:{name:key}, a hash: dot 'writer:count' -> JSON of the past (p) and the value (v).

import { type Commands, replyPairs, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { machineSurroundings } from '../surroundings.js';
import { type Answer, Nodes } from './ask-nodes.js';
import { type ReplicaOptions, TOMBSTONE_MS } from './replica-options.js';

const PAST_MAX = 100;

// Names sort by bytes in Lua and JavaScript alike here: they are ASCII. cjson gives an empty table as {} either way: pasts are
// lists of texts, 'writer', count, so that neither side has to tell lists from maps.
const mergeScript = /* @__PURE__ */ makeScript(`
local function parse(text)
  local version = cjson.decode(text)
  local past = {}
  for index = 1, #version.p, 2 do past[version.p[index]] = tonumber(version.p[index + 1]) end
  return past, version.v == cjson.null or version.v == nil
end
local function covers(past, dot)
  local writer, count = string.match(dot, '^(.*):(%d+)$')
  return (past[writer] or 0) >= tonumber(count)
end
local versions, alive = {}, false
local found = redis.call('HGETALL', KEYS[1])
for index = 1, #found, 2 do versions[found[index]] = {parse(found[index + 1])} end
for index = 2, #ARGV, 2 do
  local dot, past, gone = ARGV[index], parse(ARGV[index + 1])
  local isObsolete = versions[dot] ~= nil
  for _, other in pairs(versions) do
    isObsolete = isObsolete or covers(other[1], dot)
  end
  if not isObsolete then
    for other in pairs(versions) do
      if covers(past, other) then
        redis.call('HDEL', KEYS[1], other)
        versions[other] = nil
      end
    end
    redis.call('HSET', KEYS[1], dot, ARGV[index + 1])
    versions[dot] = {past, gone}
  end
end
for _, version in pairs(versions) do alive = alive or not version[2] end
if alive then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
`);

type Past = ReadonlyMap<string, number>;

interface Version {
  /** As it is stored. */
  readonly text: string;
  readonly past: Past;
  readonly value: string | undefined;
}

type Versions = ReadonlyMap<string, Version>;

/** The past of the values that a read saw; a write with it replaces exactly those. */
export interface Context {
  readonly past: Past;
}

export interface Siblings {
  /** Values that no other replaces: one, none, or several that were written without knowing of each other. */
  readonly values: readonly string[];
  readonly context: Context;
}

const unseen: Context = { past: new Map() };

/**
 * Holds, with majorities that overlap: a value that was written stays until a write that had read it replaces it, however clocks go,
 * whatever minority of servers is gone. A write without a context never replaces anything.
 *
 * Does not hold: nobody resolves siblings but the reader; a read may give an older value than the read before it did, while its
 * repair is under way. Costs, to all servers at once: a write one round trip, a read one, and one in the background for repairs.
 */
export class SiblingStore {
  private readonly nodes: Nodes;
  private readonly writer: string;
  private count = 0;
  private readonly lines = new Map<string, Promise<void>>();

  constructor(
    servers: readonly Commands[],
    readonly name: string,
    private readonly options: ReplicaOptions = {},
  ) {
    this.nodes = new Nodes(servers, options);
    this.writer = (options.surroundings ?? machineSurroundings).token().replaceAll(/[^\w-]/g, '_');
  }

  async get(key: string): Promise<Siblings> {
    const whole = this.key(key);
    const question = async (node: Commands): Promise<Versions> => parseAll(await node.send('HGETALL', [whole]));
    const answers = await this.nodes.ask(`read of ${key}`, this.nodes.readQuorum, question);
    const merged = mergeVersions(answers.list.map(({ value }) => value));
    const repair = ({ node, value }: Answer<Versions>): void => {
      const missing = [...merged].filter(([dot]) => !value.has(dot));
      if (missing.length > 0) this.nodes.inBackground(this.merge(`repair of ${key}`, whole, missing, [node], 1));
    };
    answers.list.forEach(repair);
    answers.onLate(repair);
    const versions = [...merged.values()];
    return {
      values: versions.flatMap(({ value }) => (value === undefined ? [] : [value])).sort(),
      context: { past: pastOf(merged) },
    };
  }

  /** Writes a value in the place of all that `context` has seen. */
  async set(key: string, value: string, context: Context = unseen): Promise<void> {
    await this.inOrder(key, () => this.write(key, value, context));
  }

  /** Deletes what `context` has seen. */
  async remove(key: string, context: Context): Promise<void> {
    await this.inOrder(key, () => this.write(key, undefined, context));
  }

  /** Reads, resolves siblings by `change`, and writes; a write in between becomes a sibling and is not lost. */
  async update(key: string, change: (values: readonly string[]) => string): Promise<string> {
    const { values, context } = await this.get(key);
    const value = change(values);
    await this.inOrder(key, () => this.write(key, value, context));
    return value;
  }

  /** Resolves when late answers and repairs are done with. */
  settled(): Promise<void> {
    return this.nodes.settled();
  }

  /**
   * A count in a past stands for all writes of that writer up to it. So a writer's writes of one key go one after the other:
   * nobody can see the second without the first, unless the first has failed.
   */
  private async inOrder(key: string, write: () => Promise<void>): Promise<void> {
    const before = this.lines.get(key);
    const own = (before ?? Promise.resolve()).then(write);
    const ended = own.catch(() => undefined);
    this.lines.set(key, ended);
    try {
      await own;
    } finally {
      if (this.lines.get(key) === ended) this.lines.delete(key);
    }
  }

  private async write(key: string, value: string | undefined, { past }: Context): Promise<void> {
    const dot = `${this.writer}:${++this.count}`;
    const kept = [...past].slice(-PAST_MAX).flatMap(([writer, count]) => [writer, String(count)]);
    const text = JSON.stringify({ p: kept, ...(value === undefined ? {} : { v: value }) });
    const version: Version = { text, past, value };
    await this.merge(`write of ${key}`, this.key(key), [[dot, version]], undefined, this.nodes.writeQuorum);
  }

  private async merge(
    what: string,
    whole: string,
    versions: readonly (readonly [string, Version])[],
    only: readonly number[] | undefined,
    quorum: number,
  ): Promise<void> {
    const texts = versions.flatMap(([dot, { text }]) => [dot, text]);
    const args = [this.options.tombstoneMs ?? TOMBSTONE_MS, ...texts];
    await this.nodes.ask(what, quorum, (node) => runScript(node, mergeScript, [whole], args), only);
  }

  private key(key: string): string {
    return tagged('siblings', this.name, key);
  }
}

function parseAll(reply: unknown): Versions {
  const versions = new Map<string, Version>();
  for (const [dot, text] of replyPairs(reply)) {
    const stored = JSON.parse(text) as { p?: readonly string[]; v?: string };
    const past = new Map<string, number>();
    const flat = Array.isArray(stored.p) ? stored.p : [];
    for (let index = 0; index + 1 < flat.length; index += 2) past.set(flat[index]!, Number(flat[index + 1]));
    versions.set(dot, { text, past, value: stored.v });
  }
  return versions;
}

function splitDot(dot: string): [string, number] {
  const colon = dot.lastIndexOf(':');
  return [dot.slice(0, colon), Number(dot.slice(colon + 1))];
}

/** All versions of several servers without those that another's past covers. */
function mergeVersions(lists: readonly Versions[]): Map<string, Version> {
  const all = new Map(lists.flatMap((versions) => [...versions]));
  const merged = new Map<string, Version>();
  for (const [dot, version] of all) {
    const [writer, count] = splitDot(dot);
    if (![...all.values()].some(({ past }) => (past.get(writer) ?? 0) >= count)) merged.set(dot, version);
  }
  return merged;
}

/** Everything that these versions have seen, and themselves; the latest writers last. */
function pastOf(versions: Versions): Past {
  const past = new Map<string, number>();
  const see = (writer: string, count: number): void => {
    const known = past.get(writer) ?? 0;
    past.delete(writer);
    past.set(writer, Math.max(known, count));
  };
  for (const { past: seen } of versions.values()) for (const [writer, count] of seen) see(writer, count);
  for (const dot of versions.keys()) see(...splitDot(dot));
  return past;
}
