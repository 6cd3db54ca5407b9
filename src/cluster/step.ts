// step: one input into the machine, and the actions that follow from it.

import type { Bus, BusAction } from './bus.js';
import { updateStatus } from './cluster-status.js';
import { proceedElection } from './election.js';
import { proceedManualFailover } from './manual-failover.js';
import { type BusMessage, MessageType } from './message.js';
import { sendPing } from './messages.js';
import { type BusLink, NodeFlag } from './node.js';
import { receive } from './receive.js';
import { tick } from './tick.js';

export type BusInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly link: BusLink; readonly message: BusMessage }
  | { readonly kind: 'opened'; readonly link: BusLink }
  | { readonly kind: 'closed'; readonly link: BusLink };

export interface Times {
  /** Of a clock that is never set; far above 0. */
  readonly steadyMs: number;
  readonly wallMs: number;
}

export function step(bus: Bus, input: BusInput, times: Times): readonly BusAction[] {
  return change(bus, times, () => take(bus, input)).actions;
}

/** Runs a command that changes the cluster; returns its result and the actions. */
export function change<Result>(
  bus: Bus,
  { steadyMs, wallMs }: Times,
  run: () => Result,
): { readonly result: Result; readonly actions: readonly BusAction[] } {
  bus.nowMs = steadyMs;
  bus.wallOffsetMs = wallMs - steadyMs;
  const { version } = bus.state;
  const result = run();
  settle(bus);
  if (bus.state.version !== version) bus.actions.push({ kind: 'changed' });
  if (bus.wantsSave) {
    bus.wantsSave = false;
    bus.actions.unshift({ kind: 'save' });
  }
  const { actions } = bus;
  bus.actions = [];
  return { result, actions };
}

function take(bus: Bus, input: BusInput): void {
  switch (input.kind) {
    case 'tick':
      tick(bus);
      return;
    case 'message':
      if (input.link.isOpen) receive(bus, input.link, input.message);
      return;
    case 'opened':
      opened(bus, input.link);
      return;
    case 'closed':
      bus.forgetLink(input.link);
  }
}

function opened(bus: Bus, link: BusLink): void {
  const { node } = link;
  if (node === undefined) return;
  link.isOpen = true;
  const { pingSentMs } = node;
  sendPing(bus, link, node.has(NodeFlag.meet) ? MessageType.meet : MessageType.ping);
  // The connection before may have had a ping without an answer: the time since then counts.
  if (pingSentMs > 0) node.pingSentMs = pingSentMs;
  node.flags &= ~NodeFlag.meet;
}

/** Does the work that the input has made due. */
function settle(bus: Bus): void {
  const { myself } = bus.state;
  if (bus.wantsManualFailover && myself.isReplica) proceedManualFailover(bus);
  bus.wantsManualFailover = false;
  // An election that is planned without a delay goes on at once.
  while (bus.wantsFailover) proceedElection(bus);
  if (bus.wantsUpdate) updateStatus(bus);
}
