// reader: turns the bytes of an RDB, of any version and in any cutting, into a sequence of events.
//
//   reader.push(bytes);                       // as they come; reader.finish() after the last
//   for (;;) switch (reader.next()) {
//     case RdbEvent.needInput: ...            // push more
//     case RdbEvent.key: reader.key, reader.rdbType, reader.kind, reader.expireAtMs, reader.count
//     case RdbEvent.item: reader.item         // a string value; an element of a list or set; see the table of events
//     case RdbEvent.valueEnd: ...
//     case RdbEvent.end: ...                  // the checksum was compared
//   }
//
// The reader takes one event's bytes at a time and goes back to the event's first byte when the input ends inside, so it
// keeps no parsing state but counts. Memory: the pushed bytes that are not consumed, at most the largest string plus
// one chunk. Lengths are believed only as far as bytes really come. Nothing is written anywhere, no event trusts a blob
// unchecked. A violation throws RdbError with the offset; the reader is of no use afterwards.
//
// Slices (`key`, `item`, `second`) are borrowed until the next call of `next` or `push`.
//
// Not here: putting values into a keyspace (rdb/loader), offsets in a report (checkers).

import { Crc64 } from '../../base/crc64.js';
import { lzfDecompress } from '../../base/lzf.js';
import { PackedCursor, PackedError, Packing, Slice } from './packed.js';
import type { PlainStrings } from './plain-strings.js';
import {
  ModuleOpcode,
  NO_EXPIRY,
  Opcode,
  QuicklistContainer,
  RDB_TYPE_MAX,
  RDB_VERSION_CHECKSUM,
  RDB_VERSION_MAX,
  RDB_VERSION_VALKEY,
  RdbType,
  StringEncoding,
  VALKEY_MAGIC,
  ValueKind,
  knownType,
  valueKindOf,
} from './format.js';

export const RdbEvent = {
  /** The input ended inside an event: push more, or finish. */
  needInput: 0,
  /** `version` is known. */
  header: 1,
  /** `key` is the name and `item` the value of an auxiliary field. */
  aux: 2,
  /** `database` changed. */
  selectDb: 3,
  /** `count` keys will follow in this database, `expireCount` of them with an expiry. */
  resizeDb: 4,
  /** `item` is the code of a function library. */
  function: 5,
  /** Data of the module named `moduleName` that belongs to no key; skipped. */
  moduleAux: 6,
  /** A key begins: `key` (stays until valueEnd), `rdbType`, `kind`, `expireAtMs` (NO_EXPIRY: none; below 0 is long past), `idleSeconds` and `frequency` (-1: none). */
  key: 7,
  /** One of `count` elements: `item`; hashes also `second` (the value) and `fieldExpireAtMs` (0: none); sorted sets also `score`. */
  item: 8,
  /**
   * A checked listpack of `count` entries in `item`: all of a small hash, set or sorted set, or a node of a list. It may be
   * adopted as it is unless `needsRebuild`.
   */
  listpack: 9,
  /** A checked listpack of (field, value, expiry) in `item`. */
  listpackEx: 10,
  /** A checked intset of `count` members in `item`, in any order when `needsRebuild`. */
  intset: 11,
  /** A node of a stream: `streamId` is its first id, `item` its listpack (checked as a listpack, see `needsRebuild`). */
  streamNode: 12,
  /** `count` entries, `streamId` the last id, `firstId`, `maxDeletedId`, `entriesAdded`. */
  streamInfo: 13,
  /** A group: `item` its name, `streamId` its last id, `entriesRead` (-1: unknown). */
  streamGroup: 14,
  /** An entry of the group's pending list: `streamId`, `deliveryTimeMs`, `deliveryCount`. */
  streamPending: 15,
  /** A consumer of the group: `item` its name, `seenTimeMs`, `activeTimeMs` (-1: unknown). */
  streamConsumer: 16,
  /** `streamId` is pending for the consumer. */
  streamConsumerPending: 17,
  /** A module's value, named `moduleName`; skipped. */
  moduleValue: 18,
  valueEnd: 19,
  /** The last byte was read and the checksum compared, see `checksum`. */
  end: 20,
  /** `slotInfo`: a hint of a cluster node; nothing to do. */
  slotInfo: 21,
} as const;

/** The place of the reader, in the words of redis-check-rdb. */
export const RdbDoing = {
  start: 'start',
  type: 'read-type',
  expire: 'read-expire',
  key: 'read-key',
  value: 'read-object-value',
  checksum: 'check-sum',
  length: 'read-len',
  aux: 'read-aux',
  moduleAux: 'read-module-aux',
  functions: 'read-functions',
} as const;

export class RdbError extends Error {
  constructor(
    readonly offset: number,
    readonly reason: string,
    /** The input ended too early. */
    readonly isTruncation: boolean,
  ) {
    super(`${reason} (at offset ${offset})`);
  }
}

const needMore = new Error('more input is needed');

const State = {
  magic: 0,
  record: 1,
  items: 2,
  blob: 3,
  packed: 4,
  quicklist: 5,
  streamNodes: 6,
  streamInfo: 7,
  streamGroups: 8,
  streamPending: 9,
  streamConsumers: 10,
  streamConsumerPending: 11,
  value: 12,
  done: 13,
} as const;

const doubleBytes = new Uint8Array(8);
const doubleView = new Float64Array(doubleBytes.buffer);
const LOW_PART = 4294967296;
const ZIPMAP_COMPLAINT = 'Zipmap integrity check failed.';

export class RdbReader {
  version = 0;
  /** The file, or the payload of DUMP, is in Valkey's own format: from version 80 on some numbers mean other things. */
  isValkey = false;
  database = 0;
  readonly key = new Slice();
  readonly item = new Slice();
  readonly second = new Slice();
  rdbType = -1;
  kind = -1;
  count = -1;
  expireCount = 0;
  expireAtMs = NO_EXPIRY;
  /** The blob's elements can be read, but its header, its back lengths or its order do not fit them. */
  needsRebuild = false;
  /** A listpack whose header says that it has no elements, which Redis believes. */
  saysEmpty = false;
  idleSeconds = -1;
  frequency = -1;
  score = 0;
  fieldExpireAtMs = 0;
  moduleName = '';
  /** 16 bytes, big endian: milliseconds, then sequence number. */
  readonly streamId = new Uint8Array(16);
  readonly firstId = new Uint8Array(16);
  readonly maxDeletedId = new Uint8Array(16);
  entriesAdded = 0;
  entriesRead = -1;
  deliveryTimeMs = 0;
  deliveryCount = 0;
  seenTimeMs = 0;
  activeTimeMs = -1;
  /** 'ok' when it matched, 'off' when the file has none or a zero, '' before the end. */
  checksum: '' | 'ok' | 'off' = '';
  doing: string = RdbDoing.start;
  /** When false, a wrong checksum is not an error. */
  verifyChecksum = true;

  /**
   * Values are passed over: only where each begins and ends is found, their strings are neither unpacked nor checked, and the events
   * in them are of no use. Twice as fast, for who passes the bytes on to somebody that checks them.
   */
  skimsValues = false;

  private buffer: Uint8Array = new Uint8Array(0);
  private position = 0;
  /** The buffer is the reader's own, so more bytes may follow. */
  private isOwned = false;
  private limit = 0;
  /** File offset of buffer[0]. */
  private bufferOffset = 0;
  /** Up to where in the buffer the checksum was computed. */
  private summed = 0;
  private readonly crc = new Crc64();
  private isFinished = false;
  private wanted = 1;
  private failedAt = 0;
  private state: number = State.magic;
  private remaining = 0;
  private readonly cursor = new PackedCursor();
  private readonly checkCursor = new PackedCursor();
  private readonly checkSlice = new Slice();
  private readonly blobSlice = new Slice();
  private nodesLeft = 0;
  private pendingLeft = 0;
  private consumersLeft = 0;
  private groupsLeft = 0;
  private minimumExpireAtMs = 0;
  private lengthHigh = 0;
  /** A value ended, so what stood before its key is no longer true. */
  private ended = false;
  /** The part being read, if an end inside it has an error of its own (parts of streams). */
  private part = '';
  private lengthLow = 0;

  /** `hasFile` false: no file is read but the values that `startValue` begins (DUMP). */
  constructor(private readonly hasFile = true) {}

  /** The file offset of the next byte that was not consumed. */
  get offset(): number {
    return this.bufferOffset + this.position;
  }

  /** Bytes that were pushed and not consumed: after `end`, what follows the RDB (the tail of an AOF). */
  get unread(): Uint8Array {
    return this.buffer.subarray(this.position, this.limit);
  }

  /** Gives the reader its next bytes; they must not be changed until they are consumed. */
  push(bytes: Uint8Array): void {
    this.sumUp();
    const rest = this.limit - this.position;
    if (rest > 0 && this.isOwned && this.buffer.length - this.limit >= bytes.length) {
      this.buffer.set(bytes, this.limit);
      this.limit += bytes.length;
      return;
    }
    this.bufferOffset += this.position;
    if (rest === 0) {
      this.buffer = bytes;
      this.limit = bytes.length;
    } else {
      // Room for a long string grows with what has come of it, never with what its length claims.
      const needed = rest + bytes.length;
      const joined = new Uint8Array(Math.max(needed, Math.min(this.wanted, needed * 2)));
      joined.set(this.buffer.subarray(this.position, this.limit));
      joined.set(bytes, rest);
      this.buffer = joined;
      this.limit = needed;
    }
    this.isOwned = rest > 0;
    this.position = 0;
    this.summed = 0;
  }

  /** No more bytes will come. */
  finish(): void {
    this.isFinished = true;
  }

  /** For a reader without a file: reads one value of this type next. Ends with valueEnd. */
  startValue(rdbType: number): void {
    this.rdbType = rdbType;
    this.kind = valueKindOf(rdbType);
    this.doing = RdbDoing.value;
    this.state = State.value;
  }

  /** For a reader without a file: reads the value that these bytes are, whatever was read before. One reader serves many values. */
  startWhole(rdbType: number, bytes: Uint8Array, isValkey: boolean): void {
    this.isValkey = isValkey;
    this.buffer = bytes;
    this.isOwned = false;
    this.limit = bytes.length;
    this.bufferOffset = this.position = this.summed = 0;
    this.wanted = 1;
    this.part = '';
    this.isFinished = true;
    this.startValue(rdbType);
  }

  /** For a reader without a file: reads records (FUNCTION DUMP) until nothing is unread. */
  startRecords(): void {
    this.state = State.record;
  }

  /** Whether `takePlain` adds to this list, which holds places in one buffer and keys of one database. */
  fits(strings: PlainStrings | undefined): strings is PlainStrings {
    return strings !== undefined && strings.bytes === this.buffer && strings.database === this.database;
  }

  /** The bytes that places of `takePlain` are in. */
  get bytes(): Uint8Array {
    return this.buffer;
  }

  /**
   * Passes over the plain strings that come next, as far as they are whole in the buffer and the list has room, and adds their
   * places to it. Goes on between keys only; without an event, which costs a fifth of the way by `next`.
   * @hot
   */
  takePlain(into: PlainStrings): void {
    if (this.state !== State.record) return;
    // Times that were read already belong to the next key.
    if (!this.ended && (this.expireAtMs !== NO_EXPIRY || this.idleSeconds >= 0 || this.frequency >= 0)) return;
    const { buffer, limit } = this;
    let at = this.position;
    while (!into.isFull) {
      let place = at;
      let expireAtMs = NO_EXPIRY;
      // The shortest such key, with an expiry: opcode, time, type, two lengths.
      if (limit - place < 12) break;
      if (buffer[place] === Opcode.expireMs) {
        const low = wordAt(buffer, place + 1) >>> 0;
        expireAtMs = wordAt(buffer, place + 5) * LOW_PART + low;
        place += 9;
      }
      if (buffer[place++] !== RdbType.string) break;
      let keyLength = buffer[place++]!;
      if (keyLength >= 0x40) {
        if (keyLength >= 0x80) break;
        keyLength = ((keyLength & 63) << 8) | buffer[place++]!;
      }
      const keyStart = place;
      const rawStart = place + keyLength;
      place = rawStart;
      if (limit - place < 5) break;
      let valueLength = buffer[place++]!;
      if (valueLength >= 0x40) {
        if (valueLength < 0x80) valueLength = ((valueLength & 63) << 8) | buffer[place++]!;
        else if (valueLength === 0x80) {
          valueLength =
            ((buffer[place]! << 24) | (buffer[place + 1]! << 16) | (buffer[place + 2]! << 8) | buffer[place + 3]!) >>>
            0;
          place += 4;
        } else break;
      }
      if (limit - place < valueLength) break;
      into.add(keyStart, keyLength, rawStart, place, valueLength, expireAtMs);
      at = place + valueLength;
    }
    if (at === this.position) return;
    this.position = at;
    this.wanted = 1;
  }

  next(): number {
    const mark = this.position;
    if (this.limit - mark < this.wanted && !this.isFinished && this.state !== State.packed) return RdbEvent.needInput;
    this.wanted = 1;
    try {
      return this.step();
    } catch (error) {
      if (error === needMore) {
        if (this.isFinished)
          throw new RdbError(
            this.bufferOffset + this.failedAt,
            this.part === '' ? 'Unexpected EOF reading RDB file' : this.part,
            true,
          );
        this.wanted = Math.max(this.wanted, this.limit - this.position + 1);
        return RdbEvent.needInput;
      }
      if (error instanceof PackedError) this.fail(error.message);
      throw error;
    }
  }

  private step(): number {
    // The end of an event that was consumed wholly; a restart begins here.
    for (;;) {
      const mark = this.position;
      try {
        const event = this.stepOnce();
        if (event >= 0) return event;
      } catch (error) {
        if (error === needMore) {
          this.wanted = this.failedAt + this.wanted - mark;
          this.position = mark;
        }
        throw error;
      }
    }
  }

  /** Consumes one event (its number) or a part that is none (-1). */
  private stepOnce(): number {
    switch (this.state) {
      case State.record:
        return this.readRecord();
      case State.value:
        return this.beginValue();
      case State.items:
        return this.readItem();
      case State.packed:
        return this.unpackItem();
      case State.blob:
        return this.readBlob();
      case State.quicklist:
        return this.readQuicklistNode();
      case State.streamNodes:
        return this.readStreamNode();
      case State.streamInfo:
        return this.readStreamInfo();
      case State.streamGroups:
        return this.readStreamGroup();
      case State.streamPending:
        return this.readStreamPending();
      case State.streamConsumers:
        return this.readStreamConsumer();
      case State.streamConsumerPending:
        return this.readStreamConsumerPending();
      case State.magic:
        return this.readMagic();
      default:
        throw new RdbError(this.offset, 'nothing follows the end', false);
    }
  }

  private fail(reason: string): never {
    throw new RdbError(this.offset, reason, false);
  }

  private readMagic(): number {
    this.need(9);
    const text = String.fromCharCode(...this.buffer.subarray(this.position, this.position + 9));
    this.position += 9;
    this.isValkey = text.startsWith(VALKEY_MAGIC);
    if (!this.isValkey && !text.startsWith('REDIS')) this.fail('Wrong signature trying to load DB from file');
    const digits = text.slice(this.isValkey ? VALKEY_MAGIC.length : 5);
    const version = /^[0-9]+/.test(digits) ? parseInt(digits, 10) : 0;
    this.version = version;
    if (this.isValkey && version !== RDB_VERSION_VALKEY)
      this.fail(`Can't handle RDB format version ${version} of Valkey, only version ${RDB_VERSION_VALKEY}`);
    if (!this.isValkey && (version < 1 || version > RDB_VERSION_MAX))
      this.fail(`Can't handle RDB format version ${version}`);
    this.state = State.record;
    return RdbEvent.header;
  }

  private readRecord(): number {
    if (this.ended) {
      this.ended = false;
      this.expireAtMs = NO_EXPIRY;
      this.idleSeconds = -1;
      this.frequency = -1;
    }
    this.doing = RdbDoing.type;
    const type = this.byte();
    if (type <= RDB_TYPE_MAX) {
      const known = knownType(type, this.isValkey);
      if (known < 0) this.fail(`Invalid object type: ${type}`);
      return this.readKey(known);
    }
    switch (type) {
      case Opcode.slotImport:
        if (!this.isValkey) return this.fail(`Invalid object type: ${type}`);
        this.string(this.second);
        for (let ranges = this.plainLength(); ranges > 0; ranges--) {
          this.plainLength();
          this.plainLength();
        }
        return RdbEvent.slotInfo;
      case Opcode.expireSeconds:
        this.doing = RdbDoing.expire;
        this.expireAtMs = (this.uint32() | 0) * 1000;
        return -1;
      case Opcode.expireMs:
        this.doing = RdbDoing.expire;
        this.expireAtMs = this.int64();
        return -1;
      case Opcode.freq:
        this.frequency = this.byte();
        return -1;
      case Opcode.idle:
        this.idleSeconds = this.plainLength();
        return -1;
      case Opcode.end:
        return this.readEnd();
      case Opcode.selectDb:
        this.doing = RdbDoing.length;
        this.database = this.plainLength();
        return RdbEvent.selectDb;
      case Opcode.resizeDb:
        this.doing = RdbDoing.length;
        this.count = this.plainLength();
        this.expireCount = this.plainLength();
        return RdbEvent.resizeDb;
      case Opcode.slotInfo:
        this.plainLength();
        this.count = this.plainLength();
        this.expireCount = this.plainLength();
        return RdbEvent.slotInfo;
      case Opcode.aux:
        this.doing = RdbDoing.aux;
        this.string(this.key);
        this.string(this.item);
        return RdbEvent.aux;
      case Opcode.function2:
        this.doing = RdbDoing.functions;
        this.string(this.item);
        return RdbEvent.function;
      case Opcode.functionPre:
        return this.fail(`Pre-release function format not supported ${this.version}`);
      case Opcode.moduleAux:
        this.doing = RdbDoing.moduleAux;
        this.readModuleId();
        if (this.plainLength() !== ModuleOpcode.unsigned) this.fail('bad when_opcode');
        this.plainLength();
        this.skipModuleData();
        return RdbEvent.moduleAux;
      default:
        return this.fail(`Invalid object type: ${type}`);
    }
  }

  private readEnd(): number {
    this.doing = RdbDoing.checksum;
    this.checksum = 'off';
    if (this.version >= RDB_VERSION_CHECKSUM) {
      this.need(8);
      this.sumUp();
      let zero = 0;
      for (let i = 0; i < 8; i++) zero |= this.buffer[this.position + i]!;
      const matches = this.crc.matches(this.buffer, this.position);
      this.position += 8;
      this.summed = this.position;
      if (zero !== 0) {
        if (!matches && this.verifyChecksum) this.fail('RDB CRC error');
        this.checksum = matches ? 'ok' : 'off';
      }
    }
    this.state = State.done;
    return RdbEvent.end;
  }

  private sumUp(): void {
    if (this.hasFile && this.position > this.summed)
      this.crc.update(this.buffer, this.summed, this.position - this.summed);
    this.summed = this.position;
  }

  private readKey(type: number): number {
    this.doing = RdbDoing.key;
    this.rdbType = type;
    this.kind = valueKindOf(type);
    this.string(this.key);
    this.state = State.value;
    return RdbEvent.key;
  }

  /** Reads what comes before a value's elements. */
  private beginValue(): number {
    this.doing = RdbDoing.value;
    this.fieldExpireAtMs = 0;
    this.minimumExpireAtMs = 0;
    switch (this.rdbType) {
      case RdbType.string:
        this.string(this.item);
        this.remaining = 0;
        this.state = State.items;
        return RdbEvent.item;
      case RdbType.hashMetadata:
        this.minimumExpireAtMs = this.int64();
        if (this.minimumExpireAtMs < 0) this.fail('Hash read invalid minExpire value');
        this.count = this.remaining = this.plainLength();
        this.state = State.items;
        return -1;
      case RdbType.list:
      case RdbType.set:
      case RdbType.zset:
      case RdbType.zset2:
      case RdbType.hash:
      case RdbType.hashMetadataPre:
      case RdbType.hashValkey:
        this.count = this.remaining = this.plainLength();
        this.state = State.items;
        return -1;
      case RdbType.listQuicklist:
      case RdbType.listQuicklist2:
        this.nodesLeft = this.plainLength();
        this.state = State.quicklist;
        return -1;
      case RdbType.streamListpacks:
      case RdbType.streamListpacks2:
      case RdbType.streamListpacks3:
        this.part = 'Stream listpacks len loading failed.';
        this.nodesLeft = this.plainLength();
        this.state = State.streamNodes;
        return -1;
      case RdbType.hashListpackEx:
        this.int64();
        this.state = State.blob;
        return -1;
      case RdbType.module2:
        this.readModuleId();
        this.skipModuleData();
        this.remaining = 0;
        this.state = State.items;
        return RdbEvent.moduleValue;
      case RdbType.modulePre:
        return this.fail('Pre-release module format not supported');
      default:
        this.state = State.blob;
        return -1;
    }
  }

  private endValue(): number {
    this.state = this.hasFile ? State.record : State.done;
    this.ended = true;
    this.part = '';
    return RdbEvent.valueEnd;
  }

  private readItem(): number {
    if (this.remaining === 0) return this.endValue();
    switch (this.rdbType) {
      case RdbType.hashMetadata:
      case RdbType.hashMetadataPre: {
        const ttl = this.plainLength();
        this.fieldExpireAtMs =
          ttl === 0 || this.rdbType === RdbType.hashMetadataPre ? ttl : ttl + this.minimumExpireAtMs - 1;
        this.string(this.item);
        this.string(this.second);
        break;
      }
      case RdbType.hash:
        this.string(this.item);
        this.string(this.second);
        break;
      case RdbType.hashValkey:
        this.string(this.item);
        this.string(this.second);
        // Without an expiry -1. A time that has passed may be before 1970.
        this.fieldExpireAtMs = this.int64();
        this.fieldExpireAtMs = this.fieldExpireAtMs === -1 ? 0 : Math.max(1, this.fieldExpireAtMs);
        break;
      case RdbType.zset:
        this.string(this.item);
        this.score = this.textDouble();
        break;
      case RdbType.zset2:
        this.string(this.item);
        this.score = this.binaryDouble();
        if (Number.isNaN(this.score)) this.fail('Zset with NAN score detected');
        break;
      default:
        this.string(this.item);
    }
    this.remaining--;
    return RdbEvent.item;
  }

  /** The types that are one string: checks it, then gives it out whole or element by element. */
  private readBlob(): number {
    switch (this.rdbType) {
      case RdbType.setIntset:
        this.openBlob(Packing.intset, 1, 'Intset integrity check failed.');
        return this.wholeBlob(RdbEvent.intset);
      case RdbType.hashListpack:
      case RdbType.zsetListpack:
        this.openBlob(
          Packing.listpack,
          2,
          `${this.kind === ValueKind.hash ? 'Hash' : 'Zset'} listpack integrity check failed.`,
        );
        return this.wholeBlob(RdbEvent.listpack);
      case RdbType.setListpack:
        this.openBlob(Packing.listpack, 1, 'Set listpack integrity check failed.');
        return this.wholeBlob(RdbEvent.listpack);
      case RdbType.hashListpackEx:
      case RdbType.hashListpackExPre:
        this.openBlob(Packing.listpack, 3, 'Hash listpackex integrity check failed.');
        return this.wholeBlob(RdbEvent.listpackEx);
      case RdbType.hashZipmap:
        return this.elementsOf(Packing.zipmap, 2, ZIPMAP_COMPLAINT);
      case RdbType.listZiplist:
        return this.elementsOf(Packing.ziplist, 1, 'Ziplist integrity check failed.');
      case RdbType.zsetZiplist:
        return this.elementsOf(Packing.ziplist, 2, 'Zset ziplist integrity check failed.');
      case RdbType.hashZiplist:
        return this.elementsOf(Packing.ziplist, 2, 'Hash ziplist integrity check failed.');
      default:
        return this.fail(`Unknown RDB encoding type ${this.rdbType}`);
    }
  }

  /** Reads the string into `blobSlice` and checks every element of it. */
  private openBlob(packing: number, group: number, complaint: string): void {
    this.string(this.blobSlice);
    this.checkBlob(this.blobSlice, packing, group, complaint);
  }

  private checkBlob(blob: Slice, packing: number, group: number, complaint: string): void {
    if (this.skimsValues) return;
    const cursor = this.checkCursor;
    try {
      cursor.open(packing, blob.bytes, blob.start, blob.length);
      cursor.skipAll(this.checkSlice);
    } catch (error) {
      if (error instanceof PackedError) this.fail(`${complaint} (${error.message})`);
      throw error;
    }
    if (cursor.count % group !== 0) this.fail(`${complaint} (elements that are not in pairs)`);
    this.count = cursor.count;
    this.needsRebuild = cursor.isIrregular;
    this.saysEmpty = cursor.declared === 0;
  }

  private wholeBlob(event: number): number {
    const blob = this.blobSlice;
    this.item.set(blob.bytes, blob.start, blob.length);
    this.remaining = 0;
    this.state = State.items;
    return event;
  }

  private elementsOf(packing: number, group: number, complaint: string): number {
    this.openBlob(packing, group, complaint);
    if (this.skimsValues) {
      if (this.rdbType === RdbType.listQuicklist) return -1;
      return this.endValue();
    }
    // Hashes were only ever written as a zipmap when they had fields.
    if (packing === Packing.zipmap && this.count === 0) this.fail(ZIPMAP_COMPLAINT);
    // Unpacking goes over several events, so the bytes must not move with the buffer.
    const blob = this.blobSlice;
    if (blob.bytes !== blob.scratch) {
      const room = blob.room(blob.length);
      room.set(blob.bytes.subarray(blob.start, blob.start + blob.length));
      blob.set(room, 0, blob.length);
    }
    this.cursor.open(packing, blob.bytes, blob.start, blob.length);
    this.count /= group;
    this.state = State.packed;
    return -1;
  }

  private unpackItem(): number {
    if (!this.cursor.next(this.item)) {
      if (this.rdbType === RdbType.listQuicklist) {
        this.state = State.quicklist;
        return -1;
      }
      return this.endValue();
    }
    if (this.kind === ValueKind.hash) this.cursor.next(this.second);
    else if (this.kind === ValueKind.zset) {
      this.cursor.next(this.second);
      this.score = looseScore(this.second.toString());
    }
    return RdbEvent.item;
  }

  private readQuicklistNode(): number {
    if (this.nodesLeft === 0) return this.endValue();
    if (this.rdbType === RdbType.listQuicklist) {
      const event = this.elementsOf(Packing.ziplist, 1, 'Ziplist integrity check failed.');
      this.nodesLeft--;
      return event;
    }
    const container = this.plainLength();
    if (container === QuicklistContainer.plain) {
      this.string(this.item);
      if (this.item.length === 0) this.fail('Quicklist integrity check failed. (a plain node without bytes)');
      this.nodesLeft--;
      return RdbEvent.item;
    }
    if (container !== QuicklistContainer.packed) this.fail('Quicklist integrity check failed.');
    this.string(this.item);
    this.checkBlob(this.item, Packing.listpack, 1, 'Listpack integrity check failed.');
    this.nodesLeft--;
    return RdbEvent.listpack;
  }

  private readStreamNode(): number {
    if (this.nodesLeft === 0) {
      this.state = State.streamInfo;
      return -1;
    }
    this.part = 'Stream master ID loading failed: invalid encoding or I/O error.';
    this.string(this.blobSlice);
    const id = this.blobSlice;
    if (id.length !== 16) this.fail('Stream node key entry is not the size of a stream ID');
    for (let i = 0; i < 16; i++) this.streamId[i] = id.bytes[id.start + i]!;
    this.part = 'Stream listpacks loading failed.';
    this.string(this.item);
    this.checkBlob(this.item, Packing.listpack, 1, 'Stream listpack integrity check failed.');
    if (!this.skimsValues && this.count === 0) this.fail('Empty listpack inside stream');
    this.nodesLeft--;
    return RdbEvent.streamNode;
  }

  private readStreamInfo(): number {
    this.part = 'Stream object metadata loading failed.';
    const count = this.plainLength();
    this.idFromLengths(this.streamId);
    this.firstId.fill(0);
    this.maxDeletedId.fill(0);
    this.entriesAdded = count;
    if (this.rdbType !== RdbType.streamListpacks) {
      this.idFromLengths(this.firstId);
      this.idFromLengths(this.maxDeletedId);
      this.entriesAdded = this.plainLength();
    }
    this.part = 'Stream cgroup count loading failed.';
    this.groupsLeft = this.plainLength();
    this.count = count;
    this.state = State.streamGroups;
    return RdbEvent.streamInfo;
  }

  private readStreamGroup(): number {
    if (this.groupsLeft === 0) return this.endValue();
    this.part = 'Error reading the consumer group name from Stream';
    this.string(this.item);
    this.part = 'Stream cgroup ID loading failed.';
    this.idFromLengths(this.streamId);
    this.entriesRead = -1;
    if (this.rdbType !== RdbType.streamListpacks) {
      // -1 (unknown) is stored as a 64-bit length with all bits set.
      this.part = 'Stream cgroup offset loading failed.';
      this.length();
      this.entriesRead = (this.lengthHigh | 0) * LOW_PART + this.lengthLow;
    }
    this.part = 'Stream PEL size loading failed.';
    this.pendingLeft = this.plainLength();
    this.groupsLeft--;
    this.state = State.streamPending;
    return RdbEvent.streamGroup;
  }

  private readStreamPending(): number {
    if (this.pendingLeft === 0) {
      this.part = 'Stream consumers num loading failed.';
      this.consumersLeft = this.plainLength();
      this.state = State.streamConsumers;
      return -1;
    }
    this.part = 'Stream PEL ID loading failed.';
    this.rawId(this.streamId);
    this.part = 'Stream PEL NACK loading failed.';
    this.deliveryTimeMs = this.int64();
    this.deliveryCount = this.plainLength();
    this.pendingLeft--;
    return RdbEvent.streamPending;
  }

  private readStreamConsumer(): number {
    if (this.consumersLeft === 0) {
      this.state = State.streamGroups;
      return -1;
    }
    this.part = 'Error reading the consumer name from Stream group.';
    this.string(this.item);
    this.part = 'Stream short read reading seen time.';
    this.seenTimeMs = this.int64();
    this.activeTimeMs = this.rdbType === RdbType.streamListpacks3 ? this.int64() : -1;
    this.part = 'Stream consumer PEL num loading failed.';
    this.pendingLeft = this.plainLength();
    this.consumersLeft--;
    this.state = State.streamConsumerPending;
    return RdbEvent.streamConsumer;
  }

  private readStreamConsumerPending(): number {
    if (this.pendingLeft === 0) {
      this.state = State.streamConsumers;
      return -1;
    }
    this.part = 'Stream short read reading PEL streamID.';
    this.rawId(this.streamId);
    this.pendingLeft--;
    return RdbEvent.streamConsumerPending;
  }

  private rawId(into: Uint8Array): void {
    this.need(16);
    for (let i = 0; i < 16; i++) into[i] = this.buffer[this.position + i]!;
    this.position += 16;
  }

  private idFromLengths(into: Uint8Array): void {
    for (let half = 0; half < 16; half += 8) {
      this.length();
      for (let i = 0; i < 4; i++) {
        into[half + i] = this.lengthHigh >>> (24 - 8 * i);
        into[half + 4 + i] = this.lengthLow >>> (24 - 8 * i);
      }
    }
  }

  /** A module's name from its id: nine letters of six bits, then ten bits of version. */
  private readModuleId(): void {
    this.length();
    const id = (BigInt(this.lengthHigh) << 32n) | BigInt(this.lengthLow);
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    let name = '';
    for (let letter = 0n; letter < 9n; letter++) name = letters[Number((id >> (10n + letter * 6n)) & 63n)]! + name;
    this.moduleName = name;
  }

  private skipModuleData(): void {
    for (;;) {
      switch (this.plainLength()) {
        case ModuleOpcode.end:
          return;
        case ModuleOpcode.signed:
        case ModuleOpcode.unsigned:
          this.length();
          break;
        case ModuleOpcode.float:
          this.need(4);
          this.position += 4;
          break;
        case ModuleOpcode.double:
          this.need(8);
          this.position += 8;
          break;
        case ModuleOpcode.string:
          this.string(this.second);
          break;
        default:
          this.fail(`Error reading data of the module '${this.moduleName}': unknown opcode`);
      }
    }
  }

  // ---- primitives: each checks that its bytes are there

  private need(count: number): void {
    if (this.limit - this.position < count) {
      this.failedAt = this.position;
      this.wanted = count;
      throw needMore;
    }
  }

  private byte(): number {
    if (this.position >= this.limit) this.need(1);
    return this.buffer[this.position++]!;
  }

  private uint32(): number {
    this.need(4);
    const bytes = this.buffer;
    const at = this.position;
    this.position += 4;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  private int64(): number {
    this.need(8);
    const low = this.uint32();
    return (this.uint32() | 0) * LOW_PART + low;
  }

  /** Reads a length; returns it, or -1 - encoding when the top bits say that a specially encoded string follows. */
  private length(): number {
    const first = this.byte();
    this.lengthHigh = 0;
    if (first < 0x40) return (this.lengthLow = first);
    if (first < 0x80) return (this.lengthLow = ((first & 63) << 8) | this.byte());
    if (first >= 0xc0) return -1 - (this.lengthLow = first & 63);
    if (first === 0x80) return (this.lengthLow = this.bigEndian());
    if (first === 0x81) {
      this.need(8);
      this.lengthHigh = this.bigEndian();
      this.lengthLow = this.bigEndian();
      return this.lengthHigh * LOW_PART + this.lengthLow;
    }
    return this.fail(`Unknown length encoding ${first} in rdbLoadLen()`);
  }

  private bigEndian(): number {
    this.need(4);
    const bytes = this.buffer;
    const at = this.position;
    this.position += 4;
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
  }

  /** A length where no string can be: Redis reads the byte of a special encoding as its low bits. */
  private plainLength(): number {
    const length = this.length();
    return length < 0 ? -1 - length : length;
  }

  private string(into: Slice): void {
    const length = this.length();
    if (length < 0) {
      this.encodedString(-1 - length, into);
      return;
    }
    if (this.limit - this.position < length) {
      if (length > 4294967296) this.fail(`a string of ${length} bytes`);
      this.need(length);
    }
    into.set(this.buffer, this.position, length);
    this.position += length;
  }

  private encodedString(encoding: number, into: Slice): void {
    switch (encoding) {
      case StringEncoding.int8:
        into.setInteger((this.byte() << 24) >> 24);
        return;
      case StringEncoding.int16: {
        this.need(2);
        const bytes = this.buffer;
        into.setInteger(((bytes[this.position]! | (bytes[this.position + 1]! << 8)) << 16) >> 16);
        this.position += 2;
        return;
      }
      case StringEncoding.int32:
        into.setInteger(this.uint32() | 0);
        return;
      case StringEncoding.lzf: {
        const packedLength = this.plainLength();
        const length = this.plainLength();
        // One byte of LZF makes at most 88 bytes (three make 264): a longer claim is a lie, told before memory is taken.
        if (packedLength === 0 || length > packedLength * 88 + 264 || packedLength > 4294967296)
          this.fail('Invalid LZF compressed string');
        this.need(packedLength);
        if (this.skimsValues && this.doing === RdbDoing.value) {
          into.set(this.buffer, this.position, packedLength);
          this.position += packedLength;
          return;
        }
        const room = into.room(length);
        if (!lzfDecompress(this.buffer, this.position, packedLength, room, 0, length))
          this.fail('Invalid LZF compressed string');
        into.set(room, 0, length);
        this.position += packedLength;
        return;
      }
      default:
        this.fail(`Unknown RDB string encoding type ${encoding}`);
    }
  }

  private binaryDouble(): number {
    this.need(8);
    for (let i = 0; i < 8; i++) doubleBytes[i] = this.buffer[this.position + i]!;
    this.position += 8;
    return doubleView[0]!;
  }

  private textDouble(): number {
    const length = this.byte();
    if (length === 255) return -Infinity;
    if (length === 254) return Infinity;
    if (length === 253) return this.fail('Zset with NAN score detected');
    this.need(length);
    const text = String.fromCharCode(...this.buffer.subarray(this.position, this.position + length));
    this.position += length;
    const value = looseScore(text, NaN);
    if (Number.isNaN(value)) this.fail('a score that is no number');
    return value;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** A score as Redis writes it into text; NaN when it is none. */
export function parseScore(text: string): number {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return Number(text);
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return NaN;
}

/** The number that a text begins with, as Redis reads scores; `otherwise` when it begins with none. */
export function looseScore(text: string, otherwise = 0): number {
  const exact = parseScore(text);
  if (!Number.isNaN(exact)) return exact;
  const start = /^[ \t-\r]*([+-]?(?:inf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))/i.exec(text);
  return start === null ? otherwise : parseScore(start[1]!);
}
