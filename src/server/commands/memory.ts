// memory: MEMORY and its subcommands: where the memory is.

import type { Scripting } from '../scripting/scripting.js';
import type { Cron } from '../cron.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, optional } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import { replyHelp } from '../../registry/help.js';
import type { CallFor, CommandFor } from '../call.js';
import { memoryOf } from '../../service/clients/client-line.js';
import { memoryFigures, type MemoryFiguresHost } from '../memory-figures.js';

/** The part of the server that these commands reach. */
export interface Host extends MemoryFiguresHost {
  readonly cron: Cron;
  readonly scripting: Scripting;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const facts = { group: 'server', flags: [] } as const;
const SAMPLES_DEFAULT = 5;

const usage: ServerCommand = command({
  ...facts,
  name: 'usage',
  since: '4.0.0',
  arity: -3,
  flags: ['readonly'],
  keys: [keyAt(2, ['RO'])],
  args: [key('key'), optional(int('count', { token: 'SAMPLES' }))],
  summary: 'Returns how many bytes a key takes with its value.',
  complexity: 'O(N) where N is the number of samples.',
  run(call: ServerCall) {
    let samples = SAMPLES_DEFAULT;
    for (let index = 3; index < call.count; index++) {
      if (!call.is(index, 'samples') || index + 1 === call.count) {
        call.reply.error(errors.syntax);
        return;
      }
      samples = call.integer(++index);
      if (Number.isNaN(samples)) {
        call.reply.error(errors.notInteger);
        return;
      }
      if (samples < 0) {
        call.reply.error(errors.syntax);
        return;
      }
    }
    const entry = call.db.peek(call.bytes, call.starts[2]!, call.lengths[2]!);
    if (entry === 0) call.reply.nil();
    else call.reply.integer(Math.round(call.host.keyspace.values.memoryBytes(entry, samples)) + SLOT_BYTES);
  },
});

/** Share of a dict's slots that one entry takes, on average. */
const SLOT_BYTES = 16;

const stats: ServerCommand = command({
  ...facts,
  name: 'stats',
  since: '4.0.0',
  arity: 2,
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  summary: 'Returns figures about memory.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { host, reply } = call;
    const { keyspace } = host;
    const all = memoryFigures(host);
    const { arena, usedBytes: used, residentBytes: resident } = all;
    const databases = keyspace.databases.filter((database) => database.size > 0);
    const keys = databases.reduce((sum, database) => sum + database.size, 0);
    const figures: (readonly [string, number])[] = [
      ['peak.allocated', all.peakBytes],
      ['total.allocated', used],
      ['startup.allocated', all.baseBytes],
      ['replication.backlog', all.backlogBytes],
      ['clients.slaves', all.replicaBytes],
      ['clients.normal', all.clientBytes],
      ['cluster.links', all.clusterLinkBytes],
      ['aof.buffer', 0],
      ['lua.caches', host.scripting.figures.scriptBytes],
      ['functions.caches', host.scripting.figures.functionBytes],
    ];
    const totals: (readonly [string, number])[] = [
      ['overhead.db.hashtable.lut', all.tableBytes],
      // A dict grows by splitting one segment, so that there are never two tables.
      ['overhead.db.hashtable.rehashing', 0],
      ['db.dict.rehashing.count', 0],
      ['overhead.total', all.overheadBytes],
      ['keys.count', keys],
      ['keys.bytes-per-key', keys === 0 ? 0 : Math.floor((used - all.baseBytes) / keys)],
      ['dataset.bytes', all.dataBytes],
    ];
    const shares: (readonly [string, number])[] = [
      ['dataset.percentage', all.dataPercent],
      ['peak.percentage', (100 * used) / all.peakBytes],
    ];
    const allocator: (readonly [string, number])[] = [
      ['allocator.allocated', arena.usedBytes],
      ['allocator.active', arena.spanBytes],
      ['allocator.resident', arena.residentBytes],
      ['allocator.muzzy', 0],
    ];
    reply.map(figures.length + databases.length + totals.length + shares.length + allocator.length + 8);
    const write = (pairs: readonly (readonly [string, number])[], asDouble: boolean): void => {
      for (const [name, value] of pairs) {
        reply.bulkText(name);
        if (asDouble) reply.double(value);
        else reply.integer(value);
      }
    };
    write(figures, false);
    for (const database of databases) {
      reply.bulkText(`db.${database.index}`);
      reply.map(2);
      write(
        [
          ['overhead.hashtable.main', keyspace.dicts.overheadBytes(database.dict)],
          ['overhead.hashtable.expires', database.expiries.overheadBytes],
        ],
        false,
      );
    }
    write(totals, false);
    write(shares, true);
    write(allocator, false);
    write([['allocator-fragmentation.ratio', arena.spanBytes / Math.max(1, arena.usedBytes)]], true);
    write([['allocator-fragmentation.bytes', arena.spanBytes - arena.usedBytes]], false);
    write([['allocator-rss.ratio', arena.residentBytes / Math.max(1, arena.spanBytes)]], true);
    write([['allocator-rss.bytes', arena.residentBytes - arena.spanBytes]], false);
    write([['rss-overhead.ratio', resident / Math.max(1, arena.residentBytes)]], true);
    write([['rss-overhead.bytes', resident - arena.residentBytes]], false);
    write([['fragmentation', resident / Math.max(1, used)]], true);
    write([['fragmentation.bytes', resident - used]], false);
  },
});

const doctor: ServerCommand = command({
  ...facts,
  name: 'doctor',
  since: '4.0.0',
  arity: 2,
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  summary: 'Tells in words whether the use of memory is sound.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { host } = call;
    const arena = host.keyspace.arena.stats();
    const complaints: string[] = [];
    if (arena.usedBytes > 5_000_000) {
      if (arena.peakBytes > arena.usedBytes * 1.5)
        complaints.push(
          ' * Peak memory: at some time this instance used much more memory than now. Pages that are empty went back to the system; the rest is used again.',
        );
      if (arena.spanBytes > arena.usedBytes * 1.4)
        complaints.push(
          ` * High fragmentation: slabs take ${(arena.spanBytes / arena.usedBytes).toFixed(2)} times what is in use. Deleting many values of one size does that; new values of this size fill the places.`,
        );
    }
    if (host.clients.size > 0) {
      let bytes = 0;
      for (const client of host.clients.values()) bytes += memoryOf(host, client);
      if (bytes / host.clients.size > 200 * 1024)
        complaints.push(
          ' * Big client buffers: clients take more than 200 kB each on average. Look for clients that read slowly with CLIENT LIST (omem).',
        );
    }
    const text =
      complaints.length > 0
        ? `The use of memory has its weak spots:\n\n${complaints.join('\n\n')}\n`
        : arena.usedBytes <= 5_000_000
          ? 'There is hardly any data here, so there is nothing to find fault with. Ask again when the server holds some.\n'
          : 'The use of memory is sound: no fragmentation, no peak and no client buffers worth a word.\n';
    call.reply.verbatim(text);
  },
});

const purge: ServerCommand = command({
  ...facts,
  name: 'purge',
  since: '4.0.0',
  arity: 2,
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  summary: 'Frees what waits to be freed, and gives empty memory back to the system.',
  complexity: 'Depends on how much waits to be freed.',
  run(call: ServerCall) {
    call.host.cron.purge();
    call.reply.ok();
  },
});

const mallocStats: ServerCommand = command({
  ...facts,
  name: 'malloc-stats',
  since: '4.0.0',
  arity: 2,
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  summary: 'Returns figures of the allocator.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const arena = call.host.keyspace.arena.stats();
    const lines = Object.entries(arena).map(([name, value]) => `${name}: ${value as number}`);
    call.reply.verbatim(`${lines.join('\n')}\n`);
  },
});

const help: ServerCommand = command({
  ...facts,
  name: 'help',
  since: '4.0.0',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Lists the subcommands.',
  complexity: 'O(1)',
  run: (call: ServerCall) =>
    replyHelp(call, 'MEMORY', [
      ['DOCTOR', 'Return memory problems reports.'],
      ['MALLOC-STATS', 'Return internal statistics report from the memory allocator.'],
      ['PURGE', 'Attempt to purge dirty pages for reclamation by the allocator.'],
      ['STATS', 'Return information about the memory usage of the server.'],
      [
        'USAGE <key> [SAMPLES <count>]',
        'Return memory in bytes used by <key> and its value. Nested values are',
        'sampled up to <count> times (default: 5, 0 means sample all).',
      ],
    ]),
});

export const memoryCommand: ServerCommand = command({
  name: 'memory',
  since: '4.0.0',
  group: 'server',
  arity: -2,
  flags: [],
  summary: 'Commands about memory.',
  complexity: 'Depends on subcommand.',
  subcommands: [doctor, help, mallocStats, purge, stats, usage],
});
