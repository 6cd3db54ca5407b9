// command-encoder: the commands that make a key of its elements, written into a buffer of RESP without objects in between.
//
// They are those of commands.ts, in the same groups of at most GROUP_WORDS words or about GROUP_BYTES bytes. A group's words are
// collected beside the buffer, because the number of words stands before them.

import { ValueKind } from '../../persistence/rdb/format.js';
import type { Slice } from '../../persistence/rdb/packed.js';
import { expireCommand, valueCommands } from '../record/commands.js';
import { valueOf } from '../record/decode.js';
import { type ElementVisitor, hasElements, walkElements } from '../record/elements.js';
import type { KeyRecord } from '../record/record.js';
import { scoreText } from '../record/values.js';
import { RespEncoder } from './resp-encoder.js';

const GROUP_WORDS = 512;
const GROUP_BYTES = 256 * 1024;

const NONE = new Uint8Array(0);

/** Told after each command, with its name. */
export type TakeEncoded = (name: string) => void;

export class CommandEncoder implements ElementVisitor {
  private readonly group = new RespEncoder();
  private groupWords = 0;
  private key: Uint8Array = NONE;
  private name = '';
  private isDeleteDue = false;
  /** Fields that expire: name and milliseconds. */
  private aging: { readonly field: Uint8Array; readonly at: number }[] = [];
  private take: TakeEncoded = () => undefined;

  constructor(
    private to: RespEncoder,
    /** Comes before each command (ASKING). */
    private readonly before: () => void = () => undefined,
  ) {}

  /**
   * Writes the commands for the record's value, a DEL before them if so wanted; false, and nothing written, when no command can
   * make it (modules). The DEL waits for the first group, so that a damaged value does not delete what the target has.
   */
  value(record: KeyRecord, deletes: boolean, take: TakeEncoded): boolean {
    const { key } = record;
    this.key = key;
    this.take = take;
    this.isDeleteDue = deletes;
    if (!hasElements(record.kind)) {
      const value = valueOf(record);
      if (value.kind === 'module') return false;
      this.deleteIfDue();
      return valueCommands(key, value, (words) => {
        this.before();
        this.to.command(words);
        take(String(words[0]));
      });
    }
    this.name = commandNames[record.kind]!;
    this.drop();
    walkElements(record, this);
    this.deleteIfDue();
    this.endGroup();
    for (const { field, at } of this.aging.splice(0)) {
      this.before();
      this.to.command(['HPEXPIREAT', key, String(at), 'FIELDS', '1', field]);
      take('HPEXPIREAT');
    }
    return true;
  }

  expiry(record: KeyRecord, take: TakeEncoded): void {
    expireCommand(record.key, record.expireAtMs, (words) => {
      this.before();
      this.to.command(words);
      take('PEXPIREAT');
    });
  }

  private deleteIfDue(): void {
    if (!this.isDeleteDue) return;
    this.isDeleteDue = false;
    this.before();
    this.to.begin(2);
    this.to.ascii('DEL');
    this.to.bytes(this.key, 0, this.key.length);
    this.take('DEL');
  }

  /** Forgets what a damaged value has left. */
  private drop(): void {
    this.group.length = 0;
    this.groupWords = 0;
    if (this.aging.length > 0) this.aging = [];
  }

  private endGroup(): void {
    if (this.groupWords === 0) return;
    this.deleteIfDue();
    const { to, group, key } = this;
    this.before();
    to.begin(2 + this.groupWords);
    to.ascii(this.name);
    to.bytes(key, 0, key.length);
    to.encoded(group.buffer, 0, group.length);
    group.length = 0;
    this.groupWords = 0;
    this.take(this.name);
  }

  /** Ends the group when these words would make it too long. */
  private makeRoom(words: number): void {
    if (this.groupWords + words + 2 > GROUP_WORDS || this.group.length > GROUP_BYTES) this.endGroup();
    this.groupWords += words;
  }

  one(bytes: Uint8Array, start: number, length: number): void {
    this.makeRoom(1);
    this.group.bytes(bytes, start, length);
  }

  field(name: Slice, content: Slice, expireAtMs: number): void {
    this.makeRoom(2);
    this.group.bytes(name.bytes, name.start, name.length);
    this.group.bytes(content.bytes, content.start, content.length);
    if (expireAtMs > 0) this.aging.push({ field: name.copy(), at: expireAtMs });
  }

  member(bytes: Uint8Array, start: number, length: number, score: number): void {
    this.makeRoom(2);
    this.group.ascii(scoreText(score));
    this.group.bytes(bytes, start, length);
  }
}

const commandNames: Readonly<Record<number, string>> = {
  [ValueKind.string]: 'SET',
  [ValueKind.list]: 'RPUSH',
  [ValueKind.set]: 'SADD',
  [ValueKind.zset]: 'ZADD',
  [ValueKind.hash]: 'HMSET',
};
