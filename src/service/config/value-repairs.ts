// value-repairs: replacements for values and lines of old files that are no longer accepted as they are.
//
// A repair is a warning that describes the replacement. It is tried only on lines that would otherwise be refused,
// except `logfile stdout`, which today would be a file of that name.
//
// Not here: directives that no longer exist (foreign-directives).
import { splitWords } from '../../base/quoting.js';
import type { OptionName } from './options.js';

export interface Repair {
  readonly words: readonly string[];
  /** The repair, and the value to write instead. */
  readonly text: string;
}

type Repairer = (word: string) => Repair | undefined;

/** Directive -> another value for a value of old files; undefined leaves the value as it is. */
const repairers: Partial<Record<OptionName, Repairer>> = {
  logfile: (word) =>
    word.toLowerCase() === 'stdout'
      ? { words: [''], text: 'stdout (Redis 1.3 to 2.6): the log goes to the standard output; write logfile ""' }
      : undefined,
  'auto-aof-rewrite-percentage': (word) => {
    const range = /^([0-9]+) ?- ?([0-9]+)$/.exec(word);
    if (range === null) return undefined;
    const [, least, most] = range;
    const text = `${word} is a range, but the directive takes one number: ${least} is taken. To keep the servers of one machine from rewriting at the same time, give each another number from ${least} to ${most}`;
    return { words: [least!], text };
  },
  maxclients: (word) =>
    word === '0'
      ? { words: ['10000'], text: '0 (Redis 1.3 to 2.4) meant any number; 10000 is taken. Write how many you want' }
      : undefined,
};

/** A replacement for a directive's only value; undefined when it can stand. */
export function repairValue(name: string, values: readonly string[]): Repair | undefined {
  return values.length === 1 ? repairers[name as OptionName]?.(values[0]!) : undefined;
}

/**
 * Splits a line that holds several directives, as they come out of web pages that have turned line ends into spaces, and
 * drops comments after a directive. Two spaces stand for a line end, so that "port 7000 # port 6379" never sets the
 * port of the comment. Undefined for a line that is no such thing.
 */
export function splitDirectives(line: string, isDirective: (word: string) => boolean): string[][] | undefined {
  const pieces = line.split(/[ \t]{2,}/).filter((piece) => !piece.startsWith('#'));
  const lines: string[][] = [];
  let hasComment = false;
  for (const piece of pieces) {
    const words = splitWords(piece);
    const name = words?.[0];
    // A piece of other white space has no words.
    if (words === undefined || name === undefined || !isDirective(name.toLowerCase())) return undefined;
    const comment = words.findIndex((word) => word.startsWith('#'));
    hasComment ||= comment > 0;
    const kept = comment < 0 ? words : words.slice(0, comment);
    if (kept.length < 2) return undefined;
    lines.push(kept);
  }
  return lines.length > 1 || hasComment || /[ \t]{2,}#/.test(line) ? lines : undefined;
}
