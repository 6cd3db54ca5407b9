// differences: where Kvasir differs from a certain redis-server on purpose, and why.
//
// Each names the reply that it excuses as narrowly as it can. A difference that is no longer seen in a long run is reported,
// so that the list does not outlive its reasons.

import type { Words } from './generator.js';

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** Versions of redis-server that show it: from, before. */
  readonly before: string;
  readonly matches: (words: Words, ours: string, theirs: string) => boolean;
}

function is(words: Words, ...names: string[]): boolean {
  return names.every((name, index) => (words[index] ?? '').toLowerCase() === name);
}

export const differences: readonly Difference[] = [
  {
    name: 'encodings of small lists and sets',
    reason: 'Redis 7.2 keeps small lists and sets in listpacks; 7.0 had quicklists and hash tables.',
    before: '7.2.0',
    matches: (words, ours) => is(words, 'object', 'encoding') && ours === '"listpack"',
  },
];
