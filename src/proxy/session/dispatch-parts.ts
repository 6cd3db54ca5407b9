// dispatch-parts: what the kinds of requests need of the dispatcher that hands them one.
import type { Call } from '../../registry/call.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { Frame } from '../routing/router.js';
import type { FrameWriter } from './frame-writer.js';
import type { Session } from './session.js';

export interface DispatchParts {
  /** The request's arguments. */
  readonly call: Call;
  /** The request as bytes. */
  readonly frame: Frame;
  readonly frames: FrameWriter;
  /** Answers with an error; inside MULTI the transaction fails with it. */
  refuse(session: Session, plan: Plan, text: string): void;
  /** The server of all keys of the request; undefined when it has none, or was refused with an answer. */
  backendOfCall(session: Session, plan: Plan): { backend: Backend | undefined; isRefused: boolean };
}
