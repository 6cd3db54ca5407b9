// transaction: WATCH, MULTI and EXEC through the proxy, on one server.
//
// A transaction has a connection of its own from its first key on, for what the server keeps about it belongs to the connection.
// Until a key names the server, commands without one are answered +QUEUED here and sent as soon as it is known. A key of another
// server is refused, and then EXEC is too, as after any command that could not be queued.

import { latin1Bytes } from '../../base/bytes.js';
import { errors } from '../../protocol/errors.js';
import { encodeCommand } from '../../client/encode-command.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { BackendConnection } from '../wire/backend-connection.js';
import type { ReplySink } from '../wire/reply-sink.js';
import { Borrower } from './borrowing.js';
import type { DispatchParts } from './dispatch-parts.js';
import { okReply, queuedReply } from './replies.js';
import type { OpenTransaction, Session } from './session.js';

const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
const otherServer = 'CROSSSLOT Keys in request do not lie on the same server as those before in this transaction';

/** A reply that the client has had already. */
const expected: ReplySink = {
  takeReply: () => undefined,
  takePart: () => true,
  takeFailure: () => undefined,
};

export class Transaction implements OpenTransaction {
  isMulti = false;
  private backend: Backend | undefined;
  private connection: BackendConnection | undefined;
  private readonly early: Uint8Array[] = [];
  private earlyBytes = 0;
  private hasFailed = false;
  /** Called when EXEC has changed its keys. */
  private readonly changes: (() => void)[] = [];
  private readonly databaseIndex: number;
  private readonly protocol: 2 | 3;

  constructor(private readonly session: Session) {
    this.databaseIndex = session.databaseIndex;
    this.protocol = session.protocol;
    session.cleanUps.add(this.cleanUp);
  }

  private readonly cleanUp = (): void => {
    if (this.connection !== undefined) this.backend!.drop(this.connection);
  };

  /** A command was refused before it reached the server. */
  fail(): void {
    if (this.isMulti) this.hasFailed = true;
  }

  /** The connection to `backend`; undefined when the transaction is with another server. */
  private open(backend: Backend): BackendConnection | undefined {
    if (this.backend !== undefined) return this.backend === backend ? this.connection : undefined;
    this.backend = backend;
    const connection = (this.connection = backend.borrow(this.databaseIndex, this.protocol));
    if (this.isMulti) this.sendWords(['MULTI'], expected, 0);
    for (const frame of this.early) connection.send(expected, 0, frame, 0, frame.length);
    this.early.length = 0;
    return connection;
  }

  private sendWords(words: readonly string[], owner: ReplySink, tag: number): void {
    const bytes = new Uint8Array(encodeCommand(words));
    this.connection!.send(owner, tag, bytes, 0, bytes.length);
  }

  watch(dispatcher: DispatchParts, plan: Plan): void {
    const { session } = this;
    if (this.isMulti) {
      session.answerError('ERR WATCH inside MULTI is not allowed');
      return;
    }
    const { backend, isRefused } = dispatcher.backendOfCall(session, plan);
    if (isRefused || backend === undefined) {
      if (this.connection === undefined) this.end();
      return;
    }
    this.forward(dispatcher, plan, backend);
  }

  begin(): void {
    const { session } = this;
    if (this.isMulti) {
      session.answerError('ERR MULTI calls can not be nested');
      return;
    }
    this.isMulti = true;
    if (this.connection === undefined) session.answer(okReply);
    else this.sendWords(['MULTI'], session, session.order.take());
  }

  /** Queues the command that is in the dispatcher's frame. */
  queue(dispatcher: DispatchParts, plan: Plan): void {
    const { backend, isRefused, changed } = dispatcher.backendOfCall(this.session, plan);
    if (isRefused) return;
    if (changed !== undefined) this.changes.push(changed);
    const chosen = backend ?? this.backend;
    if (chosen !== undefined) {
      this.forward(dispatcher, plan, chosen);
      return;
    }
    const { frame } = dispatcher;
    this.earlyBytes += frame.count;
    if (this.earlyBytes > QUEUED_BYTES_MAX) {
      dispatcher.refuse(this.session, plan, 'ERR too much is queued before the first key');
      return;
    }
    this.early.push(frame.bytes.slice(frame.from, frame.from + frame.count));
    this.session.answer(queuedReply);
  }

  private forward(dispatcher: DispatchParts, plan: Plan, backend: Backend): void {
    const { session } = this;
    const connection = this.open(backend);
    if (connection === undefined) {
      dispatcher.refuse(session, plan, otherServer);
      return;
    }
    const { frame } = dispatcher;
    if (connection.isClosed) {
      dispatcher.refuse(session, plan, 'ERR Connection reset by peer');
      return;
    }
    connection.send(session, session.order.take(), frame.bytes, frame.from, frame.count);
  }

  execute(): void {
    const { session } = this;
    if (this.hasFailed) {
      this.abandon();
      session.answerError(errors.execAborted);
      return;
    }
    if (this.connection === undefined) {
      const backend = session.pool.router.any();
      if (this.early.length === 0 || backend === undefined) {
        this.end();
        session.answer(latin1Bytes(backend === undefined ? `-${session.pool.router.error}\r\n` : '*0\r\n'));
        return;
      }
      this.open(backend);
    }
    this.finishWith(['EXEC']);
  }

  discard(): void {
    if (this.connection === undefined) {
      this.end();
      this.session.answer(okReply);
    } else {
      this.finishWith(['DISCARD']);
    }
  }

  unwatch(dispatcher: DispatchParts, plan: Plan): void {
    if (this.isMulti) this.queue(dispatcher, plan);
    else this.finishWith(['UNWATCH']);
  }

  /** The last command; its reply brings the connection back. */
  private finishWith(words: readonly string[]): void {
    const { session } = this;
    const connection = this.connection;
    if (connection === undefined || connection.isClosed) {
      this.abandon();
      session.answerError('ERR Connection reset by peer');
      return;
    }
    session.beginWaiting();
    const { changes } = this;
    const changed = changes.length === 0 ? undefined : (): void => changes.forEach((tell) => tell());
    const borrower = new Borrower(session, this.backend!, connection, this.databaseIndex, this.protocol, changed);
    this.sendWords(words, borrower, session.order.take());
    this.end();
  }

  /** Ends without asking the server, whose connection is given up. */
  abandon(): void {
    this.cleanUp();
    this.end();
  }

  private end(): void {
    this.session.cleanUps.delete(this.cleanUp);
    this.session.transaction = undefined;
  }
}

/** Only this file sets a session's transaction. */
function openOf(session: Session): Transaction {
  return (session.transaction ??= new Transaction(session)) as Transaction;
}

/** MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
export function runTransactionCommand(dispatcher: DispatchParts, session: Session, plan: Plan): void {
  const transaction = session.transaction as Transaction | undefined;
  switch (plan.command.name) {
    case 'multi':
      openOf(session).begin();
      return;
    case 'watch':
      openOf(session).watch(dispatcher, plan);
      return;
    case 'unwatch':
      if (transaction === undefined) session.answer(okReply);
      else transaction.unwatch(dispatcher, plan);
      return;
    case 'exec':
      if (transaction?.isMulti === true) transaction.execute();
      else session.answerError(errors.execWithoutMulti);
      return;
    default:
      if (transaction?.isMulti === true) transaction.discard();
      else session.answerError('ERR DISCARD without MULTI');
  }
}

/** Commands that work on the connection to the client, also inside MULTI. */
const neverQueued = new Set(['quit', 'reset', 'auth', 'hello']);

/** Queues a command of a client in MULTI; false when it runs as always. */
export function runInTransaction(dispatcher: DispatchParts, session: Session, plan: Plan): boolean {
  const transaction = session.transaction as Transaction;
  if (!transaction.isMulti) return false;
  const { name } = plan.command;
  if (neverQueued.has(name)) return false;
  if (plan.kind === 'refused' || name === 'select' || plan.command.fullName.startsWith('client')) {
    dispatcher.refuse(session, plan, `ERR the proxy does not support '${plan.command.fullName}' in a transaction`);
    return true;
  }
  if (plan.kind === 'all' && session.pool.router.backends.length > 1) {
    dispatcher.refuse(session, plan, `ERR '${plan.command.fullName}' would ask all servers, a transaction has one`);
    return true;
  }
  transaction.queue(dispatcher, plan);
  return true;
}
