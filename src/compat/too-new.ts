// too-new: finds in a call the option that a server of some version did not know yet.
//
// The grammar of the command, which carries the version of each argument, is laid over the call from left to right. Options of
// one place come in any order; a word is an option only where the grammar allows one, so that SET key GET stores "GET". The walk is
// lenient: it stops where the call does not fit, because the command itself then replies with its error.
//
// It runs only for commands that have an argument which is too new, on a server that answers as an old one.

import type { Call } from '../registry/call.js';
import type { Argument } from '../registry/grammar.js';

type Words = Pick<Call, 'count' | 'is' | 'integer'>;
type IsNew = (since: string) => boolean;

/** Whether any argument of a grammar is too new. */
export function hasNew(args: readonly Argument[], isNew: IsNew): boolean {
  return args.some(
    (argument) =>
      (argument.since !== undefined && isNew(argument.since)) ||
      (argument.children !== undefined && hasNew(argument.children, isNew)),
  );
}

/** A grammar without the arguments that are too new. */
export function withoutNew(args: readonly Argument[], isNew: IsNew): readonly Argument[] {
  return args
    .filter((argument) => argument.since === undefined || !isNew(argument.since))
    .map((argument) =>
      argument.children === undefined ? argument : { ...argument, children: withoutNew(argument.children, isNew) },
    )
    .filter((argument) => argument.children === undefined || argument.children.length > 0);
}

/** The first argument of the grammar in a call that is too new; `from` is where the arguments begin. */
export function findNew(args: readonly Argument[], isNew: IsNew, call: Words, from: number): Argument | undefined {
  const walk = new Walk(call, isNew, from);
  walk.sequence(args);
  return walk.found;
}

class Walk {
  found: Argument | undefined;
  /** The last whole number, in case it counts what comes next. */
  private counted = NaN;

  constructor(
    private readonly call: Words,
    private readonly isNew: IsNew,
    private at: number,
  ) {}

  /** Walks over arguments in their order; false where the call has something else. */
  sequence(items: readonly Argument[]): boolean {
    for (let index = 0; index < items.length; index++) {
      const item = items[index]!;
      if (item.optional !== true) {
        if (!this.required(item, items.slice(index + 1))) return false;
        continue;
      }
      let end = index;
      while (end < items.length && items[end]!.optional === true) end++;
      this.options(items.slice(index, end), leastCount(items.slice(end)));
      index = end - 1;
    }
    return true;
  }

  private required(item: Argument, following: readonly Argument[]): boolean {
    if (item.multiple !== true) return this.one(item);
    const times = this.counted >= 0 ? this.counted : Infinity;
    this.counted = NaN;
    const { count } = this.call;
    const stop = count - leastCount(following);
    const tokens = tokensOf(following);
    if (!this.one(item)) return false;
    for (let done = 1; done < times && this.at < stop && !this.isAny(tokens); done++) if (!this.one(item)) return false;
    return true;
  }

  /** Options in any order, then those that have a place instead of a word. */
  private options(run: readonly Argument[], reserved: number): void {
    const tokens = tokensOf(run);
    const stop = this.call.count - reserved;
    const left = new Set(run);
    let goesOn = true;
    while (goesOn && this.at < stop) {
      goesOn = false;
      for (const item of left) {
        if (!beginsWithToken(item) || !this.one(item)) continue;
        if (item.multiple !== true) left.delete(item);
        else if (item.multipleToken !== true) this.more(item, tokens, stop);
        goesOn = true;
        break;
      }
      if (goesOn) continue;
      for (const item of left) {
        if (beginsWithToken(item) || !this.one(item)) continue;
        if (item.multiple === true) this.more(item, tokens, stop);
        left.delete(item);
        goesOn = true;
        break;
      }
    }
  }

  /** Further values of an argument that may have several. */
  private more(item: Argument, tokens: readonly string[], stop: number): void {
    const value = withoutToken(item);
    const times = this.counted > 1 ? this.counted - 1 : Infinity;
    for (let done = 0; done < times && this.at < stop && !this.isAny(tokens); done++) if (!this.one(value)) return;
  }

  private isAny(tokens: readonly string[]): boolean {
    return tokens.some((token) => this.call.is(this.at, token));
  }

  /** Walks over one argument once; where it is missing, nothing has happened. */
  private one(item: Argument): boolean {
    const { at, found, counted } = this;
    if (this.fits(item)) {
      if (item.since !== undefined && this.isNew(item.since)) this.found ??= item;
      return true;
    }
    this.at = at;
    this.found = found;
    this.counted = counted;
    return false;
  }

  private fits(item: Argument): boolean {
    const { call } = this;
    if (this.at >= call.count) return false;
    if (item.token !== undefined) {
      if (!call.is(this.at, item.token.toLowerCase() || '""')) return false;
      this.at++;
      if (item.kind === 'pure-token') return true;
    }
    switch (item.kind) {
      case 'pure-token':
        return false;
      case 'oneof': {
        const children = item.children ?? [];
        const tokened = children.filter(beginsWithToken);
        return tokened.some((child) => this.one(child)) || children.some((child) => this.one(child));
      }
      case 'block':
        return this.sequence(item.children ?? []);
      case 'integer':
        if (this.at >= call.count) return false;
        this.counted = /^num|count$/.test(item.name) ? call.integer(this.at) : NaN;
        this.at++;
        return true;
      default:
        if (this.at >= call.count) return false;
        this.at++;
        return true;
    }
  }
}

function withoutToken(item: Argument): Argument {
  const copy: { -readonly [Key in keyof Argument]: Argument[Key] } = { ...item };
  delete copy.token;
  return copy;
}

function beginsWithToken(item: Argument): boolean {
  if (item.token !== undefined) return true;
  if (item.kind === 'oneof') return (item.children ?? []).some(beginsWithToken);
  return item.kind === 'block' && item.children?.[0] !== undefined && beginsWithToken(item.children[0]);
}

/** The words that may begin one of these arguments, in lower case. */
function tokensOf(items: readonly Argument[]): readonly string[] {
  return items.flatMap((item): readonly string[] => {
    if (item.token !== undefined) return [item.token.toLowerCase()];
    if (item.kind === 'oneof') return tokensOf(item.children ?? []);
    return item.kind === 'block' && item.children?.[0] !== undefined ? tokensOf([item.children[0]]) : [];
  });
}

/** The least number of words that these arguments take. */
function leastCount(items: readonly Argument[]): number {
  let count = 0;
  for (const item of items) {
    if (item.optional === true) continue;
    const token = item.token === undefined || item.kind === 'pure-token' ? 0 : 1;
    if (item.kind === 'block') count += token + leastCount(item.children ?? []);
    else if (item.kind === 'oneof')
      count += token + Math.min(...(item.children ?? []).map((child) => leastCount([{ ...child, optional: false }])));
    else count += token + 1;
  }
  return count;
}
