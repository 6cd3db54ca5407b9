// gates: the checks between a command and its run, in their order.
//
// A gate is a bit in the masks of the server and the client, and a check. The hot path tests the masks once; only where a
// bit is set are the checks of the set bits asked, one after the other. A check returns why the command is refused, as the
// text of an error reply, or HELD when it has dealt with the command itself: queued it, put it off, or replied. It never calls
// back into the dispatcher, so that every kind of server can choose its gates and their order.

import type { Command } from '../../registry/command.js';
import type { Client } from '../clients/client.js';

/** The command has been dealt with: it must not run, and needs no error reply. */
export const HELD = Symbol('held');

export type Verdict = string | undefined | typeof HELD;

export interface GateEntry {
  /** The gate is asked when this bit of the masks is set. */
  readonly bit: number;
  /** `flags` are the command's, or those that the script which it runs declares. */
  readonly check: (client: Client, command: Command<never>, flags: number) => Verdict;
}

/** Asks all gates whose bits are set, until one does not let the command pass; undefined: it may run. */
export function askGates(
  gates: readonly GateEntry[],
  mask: number,
  client: Client,
  command: Command<never>,
  flags: number,
): Verdict {
  for (const { bit, check } of gates) {
    if ((mask & bit) === 0) continue;
    const verdict = check(client, command, flags);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}
