// dashboard: the dashboard of a codis product: holds the lock, keeps the state, watches servers and proxies, carries out moves.
//
// Operations run one at a time. Watching, moving keys and SLAVEOF go on beside them and take the turn only for changes of state; so a
// server that is slow, or a proxy that is dead, holds up what needs it and nothing else.

import type { LogLevel } from '../../../base/log-level.js';
import { delay, type Clock } from '../../../io/clock.js';
import { replyText } from '../../../client/reply.js';
import type { Coordinator } from './coordinator.js';
import { clientOf, type DashboardCore, type DashboardSettings, textOf } from './core.js';
import { runNextSync, switchMaster } from './groups.js';
import type { DashboardModel } from './models.js';
import { onlineProxy } from './proxies.js';
import { mastersBySentinels, monitored } from './sentinels.js';
import { infoFields, ServerLinks } from './server-link.js';
import { SlotMover } from './slot-mover.js';
import { Store } from './store.js';

const REFRESH_MS = 1000;
const ASK_TIMEOUT_MS = 1000;
const AFTER_FAILURE_MS = 5000;
const LINK_TIMEOUT_MS = 5000;

export interface DashboardOptions {
  readonly clock: Clock;
  readonly coordinator: Coordinator;
  readonly settings: DashboardSettings;
  readonly model: DashboardModel;
  log(level: LogLevel, text: string): void;
}

interface Watched {
  readonly stats?: unknown;
  readonly sentinel?: unknown;
  readonly error?: { readonly Cause: string; readonly Stack: null };
  readonly unixtime: number;
}

export class Dashboard implements DashboardCore {
  readonly store: Store;
  readonly settings: DashboardSettings;
  readonly clock: Clock;
  readonly links: ServerLinks;
  readonly mover: SlotMover;
  movingCount = 0;
  isDisabled = false;
  intervalMicros = 0;
  isOnline = false;
  isClosed = false;
  readonly serverStats = new Map<string, Watched>();
  readonly proxyStats = new Map<string, Watched>();
  masters = new Map<number, string>();
  private queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: DashboardOptions) {
    this.settings = options.settings;
    this.clock = options.clock;
    this.store = new Store(options.coordinator, options.settings.productName);
    const { productAuth } = options.settings;
    this.links = new ServerLinks(options.clock, productAuth === '' ? [] : [productAuth], LINK_TIMEOUT_MS);
    this.mover = new SlotMover(this, () => this.isClosed);
  }

  get model(): DashboardModel {
    return this.options.model;
  }

  log(level: LogLevel, text: string): void {
    this.options.log(level, text);
  }

  alone<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(() => {
      if (this.isClosed) throw new Error('use of closed topom');
      if (!this.isOnline) throw new Error('topom is not online');
      return run();
    });
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  /** Takes the lock and reads the state; rejects when another dashboard has it. */
  async start(): Promise<void> {
    const { store } = this;
    if (!(await store.lock(this.options.model))) {
      const holder = await store.lockHolder();
      throw new Error(
        `store: acquire lock of ${store.product} failed: the dashboard at ${holder?.admin_addr ?? 'an unknown place'} ` +
          `(process ${holder?.pid ?? 0}) has it; if it is dead, start with --remove-lock`,
      );
    }
    await store.load();
    this.isOnline = true;
    void this.repeat(() => this.watchServers());
    void this.repeat(() => this.watchProxies());
    void this.repeat(() => this.followSentinels());
    void this.repeat(() => this.mover.run(), 'process slot action failed');
    void this.repeat(async () => {
      while (!this.isClosed && (await runNextSync(this))) continue;
    }, 'process sync action failed');
  }

  private async repeat(run: () => Promise<void>, failure?: string): Promise<void> {
    while (!this.isClosed) {
      let pauseMs = REFRESH_MS;
      try {
        await run();
      } catch (error) {
        if (failure !== undefined && !this.isClosed) this.log('warning', `${failure}: ${textOf(error)}`);
        pauseMs += failure === undefined ? 0 : AFTER_FAILURE_MS;
      }
      const wakeMs = this.clock.steadyMs() + pauseMs;
      // Short waits, so that work that was asked for begins soon and the end comes soon.
      while (!this.isClosed && this.clock.steadyMs() < wakeMs) await delay(this.clock, Math.min(100, pauseMs));
    }
  }

  private watched(stats: Partial<Watched>): Watched {
    return { ...stats, unixtime: Math.floor(this.clock.wallMs() / 1000) };
  }

  private async watchServers(): Promise<void> {
    const servers = this.store.sortedGroups.flatMap((group) => group.servers.map(({ server }) => server));
    const sentinels = this.store.sentinels.servers ?? [];
    await Promise.all([
      ...servers.map((address) => this.watchServer(address)),
      ...sentinels.map((address) => this.watchSentinel(address)),
    ]);
    for (const address of this.serverStats.keys())
      if (!servers.includes(address) && !sentinels.includes(address)) this.serverStats.delete(address);
  }

  private async watchServer(address: string): Promise<void> {
    try {
      const stats = await this.links.ask(
        address,
        async (call) => {
          const fields = infoFields(replyText(await call('INFO')));
          const maxMemory = await call('CONFIG', 'GET', 'maxmemory');
          if (maxMemory.kind === 'array') fields.maxmemory = replyText(maxMemory.elements[1]);
          return fields;
        },
        ASK_TIMEOUT_MS,
      );
      const master =
        stats.master_host === undefined ? {} : { master_addr: `${stats.master_host}:${stats.master_port}` };
      this.serverStats.set(address, this.watched({ stats: { ...stats, ...master } }));
    } catch (error) {
      this.serverStats.set(address, this.watched({ error: { Cause: textOf(error), Stack: null } }));
    }
  }

  private async watchSentinel(address: string): Promise<void> {
    try {
      this.serverStats.set(address, this.watched({ stats: {}, sentinel: await monitored(this, address) }));
    } catch (error) {
      this.serverStats.set(address, this.watched({ error: { Cause: textOf(error), Stack: null } }));
    }
  }

  private async watchProxies(): Promise<void> {
    await Promise.all(
      this.store.sortedProxies.map(async (proxy) => {
        try {
          const stats = (await clientOf(this, proxy).stats(ASK_TIMEOUT_MS)) as { online?: boolean; closed?: boolean };
          this.proxyStats.set(proxy.token, this.watched({ stats }));
          // It was started again and waits for its slots.
          if (stats.online === false && stats.closed !== true)
            await this.alone(() => onlineProxy(this, proxy.admin_addr)).catch((error: unknown) =>
              this.log('warning', `auto online proxy-[${proxy.token}] failed: ${textOf(error)}`),
            );
        } catch (error) {
          this.proxyStats.set(proxy.token, this.watched({ error: { Cause: textOf(error), Stack: null } }));
        }
      }),
    );
    for (const token of this.proxyStats.keys()) if (!this.store.proxies.has(token)) this.proxyStats.delete(token);
  }

  private async followSentinels(): Promise<void> {
    if ((this.store.sentinels.servers ?? []).length === 0) return;
    this.masters = await mastersBySentinels(this);
    if (this.store.sentinels.out_of_sync) return;
    for (const [group, master] of this.masters)
      if (this.store.masterOf(group) !== master) await this.alone(() => switchMaster(this, group, master));
  }

  stats(): Record<string, unknown> {
    const { store } = this;
    const servers = (addresses: readonly string[]): Record<string, unknown> => {
      const found: Record<string, unknown> = {};
      for (const address of addresses) {
        const stats = this.serverStats.get(address);
        if (stats !== undefined) found[address] = stats;
      }
      return found;
    };
    return {
      closed: this.isClosed,
      slots: store.slots,
      group: {
        models: store.sortedGroups,
        stats: servers(store.sortedGroups.flatMap((group) => group.servers.map(({ server }) => server))),
      },
      proxy: { models: store.sortedProxies, stats: Object.fromEntries(this.proxyStats) },
      slot_action: {
        interval: this.intervalMicros,
        disabled: this.isDisabled,
        progress: { status: this.mover.status },
        executor: this.movingCount,
      },
      sentinels: {
        model: store.sentinels,
        stats: servers(store.sentinels.servers ?? []),
        masters: Object.fromEntries([...this.masters].map(([group, master]) => [String(group), master])),
      },
    };
  }

  /** Reads the state anew from the coordinator. */
  reload(): Promise<void> {
    return this.alone(() => this.store.load());
  }

  /** Ends: what is under way stays stored, and the lock is given back. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    const wasOnline = this.isOnline;
    const open = this.queue;
    this.isClosed = true;
    await open.catch(() => undefined);
    this.links.close();
    if (wasOnline) await this.store.unlock();
    this.store.coordinator.close();
  }
}
