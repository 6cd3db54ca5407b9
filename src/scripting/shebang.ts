// shebang: the first line of a script or library: which engine runs it, what it is called, what it may do.
//
//   #!lua name=mylib flags=no-writes,allow-stale

import { errors } from '../protocol/errors.js';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { splitBytes } from '../base/quoting.js';

/** Bits of what a script may do; the names are those of `flags=`. */
export const scriptFlags = {
  'no-writes': 1 << 0,
  'allow-oom': 1 << 1,
  'allow-stale': 1 << 2,
  'no-cluster': 1 << 3,
  'allow-cross-slot-keys': 1 << 4,
} as const;

/** A script without a shebang: what it does is only checked command by command. */
export const COMPATIBLE = 1 << 5;

export type ScriptFlag = keyof typeof scriptFlags;

/** The fault of a shebang, in words for the client. */
export class ShebangError extends Error {}

/** Bits of flag names. */
export function flagBits(names: readonly string[]): number {
  let bits = 0;
  for (const name of names) bits |= scriptFlags[name as ScriptFlag];
  return bits;
}

/** The source with its first line emptied, so that line numbers stay. */
function withoutShebang(source: string): string {
  const end = source.indexOf('\n');
  return end < 0 ? '' : source.slice(end);
}

export interface EvalSource {
  readonly flags: number;
  readonly body: string;
}

/** Reads the shebang of an EVAL script, if it has one. */
export function readEvalShebang(source: string): EvalSource {
  if (!source.startsWith('#!')) return { flags: COMPATIBLE, body: source };
  const end = source.indexOf('\n');
  if (end < 0) throw new ShebangError('ERR Invalid script shebang');
  const [engine, ...options] = wordsOf(source.slice(0, end), 'ERR Invalid engine in script shebang');
  if (engine !== '#!lua') throw new ShebangError(`ERR Unexpected engine in script shebang: ${engine!}`);
  let flags = 0;
  for (const option of options) {
    if (!option.startsWith('flags=')) throw new ShebangError(`ERR Unknown lua shebang option: ${option}`);
    const value = option.slice('flags='.length);
    for (const name of value === '' ? [] : value.split(',')) {
      if (!Object.hasOwn(scriptFlags, name)) throw new ShebangError(`ERR Unexpected flag in script shebang: ${name}`);
      flags |= scriptFlags[name as ScriptFlag];
    }
  }
  return { flags, body: withoutShebang(source) };
}

export interface LibrarySource {
  readonly name: string;
  readonly engine: string;
  readonly body: string;
}

/** Reads the shebang of a function library, which must have one. */
export function readLibraryShebang(source: string): LibrarySource {
  const end = source.indexOf('\n');
  if (!source.startsWith('#!')) throw new ShebangError('ERR Missing library metadata');
  if (end < 0) throw new ShebangError(errors.libraryMetadata);
  const [engine, ...options] = wordsOf(source.slice(0, end), errors.libraryMetadata);
  let name: string | undefined;
  for (const option of options) {
    if (!/^name=/i.test(option)) throw new ShebangError(`ERR Invalid metadata value given: ${option}`);
    if (name !== undefined)
      throw new ShebangError('ERR Invalid metadata value, name argument was given multiple times');
    name = option.slice('name='.length);
  }
  if (name === undefined) throw new ShebangError('ERR Library name was not given');
  if (!/^[a-zA-Z0-9_]+$/.test(name)) {
    throw new ShebangError(errors.libraryName);
  }
  return { name, engine: engine!.slice(2), body: withoutShebang(source) };
}

/** Words of a line; quotes hold words together. */
function wordsOf(line: string, unbalanced: string): string[] {
  const bytes = latin1Bytes(line);
  const words = splitBytes(bytes, 0, bytes.length);
  if (words === undefined) throw new ShebangError(unbalanced);
  return words.map((word) => latin1(word));
}
