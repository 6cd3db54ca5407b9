// failover: FAILOVER on a master: hands its part over to a replica in such an order that no write is lost.
//
//   no-failover ──> waiting-for-sync ──> failover-in-progress ──> no-failover (now a replica)
//        ^             │ abort, timeout        │ the target refuses, abort
//        └─────────────┴───────────────────────┘ (a master again)
//
// From the first step on writes are put off, so that the offset stands still. The target is a replica that has acknowledged all
// of it; or, with FORCE, the one that was named, when the time is over. Then this server follows it: its PSYNC says FAILOVER,
// and makes the target a master before it is answered.
//
// Not here: the effect of PSYNC FAILOVER on the target (replication), the options of the command
// (server/commands/replication).

import type { Clock } from '../io/clock.js';
import type { Pause } from '../service/clients/pause.js';
import type { FailoverRequest } from '../server/replication-port.js';
import type { Replica } from './replica.js';

export type FailoverState = 'no-failover' | 'waiting-for-sync' | 'failover-in-progress';

export interface FailoverHost {
  readonly clock: Clock;
  readonly pause: Pick<Pause, 'begin' | 'end'>;
  readonly isMaster: boolean;
  readonly offset: number;
  readonly followers: Iterable<Replica>;
  log(level: 'notice' | 'warning', text: string): void;
  /** Asks all replicas how far they are. */
  requestAcks(): void;
  /** Follows the target. */
  follow(host: string, port: number): void;
  /** Is a master again. */
  resume(): void;
}

export class Failover {
  state: FailoverState = 'no-failover';
  private target: { readonly host: string; readonly port: number } | undefined;
  /** Wall time; Infinity: none. */
  private deadlineMs = Infinity;
  private forces = false;

  constructor(private readonly host: FailoverHost) {}

  get isActive(): boolean {
    return this.state !== 'no-failover';
  }

  /** The PSYNC to the master says FAILOVER. */
  get isInProgress(): boolean {
    return this.state === 'failover-in-progress';
  }

  /** FAILOVER; the text is the error. */
  begin({ target, forces, timeoutMs }: FailoverRequest): string | undefined {
    const { host } = this;
    const replicas = [...host.followers];
    if (this.isActive) return 'ERR FAILOVER already in progress.';
    if (!host.isMaster) return 'ERR FAILOVER is not valid when server is a replica.';
    if (replicas.length === 0) return 'ERR FAILOVER requires connected replicas.';
    if (forces && (timeoutMs === 0 || target === undefined))
      return 'ERR FAILOVER with force option requires both a timeout and target HOST and IP.';
    if (target !== undefined) {
      const replica = this.find(target);
      if (replica === undefined) return 'ERR FAILOVER target HOST and PORT is not a replica.';
      if (replica.state !== 'online') return 'ERR FAILOVER target replica is not online.';
    }
    host.log(
      'notice',
      target === undefined
        ? 'FAILOVER requested to any replica.'
        : `FAILOVER requested to ${target.host}:${target.port}.`,
    );
    this.target = target;
    this.forces = forces;
    this.deadlineMs = timeoutMs === 0 ? Infinity : host.clock.wallMs() + timeoutMs;
    this.state = 'waiting-for-sync';
    host.requestAcks();
    host.pause.begin(Infinity, 'write', 'failover');
    return undefined;
  }

  /** FAILOVER ABORT; the text is the error. */
  cancel(): string | undefined {
    if (!this.isActive) return 'ERR No failover in progress.';
    this.abort('Failover manually aborted');
    return undefined;
  }

  private find({ host, port }: { readonly host: string; readonly port: number }): Replica | undefined {
    for (const replica of this.host.followers)
      if (replica.address === host && replica.port === port && !replica.isClosed) return replica;
    return undefined;
  }

  /** A replica acknowledged more, or time went by. */
  check(): void {
    if (this.state !== 'waiting-for-sync') return;
    const { host, target } = this;
    if (host.clock.wallMs() >= this.deadlineMs) {
      if (!this.forces) this.abort('Replica never caught up before timeout');
      else {
        host.log('notice', `Failover to ${target!.host}:${target!.port} time out exceeded, failing over.`);
        this.proceed(target!.host, target!.port);
      }
      return;
    }
    const isSynced = (replica: Replica): boolean => replica.state === 'online' && replica.ackOffset === host.offset;
    const chosen =
      target === undefined
        ? [...host.followers].find((replica) => replica.port > 0 && isSynced(replica))
        : this.find(target);
    if (chosen === undefined || !isSynced(chosen)) return;
    host.log('notice', 'Failover target is synced, failing over.');
    this.proceed(chosen.address, chosen.port);
  }

  private proceed(address: string, port: number): void {
    this.target = { host: address, port };
    this.state = 'failover-in-progress';
    this.host.follow(address, port);
  }

  /** The target has answered the PSYNC. */
  answered(isAccepted: boolean): void {
    if (!this.isInProgress) return;
    if (isAccepted) this.clear();
    else this.abort('Failover target rejected psync request');
  }

  private abort(reason: string): void {
    const { host, target } = this;
    const where = target === undefined ? 'any replica' : `${target.host}:${target.port}`;
    host.log('notice', `FAILOVER to ${where} aborted: ${reason}`);
    if (this.isInProgress) host.resume();
    this.clear();
  }

  private clear(): void {
    this.state = 'no-failover';
    this.target = undefined;
    this.deadlineMs = Infinity;
    this.forces = false;
    this.host.pause.end('failover');
  }
}
