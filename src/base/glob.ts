// glob: Redis's pattern language on bytes: `*`, `?`, `[abc]`, `[^a-z]` and `\` before a byte that is meant literally.
//
// One loop and no recursion: only the last `*` ever needs to give up bytes, because an earlier one that took more would
// only push the rest of the pattern further right, where the last one looks anyway. So a hostile pattern such as
// a*a*a*a*b costs at most pattern bytes times text bytes, and no stack.
//
// Redis's own corner cases, which clients can see: an empty text matches the empty pattern only (not `*`), a class
// that is never closed ends with the pattern, a range may be written downwards, and a `\` at the very end is a `\`.

const STAR = 0x2a;
const QUESTION = 0x3f;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;

/** Redis gives up on patterns with more stars than that (it recurses at each), and matches nothing. */
const STARS_MAX = 1000;

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}

/** Where the class that opens at `at` ends: the index after its `]`, or the end of the pattern. */
function classEnd(pattern: Uint8Array, at: number, end: number): number {
  let index = at + 1;
  if (index < end && pattern[index] === CARET) index++;
  while (index < end) {
    const byte = pattern[index]!;
    if (byte === BACKSLASH && end - index >= 2) index += 2;
    else if (byte === CLOSE) return index + 1;
    else if (end - index >= 3 && pattern[index + 1] === DASH) index += 3;
    else index++;
  }
  return end;
}

function classHolds(pattern: Uint8Array, at: number, end: number, byte: number, noCase: boolean): boolean {
  const wanted = noCase ? lowerCase(byte) : byte;
  let index = at + 1;
  const negated = index < end && pattern[index] === CARET;
  if (negated) index++;
  let found = false;
  while (index < end) {
    let first = pattern[index]!;
    let last = first;
    if (first === BACKSLASH && end - index >= 2) {
      // Redis compares an escaped byte of a class exactly, even when case is ignored.
      if (pattern[index + 1] === byte) found = true;
      index += 2;
      continue;
    }
    if (first === CLOSE) break;
    if (end - index >= 3 && pattern[index + 1] === DASH) {
      last = pattern[index + 2]!;
      index += 3;
      if (first > last) {
        const swapped = first;
        first = last;
        last = swapped;
      }
    } else {
      index++;
    }
    if (noCase) {
      first = lowerCase(first);
      last = lowerCase(last);
    }
    if (wanted >= first && wanted <= last) found = true;
  }
  return found !== negated;
}

/** Whether the whole text matches the whole pattern. Reads only the given ranges; allocates nothing. @hot */
export function globMatchesRange(
  pattern: Uint8Array,
  patternOffset: number,
  patternLength: number,
  text: Uint8Array,
  textOffset: number,
  textLength: number,
  noCase: boolean,
): boolean {
  if (textLength === 0) return patternLength === 0;
  const patternEnd = patternOffset + patternLength;
  const textEnd = textOffset + textLength;
  let at = patternOffset;
  let from = textOffset;
  let afterStar = -1;
  let starFrom = 0;
  let stars = 0;
  while (from < textEnd) {
    let next = at;
    let matches = false;
    if (at < patternEnd) {
      let byte = pattern[at]!;
      if (byte === STAR) {
        do at++;
        while (at < patternEnd && pattern[at] === STAR);
        if (at === patternEnd) return true;
        if (++stars > STARS_MAX) return false;
        afterStar = at;
        starFrom = from;
        continue;
      }
      if (byte === QUESTION) {
        matches = true;
        next = at + 1;
      } else if (byte === OPEN) {
        matches = classHolds(pattern, at, patternEnd, text[from]!, noCase);
        if (matches) next = classEnd(pattern, at, patternEnd);
      } else {
        next = at + 1;
        if (byte === BACKSLASH && next < patternEnd) byte = pattern[next++]!;
        matches = byte === text[from] || (noCase && lowerCase(byte) === lowerCase(text[from]!));
      }
    }
    if (matches) {
      at = next;
      from++;
    } else {
      if (afterStar < 0) return false;
      at = afterStar;
      from = ++starFrom;
    }
  }
  while (at < patternEnd && pattern[at] === STAR) at++;
  return at === patternEnd;
}

/** Whether the whole text matches the whole pattern. */
export function globMatches(pattern: Uint8Array, text: Uint8Array, noCase = false): boolean {
  return globMatchesRange(pattern, 0, pattern.length, text, 0, text.length, noCase);
}

/** How many leading bytes of the pattern stand for themselves: what every matching text begins with. */
export function globPrefixLength(pattern: Uint8Array): number {
  for (let index = 0; index < pattern.length; index++) {
    const byte = pattern[index]!;
    if (byte === STAR || byte === QUESTION || byte === OPEN || byte === BACKSLASH) return index;
  }
  return pattern.length;
}
