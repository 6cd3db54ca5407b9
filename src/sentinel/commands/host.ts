// host: a sentinel as its commands see it.

import { errors } from '../../protocol/errors.js';
import type { LogLevel } from '../../base/log-level.js';
import type { CallFor, CommandFor } from '../../service/call.js';
import type { LateReply } from '../../service/host.js';
import type { IsExecutable } from '../config-reader.js';
import type { History } from '../history.js';
import type { Master } from '../instance.js';
import type { ScriptQueue } from '../scripts.js';
import type { SentinelState } from '../state.js';

export interface SentinelHost {
  readonly state: SentinelState;
  readonly scripts: ScriptQueue;
  readonly history: History | undefined;
  readonly isExecutable: IsExecutable;
  /** Looks a host name up before it is used; see NameCache. */
  prepareName(host: string): Promise<string>;
  suspend(call: { readonly client: unknown }): LateReply;
  /** The word of the directive `loglevel`, and its change; false when it is none. */
  logLevel: string;
  setLogLevel(level: string): boolean;
  log(level: LogLevel, text: string): void;
  /** SHUTDOWN, or a signal. */
  shutdown(): void;
}

export type SentinelCall = CallFor<SentinelHost>;
export type SentinelCommand = CommandFor<SentinelHost>;

/** The master that an argument names; undefined after an error reply. */
export function masterArgument(call: SentinelCall, index: number): Master | undefined {
  const master = call.host.state.master(call.text(index));
  if (master === undefined) call.reply.error('ERR No such master with that name');
  return master;
}

/** Saves, and replies with OK or with the error. */
export function saveAndReply(call: SentinelCall): void {
  if (call.host.state.save()) call.reply.ok();
  else call.reply.error(errors.configNotSaved);
}

export const adminFlags = ['admin', 'sentinel', 'only_sentinel'] as const;
