// key-messages: one key as the messages of SLOTSRESTORE-ASYNC, so that a value of any size moves in pieces.
//
//   delete key                          what an earlier try may have left
//   string key ttl value                a string
//   object key ttl payload              a value of up to `maxbulks` elements, or of a kind that has no pieces, as DUMP makes it
//   list|hash|dict|zset key ttl hint …  some elements; scores are eight bytes, little endian
//   expire key ttl                      after the pieces: the time that the key really has
//
// While pieces come, the key has three times the timeout to live, so that what a broken move leaves goes by itself.

import type { Database } from '../../keyspace/database.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { SortedSetWalk } from '../../datatypes/sorted-set.js';
import { chunkOf } from '../../memory/layout.js';
import { dumpEntry } from '../../persistence/commands/dump.js';
import { payloadWriter } from '../../persistence/rdb/writer.js';
import { RefList } from '../../structures/dict.js';

export type Word = Uint8Array | string | number;
/** Takes one message. */
export type MessageSink = (words: readonly Word[]) => void;

export interface PieceLimits {
  readonly timeoutMs: number;
  /** Elements of a piece; a field and its value are two. */
  readonly bulksMax: number;
  readonly bytesMax: number;
  /** Long strings of payloads (`rdbcompression`). */
  readonly compresses: boolean;
}

const pieceWords: Readonly<Record<number, string>> = {
  [Type.LIST]: 'list',
  [Type.HASH]: 'hash',
  [Type.SET]: 'dict',
  [Type.ZSET]: 'zset',
};

/** Elements that a value has to send in pieces; 0 for one that is sent whole. */
function bulksOf(keyspace: Keyspace, entry: number): number {
  const { entries, values } = keyspace;
  const encoding = entries.encoding(entry);
  const count = values.count(entry);
  switch (entries.type(entry)) {
    case Type.LIST:
      return encoding === Encoding.QUICKLIST ? count : 0;
    case Type.SET:
      return encoding === Encoding.HASHTABLE ? count : 0;
    case Type.ZSET:
      return encoding === Encoding.SKIPLIST ? count * 2 : 0;
    case Type.HASH:
      // The pieces have no place for the times of fields.
      return encoding === Encoding.HASHTABLE && keyspace.nextFieldExpiry(entry) < 0 ? count * 2 : 0;
    default:
      return 0;
  }
}

/** Messages that a key takes, about. */
export function messageCount(keyspace: Keyspace, entry: number, bulksMax: number): number {
  return Math.max(1, Math.ceil(bulksOf(keyspace, entry) / bulksMax));
}

type Stage = 'begin' | 'whole' | 'pieces' | 'end' | 'done';

export class KeyMessages {
  private stage: Stage = 'begin';
  /** List: the next index. Sorted set: the next rank. Set and hash: the cursor of the walk. */
  private next = 0;
  private readonly refs = new RefList();
  /** It was there when its turn came. */
  wasThere = false;

  constructor(
    private readonly keyspace: Keyspace,
    private readonly database: Database,
    readonly key: Uint8Array,
    private readonly limits: PieceLimits,
  ) {}

  get isDone(): boolean {
    return this.stage === 'done';
  }

  /** The value changed, so that the pieces do not fit together: what was sent is taken back. */
  abandon(sink: MessageSink): void {
    this.stage = 'done';
    sink(['SLOTSRESTORE-ASYNC', 'delete', this.key]);
  }

  /** Makes the next message; false when there is none, as the key is gone. */
  step(sink: MessageSink): boolean {
    const { key, database, keyspace } = this;
    const entry = database.peek(key, 0, key.length);
    if (entry === 0) {
      const wasBegun = this.stage !== 'begin';
      if (wasBegun) this.abandon(sink);
      this.stage = 'done';
      return wasBegun;
    }
    const expiryMs = database.expiryOf(entry);
    const ttlMs = expiryMs < 0 ? 0 : Math.max(1, expiryMs - keyspace.nowMs);
    switch (this.stage) {
      case 'begin':
        this.wasThere = true;
        sink(['SLOTSRESTORE-ASYNC', 'delete', key]);
        this.stage = bulksOf(keyspace, entry) > this.limits.bulksMax ? 'pieces' : 'whole';
        return true;
      case 'whole':
        this.sendWhole(entry, ttlMs, sink);
        this.stage = 'done';
        return true;
      case 'pieces':
        this.sendPiece(entry, sink);
        return true;
      default:
        sink(['SLOTSRESTORE-ASYNC', 'expire', key, ttlMs]);
        this.stage = 'done';
        return true;
    }
  }

  private sendWhole(entry: number, ttlMs: number, sink: MessageSink): void {
    const { keyspace, key } = this;
    const { entries } = keyspace;
    if (entries.type(entry) === Type.STRING) {
      const start = entries.valueStart(entry);
      const block = keyspace.arena.u8[chunkOf(entries.valueBlock(entry))]!;
      sink(['SLOTSRESTORE-ASYNC', 'string', key, ttlMs, block.slice(start, start + entries.word2(entry))]);
      return;
    }
    const writer = payloadWriter(this.limits.compresses);
    dumpEntry(keyspace, entry, writer);
    sink(['SLOTSRESTORE-ASYNC', 'object', key, ttlMs, writer.bytes.slice(0, writer.length)]);
  }

  private sendPiece(entry: number, sink: MessageSink): void {
    const { keyspace, key, limits } = this;
    const type = keyspace.entries.type(entry);
    const elements: Uint8Array[] = [];
    const isLast = this.takeElements(type, entry, elements);
    const hint = keyspace.values.count(entry);
    sink(['SLOTSRESTORE-ASYNC', pieceWords[type]!, key, limits.timeoutMs * 3, hint, ...elements]);
    if (isLast) this.stage = 'end';
  }

  /** Fills `elements` with the next ones; true when none is left. */
  private takeElements(type: number, entry: number, elements: Uint8Array[]): boolean {
    if (type === Type.LIST) return this.takeList(entry, elements);
    if (type === Type.ZSET) return this.takeSortedSet(entry, elements);
    return this.takeDict(type, entry, elements);
  }

  private takeList(entry: number, elements: Uint8Array[]): boolean {
    const { lists } = this.keyspace.values;
    const { bulksMax, bytesMax } = this.limits;
    lists.open(entry);
    let bytes = 0;
    for (let more = lists.seek(this.next); more; more = lists.next()) {
      lists.read();
      elements.push(lists.bytes.slice(lists.start, lists.start + lists.length));
      bytes += lists.length;
      this.next++;
      if (elements.length >= bulksMax || bytes >= bytesMax) break;
    }
    return this.next >= lists.size();
  }

  private takeSortedSet(entry: number, elements: Uint8Array[]): boolean {
    const { entries, values } = this.keyspace;
    const { bulksMax, bytesMax } = this.limits;
    const walk = new SortedSetWalk(values.sortedSets);
    let bytes = 0;
    walk.from(entries.encoding(entry), entries.word2(entry), this.next);
    for (; walk.valid; walk.next()) {
      const score = new Uint8Array(8);
      new DataView(score.buffer).setFloat64(0, walk.score, true);
      elements.push(walk.bytes.slice(walk.start, walk.start + walk.length), score);
      bytes += walk.length + 8;
      this.next++;
      if (elements.length >= bulksMax || bytes >= bytesMax) break;
    }
    return this.next >= values.count(entry);
  }

  private takeDict(type: number, entry: number, elements: Uint8Array[]): boolean {
    const { entries, values } = this.keyspace;
    const { hashes, sets } = values;
    const { bulksMax, bytesMax } = this.limits;
    const [encoding, ref] = [entries.encoding(entry), entries.word2(entry)];
    const perMember = type === Type.HASH ? 2 : 1;
    let bytes = 0;
    do {
      this.refs.clear();
      // Few at a time: a piece ends between two calls only.
      const wanted = Math.max(1, Math.min(64, Math.ceil((bulksMax - elements.length) / perMember)));
      if (type === Type.HASH) {
        hashes.open(encoding, ref);
        this.next = hashes.scan(this.next, wanted, this.refs);
      } else {
        sets.open(encoding, ref);
        this.next = sets.scan(this.next, wanted, this.refs);
      }
      for (let index = 0; index < this.refs.length; index++) {
        if (type === Type.HASH) {
          hashes.readEntry(this.refs.refs[index]!);
          elements.push(
            hashes.fieldBytes.slice(hashes.fieldStart, hashes.fieldStart + hashes.fieldLength),
            hashes.bytes.slice(hashes.start, hashes.start + hashes.length),
          );
          bytes += hashes.fieldLength + hashes.length;
        } else {
          sets.readEntry(this.refs.refs[index]!);
          elements.push(sets.bytes.slice(sets.start, sets.start + sets.length));
          bytes += sets.length;
        }
      }
    } while (this.next !== 0 && elements.length < bulksMax && bytes < bytesMax);
    return this.next === 0;
  }
}
