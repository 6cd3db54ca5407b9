// newest-store: one value on several independent servers, written to all of them; the newest wins, and a read repairs who is behind.
//
// Each value has a version and the writer's name, which decides between equal versions. Versions come from one of two places:
//
// asked  the writer asks a majority for the newest version and writes the next one, and a read does not end before a majority has
//        what it gives (Attiya, Bar-Noy, Dolev, 1995): an atomic register, without any clock;
// clock  the writer's clock, in milliseconds: one round trip less, and a writer whose clock is behind loses writes silently.
//
// Key: newest:{name:key}, a hash of version (v), writer (w), and the value (d), which is absent after a deletion.

import { type Commands, replyList, replyNumber, replyText, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { machineSurroundings, type Surroundings } from '../surroundings.js';
import { Nodes } from './ask-nodes.js';
import { type ReplicaOptions, TOMBSTONE_MS } from './replica-options.js';

// ARGV: version, writer, how long a deletion is remembered, the value if it is none. Returns 1 if this is the present
// value.
const putScript = /* @__PURE__ */ makeScript(`
local found = redis.call('HMGET', KEYS[1], 'v', 'w')
local version, known = tonumber(ARGV[1]), tonumber(found[1] or -1)
if version < known or (version == known and ARGV[2] < found[2]) then
  return 0
end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'w', ARGV[2])
if ARGV[4] then
  redis.call('HSET', KEYS[1], 'd', ARGV[4])
  redis.call('PERSIST', KEYS[1])
else
  redis.call('HDEL', KEYS[1], 'd')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
`);

interface Versioned {
  readonly version: number;
  readonly writer: string;
  /** Undefined: deleted, or never written. */
  readonly value: string | undefined;
}

const nothing: Versioned = { version: 0, writer: '', value: undefined };

export interface NewestOptions extends ReplicaOptions {
  readonly versions?: 'asked' | 'clock' | undefined;
}

/**
 * Holds with `asked` and majorities: a read that begins after a write or read ended gives its value or a newer one, also while a
 * minority of the servers is gone, slow, or comes back with old data. A write that fails with a QuorumError may be seen or not.
 *
 * Does not hold: a server that loses all its data (restart without AOF) counts as one that never heard; two writers that read the
 * same value overwrite each other (use `SiblingStore`, or a lock). Costs, each to all servers at once: `asked` writes two round
 * trips, `clock` one; a read one, and one more if a server was behind.
 */
export class NewestStore {
  private readonly nodes: Nodes;
  private readonly surroundings: Surroundings;
  private readonly writer: string;
  private lastMs = 0;

  constructor(
    servers: readonly Commands[],
    readonly name: string,
    private readonly options: NewestOptions = {},
  ) {
    this.nodes = new Nodes(servers, options);
    this.surroundings = options.surroundings ?? machineSurroundings;
    this.writer = this.surroundings.token();
  }

  /** The newest value; undefined if there is none. */
  async get(key: string): Promise<string | undefined> {
    return (await this.read(key)).value;
  }

  /** Writes to all servers. Rejects with a QuorumError if too few took it. */
  async set(key: string, value: string): Promise<void> {
    await this.write(key, value);
  }

  async remove(key: string): Promise<void> {
    await this.write(key, undefined);
  }

  /** Resolves when late answers and repairs are done with. */
  settled(): Promise<void> {
    return this.nodes.settled();
  }

  private async read(key: string): Promise<Versioned> {
    const whole = this.key(key);
    const question = (node: Commands): Promise<Versioned> => readFrom(node, whole);
    let newest: Versioned = nothing;
    const all = await this.nodes.ask(`read of ${key}`, this.nodes.readQuorum, question);
    const answers = all.list;
    for (const { value } of answers) if (isNewer(value, newest)) newest = value;
    const behind = answers.filter(({ value }) => isNewer(newest, value)).map(({ node }) => node);
    all.onLate(({ node, value }) => {
      if (isNewer(newest, value)) this.nodes.inBackground(this.put(`repair of ${key}`, whole, newest, [node], 1));
    });
    // A value that a read returned must not vanish again: enough servers have it before the read ends.
    const having = answers.length - behind.length;
    if (behind.length > 0) {
      const missing = Math.max(0, Math.min(behind.length, this.nodes.writeQuorum - having));
      await this.put(`repair of ${key}`, whole, newest, behind, missing);
    }
    return newest;
  }

  private async write(key: string, value: string | undefined): Promise<void> {
    const whole = this.key(key);
    const version = this.options.versions === 'clock' ? this.tick() : (await this.newestVersion(key, whole)) + 1;
    await this.put(`write of ${key}`, whole, { version, writer: this.ownName(), value }, undefined, undefined);
  }

  private async newestVersion(key: string, whole: string): Promise<number> {
    const ask = (node: Commands): Promise<unknown> => node.send('HGET', [whole, 'v']);
    const answers = await this.nodes.ask(`versions of ${key}`, this.nodes.readQuorum, ask);
    const newest = Math.max(...answers.list.map(({ value }) => replyNumber(value)));
    if (!Number.isSafeInteger(newest + 1))
      throw new RangeError(`the version of ${key} is ${newest}: no greater one is exact`);
    return newest;
  }

  private async put(
    what: string,
    whole: string,
    { version, writer, value }: Versioned,
    only: readonly number[] | undefined,
    quorum = this.nodes.writeQuorum,
  ): Promise<void> {
    const args = [version, writer, this.options.tombstoneMs ?? TOMBSTONE_MS, ...(value === undefined ? [] : [value])];
    await this.nodes.ask(what, quorum, (node) => runScript(node, putScript, [whole], args), only);
  }

  /** Milliseconds of this machine's clock; two writes of one writer never have the same. */
  private tick(): number {
    this.lastMs = Math.max(this.lastMs + 1, this.surroundings.wallMs());
    return this.lastMs;
  }

  /** Each write has a name of its own: two writes of one process at once may draw the same version. */
  private ownName(): string {
    return `${this.writer}:${++this.writes}`;
  }
  private writes = 0;

  private key(key: string): string {
    return tagged('newest', this.name, key);
  }
}

async function readFrom(node: Commands, key: string): Promise<Versioned> {
  const [version, writer, value] = replyList(await node.send('HMGET', [key, 'v', 'w', 'd']));
  return { version: replyNumber(version), writer: replyText(writer) ?? '', value: replyText(value) };
}

function isNewer(a: Versioned, b: Versioned): boolean {
  return a.version > b.version || (a.version === b.version && a.writer > b.writer);
}
