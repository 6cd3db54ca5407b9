// supervisor: reports to systemd that a process loads, is ready, and stops (`supervised systemd` or `auto`).
//
// systemd listens on a unix datagram socket, which Node cannot open, so each message goes out by `systemd-notify`, a program of
// systemd itself that takes about ten milliseconds. It is a child of the server: systemd accepts its word for the server with
// `NotifyAccess=all` in the unit. It waits until systemd has read the message, so messages sent one after the other arrive in order.
//
// Not here: the watchdog. A child process for every ping costs more than the ping is worth.

import { spawn } from 'node:child_process';
import type { LogLevel } from '../base/log-level.js';

type LogWriter = (level: LogLevel, text: string) => void;

/** Environment variables of the process. */
type Variables = Readonly<Record<string, string | undefined>>;

/** Characters of systemd-notify's complaint that are logged. */
const REASON_MAX = 500;

export class Supervisor {
  private readonly waiting: (readonly string[])[] = [];
  private isSending = false;
  private failed = false;

  private constructor(private readonly log: LogWriter) {}

  /**
   * The supervisor that the `supervised` directive asks for; undefined if there is none. `auto` looks for the variables that
   * upstart and systemd set. Upstart, which no system starts any more, is named in the log.
   */
  static of(kind: string, variables: Variables, log: LogWriter): Supervisor | undefined {
    const isUpstart = kind === 'upstart' || (kind === 'auto' && variables.UPSTART_JOB !== undefined);
    if (isUpstart) log('warning', 'supervision by upstart is not supported: the server just runs');
    else if (kind === 'systemd' && variables.NOTIFY_SOCKET === undefined)
      log('warning', 'systemd supervision requested, but NOTIFY_SOCKET not found');
    else if (kind !== 'no' && variables.NOTIFY_SOCKET !== undefined) {
      log(
        'notice',
        'Supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec in your service unit.',
      );
      return new Supervisor(log);
    }
    return undefined;
  }

  loading(): void {
    this.send('STATUS=Kvasir is loading...');
  }

  ready(status = 'Ready to accept connections'): void {
    this.send(`STATUS=${status}`, 'READY=1');
  }

  /** Waits for no earlier message: the process may end right after this call. */
  stopping(): void {
    this.waiting.length = 0;
    this.spawnNotify(['STOPPING=1'], () => undefined);
  }

  private send(...assignments: readonly string[]): void {
    this.waiting.push(assignments);
    if (!this.isSending) this.sendNext();
  }

  private sendNext(): void {
    const assignments = this.waiting.shift();
    this.isSending = assignments !== undefined;
    if (assignments !== undefined) this.spawnNotify(assignments, () => this.sendNext());
  }

  private spawnNotify(assignments: readonly string[], closed: () => void): void {
    const words = [`--pid=${process.pid}`, ...assignments];
    const child = spawn('systemd-notify', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let reason = '';
    child.stderr.on('data', (bytes: Buffer) => (reason = (reason + bytes.toString()).slice(0, REASON_MAX)));
    child.on('error', (error) => this.fail(error.message));
    child.on('close', (status) => {
      if (status !== 0) this.fail(reason.trim());
      closed();
    });
  }

  /** Said once: every later message fails for the same reason. */
  private fail(reason: string): void {
    if (this.failed) return;
    this.failed = true;
    this.log('warning', `cannot tell systemd about this server: systemd-notify: ${reason}`);
  }
}
