// selector: one set of rules: which commands, on which keys, on which channels. A user has one or more of them.
//
// Commands are a byte each, by command id, so that a check is one load. The rules are kept as well, in order, because
// ACL LIST and an ACL file show them; a rule that a later one repeals is dropped.
import { globMatchesRange } from '../../base/glob.js';
import { equalBytes, latin1Bytes } from '../../base/bytes.js';
import { aclCategories, type Command } from '../../registry/command.js';

/** Why a rule is refused. */
export const ruleErrors = {
  unknown: 'Unknown command or category name in ACL',
  syntax: 'Syntax error',
  afterAllKeys:
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
  afterAllChannels:
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
  noSuchPassword: 'The password you are trying to remove from the user does not exist',
  badHash: 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
  duplicate: 'Duplicate user found. A user can only be defined once in config files',
  firstArgument: 'Allowing first-arg of a subcommand is not supported',
} as const;

/** The commands that rules can name: those of the server under their own names, whatever rename-command says. */
export class AclCommands {
  private readonly byName = new Map<string, Command<never>>();

  constructor(commands: Iterable<Command<never>>) {
    for (const command of commands) this.byName.set(command.fullName, command);
  }

  find(name: string): Command<never> | undefined {
    return this.byName.get(name.toLowerCase());
  }

  all(): IterableIterator<Command<never>> {
    return this.byName.values();
  }
}

export const READ = 1;
export const WRITE = 2;

export interface KeyPattern {
  readonly text: string;
  readonly bytes: Uint8Array;
  /** READ, WRITE or both. */
  permissions: number;
}

export interface ChannelPattern {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Whether a byte string has a space or a NUL in it. */
export function hasSpaces(text: string): boolean {
  return /[\0\t-\r ]/.test(text);
}

const growth = 64;
/** Bytes of heap besides texts. A pattern's text is kept as a string and as bytes, and shown in the description. */
const SELECTOR_BYTES = 800;
const PATTERN_BYTES = 300;
const TEXT_COPIES = 3;
const RULE_BYTES = 40;

export class Selector {
  allKeys = false;
  allChannels = false;
  /** Every command, with no exception. */
  allCommands = false;
  /** The rules begin with +@all: commands of later versions are allowed too. */
  private startsWithAll = false;
  private allowed = new Uint8Array(growth);
  /** Command id -> the first arguments with which it is allowed, in lower case. */
  private firstArguments = new Map<number, string[]>();
  keyPatterns: KeyPattern[] = [];
  channelPatterns: ChannelPattern[] = [];
  private rules: string[] = [];

  constructor(private readonly commands: AclCommands) {}

  copy(): Selector {
    const copied = new Selector(this.commands);
    copied.allKeys = this.allKeys;
    copied.allChannels = this.allChannels;
    copied.allCommands = this.allCommands;
    copied.startsWithAll = this.startsWithAll;
    copied.allowed = this.allowed.slice();
    copied.firstArguments = new Map([...this.firstArguments].map(([id, words]) => [id, [...words]]));
    copied.keyPatterns = this.keyPatterns.map((pattern) => ({ ...pattern }));
    copied.channelPatterns = [...this.channelPatterns];
    copied.rules = [...this.rules];
    return copied;
  }

  /** Bytes of heap that it takes, about. */
  get bytes(): number {
    let bytes = SELECTOR_BYTES + this.allowed.length;
    for (const pattern of this.keyPatterns) bytes += PATTERN_BYTES + TEXT_COPIES * pattern.text.length;
    for (const pattern of this.channelPatterns) bytes += PATTERN_BYTES + TEXT_COPIES * pattern.text.length;
    for (const rule of this.rules) bytes += RULE_BYTES + rule.length;
    for (const words of this.firstArguments.values()) for (const word of words) bytes += RULE_BYTES + word.length;
    return bytes;
  }

  /** Everything is allowed: no check can fail. */
  get unrestricted(): boolean {
    return this.allCommands && this.allKeys && this.allChannels;
  }

  /** Applies a rule; gives the reason when it is refused. */
  apply(rule: string): string | undefined {
    switch (rule.toLowerCase()) {
      case 'allkeys':
      case '~*':
        this.allKeys = true;
        this.keyPatterns = [];
        return undefined;
      case 'resetkeys':
        this.allKeys = false;
        this.keyPatterns = [];
        return undefined;
      case 'allchannels':
      case '&*':
        this.allChannels = true;
        this.channelPatterns = [];
        return undefined;
      case 'resetchannels':
        this.allChannels = false;
        this.channelPatterns = [];
        return undefined;
      case 'allcommands':
      case '+@all':
        this.setAll(true);
        return undefined;
      case 'nocommands':
      case '-@all':
        this.setAll(false);
        return undefined;
    }
    const first = rule[0];
    if (first === '~' || first === '%') return this.addKeyPattern(rule);
    if (first === '&') return this.addChannelPattern(rule.slice(1));
    if (first !== '+' && first !== '-') return ruleErrors.syntax;
    const allow = first === '+';
    if (rule[1] === '@') return this.setCategory(rule.slice(2).toLowerCase(), allow);
    return allow && rule.includes('|') ? this.allowPart(rule.slice(1)) : this.setCommand(rule.slice(1), allow);
  }

  private setAll(allow: boolean): void {
    this.allowed.fill(allow ? 1 : 0);
    this.allCommands = allow;
    this.startsWithAll = allow;
    this.rules = [];
    this.firstArguments.clear();
  }

  private addKeyPattern(rule: string): string | undefined {
    if (this.allKeys) return ruleErrors.afterAllKeys;
    const parts = /^(?:~|%([rw]{1,2})(?:~|$))([^]*)$/i.exec(rule);
    if (parts === null || /^(rr|ww)$/i.test(parts[1] ?? '')) return ruleErrors.syntax;
    const letters = (parts[1] ?? 'rw').toLowerCase();
    const text = parts[2]!;
    if (hasSpaces(text)) return ruleErrors.syntax;
    const permissions = (letters.includes('r') ? READ : 0) | (letters.includes('w') ? WRITE : 0);
    const known = this.keyPatterns.find((pattern) => pattern.text === text);
    if (known === undefined) this.keyPatterns.push({ text, bytes: latin1Bytes(text), permissions });
    else known.permissions |= permissions;
    return undefined;
  }

  private addChannelPattern(text: string): string | undefined {
    if (this.allChannels) return ruleErrors.afterAllChannels;
    if (hasSpaces(text)) return ruleErrors.syntax;
    if (!this.channelPatterns.some((pattern) => pattern.text === text))
      this.channelPatterns.push({ text, bytes: latin1Bytes(text) });
    return undefined;
  }

  private setCategory(name: string, allow: boolean): string | undefined {
    if (!aclCategories.includes(name)) return ruleErrors.unknown;
    this.keepRule(`@${name}`, allow);
    for (const command of this.commands.all()) if (command.categories.includes(name)) this.setBits(command, allow);
    return undefined;
  }

  private setCommand(name: string, allow: boolean): string | undefined {
    const command = this.commands.find(name);
    if (command === undefined) return ruleErrors.unknown;
    this.setBits(command, allow);
    this.keepRule(command.fullName, allow);
    return undefined;
  }

  /** command|subcommand, or a command with one first argument only. */
  private allowPart(name: string): string | undefined {
    const bar = name.lastIndexOf('|');
    const container = this.commands.find(name.slice(0, bar));
    const part = name.slice(bar + 1);
    if (container === undefined) return ruleErrors.unknown;
    if (container.parent !== undefined) return ruleErrors.firstArgument;
    if (part === '') return ruleErrors.syntax;
    if (container.subcommands.size > 0) {
      const command = this.commands.find(name);
      if (command === undefined) return ruleErrors.unknown;
      this.setBits(command, true);
    } else {
      const words = this.firstArguments.get(container.id) ?? [];
      if (!words.includes(part.toLowerCase())) words.push(part.toLowerCase());
      this.firstArguments.set(container.id, words);
    }
    this.keepRule(name, true);
    return undefined;
  }

  private setBits(command: Command<never>, allow: boolean): void {
    this.setBit(command.id, allow);
    for (const sub of command.subcommands.values()) this.setBit(sub.id, allow);
  }

  private setBit(id: number, allow: boolean): void {
    if (id >= this.allowed.length) {
      const grown = new Uint8Array(id + growth);
      if (this.startsWithAll) grown.fill(1);
      grown.set(this.allowed);
      this.allowed = grown;
    }
    this.allowed[id] = allow ? 1 : 0;
    this.firstArguments.delete(id);
    if (!allow) this.allCommands = false;
  }

  private keepRule(name: string, allow: boolean): void {
    const lowered = name.toLowerCase();
    this.rules = this.rules.filter((rule) => rule.slice(1) !== lowered && !rule.slice(1).startsWith(`${lowered}|`));
    this.rules.push((allow ? '+' : '-') + lowered);
  }

  /** Whether the command may be called at all with this first argument. @hot */
  allowsCommand(command: Command<never>, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.allCommands) return true;
    const id = command.id;
    if (id < this.allowed.length ? this.allowed[id] === 1 : this.startsWithAll) return true;
    const words = this.firstArguments.get(id);
    if (words === undefined || length < 0) return false;
    const word = String.fromCharCode(...bytes.subarray(offset, offset + Math.min(length, 128))).toLowerCase();
    return words.includes(word);
  }

  /** Whether a key may be used with all these permissions. @hot */
  allowsKey(bytes: Uint8Array, offset: number, length: number, permissions: number): boolean {
    if (this.allKeys) return true;
    for (let index = 0; index < this.keyPatterns.length; index++) {
      const pattern = this.keyPatterns[index]!;
      if ((pattern.permissions & permissions) !== permissions) continue;
      if (globMatchesRange(pattern.bytes, 0, pattern.bytes.length, bytes, offset, length, false)) return true;
    }
    return false;
  }

  /** Whether all keys may be used with all these permissions. */
  allowsEveryKey(permissions: number): boolean {
    return (
      this.allKeys ||
      this.keyPatterns.some((pattern) => pattern.text === '*' && (pattern.permissions & permissions) === permissions)
    );
  }

  /** Whether a channel may be used; a pattern must stand in the rules literally. */
  allowsChannel(bytes: Uint8Array, offset: number, length: number, isPattern: boolean): boolean {
    return this.allChannels || channelAllowed(this.channelPatterns, bytes, offset, length, isPattern);
  }

  describeCommands(): string {
    return [this.startsWithAll ? '+@all' : '-@all', ...this.rules].join(' ');
  }

  describeKeys(): string {
    if (this.allKeys) return '~*';
    return this.keyPatterns
      .map(({ text, permissions }) => `${permissions === READ ? '%R' : permissions === WRITE ? '%W' : ''}~${text}`)
      .join(' ');
  }

  describeChannels(): string {
    return this.allChannels ? '&*' : this.channelPatterns.map(({ text }) => `&${text}`).join(' ');
  }

  describe(): string {
    const channels = this.describeChannels();
    const parts = [
      this.describeKeys(),
      this.allChannels ? channels : `resetchannels ${channels}`.trimEnd(),
      this.describeCommands(),
    ];
    return parts.filter((part) => part !== '').join(' ');
  }
}

export function channelAllowed(
  patterns: readonly ChannelPattern[],
  bytes: Uint8Array,
  offset: number,
  length: number,
  isPattern: boolean,
): boolean {
  for (const pattern of patterns) {
    const matches = isPattern
      ? equalBytes(pattern.bytes, 0, pattern.bytes.length, bytes, offset, length)
      : globMatchesRange(pattern.bytes, 0, pattern.bytes.length, bytes, offset, length, false);
    if (matches) return true;
  }
  return false;
}
