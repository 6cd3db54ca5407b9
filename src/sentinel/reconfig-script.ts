// reconfig-script: calls client-reconfig-script with its seven arguments when the master's address changes.

import type { Address } from './address.js';
import type { Master } from './instance.js';
import type { SentinelState } from './state.js';

export function runReconfigScript(
  state: SentinelState,
  master: Master,
  role: 'leader' | 'observer',
  from: Address,
  to: Address,
): void {
  if (master.clientReconfigScript === '') return;
  state.sink.runScript(master.clientReconfigScript, [
    master.name,
    role,
    'start',
    state.announced(from),
    String(from.port),
    state.announced(to),
    String(to.port),
  ]);
}
