// state-commands: the state of a synchronization as fields of one hash.

import { isError, type Reply, replyText } from '../../client/reply.js';
import { elementsOf } from '../../transfer/link/replies.js';
import type { Command } from '../mapping/effects.js';
import type { Word } from '../mapping/template.js';

export function stateCommands(stateKey: string, state: ReadonlyMap<string, string | undefined>): Command[] {
  const set: string[] = [];
  const removed: string[] = [];
  for (const [field, value] of state) {
    if (value === undefined) removed.push(field);
    else set.push(field, value);
  }
  const commands: Command[] = [];
  if (removed.length > 0) commands.push({ key: stateKey, words: ['HDEL', stateKey, ...removed] });
  if (set.length > 0) commands.push({ key: stateKey, words: ['HSET', stateKey, ...set] });
  return commands;
}

/** The reply to HGETALL; fields are UTF-8. */
export function readFields(reply: Reply): Map<string, string> {
  if (isError(reply)) throw new Error(replyText(reply));
  const elements = elementsOf(reply);
  const fields = new Map<string, string>();
  const text = (one: Reply | undefined): string => Buffer.from(replyText(one), 'latin1').toString('utf8');
  for (let index = 0; index + 1 < elements.length; index += 2)
    fields.set(text(elements[index]), text(elements[index + 1]));
  return fields;
}

/** A word for messages. */
export function shownWord(word: Word): string {
  const text = typeof word === 'string' ? word : Buffer.from(word).toString('utf8');
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
