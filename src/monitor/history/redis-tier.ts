// redis-tier: the rows of one target at one resolution in a Redis: sealed blocks as values, and a tail that grows by APPEND.
//
//   PREFIX:NAME:tail    records of the rows that are no block yet (open-block has the format)
//   PREFIX:NAME:SEQ     a block (block has the format), which expires by itself
//   PREFIX:NAME:index   sorted set: `SEQ:firstMs:bytes` by the time of the block's latest row
//
// A block, its place in the index and the new tail are set in one transaction. While the Redis is away rows gather in memory, for a few
// blocks; then the oldest go. When it is back the tail is set as a whole, because nobody knows what of it arrived.

import { joinBytes, utf8 } from '../../base/bytes.js';
import { crc32 } from '../../base/crc32.js';
import type { CommandArgument } from '../../client/encode-command.js';
import { isAggregate, type Reply, replyText } from '../../client/reply.js';
import { blockSizes, type ColumnPlace, decodeDirectory, decodeHead, encodeBlock, findColumn } from './block.js';
import { visitRows, type Visit } from './decode-rows.js';
import { type Cell, OpenBlock, replayTail, TIMES } from './open-block.js';

/** Sends a command; rejects when the Redis is away or refuses it. */
export type Call = (...args: CommandArgument[]) => Promise<Reply>;

export interface RedisTierOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly blockRows: number;
  readonly keepMs: number;
}

interface KeptBlock {
  readonly sequence: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly bytes: number;
}

/** Blocks that wait for a Redis that is away. */
const WAITING_BLOCKS_MAX = 4;
/** Most heads are shorter; of others the rest is read as well. */
const HEAD_READ_BYTES = 8192;
const READ_BATCH = 32;

export class RedisTier {
  private blocks: KeptBlock[] = [];
  private openBlock: OpenBlock;
  /** Every record of the open block. */
  private records: Uint8Array[] = [];
  /** Records that are in the tail for sure; -1: the tail must be set anew. */
  private sentCount = -1;
  /** Length of the tail with them. */
  private sentBytes = 0;
  private waiting: { readonly kept: KeptBlock; readonly bytes: Uint8Array }[] = [];

  constructor(
    private readonly prefix: string,
    private readonly options: RedisTierOptions,
  ) {
    this.openBlock = new OpenBlock(1, options.intervalMs);
  }

  private key(name: string | number): string {
    return `${this.prefix}:${this.options.name}:${name}`;
  }

  get lastMs(): number {
    return this.blocks.reduce((most, { lastMs }) => Math.max(most, lastMs), this.openBlock.lastMs);
  }

  get firstMs(): number {
    return this.blocks.reduce((least, { firstMs }) => Math.min(least, firstMs), this.openBlock.firstMs);
  }

  get bytes(): number {
    return this.blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Reads the list of present blocks; called before anything else. */
  async load(call: Call): Promise<void> {
    const [index, tail] = await Promise.all([
      call('ZRANGE', this.key('index'), '0', '-1', 'WITHSCORES'),
      call('GET', this.key('tail')),
    ]);
    this.blocks = [];
    const words = isAggregate(index) ? index.elements.map(replyText) : [];
    for (let at = 0; at + 1 < words.length; at += 2) {
      const [sequence, firstMs, bytes] = words[at]!.split(':').map(Number);
      const lastMs = Number(words[at + 1]);
      if ([sequence, firstMs, bytes, lastMs].every((number) => Number.isFinite(number)))
        this.blocks.push({ sequence: sequence!, firstMs: firstMs!, bytes: bytes!, lastMs });
    }
    const next = this.blocks.reduce((most, { sequence }) => Math.max(most, sequence + 1), 1);
    const found = tail.kind === 'bulk' ? Uint8Array.from(tail.bytes) : undefined;
    const replayed = found === undefined ? undefined : replayTail(found, this.options.intervalMs);
    if (replayed === undefined || replayed.block.sequence < next) {
      this.begin(next);
      return;
    }
    this.openBlock = replayed.block;
    this.records = [found!.subarray(0, replayed.bytes)];
    this.sentCount = replayed.bytes === found!.length ? 1 : -1;
    this.sentBytes = replayed.bytes;
  }

  /** Adds a row in memory; `flush` brings it to the Redis. */
  add(timeMs: number, cells: readonly Cell[]): void {
    this.records.push(...this.openBlock.add(timeMs, cells));
    if (this.openBlock.rows < this.options.blockRows) return;
    const content = this.openBlock.content();
    const bytes = encodeBlock(content);
    const { sequence, firstMs, lastMs } = content;
    this.waiting.push({ kept: { sequence, firstMs, lastMs, bytes: bytes.length }, bytes });
    if (this.waiting.length > WAITING_BLOCKS_MAX) this.waiting.shift();
    this.begin(sequence + 1);
  }

  /** Copies all data that the Redis lacks. */
  async flush(call: Call): Promise<void> {
    while (this.waiting.length > 0) {
      const { kept, bytes } = this.waiting[0]!;
      await call('MULTI');
      await Promise.all([
        call('SET', this.key(kept.sequence), bytes),
        call('PEXPIREAT', this.key(kept.sequence), String(Math.ceil(kept.lastMs + this.options.keepMs))),
        call('ZADD', this.key('index'), String(kept.lastMs), `${kept.sequence}:${kept.firstMs}:${kept.bytes}`),
        call('DEL', this.key('tail')),
      ]);
      await call('EXEC');
      this.blocks.push(kept);
      this.waiting.shift();
      this.sentCount = -1;
    }
    const { records } = this;
    const count = records.length;
    if (this.sentCount === count) return;
    const { sentCount, sentBytes } = this;
    this.sentCount = -1;
    let length = 0;
    if (sentCount >= 0) {
      const bytes = joinBytes(records.slice(sentCount, count));
      length = sentBytes + bytes.length;
      const reply = await call('APPEND', this.key('tail'), bytes);
      // The Redis may have lost the tail, or somebody has written to it.
      if (Number(replyText(reply)) !== length) length = 0;
    }
    if (length === 0) {
      const bytes = joinBytes(records.slice(0, count));
      length = bytes.length;
      await call('SET', this.key('tail'), bytes);
    }
    // A block that was begun meanwhile has a tail of its own.
    if (this.records !== records) return;
    this.sentCount = count;
    this.sentBytes = length;
  }

  /** Forgets blocks that have expired, and the oldest until no more than so many bytes are left. */
  async expire(call: Call, nowMs: number, bytesMax: number): Promise<void> {
    const { keepMs } = this.options;
    this.blocks = this.blocks.filter(({ lastMs }) => lastMs >= nowMs - keepMs);
    await call('ZREMRANGEBYSCORE', this.key('index'), '-inf', `(${nowMs - keepMs}`);
    while (this.bytes > bytesMax && this.blocks.length > 0) {
      const { sequence, firstMs, bytes } = this.blocks.shift()!;
      await call('DEL', this.key(sequence));
      await call('ZREM', this.key('index'), `${sequence}:${firstMs}:${bytes}`);
    }
  }

  async forget(call: Call): Promise<void> {
    for (const { sequence } of this.blocks) await call('DEL', this.key(sequence));
    await call('DEL', this.key('index'), this.key('tail'));
    this.blocks = [];
    this.waiting = [];
    this.begin(1);
  }

  /** Names of all columns with rows after a time. */
  async names(call: Call, sinceMs: number): Promise<Set<string>> {
    const names = new Set(this.openBlock.names);
    const block = this.blocks.at(-1);
    if (block === undefined || block.lastMs < sinceMs) return names;
    const head = await this.head(call, block);
    for (const name of head === undefined ? [] : decodeDirectory(head).keys()) if (name !== TIMES) names.add(name);
    return names;
  }

  /** Visits the rows of a column in blocks that have rows from `fromMs` up to `toMs`; `call` undefined: those in memory alone. */
  async read(call: Call | undefined, name: string, fromMs: number, toMs: number, visit: Visit): Promise<void> {
    const wanted = this.blocks.filter(({ firstMs, lastMs }) => lastMs >= fromMs && firstMs < toMs);
    for (let at = 0; call !== undefined && at < wanted.length; at += READ_BATCH)
      await Promise.all(wanted.slice(at, at + READ_BATCH).map((block) => this.readBlock(call, block, name, visit)));
    const { rows, firstMs, lastMs } = this.openBlock;
    const column = this.openBlock.column(name);
    if (rows === 0 || column === undefined || lastMs < fromMs || firstMs >= toMs) return;
    const times = this.openBlock.column(TIMES)!.bytes;
    visitRows(
      { rows, intervalMs: this.options.intervalMs, times, values: column.bytes, decimals: column.decimals },
      visit,
    );
  }

  private async readBlock(call: Call, block: KeptBlock, name: string, visit: Visit): Promise<void> {
    const head = await this.head(call, block);
    const known = head === undefined ? undefined : decodeHead(head);
    if (head === undefined || known === undefined) return;
    const times = findColumn(head, utf8(TIMES));
    const place = findColumn(head, utf8(name));
    if (times === undefined || place === undefined) return;
    const [timeBytes, bytes] = await Promise.all([this.column(call, block, times), this.column(call, block, place)]);
    if (timeBytes === undefined || bytes === undefined) return;
    const { rows, intervalMs } = known;
    try {
      visitRows({ rows, intervalMs, times: timeBytes, values: bytes, decimals: place.decimals }, visit);
    } catch {
      // Somebody has written to the key: its rows are lost.
    }
  }

  private async head(call: Call, { sequence }: KeptBlock): Promise<Uint8Array | undefined> {
    const first = await this.range(call, sequence, 0, HEAD_READ_BYTES);
    const sizes = blockSizes(first);
    if (sizes === undefined || sizes.headBytes <= first.length) return sizes === undefined ? undefined : first;
    return this.range(call, sequence, 0, sizes.headBytes);
  }

  private async column(
    call: Call,
    block: KeptBlock,
    { offset, length, crc }: ColumnPlace,
  ): Promise<Uint8Array | undefined> {
    const bytes = await this.range(call, block.sequence, offset, length);
    return bytes.length === length && crc32(bytes) === crc ? bytes : undefined;
  }

  private async range(call: Call, sequence: number, offset: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const reply = await call('GETRANGE', this.key(sequence), String(offset), String(offset + length - 1));
    return reply.kind === 'bulk' ? reply.bytes : new Uint8Array(0);
  }

  private begin(sequence: number): void {
    this.openBlock = new OpenBlock(sequence, this.options.intervalMs);
    this.records = [this.openBlock.beginning()];
    this.sentCount = -1;
  }
}
