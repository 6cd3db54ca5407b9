// latency: LATENCY and its subcommands: events that took too long, and times of each command.
import { command } from '../../registry/command.js';
import { many, optional, str } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import type { ServiceCall, ServiceCommand } from '../host.js';
import type { LatencyHistogram } from '../watch/latency-histogram.js';
import { latencyGraph, latencyReport } from '../watch/latency-monitor.js';

const guarded = ['admin', 'noscript', 'loading', 'stale'] as const;
const special = ['nondeterministic_output', 'request_policy:all_nodes', 'response_policy:special'] as const;

function runLatest(call: ServiceCall): void {
  const events = call.host.latency.all();
  call.reply.array(events.length);
  for (const event of events) {
    const last = event.samples.at(-1)!;
    call.reply.array(4);
    call.reply.bulkText(event.name);
    call.reply.integer(last.timeSeconds);
    call.reply.integer(last.milliseconds);
    call.reply.integer(event.milliMax);
  }
}

function runHistory(call: ServiceCall): void {
  const samples = call.host.latency.find(call.text(2))?.samples ?? [];
  call.reply.array(samples.length);
  for (const { timeSeconds, milliseconds } of samples) {
    call.reply.array(2);
    call.reply.integer(timeSeconds);
    call.reply.integer(milliseconds);
  }
}

function runReset(call: ServiceCall): void {
  let count = 0;
  if (call.count === 2) count = call.host.latency.resetAll();
  else for (let index = 2; index < call.count; index++) if (call.host.latency.reset(call.text(index))) count++;
  call.reply.integer(count);
}

function runGraph(call: ServiceCall): void {
  const event = call.host.latency.find(call.text(2));
  if (event === undefined) call.reply.error(`ERR No samples available for event '${call.shown(2)}'`);
  else call.reply.verbatim(latencyGraph(event, Math.floor(call.host.nowMs() / 1000)));
}

function runHistogram(call: ServiceCall): void {
  const found = new Map<string, LatencyHistogram>();
  const { histograms } = call.host;
  const add = (name: string, histogram: LatencyHistogram | undefined): void => {
    if (histogram !== undefined && histogram.count > 0) found.set(name, histogram);
  };
  if (call.count === 2) for (const [name, histogram] of histograms) add(name, histogram);
  for (let index = 2; index < call.count; index++) {
    const wanted = call.text(index).toLowerCase();
    add(wanted, histograms.get(wanted));
    for (const [name, histogram] of histograms) if (name.startsWith(`${wanted}|`)) add(name, histogram);
  }
  call.reply.map(found.size);
  for (const [name, histogram] of found) {
    const pairs = histogram.cumulative();
    call.reply.bulkText(name);
    call.reply.map(2);
    call.reply.bulkText('calls');
    call.reply.integer(histogram.count);
    call.reply.bulkText('histogram_usec');
    call.reply.map(pairs.length);
    for (const [microseconds, count] of pairs) {
      call.reply.integer(microseconds);
      call.reply.integer(count);
    }
  }
}

export const latency: ServiceCommand = command({
  name: 'latency',
  since: '2.8.13',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Shows what took long.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'latest',
      since: '2.8.13',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: special,
      summary: 'Returns the newest sample of every event.',
      complexity: 'O(1)',
      run: runLatest,
    },
    {
      name: 'history',
      since: '2.8.13',
      group: 'server',
      arity: 3,
      flags: guarded,
      args: [str('event')],
      tips: special,
      summary: 'Returns the samples of an event.',
      complexity: 'O(1)',
      run: runHistory,
    },
    {
      name: 'reset',
      since: '2.8.13',
      group: 'server',
      arity: -2,
      flags: guarded,
      args: [optional(many(str('event')))],
      tips: ['request_policy:all_nodes', 'response_policy:agg_sum'],
      summary: 'Forgets the samples of some or all events.',
      complexity: 'O(1)',
      run: runReset,
    },
    {
      name: 'graph',
      since: '2.8.13',
      group: 'server',
      arity: 3,
      flags: guarded,
      args: [str('event')],
      tips: special,
      summary: "Draws an event's samples in text.",
      complexity: 'O(1)',
      run: runGraph,
    },
    {
      name: 'doctor',
      since: '2.8.13',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: special,
      summary: 'Explains the samples in words.',
      complexity: 'O(1)',
      run: (call) =>
        call.reply.verbatim(
          latencyReport(call.host.latency.all(), call.host.config.number('latency-monitor-threshold').value),
        ),
    },
    {
      name: 'histogram',
      since: '7.0.0',
      group: 'server',
      arity: -2,
      flags: guarded,
      tips: special,
      args: [optional(many(str('command')))],
      summary: 'Returns how long commands took, as cumulative counts.',
      complexity: 'O(N) where N is the number of commands with latency information being retrieved.',
      run: runHistogram,
    },
    {
      name: 'help',
      since: '2.8.13',
      group: 'server',
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'LATENCY', [
          ['DOCTOR', 'Return a human readable latency analysis report.'],
          ['GRAPH <event>', 'Return an ASCII latency graph for the <event> class.'],
          ['HISTORY <event>', 'Return time-latency samples for the <event> class.'],
          ['LATEST', 'Return the latest latency samples for all events.'],
          [
            'RESET [<event> ...]',
            'Reset latency data of one or more <event> classes.',
            '(default: reset all data for all event classes)',
          ],
          [
            'HISTOGRAM [COMMAND ...]',
            'Return a cumulative distribution of latencies in the format of a histogram for the specified command names.',
            'If no commands are specified then all histograms are replied.',
          ],
        ]),
    },
  ],
});
