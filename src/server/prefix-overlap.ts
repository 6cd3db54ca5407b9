// prefix-overlap: whether prefixes that a client names for tracking overlap, with each other or with those it has.
//
// In sorted order everything that begins with a text follows it at once, so it is enough to compare neighbours: n
// prefixes beside m take n log(n + m) comparisons. Redis compares each with each, which 100,000 prefixes in one command
// turn into minutes.

/** Negative, 0 or positive, as for `sort`. */
export type CompareTexts = (a: string, b: string) => number;

export const compareTexts: CompareTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export interface PrefixOverlap {
  /** The first of the wanted prefixes that overlaps. */
  readonly prefix: string;
  readonly other: string;
  /** The client has `other` already; else it is wanted, too. */
  readonly isPresent: boolean;
}

/** The place of the first of the sorted texts that is not less than `text`. */
export function lowerBound(sorted: readonly string[], text: string, compare = compareTexts): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle]!, text) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first of the present prefixes (sorted; none begins with another, unless that is '') that overlaps with `text`. */
function overlapWithPresent(text: string, present: readonly string[], compare: CompareTexts): string | undefined {
  if (present[0] === '') return '';
  const at = lowerBound(present, text, compare);
  const before = present[at - 1];
  if (before !== undefined && text.startsWith(before)) return before;
  return present[at]?.startsWith(text) === true ? present[at] : undefined;
}

/** The lowest index of a text that overlaps with one of a higher index; Infinity when none does. */
function firstOfPair(texts: readonly string[], compare: CompareTexts): number {
  const order = Array.from(texts, (_, index) => index).sort((a, b) => compare(texts[a]!, texts[b]!) || a - b);
  /** The texts that the one at hand may begin with, each the beginning of the next, and the lowest index so far. */
  const open: { text: string; lowest: number }[] = [];
  let found = Infinity;
  for (const index of order) {
    const text = texts[index]!;
    while (open.length > 0 && !text.startsWith(open.at(-1)!.text)) open.pop();
    const lowest = Math.min(index, open.at(-1)?.lowest ?? Infinity);
    if (open.length > 0) found = Math.min(found, lowest);
    open.push({ text, lowest });
  }
  return found;
}

/** The overlap that Redis reports first; undefined when no prefix overlaps with another. */
export function firstOverlap(
  wanted: readonly string[],
  present: readonly string[],
  compare = compareTexts,
): PrefixOverlap | undefined {
  const index = firstOfPair(wanted, compare);
  for (let at = 0; at < wanted.length && at <= index; at++) {
    const other = overlapWithPresent(wanted[at]!, present, compare);
    if (other !== undefined) return { prefix: wanted[at]!, other, isPresent: true };
  }
  const prefix = wanted[index];
  if (prefix === undefined) return undefined;
  const other = wanted.find((text, at) => at > index && (text.startsWith(prefix) || prefix.startsWith(text)))!;
  return { prefix, other, isPresent: false };
}
