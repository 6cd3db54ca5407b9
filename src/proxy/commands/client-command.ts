// client-command: CLIENT about the clients of the proxy.
import { errors, wrongArity } from '../../protocol/errors.js';
import type { Call } from '../../registry/call.js';
import type { Plan } from '../routing/plan.js';
import type { Session } from '../session/session.js';

/** What CLIENT needs of the proxy. */
export interface ClientHost {
  readonly sessions: ReadonlyMap<number, Session>;
  nowMs(): number;
}

/** A line of CLIENT LIST. */
export function clientLine(session: Session, nowMs: number): string {
  const flags =
    session.transaction?.isMulti === true ? 'x' : session.subscriptionCount > 0 ? 'P' : session.isWaiting ? 'b' : 'N';
  return (
    `id=${session.id} addr=${session.wire.remote} laddr=${session.wire.local} fd=-1 name=${session.name} ` +
    `age=${Math.floor((nowMs - session.createdMs) / 1000)} idle=${Math.floor((nowMs - session.lastActiveMs) / 1000)} flags=${flags} ` +
    `db=${session.databaseIndex} sub=${session.subscriptionCount} psub=0 ssub=0 multi=${session.transaction?.isMulti === true ? 0 : -1} ` +
    `qbuf=${session.queryBytes} omem=${session.wire.unsentBytes} open=${session.order.openCount} tot-cmds=${session.commandCount} ` +
    `cmd=${session.lastCommand || 'NULL'} user=${session.user?.name ?? 'default'} resp=${session.protocol} pool=${session.pool.name} ` +
    `lib-name=${session.libraryName} lib-ver=${session.libraryVersion}`
  );
}

function validName(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function kill(host: ClientHost, session: Session, call: Call): void {
  const matches: ((other: Session) => boolean)[] = [];
  let skipsMe = true;
  const isOld = call.count === 3;
  if (isOld) {
    const address = call.text(2);
    matches.push((other) => other.wire.remote === address);
    skipsMe = false;
  } else {
    if (call.count % 2 !== 0) {
      call.reply.error(errors.syntax);
      return;
    }
    for (let index = 2; index + 1 < call.count; index += 2) {
      const value = call.text(index + 1);
      if (call.is(index, 'id')) matches.push((other) => other.id === Number(value));
      else if (call.is(index, 'addr')) matches.push((other) => other.wire.remote === value);
      else if (call.is(index, 'laddr')) matches.push((other) => other.wire.local === value);
      else if (call.is(index, 'user')) matches.push((other) => (other.user?.name ?? 'default') === value);
      else if (call.is(index, 'maxage'))
        matches.push((other) => host.nowMs() - other.createdMs >= Number(value) * 1000);
      else if (call.is(index, 'type'))
        matches.push((other) => (other.subscriptionCount > 0 ? 'pubsub' : 'normal') === value.toLowerCase());
      else if (call.is(index, 'skipme')) skipsMe = value.toLowerCase() !== 'no';
      else {
        call.reply.error(errors.syntax);
        return;
      }
    }
  }
  let count = 0;
  for (const other of host.sessions.values()) {
    if ((skipsMe && other === session) || !matches.every((match) => match(other))) continue;
    count++;
    if (other === session) session.closesSoon = true;
    else other.destroy();
  }
  if (!isOld) call.reply.integer(count);
  else if (count > 0) call.reply.ok();
  else call.reply.error('ERR No such client');
}

function setInfo(session: Session, call: Call): void {
  const value = call.text(3);
  if (!validName(value)) call.reply.error(`ERR ${call.text(2)} cannot contain spaces, newlines or special characters.`);
  else if (call.is(2, 'lib-name')) {
    session.libraryName = value;
    call.reply.ok();
  } else if (call.is(2, 'lib-ver')) {
    session.libraryVersion = value;
    call.reply.ok();
  } else {
    call.reply.error(`ERR Unrecognized option '${call.shown(2)}'`);
  }
}

function reply(session: Session, call: Call): void {
  if (call.is(2, 'on')) {
    session.replyMode = 'on';
    call.reply.ok();
  } else if (call.is(2, 'off')) {
    session.replyMode = 'off';
  } else if (call.is(2, 'skip')) {
    if (session.replyMode === 'on') session.replyMode = 'skip';
  } else {
    call.reply.error(errors.syntax);
  }
}

export function runClient(host: ClientHost, session: Session, call: Call, plan: Plan): void {
  const { reply: writer } = call;
  switch (plan.command.fullName) {
    case 'client|id':
      writer.integer(session.id);
      return;
    case 'client|getname':
      if (session.name === '') writer.nil();
      else writer.bulkLatin1(session.name);
      return;
    case 'client|setname': {
      const name = call.text(2);
      if (!validName(name)) writer.error('ERR Client names cannot contain spaces, newlines or special characters.');
      else {
        session.name = name;
        writer.ok();
      }
      return;
    }
    case 'client|setinfo':
      setInfo(session, call);
      return;
    case 'client|info':
      writer.verbatim(`${clientLine(session, host.nowMs())}\n`);
      return;
    case 'client|list':
      writer.verbatim([...host.sessions.values()].map((other) => `${clientLine(other, host.nowMs())}\n`).join(''));
      return;
    case 'client|kill':
      kill(host, session, call);
      return;
    case 'client|reply':
      reply(session, call);
      return;
    case 'client|no-evict':
    case 'client|no-touch':
      writer.ok();
      return;
    case 'client|help':
      writer.array(1);
      writer.simple(
        'CLIENT ID, INFO, LIST, KILL, GETNAME, SETNAME, SETINFO, REPLY, NO-EVICT and NO-TOUCH are about the clients of the proxy',
      );
      return;
    case 'client':
      writer.error(wrongArity('client'));
      return;
    default:
      writer.error(
        `ERR the proxy does not support '${plan.command.fullName}': connections to servers are shared between clients`,
      );
  }
}
