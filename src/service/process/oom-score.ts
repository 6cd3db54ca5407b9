// oom-score: oom-score-adj: sets the order in which Linux ends processes when memory is short, by
// /proc/self/oom_score_adj.
//
// The value from before the directive was turned on comes back when it is turned off. The third value of oom-score-adj-values, of
// a background process, is kept but has no use: snapshots are written by a thread of this process.

import type { Config } from '../config/config.js';
import type { LogLevel } from '../../base/log-level.js';
import { readFileSync, writeFileSync } from 'node:fs';

/** The directive, and the role that it asks for. */
export interface OomScoreHost {
  readonly config: Config;
  readonly role: 'master' | 'replica';
  log(level: LogLevel, text: string): void;
}

const PATH = '/proc/self/oom_score_adj';
const SCORE_MAX = 1000;

export class OomScore {
  /** The score before the directive was on; undefined while it is off. */
  private before: number | undefined;

  constructor(private readonly server: OomScoreHost) {
    if (process.platform !== 'linux') return;
    server.config.onSet(['oom-score-adj', 'oom-score-adj-values'], () =>
      this.apply() ? undefined : 'Failed to set current oom_score_adj. Check server logs.',
    );
    this.apply();
  }

  /** Writes the score for the configuration and the server's role; false when the system refuses. */
  apply(): boolean {
    const { config, role } = this.server;
    const mode = config.choice('oom-score-adj').value;
    if (mode === 'no' && this.before === undefined) return true;
    try {
      const before = (this.before ??= Number(readFileSync(PATH, 'latin1')));
      const value = config.special('oom-score-adj-values').value[role === 'master' ? 0 : 1]!;
      const wanted = mode === 'no' ? before : mode === 'absolute' ? value : before + value;
      if (mode === 'no') this.before = undefined;
      writeFileSync(PATH, String(Math.max(-SCORE_MAX, Math.min(SCORE_MAX, wanted))));
      return true;
    } catch (error) {
      this.server.log('warning', `Unable to write ${PATH}: ${(error as Error).message}`);
      return false;
    }
  }
}
