// trim-options: MAXLEN, MINID, LIMIT and the other options that XADD and XTRIM read before the id.

import { ReferencePolicy } from '../../datatypes/stream-references.js';
import type { Trimming } from '../../datatypes/stream.js';
import { errors } from '../../protocol/errors.js';
import { block, int, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import type { DataCall } from '../engine.js';
import { IdForm, INVALID_ID, parseId, readId } from './access.js';

const STAR = 42;
const LIMIT_DEFAULT_MIN = 10_000;
const LIMIT_DEFAULT_MAX = 1_000_000;

export interface StreamOptions {
  readonly trimming: Trimming;
  /** Whether a strategy was given. */
  trims: boolean;
  /** Argument index of the threshold; the operator, when there is one, stands before it. */
  thresholdIndex: number;
  noMakeStream: boolean;
  /** The treatment of references to trimmed entries: a ReferencePolicy. */
  policy: number;
  /** XADD: argument index of the producer's name, 0 for none; the message's follows it, unless its content names it. */
  producerIndex: number;
  namedByContent: boolean;
  /** XADD: argument index of the id, what form it has, and the id. */
  idIndex: number;
  auto: boolean;
  autoSeq: boolean;
  readonly id: StreamId;
}

/** One object, used again by every call. */
const options: StreamOptions = {
  trimming: { strategy: 'maxlen', maxLength: 0, minId: new StreamId(), approximate: false, limit: 0 },
  trims: false,
  thresholdIndex: 0,
  noMakeStream: false,
  policy: ReferencePolicy.KEEP,
  producerIndex: 0,
  namedByContent: false,
  idIndex: 0,
  auto: false,
  autoSeq: false,
  id: new StreamId(),
};

/** The ReferencePolicy that an argument names, -1 for none. */
export function parsePolicy(call: DataCall, index: number): number {
  if (call.is(index, 'keepref')) return ReferencePolicy.KEEP;
  if (call.is(index, 'delref')) return ReferencePolicy.DELETE;
  return call.is(index, 'acked') ? ReferencePolicy.ACKED : -1;
}

/** The treatment of references to entries that are trimmed. */
export const policyArgument = optional(
  since('8.2.0', oneof('condition', token('KEEPREF'), token('DELREF'), token('ACKED'))),
);

export const trimArgument = block(
  'trim',
  oneof('strategy', token('MAXLEN'), since('6.2.0', token('MINID'))),
  optional(oneof('operator', token('=', { name: 'equal' }), token('~', { name: 'approximately' }))),
  str('threshold'),
  optional(since('6.2.0', int('count', { token: 'LIMIT' }))),
);

/** Reads the options from argument 2 on, of XADD up to its id; undefined after an error reply. Borrowed until the next call. */
export function parseStreamOptions(call: DataCall, adds: boolean): StreamOptions | undefined {
  options.trims = false;
  options.noMakeStream = false;
  options.policy = ReferencePolicy.KEEP;
  options.producerIndex = 0;
  options.namedByContent = false;
  let policyGiven = false;
  options.auto = false;
  options.autoSeq = false;
  options.trimming.approximate = false;
  options.trimming.limit = 0;
  let limitGiven = false;
  let index = 2;
  options.idIndex = call.count;
  for (; index < call.count; index++) {
    const more = call.count - 1 - index;
    if (adds && call.lengths[index] === 1 && call.bytes[call.starts[index]!] === STAR) {
      options.auto = true;
      options.idIndex = index;
      break;
    }
    if (more > 0 && call.is(index, 'maxlen')) {
      index = parseStrategy(call, index, 'maxlen');
    } else if (more > 0 && call.is(index, 'minid')) {
      index = parseStrategy(call, index, 'minid');
    } else if (more > 0 && call.is(index, 'limit')) {
      const limit = call.integer(++index);
      if (!(limit >= 0)) {
        call.reply.error(Number.isNaN(limit) ? errors.notInteger : 'ERR The LIMIT argument must be >= 0.');
        return undefined;
      }
      options.trimming.limit = limit;
      limitGiven = true;
    } else if (parsePolicy(call, index) >= 0) {
      if (policyGiven) {
        call.reply.error(errors.syntax);
        return undefined;
      }
      options.policy = parsePolicy(call, index);
      policyGiven = true;
    } else if (adds && ((more > 1 && call.is(index, 'idmp')) || (more > 0 && call.is(index, 'idmpauto')))) {
      index = parseProducer(call, index);
    } else if (adds && call.is(index, 'nomkstream')) {
      options.noMakeStream = true;
    } else if (adds) {
      const form = readId(call, call.starts[index]!, call.lengths[index]!, options.id, false, true, true);
      if (form === IdForm.INVALID) {
        call.reply.error(INVALID_ID);
        return undefined;
      }
      if (options.producerIndex !== 0 && call.client.obeyed !== true) {
        call.reply.error('ERR IDMP/IDMPAUTO can be used only with auto-generated IDs');
        return undefined;
      }
      options.autoSeq = form === IdForm.AUTO_SEQ;
      options.idIndex = index;
      break;
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
    if (index < 0) return undefined;
  }
  return checkLimit(call, adds, limitGiven) ? options : undefined;
}

/** Reads `IDMP producer message` or `IDMPAUTO producer`; returns the index of the last, -1 after an error reply. */
function parseProducer(call: DataCall, index: number): number {
  const name = call.text(index).toUpperCase();
  let error = '';
  if (options.producerIndex !== 0) error = 'ERR IDMP/IDMPAUTO specified multiple times';
  else if (call.lengths[index + 1] === 0) error = `ERR ${name} requires a non-empty producer ID`;
  else if (name === 'IDMP' && call.lengths[index + 2] === 0) error = 'ERR IDMP requires a non-empty idempotent ID';
  if (error !== '') {
    call.reply.error(error);
    return -1;
  }
  options.producerIndex = index + 1;
  options.namedByContent = name === 'IDMPAUTO';
  return options.namedByContent ? index + 1 : index + 2;
}

/** Reads `MAXLEN|MINID [=|~] threshold`; returns the index of the threshold, -1 after an error reply. */
function parseStrategy(call: DataCall, index: number, strategy: 'maxlen' | 'minid'): number {
  if (options.trims) {
    call.reply.error('ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
    return -1;
  }
  const { trimming } = options;
  trimming.approximate = false;
  let threshold = index + 1;
  if (call.count - 1 - index >= 2 && call.lengths[threshold] === 1) {
    const operator = call.bytes[call.starts[threshold]!];
    trimming.approximate = operator === 126;
    if (operator === 126 || operator === 61) threshold++;
  }
  if (strategy === 'maxlen') {
    const maxLength = call.integer(threshold);
    if (!(maxLength >= 0)) {
      call.reply.error(Number.isNaN(maxLength) ? errors.notInteger : 'ERR The MAXLEN argument must be >= 0.');
      return -1;
    }
    trimming.maxLength = maxLength;
  } else if (!parseId(call, threshold, trimming.minId)) {
    return -1;
  }
  trimming.strategy = strategy;
  options.trims = true;
  options.thresholdIndex = threshold;
  return threshold;
}

/** Sets the limit that holds when none was given; false after an error reply. */
function checkLimit(call: DataCall, adds: boolean, limitGiven: boolean): boolean {
  const { trimming } = options;
  if (trimming.limit > 0 && !options.trims) {
    call.reply.error('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy');
    return false;
  }
  if (!adds && !options.trims) {
    call.reply.error('ERR syntax error, XTRIM must be called with a trimming strategy');
    return false;
  }
  if (call.client.obeyed === true) {
    // Redis propagates `= threshold LIMIT count` for what was approximate.
    trimming.limit = 0;
    return true;
  }
  if (limitGiven && !trimming.approximate) {
    call.reply.error('ERR syntax error, LIMIT cannot be used without the special ~ option');
    return false;
  }
  if (!limitGiven && trimming.approximate) {
    const nodes = 100 * call.host.limits.streamNodeMaxEntries;
    trimming.limit = nodes <= 0 ? LIMIT_DEFAULT_MIN : Math.min(nodes, LIMIT_DEFAULT_MAX);
  }
  return true;
}
