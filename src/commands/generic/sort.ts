// sort: SORT and SORT_RO: the elements of a list, set or sorted set in another order, with values looked up by pattern.
//
// The elements are copied out as one-byte strings, sorted, and read from there: lookups by pattern may touch other keys
// (and delete expired ones) meanwhile. Text is compared byte by byte, as Redis does in the C locale.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { parseDoubleLoosely } from '../../base/double.js';
import { keySlot } from '../../base/key-slot.js';
import { chunkOf } from '../../memory/layout.js';
import { Encoding, Type } from '../../datatypes/object.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt, type KeySpec } from '../../registry/command.js';
import { type Argument, block, int, key, many, oneof, optional, pattern, token } from '../../registry/grammar.js';
import { changed, notify } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import { beginLookups, lookUpField, propagateUnchanged } from '../hash/access.js';

interface SortOptions {
  descending: boolean;
  alpha: boolean;
  /** Looked-up weights; undefined: the elements themselves. */
  by: string | undefined;
  /** BY without a star: the order stays as it is. */
  unsorted: boolean;
  offset: number;
  count: number;
  gets: string[];
  /** Argument index of the key to store under; 0: none. */
  store: number;
}

/** BY and GET reach keys that no rule about this command's keys can name; false after the error reply. */
function mayLookUp(call: DataCall, option: 'BY' | 'GET'): boolean {
  if (call.host.mayReadEveryKey?.(call) !== false) return true;
  call.reply.error(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`);
  return false;
}

/** Whether all keys that a pattern makes up are in the slot of the key that is sorted, where there are slots; false after the error. */
function staysInSlot(call: DataCall, glob: string, option: 'BY' | 'GET'): boolean {
  if (call.db.slots === null || glob === '#') return true;
  const star = glob.indexOf('*');
  // The tag must end before the first star, or nobody knows it yet.
  const fixed = latin1Bytes(star < 0 ? glob : glob.slice(0, star));
  const hasTag = /^[^{]*\{[^}]+\}/.test(latin1(fixed));
  if ((hasTag || star < 0) && keySlot(fixed) === keySlot(call.bytes, call.starts[1]!, call.lengths[1]!)) return true;
  call.reply.error(
    `ERR ${option} option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.`,
  );
  return false;
}

/** Reads the options; undefined after the error reply. */
function readOptions(call: DataCall, mayStore: boolean): SortOptions | undefined {
  const options: SortOptions = {
    descending: false,
    alpha: false,
    by: undefined,
    unsorted: false,
    offset: 0,
    count: -1,
    gets: [],
    store: 0,
  };
  for (let index = 2; index < call.count; index++) {
    const left = call.count - index - 1;
    if (call.is(index, 'asc')) options.descending = false;
    else if (call.is(index, 'desc')) options.descending = true;
    else if (call.is(index, 'alpha')) options.alpha = true;
    else if (call.is(index, 'limit') && left >= 2) {
      options.offset = call.integer(index + 1);
      options.count = call.integer(index + 2);
      if (Number.isNaN(options.offset) || Number.isNaN(options.count)) {
        call.reply.error(errors.notInteger);
        return undefined;
      }
      index += 2;
    } else if (call.is(index, 'store') && left >= 1 && mayStore) options.store = ++index;
    else if (call.is(index, 'by') && left >= 1) {
      options.by = call.text(++index);
      options.unsorted = !options.by.includes('*');
      if (!options.unsorted && !(staysInSlot(call, options.by, 'BY') && mayLookUp(call, 'BY'))) return undefined;
    } else if (call.is(index, 'get') && left >= 1) {
      const glob = call.text(++index);
      if (!staysInSlot(call, glob, 'GET') || !mayLookUp(call, 'GET')) return undefined;
      options.gets.push(glob);
    } else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  return options;
}

/** The elements as one-byte strings, in their own order. */
function elementsOf(call: DataCall, entry: number, descending: boolean): string[] {
  const { entries, values } = call.host.keyspace;
  const elements: string[] = [];
  const type = entries.type(entry);
  if (type === Type.LIST) {
    const { lists } = values;
    lists.open(entry);
    for (let more = lists.first(); more; more = lists.next()) {
      lists.read();
      elements.push(latin1(lists.bytes, lists.start, lists.length));
    }
  } else if (type === Type.SET) {
    const { sets } = values;
    sets.open(entries.encoding(entry), entries.word2(entry));
    for (let more = sets.first(); more; more = sets.next()) elements.push(latin1(sets.bytes, sets.start, sets.length));
  } else {
    const { walk } = values.sortedSets;
    const encoding = entries.encoding(entry);
    const ref = entries.word2(entry);
    // The order by score matters only where BY leaves it as it is.
    const size = values.sortedSets.count(encoding, ref);
    for (walk.from(encoding, ref, descending ? size - 1 : 0); walk.valid; descending ? walk.previous() : walk.next()) {
      elements.push(latin1(walk.bytes, walk.start, walk.length));
    }
  }
  return elements;
}

/**
 * The value of a pattern for an element: '#' itself, 'a_*' a string, 'a_*->f' a field; undefined when it is missing.
 */
function lookUp(call: DataCall, glob: string, element: string): string | undefined {
  if (glob === '#') return element;
  const star = glob.indexOf('*');
  if (star < 0) return undefined;
  const arrow = glob.indexOf('->', star + 1);
  const hasField = arrow >= 0 && arrow + 2 < glob.length;
  const name = latin1Bytes(glob.slice(0, star) + element + glob.slice(star + 1, hasField ? arrow : undefined));
  const { keyspace } = call.host;
  const { entries } = keyspace;
  const entry = call.db.lookupRead(name, 0, name.length);
  if (entry === 0) return undefined;
  if (!hasField) {
    if (entries.type(entry) !== Type.STRING) return undefined;
    return latin1(
      entries.arena.u8[chunkOf(entries.valueBlock(entry))]!,
      entries.valueStart(entry),
      entries.word2(entry),
    );
  }
  if (entries.type(entry) !== Type.HASH) return undefined;
  const { hashes } = keyspace.values;
  if (!lookUpField(call, entry, name, latin1Bytes(glob.slice(arrow + 2)))) return undefined;
  return latin1(hashes.bytes, hashes.start, hashes.length);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorts; false after the error reply that a weight is no number. */
function sort(call: DataCall, elements: string[], options: SortOptions): string[] | undefined {
  const weights = options.by === undefined ? elements : elements.map((element) => lookUp(call, options.by!, element));
  const order = Array.from(elements.keys());
  const sign = options.descending ? -1 : 1;
  if (options.alpha) {
    const compare = (a: number, b: number): number => {
      const first = weights[a];
      const second = weights[b];
      if (first === undefined || second === undefined) return first === second ? 0 : first === undefined ? -1 : 1;
      return compareText(first, second);
    };
    order.sort((a, b) => sign * compare(a, b));
  } else {
    const numbers = new Float64Array(elements.length);
    for (let index = 0; index < elements.length; index++) {
      const text = weights[index];
      if (text === undefined) continue; // counts as 0
      const bytes = latin1Bytes(text);
      numbers[index] = parseDoubleLoosely(bytes, 0, bytes.length);
      if (Number.isNaN(numbers[index])) {
        call.reply.error("ERR One or more scores can't be converted into double");
        return undefined;
      }
    }
    // Equal weights are put in the order of the elements, so that the result never depends on how they were stored.
    order.sort((a, b) => sign * (numbers[a]! - numbers[b]! || compareText(elements[a]!, elements[b]!)));
  }
  return order.map((index) => elements[index]!);
}

function runSort(call: DataCall, mayStore: boolean): void {
  const options = readOptions(call, mayStore);
  if (options === undefined) return;
  beginLookups();
  const { entries } = call.host.keyspace;
  const entry = call.db.lookupRead(call.bytes, call.starts[1]!, call.lengths[1]!);
  const type = entry === 0 ? Type.LIST : entries.type(entry);
  if (type !== Type.LIST && type !== Type.SET && type !== Type.ZSET) {
    call.reply.error(errors.wrongType);
    return;
  }
  // A set has no order of its own: where the result is kept or repeated elsewhere, it gets one.
  if (options.unsorted && type === Type.SET && (options.store > 0 || call.denyBlocking)) {
    options.unsorted = false;
    options.alpha = true;
    options.by = undefined;
  }
  const keepsOrder = options.unsorted && type === Type.ZSET;
  let elements = entry === 0 ? [] : elementsOf(call, entry, keepsOrder && options.descending);
  if (!options.unsorted) {
    const sorted = sort(call, elements, options);
    if (sorted === undefined) return;
    elements = sorted;
  }
  const start = Math.max(0, options.offset);
  const chosen = options.count < 0 ? elements.slice(start) : elements.slice(start, start + options.count);
  const results: (string | undefined)[] =
    options.gets.length === 0
      ? chosen
      : chosen.flatMap((element) => options.gets.map((glob) => lookUp(call, glob, element)));
  if (options.store === 0) {
    call.reply.array(results.length);
    for (const result of results) {
      if (result === undefined) call.reply.nil();
      else {
        const bytes = latin1Bytes(result);
        call.reply.bulk(bytes, 0, bytes.length);
      }
    }
    return;
  }
  storeResults(call, options.store, results);
}

/** Puts the results into a list in place of what was under the key at argument `index`. */
function storeResults(call: DataCall, index: number, results: readonly (string | undefined)[]): void {
  const { db, bytes, starts, lengths } = call;
  const { values } = call.host.keyspace;
  const old = db.lookupWrite(bytes, starts[index]!, lengths[index]!);
  const { hash } = db;
  if (results.length > 0) {
    const { lists } = values;
    lists.quicklists.fill = call.host.limits.listMaxListpackSize;
    const made = db.replaceValue(
      old,
      bytes,
      starts[index]!,
      lengths[index]!,
      hash,
      Type.LIST,
      Encoding.LISTPACK,
      lists.create(),
    );
    lists.open(made);
    for (const result of results) {
      const element = latin1Bytes(result ?? '');
      lists.prepareGrowth(element.length, 1);
      lists.pushLast(element, 0, element.length);
    }
    propagateUnchanged(call);
    changed(call, index, results.length);
    notify(call, EventClass.LIST, 'sortstore', index);
  } else if (old !== 0) {
    db.remove(old, hash);
    propagateUnchanged(call);
    changed(call, index, 1);
    notify(call, EventClass.GENERIC, 'del', index);
  }
  call.reply.integer(results.length);
}

const byAndGet: KeySpec = {
  flags: ['RO', 'access'],
  begin: 'unknown',
  find: 'unknown',
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
};

const args: readonly Argument[] = [
  key('key'),
  optional(pattern('by-pattern', { token: 'BY', display: 'pattern', keySpec: 1 })),
  optional({ ...block('limit', int('offset'), int('count')), token: 'LIMIT' }),
  optional(many(pattern('get-pattern', { token: 'GET', display: 'pattern', multipleToken: true, keySpec: 1 }))),
  optional(oneof('order', token('ASC'), token('DESC'))),
  optional(token('ALPHA', { name: 'sorting' })),
];

/** The key that is sorted, and the one after the last STORE. */
function findKeys(call: DataCall): number[] {
  let store = 0;
  for (let index = 2; index < call.count; index++) {
    if (call.is(index, 'limit')) index += 2;
    else if (call.is(index, 'get') || call.is(index, 'by')) index++;
    else if (call.is(index, 'store') && index + 1 < call.count) store = ++index;
  }
  return store === 0 ? [1] : [1, store];
}

export const sortCommand: DataCommand = command({
  name: 'sort',
  since: '1.0.0',
  group: 'generic',
  arity: -2,
  flags: ['write', 'denyoom'],
  leavesGroup: true,
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  keys: [
    keyAt(1, ['RO', 'access']),
    byAndGet,
    {
      flags: ['OW', 'update'],
      begin: 'unknown',
      find: 'unknown',
      notes:
        "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
    },
  ],
  findKeys,
  args: [...args, optional(key('destination', { token: 'STORE', keySpec: 2 }))],
  summary: 'Sorts a list, set or sorted set; returns the result or stores it as a list.',
  complexity: 'O(N+M*log(M)) where N is the number of elements to sort and M the number of elements returned.',
  run: (call) => runSort(call, true),
});

export const sortRo: DataCommand = command({
  name: 'sort_ro',
  since: '7.0.0',
  group: 'generic',
  arity: -2,
  flags: ['readonly'],
  leavesGroup: true,
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  keys: [keyAt(1, ['RO', 'access']), byAndGet],
  findKeys: (): number[] => [1],
  args,
  summary: 'Sorts a list, set or sorted set and returns the result.',
  complexity: 'O(N+M*log(M)) where N is the number of elements to sort and M the number of elements returned.',
  run: (call) => runSort(call, false),
});
