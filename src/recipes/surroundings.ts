// surroundings: time and chance as recipes get them, so that a test can put its own in their place.
//
// Everything that must agree between processes (expiry, windows, turns) is decided by the server's clock inside scripts. The
// clock here only measures how long this process has waited.

export interface Surroundings {
  /** Milliseconds that never go back; for durations. */
  steadyMs(): number;
  /** Milliseconds since 1970, as this machine sees them; only for what says that it trusts the clock. */
  wallMs(): number;
  /** Runs `run` after `delayMs`; what it returns cancels that. The timer keeps the process alive only if `keepsAlive` says so. */
  after(delayMs: number, run: () => void, keepsAlive?: boolean): () => void;
  /** A number of 0 (included) to 1 (excluded). */
  random(): number;
  /** A text that no other process draws. */
  token(): string;
}

/** The machine's time and chance. */
export const machineSurroundings: Surroundings = {
  steadyMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, run, keepsAlive = false) {
    const timer = setTimeout(run, Math.min(delayMs, 0x7fffffff));
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  token: () => globalThis.crypto.randomUUID(),
};

/** Resolves after `delayMs`; rejects with the signal's reason when that is aborted. */
export function pause(surroundings: Surroundings, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      cancel();
      reject(signal!.reason as Error);
    };
    const wake = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const cancel = surroundings.after(delayMs, wake, true);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/**
 * What `work` comes to. Rejects with `late()` when that takes longer than `timeoutMs` (which may be infinite), and with the signal's
 * reason when that is aborted: a client may hold commands for minutes while it has no connection. `work` itself goes on.
 */
export function inTime<T>(
  surroundings: Surroundings,
  timeoutMs: number,
  work: Promise<T>,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal!.reason as Error);
    if (signal?.aborted === true) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const cancel = timeoutMs === Infinity ? () => undefined : surroundings.after(timeoutMs, () => reject(late()), true);
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', abort);
    };
    work.then(resolve, reject).finally(end);
  });
}
