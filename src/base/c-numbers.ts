// c-numbers: numbers on the command line as atoi, strtoll and atof read them: leading digits count, garbage is 0.

/** The integer that the text starts with, within 64 bits; 0 when there is none. */
export function readLeadingInteger(text: string): number {
  const match = /^\s*([+-]?\d+)/.exec(text);
  return match === null ? 0 : Number(match[1]);
}

/** The decimal number that the text starts with; 0 when there is none. */
export function readLeadingNumber(text: string): number {
  const match = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i.exec(text);
  return match === null ? 0 : Number(match[0]);
}
