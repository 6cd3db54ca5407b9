// borrowing: commands that may wait (BLPOP, XREAD BLOCK) run on a connection that the client has alone meanwhile.
//
// On a shared connection all later requests would wait with it. The client's further requests wait until the reply has
// come, as they do with Redis; when it goes away first, the borrowed connection is closed, so that the server forgets
// the wait.

import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { BackendConnection } from '../wire/backend-connection.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { DispatchParts } from './dispatch-parts.js';
import type { Session } from './session.js';

/** Passes one reply on, then gives the connection back. */
export class Borrower implements ReplySink {
  private readonly cleanUp = (): void => {
    this.backend.drop(this.connection);
    // The server may have run it all the same.
    this.changed?.();
  };

  constructor(
    private readonly session: Session,
    private readonly backend: Backend,
    private readonly connection: BackendConnection,
    private readonly databaseIndex: number,
    private readonly protocol: 2 | 3,
    /** Called when the request is over, and may have changed its keys. */
    private readonly changed: (() => void) | undefined,
  ) {
    session.cleanUps.add(this.cleanUp);
  }

  takeReply(tag: number, bytes: Uint8Array, from: number, to: number): void {
    this.session.takeReply(tag, bytes, from, to);
    this.finish();
  }

  takePart(tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    const isTaken = this.session.takePart(tag, bytes, from, to, isFirst, isLast);
    if (isTaken && isLast) this.finish();
    return isTaken;
  }

  takeFailure(tag: number, text: string): void {
    this.session.takeFailure(tag, text);
    this.finish();
  }

  private finish(): void {
    if (!this.session.cleanUps.delete(this.cleanUp)) return;
    this.backend.giveBack(this.connection, this.databaseIndex, this.protocol);
    this.changed?.();
    this.session.endWaiting();
  }
}

export function runBlocking(dispatcher: DispatchParts, session: Session, plan: Plan): void {
  const { backend, isRefused, changed } = dispatcher.backendOfCall(session, plan);
  if (isRefused) return;
  const chosen = backend ?? session.pool.router.any();
  if (chosen === undefined) {
    dispatcher.refuse(session, plan, session.pool.router.error);
    return;
  }
  const { frame } = dispatcher;
  const { databaseIndex, protocol } = session;
  const connection = chosen.borrow(databaseIndex, protocol);
  session.beginWaiting();
  const borrower = new Borrower(session, chosen, connection, databaseIndex, protocol, changed);
  connection.send(borrower, session.order.take(), frame.bytes, frame.from, frame.count);
}
