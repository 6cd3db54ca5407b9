// histories: the cases of histories.txt: commands, and the replies to them by version.
import { readFileSync } from 'node:fs';

export interface History {
  /** As in the file. */
  readonly title: string;
  readonly commands: readonly (readonly string[])[];
  /** From the oldest; undefined where Kvasir is known to reply otherwise. */
  readonly replies: readonly (readonly [version: string, replies: unknown])[];
}

/** Words of a line; quotes hold a word together, as in a shell. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let isOpen = false;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      isOpen = true;
    } else if (char === ' ') {
      if (isOpen) words.push(word);
      word = '';
      isOpen = false;
    } else {
      word += char === '\\' ? line[++at] : char;
      isOpen = true;
    }
  }
  if (isOpen) words.push(word);
  return words;
}

export function readHistories(): History[] {
  const text = readFileSync(new URL('../../../test/compat/histories.txt', import.meta.url), 'utf8');
  return text
    .split('\n\n')
    .filter((part) => part.startsWith('> '))
    .map((part) => {
      const [head, ...rows] = part.trim().split('\n');
      const title = head!.slice(2);
      return {
        title,
        commands: title.split(' ; ').map(wordsOf),
        replies: rows.map((row) => {
          const space = row.indexOf(' ');
          const reply = row.slice(space + 1);
          return [row.slice(0, space), reply === '?' ? undefined : JSON.parse(reply)] as const;
        }),
      };
    });
}

/** The replies of a version, which are those of the last one before it that is named. */
export function repliesOf({ replies }: History, version: string, order: readonly string[]): unknown {
  const place = order.indexOf(version);
  let found: unknown;
  for (const [from, reply] of replies) if (order.indexOf(from) <= place) found = reply;
  return found;
}
