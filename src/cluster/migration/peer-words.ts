// peer-words: reads the words of the other node of a move, which may be broken, or no node at all.

const TEXT_LENGTH_MAX = 256;

/** A whole number of at least 0 that arithmetic keeps exact; 0 for anything else. */
export function numberOf(word: string | undefined): number {
  const value = /^[0-9]{1,16}$/.test(word ?? '') ? Number(word) : 0;
  return Number.isSafeInteger(value) ? value : 0;
}

/** A reason, fit for a line of the log and for CLUSTER MIGRATION STATUS. */
export function reasonOf(word: string): string {
  const text = word.slice(0, TEXT_LENGTH_MAX).replace(/[^\x20-\x7e]/g, '?');
  return word.length > TEXT_LENGTH_MAX ? `${text}...` : text;
}
