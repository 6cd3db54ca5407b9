// user: one ACL user: on or off, passwords as SHA-256 hashes, and one selector or more.
import { createHash, timingSafeEqual } from 'node:crypto';
import { splitWords } from '../../base/quoting.js';
import { ruleErrors, Selector, type AclCommands, type ChannelPattern } from './selector.js';

/** The hash of a password (a byte string) in hex. */
function hashPassword(password: string): string {
  return createHash('sha256').update(password, 'latin1').digest('hex');
}

/** Bytes of heap besides the name and the selectors, and of a password's hash. */
const USER_BYTES = 500;
const PASSWORD_BYTES = 120;

export class User {
  enabled = false;
  noPassword = false;
  /** Payloads of RESTORE need no check. */
  skipSanitizePayload = false;
  passwords: string[] = [];
  /** The first is the root selector; the others are those in parentheses. */
  selectors: Selector[];
  /** No check of this user can fail: the hot path looks at this alone. */
  unrestricted = false;
  private description: string | undefined;
  /** Bytes that its owner counts for it. */
  countedBytes = 0;

  constructor(
    /** A byte string. */
    readonly name: string,
    private readonly commands: AclCommands,
    private readonly newUserAllChannels: () => boolean,
  ) {
    this.selectors = [new Selector(commands)];
    if (newUserAllChannels()) this.selectors[0]!.apply('allchannels');
  }

  /** Bytes of heap that it takes, about. */
  get bytes(): number {
    const own = USER_BYTES + 2 * this.name.length + this.passwords.length * PASSWORD_BYTES;
    return this.selectors.reduce((sum, selector) => sum + selector.bytes, own);
  }

  get root(): Selector {
    return this.selectors[0]!;
  }

  /** Takes over everything but the name. */
  copyFrom(other: User): void {
    this.enabled = other.enabled;
    this.noPassword = other.noPassword;
    this.skipSanitizePayload = other.skipSanitizePayload;
    this.passwords = [...other.passwords];
    this.selectors = other.selectors.map((selector) => selector.copy());
    this.refresh();
  }

  private refresh(): void {
    this.description = undefined;
    this.unrestricted = this.selectors.some((selector) => selector.unrestricted);
  }

  /** Applies a rule; gives the reason when it is refused (parts of a selector may then be lost: work on a copy). */
  apply(rule: string): string | undefined {
    const reason = this.applyRule(rule);
    this.refresh();
    return reason;
  }

  private applyRule(rule: string): string | undefined {
    switch (rule.toLowerCase()) {
      case '':
        return undefined;
      case 'on':
        this.enabled = true;
        return undefined;
      case 'off':
        this.enabled = false;
        return undefined;
      case 'skip-sanitize-payload':
        this.skipSanitizePayload = true;
        return undefined;
      case 'sanitize-payload':
        this.skipSanitizePayload = false;
        return undefined;
      case 'nopass':
        this.noPassword = true;
        this.passwords = [];
        return undefined;
      case 'resetpass':
        this.noPassword = false;
        this.passwords = [];
        return undefined;
      case 'clearselectors':
        this.selectors.length = 1;
        return undefined;
      case 'reset':
        for (const part of [
          'resetpass',
          'resetkeys',
          'resetchannels',
          'off',
          'sanitize-payload',
          'clearselectors',
          '-@all',
        ]) {
          this.applyRule(part);
        }
        if (this.newUserAllChannels()) this.applyRule('allchannels');
        return undefined;
    }
    const first = rule[0]!;
    if ('>#<!'.includes(first)) return this.applyPassword(first, rule.slice(1));
    if (first === '(' && rule.endsWith(')')) return this.addSelector(rule.slice(1, -1));
    return this.root.apply(rule);
  }

  private applyPassword(kind: string, word: string): string | undefined {
    const clear = kind === '>' || kind === '<';
    if (!clear && !/^[0-9a-f]{64}$/.test(word)) return ruleErrors.badHash;
    const hash = clear ? hashPassword(word) : word;
    const place = this.passwords.indexOf(hash);
    if (kind === '>' || kind === '#') {
      if (place < 0) this.passwords.push(hash);
      this.noPassword = false;
    } else if (place < 0) {
      return ruleErrors.noSuchPassword;
    } else {
      this.passwords.splice(place, 1);
    }
    return undefined;
  }

  private addSelector(rules: string): string | undefined {
    const selector = new Selector(this.commands);
    for (const rule of splitWords(rules) ?? []) {
      const reason = selector.apply(rule);
      if (reason !== undefined) return reason;
    }
    this.selectors.push(selector);
    return undefined;
  }

  /** Whether a password (a byte string) is one of the user's, or none is needed. Takes the same time for any hash. */
  hasPassword(password: string): boolean {
    if (this.noPassword) return true;
    const hash = Buffer.from(hashPassword(password), 'latin1');
    let found = false;
    for (const known of this.passwords) if (timingSafeEqual(hash, Buffer.from(known, 'latin1'))) found = true;
    return found;
  }

  /** Names of the flags as ACL GETUSER and LIST show them. */
  flags(): string[] {
    const names = [this.enabled ? 'on' : 'off'];
    if (this.noPassword) names.push('nopass');
    names.push(this.skipSanitizePayload ? 'skip-sanitize-payload' : 'sanitize-payload');
    return names;
  }

  /** The rules that make this user, without its name; kept until something changes. */
  describe(): string {
    this.description ??= [
      ...this.flags(),
      ...this.passwords.map((hash) => `#${hash}`),
      ...this.selectors.map((selector, index) => (index === 0 ? selector.describe() : `(${selector.describe()})`)),
    ].join(' ');
    return this.description;
  }

  /**
   * The channels that connections of this user must be checked against, after it was as `before`; undefined when nothing can
   * have been lost. As in Redis, they are checked even if no channel was taken away, as they may have subscribed as somebody else.
   */
  channelsLeft(before: User): readonly ChannelPattern[] | undefined {
    if (this.selectors.some((selector) => selector.allChannels)) return undefined;
    const had = before.selectors.some((selector) => selector.allChannels || selector.channelPatterns.length > 0);
    return had ? this.selectors.flatMap((selector) => selector.channelPatterns) : undefined;
  }
}

/** Joins rules that belong to one selector in parentheses; gives the word at which one opens that is never closed. */
export function mergeSelectorWords(
  words: readonly string[],
): { readonly rules: string[] } | { readonly openAt: number } {
  const rules: string[] = [];
  let open = '';
  let openAt = -1;
  for (const [index, word] of words.entries()) {
    if (openAt >= 0) {
      open += ` ${word}`;
      if (word.endsWith(')')) {
        openAt = -1;
        rules.push(open);
      }
    } else if (word.startsWith('(') && !word.endsWith(')')) {
      open = word;
      openAt = index;
    } else {
      rules.push(word);
    }
  }
  return openAt >= 0 ? { openAt } : { rules };
}
