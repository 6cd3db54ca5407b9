// daemon: `daemonize yes`: the server runs in the background, and the first process ends when the server listens.
//
// Node cannot fork, so the same command is started once more without a terminal. The first process waits for it: scripts run
// a client right after the server, and want its error and exit status when it does not come up. The second process
// reports over an IPC channel as soon as its doors are open and its pid file is written; data may still be loading, and
// clients get -LOADING. Until then its standard error is the first process's; later nobody reads it.
import { spawn } from 'node:child_process';
import { writeSync } from 'node:fs';

const mark = 'KVASIR_DAEMON';

/** Whether this process is the one in the background. */
export const isDaemon = process.env[mark] !== undefined;
// Programs that the server starts are no daemons.
delete process.env[mark];

/** Characters kept of the daemon's output before it listens. */
const saidMax = 65_536;

/** Starts the daemon, hands `input` on to it, and ends this process when the daemon listens or has ended. */
export function startDaemon(input: string): Promise<never> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, [mark]: '1' },
  });
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(input, 'latin1');
  let said = '';
  child.stderr!.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-saidMax)));
  return new Promise<never>(() => {
    child.on('message', () => process.exit(0));
    child.on('error', (error) => {
      process.stderr.write(`cannot start the server in the background: ${error.message}\n`);
      process.exit(1);
    });
    child.on('close', (status, signal) => {
      const reason = signal === null ? '' : `${signal} has ended the server before it listened\n`;
      process.stderr.write(said + reason, () => process.exit(status ?? 1));
    });
  });
}

/** Lets the process that was started end: clients may come. */
export function reportListening(): void {
  if (!isDaemon || process.send === undefined) return;
  // It may have been killed meanwhile, which is no reason to end.
  process.send('listening', undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}

/** Has the process that was started show why there will be no server; the log has it as well. */
export function reportFailure(reason: string): void {
  if (!isDaemon) return;
  try {
    writeSync(2, `${reason}\n`);
  } catch {
    // Nobody waits any more.
  }
}
