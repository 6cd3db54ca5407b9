// alerts: tells people when a synchronization lags or has ended, and when it is well again: by a webhook and by a command.

import type { AlertsConfig } from '../config/sync-config.js';
import type { SyncEnvironment } from '../engine/sync.js';
import type { SyncProgress } from '../engine/sync-progress.js';
import { runShell } from '../../transfer/backup/shell.js';

const LOOK_MS = 1000;
const LIMIT_MS = 30_000;

/** Watches until the returned function is called. */
export function alert(config: AlertsConfig, progress: SyncProgress, environment: SyncEnvironment): () => void {
  let isTold = false;
  const tell = (state: 'lagging' | 'recovered', text: string): void => {
    const failed = (error: unknown): void =>
      environment.warn(`cannot tell of it: ${error instanceof Error ? error.message : String(error)}`);
    if (config.command !== undefined)
      runShell(config.command, {
        limitMs: LIMIT_MS,
        env: { KVASIR_MYSQL_NAME: progress.name, KVASIR_MYSQL_STATE: state, KVASIR_MYSQL_TEXT: text },
      }).catch(failed);
    if (config.webhook !== undefined)
      fetch(config.webhook, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text, tool: 'kvasir-mysql', name: progress.name, state, ...progress.status }),
        signal: AbortSignal.timeout(LIMIT_MS),
      }).then((response) => {
        if (!response.ok) failed(new Error(`the webhook answers ${response.status}`));
      }, failed);
  };
  let wrongSinceMs: number | undefined;
  const timer = setInterval(() => {
    const isWell = progress.phase === 'following' && progress.lagSeconds < config.lagSeconds;
    if (isWell) {
      wrongSinceMs = undefined;
      if (isTold) tell('recovered', `kvasir-mysql ${progress.name} follows again`);
      isTold = false;
      return;
    }
    if (progress.phase === 'snapshot') return;
    wrongSinceMs ??= environment.now();
    const isLong = progress.phase === 'following' || environment.now() - wrongSinceMs >= config.lagSeconds * 1000;
    if (isTold || !isLong) return;
    isTold = true;
    tell(
      'lagging',
      `kvasir-mysql ${progress.name} is ${Math.round(progress.lagSeconds)} s behind (${progress.phase})${progress.lastError === '' ? '' : `: ${progress.lastError}`}`,
    );
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
