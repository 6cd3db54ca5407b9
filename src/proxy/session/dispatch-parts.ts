// dispatch-parts: the dispatcher as the kinds of requests need it.
import type { Call } from '../../registry/call.js';
import type { Backend } from '../pool/backend.js';
import type { Plan } from '../routing/plan.js';
import type { Frame } from '../routing/router.js';
import type { FrameWriter } from './frame-writer.js';
import type { Session } from './session.js';

export interface ServerOfCall {
  /** Undefined when the request has no key, or was refused with an answer. */
  readonly backend: Backend | undefined;
  readonly isRefused: boolean;
  /** To be called when the request has changed its keys, or may have; undefined where nobody wants to know. */
  readonly changed: (() => void) | undefined;
}

export interface DispatchParts {
  /** The request's arguments. */
  readonly call: Call;
  /** The request as bytes. */
  readonly frame: Frame;
  readonly frames: FrameWriter;
  /** Answers with an error; inside MULTI the transaction fails with it. */
  refuse(session: Session, plan: Plan, text: string): void;
  /** The server of all keys of the request. */
  backendOfCall(session: Session, plan: Plan): ServerOfCall;
}
