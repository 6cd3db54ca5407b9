// spam-filter: the statistics behind a spam filter: how often words, and senders, came in spam and in other messages.
//
// Each word of a message counts once. A word's share is taken with the weight of a guess (Robinson, 2003), so that a word that was
// seen once decides nothing; shares are combined in logarithms, where long messages do not run out of digits.
//
// Keys, in one slot: spam:{name} (messages of both kinds), :words:spam, :words:other, :senders (hash: sender -> messages, spam).

import { type Commands, replyList, replyNumber, tagged } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const WORDS_MAX = 1000;
const WORD_LENGTH_MAX = 64;
/** How much the guess for an unknown word weighs, in messages, and the guess. */
const GUESS_WEIGHT = 1;
const GUESS = 0.5;

// ARGV: kind, +1 or -1, sender or '', words.
const learnScript = /* @__PURE__ */ makeScript(`
local by = tonumber(ARGV[2])
if by < 0 and tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) < 1 then
  return 0
end
redis.call('HINCRBY', KEYS[1], ARGV[1], by)
local words = ARGV[1] == 'spam' and KEYS[2] or KEYS[3]
for index = 4, #ARGV do
  if redis.call('HINCRBY', words, ARGV[index], by) <= 0 then
    redis.call('HDEL', words, ARGV[index])
  end
end
if ARGV[3] ~= '' then
  redis.call('HINCRBY', KEYS[4], 'all:' .. ARGV[3], by)
  if ARGV[1] == 'spam' then redis.call('HINCRBY', KEYS[4], 'spam:' .. ARGV[3], by) end
end
return 1
`);

// ARGV: sender, words. Returns the messages of both kinds, those of the sender, then two counts for each word.
const countScript = /* @__PURE__ */ makeScript(`
local answer = {}
for _, list in ipairs({redis.call('HMGET', KEYS[1], 'spam', 'other'),
    redis.call('HMGET', KEYS[4], 'all:' .. ARGV[1], 'spam:' .. ARGV[1])}) do
  for index = 1, 2 do answer[#answer + 1] = tonumber(list[index] or 0) end
end
for index = 2, #ARGV do
  answer[#answer + 1] = tonumber(redis.call('HGET', KEYS[2], ARGV[index]) or 0)
  answer[#answer + 1] = tonumber(redis.call('HGET', KEYS[3], ARGV[index]) or 0)
end
return answer
`);

export interface SpamOpinion {
  /** From 0 (certainly not) to 1 (certainly spam); 0.5 says nothing. */
  readonly probability: number;
  /** Words that say most, with the share of spam among messages with them. */
  readonly because: readonly { readonly word: string; readonly share: number }[];
  /** Messages of the sender so far, and how many of them were spam. */
  readonly sender: { readonly messages: number; readonly spam: number };
}

/**
 * Holds: each message counts once for each of its words, in one step, whoever else learns; `unlearn` takes exactly that back.
 * One round trip a call. Does not hold: a lost reply leaves open whether the message was counted. Breaks by messages in a kind
 * of text without spaces between words (give `words` of your own), and by whoever may teach it.
 */
export class SpamFilter {
  private readonly keys: readonly string[];

  constructor(
    private readonly commands: Commands,
    name: string,
    private readonly words: (text: string) => readonly string[] = wordsOf,
  ) {
    const key = tagged('spam', name);
    this.keys = [key, `${key}:words:spam`, `${key}:words:other`, `${key}:senders`];
  }

  /** Counts a message as spam or not. */
  async learn(text: string, isSpam: boolean, sender = ''): Promise<void> {
    await this.count(text, isSpam, sender, 1);
  }

  /** Takes back what was learned of a message: it was judged wrongly. False if nothing of its kind was learned. */
  async unlearn(text: string, isSpam: boolean, sender = ''): Promise<boolean> {
    return await this.count(text, isSpam, sender, -1);
  }

  /** The opinion of the statistics on a message. */
  async judge(text: string, sender = ''): Promise<SpamOpinion> {
    const words = this.wordsIn(text);
    const reply = await runScript(this.commands, countScript, this.keys, [sender, ...words]);
    const counts = replyList(reply).map(replyNumber);
    const [spam, other, messages, senderSpam] = counts as [number, number, number, number];
    const shares = words.map((word, index) => {
      const [inSpam, inOther] = [counts[4 + index * 2]!, counts[5 + index * 2]!];
      const spamRate = inSpam / Math.max(spam, 1);
      const otherRate = inOther / Math.max(other, 1);
      const seen = inSpam + inOther;
      const raw = spamRate + otherRate === 0 ? GUESS : spamRate / (spamRate + otherRate);
      return { word, share: (GUESS_WEIGHT * GUESS + seen * raw) / (GUESS_WEIGHT + seen) };
    });
    shares.sort((a, b) => Math.abs(b.share - 0.5) - Math.abs(a.share - 0.5) || (a.word < b.word ? -1 : 1));
    const because = shares.slice(0, 15);
    const odds = because.reduce((sum, { share }) => sum + Math.log(share) - Math.log(1 - share), 0);
    return { probability: 1 / (1 + Math.exp(-odds)), because, sender: { messages, spam: senderSpam } };
  }

  private async count(text: string, isSpam: boolean, sender: string, by: 1 | -1): Promise<boolean> {
    const args = [isSpam ? 'spam' : 'other', by, sender, ...this.wordsIn(text)];
    return replyNumber(await runScript(this.commands, learnScript, this.keys, args)) === 1;
  }

  /** A message of a million words must not hold the server up: the first thousand decide. */
  private wordsIn(text: string): string[] {
    const words = new Set<string>();
    for (const word of this.words(text)) {
      if (word !== '') words.add(word.slice(0, WORD_LENGTH_MAX));
      if (words.size === WORDS_MAX) break;
    }
    return [...words];
  }
}

/** Words in lower case: runs of letters, digits, and what stands within prices and addresses. */
function wordsOf(text: string): readonly string[] {
  return (
    text
      .slice(0, 1_000_000)
      .toLowerCase()
      .match(/[\p{L}\p{N}$€][\p{L}\p{N}$€@.'-]*/gu) ?? []
  );
}
