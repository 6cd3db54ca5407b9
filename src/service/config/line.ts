// line: one line of a config file as words, and words written so that they can be read back.
//
// Words are byte strings: one character is one byte (latin1), because values may hold any byte.

function isSpace(character: string | undefined): boolean {
  return character === ' ' || (character !== undefined && character >= '\t' && character <= '\r');
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' };

/**
 * Splits at spaces. Words may be in double quotes (with \n \r \t \a \b, \xHH, and \ before any other byte) or in single
 * quotes (with \'). Undefined when a quote is not closed, or when something follows a closing quote directly.
 */
export function splitWords(line: string): string[] | undefined {
  const found: string[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(line[at])) at++;
    if (at >= line.length || line[at] === '\0') return found;
    let word = '';
    let quote = '';
    for (;;) {
      const character = line[at];
      if (quote === '') {
        if (character === undefined || character === '\0' || isSpace(character)) break;
        if (character === '"' || character === "'") quote = character;
        else word += character;
        at++;
      } else if (character === undefined) {
        return undefined;
      } else if (character === '\\' && quote === '"') {
        const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4));
        if (hex !== null) {
          word += String.fromCharCode(parseInt(hex[1]!, 16));
          at += 4;
        } else if (at + 1 < line.length) {
          word += escapes[line[at + 1]!] ?? line[at + 1]!;
          at += 2;
        } else {
          return undefined;
        }
      } else if (character === '\\' && line[at + 1] === "'") {
        word += "'";
        at += 2;
      } else if (character === quote) {
        const next = line[at + 1];
        if (next !== undefined && !isSpace(next)) return undefined;
        at++;
        break;
      } else {
        word += character;
        at++;
      }
    }
    found.push(word);
  }
}

const shortForms: Readonly<Record<string, string>> = {
  '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\x07': '\\a', '\b': '\\b',
};

/** A word in double quotes with every byte that is not plain ASCII escaped. */
export function quoteWord(word: string): string {
  let quoted = '"';
  for (const character of word) {
    const short = shortForms[character];
    if (short !== undefined) quoted += short;
    else if (character >= ' ' && character <= '~') quoted += character;
    else quoted += `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  }
  return `${quoted}"`;
}
