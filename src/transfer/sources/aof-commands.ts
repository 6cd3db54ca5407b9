// aof-commands: the commands of an append-only file for a server that runs them itself, in place of the engine in memory.
//
// Only an empty server gets the same data by that, and only when the commands mean the same now as when they were written. A server
// that loads its file lets no key expire meanwhile, but any other does: a key whose time has passed would be gone before a later
// command makes it persist. `readAhead` reads the file for that; what it does not know it refuses.
//
// After that the bytes are known to be whole commands up to where they end, so they go on as they are. A DEL directly before a SET of
// the same key is left out, which is half of the commands in a file of `kvasir-rdb commands`.

import { escape } from '../../base/quoting.js';
import { AofItem, AofReader } from '../../persistence/aof/reader.js';
import { RdbType } from '../../persistence/rdb/format.js';
import { EncodedCommands } from '../record/encoded-commands.js';
import { type Batch, NO_EXPIRY, type Source, TransferError, type TransferRecord } from '../record/record.js';
import { type AofPart, aofParts } from './aof-parts.js';
import { fileChunks } from './file-chunks.js';
import { rdbFile } from './rdb-file.js';

/** A time to live that ends within a day may end during the load. */
const SOON_MS = 86_400_000;
/** Commands that do the same whenever they run: no random choice, no script, no time but those that are looked at. */
const timeless = new Set(
  `SELECT MULTI EXEC SETNX MSET MSETNX APPEND INCR DECR INCRBY DECRBY INCRBYFLOAT SETRANGE SETBIT GETSET GETDEL BITOP BITFIELD
  DEL UNLINK RENAME RENAMENX COPY MOVE PERSIST FLUSHDB FLUSHALL SWAPDB
  LPUSH RPUSH LPUSHX RPUSHX LPOP RPOP LREM LSET LTRIM LINSERT RPOPLPUSH LMOVE
  SADD SREM SMOVE SINTERSTORE SUNIONSTORE SDIFFSTORE
  ZADD ZINCRBY ZREM ZREMRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYLEX ZUNIONSTORE ZINTERSTORE ZDIFFSTORE ZRANGESTORE ZPOPMIN
  ZPOPMAX GEOADD HSET HMSET HSETNX HDEL HINCRBY HINCRBYFLOAT HPERSIST XDEL XSETID XACK XGROUP PFADD PFMERGE FUNCTION`.split(
    /\s+/,
  ),
);

function isTimelessCommand(name: string, reader: AofReader, soonMs: number): boolean {
  const isLate = (index: number, unitMs: number): boolean =>
    index < reader.count && Number(reader.text(index)) * unitMs > soonMs;
  if (timeless.has(name)) return true;
  if (name === 'PEXPIREAT') return reader.count === 3 && isLate(2, 1);
  if (name === 'EXPIREAT') return reader.count === 3 && isLate(2, 1000);
  if (name === 'HPEXPIREAT') return isLate(2, 1);
  if (name === 'XADD' || name === 'XTRIM') return isExactChange(name, reader);
  if (name === 'XCLAIM') return isClaimAtTime(reader);
  if (name !== 'SET') return false;
  for (let index = 3; index < reader.count; index++) {
    const word = reader.text(index).toUpperCase();
    if (
      word === 'PXAT'
        ? !isLate(++index, 1)
        : word === 'EXAT'
          ? !isLate(++index, 1000)
          : !/^(KEEPTTL|NX|XX|GET)$/.test(word)
    )
      return false;
  }
  return true;
}

/** Whether an XADD names its ID, and whether it or an XTRIM trims to the entry: `~` and LIMIT go by how nodes are filled. */
function isExactChange(name: string, reader: AofReader): boolean {
  for (let index = 2; index < reader.count; index++) {
    const word = reader.text(index).toUpperCase();
    if (word === '~' || word === 'LIMIT') return false;
    if (word === 'NOMKSTREAM' || word === '=') continue;
    if (word === 'MAXLEN' || word === 'MINID') {
      if (reader.text(index + 1) === '~') return false;
      index += reader.text(index + 1) === '=' ? 2 : 1;
      continue;
    }
    return name === 'XADD' && /^\d+-\d+$/.test(word);
  }
  return name === 'XTRIM';
}

/** Whether an XCLAIM is one that a server wrote: of whatever idle time, and with the time of the delivery. */
function isClaimAtTime(reader: AofReader): boolean {
  if (reader.count < 6 || reader.text(4) !== '0') return false;
  for (let index = 6; index < reader.count; index++) if (reader.text(index).toUpperCase() === 'TIME') return true;
  return false;
}

/** What reading ahead has found out. */
export interface AheadReading {
  /** Why the commands may make other data when an empty server runs them now; undefined when they do not. */
  readonly obstacle: string | undefined;
  /** Where the last whole command or transaction of the last file ends. */
  readonly end: number;
  /** Something follows there that is not whole. */
  readonly isTorn: boolean;
}

/** Reads all of an append-only file. Throws what is wrong with it. `emptying`: commands that empty whole databases are an obstacle. */
export async function readAhead(path: string, nowMs: number, emptying = false): Promise<AheadReading> {
  const soonMs = nowMs + SOON_MS;
  const parts = aofParts(path);
  const stopped = (obstacle: string): AheadReading => ({ obstacle, end: 0, isTorn: false });
  let end = 0;
  let isTorn = false;
  for (const part of parts) {
    let start = 0;
    if (part.isRdb) {
      const rdb = rdbFile(part.path, { skimsValues: true });
      for await (const { records } of rdb.batches())
        if (records.some((record) => expiresBy(record, soonMs)))
          return stopped(`${part.path} has a key that expires soon`);
      start = rdb.reader.offset;
    }
    const commands = new PartCommands(part, start, part === parts.at(-1));
    const { reader } = commands;
    end = start;
    let inTransaction = false;
    while (commands.next()) {
      if (!isPlainWrite(reader)) {
        const name = reader.text(0).toUpperCase();
        if (!isTimelessCommand(name, reader, soonMs) || (emptying && wholesale.has(name)))
          return stopped(
            `${part.path} has a command at offset ${reader.itemOffset} that may mean something else now (${escape(name)})`,
          );
        if (name === 'MULTI') inTransaction = true;
        if (name === 'EXEC') inTransaction = false;
      }
      if (!inTransaction) end = reader.offset;
    }
    isTorn = commands.isTorn || inTransaction;
  }
  return { obstacle: undefined, end, isTorn };
}

/** Commands that empty whole databases, or exchange them. */
const wholesale = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB']);

/** SET of a key and a value, or DEL: most commands of most files, so they are found without making texts of them. */
function isPlainWrite(reader: AofReader): boolean {
  return isNamed(reader, 0x53, 0x45, 0x54) ? reader.count === 3 : isNamed(reader, 0x44, 0x45, 0x4c);
}

/** Whether a command has this name of three letters, in capitals. */
function isNamed({ bytes, starts, lengths }: AofReader, first: number, second: number, third: number): boolean {
  const at = starts[0]!;
  return lengths[0] === 3 && bytes[at] === first && bytes[at + 1] === second && bytes[at + 2] === third;
}

function expiresBy(record: TransferRecord, timeMs: number): boolean {
  if (record.what !== 'key') return false;
  // Of fields that expire it is not looked at when.
  if (record.rdbType >= RdbType.hashMetadataPre && record.rdbType <= RdbType.hashListpackEx) return true;
  if (record.value?.kind === 'hash' && record.value.expireAtMs.length > 0) return true;
  return record.expireAtMs !== NO_EXPIRY && record.expireAtMs < timeMs;
}

/** The commands of one file, one after the other. */
class PartCommands {
  readonly reader: AofReader;
  isTorn = false;
  private readonly chunks: Iterator<Uint8Array>;

  constructor(
    private readonly part: AofPart,
    start: number,
    private readonly isLast: boolean,
    end = Infinity,
  ) {
    this.reader = new AofReader(start);
    this.chunks = fileChunks(part.path, start, end)[Symbol.iterator]();
  }

  /** Moves to the next command; false at the end. */
  next(): boolean {
    const { reader, part } = this;
    for (;;) {
      const item = reader.next();
      if (item === AofItem.command) return true;
      if (item === AofItem.malformed)
        throw new TransferError(`${part.path} is malformed at offset ${reader.itemOffset}; see kvasir-check-aof`);
      if (item !== AofItem.needInput) continue;
      const { value, done } = this.chunks.next();
      if (done !== true) {
        reader.push(value);
        continue;
      }
      this.isTorn = reader.hasRest;
      if (this.isTorn && !this.isLast)
        throw new TransferError(`${part.path} ends inside a command, and other files follow it`);
      return false;
    }
  }
}

export class AofCommandSource implements Source {
  readonly totalKeys = undefined;
  readonly totalBytes: number;
  readonly warnings: string[] = [];
  private readonly parts: readonly AofPart[];

  constructor(
    readonly name: string,
    private readonly ahead: AheadReading,
  ) {
    this.parts = aofParts(name);
    this.totalBytes = this.parts.reduce((sum, part) => sum + part.bytes, 0);
  }

  async *batches(): AsyncGenerator<Batch, void> {
    let before = 0;
    for (const part of this.parts) {
      const isLast = part === this.parts.at(-1);
      let start = 0;
      if (part.isRdb) {
        const rdb = rdbFile(part.path, { skimsValues: true });
        rdb.packsStrings = true;
        for await (const batch of rdb.batches()) yield { ...batch, sourceBytes: before + batch.sourceBytes };
        start = rdb.reader.offset;
      }
      yield* this.commands(new PartCommands(part, start, isLast, isLast ? this.ahead.end : Infinity), before);
      before += part.bytes;
    }
    if (this.ahead.isTorn)
      this.warnings.push(`${this.name} ends inside a command or transaction; what came before was taken`);
  }

  private *commands(commands: PartCommands, before: number): Generator<Batch, void> {
    const { reader } = commands;
    let database = 0;
    let list = new EncodedCommands(database);
    while (commands.next()) {
      list.add(reader);
      if (reader.lengths[0] === 6 && reader.text(0).toUpperCase() === 'SELECT') database = Number(reader.text(1));
      if (!list.isFull) continue;
      list.databaseAfter = database;
      yield { records: [], commands: list, sourceBytes: before + reader.offset };
      list = new EncodedCommands(database);
    }
    list.databaseAfter = database;
    yield { records: [], commands: list, sourceBytes: before + reader.offset };
  }
}
