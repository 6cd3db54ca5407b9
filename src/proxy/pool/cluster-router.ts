// cluster-router: one address in front of a Redis Cluster: slots, redirections, failovers and resharding stay in here.
//
// The map of slots comes from any node that answers, and is read again after each MOVED, each lost connection, and once in a while.
// A request is kept until its reply has come, so that MOVED, ASK, TRYAGAIN and a node that went away end in a second
// try.

import { Prng } from '../../base/prng.js';
import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { latin1Bytes } from '../../base/bytes.js';
import { readRedirection } from '../../client/redirection.js';
import { addressText, readClusterSlots, type NodeAddress, type SlotMap } from '../../client/slot-map.js';
import type { Clock } from '../../io/clock.js';
import type { LogLevel } from '../../base/log-level.js';
import type { ReadPolicy } from '../config/pool-config.js';
import { ask } from '../routing/ask.js';
import { Attempt, Patience, type AttemptHost, type Verdict } from '../routing/attempt.js';
import type { Plan } from '../routing/plan.js';
import type { Asker, Frame, Router } from '../routing/router.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { Backend, BackendWatcher } from './backend.js';
import type { Nearness } from './nearness.js';
import { Refresher } from './refresher.js';

const refreshTimes = { everyMs: 30_000, soonMs: 20, retryMs: 100 };
const WAIT_MS = 50;
const PATIENCE_MS = 15_000;
const passing = /^(?:TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)\b/;

export interface ClusterRouterOptions {
  readonly seeds: readonly NodeAddress[];
  readonly readPolicy: ReadPolicy;
  readonly nearness: Nearness;
  readonly clock: Clock;
  readonly prng: Prng;
  /** A server of this address; one that only reads has been told READONLY. */
  makeBackend(address: NodeAddress, isReplica: boolean): Backend;
  log(level: LogLevel, text: string): void;
}

export class ClusterRouter implements Router, AttemptHost, BackendWatcher {
  readonly publishesEverywhere = true;
  readonly clock: Clock;
  readonly patienceMs = PATIENCE_MS;
  error = 'CLUSTERDOWN The proxy has no map of the cluster yet';
  private readonly masters = new Map<string, Backend>();
  private readonly replicas = new Map<string, Backend>();
  private owners: (Backend | undefined)[] = new Array<Backend | undefined>(SLOT_COUNT).fill(undefined);
  private readers: (readonly Backend[] | undefined)[] = new Array<readonly Backend[] | undefined>(SLOT_COUNT).fill(
    undefined,
  );
  private current: Backend[] = [];
  private map: SlotMap | undefined;
  private readonly refresher: Refresher;
  private readonly patience: Patience;
  refreshCount = 0;

  constructor(private readonly options: ClusterRouterOptions) {
    this.clock = options.clock;
    this.patience = new Patience(options.clock, WAIT_MS);
    this.refresher = new Refresher(options.clock, refreshTimes, () => this.readMap());
    void this.refresher.refresh();
  }

  get backends(): readonly Backend[] {
    return this.current;
  }

  private master(address: NodeAddress): Backend {
    const key = addressText(address);
    let backend = this.masters.get(key);
    if (backend === undefined) {
      backend = this.options.makeBackend(address, false);
      backend.watcher = this;
      this.masters.set(key, backend);
    }
    return backend;
  }

  private replica(address: NodeAddress): Backend {
    const key = addressText(address);
    let backend = this.replicas.get(key);
    if (backend === undefined) {
      backend = this.options.makeBackend(address, true);
      backend.watcher = this;
      this.replicas.set(key, backend);
    }
    return backend;
  }

  /** Reads the map from the first node that answers; returns whether one did. */
  private async readMap(): Promise<boolean> {
    const known = this.map === undefined ? [] : [...this.map.nodes];
    const asked = new Set<string>();
    let reason = '';
    for (const address of [...known, ...this.options.seeds]) {
      const key = addressText(address);
      if (asked.has(key)) continue;
      asked.add(key);
      try {
        const map = readClusterSlots(await ask(this.master(address), ['CLUSTER', 'SLOTS']), address);
        if (map.shards.length === 0) throw new Error('it serves no slot');
        this.useMap(map);
        return true;
      } catch (error) {
        reason = `${key}: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
    if (this.refresher.isClosed) return false;
    if (!this.error.endsWith(reason))
      this.options.log('warning', `no node of the cluster reports its slots; ${reason}`);
    this.error = `CLUSTERDOWN No node of the cluster reports its slots; ${reason}`;
    return false;
  }

  /** The map may be old. */
  refreshSoon(): void {
    this.refresher.soon();
  }

  private useMap(map: SlotMap): void {
    this.refreshCount++;
    this.map = map;
    this.owners.fill(undefined);
    this.readers.fill(undefined);
    const used = new Set<Backend>();
    const current: Backend[] = [];
    const readsReplicas = this.options.readPolicy !== 'master';
    for (const shard of map.shards) {
      const master = this.master(shard.master);
      const replicas = readsReplicas ? shard.replicas.map((address) => this.replica(address)) : [];
      current.push(master);
      used.add(master);
      for (const replica of replicas) used.add(replica);
      for (const [first, last] of shard.ranges) {
        this.owners.fill(master, first, last + 1);
        if (replicas.length > 0) this.readers.fill(replicas, first, last + 1);
      }
    }
    current.sort((a, b) => (a.options.name < b.options.name ? -1 : 1));
    this.current = current;
    for (const backends of [this.masters, this.replicas]) {
      for (const [key, backend] of backends) {
        if (used.has(backend) || backend.waitingCount > 0) continue;
        backends.delete(key);
        backend.close();
      }
    }
  }

  pick(bytes: Uint8Array, start: number, length: number, isWrite: boolean): Backend | undefined {
    return this.ownerOf(keySlot(bytes, start, length), isWrite);
  }

  /** The nearest replicas of a slot, those that work first. */
  private nearestOf(slot: number): readonly Backend[] | undefined {
    const readers = this.readers[slot];
    if (readers === undefined || readers.length < 2) return readers;
    const working = readers.filter((reader) => reader.failureCount === 0);
    return this.options.nearness.nearest(working.length > 0 ? working : readers);
  }

  private ownerOf(slot: number, isWrite: boolean): Backend | undefined {
    if (!isWrite) {
      const readers = this.nearestOf(slot);
      if (readers !== undefined) {
        const first = this.options.prng.below(readers.length);
        for (let index = 0; index < readers.length; index++) {
          const reader = readers[(first + index) % readers.length]!;
          if (reader.failureCount === 0 || index + 1 === readers.length) {
            if (reader.failureCount === 0 || this.options.readPolicy === 'replica') return reader;
          }
        }
      }
    }
    return this.owners[slot];
  }

  placeOf(bytes: Uint8Array, start: number, length: number): number {
    return keySlot(bytes, start, length);
  }

  any(): Backend | undefined {
    const { current } = this;
    return current.length === 0 ? undefined : current[this.options.prng.below(current.length)];
  }

  readonly forward = (owner: ReplySink, tag: number, asker: Asker, plan: Plan, frame: Frame): void =>
    Attempt.begin(this, owner, tag, asker, plan.isWrite, frame);

  // --- requests under way

  choose(attempt: Attempt): Backend | undefined {
    return this.ownerOf(keySlot(attempt.request, attempt.keyStart, attempt.keyLength), attempt.isWrite);
  }

  judge(error: string): Verdict {
    if (error.startsWith('MOVED ') || error.startsWith('ASK ')) {
      const redirection = readRedirection({ kind: 'error', bytes: latin1Bytes(error) }, undefined);
      if (redirection === undefined) return { kind: 'final' };
      const backend = this.master(redirection.address);
      if (redirection.kind === 'ASK') return { kind: 'ask', backend };
      this.owners[redirection.slot] = backend;
      this.readers[redirection.slot] = undefined;
      this.refreshSoon();
      return { kind: 'again' };
    }
    if (!passing.test(error)) return { kind: 'final' };
    this.refreshSoon();
    return { kind: 'wait' };
  }

  lost(): void {
    this.refreshSoon();
  }

  wait(again: () => void): void {
    this.patience.wait(again);
  }

  failed(): void {
    this.refreshSoon();
  }

  worked(): void {
    // Nothing is ejected, so nothing comes back.
  }

  close(): void {
    this.refresher.close();
    for (const backend of [...this.masters.values(), ...this.replicas.values()]) backend.close();
  }
}
