// shutdown: the end of a server that serves: it waits for replicas that lag, saves, closes, exits.
//
//   SHUTDOWN, SIGTERM ──> waiting (writes are put off) ──┬─> [a replica takes over] ──> saving ──> closed
//                            │ ABORT                     └─> refused: it serves on
//                            └─> refused
//
// A second SHUTDOWN joins the first, so that all callers get a refusal. NOW ends the wait of one that is under way.
//
// Not here: saving (durability), closing (start), the offsets of replicas (replication-port).

import type { LogLevel } from '../base/log-level.js';
import type { Clock } from '../io/clock.js';
import type { Pause } from '../service/clients/pause.js';
import type { Config } from '../service/config/config.js';
import type { ShutdownOptions } from './call.js';
import type { Hooks } from './hooks.js';
import type { ClusterPort } from './cluster-port.js';
import type { ReplicationPort } from './replication-port.js';

/** The parts of the server that a shutdown touches. */
export interface ShutdownHost {
  readonly clock: Clock;
  readonly config: Config;
  readonly hooks: Pick<Hooks, 'ticks'>;
  readonly pause: Pick<Pause, 'begin' | 'end'>;
  readonly replication: Pick<ReplicationPort, 'areInSync' | 'lagLines' | 'requestAcks'> | undefined;
  log(level: LogLevel, text: string): void;
  readonly cluster: Pick<ClusterPort, 'handOver'> | undefined;
  prepareShutdown(how: ShutdownOptions): Promise<string | undefined>;
}

const SECOND_MS = 1000;
const ABORTED = 'Shutdown manually aborted.';

export class Shutdown {
  private running: Promise<string | undefined> | undefined;
  /** Ends the wait for replicas. */
  private endWait: ((outcome: 'over' | 'aborted') => void) | undefined;
  private deadlineMs = 0;

  /** Called when a shutdown begins, which may still be refused; set by the code that started the server. */
  started: () => void = () => undefined;

  /** Closes everything and exits; set by the code that started the server. */
  finish: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly host: ShutdownHost) {
    host.hooks.ticks.push(() => this.tick());
  }

  /** Ends the server; resolves with the reason when that is not possible. */
  begin(how: ShutdownOptions): Promise<string | undefined> {
    if (this.running !== undefined) {
      if (how.now) this.endWait?.('over');
      return this.running;
    }
    this.running = this.run(how).finally(() => (this.running = undefined));
    return this.running;
  }

  /** SHUTDOWN ABORT; false: there is none that waits. */
  abort(): boolean {
    if (this.endWait === undefined) return false;
    this.endWait('aborted');
    return true;
  }

  /** Milliseconds until it no longer waits for replicas; undefined while none does. */
  get remainingMs(): number | undefined {
    return this.endWait === undefined ? undefined : Math.max(0, this.deadlineMs - this.host.clock.wallMs());
  }

  private async run(how: ShutdownOptions): Promise<string | undefined> {
    const { host } = this;
    host.log('notice', 'User requested shutdown...');
    this.started();
    if (!how.now && !(await this.waitForReplicas())) return this.refused(ABORTED, 'notice');
    // Clients that wait with a write are redirected to the new master.
    if (how.failover === true && (await host.cluster?.handOver()) === true) host.pause.end('shutdown');
    for (const line of host.replication?.lagLines() ?? []) host.log('notice', line);
    const refusal = await host.prepareShutdown(how);
    if (refusal !== undefined) {
      host.log('warning', refusal);
      return this.refused('Errors trying to shut down the server. Check the logs for more information.', 'warning');
    }
    await this.finish();
    return undefined;
  }

  private refused(text: string, level: LogLevel): string {
    this.host.log(level, text);
    this.host.pause.end('shutdown');
    return text;
  }

  /** Waits until all replicas have everything, for shutdown-timeout seconds at most; false: it was aborted. */
  private async waitForReplicas(): Promise<boolean> {
    const { host } = this;
    const timeoutMs = host.config.number('shutdown-timeout').value * SECOND_MS;
    if (timeoutMs === 0 || host.replication === undefined || host.replication.areInSync) return true;
    host.replication.requestAcks();
    host.pause.begin(Infinity, 'write', 'shutdown');
    this.deadlineMs = host.clock.wallMs() + timeoutMs;
    host.log('notice', 'Waiting for replicas before shutting down.');
    const outcome = await new Promise<'over' | 'aborted'>((resolve) => (this.endWait = resolve));
    this.endWait = undefined;
    return outcome === 'over';
  }

  private tick(): void {
    const { host, endWait } = this;
    if (endWait === undefined) return;
    if (host.replication?.areInSync === true || host.clock.wallMs() >= this.deadlineMs) endWait('over');
  }
}
