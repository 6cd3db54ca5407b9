// search-commands: the declarations of GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS with its relatives.

import { command, keyAt, type KeySpec } from '../../registry/command.js';
import { type Argument, block, double, int, key, oneof, optional, since, str, token } from '../../registry/grammar.js';
import type { DataCall, DataCommand } from '../engine.js';
import { unitArgument } from './access.js';
import { runSearch } from './search.js';

const complexity = 'O(N+log(M)) with N members in the cells around the area and M in the whole set.';
const upperCaseUnits = ['7.0.0', 'Units may be written in upper case.'] as const;

const originArgument: Argument = oneof('from', str('member', { token: 'FROMMEMBER' }), {
  ...block('fromlonlat', double('longitude'), double('latitude')),
  token: 'FROMLONLAT',
});
const areaArgument: Argument = oneof(
  'by',
  block('circle', double('radius', { token: 'BYRADIUS' }), unitArgument),
  block('box', double('width', { token: 'BYBOX' }), double('height'), unitArgument),
);
const orderArgument: Argument = optional(oneof('order', token('ASC'), token('DESC')));
const countArgument: Argument = optional(
  block('count-block', int('count', { token: 'COUNT' }), optional(token('ANY'))),
);
const countSinceArgument: Argument = optional(
  block('count-block', int('count', { token: 'COUNT' }), optional(since('6.2.0', token('ANY')))),
);
const withArguments: readonly Argument[] = [
  optional(token('WITHCOORD')),
  optional(token('WITHDIST')),
  optional(token('WITHHASH')),
];
const storeArgument: Argument = optional(
  oneof(
    'store',
    key('storekey', { token: 'STORE', keySpec: 1, display: 'key' }),
    key('storedistkey', { token: 'STOREDIST', keySpec: 2, display: 'key' }),
  ),
);

function storeKey(keyword: string, startFrom: number): KeySpec {
  return { flags: ['OW', 'update'], begin: { keyword, startFrom }, find: { last: 0, step: 1, limit: 0 } };
}

/**
 * The set, and the key after the last STORE or STOREDIST, which is the one that is written: a specification would find the first
 * of each, and whoever may write that would write any.
 */
function findStoreKeys(optionsFrom: number): (call: DataCall) => number[] {
  return (call) => {
    let store = 0;
    for (let index = optionsFrom; index + 1 < call.count; index++)
      if (call.is(index, 'store') || call.is(index, 'storedist')) store = ++index;
    return store === 0 ? [1] : [1, store];
  };
}

export const geosearch: DataCommand = command({
  name: 'geosearch',
  since: '6.2.0',
  group: 'geo',
  arity: -7,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), originArgument, areaArgument, orderArgument, countArgument, ...withArguments],
  summary: 'Returns the members inside a circle or a box.',
  complexity,
  history: [upperCaseUnits],
  run: (call) => runSearch(call, { source: 1, origin: 'options', destination: 0, storeOptions: false }),
});

export const geosearchstore: DataCommand = command({
  name: 'geosearchstore',
  since: '6.2.0',
  group: 'geo',
  arity: -8,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['OW', 'update']), keyAt(2, ['RO', 'access'])],
  args: [
    key('destination'),
    key('source', { keySpec: 1 }),
    originArgument,
    areaArgument,
    orderArgument,
    countArgument,
    optional(token('STOREDIST')),
  ],
  summary: 'Stores the members inside a circle or a box in another key.',
  complexity,
  history: [upperCaseUnits],
  run: (call) => runSearch(call, { source: 2, origin: 'options', destination: 1, storeOptions: false }),
});

export const georadius: DataCommand = command({
  name: 'georadius',
  since: '3.2.0',
  group: 'geo',
  arity: -6,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RO', 'access']), storeKey('STORE', 6), storeKey('STOREDIST', 6)],
  args: [
    key('key'),
    double('longitude'),
    double('latitude'),
    double('radius'),
    unitArgument,
    ...withArguments,
    countSinceArgument,
    orderArgument,
    storeArgument,
  ],
  summary: 'Returns the members inside a circle around a place, or stores them.',
  complexity,
  history: [['6.2.0', 'The option `ANY` of `COUNT`.'], upperCaseUnits],
  deprecatedSince: '6.2.0',
  replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
  docFlags: ['deprecated'],
  findKeys: findStoreKeys(6),
  run: (call) => runSearch(call, { source: 1, origin: 'place', destination: 0, storeOptions: true }),
});

export const georadiusRo: DataCommand = command({
  name: 'georadius_ro',
  since: '3.2.10',
  group: 'geo',
  arity: -6,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [
    key('key'),
    double('longitude'),
    double('latitude'),
    double('radius'),
    unitArgument,
    ...withArguments,
    countSinceArgument,
    orderArgument,
  ],
  summary: 'Returns the members inside a circle around a place.',
  complexity,
  history: [['6.2.0', 'The option `ANY` of `COUNT`.'], upperCaseUnits],
  deprecatedSince: '6.2.0',
  replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument',
  docFlags: ['deprecated'],
  run: (call) => runSearch(call, { source: 1, origin: 'place', destination: 0, storeOptions: false }),
});

export const georadiusbymember: DataCommand = command({
  name: 'georadiusbymember',
  since: '3.2.0',
  group: 'geo',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(1, ['RO', 'access']), storeKey('STORE', 5), storeKey('STOREDIST', 5)],
  args: [
    key('key'),
    str('member'),
    double('radius'),
    unitArgument,
    ...withArguments,
    countArgument,
    orderArgument,
    storeArgument,
  ],
  summary: 'Returns the members inside a circle around one of them, or stores them.',
  complexity,
  history: [['6.2.0', 'The option `ANY` of `COUNT`.'], upperCaseUnits],
  deprecatedSince: '6.2.0',
  replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
  docFlags: ['deprecated'],
  findKeys: findStoreKeys(5),
  run: (call) => runSearch(call, { source: 1, origin: 'member', destination: 0, storeOptions: true }),
});

export const georadiusbymemberRo: DataCommand = command({
  name: 'georadiusbymember_ro',
  since: '3.2.10',
  group: 'geo',
  arity: -5,
  flags: ['readonly'],
  keys: [keyAt(1, ['RO', 'access'])],
  args: [key('key'), str('member'), double('radius'), unitArgument, ...withArguments, countArgument, orderArgument],
  summary: 'Returns the members inside a circle around one of them.',
  complexity,
  history: [['6.2.0', 'The option `ANY` of `COUNT`.'], upperCaseUnits],
  deprecatedSince: '6.2.0',
  replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments',
  docFlags: ['deprecated'],
  run: (call) => runSearch(call, { source: 1, origin: 'member', destination: 0, storeOptions: false }),
});
