// attributes: what is known of a user (or any object): named values in a hash, changed in part, with a version for optimistic changes.
//
// Keys: attributes:{object:id}, a hash; its field '' counts the changes, so that whoever changes what it has read can notice a
// change in between. `attributeKey` builds the names object:id:attribute:sub of the documents, for values with keys of their own.

import { type Commands, replyNumber, replyPairs, replyText, replyTexts, requireFinite, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

export interface Attributes {
  /** Grows with each change; 0 for an object of which nothing is known. */
  readonly version: number;
  readonly values: Readonly<Record<string, string>>;
}

// ARGV: the version that must be there or '', how many names to remove, those names, then names and values.
const changeScript = /* @__PURE__ */ makeScript(`
local version = tonumber(redis.call('HGET', KEYS[1], '') or 0)
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= version then
  return 0
end
local removed = tonumber(ARGV[2])
for index = 3, removed + 2 do redis.call('HDEL', KEYS[1], ARGV[index]) end
for index = removed + 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return redis.call('HINCRBY', KEYS[1], '', 1)
`);

const addScript = /* @__PURE__ */ makeScript(`
local sum = redis.call('HINCRBYFLOAT', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], '', 1)
return sum
`);

/**
 * Holds: each change is one step; of two changes of the same version one is refused. An undefined value removes its name. One round
 * trip a call. Breaks when other programs write the hash without its version: their changes go unnoticed.
 */
export class AttributeStore {
  constructor(
    private readonly commands: Commands,
    /** The kind of object: 'user'. */
    readonly object: string,
  ) {}

  /** All attributes of an object. */
  async read(id: string): Promise<Attributes> {
    const values: Record<string, string> = Object.create(null) as Record<string, string>;
    let version = 0;
    for (const [name, value] of replyPairs(await this.commands.send('HGETALL', [this.key(id)])))
      if (name === '') version = Number(value);
      else values[name] = value;
    return { version, values: { ...values } };
  }

  /** Some attributes; undefined for those that are missing. */
  async pick<Name extends string>(id: string, names: readonly Name[]): Promise<Record<Name, string | undefined>> {
    const picked: [Name, string | undefined][] = [];
    if (names.length > 0) {
      const reply = (await this.commands.send('HMGET', [this.key(id), ...names])) as unknown[];
      names.forEach((name, index) => picked.push([name, replyText(reply[index])]));
    }
    return Object.fromEntries(picked) as Record<Name, string | undefined>;
  }

  /** Sets attributes, and removes those that are undefined. Returns the new version. */
  async set(id: string, values: Readonly<Record<string, string | number | undefined>>): Promise<number> {
    return await this.write(id, '', values);
  }

  /** As `set`, if the object still has the version that was read; false if somebody was faster. */
  async setIf(
    id: string,
    version: number,
    values: Readonly<Record<string, string | number | undefined>>,
  ): Promise<boolean> {
    return (await this.write(id, version, values)) > 0;
  }

  /** Adds to a number, which is 0 if absent; returns the sum. */
  async add(id: string, name: string, by: number): Promise<number> {
    return replyNumber(
      await runScript(this.commands, addScript, [this.key(id)], [checkName(name), requireFinite('by', by)]),
    );
  }

  /** Names of what is known, sorted. */
  async names(id: string): Promise<string[]> {
    const names = replyTexts(await this.commands.send('HKEYS', [this.key(id)]));
    return names.filter((name) => name !== '').sort();
  }

  /** Forgets the object. False if nothing was known of it. */
  async remove(id: string): Promise<boolean> {
    return replyNumber(await this.commands.send('DEL', [this.key(id)])) === 1;
  }

  private async write(
    id: string,
    version: number | '',
    values: Readonly<Record<string, string | number | undefined>>,
  ): Promise<number> {
    const removed: string[] = [];
    const set: (string | number)[] = [];
    for (const [name, value] of Object.entries(values))
      if (value === undefined) removed.push(checkName(name));
      else set.push(checkName(name), typeof value === 'number' ? requireFinite(name, value) : value);
    const args = [version, removed.length, ...removed, ...set];
    return replyNumber(await runScript(this.commands, changeScript, [this.key(id)], args));
  }

  private key(id: string): string {
    return tagged('attributes', this.object, id);
  }
}

function checkName(name: string): string {
  if (name === '') throw new RangeError('an attribute must have a name');
  return name;
}

/** A key in the documents' way, object:id:attribute:sub. Colons and percent signs within a part are escaped, so no two lists meet. */
export function attributeKey(...parts: readonly (string | number)[]): string {
  return parts.map((part) => String(part).replaceAll('%', '%25').replaceAll(':', '%3A')).join(':');
}
