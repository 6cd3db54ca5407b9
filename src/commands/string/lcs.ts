// lcs: LCS, the longest common subsequence of two strings, by the textbook table of lengths.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import { command, keysFrom } from '../../registry/command.js';
import { int, key, optional, token } from '../../registry/grammar.js';
import type { DataCall, DataCommand } from '../engine.js';

/** Larger tables are refused, whatever proto-max-bulk-len allows: 2^28 cells are 1 GB. */
const CELLS_MAX = 2 ** 28;

interface Match {
  readonly aStart: number;
  readonly aEnd: number;
  readonly bStart: number;
  readonly bEnd: number;
}

/** A copy of the string of a key; empty when it is missing, undefined when it is of another type. */
function stringOf(call: DataCall, index: number): Uint8Array | undefined {
  const keyspace = call.host.keyspace;
  const entry = call.db.lookupRead(call.bytes, call.starts[index]!, call.lengths[index]!);
  if (entry === 0) return new Uint8Array(0);
  return keyspace.entries.type(entry) === Type.STRING ? keyspace.stringView(entry).slice() : undefined;
}

/** Lengths of the longest common subsequences of all pairs of beginnings, row by row, (b.length + 1) cells a row. */
function lengthTable(a: Uint8Array, b: Uint8Array): Uint32Array {
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cell = i * width + j;
      table[cell] =
        a[i - 1] === b[j - 1] ? table[cell - width - 1]! + 1 : Math.max(table[cell - width]!, table[cell - 1]!);
    }
  }
  return table;
}

/** Walks the table back from its end; matches come last first, as Redis lists them. */
function walkBack(a: Uint8Array, b: Uint8Array, table: Uint32Array): { text: Uint8Array; matches: Match[] } {
  const width = b.length + 1;
  const text = new Uint8Array(table[table.length - 1]!);
  let left = text.length;
  const matches: Match[] = [];
  let open: { aStart: number; aEnd: number; bStart: number; bEnd: number } | undefined;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      text[--left] = a[i - 1]!;
      if (open !== undefined && open.aStart === i && open.bStart === j) {
        open.aStart--;
        open.bStart--;
      } else {
        open = { aStart: i - 1, aEnd: i - 1, bStart: j - 1, bEnd: j - 1 };
        matches.push(open);
      }
      i--;
      j--;
    } else if (table[(i - 1) * width + j]! > table[i * width + j - 1]!) {
      i--;
    } else {
      j--;
    }
  }
  return { text, matches };
}

export const lcs: DataCommand = command({
  name: 'lcs',
  since: '7.0.0',
  group: 'string',
  arity: -3,
  flags: ['readonly'],
  keys: [keysFrom(1, 1, 1, ['RO', 'access'])],
  args: [
    key('key1'),
    key('key2'),
    optional(token('LEN')),
    optional(token('IDX')),
    optional(int('min-match-len', { token: 'MINMATCHLEN' })),
    optional(token('WITHMATCHLEN')),
  ],
  summary: 'Finds the longest common subsequence of two strings.',
  complexity: 'O(N*M) where N and M are the lengths of the strings.',
  run(call) {
    let wantsLength = false;
    let wantsIndexes = false;
    let withLengths = false;
    let lengthMin = 0;
    const a = stringOf(call, 1);
    const b = stringOf(call, 2);
    if (a === undefined || b === undefined) {
      call.reply.error('ERR The specified keys must contain string values');
      return;
    }
    for (let index = 3; index < call.count; index++) {
      if (call.is(index, 'idx')) wantsIndexes = true;
      else if (call.is(index, 'len')) wantsLength = true;
      else if (call.is(index, 'withmatchlen')) withLengths = true;
      else if (call.is(index, 'minmatchlen') && index + 1 < call.count) {
        lengthMin = call.integer(++index);
        if (Number.isNaN(lengthMin)) {
          call.reply.error(errors.notInteger);
          return;
        }
      } else {
        call.reply.error(errors.syntax);
        return;
      }
    }
    if (wantsIndexes && wantsLength) {
      call.reply.error('ERR If you want both the length and indexes, please just use IDX.');
      return;
    }
    const cells = (a.length + 1) * (b.length + 1);
    if (cells > CELLS_MAX || cells * Uint32Array.BYTES_PER_ELEMENT > call.host.limits.protoMaxBulkLen) {
      call.reply.error('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
      return;
    }
    const table = lengthTable(a, b);
    const length = table[table.length - 1]!;
    if (wantsLength) {
      call.reply.integer(length);
      return;
    }
    const { text, matches } = walkBack(a, b, table);
    if (!wantsIndexes) {
      call.reply.bulk(text, 0, text.length);
      return;
    }
    const shown = matches.filter((match) => match.aEnd - match.aStart + 1 >= lengthMin);
    call.reply.map(2);
    call.reply.bulkText('matches');
    call.reply.array(shown.length);
    for (const match of shown) {
      call.reply.array(withLengths ? 3 : 2);
      call.reply.array(2);
      call.reply.integer(match.aStart);
      call.reply.integer(match.aEnd);
      call.reply.array(2);
      call.reply.integer(match.bStart);
      call.reply.integer(match.bEnd);
      if (withLengths) call.reply.integer(match.aEnd - match.aStart + 1);
    }
    call.reply.bulkText('len');
    call.reply.integer(length);
  },
});
