// range-arguments: the two ends of a range of ranks, scores or members, read from a command's arguments.
//
// One object is used again and again: parse, then `resolve` against a set, which gives the ranks from `from` to before
// `to`. A score end is a number, exclusive after '('; a member end is '-', '+', or a member after '[' or '('.

import { parseDoubleLoosely } from '../../base/double.js';
import type { SortedSets } from '../../datatypes/sorted-set.js';
import { errors } from '../../protocol/errors.js';
import type { DataCall } from '../engine.js';

export type RangeKind = 'rank' | 'score' | 'lex';

const LOWEST = 0;
const INCLUSIVE = 1;
const EXCLUSIVE = 2;
const HIGHEST = 3;
const INVALID = 4;

const PARENTHESIS = 0x28;
const BRACKET = 0x5b;
const MINUS = 0x2d;
const PLUS = 0x2b;

export class RangeArguments {
  /** The result of `resolve`: empty when `to` is not above `from`. */
  from = 0;
  to = 0;

  private kind: RangeKind = 'rank';
  private min = 0;
  private max = 0;
  private minBeyond = false;
  private maxBeyond = false;
  private minKind = LOWEST;
  private maxKind = HIGHEST;
  private bytes: Uint8Array = new Uint8Array(0);
  private minStart = 0;
  private minLength = 0;
  private maxStart = 0;
  private maxLength = 0;

  /** Reads the ends from two arguments; false after an error reply. */
  parse(call: DataCall, kind: RangeKind, minIndex: number, maxIndex: number): boolean {
    this.kind = kind;
    if (kind === 'rank') return this.parseRanks(call, minIndex, maxIndex);
    return kind === 'score' ? this.parseScores(call, minIndex, maxIndex) : this.parseMembers(call, minIndex, maxIndex);
  }

  private parseRanks(call: DataCall, minIndex: number, maxIndex: number): boolean {
    this.min = call.integer(minIndex);
    this.max = call.integer(maxIndex);
    if (this.min === this.min && this.max === this.max) return true;
    call.reply.error(errors.notInteger);
    return false;
  }

  private parseScores(call: DataCall, minIndex: number, maxIndex: number): boolean {
    const { bytes } = call;
    const minSkip = call.lengths[minIndex]! > 0 && bytes[call.starts[minIndex]!] === PARENTHESIS ? 1 : 0;
    const maxSkip = call.lengths[maxIndex]! > 0 && bytes[call.starts[maxIndex]!] === PARENTHESIS ? 1 : 0;
    this.minBeyond = minSkip === 1;
    this.maxBeyond = maxSkip === 0;
    this.min = parseDoubleLoosely(bytes, call.starts[minIndex]! + minSkip, call.lengths[minIndex]! - minSkip);
    this.max = parseDoubleLoosely(bytes, call.starts[maxIndex]! + maxSkip, call.lengths[maxIndex]! - maxSkip);
    if (this.min === this.min && this.max === this.max) return true;
    call.reply.error(errors.minOrMaxNotFloat);
    return false;
  }

  private parseMembers(call: DataCall, minIndex: number, maxIndex: number): boolean {
    this.bytes = call.bytes;
    this.minKind = memberEnd(call, minIndex);
    this.maxKind = memberEnd(call, maxIndex);
    this.minStart = call.starts[minIndex]! + 1;
    this.minLength = call.lengths[minIndex]! - 1;
    this.maxStart = call.starts[maxIndex]! + 1;
    this.maxLength = call.lengths[maxIndex]! - 1;
    if (this.minKind !== INVALID && this.maxKind !== INVALID) return true;
    call.reply.error('ERR min or max not valid string range item');
    return false;
  }

  /** Finds the ranks of the range in a set. With `reverse`, ranks count from the highest; other ends do not change. */
  resolve(sets: SortedSets, encoding: number, ref: number, reverse: boolean): void {
    if (this.kind === 'rank') {
      this.resolveRanks(sets.count(encoding, ref), reverse);
    } else if (this.kind === 'score') {
      this.from = sets.countBelow(encoding, ref, this.min, this.minBeyond);
      this.to = this.max < this.min ? 0 : sets.countBelow(encoding, ref, this.max, this.maxBeyond);
    } else {
      this.from = this.countToEnd(
        sets,
        encoding,
        ref,
        this.minKind,
        this.minStart,
        this.minLength,
        this.minKind === EXCLUSIVE,
      );
      this.to = this.countToEnd(
        sets,
        encoding,
        ref,
        this.maxKind,
        this.maxStart,
        this.maxLength,
        this.maxKind === INCLUSIVE,
      );
    }
    if (this.to < this.from) this.to = this.from;
  }

  private resolveRanks(count: number, reverse: boolean): void {
    const start = Math.max(0, this.min < 0 ? this.min + count : this.min);
    const end = Math.min(count - 1, this.max < 0 ? this.max + count : this.max);
    if (start > end || start >= count) {
      this.from = this.to = 0;
      return;
    }
    this.from = reverse ? count - 1 - end : start;
    this.to = reverse ? count - start : end + 1;
  }

  private countToEnd(
    sets: SortedSets,
    encoding: number,
    ref: number,
    kind: number,
    start: number,
    length: number,
    beyond: boolean,
  ): number {
    if (kind === LOWEST) return 0;
    if (kind === HIGHEST) return sets.count(encoding, ref);
    return sets.countBefore(encoding, ref, this.bytes, start, length, beyond);
  }

  /**
   * Cuts the range to LIMIT's `count` (negative: no limit) after its first `offset`, seen in the direction of the
   * reply.
   */
  limit(offset: number, count: number, reverse: boolean): void {
    let wanted = offset < 0 ? 0 : Math.max(0, this.to - this.from - offset);
    if (count >= 0 && count < wanted) wanted = count;
    if (reverse) {
      this.to -= offset;
      this.from = this.to - wanted;
    } else {
      this.from += offset;
      this.to = this.from + wanted;
    }
  }
}

function memberEnd(call: DataCall, index: number): number {
  const start = call.starts[index]!;
  const length = call.lengths[index]!;
  if (length === 0) return INVALID;
  const alone = length === 1 || call.bytes[start + 1] === 0;
  switch (call.bytes[start]) {
    case MINUS:
      return alone ? LOWEST : INVALID;
    case PLUS:
      return alone ? HIGHEST : INVALID;
    case PARENTHESIS:
      return EXCLUSIVE;
    case BRACKET:
      return INCLUSIVE;
    default:
      return INVALID;
  }
}

/** For all commands in turn. */
export const rangeArguments = new RangeArguments();
