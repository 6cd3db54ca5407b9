// dump: DUMP, RESTORE and RESTORE-ASKING: a value as bytes that any server of these versions can take.
//
//   payload: RDB type, value, then version (2 bytes) and CRC-64 (8 bytes), both little endian

import { Crc64 } from '../../base/crc64.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { type CommandFlag, command, keyAt } from '../../registry/command.js';
import { int, key, optional, str, token } from '../../registry/grammar.js';
import { changed, notify } from '../../commands/access.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import type { DataLimits } from '../../registry/data-limits.js';
import { knownType, NO_EXPIRY, RDB_VERSION_MAX, RDB_VERSION_VALKEY } from '../rdb/format.js';
import { RdbError, RdbEvent, RdbReader } from '../rdb/reader.js';
import type { RdbWriter } from '../rdb/writer.js';
import { ValueBuilder } from '../rdb/value-builder.js';
import { ValueEncoder } from '../rdb/value-encoder.js';
import type { PersistenceCall, PersistenceCommand } from './call.js';

const FOOTER_BYTES = 10;

/** The payload of an entry; borrowed from the writer. */
export function dumpEntry(keyspace: Keyspace, entry: number, writer: RdbWriter): void {
  writer.clear();
  const encoder = new ValueEncoder(keyspace, writer);
  encoder.write(entry, true);
  writer.dumpFooter(encoder.versionFor(entry));
}

/**
 * Whether the bytes end with a version that can be read and the right checksum (unless DEBUG SET-SKIP-CHECKSUM-VALIDATION
 * says not to look), after at least `contentBytesMin` bytes.
 */
export function isDumpPayload(
  bytes: Uint8Array,
  offset: number,
  length: number,
  verifiesChecksum: boolean,
  contentBytesMin = 1,
): boolean {
  if (length < FOOTER_BYTES + contentBytesMin) return false;
  const footer = offset + length - FOOTER_BYTES;
  const version = versionAt(bytes, footer);
  if (version > RDB_VERSION_MAX && version !== RDB_VERSION_VALKEY) return false;
  if (!verifiesChecksum) return true;
  const crc = new Crc64();
  crc.update(bytes, offset, length - 8);
  return crc.matches(bytes, footer + 2);
}

function versionAt(bytes: Uint8Array, footer: number): number {
  return bytes[footer]! | (bytes[footer + 1]! << 8);
}

interface RestoreTarget {
  readonly key: Uint8Array;
  readonly keyOffset: number;
  readonly keyLength: number;
  readonly expires: boolean;
}

/**
 * Makes an entry, in no dict yet, of a payload whose footer was checked; the reason when the value is malformed. `repaired` is
 * told what was mended (Tolerance says how much may be).
 */
export function restoreEntry(
  keyspace: Keyspace,
  limits: DataLimits,
  tolerance: number,
  repaired: (what: string) => void,
  target: RestoreTarget,
  bytes: Uint8Array,
  offset: number,
  length: number,
): number | string {
  const isValkey = versionAt(bytes, offset + length - FOOTER_BYTES) === RDB_VERSION_VALKEY;
  const type = knownType(bytes[offset]!, isValkey);
  if (type < 0) return `there is no type ${bytes[offset]!}`;
  const reader = new RdbReader(false);
  const builder = new ValueBuilder(keyspace, limits);
  builder.tolerance = tolerance;
  // A damaged value may reach into the footer; redis-server reads it so too.
  reader.push(bytes.subarray(offset + 1, offset + length));
  reader.finish();
  reader.key.set(target.key, target.keyOffset, target.keyLength);
  reader.expireAtMs = target.expires ? 0 : NO_EXPIRY;
  try {
    reader.startValue(type);
    builder.begin(reader);
    for (let event = reader.next(); event !== RdbEvent.valueEnd; event = reader.next()) builder.take(event, reader);
    const entry = builder.finish(reader);
    if (!builder.repairs.isEmpty) repaired(builder.repairs.toString());
    return entry === 0 ? 'a collection without elements' : entry;
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    builder.abandon();
    return error.message;
  }
}

export const dump: PersistenceCommand = command({
  name: 'dump',
  since: '2.6.0',
  group: 'generic',
  arity: 2,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key')],
  tips: ['nondeterministic_output'],
  summary: 'Returns the value of a key as bytes for RESTORE.',
  complexity: 'O(N), N bytes of the value',
  run(call) {
    const entry = call.db.lookupRead(call.bytes, call.starts[1]!, call.lengths[1]!);
    if (entry === 0) {
      call.reply.nil();
      return;
    }
    const writer = call.host.persistence.newPayloadWriter();
    dumpEntry(call.host.keyspace, entry, writer);
    call.reply.bulk(writer.bytes, 0, writer.length);
  },
});

interface RestoreOptions {
  replaces: boolean;
  isAbsolute: boolean;
  idleSeconds: number;
  frequency: number;
}

function parseOptions(call: PersistenceCall): RestoreOptions | undefined {
  const options: RestoreOptions = { replaces: false, isAbsolute: false, idleSeconds: -1, frequency: -1 };
  for (let index = 4; index < call.count; index++) {
    const hasMore = index + 1 < call.count;
    if (call.is(index, 'replace')) options.replaces = true;
    else if (call.is(index, 'absttl')) options.isAbsolute = true;
    else if (call.is(index, 'idletime') && hasMore && options.frequency < 0) {
      options.idleSeconds = call.integer(++index);
      if (Number.isNaN(options.idleSeconds)) return refuse(call, errors.notInteger);
      if (options.idleSeconds < 0) return refuse(call, 'ERR Invalid IDLETIME value, must be >= 0');
    } else if (call.is(index, 'freq') && hasMore && options.idleSeconds < 0) {
      options.frequency = call.integer(++index);
      if (Number.isNaN(options.frequency)) return refuse(call, errors.notInteger);
      if (options.frequency < 0 || options.frequency > 255)
        return refuse(call, 'ERR Invalid FREQ value, must be >= 0 and <= 255');
    } else return refuse(call, errors.syntax);
  }
  return options;
}

function refuse(call: PersistenceCall, text: string): undefined {
  call.reply.error(text);
  return undefined;
}

function runRestore(call: PersistenceCall): void {
  const options = parseOptions(call);
  if (options === undefined) return;
  const { db, bytes, starts, lengths } = call;
  const { keyspace } = call.host;
  const keyOffset = starts[1]!;
  const keyLength = lengths[1]!;
  if (!options.replaces && db.lookupWrite(bytes, keyOffset, keyLength) !== 0) {
    call.reply.error('BUSYKEY Target key name already exists.');
    return;
  }
  const ttl = call.integer(2);
  if (Number.isNaN(ttl)) return void refuse(call, errors.notInteger);
  if (ttl < 0) return void refuse(call, 'ERR Invalid TTL value, must be >= 0');
  const { persistence } = call.host;
  if (!isDumpPayload(bytes, starts[3]!, lengths[3]!, persistence.verifiesPayloads))
    return void refuse(call, errors.dumpPayload);
  const target: RestoreTarget = { key: bytes, keyOffset, keyLength, expires: ttl > 0 };
  const made = restoreEntry(
    keyspace,
    call.host.limits,
    persistence.payloadTolerance,
    (what) => persistence.payloadRepaired(call.text(1), what),
    target,
    bytes,
    starts[3]!,
    lengths[3]!,
  );
  if (typeof made === 'string') {
    persistence.payloadRefused(made);
    return void refuse(call, 'ERR Bad data format');
  }

  const old = options.replaces ? db.lookupWrite(bytes, keyOffset, keyLength) : 0;
  if (old !== 0) db.remove(old, db.hash);
  const expireAtMs = ttl > 0 && !options.isAbsolute ? ttl + keyspace.nowMs : ttl;
  if (ttl > 0 && expireAtMs <= keyspace.nowMs && !keyspace.expiryPaused) {
    keyspace.releaseEntry(made);
    if (old !== 0) {
      const isLazy = persistence.host.option('lazyfree-lazy-server-del') === true;
      if (call.host.propagates) call.host.rewrite(call, [isLazy ? 'UNLINK' : 'DEL', call.copy(1)]);
      changed(call, 1, 1);
      notify(call, EventClass.GENERIC, 'del', 1);
    }
    call.reply.ok();
    return;
  }
  if (ttl > 0) keyspace.entries.setNumber(made, expireAtMs);
  keyspace.entries.setClock(made, clockOf(keyspace, options));
  db.attach(made, db.hashOf(bytes, keyOffset, keyLength));
  if (ttl > 0 && !options.isAbsolute && call.host.propagates) {
    const args: (Uint8Array | string | number)[] = [];
    for (let index = 0; index < call.count; index++) args.push(index === 2 ? expireAtMs : call.copy(index));
    call.host.rewrite(call, [...args, 'ABSTTL']);
  }
  changed(call, 1, 1);
  notify(call, EventClass.GENERIC, 'restore', 1);
  call.reply.ok();
}

function clockOf(keyspace: Keyspace, options: RestoreOptions): number {
  if (keyspace.usesFrequency && options.frequency >= 0)
    return ((Math.floor(keyspace.nowMs / 60000) & 0xffff) << 8) | options.frequency;
  if (!keyspace.usesFrequency && options.idleSeconds >= 0) return (keyspace.lruClock - options.idleSeconds) & 0xffffff;
  return keyspace.newClock() >>> 8;
}

function declareRestore(name: string, since: string, flags: readonly CommandFlag[]): PersistenceCommand {
  return command({
    name,
    since,
    group: name === 'restore' ? 'generic' : 'server',
    arity: -4,
    flags,
    categories: name === 'restore' ? ['dangerous'] : ['keyspace', 'dangerous'],
    keys: [keyAt(1, ['OW', 'update'])],
    args: [
      key('key'),
      int('ttl'),
      str('serialized-value'),
      optional(token('REPLACE', { since: '3.0.0' })),
      optional(token('ABSTTL', { since: '5.0.0' })),
      optional(int('seconds', { token: 'IDLETIME', since: '5.0.0' })),
      optional(int('frequency', { token: 'FREQ', since: '5.0.0' })),
    ],
    summary:
      name === 'restore'
        ? 'Makes a key of the bytes that DUMP gave.'
        : 'RESTORE of a key that moves to this node of a cluster.',
    complexity: 'O(N), N bytes of the value; O(N log N) for a sorted set',
    ...(name === 'restore' ? {} : { docFlags: ['syscmd' as const] }),
    run: runRestore,
  });
}

export const restore = declareRestore('restore', '2.6.0', ['write', 'denyoom']);
export const restoreAsking = declareRestore('restore-asking', '3.0.0', ['write', 'denyoom', 'asking']);
