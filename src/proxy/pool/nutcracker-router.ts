// nutcracker-router: twemproxy's pool: a hash, a distribution over the servers that are live, ejection and return.
//
// A server that fails `server_failure_limit` times in a row leaves the distribution for `server_retry_timeout`; the first request
// after that time brings it back. With no server left, requests fail as twemproxy's do.

import type { Clock } from '../../io/clock.js';
import type { Prng } from '../../base/prng.js';
import type { Router } from '../routing/router.js';
import { makeDistribution, type Distribution, type DistributionName } from '../placement/distribution.js';
import type { HashFunction } from '../../base/hash-functions.js';
import type { Preparation } from '../online/preparation.js';
import { findTag, tag, type TagRule } from '../placement/hash-tag.js';
import type { Backend, BackendWatcher } from './backend.js';

export interface PlacementOptions {
  readonly hash: HashFunction;
  readonly distribution: DistributionName;
  readonly tagRule: TagRule | undefined;
  readonly ejects: boolean;
  readonly retryTimeoutMs: number;
  readonly failureLimit: number;
}

export class NutcrackerRouter implements Router, BackendWatcher {
  readonly error = 'ERR Connection refused';
  readonly publishesEverywhere = false;
  readonly forward = undefined;
  ejectCount = 0;
  private distribution: Distribution | undefined;
  /** Steady ms of the first return of an ejected server, 0 for none. */
  private returnMs = 0;
  private liveCount = 0;

  constructor(
    readonly backends: Backend[],
    private readonly options: PlacementOptions,
    private readonly clock: Clock,
    private readonly prng: Prng,
    private readonly ejected: (backend: Backend) => void = () => undefined,
  ) {
    for (const backend of backends) backend.watcher = this;
    this.rebuild();
  }

  private rebuild(): void {
    const nowMs = this.clock.steadyMs();
    const live: number[] = [];
    this.returnMs = 0;
    for (let index = 0; index < this.backends.length; index++) {
      const backend = this.backends[index]!;
      if (backend.ejectedUntilMs <= nowMs) {
        backend.ejectedUntilMs = 0;
        live.push(index);
      } else if (this.returnMs === 0 || backend.ejectedUntilMs < this.returnMs) {
        this.returnMs = backend.ejectedUntilMs;
      }
    }
    this.liveCount = live.length;
    const placed = this.backends.map(({ options }) => options);
    // Without a server the old distribution stays, as in twemproxy.
    if (live.length > 0) this.distribution = makeDistribution(this.options.distribution, placed, live, this.prng);
  }

  /** @hot */
  pick(bytes: Uint8Array, start: number, length: number): Backend | undefined {
    if (this.returnMs !== 0) {
      if (this.clock.steadyMs() > this.returnMs) this.rebuild();
      else if (this.liveCount === 0) return undefined;
    }
    return this.backends[this.placeOf(bytes, start, length)];
  }

  /** @hot */
  placeOf(bytes: Uint8Array, start: number, length: number): number {
    if (this.backends.length === 1) return 0;
    const { options } = this;
    findTag(options.tagRule, bytes, start, length);
    const hash = tag.length === 0 ? 0 : options.hash(bytes, tag.start, tag.length);
    return this.distribution?.indexOf(hash) ?? 0;
  }

  /** Set while a server is exchanged. */
  preparation: Preparation | undefined;

  /** Another instance takes a server's place; its name, and so all keys' places, stay. */
  exchange(old: Backend, by: Backend): void {
    const index = this.backends.indexOf(old);
    if (index < 0) return;
    this.backends[index] = by;
    by.watcher = this;
    this.rebuild();
    old.close();
    old.dropBorrowed();
  }

  any(): Backend | undefined {
    const nowMs = this.clock.steadyMs();
    const live = this.backends.filter((backend) => backend.ejectedUntilMs <= nowMs);
    return live.length === 0 ? undefined : live[this.prng.below(live.length)];
  }

  failed(backend: Backend): void {
    if (!this.options.ejects || backend.failureCount < this.options.failureLimit) return;
    backend.failureCount = 0;
    backend.ejectedUntilMs = this.clock.steadyMs() + this.options.retryTimeoutMs;
    backend.statistics.ejectedAtMs = this.clock.wallMs();
    this.ejectCount++;
    this.ejected(backend);
    this.rebuild();
  }

  worked(backend: Backend): void {
    backend.ejectedUntilMs = 0;
  }

  close(): void {
    for (const backend of this.backends) backend.close();
  }
}
