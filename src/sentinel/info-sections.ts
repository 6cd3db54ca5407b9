// info-sections: the section `sentinel` of INFO: the sentinel as a whole, and a line for each master.

import { counter, gauge } from '../service/info/field.js';
import type { Info, InfoField } from '../service/info/info.js';
import type { ScriptQueue } from './scripts.js';
import type { SentinelState } from './state.js';

export interface SentinelInfoHost {
  readonly info: Info;
  readonly state: SentinelState;
  readonly scripts: ScriptQueue;
}

export function provideSentinelInfo({ info, state, scripts }: SentinelInfoHost): void {
  const tiltSeconds = (): number => (state.isTilted ? Math.floor((state.nowMs - state.tiltSinceMs) / 1000) : -1);
  const failures = (): number => (state.crashesAfterElection ? 1 : 0) | (state.crashesAfterPromotion ? 2 : 0);
  info.declare('sentinel', [
    gauge('sentinel_masters', 'Masters that are watched.', () => state.masters.size),
    gauge('sentinel_tilt', 'Whether the sentinel only looks because time went wrong.', () => (state.isTilted ? 1 : 0)),
    gauge('sentinel_tilt_since_seconds', 'For how long that is so; -1: it is not.', tiltSeconds),
    counter('sentinel_total_tilt', 'How often that was so.', () => state.tiltCount),
    gauge('sentinel_running_scripts', 'Scripts that run.', () => scripts.running),
    gauge('sentinel_scripts_queue_length', 'Scripts that run or wait.', () => scripts.pending.length),
    gauge('sentinel_simulate_failure_flags', 'SENTINEL SIMULATE-FAILURE: 1 election, 2 promotion.', failures),
  ]);
  info.provide('sentinel', () => masterLines(state));
}

function masterLines(state: SentinelState): InfoField[] {
  return [...state.masters.values()].map((master, index): InfoField => {
    const status = master.isObjectivelyDown ? 'odown' : master.isDown ? 'sdown' : 'ok';
    const at = `${state.announced(master.address)}:${master.address.port}`;
    return [
      `master${index}`,
      `name=${master.name},status=${status},address=${at},slaves=${master.replicas.size},sentinels=${master.peers.size + 1}`,
    ];
  });
}
