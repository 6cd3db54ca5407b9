// async-moves: SLOTSMGRTSLOT-ASYNC and its kin: keys go to another server in pieces, acknowledged one by one, while all keys can be
// read; and the commands about such a move: FENCE, CANCEL, STATUS, and the DUMP of its messages.

import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int, key, many, str } from '../../registry/grammar.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import { type CodisCall, type CodisCommand, readSetting } from './call.js';
import { KeyMessages, messageCount, type Word } from './key-messages.js';
import type { BatchRequest } from './moves.js';
import { countSlot, keysOfTag, pickKeys } from './slot-keys.js';
import { CODIS_SLOT_COUNT } from '../../base/codis-slot.js';
import { latin1 } from '../../base/bytes.js';

const BULKS_MAX = 512 * 1024;
const DUMP_BYTES_MAX = 2 ** 31 - 1;

function wrongCount(call: CodisCall, name: string): void {
  call.reply.error(`ERR wrong number of arguments for ${name}`);
}

interface Settings {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly bulksMax: number;
  readonly bytesMax: number;
  readonly compresses: boolean;
}

/** The arguments before the keys; undefined with the error replied. */
function readSettings(call: CodisCall): Settings | undefined {
  const port = call.integer(2);
  if (!(port >= 1 && port < 65536)) {
    call.reply.error(`ERR invalid value of port (${call.shown(2)})`);
    return undefined;
  }
  const timeoutMs = readSetting(call, 3, 'timeout', 30_000);
  if (timeoutMs < 0) return undefined;
  const bulksMax = readSetting(call, 4, 'maxbulks', 200);
  if (bulksMax < 0) return undefined;
  const bytesMax = readSetting(call, 5, 'maxbytes', 512 * 1024);
  if (bytesMax < 0) return undefined;
  const compresses = call.host.config.flag('rdbcompression').value;
  return { host: call.text(1), port, timeoutMs, bulksMax: Math.min(bulksMax, BULKS_MAX), bytesMax, compresses };
}

/** The keys of a slot for about `messagesMax` messages; a key whose tag others have brings them along. */
function keysOfSlot(
  call: CodisCall,
  slot: number,
  messagesMax: number,
  bulksMax: number,
  withTag: boolean,
): Uint8Array[] {
  const { keyspace } = call.host;
  const { db } = call;
  const keys = new Map<string, Uint8Array>();
  let estimate = 0;
  for (const picked of pickKeys(keyspace, db, slot, messagesMax)) {
    if (estimate >= messagesMax) break;
    if (keys.has(latin1(picked))) continue;
    for (const each of withTag ? keysOfTag(keyspace, db, picked) : [picked]) {
      const entry = db.peek(each, 0, each.length);
      if (entry === 0) continue;
      keys.set(latin1(each), each);
      estimate += messageCount(keyspace, entry, bulksMax);
    }
  }
  return [...keys.values()];
}

function namedKeys(call: CodisCall, from: number, withTag: boolean): Uint8Array[] {
  const keys = new Map<string, Uint8Array>();
  for (let index = from; index < call.count; index++) {
    const named = call.copy(index);
    keys.set(latin1(named), named);
    if (withTag) for (const each of keysOfTag(call.host.keyspace, call.db, named)) keys.set(latin1(each), each);
  }
  return [...keys.values()];
}

function beginBatch(call: CodisCall, request: BatchRequest): void {
  const { clock, codis, migrations, stats } = call.host;
  const { id } = call.command;
  const late = call.host.suspend(call);
  const begin = (): void => {
    // Another command may move some of the keys by itself: they are gone, or stay, when it is done.
    if (request.keys.some((each) => migrations.isMoving(request.database.index, each))) {
      migrations.whenSettled(begin);
      return;
    }
    if (codis!.batchOf(request.database.index) !== undefined) {
      clock.soon(() => late.resume((reply) => reply.error(errors.databaseMigrates)));
      return;
    }
    codis!.begin(request, (write) => {
      stats.count(id);
      late.resume(write);
    });
  };
  begin();
}

function run(call: CodisCall, name: string, isSlot: boolean, withTag: boolean): void {
  if (isSlot ? call.count !== 8 : call.count <= 6) {
    wrongCount(call, name);
    return;
  }
  const settings = readSettings(call);
  if (settings === undefined) return;
  let slot = -1;
  let messagesMax = 0;
  if (isSlot) {
    slot = call.integer(6);
    if (!(slot >= 0 && slot < CODIS_SLOT_COUNT)) {
      call.reply.error(`ERR invalid value of slot (${call.shown(6)})`);
      return;
    }
    messagesMax = readSetting(call, 7, 'numkeys', 100);
    if (messagesMax < 0) return;
  }
  const { codis } = call.host;
  if (codis === undefined || codis.batchOf(call.db.index) !== undefined) {
    call.reply.error(errors.databaseMigrates);
    return;
  }
  if (call.denyBlocking) {
    call.reply.error(errors.noMoveWithin);
    return;
  }
  const keys = isSlot ? keysOfSlot(call, slot, messagesMax, settings.bulksMax, withTag) : namedKeys(call, 6, withTag);
  if (keys.length === 0) {
    call.reply.array(2);
    call.reply.integer(0);
    call.reply.integer(countSlot(call.db, slot));
    return;
  }
  beginBatch(call, { ...settings, database: call.db, keys, slot });
}

function declare(word: string, isSlot: boolean, withTag: boolean, summary: string): CodisCommand {
  const name = `slotsmgrt${word}-async`;
  return command({
    name,
    since: '3.2.11',
    group: 'generic',
    arity: isSlot ? 8 : -7,
    flags: ['write', 'noscript'],
    categories: ['dangerous'],
    args: [
      str('host'),
      int('port'),
      int('timeout'),
      int('maxbulks'),
      int('maxbytes'),
      ...(isSlot ? [int('slot'), int('numkeys')] : [many(key('key'))]),
    ],
    summary,
    complexity: 'O(N) to send N elements and bytes',
    run: (call: CodisCall) => run(call, name.toUpperCase(), isSlot, withTag),
  });
}

/** A reply of messages: the pieces that would be sent. */
function runDump(call: CodisCall, withTag: boolean): void {
  const timeoutMs = readSetting(call, 1, 'timeout', 30_000);
  if (timeoutMs < 0) return;
  const bulksMax = readSetting(call, 2, 'maxbulks', 1000);
  if (bulksMax < 0) return;
  const messages: (readonly Word[])[] = [];
  for (const each of namedKeys(call, 3, withTag)) {
    const compresses = call.host.config.flag('rdbcompression').value;
    const limits = { timeoutMs, bulksMax, bytesMax: DUMP_BYTES_MAX, compresses };
    const key = new KeyMessages(call.host.keyspace, call.db, each, limits);
    while (!key.isDone) key.step((words) => messages.push(words));
  }
  call.reply.array(messages.length);
  for (const words of messages) {
    call.reply.array(words.length);
    for (const word of words) {
      if (word instanceof Uint8Array) call.reply.bulk(word, 0, word.length);
      else call.reply.bulkText(String(word));
    }
  }
}

function declareDump(word: string, withTag: boolean): CodisCommand {
  return command({
    name: `slotsmgrt${word}-async-dump`,
    since: '3.2.11',
    group: 'generic',
    arity: -4,
    flags: ['readonly'],
    categories: ['dangerous'],
    args: [int('timeout'), int('maxbulks'), many(key('key'))],
    summary: 'Returns the messages that would move keys.',
    complexity: 'O(N) to make N elements and bytes',
    run: (call: CodisCall) => runDump(call, withTag),
  });
}

const fence: CodisCommand = command({
  name: 'slotsmgrt-async-fence',
  since: '3.2.11',
  group: 'generic',
  arity: 1,
  flags: ['readonly', 'noscript'],
  summary: 'Waits until the keys that are under way have arrived.',
  complexity: 'O(1)',
  run(call: CodisCall) {
    const batch = call.host.codis?.batchOf(call.db.index);
    if (batch === undefined) {
      call.reply.ok();
      return;
    }
    if (call.denyBlocking) {
      call.reply.error('ERR previous operation has not finished (call fence again)');
      return;
    }
    const late = call.host.suspend(call);
    batch.waiters.push((write) => late.resume(write));
  },
});

const cancel: CodisCommand = command({
  name: 'slotsmgrt-async-cancel',
  since: '3.2.11',
  group: 'generic',
  arity: 1,
  flags: ['fast'],
  categories: ['dangerous'],
  summary: 'Ends the move of keys of this database; returns how many there were.',
  complexity: 'O(1)',
  run(call: CodisCall) {
    call.reply.integer(call.host.codis?.cancel(call.db.index) === true ? 1 : 0);
  },
});

function replyFields(reply: ReplyWriter, fields: readonly (readonly [string, string | number])[]): void {
  for (const [name, value] of fields) {
    reply.bulkText(name);
    reply.bulkText(String(value));
  }
}

const status: CodisCommand = command({
  name: 'slotsmgrt-async-status',
  since: '3.2.11',
  group: 'generic',
  arity: 1,
  flags: ['fast'],
  summary: 'Tells about the move of keys of this database.',
  complexity: 'O(N) where N is the number of keys under way',
  run(call: CodisCall) {
    const { reply } = call;
    const link = call.host.codis?.linkOf(call.db.index);
    if (link === undefined) {
      reply.nilArray();
      return;
    }
    const batch = call.host.codis?.batchOf(call.db.index);
    const sinceMs = Math.round(call.host.clock.steadyMs() - link.lastUseMs);
    const lastUse = Math.round(call.host.clock.wallMs() - sinceMs);
    reply.array(18);
    replyFields(reply, [
      ['host', link.host],
      ['port', link.port],
      ['used', link.isGreeted ? 1 : 0],
      ['timeout', link.timeoutMs],
      ['lastuse', lastUse],
      ['since_lastuse', sinceMs],
      ['sending_msgs', batch?.pending ?? 0],
      ['blocked_clients', batch?.waiters.length ?? 0],
    ]);
    reply.bulkText('batched_iterator');
    if (batch === undefined) {
      reply.nilArray();
      return;
    }
    const { request, sendings } = batch;
    reply.array(10);
    reply.bulkText('keys');
    reply.array(2);
    reply.bulkText(String(sendings.length));
    reply.array(sendings.length);
    for (const { messages } of sendings) reply.bulk(messages.key, 0, messages.key.length);
    replyFields(reply, [
      ['timeout', request.timeoutMs],
      ['maxbulks', request.bulksMax],
      ['maxbytes', request.bytesMax],
      ['removed_keys', sendings.filter(({ messages }) => messages.isDone).length],
    ]);
  },
});

export const asyncMoves: readonly CodisCommand[] = [
  declare('slot', true, false, 'Moves some keys of a codis slot to another server, in pieces.'),
  declare(
    'tagslot',
    true,
    true,
    'Moves some keys of a codis slot, and all with their hash tags, to another server, in pieces.',
  ),
  declare('one', false, false, 'Moves keys to another server of a codis, in pieces.'),
  declare('tagone', false, true, 'Moves keys, and all with their hash tags, to another server of a codis, in pieces.'),
  declareDump('one', false),
  declareDump('tagone', true),
  fence,
  cancel,
  status,
];
