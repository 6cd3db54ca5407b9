// known-keys: what a client that writes through something that is killed under it may find there afterwards.
//
// An answered command is certain; one that was sent and not answered has run once or not at all, perhaps late. Counters, lists of items of
// which no two are the same, and strings that are set and deleted show lost writes, writes that ran twice, and keys that came back.
// Replies are texts as of `replyText`; undefined for one that never came.

import type { Prng } from '../base/prng.js';

interface Count {
  /** INCRs that were answered, by the last answer. */
  least: number;
  /** INCRs that were asked for. */
  most: number;
}

interface Value {
  /** The last one that was answered; undefined for no key. */
  certain: string | undefined;
  /** Those that were not. */
  readonly uncertain: Set<string | undefined>;
}

export interface KnownRequest {
  readonly words: string[];
  take(reply: string | undefined): void;
}

const NIL = '(nil)';

export class KnownKeys {
  private readonly counts = new Map<string, Count>();
  private readonly lists = new Map<string, { readonly item: string; readonly isCertain: boolean }[]>();
  private readonly values = new Map<string, Value>();

  /** `name` begins this client's keys, of which there are `keyCount` of each kind; `fail` hears what must not be. */
  constructor(
    private readonly name: string,
    private readonly keyCount: number,
    private readonly fail: (text: string) => void,
  ) {}

  /** A request by chance; `mark` is another one each time. */
  draw(prng: Prng, mark: string): KnownRequest {
    const key = `${this.name}:${prng.below(this.keyCount)}`;
    switch (prng.below(4)) {
      case 0:
        return this.increment(`n${key}`);
      case 1:
        return this.push(`l${key}`, mark);
      case 2:
        return this.set(`v${key}`, prng.chance(30) ? undefined : mark);
      default:
        return { words: ['GET', `v${key}`], take: (reply) => this.takeValue(`v${key}`, reply) };
    }
  }

  private increment(key: string): KnownRequest {
    const count = this.counts.get(key) ?? { least: 0, most: 0 };
    this.counts.set(key, count);
    count.most++;
    return {
      words: ['INCR', key],
      take: (reply) => {
        if (reply === undefined) return;
        const value = Number(reply);
        if (!(value > count.least && value <= count.most))
          this.fail(`INCR ${key}: from ${count.least + 1} to ${count.most}, got ${reply}`);
        count.least = value;
      },
    };
  }

  private push(key: string, item: string): KnownRequest {
    const list = this.lists.get(key) ?? [];
    this.lists.set(key, list);
    return {
      words: ['RPUSH', key, item],
      take: (reply) => {
        list.push({ item, isCertain: reply !== undefined });
        if (reply !== undefined && !/^\d+$/.test(reply)) this.fail(`RPUSH ${key}: got ${reply}`);
      },
    };
  }

  private valueOf(key: string): Value {
    const value = this.values.get(key) ?? { certain: undefined, uncertain: new Set() };
    this.values.set(key, value);
    return value;
  }

  private set(key: string, text: string | undefined): KnownRequest {
    const value = this.valueOf(key);
    return {
      words: text === undefined ? ['DEL', key] : ['SET', key, text],
      take: (reply) => {
        if (reply === undefined) {
          value.uncertain.add(text);
          return;
        }
        if (text === undefined ? !/^[01]$/.test(reply) : reply !== 'OK') this.fail(`SET ${key}: got ${reply}`);
        value.certain = text;
      },
    };
  }

  private takeValue(key: string, reply: string | undefined): void {
    if (reply === undefined) return;
    const { certain, uncertain } = this.valueOf(key);
    const text = reply === NIL ? undefined : reply;
    if (text !== certain && !uncertain.has(text))
      this.fail(`GET ${key}: ${[certain, ...uncertain].map((each) => each ?? NIL).join(' or ')}, got ${reply}`);
  }

  /** Reads all keys by `ask`, whose lists are `[a b]`; how many there are. */
  async check(ask: (words: string[]) => Promise<string>): Promise<number> {
    let keyCount = 0;
    for (const [key, { least, most }] of this.counts) {
      const reply = await ask(['GET', key]);
      if (reply !== NIL) keyCount++;
      const value = reply === NIL ? 0 : Number(reply);
      if (!(value >= least && value <= most)) this.fail(`${key} is ${reply}, and must be from ${least} to ${most}`);
    }
    for (const [key, pushed] of this.lists) {
      const items = (await ask(['LRANGE', key, '0', '-1']))
        .slice(1, -1)
        .split(' ')
        .filter((item) => item !== '');
      if (items.length > 0) keyCount++;
      this.checkList(key, pushed, items);
    }
    for (const key of this.values.keys()) {
      const reply = await ask(['GET', key]);
      if (reply !== NIL) keyCount++;
      this.takeValue(key, reply);
    }
    return keyCount;
  }

  private checkList(
    key: string,
    pushed: readonly { readonly item: string; readonly isCertain: boolean }[],
    items: readonly string[],
  ): void {
    const shown = `${key} is ${items.join(' ')}`;
    if (new Set(items).size < items.length) this.fail(`an item is there twice: ${shown}`);
    const certain = pushed.filter(({ isCertain }) => isCertain).map(({ item }) => item);
    const found = items.filter((item) => certain.includes(item));
    if (found.join(' ') !== certain.join(' ')) this.fail(`of ${certain.join(' ')}, ${shown}`);
    if (items.some((item) => !pushed.some((each) => each.item === item))) this.fail(`nobody pushed this: ${shown}`);
  }
}
