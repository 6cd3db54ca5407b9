// lzf: the LZF compression of RDB strings (format by Marc Lehmann), small and fast rather than tight.
//
// A compressed block is a sequence of runs; each starts with a control byte:
//   000LLLLL                  the next L + 1 bytes stand for themselves (1 to 32)
//   LLLOOOOO OOOOOOOO         copy L + 2 bytes (3 to 8) from O + 1 bytes back in the output (1 to 8192)
//   111OOOOO LLLLLLLL OOOOOOOO   copy L + 9 bytes (9 to 264)
// A copy may overlap its own output, which is how long runs of one byte become short.
//
// The compressor remembers the last place of each hash of three bytes and takes the first match that it finds. It gives
// up as soon as the output would reach the room it was given, so data that does not shrink costs one pass at most.

const HASH_BITS = 14;
const LITERAL_MAX = 32;
const OFFSET_MAX = 8192;
const MATCH_MAX = 264;

/** Place + 1 + generation base of the last three bytes with this hash; stale places are below `base`. */
const table = new Int32Array(1 << HASH_BITS);
let base = 0;

function hashAt(from: Uint8Array, at: number): number {
  const three = (from[at]! << 16) | (from[at + 1]! << 8) | from[at + 2]!;
  return Math.imul(three, 0x9e3779b1) >>> (32 - HASH_BITS);
}

/**
 * Compresses `length` bytes into `to` at `toOffset`, using at most `room` bytes there.
 * Returns the compressed size, or 0 when it does not fit (data that does not shrink, if room is less than length).
 * @hot
 */
export function lzfCompress(
  from: Uint8Array,
  offset: number,
  length: number,
  to: Uint8Array,
  toOffset: number,
  room: number,
): number {
  if (length === 0) return 0;
  // Old entries of the table lie below base, so it need not be cleared for every string.
  if (base > 0x7fffffff - length - 2) {
    table.fill(0);
    base = 0;
  }
  const shift = base + 1 - offset;
  const end = offset + length;
  const lastHash = end - 3;
  const limit = toOffset + room;
  let at = offset;
  let literals = offset;
  let out = toOffset;
  while (at <= lastHash) {
    const slot = hashAt(from, at);
    const stored = table[slot]!;
    table[slot] = at + shift;
    const match = stored > base ? stored - shift : -1;
    const distance = at - match;
    if (
      match < 0 ||
      distance > OFFSET_MAX ||
      from[match] !== from[at] ||
      from[match + 1] !== from[at + 1] ||
      from[match + 2] !== from[at + 2]
    ) {
      at++;
      continue;
    }
    const longest = Math.min(MATCH_MAX, end - at);
    let matched = 3;
    while (matched < longest && from[match + matched] === from[at + matched]) matched++;
    out = copyLiterals(from, literals, at, to, out, limit);
    if (out < 0 || out + 3 > limit) {
      base += length + 1;
      return 0;
    }
    const back = distance - 1;
    if (matched < 9) to[out++] = ((matched - 2) << 5) | (back >>> 8);
    else {
      to[out++] = 0xe0 | (back >>> 8);
      to[out++] = matched - 9;
    }
    to[out++] = back & 0xff;
    // The places inside the match are remembered only near its end: enough for runs, and cheap.
    const next = at + matched;
    for (let inside = Math.max(at + 1, next - 2); inside < next && inside <= lastHash; inside++)
      table[hashAt(from, inside)] = inside + shift;
    at = next;
    literals = at;
  }
  out = copyLiterals(from, literals, end, to, out, limit);
  base += length + 1;
  return out < 0 ? 0 : out - toOffset;
}

/** Writes literal runs for from[start, end); returns the new place, -1 when there is no room. */
function copyLiterals(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  out: number,
  limit: number,
): number {
  let at = start;
  let place = out;
  while (at < end) {
    const count = Math.min(LITERAL_MAX, end - at);
    if (place + count + 1 > limit) return -1;
    to[place++] = count - 1;
    for (let i = 0; i < count; i++) to[place++] = from[at++]!;
  }
  return place;
}

/**
 * Decompresses `length` bytes into exactly `toLength` bytes at `toOffset`; false when the input is malformed or its
 * output has another size. Never reads or writes outside the given ranges.
 * @hot
 */
export function lzfDecompress(
  from: Uint8Array,
  offset: number,
  length: number,
  to: Uint8Array,
  toOffset: number,
  toLength: number,
): boolean {
  const end = offset + length;
  const toEnd = toOffset + toLength;
  if (end > from.length || toEnd > to.length) return false;
  let at = offset;
  let out = toOffset;
  while (at < end) {
    const control = from[at++]!;
    if (control < 32) {
      const count = control + 1;
      if (at + count > end || out + count > toEnd) return false;
      for (let i = 0; i < count; i++) to[out++] = from[at++]!;
      continue;
    }
    let count = (control >>> 5) + 2;
    if (count === 9) {
      if (at >= end) return false;
      count += from[at++]!;
    }
    if (at >= end) return false;
    let source = out - (((control & 31) << 8) | from[at++]!) - 1;
    if (source < toOffset || out + count > toEnd) return false;
    for (let i = 0; i < count; i++) to[out++] = to[source++]!;
  }
  return out === toEnd;
}
