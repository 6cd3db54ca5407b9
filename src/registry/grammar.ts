// grammar: a command's arguments as data: for COMMAND DOCS, completion, docs, and the fuzzer.
//
// The kinds and attributes are those of COMMAND DOCS. The small functions below keep declarations readable:
//   args: [key('key'), str('value'), optional(oneof('condition', token('NX'), token('XX')))]

export type ArgumentKind =
  'string' | 'integer' | 'double' | 'key' | 'pattern' | 'unix-time' | 'pure-token' | 'oneof' | 'block';

export interface Argument {
  readonly name: string;
  readonly kind: ArgumentKind;
  /** Word that comes before the value, or is the whole argument of a pure token. */
  readonly token?: string;
  readonly optional?: boolean;
  readonly multiple?: boolean;
  /** With `multiple`: the token is repeated too. */
  readonly multipleToken?: boolean;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly summary?: string;
  /** Which key specification a key argument belongs to. */
  readonly keySpec?: number;
  /** How the argument is shown; its name if absent. */
  readonly display?: string;
  /** Of oneof and block. */
  readonly children?: readonly Argument[];
}

type Extras = Partial<Omit<Argument, 'name' | 'kind' | 'children'>>;

export function key(name: string, extras?: Extras): Argument {
  return { name, kind: 'key', keySpec: 0, ...extras };
}

export function str(name: string, extras?: Extras): Argument {
  return { name, kind: 'string', ...extras };
}

export function int(name: string, extras?: Extras): Argument {
  return { name, kind: 'integer', ...extras };
}

export function double(name: string, extras?: Extras): Argument {
  return { name, kind: 'double', ...extras };
}

export function pattern(name: string, extras?: Extras): Argument {
  return { name, kind: 'pattern', ...extras };
}

export function unixTime(name: string, extras?: Extras): Argument {
  return { name, kind: 'unix-time', ...extras };
}

/** A bare word; its name is the word in lower case unless given. */
export function token(word: string, extras?: Extras & { name?: string }): Argument {
  return { name: word.toLowerCase(), kind: 'pure-token', token: word, ...extras };
}

export function oneof(name: string, ...children: readonly Argument[]): Argument {
  return { name, kind: 'oneof', children };
}

export function block(name: string, ...children: readonly Argument[]): Argument {
  return { name, kind: 'block', children };
}

export function optional(argument: Argument): Argument {
  return { ...argument, optional: true };
}

export function many(argument: Argument): Argument {
  return { ...argument, multiple: true };
}

export function since(version: string, argument: Argument): Argument {
  return { ...argument, since: version };
}
