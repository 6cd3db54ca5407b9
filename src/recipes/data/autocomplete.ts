// autocomplete: completion of what is typed, by a range of bytes, the heaviest words first.

import { type Commands, replyPairs, requireCount, requireFinite, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

/** Completion of what is typed: words in a sorted set by bytes, found by range; the best by how often they were chosen. */
export class Autocomplete {
  private readonly words: string;
  private readonly scores: string;

  constructor(
    private readonly commands: Commands,
    name: string,
  ) {
    const key = tagged('complete', name);
    this.words = `${key}:words`;
    this.scores = `${key}:scores`;
  }

  /** Adds a word, or raises its weight. Words are compared in lower case. */
  async add(word: string, weight = 1): Promise<void> {
    const lower = word.toLowerCase();
    await runScript(this.commands, addWordScript, [this.words, this.scores], [lower, requireFinite('weight', weight)]);
  }

  async remove(word: string): Promise<void> {
    const lower = word.toLowerCase();
    await runScript(this.commands, removeWordScript, [this.words, this.scores], [lower]);
  }

  /** Words that begin with a text, heaviest first, out of the first `scan` by bytes. */
  async complete(text: string, count: number, scan = 500): Promise<string[]> {
    requireCount('count', count);
    const args = [text.toLowerCase(), requireCount('scan', scan)];
    const pairs = replyPairs(await runScript(this.commands, completeScript, [this.words, this.scores], args));
    pairs.sort((a, b) => Number(b[1]) - Number(a[1]) || (a[0] < b[0] ? -1 : 1));
    return pairs.slice(0, count).map(([word]) => word);
  }
}

const addWordScript = /* @__PURE__ */ makeScript(`
local weight = redis.call('ZINCRBY', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return weight
`);
const removeWordScript = /* @__PURE__ */ makeScript(`
redis.call('ZREM', KEYS[1], ARGV[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
`);
const completeScript = /* @__PURE__ */ makeScript(`
local answer = {}
for _, word in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '[' .. ARGV[1] .. string.char(255), 'LIMIT', 0, ARGV[2])) do
  answer[#answer + 1] = word
  answer[#answer + 1] = redis.call('ZSCORE', KEYS[2], word)
end
return answer
`);
