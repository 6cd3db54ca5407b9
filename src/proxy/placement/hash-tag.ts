// hash-tag: the part of a key that placement looks at, where the pool has tags.
//
// Three rules differ: twemproxy takes two characters of the pool's choice and wants one byte at least between them, Redis
// Cluster does the same with braces, and codis takes an empty tag too.

export interface TagRule {
  /** Byte values. */
  readonly open: number;
  readonly close: number;
  /** An empty tag counts; else it means the whole key. */
  readonly takesEmpty: boolean;
}

export const clusterTag: TagRule = { open: 123, close: 125, takesEmpty: false };
export const codisTag: TagRule = { open: 123, close: 125, takesEmpty: true };

/** The tag that `findTag` found. */
export const tag = { start: 0, length: 0 };

/** Sets `tag` to the part of the key that counts. @hot */
export function findTag(rule: TagRule | undefined, bytes: Uint8Array, start: number, length: number): void {
  tag.start = start;
  tag.length = length;
  if (rule === undefined) return;
  const end = start + length;
  let open = start;
  while (open < end && bytes[open] !== rule.open) open++;
  if (open === end) return;
  let close = open + 1;
  while (close < end && bytes[close] !== rule.close) close++;
  if (close >= end || (close === open + 1 && !rule.takesEmpty)) return;
  tag.start = open + 1;
  tag.length = close - open - 1;
}
