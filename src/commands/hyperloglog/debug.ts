// debug: PFDEBUG and PFSELFTEST: looking into HyperLogLogs.

import { command, keyAt } from '../../registry/command.js';
import { key, str } from '../../registry/grammar.js';
import { Hyperloglogs } from '../../structures/hyperloglog.js';
import { changed, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { CORRUPT, editor, openSketch, storeSketch, writeSketch } from './access.js';

function makeDense(call: DataCall, entry: number): boolean {
  if (!editor.toDense()) {
    call.reply.error(CORRUPT);
    return false;
  }
  storeSketch(call, 2, entry);
  changed(call, 2, 1);
  return true;
}

export const pfdebug: DataCommand = command({
  name: 'pfdebug',
  since: '2.8.9',
  group: 'hyperloglog',
  arity: 3,
  flags: ['write', 'denyoom', 'admin'],
  keys: [keyAt(2, ['RW', 'access'])],
  args: [str('subcommand'), key('key')],
  docFlags: ['syscmd'],
  summary: 'Shows the registers, runs or encoding of a HyperLogLog, for those who work on it.',
  complexity: 'O(1): 16384 registers at most.',
  run(call) {
    const { reply } = call;
    const entry = writeSketch(call, 2);
    if (entry === WRONG_TYPE) return;
    if (entry === 0) {
      reply.error('ERR The specified key does not exist');
      return;
    }
    openSketch(call, entry);
    if (call.is(1, 'getreg')) {
      if (!editor.dense && !makeDense(call, entry)) return;
      editor.registers.fill(0);
      editor.collect(editor.bytes, 0, editor.length);
      reply.array(editor.registers.length);
      for (const register of editor.registers) reply.integer(register);
    } else if (call.is(1, 'decode')) {
      if (editor.dense) reply.error('ERR HLL encoding is not sparse');
      else reply.bulkText(editor.describe());
    } else if (call.is(1, 'encoding')) {
      reply.simple(editor.dense ? 'dense' : 'sparse');
    } else if (call.is(1, 'todense')) {
      if (editor.dense) reply.integer(0);
      else if (makeDense(call, entry)) reply.integer(1);
    } else {
      reply.error(`ERR Unknown PFDEBUG subcommand '${call.shown(1)}'`);
    }
  },
});

const ELEMENTS = 100_000;

/** Adds many elements to a sparse and a dense value, which must agree, and looks at the error of the estimates. */
function findFault(): string | undefined {
  const dense = new Hyperloglogs();
  const sparse = new Hyperloglogs();
  dense.openNew();
  sparse.openNew();
  if (!dense.toDense()) return 'an empty value does not become dense';
  const element = new Uint8Array(4);
  for (let count = 1, checkAt = 1; count <= ELEMENTS; count++) {
    element[0] = count & 255;
    element[1] = (count >>> 8) & 255;
    element[2] = count >>> 16;
    if (sparse.add(element, 0, 4, Infinity) !== dense.add(element, 0, 4, 0))
      return `sparse and dense disagree at element ${count}`;
    if (count !== checkAt) continue;
    checkAt *= 10;
    const estimate = dense.count(dense.bytes, 0, dense.length);
    if (estimate !== sparse.count(sparse.bytes, 0, sparse.length))
      return `sparse and dense estimates disagree at element ${count}`;
    // Six times the standard error, and never a difference at ten elements or fewer.
    if (Math.abs(estimate - count) > (count <= 10 ? 0 : Math.ceil(6 * (1.04 / 128) * count)))
      return `the estimate of ${count} elements is ${estimate}`;
  }
  return undefined;
}

export const pfselftest: DataCommand = command({
  name: 'pfselftest',
  since: '2.8.9',
  group: 'hyperloglog',
  arity: 1,
  flags: ['admin'],
  docFlags: ['syscmd'],
  summary: 'Tests that HyperLogLogs count right in this build.',
  complexity: 'O(1), but some ten milliseconds.',
  run(call) {
    const fault = findFault();
    if (fault === undefined) call.reply.ok();
    else call.reply.error(`ERR TESTFAILED ${fault}`);
  },
});
