// async-restore: SLOTSRESTORE-ASYNC and its kin: keys that come in pieces from another server of a codis, each piece acknowledged.
//
// An acknowledgement is a request in form: SLOTSRESTORE-ASYNC-ACK code text. After one that refuses, the connection ends, so the
// other side keeps its keys. Pieces are passed on to replicas and the AOF as the commands that they amount to.

import { Type } from '../../datatypes/object.js';
import { latin1Bytes, utf8 } from '../../base/bytes.js';
import { command } from '../../registry/command.js';
import { int, key, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { argumentsOf } from '../../registry/call.js';
import { ReplyWriter } from '../../protocol/reply.js';
import type { Client } from '../../service/clients/client.js';
import type { ServerCall } from '../call.js';
import type { CodisCall, CodisCommand } from './call.js';
import { entryOfPayload, placeEntry } from './restore.js';

const KEY_INDEX = 2;
const TTL_INDEX = 3;
const HINT_INDEX = 4;
const FIRST_ELEMENT = 5;
const scratch = new ReplyWriter();

function acknowledge(call: CodisCall, code: number, text: string): void {
  const { reply } = call;
  reply.array(3);
  reply.bulkText('SLOTSRESTORE-ASYNC-ACK');
  reply.bulkText(String(code));
  reply.bulkLatin1(text);
  if (code !== 0) (call.client as Client).connection?.closeAfterReply();
}

function refuse(call: CodisCall, text: string): false {
  acknowledge(call, -1, text);
  return false;
}

/** Runs a command of our own in place of the call's; the error that it replied with, if any. */
function runInstead(call: CodisCall, words: readonly (Uint8Array | string)[]): string | undefined {
  const { host } = call;
  const outer = argumentsOf(call);
  const outerReply = call.reply;
  const outerCommand = call.command;
  call.setArguments(words.map((word) => (typeof word === 'string' ? utf8(word) : word)));
  call.reply = scratch;
  const { errorCount } = scratch;
  const found = host.codis!.commandNamed(words[0] as string);
  call.command = found as unknown as typeof outerCommand;
  call.denyBlocking = true;
  host.depth++;
  host.run(call as ServerCall, found);
  host.depth--;
  call.denyBlocking = false;
  call.command = outerCommand;
  call.reply = outerReply;
  call.setArguments(outer);
  const error = scratch.errorCount === errorCount ? undefined : scratch.lastError;
  scratch.clear();
  return error;
}

function keyEntry(call: CodisCall): number {
  return call.db.lookupWrite(call.bytes, call.starts[KEY_INDEX]!, call.lengths[KEY_INDEX]!);
}

function nameOfKey(call: CodisCall): string {
  return call.text(KEY_INDEX).slice(0, 128);
}

/** Gives the key its time, or none. */
function settleExpiry(call: CodisCall, ttlMs: number): void {
  const bytes = call.copy(KEY_INDEX);
  if (ttlMs > 0) runInstead(call, ['PEXPIREAT', bytes, String(call.host.keyspace.nowMs + ttlMs)]);
  else runInstead(call, ['PERSIST', bytes]);
}

function deleteKey(call: CodisCall): void {
  const entry = keyEntry(call);
  if (entry !== 0) runInstead(call, ['DEL', call.copy(KEY_INDEX)]);
  acknowledge(call, 0, entry !== 0 ? '1' : '0');
}

function restoreString(call: CodisCall, ttlMs: number): boolean {
  if (keyEntry(call) !== 0) return refuse(call, `the specified key already exists (${nameOfKey(call)})`);
  const options = ttlMs > 0 ? ['PXAT', String(call.host.keyspace.nowMs + ttlMs)] : [];
  const error = runInstead(call, ['SET', call.copy(KEY_INDEX), call.copy(4), ...options]);
  if (error !== undefined) return refuse(call, error);
  acknowledge(call, 0, '1');
  return true;
}

function restoreObject(call: CodisCall, ttlMs: number): boolean {
  if (keyEntry(call) !== 0) return refuse(call, `the specified key already exists (${nameOfKey(call)})`);
  const entry = entryOfPayload(call, KEY_INDEX, 4, ttlMs > 0);
  if (entry === 'checksum') return refuse(call, 'invalid payload checksum');
  if (entry === 'format') return refuse(call, 'invalid payload body');
  const expireAtMs = ttlMs > 0 ? call.host.keyspace.nowMs + ttlMs : 0;
  placeEntry(call, KEY_INDEX, entry, expireAtMs);
  if (call.host.effects.wanted)
    call.host.alsoPropagate(call, ['RESTORE', call.copy(KEY_INDEX), expireAtMs, call.copy(4), 'REPLACE', 'ABSTTL']);
  call.host.preventPropagation(call);
  acknowledge(call, 0, '1');
  return true;
}

interface PieceKind {
  readonly type: number;
  readonly word: string;
  /** Arguments of an element. */
  readonly step: number;
}

const pieceKinds: Readonly<Record<string, PieceKind>> = {
  list: { type: Type.LIST, word: 'RPUSH', step: 1 },
  hash: { type: Type.HASH, word: 'HSET', step: 2 },
  dict: { type: Type.SET, word: 'SADD', step: 1 },
  zset: { type: Type.ZSET, word: 'ZADD', step: 2 },
};

function scoreText(score: number): string {
  if (score === Infinity) return 'inf';
  return score === -Infinity ? '-inf' : String(score);
}

/** The elements of a piece as the arguments of the command that adds them; undefined after a refusal. */
function elementsOf(call: CodisCall, kind: PieceKind): Uint8Array[] | undefined {
  const elements: Uint8Array[] = [];
  for (let index = FIRST_ELEMENT; index < call.count; index++) elements.push(call.copy(index));
  if (kind.word !== 'ZADD') return elements;
  for (let index = 0; index < elements.length; index += 2) {
    const raw = elements[index + 1]!;
    const score = raw.length === 8 ? new DataView(raw.buffer, raw.byteOffset, 8).getFloat64(0, true) : NaN;
    if (Number.isNaN(score)) {
      refuse(call, `invalid zset score ([${index / 2}]), bad raw bits`);
      return undefined;
    }
    // ZADD has the score first.
    elements[index + 1] = elements[index]!;
    elements[index] = latin1Bytes(scoreText(score));
  }
  return elements;
}

function restorePiece(call: CodisCall, kind: PieceKind): boolean {
  const { keyspace } = call.host;
  const entry = keyEntry(call);
  const count = call.count - FIRST_ELEMENT;
  if (count % kind.step !== 0) return refuse(call, wrongCount(call));
  if (entry !== 0 && keyspace.entries.type(entry) !== kind.type)
    return refuse(call, `wrong type (expect=${kind.type},got=${keyspace.entries.type(entry)})`);
  if (entry === 0 && count === 0) return refuse(call, `the specified key doesn't exist (${nameOfKey(call)})`);
  const elements = elementsOf(call, kind);
  if (elements === undefined) return false;
  const error = count === 0 ? undefined : runInstead(call, [kind.word, call.copy(KEY_INDEX), ...elements]);
  if (error !== undefined) return refuse(call, error);
  const now = keyEntry(call);
  acknowledge(call, 0, String(now === 0 ? 0 : keyspace.values.count(now)));
  return true;
}

function wrongCount(call: CodisCall): string {
  return `wrong number of arguments (argc=${call.count},cmd=${call.count > 1 ? call.text(1).slice(0, 64) : ''})`;
}

function run(call: CodisCall): void {
  const { host } = call;
  if (host.codis?.batchOf(call.db.index) !== undefined) return void refuse(call, 'the specified DB is being migrated');
  if (call.count < 3) return void refuse(call, wrongCount(call));
  host.effects.begin();
  runKind(call, call.text(1).toLowerCase());
  host.effects.end();
}

function runKind(call: CodisCall, word: string): void {
  if (word === 'delete') {
    if (call.count === 3) deleteKey(call);
    else refuse(call, wrongCount(call));
    return;
  }
  if (call.count < 4) return void refuse(call, wrongCount(call));
  const ttlMs = call.integer(TTL_INDEX);
  if (!(ttlMs >= 0)) return void refuse(call, `invalid TTL value (TTL=${call.text(TTL_INDEX).slice(0, 64)})`);
  switch (word) {
    case 'expire':
      if (call.count !== 4) return void refuse(call, wrongCount(call));
      if (keyEntry(call) === 0) return void refuse(call, `the specified key doesn't exist (${nameOfKey(call)})`);
      acknowledge(call, 0, '1');
      settleExpiry(call, ttlMs);
      return;
    case 'string':
    case 'object':
      if (call.count !== 5) return void refuse(call, wrongCount(call));
      if (word === 'string') restoreString(call, ttlMs);
      else restoreObject(call, ttlMs);
      return;
    default: {
      const kind = Object.hasOwn(pieceKinds, word) ? pieceKinds[word]! : undefined;
      if (kind === undefined) return void refuse(call, `unknown command (argc=${call.count},cmd=${word.slice(0, 64)})`);
      if (call.count < FIRST_ELEMENT) return void refuse(call, wrongCount(call));
      if (!(call.integer(HINT_INDEX) >= 0))
        return void refuse(call, `invalid Hint value (Hint=${call.text(HINT_INDEX).slice(0, 64)})`);
      if (restorePiece(call, kind)) settleExpiry(call, ttlMs);
    }
  }
}

export const slotsRestoreAsync: CodisCommand = command({
  name: 'slotsrestore-async',
  since: '3.2.11',
  group: 'generic',
  arity: -2,
  flags: ['write', 'denyoom', 'noscript'],
  categories: ['dangerous'],
  args: [
    oneof(
      'kind',
      ...['delete', 'expire', 'string', 'object', 'list', 'hash', 'dict', 'zset'].map((word) => token(word)),
    ),
    key('key'),
    optional(int('ttl')),
    optional(many(str('arg'))),
  ],
  summary: 'Takes a piece of a key that comes from another server of a codis.',
  complexity: 'O(N) for N elements and bytes',
  run,
});

export const slotsRestoreAsyncAuth: CodisCommand = command({
  name: 'slotsrestore-async-auth',
  since: '3.2.11',
  group: 'generic',
  arity: 2,
  flags: ['noscript', 'loading', 'stale', 'fast', 'no_auth'],
  categories: ['connection'],
  args: [str('password')],
  summary: 'AUTH, with an acknowledgement of its own.',
  complexity: 'O(1)',
  run(call: CodisCall) {
    if (!call.host.requiresPassword) refuse(call, 'Client sent AUTH, but no password is set');
    else if (call.host.authenticate(call.client as Client, 'default', call.text(1))) acknowledge(call, 0, 'OK');
    else refuse(call, 'invalid password');
  },
});

export const slotsRestoreAsyncSelect: CodisCommand = command({
  name: 'slotsrestore-async-select',
  since: '3.2.11',
  group: 'generic',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  args: [int('index')],
  summary: 'SELECT, with an acknowledgement of its own.',
  complexity: 'O(1)',
  run(call: CodisCall) {
    const index = call.integer(1);
    if (!(index >= 0 && index < call.host.keyspace.databases.length)) {
      refuse(call, `invalid DB index (${call.text(1).slice(0, 64)})`);
      return;
    }
    call.client.databaseIndex = index;
    acknowledge(call, 0, 'OK');
  },
});

export const slotsRestoreAsyncAck: CodisCommand = command({
  name: 'slotsrestore-async-ack',
  since: '3.2.11',
  group: 'generic',
  arity: 3,
  flags: ['write', 'noscript'],
  args: [int('errcode'), str('message')],
  summary: 'Acknowledges a piece; only the server that the piece went to may say so.',
  complexity: 'O(1)',
  run(call: CodisCall) {
    // Acknowledgements come on the connection that the pieces went out by; this client is another.
    call.reply.error('ERR invalid client, permission denied');
    (call.client as Client).connection?.closeAfterReply();
  },
});
