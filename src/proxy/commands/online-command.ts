// online-command: PROXY MIGRATE, MIRROR, MOVE, HOTKEYS and BIGKEYS: changes of a pool while clients use it.
import { latin1Bytes } from '../../base/bytes.js';
import { ReplyWriter } from '../../protocol/reply.js';
import type { Call } from '../../registry/call.js';
import type { InstanceMove } from '../online/instance-move.js';
import { MigratingRouter } from '../online/migrating-router.js';
import { MirrorRouter } from '../online/mirror-router.js';
import type { WatchedKey } from '../pool/key-watch.js';
import type { Session } from '../session/session.js';

const LIST_COUNT = 20;
const COMPARE_COUNT = 100;

/** The proxy as these commands need it. */
export interface OnlineHost {
  /** Begins to move a server of the session's pool; the reason when it cannot. */
  moveServer(session: Session, name: string, address: string): InstanceMove | string;
  moveOf(session: Session): InstanceMove | undefined;
}

function replyPairs(writer: ReplyWriter, fields: Readonly<Record<string, string | number>>): void {
  const entries = Object.entries(fields);
  writer.map(entries.length);
  for (const [name, value] of entries) {
    writer.bulkText(name);
    if (typeof value === 'number') writer.integer(value);
    else writer.bulkText(value);
  }
}

/** Replies when the work is done; later requests of the client do not wait, their replies do. */
function replyLater(session: Session, work: Promise<number>): void {
  const sequence = session.order.take();
  const answer = (text: string): void => {
    const bytes = latin1Bytes(text);
    session.takeReply(sequence, bytes, 0, bytes.length);
  };
  work.then(
    (value) => answer(`:${value}\r\n`),
    (error: unknown) =>
      answer(`-ERR ${(error instanceof Error ? error.message : String(error)).replace(/[\r\n]/g, ' ')}\r\n`),
  );
}

function readCount(call: Call, index: number, missing: number, max: number): number {
  if (call.count <= index) return missing;
  const count = call.integer(index);
  if (count >= 0 && count <= max) return count;
  call.reply.error('ERR value is not an integer or out of range');
  return -1;
}

function migrate(session: Session, call: Call): void {
  const { router } = session.pool;
  const { reply } = call;
  if (!(router instanceof MigratingRouter)) {
    reply.error("ERR this pool does not migrate: 'migrate_to' in its configuration says where to");
    return;
  }
  const { progress } = router;
  const word = call.count > 2 ? call.text(2).toLowerCase() : 'status';
  switch (word) {
    case 'status':
      replyPairs(reply, { ...progress, speed: router.speed });
      return;
    case 'pause':
    case 'resume':
      if (progress.state !== 'done') progress.state = word === 'pause' ? 'paused' : 'running';
      reply.ok();
      return;
    case 'speed': {
      const speed = readCount(call, 3, 0, 10_000_000);
      if (speed < 0) return;
      router.speed = speed;
      reply.ok();
      return;
    }
    default:
      reply.error(`ERR unknown word '${call.shown(2)}': STATUS, PAUSE, RESUME or SPEED keys-a-second`);
  }
}

function mirror(session: Session, call: Call): void {
  const { router } = session.pool;
  const { reply } = call;
  if (!(router instanceof MirrorRouter)) {
    reply.error("ERR this pool has no mirror: 'mirror_to' in its configuration names one");
    return;
  }
  const word = call.count > 2 ? call.text(2).toLowerCase() : 'status';
  switch (word) {
    case 'status':
      replyPairs(reply, { ...router.counts, waiting: router.dirtyCount });
      return;
    case 'compare': {
      const count = readCount(call, 3, COMPARE_COUNT, 1_000_000);
      if (count >= 0) replyLater(session, router.compare(count));
      return;
    }
    case 'repair':
      replyLater(session, router.repair());
      return;
    case 'switch':
      router.switchOver();
      reply.ok();
      return;
    default:
      reply.error(`ERR unknown word '${call.shown(2)}': STATUS, COMPARE keys, REPAIR or SWITCH`);
  }
}

function move(host: OnlineHost, session: Session, call: Call): void {
  const { reply } = call;
  if (call.count === 2 || (call.count === 3 && call.is(2, 'status'))) {
    const running = host.moveOf(session);
    if (running === undefined) replyPairs(reply, { state: 'none' });
    else
      replyPairs(reply, {
        state: running.stage,
        server: running.old.options.name,
        from: running.old.options.label,
        to: running.by.options.label,
        error: running.error,
      });
    return;
  }
  if (call.count === 3 && call.is(2, 'stop')) {
    if (host.moveOf(session)?.stop() === true) reply.ok();
    else reply.error('ERR no move is under way that could be broken off');
    return;
  }
  if (call.count !== 4) {
    reply.error('ERR PROXY MOVE server host:port, PROXY MOVE STATUS or PROXY MOVE STOP');
    return;
  }
  const begun = host.moveServer(session, call.text(2), call.text(3));
  if (typeof begun === 'string') reply.error(`ERR ${begun}`);
  else reply.ok();
}

function replyKeys(call: Call, keys: readonly WatchedKey[], unit: string): void {
  call.reply.array(keys.length);
  for (const { name, databaseIndex, amount, command } of keys) {
    call.reply.map(4);
    call.reply.bulkText('key');
    call.reply.bulkLatin1(name);
    call.reply.bulkText('db');
    call.reply.integer(databaseIndex);
    call.reply.bulkText(unit);
    call.reply.integer(amount);
    call.reply.bulkText('command');
    call.reply.bulkText(command);
  }
}

function watched(session: Session, call: Call, isHot: boolean): void {
  const { watch } = session.pool;
  if (watch === undefined) {
    call.reply.error("ERR keys of this pool are not watched: 'watch_keys: true' in its configuration turns it on");
    return;
  }
  const count = readCount(call, 2, LIST_COUNT, 1000);
  if (count < 0) return;
  replyKeys(call, isHot ? watch.hottest(count) : watch.biggest(count), isHot ? 'requests' : 'bytes');
}

export const onlineHelp = [
  'BIGKEYS [count] -- Keys with the biggest values and requests that were seen.',
  'HOTKEYS [count] -- Keys with the most requests of the last seconds.',
  'MIGRATE [STATUS|PAUSE|RESUME|SPEED n] -- The migration to the pool of migrate_to.',
  'MIRROR [STATUS|COMPARE n|REPAIR|SWITCH] -- The second pool that gets all writes.',
  'MOVE server host:port, MOVE STATUS, MOVE STOP -- A server goes to another instance.',
];

/** Runs one of these; false for any other word. */
export function runOnlineCommand(host: OnlineHost, session: Session, call: Call, word: string): boolean {
  switch (word) {
    case 'migrate':
      migrate(session, call);
      return true;
    case 'mirror':
      mirror(session, call);
      return true;
    case 'move':
      move(host, session, call);
      return true;
    case 'hotkeys':
    case 'bigkeys':
      watched(session, call, word === 'hotkeys');
      return true;
    default:
      return false;
  }
}
