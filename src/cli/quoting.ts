// quoting: Redis's own grammar for a line of arguments, and its printable form of a byte string.
//
// Everything here works on strings of one character per byte, because arguments are bytes.
//
//   "..."  knows \n \r \t \b \a, \xHH, and \c for any other character c
//   '...'  knows only \'
// A closing quote must be followed by white space or the end.

const doubleQuoteEscapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };
const hexPair = /^[0-9a-fA-F]{2}$/;

function isSpace(character: string | undefined): boolean {
  return character === ' ' || (character !== undefined && character >= '\t' && character <= '\r');
}

/** Splits a line into arguments; undefined when a quote is not closed or runs into the next word. */
export function splitArguments(line: string): string[] | undefined {
  const args: string[] = [];
  let index = 0;
  for (;;) {
    while (isSpace(line[index])) index++;
    // As in C, a NUL ends the line.
    if (index >= line.length || line[index] === '\0') return args;
    let word = '';
    let quote: '"' | "'" | undefined;
    for (;;) {
      const character = line[index] === '\0' ? undefined : line[index];
      if (quote === undefined) {
        if (character === undefined || isSpace(character)) break;
        if (character === '"' || character === "'") quote = character;
        else word += character;
        index++;
        continue;
      }
      if (character === undefined) return undefined;
      if (quote === '"' && character === '\\') {
        const pair = line.slice(index + 2, index + 4);
        if (line[index + 1] === 'x' && hexPair.test(pair)) {
          word += String.fromCharCode(parseInt(pair, 16));
          index += 4;
          continue;
        }
        const escaped = line[index + 1];
        if (escaped !== undefined) {
          word += doubleQuoteEscapes[escaped] ?? escaped;
          index += 2;
          continue;
        }
      }
      if (quote === "'" && character === '\\' && line[index + 1] === "'") {
        word += "'";
        index += 2;
        continue;
      }
      if (character === quote) {
        const after = line[index + 1];
        if (after !== undefined && after !== '\0' && !isSpace(after)) return undefined;
        index++;
        break;
      }
      word += character;
      index++;
    }
    args.push(word);
  }
}

/** The one argument that a quoted text stands for; undefined when it is none or several. */
export function unquote(text: string): string | undefined {
  const args = splitArguments(text);
  return args?.length === 1 ? args[0] : undefined;
}

const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\x07': '\\a',
};
const unprintable = /["\\\x00-\x1f\x7f-\xff]/g;

function escapeByte(character: string): string {
  return escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A byte string in double quotes, with everything escaped that a terminal would not print. */
export function quote(bytes: string): string {
  return `"${bytes.replace(unprintable, escapeByte)}"`;
}

/** As `quote`, without the quotes. */
export function escape(bytes: string): string {
  return bytes.replace(unprintable, escapeByte);
}
