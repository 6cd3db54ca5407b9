// sentinel-router: one address in front of a master with replicas, found by Sentinel and followed through failovers.
//
// Sentinels are asked for the master's address at the start, once in a while, and whenever the connection to it is lost or it says
// that it is no master any more; their +switch-master is heard too. Requests that were not sent, and reads, wait for the new
// master and are sent again; a write that the old one may have run gets an error.

import type { LogLevel } from '../../base/log-level.js';
import type { Prng } from '../../base/prng.js';
import { isAggregate, replyText, type Reply } from '../../client/reply.js';
import { addressText, type NodeAddress } from '../../client/slot-map.js';
import type { Clock, Timer } from '../../io/clock.js';
import type { ReadPolicy } from '../config/pool-config.js';
import { ask } from '../routing/ask.js';
import { Attempt, Patience, type AttemptHost, type Verdict } from '../routing/attempt.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import type { BackendConnection } from '../wire/backend-connection.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { Backend, BackendWatcher } from './backend.js';
import type { Nearness } from './nearness.js';
import { Refresher } from './refresher.js';

const refreshTimes = { everyMs: 10_000, soonMs: 100, retryMs: 100 };
/** With a bound on the lag, replicas are looked at so often. */
const LAG_EVERY_MS = 1000;
const WAIT_MS = 50;
const PATIENCE_MS = 30_000;
const passing = /^(?:LOADING|MASTERDOWN|READONLY)\b/;

export interface SentinelRouterOptions {
  readonly sentinels: readonly NodeAddress[];
  readonly masterName: string;
  readonly readPolicy: ReadPolicy;
  readonly nearness: Nearness;
  /** Replicas that are further behind, in bytes, are not read from; 0 for any. */
  readonly maxLagBytes: number;
  readonly clock: Clock;
  readonly prng: Prng;
  makeBackend(address: NodeAddress, isReplica: boolean): Backend;
  makeSentinel(address: NodeAddress): Backend;
  log(level: LogLevel, text: string): void;
}

/** The fields of one entry of SENTINEL REPLICAS. */
function fieldsOf(reply: Reply): Map<string, string> {
  const fields = new Map<string, string>();
  if (!isAggregate(reply)) return fields;
  for (let index = 0; index + 1 < reply.elements.length; index += 2)
    fields.set(replyText(reply.elements[index]), replyText(reply.elements[index + 1]));
  return fields;
}

export class SentinelRouter implements Router, AttemptHost, BackendWatcher {
  readonly publishesEverywhere = true;
  readonly clock: Clock;
  readonly patienceMs = PATIENCE_MS;
  error: string;
  private readonly sentinels: Backend[];
  private master: Backend | undefined;
  private masterAddress = '';
  private replicas = new Map<string, Backend>();
  private listening: BackendConnection | undefined;
  private readonly refresher: Refresher;
  private readonly patience: Patience;
  switchCount = 0;
  /** Replicas that are too far behind. */
  private lagging = new Set<Backend>();
  private lagTimer: Timer | undefined;

  constructor(private readonly options: SentinelRouterOptions) {
    this.clock = options.clock;
    this.error = `ERR No sentinel has told the address of master '${options.masterName}' yet`;
    this.patience = new Patience(options.clock, WAIT_MS);
    this.sentinels = options.sentinels.map((address) => options.makeSentinel(address));
    this.refresher = new Refresher(options.clock, refreshTimes, () => this.readMaster());
    void this.refresher.refresh();
    if (options.maxLagBytes > 0 && options.readPolicy !== 'master') this.watchLag();
  }

  private watchLag(): void {
    this.lagTimer = this.clock.after(
      LAG_EVERY_MS,
      () => void this.readLag().then(() => this.refresher.isClosed || this.watchLag()),
    );
  }

  /** Asks the master how far each replica is; one that it does not name is as far behind as can be. */
  private async readLag(): Promise<void> {
    if (this.master === undefined) return;
    try {
      const info = replyText(await ask(this.master, ['INFO', 'replication']));
      const end = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0);
      const offsets = new Map<string, number>();
      for (const [, ip, port, offset] of info.matchAll(/^slave\d+:ip=([^,]*),port=(\d+),.*?offset=(\d+)/gm))
        offsets.set(addressText({ host: ip!, port: Number(port) }), Number(offset));
      const lagging = new Set<Backend>();
      for (const [key, backend] of this.replicas)
        if (end - (offsets.get(key) ?? -Infinity) > this.options.maxLagBytes) lagging.add(backend);
      this.lagging = lagging;
    } catch {
      // Without news the last holds; a master that is gone is looked for elsewhere.
    }
  }

  get backends(): readonly Backend[] {
    return this.master === undefined ? [] : [this.master];
  }

  /** Reads the master's address from the first sentinel that answers; returns whether one did. */
  private async readMaster(): Promise<boolean> {
    let reason = '';
    for (const sentinel of this.sentinels) {
      try {
        const reply = await ask(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.options.masterName]);
        if (!isAggregate(reply) || reply.elements.length !== 2)
          throw new Error(replyText(reply) || 'it does not know the master');
        const [host, port] = reply.elements.map(replyText);
        this.useMaster({ host: host!, port: Number(port) });
        if (this.options.readPolicy !== 'master')
          this.useReplicas(await ask(sentinel, ['SENTINEL', 'REPLICAS', this.options.masterName]));
        this.listen(sentinel);
        return true;
      } catch (error) {
        reason = `${sentinel.options.label}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    if (this.refresher.isClosed) return false;
    const text = `No sentinel knows the address of master '${this.options.masterName}'; ${reason}`;
    if (!this.error.endsWith(text)) this.options.log('warning', text);
    this.error = `ERR ${text}`;
    return false;
  }

  private useMaster(address: NodeAddress): void {
    const text = addressText(address);
    if (text === this.masterAddress && this.master !== undefined) return;
    const old = this.master;
    if (old !== undefined) {
      this.switchCount++;
      this.options.log('notice', `master '${this.options.masterName}' is ${text} now, it was ${this.masterAddress}`);
      old.close();
    }
    this.masterAddress = text;
    this.master = this.options.makeBackend(address, false);
    this.master.watcher = this;
    this.replicas.get(text)?.close();
    this.replicas.delete(text);
  }

  private useReplicas(reply: Reply): void {
    if (!isAggregate(reply)) return;
    const replicas = new Map<string, Backend>();
    for (const entry of reply.elements) {
      const fields = fieldsOf(entry);
      const flags = fields.get('flags') ?? '';
      if (/s_down|o_down|disconnected/.test(flags) || fields.get('master-link-status') !== 'ok') continue;
      const address = { host: fields.get('ip') ?? '', port: Number(fields.get('port')) };
      const key = addressText(address);
      replicas.set(key, this.replicas.get(key) ?? this.options.makeBackend(address, true));
    }
    for (const [key, backend] of this.replicas) if (!replicas.has(key)) backend.close();
    this.replicas = replicas;
  }

  /** Hears of a failover when it happens. */
  private listen(sentinel: Backend): void {
    if (this.listening !== undefined && !this.listening.isClosed) return;
    this.listening = sentinel.subscriber(
      (bytes, from, to) => {
        const text = Buffer.from(bytes.subarray(from, to)).toString('latin1');
        if (text.includes('+switch-master') && text.includes(this.options.masterName)) this.refresher.soon();
      },
      () => this.refresher.soon(),
    );
    const frame = new Uint8Array(Buffer.from('*2\r\n$9\r\nSUBSCRIBE\r\n$14\r\n+switch-master\r\n'));
    this.listening.output.append(frame, 0, frame.length);
  }

  pick(_bytes: Uint8Array, _start: number, _length: number, isWrite: boolean): Backend | undefined {
    return this.serverFor(isWrite);
  }

  private serverFor(isWrite: boolean): Backend | undefined {
    if (!isWrite && this.replicas.size > 0) {
      const usable = [...this.replicas.values()].filter(
        (backend) => backend.failureCount === 0 && !this.lagging.has(backend),
      );
      const nearest = this.options.nearness.nearest(usable);
      if (nearest.length > 0) return nearest[this.options.prng.below(nearest.length)];
    }
    return this.master;
  }

  placeOf(): number {
    return 0;
  }

  any(): Backend | undefined {
    return this.master;
  }

  readonly forward = (owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame): void =>
    Attempt.begin(this, owner, tag, asker, plan.isWrite, frame);

  choose(attempt: Attempt): Backend | undefined {
    return this.serverFor(attempt.isWrite);
  }

  judge(error: string): Verdict {
    if (!passing.test(error)) return { kind: 'final' };
    this.refresher.soon();
    return { kind: 'wait' };
  }

  lost(): void {
    this.refresher.soon();
  }

  wait(again: () => void): void {
    this.patience.wait(again);
  }

  failed(): void {
    this.refresher.soon();
  }

  worked(): void {
    // Nothing is ejected, so nothing comes back.
  }

  close(): void {
    this.refresher.close();
    this.lagTimer?.cancel();
    this.listening?.closeQuietly();
    for (const backend of [...this.sentinels, ...this.replicas.values()]) backend.close();
    this.master?.close();
  }
}
