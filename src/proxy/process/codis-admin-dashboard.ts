// codis-admin-dashboard: `kvasir-codis admin --dashboard=ADDR`: everything that is done through a dashboard.
import { callApi, pathOf } from '../doors/http-client.js';
import { type DashboardModel, encode, type Group, type ProxyEntry } from '../codis/dashboard/models.js';
import { xauthOf } from '../codis/identity.js';

const TIMEOUT_MS = 60_000;

interface Watched {
  readonly stats?: Readonly<Record<string, string>>;
  readonly error?: unknown;
}

interface Overview {
  readonly config: unknown;
  readonly model: DashboardModel;
  readonly stats: {
    readonly slots: unknown;
    readonly group: { readonly models: Group[]; readonly stats: Readonly<Record<string, Watched>> };
    readonly proxy: { readonly models: ProxyEntry[]; readonly stats: Readonly<Record<string, Watched>> };
  };
}

class AdminOfDashboard {
  private xauth = '';

  constructor(
    private readonly values: ReadonlyMap<string, string>,
    private readonly words: readonly string[],
    private readonly print: (text: string) => void,
  ) {}

  private get address(): string {
    return this.values.get('dashboard')!;
  }

  private has(name: string): boolean {
    return this.values.has(name);
  }

  private value(name: string): string {
    const value = this.values.get(name);
    if (value === undefined || value === '') throw new Error(`--${name} is missing`);
    return value;
  }

  private number(name: string): number {
    const text = this.value(name);
    if (!/^\d{1,10}$/.test(text)) throw new Error(`--${name}=${text} is no number`);
    return Number(text);
  }

  private put(words: readonly (string | number)[], body?: unknown): Promise<unknown> {
    return callApi('PUT', this.address, pathOf('api', 'topom', ...words), body, TIMEOUT_MS);
  }

  private async overview(): Promise<Overview> {
    return (await callApi('GET', this.address, '/topom', undefined, TIMEOUT_MS)) as Overview;
  }

  /** Runs what the flags ask for; a plain question when they ask for nothing. */
  async run(): Promise<void> {
    const model = (await callApi('GET', this.address, '/api/topom/model', undefined, TIMEOUT_MS)) as DashboardModel;
    this.xauth = xauthOf(model.product_name);
    await callApi('GET', this.address, pathOf('api', 'topom', 'xping', this.xauth), undefined, TIMEOUT_MS);
    for (const [flag, run] of Object.entries(this.actions)) {
      if (!this.has(flag)) continue;
      await run();
      return;
    }
    await this.ask();
  }

  private async ask(): Promise<void> {
    const overview = await this.overview();
    const { stats } = overview;
    const parts: Readonly<Record<string, unknown>> = {
      config: overview.config,
      model: overview.model,
      stats,
      slots: stats.slots,
      group: stats.group,
      proxy: stats.proxy,
    };
    const [word] = this.words;
    this.print(encode(word === undefined ? overview : parts[word]));
  }

  private readonly actions: Readonly<Record<string, () => Promise<unknown>>> = {
    shutdown: () => this.put(['shutdown', this.xauth]),
    reload: () => this.put(['reload', this.xauth]),
    'log-level': () => this.put(['loglevel', this.xauth, this.value('log-level')]),
    'slots-status': async () => {
      const path = pathOf('api', 'topom', 'slots', this.xauth);
      this.print(encode(await callApi('GET', this.address, path, undefined, TIMEOUT_MS)));
    },
    'slots-assign': () => this.assign(),
    'list-proxy': async () => this.print(encode((await this.overview()).stats.proxy.models)),
    'create-proxy': () => this.put(['proxy', 'create', this.xauth, this.value('addr')]),
    'online-proxy': () => this.put(['proxy', 'online', this.xauth, this.value('addr')]),
    'remove-proxy': async () => {
      for (const token of await this.proxyTokens())
        await this.put(['proxy', 'remove', this.xauth, token, this.has('force') ? 1 : 0]);
    },
    'reinit-proxy': () => this.reinit(),
    'proxy-status': () => this.proxyStatus(),
    'list-group': async () => this.print(encode((await this.overview()).stats.group.models)),
    'create-group': () => this.put(['group', 'create', this.xauth, this.number('gid')]),
    'remove-group': () => this.put(['group', 'remove', this.xauth, this.number('gid')]),
    'resync-group': () =>
      this.has('all')
        ? this.put(['group', 'resync-all', this.xauth])
        : this.put(['group', 'resync', this.xauth, this.number('gid')]),
    'group-add': () => {
      const centre = this.has('datacenter') ? [this.value('datacenter')] : [];
      return this.put(['group', 'add', this.xauth, this.number('gid'), this.value('addr'), ...centre]);
    },
    'group-del': () => this.put(['group', 'del', this.xauth, this.number('gid'), this.value('addr')]),
    'group-status': () => this.groupStatus(),
    'replica-groups': () => {
      const isOn = this.has('enable') ? 1 : 0;
      if (isOn === 0 && !this.has('disable')) throw new Error('--enable or --disable is missing');
      return this.put(['group', 'replica-groups', this.xauth, this.number('gid'), this.value('addr'), isOn]);
    },
    'promote-server': async () => {
      await this.put(['group', 'promote', this.xauth, this.number('gid'), this.value('addr')]);
      await this.groupStatus();
    },
    'sync-action': () => {
      const word = this.has('create') ? 'create' : this.has('remove') ? 'remove' : undefined;
      if (word === undefined) throw new Error('--create or --remove is missing');
      return this.put(['group', 'action', word, this.xauth, this.value('addr')]);
    },
    'slot-action': () => this.slotAction(),
    rebalance: () => this.rebalance(),
    'sentinel-add': () => this.put(['sentinels', 'add', this.xauth, this.value('addr')]),
    'sentinel-del': () => this.put(['sentinels', 'del', this.xauth, this.value('addr'), this.has('force') ? 1 : 0]),
    'sentinel-resync': () => this.put(['sentinels', 'resync-all', this.xauth]),
  };

  private async assign(): Promise<void> {
    const [begin, end] = [this.number('beg'), this.number('end')];
    const isOffline = this.has('offline');
    const group = isOffline ? 0 : this.number('gid');
    const count = Math.max(0, Math.min(end, 1023) - begin + 1);
    const slots = Array.from({ length: count }, (_, index) => ({ id: begin + index, group_id: group, action: {} }));
    if (!this.has('confirm')) this.print(encode(slots));
    else await this.put(['slots', 'assign', this.xauth, ...(isOffline ? ['offline'] : [])], slots);
  }

  private async proxyTokens(): Promise<string[]> {
    if (this.has('token')) return [this.value('token')];
    const { models } = (await this.overview()).stats.proxy;
    if (this.has('all')) return models.map(({ token }) => token);
    if (!this.has('pid') && !this.has('addr')) throw new Error("can't find specific proxy");
    const found = models.find((proxy) =>
      this.has('pid') ? proxy.id === this.number('pid') : proxy.admin_addr === this.value('addr'),
    );
    if (found !== undefined) return [found.token];
    throw new Error(
      this.has('pid')
        ? `can't find specific proxy with id = ${this.value('pid')}`
        : `can't find specific proxy with addr = ${this.value('addr')}`,
    );
  }

  private async reinit(): Promise<void> {
    for (const token of await this.proxyTokens()) {
      try {
        await this.put(['proxy', 'reinit', this.xauth, token]);
      } catch (error) {
        if (!this.has('force')) throw error;
        this.print(`reinit proxy-[${token}] failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  private slotAction(): Promise<unknown> {
    const put = (...words: (string | number)[]): Promise<unknown> => this.put(['slots', 'action', ...words]);
    if (this.has('create')) return put('create', this.xauth, this.number('sid'), this.number('gid'));
    if (this.has('remove')) return put('remove', this.xauth, this.number('sid'));
    if (this.has('create-some'))
      return put('create-some', this.xauth, this.number('gid-from'), this.number('gid-to'), this.number('num-slots'));
    if (this.has('create-range'))
      return put('create-range', this.xauth, this.number('beg'), this.number('end'), this.number('gid'));
    if (this.has('interval')) return put('interval', this.xauth, this.number('interval'));
    if (this.has('disabled')) return put('disabled', this.xauth, this.number('disabled'));
    throw new Error('--create, --remove, --create-some, --create-range, --interval or --disabled is missing');
  }

  private async rebalance(): Promise<void> {
    const answer = await this.put(['slots', 'rebalance', this.xauth, this.has('confirm') ? 1 : 0]);
    const plan = Object.entries(answer as Record<string, number>)
      .map(([slot, group]) => [Number(slot), group] as const)
      .sort(([a], [b]) => a - b);
    if (plan.length === 0) {
      this.print('nothing changes');
      return;
    }
    let [begin, last, group] = [plan[0]![0], plan[0]![0], plan[0]![1]];
    const flush = (): void =>
      this.print(`[${String(begin).padStart(4, '0')},${String(last).padStart(4, '0')}] => ${group}`);
    for (const [slot, target] of plan.slice(1)) {
      if (slot === last + 1 && target === group) {
        last = slot;
        continue;
      }
      flush();
      [begin, last, group] = [slot, slot, target];
    }
    flush();
    this.print('done');
  }

  private async proxyStatus(): Promise<void> {
    const { models, stats } = (await this.overview()).stats.proxy;
    const width = Math.max(0, ...models.map(({ id }) => String(id).length));
    const adminWidth = Math.max(0, ...models.map(({ admin_addr: address }) => address.length));
    const proxyWidth = Math.max(0, ...models.map(({ proxy_addr: address }) => address.length));
    for (const proxy of models) {
      const id = String(proxy.id).padStart(width, '0');
      const places = `[A] ${proxy.admin_addr.padEnd(adminWidth)} [P] ${proxy.proxy_addr.padEnd(proxyWidth)}`;
      this.print(`[${markOf(stats[proxy.token])}] proxy-${id} [T] ${proxy.token} ${places}`);
    }
  }

  private async groupStatus(): Promise<void> {
    const { models, stats } = (await this.overview()).stats.group;
    const idWidth = Math.max(0, ...models.map(({ id }) => String(id).length));
    const indexWidth = Math.max(1, ...models.map(({ servers }) => String(servers.length - 1).length));
    const width = Math.max(0, ...models.flatMap(({ servers }) => servers.map(({ server }) => server.length)));
    for (const { id, servers } of models) {
      for (const [index, { server }] of servers.entries()) {
        const name = `group-${String(id).padStart(idWidth, '0')} [${String(index).padStart(indexWidth, '0')}] ${server.padEnd(width)}`;
        const watched = stats[server];
        const mark = markOf(watched);
        if (mark !== ' ') {
          this.print(`[${mark}] ${name}`);
          continue;
        }
        const own = watched!.stats!.master_addr;
        const master = own === undefined ? 'NO:ONE' : `${own}:${watched!.stats!.master_link_status ?? ''}`;
        const expected = index === 0 ? 'NO:ONE' : `${servers[0]!.server}:up`;
        this.print(`[${master === expected ? ' ' : 'X'}] ${name}      ==> ${master}`);
      }
    }
  }
}

/** `?` not looked at yet, `E` an error, `T` no answer. */
function markOf(watched: Watched | undefined): string {
  if (watched === undefined) return '?';
  if (watched.error !== undefined) return 'E';
  return watched.stats === undefined ? 'T' : ' ';
}

export function adminDashboard(
  values: ReadonlyMap<string, string>,
  words: readonly string[],
  print: (text: string) => void,
): Promise<void> {
  return new AdminOfDashboard(values, words, print).run();
}
