// server-sink: writes records into a server, by RESTORE where it takes the payload, else by the commands that make the value.
//
//   replace   what the target has under the key goes away first (RESTORE REPLACE, or DEL and the commands)
//   merge     elements are added to existing values (only commands), as redis-load does
//   skip      existing keys stay as they are
//
// A RESTORE that is refused because of its version or the proxy is tried again as commands; a server that does not know RESTORE
// gets no more of them. Through a cluster's node, redirected records go to `onRedirect`.

import { isError, type Reply, replyText } from '../../client/reply.js';
import { escape } from '../../base/quoting.js';
import { latin1 } from '../../base/bytes.js';
import { ValueKind } from '../../persistence/rdb/format.js';
import type { PlainStrings } from '../../persistence/rdb/plain-strings.js';
import { RdbError } from '../../persistence/rdb/reader.js';
import { CommandEncoder } from '../link/command-encoder.js';
import type { EncodedCommands } from '../record/encoded-commands.js';
import { dumpPayload, keepsRaw, payloadVersion } from '../record/encode.js';
import {
  type Batch,
  type CommandRecord,
  type FunctionRecord,
  type KeyRecord,
  NO_EXPIRY,
  type Sink,
  TransferError,
  type TransferRecord,
} from '../record/record.js';
import { recordsOf } from '../record/plain-records.js';
import type { Pipeline, TakeRefusal, TakeReply } from '../link/pipeline.js';

export type WriteMode = 'replace' | 'merge' | 'skip';

/** The RDB version of the payloads that RESTORE takes in a version of redis-server. */
export function restoreVersionOf(redisVersion: string): number {
  const [major = 0, minor = 0] = redisVersion.split('.').map(Number);
  if (major >= 8 || (major === 7 && minor >= 4)) return 12;
  if (major === 7) return minor >= 2 ? 11 : 10;
  if (major >= 5) return 9;
  if (major === 4) return 8;
  return major === 3 && minor >= 2 ? 7 : major > 2 || (major === 2 && minor >= 6) ? 6 : 0;
}

export interface ServerSinkOptions {
  readonly mode: WriteMode;
  /** Highest version of payloads that the target takes; 0: use commands only. */
  readonly restoreVersion: number;
  readonly nowMs: () => number;
  readonly onError: (key: Uint8Array, message: string) => void;
  readonly onRedirect?: (record: TransferRecord, reply: string) => void;
}

/** Bytes of a payload above which a value goes as commands: a server has a limit, and stalls while it takes it. */
const PAYLOAD_BYTES_MAX = 64 << 20;
const VERSION_ABSOLUTE_TTL = 9;
/** Commands that are counted together. */
const GROUP_BYTES = 128 * 1024;
/** SET takes PXAT since Redis 6.2, which has RDB 9 as 5.0 has: from here on it is certain. */
const VERSION_SET_PXAT = 10;

export class ServerSink implements Sink {
  private database = 0;
  private restoreVersion: number;
  private retry: KeyRecord[] = [];
  private fatal: TransferError | undefined;
  private skipped: Uint8Array | undefined;
  private asking = false;
  /** Keys were sent, and no encoded commands since. */
  private isAfterKeys = false;
  private readonly commands: CommandEncoder;

  constructor(
    private readonly pipeline: Pipeline,
    private readonly options: ServerSinkOptions,
  ) {
    this.commands = new CommandEncoder(pipeline.encoder, () => {
      if (this.asking) pipeline.add(['ASKING']);
    });
    this.restoreVersion = options.mode === 'merge' ? 0 : options.restoreVersion;
  }

  get name(): string {
    return this.pipeline.name;
  }

  async write(batch: Batch): Promise<void> {
    const skipped = this.options.mode === 'skip' ? await this.findExisting(batch) : undefined;
    if (batch.records.length + (batch.strings?.length ?? 0) > 0) this.isAfterKeys = true;
    for (const strings of batch.strings ?? []) await this.putStrings(strings);
    for (const record of batch.records) {
      if (record.what === 'key' && skipped?.has(record) === true) continue;
      this.put(record);
      if (this.pipeline.isFull) await this.pipeline.ready();
    }
    if (batch.commands !== undefined) await this.putEncoded(batch.commands);
    this.pipeline.send();
    await this.sendAgain();
    this.check();
  }

  /** Commands with their own SELECTs. Keys that are sent once more after a refusal must not come after them. */
  private async putEncoded(commands: EncodedCommands): Promise<void> {
    if (this.isAfterKeys) await this.flush();
    this.isAfterKeys = false;
    this.select(commands.database);
    this.database = commands.databaseAfter;
    commands.write(this.pipeline.encoder);
    this.pipeline.addedGroup(commands.count, (index, reply) => {
      const { name, key } = commands.describe(index);
      this.options.onError(key, `${name}: ${replyText(reply)}`);
    });
    if (this.pipeline.isFull) await this.pipeline.ready();
  }

  put(record: TransferRecord, asking = false): void {
    if (record.what === 'aux') return;
    this.asking = asking;
    if (record.what === 'key') this.putKey(record);
    else if (record.what === 'function') this.putFunction(record);
    else this.putCommand(record);
    this.asking = false;
  }

  /** Each command needs an ASKING of its own. */
  private add(words: readonly (Uint8Array | string)[], take: TakeReply): void {
    if (this.asking) this.pipeline.add(['ASKING']);
    this.pipeline.add(words, take);
  }

  private check(): void {
    if (this.fatal !== undefined) throw this.fatal;
  }

  /** Commands in the place of payloads that were refused. */
  private async sendAgain(): Promise<void> {
    while (this.retry.length > 0) {
      for (const record of this.retry.splice(0)) this.putCommands(record);
      await this.pipeline.ready();
    }
  }

  private select(database: number): void {
    if (database === this.database) return;
    this.database = database;
    this.pipeline.add(['SELECT', String(database)], (reply) => {
      if (!isError(reply)) return;
      this.fatal ??= new TransferError(`${this.name} does not select database ${database}: ${replyText(reply)}`);
    });
  }

  private async findExisting(batch: Batch): Promise<Set<TransferRecord>> {
    const found = new Set<TransferRecord>();
    for (const record of batch.records) {
      if (record.what !== 'key') continue;
      if (record.part === 'more' || record.part === 'last') {
        if (this.skipped !== undefined && Buffer.compare(this.skipped, record.key) === 0) found.add(record);
        continue;
      }
      this.select(record.database);
      this.pipeline.add(['EXISTS', record.key], (reply) => {
        if (replyText(reply) === '1') found.add(record);
      });
    }
    await this.pipeline.drain();
    this.check();
    for (const record of found) if (record.what === 'key' && record.part === 'first') this.skipped = record.key;
    return found;
  }

  private putKey(record: KeyRecord): void {
    this.select(record.database);
    if (this.restoreVersion > 0 && record.part === 'whole' && this.putString(record)) return;
    const isSmall = record.raw !== undefined ? record.raw.length <= PAYLOAD_BYTES_MAX : record.value?.kind === 'stream';
    if (this.restoreVersion === 0 || record.part !== 'whole' || !isSmall) {
      this.putCommands(record);
      return;
    }
    const { options, restoreVersion } = this;
    const isAbsolute = restoreVersion >= VERSION_ABSOLUTE_TTL;
    const hasExpiry = record.expireAtMs !== NO_EXPIRY;
    let ttl = 0;
    if (hasExpiry) ttl = Math.max(1, isAbsolute ? record.expireAtMs : record.expireAtMs - options.nowMs());
    const take = (reply: Reply): void => {
      if (isError(reply)) this.takeRestoreError(record, replyText(reply));
    };
    const isIdle = isAbsolute && record.idleSeconds >= 0;
    const isCounted = isAbsolute && !isIdle && record.frequency >= 0;
    const isReplacing = options.mode === 'replace';
    try {
      const { encoder } = this.pipeline;
      const hasRaw = keepsRaw(record, restoreVersion);
      // Code that may throw comes before the first byte of the command.
      const payload = hasRaw ? undefined : dumpPayload(record, restoreVersion);
      if (this.asking) this.pipeline.add(['ASKING']);
      encoder.begin(4 + (isReplacing ? 1 : 0) + (hasExpiry && isAbsolute ? 1 : 0) + (isIdle || isCounted ? 2 : 0));
      encoder.ascii('RESTORE');
      encoder.bytes(record.key, 0, record.key.length);
      encoder.ascii(String(ttl));
      if (payload === undefined) encoder.payload(record.rdbType, record.raw!, payloadVersion(record.rdbType));
      else encoder.bytes(payload, 0, payload.length);
      if (isReplacing) encoder.ascii('REPLACE');
      if (hasExpiry && isAbsolute) encoder.ascii('ABSTTL');
      if (isIdle) {
        encoder.ascii('IDLETIME');
        encoder.ascii(String(record.idleSeconds));
      } else if (isCounted) {
        encoder.ascii('FREQ');
        encoder.ascii(String(record.frequency));
      }
    } catch (error) {
      this.refuse(record, error);
      return;
    }
    this.pipeline.added(take);
  }

  /** A plain string by SET, which costs both sides half of a RESTORE: no checksum. Returns false, with nothing written, if it is none. */
  private putString(record: KeyRecord): boolean {
    const { value } = record;
    const bytes = record.raw ?? (value?.kind === 'string' ? value.bytes : undefined);
    if (record.kind !== ValueKind.string || bytes === undefined || this.options.mode !== 'replace') return false;
    if (record.idleSeconds >= 0 || record.frequency >= 0) return false;
    const hasExpiry = record.expireAtMs !== NO_EXPIRY;
    if (hasExpiry && this.restoreVersion < VERSION_SET_PXAT) return false;
    if (bytes.length > PAYLOAD_BYTES_MAX) return false;
    const start = record.raw === undefined ? 0 : plainStart(bytes);
    if (start < 0) return false;
    if (this.asking) this.pipeline.add(['ASKING']);
    const { encoder } = this.pipeline;
    encoder.begin(hasExpiry ? 5 : 3);
    encoder.ascii('SET');
    encoder.bytes(record.key, 0, record.key.length);
    encoder.bytes(bytes, start, bytes.length - start);
    if (hasExpiry) {
      encoder.ascii('PXAT');
      encoder.ascii(String(Math.max(1, record.expireAtMs)));
    }
    this.pipeline.added((reply) => {
      if (!isError(reply)) return;
      const text = replyText(reply);
      if (!this.redirected(record, text)) this.options.onError(record.key, text);
    });
    return true;
  }

  /** Strings as places: the same commands as `putString` writes. Needs a mode and a target that take SET for all of them. */
  private async putStrings(strings: PlainStrings): Promise<void> {
    const { pipeline, restoreVersion } = this;
    const least = strings.canExpire ? VERSION_SET_PXAT : 1;
    if (this.options.mode !== 'replace' || restoreVersion < least) {
      await this.write({ records: recordsOf({ records: [], strings: [strings] }), sourceBytes: 0 });
      return;
    }
    this.select(strings.database);
    const { encoder } = pipeline;
    const { bytes } = strings;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let from = 0;
    for (let index = 0; index < strings.count; index++) {
      const time = strings.expireAtMs(index);
      encoder.set(
        bytes,
        view,
        strings.keyStart(index),
        strings.keyLength(index),
        strings.valueStart(index),
        strings.valueLength(index),
        time === NO_EXPIRY ? 0 : Math.max(1, time),
      );
      if (encoder.length < GROUP_BYTES && index + 1 < strings.count) continue;
      pipeline.addedGroup(index + 1 - from, this.refusalOf(strings, from));
      from = index + 1;
      if (pipeline.isFull) await pipeline.ready();
    }
  }

  private refusalOf(strings: PlainStrings, from: number): TakeRefusal {
    return (index, reply) => this.options.onError(strings.key(from + index), replyText(reply));
  }

  private takeRestoreError(record: KeyRecord, text: string): void {
    if (this.redirected(record, text)) return;
    if (text.startsWith('BUSYKEY') && this.options.mode === 'skip') return;
    if (/unknown command|NOPERM|not allowed|unsupported|unknown option/i.test(text)) this.restoreVersion = 0;
    else if (!/payload version|Bad data format|syntax/i.test(text)) {
      this.options.onError(record.key, text);
      return;
    }
    this.retry.push(record);
  }

  private redirected(record: TransferRecord, text: string): boolean {
    const { onRedirect } = this.options;
    if (onRedirect === undefined || !/^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) ?/.test(text)) return false;
    onRedirect(record, text);
    return true;
  }

  private putCommands(record: KeyRecord): void {
    const { options } = this;
    this.select(record.database);
    const isFirst = record.part === 'whole' || record.part === 'first';
    const isLast = record.part === 'whole' || record.part === 'last';
    // The first error of the record is enough.
    let hasFailed = false;
    const take = (name: string): void =>
      this.pipeline.added((reply) => {
        if (hasFailed || !isError(reply)) return;
        hasFailed = true;
        const text = replyText(reply);
        if (!this.redirected(record, text)) options.onError(record.key, `${name}: ${text}`);
      });
    try {
      if (!this.commands.value(record, options.mode === 'replace' && isFirst, take))
        options.onError(record.key, 'a module value can only be moved by RESTORE, which the target refused');
      else if (isLast && record.expireAtMs !== NO_EXPIRY) this.commands.expiry(record, take);
    } catch (error) {
      this.refuse(record, error);
    }
  }

  private refuse(record: KeyRecord, error: unknown): void {
    if (!(error instanceof RdbError)) throw error;
    this.options.onError(record.key, `damaged value: ${error.reason}`);
  }

  private putFunction(record: FunctionRecord): void {
    this.pipeline.add(['FUNCTION', 'LOAD', 'REPLACE', record.code], (reply) => {
      if (isError(reply)) this.options.onError(Buffer.from('function library'), replyText(reply));
    });
  }

  private putCommand(record: CommandRecord): void {
    this.select(record.database);
    this.add(record.args, (reply) => {
      if (!isError(reply)) return;
      const text = replyText(reply);
      if (!this.redirected(record, text))
        this.options.onError(record.args[1] ?? Buffer.alloc(0), `${latin1(record.args[0]!)}: ${text}`);
    });
  }

  async flush(): Promise<void> {
    do {
      await this.pipeline.drain();
      await this.sendAgain();
    } while (this.pipeline.pending > 0 || this.retry.length > 0);
    this.check();
  }

  async close(): Promise<void> {
    await this.flush();
    this.pipeline.close();
  }
}

/** Where the bytes of a string begin in its RDB form, when they stand there as they are; -1 otherwise. */
function plainStart(raw: Uint8Array): number {
  const first = raw[0]!;
  let start = 1;
  let length = first & 63;
  if (first >>> 6 === 1) {
    start = 2;
    length = (length << 8) | raw[1]!;
  } else if (first === 0x80) {
    start = 5;
    length = ((raw[1]! << 24) | (raw[2]! << 16) | (raw[3]! << 8) | raw[4]!) >>> 0;
  } else if (first >>> 6 !== 0) return -1;
  return raw.length === start + length ? start : -1;
}

/** A key as a message shows it. */
export function shownKey(key: Uint8Array): string {
  const text = escape(latin1(key, 0, Math.min(key.length, 100)));
  return key.length > 100 ? `${text}...` : text;
}
