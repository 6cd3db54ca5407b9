// graph: friends, common friends, friends of friends; tags of items, and items that share tags.
//
// All keys of one graph share a slot, since intersections need their sets together; so one graph lives on one node of a cluster.
// Keys: graph:{name}:<node>, tags:{name}:of:<item> and tags:{name}:with:<tag>.

import { type Commands, replyNumber, replyPairs, replyTexts, requireCount, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const befriendScript = /* @__PURE__ */ makeScript(`
return redis.call(ARGV[1], KEYS[1], ARGV[3]) + redis.call(ARGV[1], KEYS[2], ARGV[2])
`);

// The keys of friends are known only when the script reads the first set; they share its slot by their tag.
const secondScript = /* @__PURE__ */ makeScript(`
local counts, known = {}, {[ARGV[1]] = true}
local friends = redis.call('SMEMBERS', KEYS[1])
if #friends > tonumber(ARGV[3]) then
  friends = redis.call('SRANDMEMBER', KEYS[1], ARGV[3])
end
for _, friend in ipairs(redis.call('SMEMBERS', KEYS[1])) do known[friend] = true end
for _, friend in ipairs(friends) do
  for _, other in ipairs(redis.call('SMEMBERS', ARGV[2] .. friend)) do
    if not known[other] then counts[other] = (counts[other] or 0) + 1 end
  end
end
local answer = {}
for other, count in pairs(counts) do
  answer[#answer + 1] = other
  answer[#answer + 1] = count
end
return answer
`);

export interface Suggestion {
  readonly id: string;
  /** How many friends, or tags, are in common. */
  readonly common: number;
}

function byCommon(reply: unknown, least: number, count: number): Suggestion[] {
  return replyPairs(reply)
    .map(([id, common]) => ({ id, common: Number(common) }))
    .filter(({ common }) => common >= least)
    .sort((a, b) => b.common - a.common || (a.id < b.id ? -1 : 1))
    .slice(0, count);
}

/** Friendships that go both ways, each made and ended in one step. */
export class FriendGraph {
  private readonly prefix: string;

  constructor(
    private readonly commands: Commands,
    name: string,
  ) {
    this.prefix = `${tagged('graph', name)}:`;
  }

  /** False if they were friends before. */
  async befriend(a: string, b: string): Promise<boolean> {
    if (a === b) throw new RangeError('nobody is a friend of oneself');
    return (
      replyNumber(await runScript(this.commands, befriendScript, [this.prefix + a, this.prefix + b], ['SADD', a, b])) >
      0
    );
  }

  async part(a: string, b: string): Promise<boolean> {
    return (
      replyNumber(await runScript(this.commands, befriendScript, [this.prefix + a, this.prefix + b], ['SREM', a, b])) >
      0
    );
  }

  async friends(of: string): Promise<string[]> {
    return replyTexts(await this.commands.send('SMEMBERS', [this.prefix + of]));
  }

  async common(a: string, b: string): Promise<string[]> {
    return replyTexts(await this.commands.send('SINTER', [this.prefix + a, this.prefix + b]));
  }

  /**
   * Friends of friends who are no friends yet, by how many friends are in common. The script reads the sets of all friends, at
   * most `friendsMax` of them, and the server does nothing else meanwhile: keep that below some hundred thousand members.
   */
  async secondDegree(of: string, count: number, friendsMax = 1000): Promise<Suggestion[]> {
    requireCount('count', count);
    const args = [of, this.prefix, requireCount('friendsMax', friendsMax)];
    return byCommon(await runScript(this.commands, secondScript, [this.prefix + of], args), 1, count);
  }
}

const tagScript = /* @__PURE__ */ makeScript(`
for index = 3, #ARGV do redis.call(ARGV[1], KEYS[1], ARGV[index]) end
for index = 2, #KEYS do redis.call(ARGV[1], KEYS[index], ARGV[2]) end
return 1
`);

const similarScript = /* @__PURE__ */ makeScript(`
local counts = {}
for _, tag in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  for _, item in ipairs(redis.call('SMEMBERS', ARGV[2] .. tag)) do
    if item ~= ARGV[1] then counts[item] = (counts[item] or 0) + 1 end
  end
end
local answer = {}
for item, count in pairs(counts) do
  if count >= tonumber(ARGV[3]) then
    answer[#answer + 1] = item
    answer[#answer + 1] = count
  end
end
return answer
`);

/** Tags of items both ways, and recommendations: items that share at least so many tags. */
export class Tags {
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    name: string,
  ) {
    this.key = tagged('tags', name);
  }

  async add(item: string, tags: readonly string[]): Promise<void> {
    await this.change('SADD', item, tags);
  }

  async remove(item: string, tags: readonly string[]): Promise<void> {
    await this.change('SREM', item, tags);
  }

  async of(item: string): Promise<string[]> {
    return replyTexts(await this.commands.send('SMEMBERS', [`${this.key}:of:${item}`]));
  }

  /** Items that have all of these tags. */
  async withAll(tags: readonly string[]): Promise<string[]> {
    if (tags.length === 0) return [];
    return replyTexts(
      await this.commands.send(
        'SINTER',
        tags.map((tag) => `${this.key}:with:${tag}`),
      ),
    );
  }

  /** Items that share at least `least` tags with an item, most first. Reads all items of its tags: give each tag a bound. */
  async similar(item: string, least: number, count: number): Promise<Suggestion[]> {
    requireCount('count', count);
    const args = [item, `${this.key}:with:`, requireCount('least', least)];
    return byCommon(await runScript(this.commands, similarScript, [`${this.key}:of:${item}`], args), least, count);
  }

  private async change(command: string, item: string, tags: readonly string[]): Promise<void> {
    if (tags.length === 0) return;
    const keys = [`${this.key}:of:${item}`, ...tags.map((tag) => `${this.key}:with:${tag}`)];
    await runScript(this.commands, tagScript, keys, [command, item, ...tags]);
  }
}
