// group: XGROUP: making, moving and deleting groups and consumers.

import { Encoding, Type } from '../../datatypes/object.js';
import { ENTRIES_READ_UNKNOWN, type GroupRef } from '../../datatypes/stream-groups.js';
import { boundEntriesRead } from '../../datatypes/stream-progress.js';
import type { Streams } from '../../datatypes/stream.js';
import type { StreamRef } from '../../datatypes/stream-ref.js';
import { EventClass } from '../../keyspace/events.js';
import { errors } from '../../protocol/errors.js';
import { command, keyAt } from '../../registry/command.js';
import { replyHelp } from '../../registry/help.js';
import { int, key, oneof, optional, str, token } from '../../registry/grammar.js';
import { StreamId } from '../../structures/stream-id.js';
import { changed, notify, writeTyped, WRONG_TYPE } from '../access.js';
import type { DataCall, DataCommand } from '../engine.js';
import {
  addStream,
  findGroup,
  IdForm,
  INVALID_ID,
  readId,
  replyNoGroup,
  replySubcommandSyntax,
  streamOf,
  streamsOf,
} from './access.js';

const DOLLAR = 36;
const KEY_MISSING =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.';

interface GroupOptions {
  makeStream: boolean;
  entriesRead: number;
}

/** The options after the id of CREATE and SETID; undefined after an error reply. */
function parseGroupOptions(call: DataCall, creates: boolean): GroupOptions | undefined {
  const options: GroupOptions = { makeStream: false, entriesRead: ENTRIES_READ_UNKNOWN };
  for (let index = 5; index < call.count; index++) {
    if (creates && call.is(index, 'mkstream')) {
      options.makeStream = true;
    } else if (call.is(index, 'entriesread') && index + 1 < call.count) {
      options.entriesRead = call.integer(++index);
      if (Number.isNaN(options.entriesRead)) {
        call.reply.error(errors.notInteger);
        return undefined;
      }
      if (options.entriesRead < 0 && options.entriesRead !== ENTRIES_READ_UNKNOWN) {
        call.reply.error('ERR value for ENTRIESREAD must be positive or -1');
        return undefined;
      }
    } else {
      replySubcommandSyntax(call);
      return undefined;
    }
  }
  return options;
}

/** The id of argument 4, where `$` is the stream's last one; false after an error reply. */
function parseGroupId(call: DataCall, streams: Streams, stream: StreamRef, into: StreamId, strict: boolean): boolean {
  const start = call.starts[4]!;
  if (call.lengths[4] === 1 && call.bytes[start] === DOLLAR) {
    if (stream === 0) into.setMin();
    else streams.lastId(stream, into);
    return true;
  }
  if (readId(call, start, call.lengths[4]!, into, false, strict) !== IdForm.INVALID) return true;
  call.reply.error(INVALID_ID);
  return false;
}

function runCreate(call: DataCall): void {
  const options = parseGroupOptions(call, true);
  if (options === undefined) return;
  const entry = writeTyped(call, 2, Type.STREAM);
  if (entry === WRONG_TYPE) return;
  if (entry === 0 && !options.makeStream) {
    call.reply.error(KEY_MISSING);
    return;
  }
  if (call.count > 8) {
    replySubcommandSyntax(call);
    return;
  }
  const streams = streamsOf(call);
  let stream = entry === 0 ? (0 as StreamRef) : streamOf(call, entry);
  const id = new StreamId();
  if (!parseGroupId(call, streams, stream, id, true)) return;
  if (stream === 0) {
    stream = addStream(call, streams, 2);
    changed(call, 2, 0);
  } else if (findGroup(call, streams, stream, 3) !== 0) {
    call.reply.error('BUSYGROUP Consumer Group name already exists');
    return;
  }
  const list = streams.groups.add(
    streams.groupList(stream),
    call.bytes,
    call.starts[3]!,
    call.lengths[3]!,
    id,
    boundEntriesRead(streams, stream, options.entriesRead),
  );
  streams.setGroupList(stream, list);
  call.reply.ok();
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xgroup-create', 2);
}

/** The stream of argument 2 and the group of argument 3; undefined after an error reply. */
function openGroup(call: DataCall): { streams: Streams; stream: StreamRef; group: GroupRef } | undefined {
  const entry = writeTyped(call, 2, Type.STREAM);
  if (entry === WRONG_TYPE) return undefined;
  if (entry === 0) {
    call.reply.error(KEY_MISSING);
    return undefined;
  }
  const streams = streamsOf(call);
  const stream = streamOf(call, entry);
  return { streams, stream, group: findGroup(call, streams, stream, 3) };
}

function runSetId(call: DataCall): void {
  const options = parseGroupOptions(call, false);
  if (options === undefined) return;
  const found = openGroup(call);
  if (found === undefined) return;
  const { streams, stream, group } = found;
  if (group === 0) {
    replyNoGroup(call, 2, 3);
    return;
  }
  if (call.count !== 5 && call.count !== 7) {
    replySubcommandSyntax(call);
    return;
  }
  const id = new StreamId();
  if (!parseGroupId(call, streams, stream, id, false)) return;
  streams.groups.setLastId(group, id);
  streams.groups.setEntriesRead(group, boundEntriesRead(streams, stream, options.entriesRead));
  call.reply.ok();
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xgroup-setid', 2);
}

function runDestroy(call: DataCall): void {
  const found = openGroup(call);
  if (found === undefined) return;
  const { streams, stream, group } = found;
  if (group === 0) {
    call.reply.integer(0);
    return;
  }
  streams.setGroupList(stream, streams.groups.detach(streams.groupList(stream), group));
  // Its pending list may be large: it is freed like the value of a key.
  const remains = streams.create();
  streams.setGroupList(remains, streams.groups.listOf(group));
  const { guard } = call.host.keyspace.arena;
  if (guard !== null) guard.nodesCut(stream, remains);
  call.host.keyspace.releaseValue(Type.STREAM, Encoding.STREAM, remains);
  call.reply.integer(1);
  notify(call, EventClass.STREAM, 'xgroup-destroy', 2);
  // Consumers that wait for the group must learn that it is gone.
  changed(call, 2, 1);
}

function runCreateConsumer(call: DataCall): void {
  const found = openGroup(call);
  if (found === undefined) return;
  const { groups } = found.streams;
  if (found.group === 0) {
    replyNoGroup(call, 2, 3);
    return;
  }
  const start = call.starts[4]!;
  const length = call.lengths[4]!;
  if (groups.findConsumer(found.group, call.bytes, start, length) !== 0) {
    call.reply.integer(0);
    return;
  }
  groups.addConsumer(found.group, call.bytes, start, length, call.host.keyspace.nowMs);
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xgroup-createconsumer', 2);
  call.reply.integer(1);
}

function runDeleteConsumer(call: DataCall): void {
  const found = openGroup(call);
  if (found === undefined) return;
  const { groups } = found.streams;
  if (found.group === 0) {
    replyNoGroup(call, 2, 3);
    return;
  }
  const consumer = groups.findConsumer(found.group, call.bytes, call.starts[4]!, call.lengths[4]!);
  if (consumer === 0) {
    call.reply.integer(0);
    return;
  }
  call.reply.integer(groups.removeConsumer(found.group, consumer));
  call.host.keyspace.dirty++;
  notify(call, EventClass.STREAM, 'xgroup-delconsumer', 2);
}

const idArgument = oneof('id-selector', str('id'), token('$', { name: 'new-id' }));

const create: DataCommand = command({
  name: 'create',
  since: '5.0.0',
  group: 'stream',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(2, ['RW', 'insert'])],
  args: [
    key('key'),
    str('group'),
    idArgument,
    optional(token('MKSTREAM')),
    optional(int('entriesread', { token: 'ENTRIESREAD', display: 'entries-read' })),
  ],
  summary: 'Makes a group.',
  complexity: 'O(log N) where N is the count of groups.',
  history: [['7.0.0', 'Knows `ENTRIESREAD`.']],
  run: runCreate,
});

const setId: DataCommand = command({
  name: 'setid',
  since: '5.0.0',
  group: 'stream',
  arity: -5,
  flags: ['write'],
  keys: [keyAt(2, ['RW', 'update'])],
  args: [
    key('key'),
    str('group'),
    idArgument,
    optional(int('entriesread', { token: 'ENTRIESREAD', display: 'entries-read' })),
  ],
  summary: 'Sets up to which id a group has read.',
  complexity: 'O(log N) where N is the count of groups.',
  history: [['7.0.0', 'Knows `ENTRIESREAD`.']],
  run: runSetId,
});

const destroy: DataCommand = command({
  name: 'destroy',
  since: '5.0.0',
  group: 'stream',
  arity: 4,
  flags: ['write'],
  keys: [keyAt(2, ['RW', 'delete'])],
  args: [key('key'), str('group')],
  summary: 'Deletes a group with its consumers and what is pending.',
  complexity: 'O(1); the memory is given back bit by bit.',
  run: runDestroy,
});

const createConsumer: DataCommand = command({
  name: 'createconsumer',
  since: '6.2.0',
  group: 'stream',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: [keyAt(2, ['RW', 'insert'])],
  args: [key('key'), str('group'), str('consumer')],
  summary: 'Makes a consumer in a group.',
  complexity: 'O(log N) where N is the count of consumers.',
  run: runCreateConsumer,
});

const deleteConsumer: DataCommand = command({
  name: 'delconsumer',
  since: '5.0.0',
  group: 'stream',
  arity: 5,
  flags: ['write'],
  keys: [keyAt(2, ['RW', 'delete'])],
  args: [key('key'), str('group'), str('consumer')],
  summary: 'Deletes a consumer of a group; returns how much was pending with it.',
  complexity: 'O(N) where N is how many messages are pending with the consumer.',
  run: runDeleteConsumer,
});

const help: DataCommand = command({
  name: 'help',
  since: '5.0.0',
  group: 'stream',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Returns what subcommands there are.',
  complexity: 'O(1)',
  run: (call) =>
    replyHelp(call, 'XGROUP', [
      [
        'CREATE <key> <groupname> <id|$> [option]',
        'Make a consumer group. Options are:',
        '* MKSTREAM',
        '  Make the stream too if it is not there.',
        '* ENTRIESREAD entries_read',
        "  Set the group's count of entries read (for internal use).",
      ],
      ['CREATECONSUMER <key> <groupname> <consumer>', 'Make a consumer in the group.'],
      ['DELCONSUMER <key> <groupname> <consumer>', 'Delete the consumer.'],
      ['DESTROY <key> <groupname>', 'Delete the group.'],
      [
        'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
        "Set the group's last id and its count of entries read.",
      ],
    ]),
});

export const xgroup: DataCommand = command({
  name: 'xgroup',
  since: '5.0.0',
  group: 'stream',
  arity: -2,
  flags: [],
  summary: 'Commands about the groups of a stream.',
  complexity: 'Depends on the subcommand.',
  subcommands: [create, createConsumer, deleteConsumer, destroy, help, setId],
});
