// pool: what one listening place of the proxy serves: a router to its servers, who may use it, and its counters.
import type { LogLevel } from '../../base/log-level.js';
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
  readonly clientOutputBytesMax: number;
  readonly watch: KeyWatch | undefined;
  readonly cache: HotCache | undefined;
  log(level: LogLevel, text: string): void;
}

export class Pool {
  readonly name: string;
  router: Router;
  password: string | undefined;
  users: ProxyUsers | undefined;
  readonly isLikeTwemproxy: boolean;
  databaseCount: number;
  clientOutputBytesMax: number;
  /** Counts hot and big keys. */
  watch: KeyWatch | undefined;
  /** Values of hot keys. */
  cache: HotCache | undefined;
  readonly log: (level: LogLevel, text: string) => void;
  clientEofCount = 0;
  clientErrorCount = 0;
  clientCount = 0;
  forwardErrors = 0;
  fragments = 0;

  constructor(options: PoolOptions) {
    this.name = options.name;
    this.router = options.router;
    this.password = options.password;
    this.users = options.users;
    this.isLikeTwemproxy = options.isLikeTwemproxy;
    this.databaseCount = options.databaseCount;
    this.clientOutputBytesMax = options.clientOutputBytesMax;
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
    this.router = options.router;
    this.password = options.password;
    this.users = options.users;
    this.databaseCount = options.databaseCount;
    this.clientOutputBytesMax = options.clientOutputBytesMax;
    this.cache?.close();
    this.watch = options.watch;
    this.cache = options.cache;
    if (old !== options.router) old.close();
  }
}
