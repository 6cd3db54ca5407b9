// shrink: the shortest part of a failing sequence that still fails, and the shortest arguments.
//
// Parts are left out by halves, then quarters and so on (delta debugging), until no single command can go; then single
// arguments are shortened or left out.

import type { Words } from './generator.js';

export type Fails = (sequence: readonly Words[]) => Promise<boolean>;

/** Leaves out what is not needed for `fails` to be true. `attemptsMax` bounds the work. */
export async function shrink(sequence: readonly Words[], fails: Fails, attemptsMax = 400): Promise<Words[]> {
  let current = [...sequence];
  let attempts = 0;
  const tries = async (candidate: Words[]): Promise<boolean> => {
    if (attempts >= attemptsMax) return false;
    attempts++;
    if (!(await fails(candidate))) return false;
    current = candidate;
    return true;
  };
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = current.length - size; start >= 0;) {
      const without = [...current.slice(0, start), ...current.slice(start + size)];
      if (without.length > 0) await tries(without);
      start = Math.min(start - size, current.length - size);
    }
  }
  for (let at = current.length - 1; at >= 0; at--) {
    for (let size = Math.ceil(current[at]!.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let start = current[at]!.length - size; start > 0; start -= size) {
        const words = current[at]!;
        await tries(
          current.map((other, index) =>
            index === at ? [...words.slice(0, start), ...words.slice(start + size)] : other,
          ),
        );
      }
    }
    for (let word = 1; word < current[at]!.length; word++) {
      const long = current[at]![word]!;
      if (long.length > 20)
        await tries(
          current.map((other, index) =>
            index === at ? other.map((text, place) => (place === word ? 'v' : text)) : other,
          ),
        );
    }
  }
  return current;
}
