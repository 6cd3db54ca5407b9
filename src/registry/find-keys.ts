// find-keys: finds the keys among the arguments of a call, and the command's access to them, by its key specifications.
//
// For COMMAND GETKEYS, ACL key permissions and routing. The result is one reused object: read it before the next search.
import type { Call } from './call.js';
import type { Command, KeyFlag, KeySpec } from './command.js';

export class FoundKeys {
  count = 0;
  /** Argument indexes, in the order of the specifications. */
  indexes = new Int32Array(64);
  /** Which specification each key is of; -1 when `findKeys` named it. */
  specs = new Int32Array(64);

  clear(): void {
    this.count = 0;
  }

  add(index: number, spec: number): void {
    if (this.count === this.indexes.length) {
      const indexes = new Int32Array(this.count * 2);
      const specs = new Int32Array(this.count * 2);
      indexes.set(this.indexes);
      specs.set(this.specs);
      this.indexes = indexes;
      this.specs = specs;
    }
    this.indexes[this.count] = index;
    this.specs[this.count++] = spec;
  }
}

/** Where a specification begins, or -1 when its word is missing. */
function beginOf<C extends Call>(call: C, spec: KeySpec): number {
  if (spec.begin === 'unknown') return -1;
  if ('index' in spec.begin) return spec.begin.index;
  const { keyword, startFrom } = spec.begin;
  const word = keyword.toLowerCase();
  const step = startFrom > 0 ? 1 : -1;
  let at = startFrom > 0 ? startFrom : call.count + startFrom;
  const stop = startFrom > 0 ? call.count - 1 : 0;
  for (; at !== stop && at > 0 && at < call.count; at += step) if (call.is(at, word)) return at + 1;
  return -1;
}

/** Adds the keys of one specification; false when the arguments do not fit it. */
function addKeys<C extends Call>(call: C, spec: KeySpec, specIndex: number, found: FoundKeys): boolean {
  const begin = beginOf(call, spec);
  if (begin < 0) return true; // an optional word that is missing
  const { find } = spec;
  if (find === 'unknown') return true;
  let first = begin;
  let last: number;
  if ('last' in find) {
    if (find.last >= 0) last = begin + find.last;
    else if (find.limit <= 1) last = call.count + find.last;
    else last = begin + Math.trunc((call.count - begin) / find.limit) + find.last;
  } else {
    const counted = begin + find.keynum < call.count ? call.integer(begin + find.keynum) : NaN;
    if (!(counted >= 0)) return false;
    first = begin + find.first;
    last = first + (counted - 1) * find.step;
  }
  if (last >= call.count) return false;
  for (let index = first; index <= last; index += find.step) found.add(index, specIndex);
  return true;
}

/**
 * Finds the keys of a call of `command`. `withNonKeys` also names arguments that look like keys but are none (shard
 * channels). False when the arguments are too few or their count of keys is no number.
 */
export function findKeys<C extends Call>(
  command: Command<C>,
  call: C,
  withNonKeys: boolean,
  found: FoundKeys,
): boolean {
  found.clear();
  const byHand = command.declaration.findKeys;
  if (byHand !== undefined) {
    for (const index of byHand(call)) found.add(index, -1);
    return true;
  }
  let fits = true;
  for (let index = 0; index < command.keys.length; index++) {
    const spec = command.keys[index]!;
    if (!withNonKeys && spec.flags.includes('not_key')) continue;
    if (!addKeys(call, spec, index, found)) fits = false;
  }
  return fits;
}

/** The flags of a call for the key that was found as number `index`. */
export function flagsOfKey<C extends Call>(
  command: Command<C>,
  call: C,
  found: FoundKeys,
  index: number,
): readonly KeyFlag[] {
  const { keys } = command;
  const spec = specOfKey(command, found, index);
  if (spec < 0) return [];
  const { flags } = keys[spec]!;
  const { variableFlags } = command.declaration;
  return variableFlags !== undefined && flags.includes('variable_flags') ? variableFlags(call) : flags;
}

/** Which specification a found key belongs to; -1 when the command has none. */
export function specOfKey<C extends Call>(command: Command<C>, found: FoundKeys, index: number): number {
  const spec = found.specs[index]!;
  if (spec >= 0 || command.keys.length === 0) return spec;
  // Keys found by hand: the first place has the first specification, the others (STORE) the last.
  const { begin } = command.keys[0]!;
  return typeof begin === 'object' && 'index' in begin && begin.index === found.indexes[index]
    ? 0
    : command.keys.length - 1;
}
