// merge-deletes: one DEL for the many that stand before the rows of a batch.
//
// Each row that is written whole is a DEL and a write. The DELs of keys that the batch has not touched before them can all come
// first, in one command, which halves the commands that the server queues and answers.

import type { Command } from '../mapping/effects.js';
import type { Word } from '../mapping/template.js';

/** Keys of one DEL: the server does nothing else meanwhile. */
const KEYS_MAX = 512;

const textOf = (key: Word): string => (typeof key === 'string' ? key : Buffer.from(key).toString('utf8'));

/** Commands with the same effect, fewer of them. */
export function mergeDeletes(commands: readonly Command[]): readonly Command[] {
  /** Keys that were touched. Two keys of one text count as one, which only keeps a DEL where it is. */
  const touched = new Set<string>();
  const deleted: Word[] = [];
  const others: Command[] = [];
  for (const command of commands) {
    const { key, words } = command;
    const text = textOf(key);
    const isFirst = !touched.has(text);
    if (isFirst) touched.add(text);
    if (isFirst && words.length === 2 && words[0] === 'DEL') deleted.push(key);
    else others.push(command);
  }
  if (deleted.length < 2) return commands;
  const merged: Command[] = [];
  for (let at = 0; at < deleted.length; at += KEYS_MAX) {
    const keys = deleted.slice(at, at + KEYS_MAX);
    merged.push({ key: keys[0]!, words: ['DEL', ...keys] });
  }
  return merged.concat(others);
}
