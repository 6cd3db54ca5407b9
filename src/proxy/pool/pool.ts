// pool: one listening place of the proxy: a router to its servers, its users, and its counters.
import type { LogLevel } from '../../base/log-level.js';
import type { OutputLimit } from '../config/pool-config.js';
import type { Router } from '../routing/router.js';
import type { HotCache } from './hot-cache.js';
import type { KeyWatch } from './key-watch.js';
import type { ProxyUsers } from '../session/users.js';

export interface PoolOptions {
  readonly name: string;
  readonly router: Router;
  /** The password of `redis_auth`. */
  readonly password: string | undefined;
  readonly users: ProxyUsers | undefined;
  /** Errors read as twemproxy's do. */
  readonly isLikeTwemproxy: boolean;
  readonly databaseCount: number;
  readonly clientLimit: OutputLimit;
  readonly subscriberLimit: OutputLimit;
  readonly watch: KeyWatch | undefined;
  readonly cache: HotCache | undefined;
  log(level: LogLevel, text: string): void;
}

/** Whatever is counted here has a row in stats/counters. */
export class PoolCounters {
  clientEofs = 0;
  clientErrors = 0;
  clientConnections = 0;
  forwardErrors = 0;
  fragments = 0;
  /** Clients that were closed because they read too little. */
  clientsOverLimit = 0;
}

export class Pool {
  readonly name: string;
  router: Router;
  password: string | undefined;
  users: ProxyUsers | undefined;
  readonly isLikeTwemproxy: boolean;
  databaseCount: number;
  /** How much clients may leave unread. */
  clientLimit: OutputLimit;
  subscriberLimit: OutputLimit;
  /** Counts hot and big keys. */
  watch: KeyWatch | undefined;
  /** Values of hot keys. */
  cache: HotCache | undefined;
  readonly log: (level: LogLevel, text: string) => void;
  readonly counters = new PoolCounters();
  /** Another one after each reload: requests of a client that come then may not overtake those before. */
  generation = 0;

  constructor(options: PoolOptions) {
    this.name = options.name;
    this.router = options.router;
    this.password = options.password;
    this.users = options.users;
    this.isLikeTwemproxy = options.isLikeTwemproxy;
    this.databaseCount = options.databaseCount;
    this.clientLimit = options.clientLimit;
    this.subscriberLimit = options.subscriberLimit;
    this.watch = options.watch;
    this.cache = options.cache;
    this.log = (level, text) => options.log(level, text);
  }

  get needsAuth(): boolean {
    return this.users === undefined ? this.password !== undefined : this.users.needsAuth;
  }

  /** A reload: other servers or rules for the clients that are connected already. */
  change(options: PoolOptions): void {
    const old = this.router;
    this.generation++;
    this.router = options.router;
    this.password = options.password;
    this.users = options.users;
    this.databaseCount = options.databaseCount;
    this.clientLimit = options.clientLimit;
    this.subscriberLimit = options.subscriberLimit;
    this.cache?.close();
    this.watch = options.watch;
    this.cache = options.cache;
    if (old !== options.router) old.close();
  }
}
