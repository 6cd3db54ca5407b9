// sync-moves: SLOTSMGRTSLOT, SLOTSMGRTONE and their tagged kin: keys move to another server, and the client waits until
// they have arrived.
//
// codis-server does nothing else meanwhile. Here the keys are moved as MIGRATE moves them (migrations): they can be read until they
// have gone, writes to them wait, and everybody else is served. Other clients may move the same keys at the same time: then the
// later one waits, and finds out what is left.

import { errors } from '../../protocol/errors.js';
import type { Database } from '../../keyspace/database.js';
import { command, keyAt } from '../../registry/command.js';
import { int, key, str } from '../../registry/grammar.js';
import { type CodisCall, type CodisCommand, type CodisHost, readSlot, readTimeout } from './call.js';
import { countSlot, keysOfTag, pickKeys } from './slot-keys.js';

interface Target {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

interface Move {
  readonly server: CodisHost;
  readonly database: Database;
  readonly target: Target;
  /** The keys to move, looked up when their turn comes. */
  keys(): Uint8Array[];
  done(error: string | undefined, movedCount: number): void;
}

/** codis-server's words for a failure of MIGRATE. */
function inCodisWords(error: string): string {
  if (error.startsWith('IOERR')) {
    return error
      .replace('reading to target instance', 'reading from target')
      .replace(' to target instance', ' to target');
  }
  const reply = /^ERR Target instance replied with error: (.*)$/.exec(error)?.[1];
  if (reply === undefined) return error;
  if (/^(?:WRONGPASS|NOAUTH|ERR (?:AUTH|Client sent AUTH|invalid password))/.test(reply))
    return 'ERR error on slotsrestore, auth failed';
  if (reply.includes('DB index')) return 'ERR error on slotsrestore, select failed';
  return 'ERR error on slotsrestore, migration failed';
}

function begin(move: Move): void {
  const { server, database, target } = move;
  const { migrations } = server;
  const keys = move.keys().filter((each) => database.peek(each, 0, each.length) !== 0);
  if (keys.length === 0) {
    // In another turn, as every late reply: this one's replies are not out yet.
    server.clock.soon(() => move.done(undefined, 0));
    return;
  }
  if (keys.some((each) => migrations.isMoving(database.index, each))) {
    migrations.whenSettled(() => begin(move));
    return;
  }
  const password = server.config.text('requirepass').value ?? '';
  const request = {
    ...target,
    database: database.index,
    copies: false,
    replaces: true,
    credentials: password === '' ? [] : [new Uint8Array(Buffer.from(password))],
    source: database,
    keys,
    restoreWord: 'SLOTSRESTORE',
  };
  migrations.start(request, (error, movedCount) => {
    move.done(error === undefined ? undefined : inCodisWords(error), movedCount);
  });
}

function run(call: CodisCall, isSlot: boolean, withTag: boolean): void {
  const timeoutMs = readTimeout(call, 3);
  if (timeoutMs < 0) return;
  let slot = -1;
  if (isSlot && (slot = readSlot(call, 4)) < 0) return;
  const { host: server, db: database } = call;
  if (call.denyBlocking) {
    call.reply.error(errors.noMoveWithin);
    return;
  }
  const port = call.integer(2);
  const target = { host: call.text(1), port: port > 0 && port < 65536 ? port : 0, timeoutMs };
  const named = isSlot ? undefined : call.copy(4);
  const { id } = call.command;
  const late = server.suspend(call);
  begin({
    server,
    database,
    target,
    keys() {
      const [first] = named === undefined ? pickKeys(server.keyspace, database, slot, 1) : [named];
      if (first === undefined) return [];
      return withTag ? keysOfTag(server.keyspace, database, first) : [first];
    },
    done(error, movedCount) {
      server.stats.count(id);
      if (error !== undefined) server.stats.countError(id, error);
      late.resume((reply) => {
        if (error !== undefined) {
          reply.error(error);
          return;
        }
        if (isSlot) reply.array(2);
        reply.integer(movedCount);
        if (isSlot) reply.integer(countSlot(database, slot));
      });
    },
  });
}

function declare(name: string, isSlot: boolean, withTag: boolean, summary: string): CodisCommand {
  return command({
    name,
    since: '3.2.11',
    group: 'generic',
    arity: 5,
    flags: ['write', 'noscript'],
    categories: ['dangerous'],
    ...(isSlot ? {} : { keys: [keyAt(4, ['RW', 'access', 'delete'])] }),
    args: [str('host'), int('port'), int('timeout'), isSlot ? int('slot') : key('key')],
    summary,
    complexity: 'As DUMP and DEL here and RESTORE there, for each key',
    run: (call: CodisCall) => run(call, isSlot, withTag),
  });
}

export const syncMoves: readonly CodisCommand[] = [
  declare('slotsmgrtslot', true, false, 'Moves one key of a codis slot to another server.'),
  declare(
    'slotsmgrttagslot',
    true,
    true,
    'Moves one key of a codis slot, and all keys with its hash tag, to another server.',
  ),
  declare('slotsmgrtone', false, false, 'Moves a key to another server of a codis.'),
  declare('slotsmgrttagone', false, true, 'Moves a key, and all keys with its hash tag, to another server of a codis.'),
];
