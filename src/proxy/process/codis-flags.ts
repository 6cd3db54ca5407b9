// codis-flags: command lines as docopt reads them for codis's programs: --name=value, --name value, short forms, bare words.

export interface CodisFlags {
  /** Values by name; '' for a flag without one. */
  readonly values: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

export interface FlagGrammar {
  /** Flags that take a value. */
  readonly valued: ReadonlySet<string>;
  readonly bare: ReadonlySet<string>;
  /** From the letter to the name. */
  readonly short: Readonly<Record<string, string>>;
  readonly words: ReadonlySet<string>;
}

/** The flags, or what is wrong with them. */
export function readCodisFlags(args: readonly string[], grammar: FlagGrammar): CodisFlags | string {
  const values = new Map<string, string>();
  const words: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    if (!arg.startsWith('-')) {
      if (!grammar.words.has(arg)) return `unknown word ${arg}`;
      words.push(arg);
      continue;
    }
    const isShort = !arg.startsWith('--');
    const match = isShort ? /^-(\w)(.+)?$/.exec(arg) : /^--([\w-]+)(?:=(.*))?$/s.exec(arg);
    const name = match === null ? undefined : isShort ? grammar.short[match[1]!] : match[1]!;
    if (name === undefined || !(grammar.valued.has(name) || grammar.bare.has(name))) return `unknown flag ${arg}`;
    if (grammar.bare.has(name)) {
      if (match![2] !== undefined) return `${arg.split('=')[0]} takes no value`;
      values.set(name, '');
      continue;
    }
    const value = match![2] ?? args[++index];
    if (value === undefined) return `--${name} needs a value`;
    values.set(name, value);
  }
  return { values, words };
}
