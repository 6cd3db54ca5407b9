// hotkeys: HOTKEYS and its subcommands, as Redis 8.6 has them: sessions that find the keys that cost most.
//
// SLOTS is for clusters; without a cluster, figures of all slots hold for the single range.
import type { HotKeys } from '../hot-keys.js';
import { command } from '../../registry/command.js';
import { block, int, many, optional, token } from '../../registry/grammar.js';
import { latin1Bytes } from '../../base/bytes.js';
import { errors } from '../../protocol/errors.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import { replyHelp } from '../../registry/help.js';
import type { HotKeysOptions, HotKeysSession, TopCounts } from '../hot-keys.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly hotKeys: HotKeys;
  nowMs(): number;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const facts = {
  since: '8.6.0',
  group: 'server',
  flags: ['admin', 'noscript'],
  tips: ['request_policy:special', 'response_policy:special'],
} as const;

const COUNT_DEFAULT = 10;
const COUNT_MAX = 64;
const DURATION_SECONDS_MAX = 1_000_000;
const METRICS = 2;
const SLOT_LAST = 16383;

/** The number after an option; undefined after an error reply when it is none within the bounds. */
function readNumber(call: ServerCall, index: number, least: number, most: number, error: string): number | undefined {
  const value = index < call.count ? call.integer(index) : NaN;
  if (value >= least && value <= most) return value;
  call.reply.error(index < call.count ? error : errors.syntax);
  return undefined;
}

/** The options of START; undefined after an error reply. */
function readOptions(call: ServerCall): HotKeysOptions | undefined {
  const { reply } = call;
  const refuse = (text: string): undefined => {
    reply.error(text);
    return undefined;
  };
  if (call.count < 4 || !call.is(2, 'metrics')) return refuse('ERR METRICS parameter is required');
  const metrics = readNumber(call, 3, 1, METRICS, `ERR METRICS count must be > 0 and <= ${METRICS}`);
  if (metrics === undefined) return undefined;
  let countsCpu = false;
  let countsNet = false;
  let index = 4;
  for (; index < call.count && (call.is(index, 'cpu') || call.is(index, 'net')); index++) {
    const isCpu = call.is(index, 'cpu');
    if (isCpu ? countsCpu : countsNet) return refuse(`ERR METRICS ${isCpu ? 'CPU' : 'NET'} defined more than once!`);
    if (isCpu) countsCpu = true;
    else countsNet = true;
  }
  if (!countsCpu && !countsNet) return refuse('ERR METRICS no valid metrics passed. Supported: CPU|NET');
  if (metrics !== Number(countsCpu) + Number(countsNet))
    return refuse('ERR METRICS count does not match number of metric types provided');

  let keyCount = COUNT_DEFAULT;
  let durationSeconds = 0;
  let sampleRatio = 1;
  for (; index < call.count; index += 2) {
    let value: number | undefined;
    if (call.is(index, 'count')) {
      value = keyCount =
        readNumber(call, index + 1, 1, COUNT_MAX, `ERR COUNT must be between 1 and ${COUNT_MAX}`) ?? NaN;
    } else if (call.is(index, 'duration')) {
      value = durationSeconds =
        readNumber(
          call,
          index + 1,
          1,
          DURATION_SECONDS_MAX,
          `ERR DURATION must be between 1 and ${DURATION_SECONDS_MAX}`,
        ) ?? NaN;
    } else if (call.is(index, 'sample')) {
      value = sampleRatio = readNumber(call, index + 1, 1, 0x7fffffff, 'ERR SAMPLE ratio must be positive') ?? NaN;
    } else {
      return refuse(call.is(index, 'slots') ? 'ERR SLOTS parameter cannot be used in non-cluster mode' : errors.syntax);
    }
    if (Number.isNaN(value)) return undefined;
  }
  return { countsCpu, countsNet, keyCount, durationSeconds, sampleRatio };
}

const start: ServerCommand = command({
  ...facts,
  name: 'start',
  arity: -2,
  args: [
    { ...block('metrics', int('count'), optional(token('CPU')), optional(token('NET'))), token: 'METRICS' },
    optional(int('k', { token: 'COUNT' })),
    optional(int('seconds', { token: 'DURATION' })),
    optional(int('ratio', { token: 'SAMPLE' })),
    optional({ ...block('slots', int('count'), many(int('slot'))), token: 'SLOTS' }),
  ],
  summary: 'Begins to count what keys cost.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { hotKeys } = call.host;
    if (hotKeys.active !== undefined) {
      call.reply.error('ERR hotkey tracking session already in progress');
      return;
    }
    const options = readOptions(call);
    if (options === undefined) return;
    hotKeys.start(options);
    call.reply.ok();
  },
});

const stop: ServerCommand = command({
  ...facts,
  name: 'stop',
  arity: 2,
  summary: 'Ends the counting; its results stay.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { hotKeys } = call.host;
    if (hotKeys.active === undefined) {
      call.reply.nil();
      return;
    }
    hotKeys.stop();
    call.reply.ok();
  },
});

const reset: ServerCommand = command({
  ...facts,
  name: 'reset',
  arity: 2,
  summary: 'Forgets the results.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { hotKeys } = call.host;
    if (hotKeys.active !== undefined) {
      call.reply.error('ERR hotkey tracking session in progress, stop tracking first');
      return;
    }
    hotKeys.reset();
    call.reply.ok();
  },
});

function replyLargest(reply: ReplyWriter, counts: TopCounts, keyCount: number): void {
  const largest = counts.largest(keyCount);
  reply.array(largest.length * 2);
  for (const [key, sum] of largest) {
    reply.bulkLatin1(key);
    reply.integer(Math.round(sum));
  }
}

function replySession(reply: ReplyWriter, session: HotKeysSession, nowMs: number): void {
  const { options, cpu, net } = session;
  const { user, system } = session.processorTime;
  const fields: (readonly [name: string, value: number | TopCounts | 'slots'])[] = [
    ['tracking-active', session.isActive ? 1 : 0],
    ['sample-ratio', options.sampleRatio],
    ['selected-slots', 'slots'],
    ['all-commands-all-slots-us', Math.round(session.micros)],
    ['net-bytes-all-commands-all-slots', session.netBytes],
    ['collection-start-time-unix-ms', session.startMs],
    ['collection-duration-ms', session.durationMs(nowMs)],
  ];
  if (cpu !== undefined)
    fields.push(
      ['total-cpu-time-user-ms', Math.floor(user / 1000)],
      ['total-cpu-time-sys-ms', Math.floor(system / 1000)],
    );
  if (net !== undefined) fields.push(['total-net-bytes', session.netBytes]);
  if (cpu !== undefined) fields.push(['by-cpu-time-us', cpu]);
  if (net !== undefined) fields.push(['by-net-bytes', net]);
  reply.map(fields.length);
  for (const [name, value] of fields) {
    const bytes = latin1Bytes(name);
    reply.bulk(bytes, 0, bytes.length);
    if (typeof value === 'number') reply.integer(value);
    else if (value === 'slots') {
      reply.array(1);
      reply.array(2);
      reply.integer(0);
      reply.integer(SLOT_LAST);
    } else replyLargest(reply, value, options.keyCount);
  }
}

const get: ServerCommand = command({
  ...facts,
  name: 'get',
  arity: 2,
  tips: ['nondeterministic_output', ...facts.tips],
  summary: 'Returns the keys that cost most.',
  complexity: 'O(K) where K is the number of keys returned',
  run(call: ServerCall) {
    const { session } = call.host.hotKeys;
    if (session === undefined) {
      call.reply.nil();
      return;
    }
    // One map in an array: a cluster's answers are joined.
    call.reply.array(1);
    replySession(call.reply, session, call.host.nowMs());
  },
});

const help: ServerCommand = command({
  ...facts,
  name: 'help',
  arity: 2,
  flags: ['loading', 'stale'],
  tips: [],
  summary: 'Tells about the subcommands.',
  complexity: 'O(1)',
  run: (call) =>
    replyHelp(call, 'HOTKEYS', [
      [
        'START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio] [SLOTS count slot ...]',
        'Begin to count the time (CPU) and the bytes (NET) of keys.',
      ],
      ['STOP', 'End the counting; its results stay.'],
      ['GET', 'Return the keys that cost most.'],
      ['RESET', 'Forget the results.'],
    ]),
});

export const hotkeysCommand: ServerCommand = command({
  name: 'hotkeys',
  since: '8.6.0',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Finds the keys that cost most.',
  complexity: 'Depends on subcommand.',
  subcommands: [start, stop, reset, get, help],
});
