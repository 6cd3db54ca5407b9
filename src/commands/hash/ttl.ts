// ttl: HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME, which tell when fields expire, and HPERSIST, which keeps them.

import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { key } from '../../registry/grammar.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import type { ExpireUnit } from '../expire-time.js';
import {
  dropExpired,
  hashesOf,
  isHidden,
  openHash,
  openHashToChange,
  propagateUnchanged,
  storeHash,
  tellFields,
} from './access.js';
import { fieldsArgument, readFields } from './fields.js';

const NO_FIELD = -2;
const NO_EXPIRY = -1;
const PERSISTED = 1;
const COUNT_ERROR = errors.fieldsNotPositive;

function runTtl(call: DataCall, unit: ExpireUnit): void {
  const { reply } = call;
  const entry = openHash(call);
  if (entry === WRONG_TYPE) return;
  const first = readFields(call, 2, COUNT_ERROR);
  if (first === 0) return;
  const hashes = hashesOf(call);
  const base = unit.absolute ? 0 : call.host.keyspace.nowMs;
  reply.array(call.count - first);
  for (let index = first; index < call.count; index++) {
    if (
      entry === 0 ||
      !hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!) ||
      isHidden(call, hashes.expiry)
    ) {
      reply.integer(NO_FIELD);
    } else if (hashes.expiry < 0) {
      reply.integer(NO_EXPIRY);
    } else {
      const ms = hashes.expiry - base;
      reply.integer(unit.seconds ? Math.floor((ms + 999) / 1000) : ms);
    }
  }
}

function declare(name: string, summary: string, unit: ExpireUnit): DataCommand {
  return command({
    name,
    since: '7.4.0',
    group: 'hash',
    arity: -5,
    flags: ['readonly', 'fast'],
    keys: [keyAt(1, ['RO', 'access'])],
    args: [key('key'), fieldsArgument],
    tips: unit.absolute ? [] : ['nondeterministic_output'],
    summary,
    complexity: 'O(1) for each field.',
    run: (call) => runTtl(call, unit),
  });
}

export const httl = declare('httl', 'Returns how many seconds are left to fields of a hash.', {
  seconds: true,
  absolute: false,
});
export const hpttl = declare('hpttl', 'Returns how many milliseconds are left to fields of a hash.', {
  seconds: false,
  absolute: false,
});
export const hexpiretime = declare('hexpiretime', 'Returns when fields of a hash expire, as Unix times in seconds.', {
  seconds: true,
  absolute: true,
});
export const hpexpiretime = declare(
  'hpexpiretime',
  'Returns when fields of a hash expire, as Unix times in milliseconds.',
  {
    seconds: false,
    absolute: true,
  },
);

export const hpersist: DataCommand = command({
  name: 'hpersist',
  since: '7.4.0',
  group: 'hash',
  arity: -5,
  flags: ['write', 'fast'],
  keys: [keyAt(1, ['RW', 'update'])],
  args: [key('key'), fieldsArgument],
  summary: 'Takes the end of fields of a hash away, so that they stay.',
  complexity: 'O(1) for each field.',
  run(call) {
    const { reply } = call;
    const opened = openHashToChange(call);
    if (opened === WRONG_TYPE) return;
    const first = readFields(call, 2, COUNT_ERROR);
    if (first === 0) return;
    const entry = dropExpired(call, opened, first, 1);
    const hashes = hashesOf(call);
    const persisted: Uint8Array[] = [];
    reply.array(call.count - first);
    for (let index = first; index < call.count; index++) {
      if (entry === 0 || !hashes.find(call.bytes, call.starts[index]!, call.lengths[index]!)) {
        reply.integer(NO_FIELD);
      } else if (hashes.expiry < 0) {
        reply.integer(NO_EXPIRY);
      } else {
        hashes.setExpiry(-1);
        persisted.push(call.copy(index));
        reply.integer(PERSISTED);
      }
    }
    if (persisted.length === 0) return;
    storeHash(call, entry);
    propagateUnchanged(call);
    changed(call, 1, 1);
    tellFields(call, 'hpersist', persisted);
  },
});
