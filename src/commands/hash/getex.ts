// getex: HGETEX and HSETEX: reading or writing fields and setting their end in one go.

import { errors, wrongArity } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { block, int, key, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand, Part } from '../engine.js';
import { expirationArgument, expireUnitAt, type ExpireUnit } from '../expire-time.js';
import {
  dropExpired,
  fieldsRemoved,
  hashesOf,
  openHashToChange,
  propagateAs,
  storeHash,
  tellArguments,
  tellFields,
} from './access.js';
import { isOver, readFieldTime } from './field-time.js';
import { fieldsArgument, readFields } from './fields.js';
import { openNewHash, setFields } from './set.js';

/** Fields stay as they are, or lose their end. */
const KEEP = -1;
const PERSIST = -2;

export const hgetex: DataCommand = command({
  name: 'hgetex',
  since: '8.0.0',
  group: 'hash',
  arity: -5,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'access', 'update'])],
  args: [key('key'), expirationArgument(token('PERSIST')), fieldsArgument],
  summary: 'Returns the values of fields of a hash and sets or takes away their end.',
  complexity: 'O(1) for each field.',
  run(call) {
    const entry = openHashToChange(call);
    if (entry === WRONG_TYPE) return;
    let ms = KEEP;
    let at = 2;
    const unit = expireUnitAt(call, 2);
    if (unit !== undefined) {
      ms = readFieldTime(call, 3, unit);
      if (Number.isNaN(ms)) return;
      at = 4;
    } else if (call.is(2, 'persist')) {
      ms = PERSIST;
      at = 3;
    }
    const first = readFields(call, at, errors.fieldsNotPositive);
    if (first !== 0) getFields(call, entry, first, ms);
  },
});

function getFields(call: DataCall, opened: number, first: number, ms: number): void {
  const { reply } = call;
  const hashes = hashesOf(call);
  const deletes = ms >= 0 && isOver(call, ms);
  const touched: Uint8Array[] = [];
  const entry = dropExpired(call, opened, first, 1);
  reply.array(call.count - first);
  for (let index = first; index < call.count; index++) {
    if (entry === 0 || hashes.size() === 0 || !hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!)) {
      reply.nil();
      continue;
    }
    reply.bulkOf(hashes.bytes, hashes.view, hashes.start, hashes.length);
    if (ms === KEEP || (ms === PERSIST && hashes.expiry < 0)) continue;
    touched.push(call.copy(index));
    if (deletes) hashes.deleteFound();
    else hashes.setExpiry(ms === PERSIST ? -1 : ms);
  }
  if (touched.length === 0) return;
  if (deletes) {
    call.host.keyspace.stats.expiredFields += touched.length;
    propagateAs(call, ['HDEL', call.copy(1), ...touched]);
    fieldsRemoved(call, entry, 'hdel', touched.length, touched);
    return;
  }
  const head: Part[] = ms === PERSIST ? ['HPERSIST', call.copy(1)] : ['HPEXPIREAT', call.copy(1), ms];
  propagateAs(call, [...head, 'FIELDS', touched.length, ...touched]);
  storeHash(call, entry);
  changed(call, 1, touched.length);
  tellFields(call, ms === PERSIST ? 'hpersist' : 'hexpire', touched);
}

interface SetOptions {
  /** Index of the first field. */
  readonly first: number;
  readonly condition: 'fnx' | 'fxx' | undefined;
  /** When the fields expire; KEEP: as they do now if `keepExpiry`, else never. */
  readonly ms: number;
  readonly keepExpiry: boolean;
}

/** Reads what stands before the fields of HSETEX; undefined after an error reply. */
function readSetOptions(call: DataCall): SetOptions | undefined {
  const { reply } = call;
  let condition: SetOptions['condition'];
  let ms = KEEP;
  let keepExpiry = false;
  for (let index = 2; index < call.count; index++) {
    const unit = expireUnitAt(call, index);
    if (call.is(index, 'fields')) {
      const count = index < call.count - 3 ? call.integer(index + 1) : NaN;
      if (index >= call.count - 3) {
        reply.error(wrongArity(call.command.name));
      } else if (Number.isNaN(count) || count < 1 || count > 0x7fffffff) {
        reply.error('ERR invalid number of fields');
      } else if (call.count - index - 2 !== 2 * count) {
        reply.error(wrongArity(call.command.name));
      } else {
        return { first: index + 2, condition, ms, keepExpiry };
      }
      return undefined;
    }
    if (unit !== undefined || call.is(index, 'keepttl')) {
      if (ms !== KEEP || keepExpiry) {
        reply.error('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified');
        return undefined;
      }
      if (unit === undefined) {
        keepExpiry = true;
      } else {
        ms = readTimeBehind(call, index, unit);
        if (Number.isNaN(ms)) return undefined;
        index++;
      }
    } else if (call.is(index, 'fnx') || call.is(index, 'fxx')) {
      if (condition !== undefined) {
        reply.error('ERR Only one of FXX or FNX arguments can be specified');
        return undefined;
      }
      condition = call.is(index, 'fnx') ? 'fnx' : 'fxx';
    } else {
      reply.error(`ERR unknown argument: ${call.shown(index)}`);
      return undefined;
    }
  }
  reply.error(wrongArity(call.command.name));
  return undefined;
}

function readTimeBehind(call: DataCall, index: number, unit: ExpireUnit): number {
  if (index + 1 < call.count) return readFieldTime(call, index + 1, unit);
  call.reply.error('ERR missing expire time');
  return NaN;
}

/** Whether the fields of the command are as its condition wants. */
function meetsCondition(call: DataCall, entry: number, options: SetOptions): boolean {
  if (options.condition === undefined) return true;
  const hashes = hashesOf(call);
  const wanted = options.condition === 'fxx';
  for (let index = options.first; index < call.count; index += 2) {
    const found = entry !== 0 && hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!);
    if (found !== wanted) return false;
  }
  return true;
}

export const hsetex: DataCommand = command({
  name: 'hsetex',
  since: '8.0.0',
  group: 'hash',
  arity: -6,
  flags: ['write', 'denyoom', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [
    key('key'),
    optional(oneof('condition', token('FNX'), token('FXX'))),
    expirationArgument(token('KEEPTTL')),
    { ...block('fields', int('numfields'), many(block('data', str('field'), str('value')))), token: 'FIELDS' },
  ],
  summary: 'Gives fields of a hash values and an end, all of them or none.',
  complexity: 'O(1) for each field.',
  run(call) {
    const options = readSetOptions(call);
    if (options === undefined) return;
    const opened = openHashToChange(call);
    if (opened === WRONG_TYPE) return;
    const entry = dropExpired(call, opened, options.first, 2);
    const met = meetsCondition(call, entry, options);
    if (met) {
      if (options.ms >= 0 && isOver(call, options.ms)) deleteFields(call, entry, options.first);
      else storeFields(call, entry, options);
    }
    call.reply.integer(met ? 1 : 0);
  },
});

/** Fields that would expire at once go instead. */
function deleteFields(call: DataCall, entry: number, first: number): void {
  if (entry === 0) return;
  const hashes = hashesOf(call);
  const deleted: Uint8Array[] = [];
  for (let index = first; index < call.count; index += 2) {
    if (hashes.delete(call.bytes, call.starts[index]!, call.lengths[index]!)) deleted.push(call.copy(index));
  }
  if (deleted.length === 0) return;
  propagateAs(call, ['HDEL', call.copy(1), ...deleted]);
  fieldsRemoved(call, entry, 'hdel', deleted.length, deleted);
}

function storeFields(call: DataCall, entry: number, options: SetOptions): void {
  const { first, ms, keepExpiry } = options;
  const hashes = hashesOf(call);
  if (entry === 0) openNewHash(call, first);
  setFields(call, first, keepExpiry);
  if (ms >= 0) {
    for (let index = first; index < call.count; index += 2) {
      hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!);
      hashes.setExpiry(ms);
    }
  }
  if (entry === 0) hashes.trim();
  storeHash(call, entry);
  if (call.host.propagates) {
    const parts: Part[] = ['HSETEX', call.copy(1)];
    if (keepExpiry) parts.push('KEEPTTL');
    if (ms >= 0) parts.push('PXAT', ms);
    parts.push('FIELDS', (call.count - first) / 2);
    for (let index = first; index < call.count; index++) parts.push(call.copy(index));
    propagateAs(call, parts);
  }
  changed(call, 1, (call.count - first) / 2);
  tellArguments(call, 'hset', first, 2);
  if (ms >= 0) tellArguments(call, 'hexpire', first, 2);
}
