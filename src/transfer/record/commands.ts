// commands: the commands that make a key of its elements, for targets that take no RESTORE, for `--pipe` and for AOF files.
//
// They are those of an AOF rewrite, in the forms that the oldest servers know (HMSET, PEXPIREAT), so that they also go through
// proxies. A collection takes several commands of at most ARGUMENTS_MAX arguments and ARGUMENT_BYTES_MAX bytes.

import { NO_EXPIRY } from './record.js';
import { scoreText, type StreamGroup, type StreamValue, type Value } from './values.js';

const ARGUMENTS_MAX = 512;
const ARGUMENT_BYTES_MAX = 256 * 1024;

export type Word = Uint8Array | string;
export type TakeCommand = (words: Word[]) => void;

/** Calls `take` with groups of words that are not too many and not too long; `each` words stay together. */
function inGroups(head: readonly Word[], words: readonly Word[], each: number, take: TakeCommand): void {
  let group: Word[] = [...head];
  let bytes = 0;
  for (let index = 0; index < words.length; index += each) {
    if (group.length > head.length && (group.length + each > ARGUMENTS_MAX || bytes > ARGUMENT_BYTES_MAX)) {
      take(group);
      group = [...head];
      bytes = 0;
    }
    for (let part = 0; part < each; part++) {
      const word = words[index + part]!;
      group.push(word);
      bytes += word.length;
    }
  }
  if (group.length > head.length) take(group);
}

/** The elements of a value, or of a part of it; false when no command can make it (modules). */
export function valueCommands(key: Uint8Array, value: Value, take: TakeCommand): boolean {
  switch (value.kind) {
    case 'string':
      take(['SET', key, value.bytes]);
      return true;
    case 'list':
      inGroups(['RPUSH', key], value.elements, 1, take);
      return true;
    case 'set':
      inGroups(['SADD', key], value.elements, 1, take);
      return true;
    case 'zset': {
      const words = value.elements.flatMap((one, index): Word[] => [scoreText(value.scores[index]!), one]);
      inGroups(['ZADD', key], words, 2, take);
      return true;
    }
    case 'hash': {
      const words = value.fields.flatMap((field, index): Word[] => [field, value.values[index]!]);
      inGroups(['HMSET', key], words, 2, take);
      value.expireAtMs.forEach((at, index) => {
        if (at > 0) take(['HPEXPIREAT', key, String(at), 'FIELDS', '1', value.fields[index]!]);
      });
      return true;
    }
    case 'stream':
      streamCommands(key, value, take);
      return true;
    case 'module':
      return false;
  }
}

export function expireCommand(key: Uint8Array, expireAtMs: number, take: TakeCommand): void {
  if (expireAtMs !== NO_EXPIRY) take(['PEXPIREAT', key, String(Math.max(1, expireAtMs))]);
}

function streamCommands(key: Uint8Array, stream: StreamValue, take: TakeCommand): void {
  for (const { id, pairs } of stream.entries) take(['XADD', key, id, ...pairs]);
  // An empty stream: an entry that MAXLEN takes away at once.
  if (stream.entries.length === 0) take(['XADD', key, 'MAXLEN', '0', '0-1', 'x', 'y']);
  const isNew = stream.entriesAdded !== stream.entries.length || stream.maxDeletedId !== '0-0';
  const last = stream.entries[stream.entries.length - 1]?.id;
  if (isNew) {
    const words = ['XSETID', key, stream.lastId, 'ENTRIESADDED', String(stream.entriesAdded)];
    take([...words, 'MAXDELETEDID', stream.maxDeletedId]);
  } else if (last !== stream.lastId) take(['XSETID', key, stream.lastId]);
  for (const group of stream.groups) groupCommands(key, group, take);
}

function groupCommands(key: Uint8Array, group: StreamGroup, take: TakeCommand): void {
  const create: Word[] = ['XGROUP', 'CREATE', key, group.name, group.lastId];
  if (group.entriesRead >= 0) create.push('ENTRIESREAD', String(group.entriesRead));
  take(create);
  const pending = new Map(group.pending.map((entry) => [entry.id, entry]));
  for (const consumer of group.consumers) {
    take(['XGROUP', 'CREATECONSUMER', key, group.name, consumer.name]);
    for (const id of consumer.pending) {
      const entry = pending.get(id);
      if (entry === undefined) continue;
      const time = ['TIME', String(entry.timeMs), 'RETRYCOUNT', String(entry.count), 'FORCE', 'JUSTID'];
      take(['XCLAIM', key, group.name, consumer.name, '0', id, ...time]);
    }
  }
}
