// pattern-index: finds the patterns that a channel matches without trying all of them.
//
// Patterns are kept by their literal beginning, cut at PREFIX_BYTES_MAX. A channel is asked for its own beginning of every
// length in use, which is one look-up per length; only what begins alike is matched. A hundred thousand patterns such as
// `user:17:*` cost a publisher a few look-ups instead of a hundred thousand matches. Patterns that begin with a wildcard
// share the empty beginning and are all tried.
import { globMatchesRange, globPrefixLength } from '../../base/glob.js';

const PREFIX_BYTES_MAX = 48;

interface Entry<T> {
  /** The pattern as a byte string. */
  readonly text: string;
  readonly pattern: Uint8Array;
  readonly value: T;
}

export class PatternIndex<T> {
  /** Most beginnings belong to one pattern, which then stands here without a map of its own. */
  private readonly byPrefix = new Map<string, Entry<T> | Map<string, Entry<T>>>();
  /** How many patterns have a beginning of each length. */
  private readonly lengths = new Int32Array(PREFIX_BYTES_MAX + 1);
  private readonly byText = new Map<string, Entry<T>>();

  /** Count of different patterns. */
  get size(): number {
    return this.byText.size;
  }

  get(text: string): T | undefined {
    return this.byText.get(text)?.value;
  }

  values(): IterableIterator<[string, { readonly value: T }]> {
    return this.byText.entries();
  }

  /** `text` is the pattern as a byte string; it must not be in the index. */
  add(text: string, pattern: Uint8Array, value: T): void {
    const entry = { text, pattern, value };
    const prefix = text.slice(0, prefixLength(pattern));
    this.byText.set(text, entry);
    this.lengths[prefix.length]!++;
    const group = this.byPrefix.get(prefix);
    if (group === undefined) this.byPrefix.set(prefix, entry);
    else if (group instanceof Map) group.set(text, entry);
    else
      this.byPrefix.set(
        prefix,
        new Map([
          [group.text, group],
          [text, entry],
        ]),
      );
  }

  remove(text: string): void {
    const entry = this.byText.get(text);
    if (entry === undefined) return;
    const prefix = text.slice(0, prefixLength(entry.pattern));
    this.byText.delete(text);
    this.lengths[prefix.length]!--;
    const group = this.byPrefix.get(prefix)!;
    if (group instanceof Map) group.delete(text);
    if (!(group instanceof Map) || group.size === 0) this.byPrefix.delete(prefix);
  }

  /** Calls `visit` for every pattern that the channel matches. `text` is the channel as a byte string. */
  match(text: string, bytes: Uint8Array, visit: (value: T, pattern: Uint8Array) => void): void {
    if (this.byText.size === 0) return;
    const longest = Math.min(text.length, PREFIX_BYTES_MAX);
    for (let length = 0; length <= longest; length++) {
      if (this.lengths[length] === 0) continue;
      const group = this.byPrefix.get(text.slice(0, length));
      if (group === undefined) continue;
      if (group instanceof Map) for (const entry of group.values()) tryEntry(entry, bytes, visit);
      else tryEntry(group, bytes, visit);
    }
  }
}

function tryEntry<T>(
  { pattern, value }: Entry<T>,
  bytes: Uint8Array,
  visit: (value: T, pattern: Uint8Array) => void,
): void {
  if (globMatchesRange(pattern, 0, pattern.length, bytes, 0, bytes.length, false)) visit(value, pattern);
}

function prefixLength(pattern: Uint8Array): number {
  return Math.min(globPrefixLength(pattern), PREFIX_BYTES_MAX);
}
