// exec-wrapper: SLOTSMGRT-EXEC-WRAPPER: runs a command if its key is still here, and tells the proxy of a codis when it
// has moved.
//
//   [-1, error]   the command is none that may run so
//   [0, error]    the key is not here: the proxy asks the other server
//   [1, error]    the key is under way and the command writes: the proxy asks again
//   [2, reply]    the command has run
//
// The key has no declaration, or the gate of moving keys would hold the connection, which a proxy's clients share.

import { command, commandFlags, fitsArity } from '../../registry/command.js';
import { key, many, str } from '../../registry/grammar.js';
import { argumentsOf } from '../../registry/call.js';
import { errors } from '../../protocol/errors.js';
import { type Client, Gate } from '../../service/clients/client.js';
import type { ServerCall } from '../call.js';
import { type CodisCall, type CodisCommand, commandOfCall } from './call.js';

const KEY_INDEX = 1;
const COMMAND_INDEX = 2;

function answer(call: CodisCall, code: number, text: string): void {
  call.reply.array(2);
  call.reply.integer(code);
  call.reply.error(`ERR ${text}`);
}

function run(call: CodisCall): void {
  const { host, db } = call;
  const outer = argumentsOf(call);
  const outerCommand = call.command;
  const client = call.client as Client;
  const name = call.shown(COMMAND_INDEX).replace(/[\r\n]/g, ' ');
  const hashKey = outer[KEY_INDEX]!;
  call.setArguments(outer.slice(COMMAND_INDEX));
  const restore = (): void => {
    call.setArguments(outer);
    call.command = outerCommand;
    call.denyBlocking = false;
  };
  const found = commandOfCall(call);
  if (found === undefined || !mayRunSo(found.flags)) {
    restore();
    answer(call, -1, `invalid command specified (${name})`);
    return;
  }
  if (!fitsArity(found, call.count)) {
    restore();
    answer(call, -1, `wrong number of arguments for command (${name})`);
    return;
  }
  if (db.peek(hashKey, 0, hashKey.length) === 0) {
    restore();
    answer(call, 0, "the specified key doesn't exist");
    return;
  }
  const isWrite = (found.flags & commandFlags.readonly) === 0;
  if (isWrite && host.migrations.isMoving(db.index, hashKey)) {
    restore();
    answer(call, 1, 'the specified key is being migrated');
    return;
  }
  call.reply.array(2);
  call.reply.integer(2);
  const refusal = refusalOf(call, client, found);
  if (refusal !== undefined) {
    restore();
    call.reply.error(refusal);
    return;
  }
  call.command = found as unknown as typeof outerCommand;
  call.denyBlocking = true;
  host.depth++;
  host.run(call as ServerCall, found);
  const finish = (): void => {
    host.depth--;
    restore();
  };
  if (host.scripting.parked.active) host.scripting.parked.continueWith(finish);
  else finish();
}

/** Scripts may; what is about the connection (MULTI, SUBSCRIBE) may not. */
function mayRunSo(flags: number): boolean {
  return (flags & commandFlags.noscript) === 0 || (flags & commandFlags.no_mandatory_keys) !== 0;
}

function refusalOf(
  call: CodisCall,
  client: Client,
  found: Parameters<CodisCall['host']['run']>[1],
): string | undefined {
  const { host } = call;
  const isRestricted = (client.gates & Gate.ACL) !== 0;
  const refusal = isRestricted ? host.permissions.refusal(client, found as never, call as never) : undefined;
  if (refusal !== undefined) return refusal;
  const isFull =
    (found.flags & commandFlags.denyoom) !== 0 && host.memoryLimit.isPassed && !host.memoryLimit.evictSome();
  return isFull ? errors.outOfMemory : undefined;
}

export const execWrapper: CodisCommand = command({
  name: 'slotsmgrt-exec-wrapper',
  since: '3.2.11',
  group: 'generic',
  arity: -3,
  flags: ['write', 'noscript'],
  args: [key('hashkey'), str('command'), many(str('arg'))],
  summary: 'Runs a command if its key is still on this server of a codis.',
  complexity: 'As the command',
  run,
});
