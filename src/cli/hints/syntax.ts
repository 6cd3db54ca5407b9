// syntax: a command's arguments as text, and how far the words typed so far get in them.
//
//   key value [NX|XX] [GET] [EX seconds|PX milliseconds]
//
// Matching walks declaration and words together. Neighbouring optional arguments may come in any order. The rest
// when the words run out is the hint; what may stand next is for completion. A word that fits nowhere ends both.
import type { ArgumentDoc } from './command-docs.js';

export interface SyntaxMatch {
  /** The rest to be typed; '' when the command is complete. */
  readonly hint: string;
  /** The arguments that may come next: optional ones, and the first that must. */
  readonly next: readonly ArgumentDoc[];
}

export function renderArguments(args: readonly ArgumentDoc[]): string {
  return args.map(renderArgument).join(' ');
}

function renderArgument(arg: ArgumentDoc): string {
  const once = withToken(arg, renderValue(arg));
  const text = arg.multiple ? `${once} ${renderRepetition(arg)}` : once;
  return arg.optional ? `[${text}]` : text;
}

/** [key ...], what may follow the first of a repeated argument. */
function renderRepetition(arg: ArgumentDoc): string {
  return `[${arg.multipleToken ? withToken(arg, renderValue(arg)) : renderValue(arg)} ...]`;
}

function withToken({ token }: ArgumentDoc, value: string): string {
  if (token === undefined) return value;
  const shown = token === '' ? '""' : token;
  return value === '' ? shown : `${shown} ${value}`;
}

function renderValue(arg: ArgumentDoc): string {
  switch (arg.type) {
    case 'pure-token':
      return '';
    case 'oneof':
      return arg.parts.map(renderArgument).join('|');
    case 'block':
      return renderArguments(arg.parts);
    default:
      return arg.name;
  }
}

/** How the words fit the arguments; undefined when they do not. */
export function matchArguments(args: readonly ArgumentDoc[], words: readonly string[]): SyntaxMatch | undefined {
  const matcher = new Matcher(words);
  const result = matcher.matchList(args, 0, noStops);
  if (result === undefined || result.next < words.length) return undefined;
  return { hint: result.rest, next: matcher.expected };
}

/** The keywords that an argument can begin with. */
export function leadingTokens(arg: ArgumentDoc): string[] {
  if (arg.token !== undefined) return arg.token === '' ? [] : [arg.token];
  if (arg.type === 'oneof') return arg.parts.flatMap(leadingTokens);
  if (arg.type === 'block') return arg.parts[0] === undefined ? [] : leadingTokens(arg.parts[0]);
  return [];
}

interface Progress {
  /** The first word that is not used. */
  readonly next: number;
  /** The missing part of the arguments that the words have begun. */
  readonly rest: string;
}

const noStops: ReadonlySet<string> = new Set();

class Matcher {
  readonly expected: ArgumentDoc[] = [];
  private expectedClosed = false;

  constructor(private readonly words: readonly string[]) {}

  /** `stops`: keywords that begin what comes after the list, so that a repeated argument does not swallow them. */
  matchList(args: readonly ArgumentDoc[], from: number, stops: ReadonlySet<string>): Progress | undefined {
    const rest: string[] = [];
    let next = from;
    for (let index = 0; index < args.length;) {
      const arg = args[index]!;
      const later = tokensAfter(args, index, stops);
      if (!arg.optional) {
        index++;
        if (next >= this.words.length) {
          this.expect(arg);
          this.expectedClosed = true;
          rest.push(renderArgument(arg));
          continue;
        }
        const progress = this.matchRepeated(arg, next, later);
        if (progress === undefined) return undefined;
        next = progress.next;
        if (progress.rest !== '') rest.push(progress.rest);
        continue;
      }
      let end = index;
      while (args[end]?.optional === true) end++;
      const progress = this.matchOptional(args.slice(index, end), next, tokensAfter(args, end - 1, stops));
      next = progress.next;
      if (progress.rest !== '') rest.push(progress.rest);
      index = end;
    }
    return { next, rest: rest.join(' ') };
  }

  /** Optional arguments in any order; those with keywords are looked at first. */
  private matchOptional(args: readonly ArgumentDoc[], from: number, stops: ReadonlySet<string>): Progress {
    const left = [...args].sort((a, b) => Number(leadingTokens(b).length > 0) - Number(leadingTokens(a).length > 0));
    let next = from;
    let partial = '';
    while (next < this.words.length) {
      let found = -1;
      for (let index = 0; index < left.length && found < 0; index++) {
        const others = new Set([
          ...stops,
          ...left.flatMap((arg, other) => (other === index ? [] : leadingTokens(arg))),
        ]);
        const before = this.expected.length;
        const progress = this.matchRepeated(left[index]!, next, others);
        if (progress === undefined || progress.next === next) {
          this.expected.length = before;
          continue;
        }
        found = index;
        next = progress.next;
        partial = progress.rest;
      }
      if (found < 0) return { next, rest: '' }; // a word is there that belongs to what follows
      left.splice(found, 1);
    }
    const remaining = args.filter((arg) => left.includes(arg));
    for (const arg of remaining) this.expect(arg);
    return { next, rest: [partial, ...remaining.map(renderArgument)].filter((text) => text !== '').join(' ') };
  }

  private matchRepeated(arg: ArgumentDoc, from: number, stops: ReadonlySet<string>): Progress | undefined {
    let progress = this.matchOnce(arg, from, stops, true);
    if (progress === undefined || !arg.multiple) return progress;
    while (progress.rest === '' && progress.next < this.words.length) {
      const word = this.words[progress.next]!.toUpperCase();
      if (stops.has(word)) return { next: progress.next, rest: '' };
      const again = this.matchOnce(arg, progress.next, stops, arg.multipleToken);
      if (again === undefined || again.next === progress.next) return { next: progress.next, rest: '' };
      progress = again;
    }
    if (progress.rest === '') this.expect(arg.multipleToken ? arg : { ...arg, token: undefined });
    // The bracket that closes an optional argument stays open until the line ends, as in redis-cli.
    const repetition = arg.optional && arg.multipleToken ? `${renderRepetition(arg)}]` : renderRepetition(arg);
    return {
      next: progress.next,
      rest: progress.rest === '' ? repetition : `${progress.rest} ${repetition}`,
    };
  }

  private matchOnce(
    arg: ArgumentDoc,
    from: number,
    stops: ReadonlySet<string>,
    withToken: boolean,
  ): Progress | undefined {
    let next = from;
    if (arg.token !== undefined && withToken) {
      if (this.words[next]!.toUpperCase() !== arg.token.toUpperCase()) return undefined;
      next++;
    }
    if (arg.type === 'pure-token') return { next, rest: '' };
    if (next >= this.words.length) {
      this.expect({ ...arg, token: undefined });
      this.expectedClosed = true;
      return { next, rest: renderValue(arg) };
    }
    const word = this.words[next]!;
    switch (arg.type) {
      case 'block':
        return this.matchList(arg.parts, next, stops);
      case 'oneof':
        for (const part of arg.parts) {
          const progress = this.matchRepeated(part, next, stops);
          if (progress !== undefined) return progress;
        }
        return undefined;
      case 'integer':
      case 'unix-time':
        return /^[+-]?\d+$/.test(word) ? { next: next + 1, rest: '' } : undefined;
      case 'double':
        return /^[+-]?(?:\d+\.?\d*|\.\d+|inf)(?:e[+-]?\d+)?$/i.test(word) ? { next: next + 1, rest: '' } : undefined;
      default:
        return { next: next + 1, rest: '' };
    }
  }

  private expect(arg: ArgumentDoc): void {
    if (!this.expectedClosed) this.expected.push(arg);
  }
}

function tokensAfter(args: readonly ArgumentDoc[], index: number, stops: ReadonlySet<string>): ReadonlySet<string> {
  const tokens = new Set(stops);
  for (let later = index + 1; later < args.length; later++) {
    for (const token of leadingTokens(args[later]!)) tokens.add(token.toUpperCase());
  }
  return tokens;
}
