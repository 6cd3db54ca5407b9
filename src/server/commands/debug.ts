// debug: DEBUG and its subcommands, for tests and for looking inside; closed unless enable-debug-command opens it.

import type { ClusterPort } from '../cluster-port.js';
import { pauseSteps, type PauseStep, type ReplicationPort } from '../replication-port.js';
import type { LateReply } from '../../service/host.js';
import type { Acl } from '../../service/acl/acl.js';
import type { Files } from '../../io/files.js';
import type { Hooks } from '../hooks.js';
import type { Persistence } from '../../persistence/persistence.js';
import type { ExpireCycle } from '../expire-cycle.js';
import type { Cron } from '../cron.js';
import type { DataLimits } from '../../registry/data-limits.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { globMatches } from '../../base/glob.js';
import { utf8 } from '../../base/bytes.js';
import { systemErrorText } from '../../base/system-error.js';
import { encodingName } from '../../commands/generic/object.js';
import { Type } from '../../datatypes/object.js';
import { datasetDigest, hexadecimal, valueDigest } from '../../persistence/digest.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { replyHelp } from '../../registry/help.js';
import { rewriteConfigFile } from '../../service/config/rewrite.js';
import type { DictRef } from '../../structures/dict.js';
import type { QuicklistRef } from '../../structures/quicklist.js';
import type { CallFor, CommandFor } from '../call.js';
import { debugIoThreads, type IoThreadsDebugHost } from './debug-io-threads.js';
import { type Host as ProtectedHost, mayUse } from '../../service/commands/protected.js';

/** The part of the server that these commands reach. */
export interface Host extends ProtectedHost, IoThreadsDebugHost {
  readonly cluster: ClusterPort | undefined;
  readonly replication: ReplicationPort | undefined;
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  readonly clock: Clock;
  readonly cron: Cron;
  readonly expireCycle: ExpireCycle;
  readonly persistence: Persistence;
  readonly files: Files;
  readonly acl: Acl;
  readonly processTag: string;
  allowsAllInScripts: boolean;
  readonly hooks: Pick<Hooks, 'replicationIdChanges'>;
  log(level: LogLevel, text: string): void;
  suspend(call: { readonly client: unknown }): LateReply;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

type Run = (call: ServerCall) => void;

/** Looks a key up without a trace, also one that is past its time; 0 after the error reply. */
function entryAt(call: ServerCall, index: number): number {
  const { dicts } = call.host.keyspace;
  const { bytes } = call;
  const start = call.starts[index]!;
  const length = call.lengths[index]!;
  const entry = dicts.find(call.db.dict, bytes, start, length, call.db.hashOf(bytes, start, length));
  if (entry === 0) call.reply.error(errors.noSuchKey);
  return entry;
}

/** CONFIG REWRITE that writes every directive, also those that nobody changed. */
function rewriteWithDefaults(call: ServerCall): void {
  const { config, files, acl, processTag } = call.host;
  if (config.file === undefined) {
    call.reply.error(errors.noConfigFile);
    return;
  }
  try {
    rewriteConfigFile(
      files,
      config,
      config.text('aclfile').value === '' ? acl.describe() : undefined,
      processTag,
      true,
    );
    call.reply.ok();
  } catch (error) {
    call.reply.error(`ERR CONFIG-REWRITE-FORCE-ALL failed: ${systemErrorText(error)}`);
  }
}

/** Stops the whole server for so many seconds, as tests of timeouts want. */
function sleep(call: ServerCall): void {
  const seconds = Number(call.text(2));
  const until = call.host.clock.steadyMs() + (Number.isFinite(seconds) ? seconds : 0) * 1000;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let left = until - call.host.clock.steadyMs(); left > 0; left = until - call.host.clock.steadyMs())
    Atomics.wait(cell, 0, 0, left);
  call.reply.ok();
}

function object(call: ServerCall): void {
  const entry = entryAt(call, 2);
  if (entry === 0) return;
  const { keyspace } = call.host;
  const type = keyspace.entries.type(entry);
  const length = type === Type.STRING ? keyspace.entries.word2(entry) : 0;
  const idle = Math.floor(keyspace.idleMs(entry) / 1000);
  const encoding = encodingName(call as never, entry);
  call.reply.simple(
    `Value at:0x${(entry >>> 0).toString(16)} refcount:1 encoding:${encoding} serializedlength:${length} lru:${keyspace.entries.clock(entry)} lru_seconds_idle:${idle}${encoding === 'quicklist' ? quicklistText(call, entry) : ''}`,
  );
}

/** The fields that DEBUG OBJECT adds for a quicklist. */
function quicklistText(call: ServerCall, entry: number): string {
  const { keyspace, limits } = call.host;
  const { lists } = keyspace.values;
  const ref = keyspace.entries.word2(entry) as QuicklistRef;
  const nodes = lists.quicklists.countNodes(ref);
  const average = lists.quicklists.count(ref) / Math.max(1, nodes);
  const compressed = lists.quicklists.compressDepth === 0 ? 0 : 1;
  return ` ql_nodes:${nodes} ql_avg_node:${average.toFixed(2)} ql_listpack_max:${limits.listMaxListpackSize} ql_compressed:${compressed} ql_uncompressed_size:${lists.quicklists.packing(ref).bytes}`;
}

function populate(call: ServerCall): void {
  const count = call.integer(2);
  const prefix = call.count > 3 ? call.text(3) : 'key';
  const size = call.count > 4 ? call.integer(4) : 0;
  if (!(count >= 0 && size >= 0)) {
    call.reply.error(errors.notPositive);
    return;
  }
  const { db } = call;
  for (let index = 0; index < count; index++) {
    const key = Buffer.from(`${prefix}:${index}`, 'latin1');
    const name = new Uint8Array(key);
    if (db.peek(name, 0, name.length) !== 0) continue;
    const text = utf8(`value:${index}`);
    let value: Uint8Array = text;
    if (size > 0) {
      value = new Uint8Array(size);
      value.set(text.subarray(0, size));
    }
    db.addString(name, 0, name.length, db.hash, value, 0, value.length);
    // No dirt: as in Redis, a copy of its own for tests, which reaches neither replicas nor the AOF.
    call.host.keyspace.changed(db, name, 0, name.length, 0);
  }
  call.reply.ok();
}

function stringMatch(call: ServerCall): void {
  const count = call.integer(2);
  const pattern = new Uint8Array(count).fill(97);
  call.reply.integer(globMatches(pattern, call.copy(3)) ? 1 : 0);
}

const protocolReplies: Readonly<Record<string, Run>> = {
  string: ({ reply }) => reply.bulkText('Hello World'),
  integer: ({ reply }) => reply.integer(12345),
  double: ({ reply }) => reply.double(3.141),
  null: ({ reply }) => reply.nil(),
  array({ reply }) {
    reply.array(3);
    for (let index = 0; index < 3; index++) reply.integer(index);
  },
  set({ reply }) {
    reply.set(3);
    for (let index = 0; index < 3; index++) reply.integer(index);
  },
  map({ reply }) {
    reply.map(3);
    for (let index = 0; index < 3; index++) {
      reply.integer(index);
      reply.boolean(index === 1);
    }
  },
  attrib({ reply }) {
    if (reply.protocol === 3) {
      reply.attribute(1);
      reply.bulkText('key-popularity');
      reply.array(2);
      reply.bulkText('key:123');
      reply.integer(90);
    }
    reply.bulkText('Some real reply following the attribute');
  },
  push({ reply }) {
    if (reply.protocol === 2) {
      reply.error('ERR RESP2 is not supported by this command');
      return;
    }
    reply.bulkText('Some real reply following the push reply');
    reply.push(2);
    reply.bulkText('server-cpu-usage');
    reply.integer(42);
  },
  true: ({ reply }) => reply.boolean(true),
  false: ({ reply }) => reply.boolean(false),
  verbatim: ({ reply }) => reply.verbatim('This is a verbatim\nstring'),
  bignum: ({ reply }) => reply.bigNumber('1234567999999999999999999999999999999'),
};

function protocol(call: ServerCall): void {
  const name = call.text(2).toLowerCase();
  const run = Object.hasOwn(protocolReplies, name) ? protocolReplies[name] : undefined;
  if (run !== undefined) run(call);
  else
    call.reply.error(
      'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
    );
}

function digestValue(call: ServerCall): void {
  call.reply.array(call.count - 2);
  for (let index = 2; index < call.count; index++) {
    const entry = call.db.peek(call.bytes, call.starts[index]!, call.lengths[index]!);
    call.reply.simple(entry === 0 ? '0'.repeat(40) : hexadecimal(valueDigest(call.host.keyspace, entry)));
  }
}

function hashTableStats(call: ServerCall): void {
  const index = call.integer(2);
  const database = call.host.keyspace.databases[index];
  if (database === undefined) {
    call.reply.error(Number.isNaN(index) ? errors.notInteger : 'ERR Out of range database');
    return;
  }
  call.reply.verbatim(
    `[Dictionary HT]\n${dictText(call, database.dict)}[Expires HT]\n${database.expiries.count} keys expire\n`,
  );
}

function dictText(call: ServerCall, dict: DictRef): string {
  const stats = call.host.keyspace.dicts.stats(dict);
  if (stats.count === 0) return 'No stats available for empty dictionaries\n';
  const distance = (stats.distanceSum / stats.count).toFixed(2);
  return `Hash table stats:\n table size: ${stats.slots}\n number of elements: ${stats.count}\n segments: ${stats.segments}\n directory depth: ${stats.depth}\n max distance from home: ${stats.distanceMax}\n avg distance from home: ${distance}\n`;
}

/** A switch is on when its text begins with a number that is not 0; Redis refuses none. */
function setSwitch(call: ServerCall, index: number, apply: (on: boolean) => void): void {
  apply((Number.parseInt(call.text(index), 10) || 0) !== 0);
  call.reply.ok();
}

function dropClusterMessages(call: ServerCall): void {
  const type = call.integer(2);
  if (Number.isNaN(type)) {
    call.reply.error(errors.notInteger);
    return;
  }
  // Redis takes it outside of a cluster too, where it means nothing.
  call.host.cluster?.dropMessagesOfType(type);
  call.reply.ok();
}

function killClusterLinks(call: ServerCall): void {
  const { cluster } = call.host;
  const direction = call.text(3).toLowerCase();
  if (!call.is(2, 'kill')) refuseUsage(call);
  else if (cluster === undefined) call.reply.error('ERR Debug option only available for cluster mode enabled setup!');
  else if (direction !== 'to' && direction !== 'from' && direction !== 'all')
    call.reply.error(`ERR Unknown direction ${call.text(3)}`);
  else {
    const refusal = cluster.killLinks(direction, call.text(4));
    if (refusal === undefined) call.reply.ok();
    else call.reply.error(refusal);
  }
}

function refuseUsage(call: ServerCall): void {
  call.reply.error(`ERR unknown subcommand or wrong number of arguments for '${call.shown(1)}'. Try DEBUG HELP.`);
}

/** Replies have no buffer of their own per client that would grow and shrink: the arguments are checked, nothing else. */
function replyBuffer(call: ServerCall): void {
  if (call.is(2, 'peak-reset-time')) {
    const isWord = call.is(3, 'never') || call.is(3, 'reset');
    if (!isWord && Number.isNaN(call.integer(3))) {
      call.reply.error(errors.notInteger);
      return;
    }
  } else if (!call.is(2, 'resizing')) {
    refuseUsage(call);
    return;
  }
  call.reply.ok();
}

/** The steps that DEBUG REPL-PAUSE has named, until it says clear. */
const namedSteps = new WeakMap<ReplicationPort, Set<PauseStep>>();

function pauseReplication(call: ServerCall): void {
  const { host } = call;
  const { replication } = host;
  const named = pauseSteps.find((step) => call.is(2, step));
  if (named === undefined && !call.is(2, 'clear')) {
    refuseUsage(call);
    return;
  }
  if (replication !== undefined) {
    const steps = new Set(named === undefined ? [] : [...(namedSteps.get(replication) ?? []), named]);
    namedSteps.set(replication, steps);
    replication.pauseAt(steps, () => {
      host.log('notice', 'Process is about to stop.');
      process.kill(process.pid, 'SIGSTOP');
      host.log('notice', 'Process has been continued.');
    });
  }
  call.reply.ok();
}

function quicklist(call: ServerCall): void {
  const entry = entryAt(call, 2);
  if (entry === 0) return;
  if (encodingName(call as never, entry) === 'quicklist') call.reply.simple('Quicklist structure printed on stdout');
  else call.reply.error('ERR Not a quicklist encoded object.');
}

/** The largest threshold for elements of a list that get a node of their own. */
const PLAIN_BYTES_MAX = 2 ** 32 - 2 ** 20;

const accept: Run = (call) => call.reply.ok();

interface DebugEntry {
  readonly run: Run;
  /** Count of arguments after the subcommand: at least, at most. */
  readonly args: readonly [number, number];
}

const table: Readonly<Record<string, DebugEntry>> = {
  sleep: { run: sleep, args: [1, 1] },
  object: { run: object, args: [1, 2] },
  populate: { run: populate, args: [1, 3] },
  'stringmatch-len': { run: stringMatch, args: [2, 2] },
  protocol: { run: protocol, args: [1, 1] },
  digest: { run: (call) => call.reply.simple(hexadecimal(datasetDigest(call.host.keyspace))), args: [0, 0] },
  'digest-value': { run: digestValue, args: [0, Infinity] },
  htstats: { run: hashTableStats, args: [1, 2] },
  'htstats-key': {
    run(call) {
      const entry = entryAt(call, 2);
      if (entry === 0) return;
      const { entries } = call.host.keyspace;
      const isDict = entries.type(entry) !== Type.STRING && encodingName(call as never, entry) === 'hashtable';
      if (isDict) call.reply.verbatim(dictText(call, entries.word2(entry) as DictRef));
      else call.reply.error('ERR The value stored at the specified key is not represented using an hash table');
    },
    args: [1, 2],
  },
  'set-skip-checksum-validation': {
    run: (call) => setSwitch(call, 2, (on) => (call.host.persistence.verifiesPayloads = !on)),
    args: [1, 1],
  },
  'drop-cluster-packet-filter': { run: dropClusterMessages, args: [1, 1] },
  clusterlink: { run: killClusterLinks, args: [3, 3] },
  'set-active-expire': { run: (call) => setSwitch(call, 2, (on) => (call.host.expireCycle.active = on)), args: [1, 1] },
  'config-rewrite-force-all': { run: rewriteWithDefaults, args: [0, 0] },
  'change-repl-id': {
    run(call) {
      call.host.log('notice', 'Changing replication IDs after receiving change-repl-id');
      for (const change of call.host.hooks.replicationIdChanges) change();
      call.reply.ok();
    },
    args: [0, 0],
  },
  log: {
    run(call) {
      call.host.log('warning', `DEBUG LOG: ${call.utf8(2)}`);
      call.reply.ok();
    },
    args: [1, 1],
  },
  error: { run: (call) => call.reply.error(call.shown(2)), args: [1, 1] },
  leak: { run: accept, args: [1, 1] },
  'quicklist-packed-threshold': {
    run(call) {
      const match = /^(\d+)(b|k|kb|m|mb|g|gb)?$/i.exec(call.text(2));
      const scale = { b: 1, k: 1000, kb: 1024, m: 1e6, mb: 1048576, g: 1e9, gb: 1073741824 }[
        match?.[2]?.toLowerCase() ?? 'b'
      ];
      const bytes = Number(match?.[1]) * (scale ?? NaN);
      if (!(bytes <= PLAIN_BYTES_MAX)) {
        call.reply.error('ERR argument must be a memory value bigger than 1 and smaller than 4gb');
        return;
      }
      call.host.keyspace.values.lists.quicklists.plainBytesMin = bytes;
      call.reply.ok();
    },
    args: [1, 1],
  },
  listpack: {
    run(call) {
      const entry = entryAt(call, 2);
      if (entry === 0) return;
      if (encodingName(call as never, entry).startsWith('listpack'))
        call.reply.simple('Listpack structure printed on stdout');
      else call.reply.error('ERR Not a listpack encoded object.');
    },
    args: [1, 1],
  },
  quicklist: { run: quicklist, args: [1, 2] },
  replybuffer: { run: replyBuffer, args: [2, 2] },
  'repl-pause': { run: pauseReplication, args: [1, 1] },
  'io-threads': { run: debugIoThreads, args: [1, 3] },
  'pause-cron': {
    run: (call) => setSwitch(call, 2, (on) => (on ? call.host.cron.stop() : call.host.cron.start())),
    args: [1, 1],
  },
  'dict-resizing': { run: accept, args: [1, 1] },
  'set-disable-deny-scripts': {
    run: (call) => setSwitch(call, 2, (on) => (call.host.allowsAllInScripts = on)),
    args: [1, 1],
  },
  'client-enforce-reply-list': { run: accept, args: [1, 1] },
  replicate: {
    run(call) {
      const parts: Uint8Array[] = [];
      for (let index = 2; index < call.count; index++) parts.push(call.copy(index));
      call.host.replication?.replicate(parts);
      call.reply.ok();
    },
    args: [1, Infinity],
  },
  'delay-rdb-client-free-seconds': {
    run(call) {
      const seconds = call.integer(2);
      if (!(seconds >= 0)) {
        call.reply.error(errors.notInteger);
        return;
      }
      call.host.replication?.delayRdbClients(seconds);
      call.reply.ok();
    },
    args: [1, 1],
  },
  reload: {
    run(call) {
      let saves = true;
      let flushes = true;
      let merges = false;
      for (let index = 2; index < call.count; index++) {
        if (call.is(index, 'nosave')) saves = false;
        else if (call.is(index, 'noflush')) flushes = false;
        else if (call.is(index, 'merge')) merges = true;
        else {
          call.reply.error('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.');
          return;
        }
      }
      const late = call.host.suspend(call);
      void call.host.persistence.reload({ saves, flushes, merges }).then((refusal) => {
        late.resume((reply) => (refusal === undefined ? reply.ok() : reply.error(refusal)));
      });
    },
    args: [0, 3],
  },
  'aof-flush-sleep': {
    run(call) {
      call.host.persistence.aof.log.writeDelayMicroseconds = Math.max(0, Number.parseInt(call.text(2), 10) || 0);
      call.reply.ok();
    },
    args: [1, 1],
  },
  loadaof: {
    run(call) {
      const late = call.host.suspend(call);
      void call.host.persistence
        .loadAof()
        .then((refusal) => late.resume((reply) => (refusal === undefined ? reply.ok() : reply.error(refusal))));
    },
    args: [0, 0],
  },
  verify: {
    run(call) {
      try {
        call.host.keyspace.verify();
        call.reply.ok();
      } catch (error) {
        call.reply.error(
          `ERR the structures contradict themselves: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    },
    args: [0, 0],
  },
  handles: {
    run: (call) => call.reply.integer(process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length),
    args: [0, 0],
  },
  help: {
    run: (call) =>
      replyHelp(call, 'DEBUG', [
        ['AOF-FLUSH-SLEEP <microsec>', 'Server will sleep before flushing the AOF, this is used for testing.'],
        ['CHANGE-REPL-ID', 'Change the replication IDs of the instance.'],
        [
          'DELAY-RDB-CLIENT-FREE-SECONDS <seconds>',
          'How long the connection stays of a replica that wanted the RDB alone.',
        ],
        ['DIGEST', 'Output a hex signature representing the current DB content.'],
        ['DIGEST-VALUE <key> [<key> ...]', 'Output a hex signature of the values of all the specified keys.'],
        [
          'CLUSTERLINK KILL <to|from|all> <node-id>',
          'Kills the link based on the direction to/from (both) with the provided node.',
        ],
        [
          'DROP-CLUSTER-PACKET-FILTER <packet-type>',
          'Drop all packets that match the filtered type. Set to -1 allow all packets.',
        ],
        ['ERROR <string>', 'Return a Redis protocol error with <string> as message.'],
        ['LOG <message>', 'Write <message> to the server log.'],
        ['HTSTATS <dbid>', 'Return hash table statistics of the specified Redis database.'],
        ['HTSTATS-KEY <key>', "Like HTSTATS but for the hash table stored at <key>'s value."],
        ['HANDLES', 'Return how many sockets, timers and files the event loop has.'],
        [
          'IO-THREADS <FORCE [count]|SHUFFLE [count]|MOVE <client-id> <thread>|KILL <thread>|MOVES|OFF>',
          'Make connections move to I/O threads whatever the load, or at random; thread 0 is the main one.',
        ],
        ['LISTPACK <key>', 'Show low level info about the listpack encoding of <key>.'],
        ['LOADAOF', 'Flush the AOF buffers on disk and reload the AOF in memory.'],
        ['OBJECT <key>', 'Show low level info about `key` and associated value.'],
        ['PAUSE-CRON <0|1>', 'Stop periodic cron job processing.'],
        [
          'POPULATE <count> [<prefix>] [<size>]',
          'Create <count> string keys named key:<num>. If <prefix> is specified then',
          "it is used instead of the 'key' prefix.",
        ],
        ['PROTOCOL <type>', 'Reply with a test value of the specified type.'],
        ['QUICKLIST <key> [<0|1>]', 'Whether the list at <key> is a quicklist.'],
        [
          'QUICKLIST-PACKED-THRESHOLD <size>',
          'Sets the threshold for elements to be inserted as plain vs packed nodes.',
        ],
        [
          'RELOAD [option ...]',
          'Save the RDB on disk and reload it back to memory. Valid <option> values:',
          '* MERGE: conflicting keys will be loaded from RDB.',
          '* NOFLUSH: the existing database will not be removed before load.',
          '* NOSAVE: the database will be loaded from an existing RDB file.',
        ],
        ['REPLICATE <command>', 'Replicates the provided string to replicas, allowing data divergence.'],
        [
          'REPL-PAUSE <clear|after-fork|before-rdb-channel|on-streaming-repl-buf>',
          'Stop the process (SIGSTOP) whenever a full sync comes to this step.',
        ],
        [
          'REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|time>',
          'Accepted for compatibility: replies have no buffer per client here.',
        ],
        ['REPLYBUFFER RESIZING <0|1>', 'Accepted for compatibility as well.'],
        [
          'SET-ACTIVE-EXPIRE <0|1>',
          'Setting it to 0 disables expiring keys (and hash-fields) in background',
          'when they are not accessed (otherwise the Redis behavior). Setting it',
          'to 1 reenables back the default.',
        ],
        ['SET-SKIP-CHECKSUM-VALIDATION <0|1>', 'Setting it to 1 takes payloads of RESTORE whatever their checksum is.'],
        ['SLEEP <seconds>', 'Stop the server for <seconds>. Decimals allowed.'],
        ['STRINGMATCH-LEN <len> <pattern>', 'Match a string of <len> bytes against <pattern>.'],
        ['VERIFY', 'Check that all structures in memory agree with themselves.'],
      ]),
    args: [0, 0],
  },
};

export const debugCommand: ServerCommand = command({
  name: 'debug',
  since: '1.0.0',
  group: 'server',
  arity: -2,
  flags: ['admin', 'noscript', 'loading', 'stale', 'protected'],
  docFlags: ['syscmd'],
  summary: 'Commands for debugging and tests.',
  complexity: 'Depends on subcommand.',
  run(call) {
    if (!mayUse(call, 'DEBUG')) return;
    const name = call.text(1).toLowerCase();
    const entry = Object.hasOwn(table, name) ? table[name] : undefined;
    const extra = call.count - 2;
    if (entry === undefined || extra < entry.args[0] || extra > entry.args[1]) {
      refuseUsage(call);
      return;
    }
    entry.run(call);
  },
});
