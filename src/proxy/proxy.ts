// proxy: the whole of it: pools with their doors, the clients, statistics, reload and end.
//
// A reload compares the new configuration with the old by name: a pool that stays keeps its door and its clients, and gets other
// servers or rules between two requests; requests that are on their way come back over the old connections, which close after them.

import type { LogLevel } from '../base/log-level.js';
import { utf8 } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { splitWords } from '../base/quoting.js';
import { systemErrorText } from '../base/system-error.js';
import { delay } from '../io/clock.js';
import type { Environment } from '../io/environment.js';
import type { Listener } from '../io/network.js';
import { sharesPorts } from '../io/sockets.js';
import type { Wire, WireEvents } from '../io/wire.js';
import type { Call } from '../registry/call.js';
import type { CommandDeclaration } from '../registry/command.js';
import { CommandTable } from '../registry/table.js';
import { CodisRouter } from './codis/codis-router.js';
import { runSlotCommand } from './codis/slot-commands.js';
import { runClusterCommand, runSentinelCommand } from './commands/one-node.js';
import { ownDeclarations } from './commands/declaration.js';
import { runLocalCommand, type LocalHost } from './commands/local-commands.js';
import { runPubSubCommand } from './commands/pubsub-command.js';
import type { PoolConfig } from './config/pool-config.js';
import { openDoors, type Door } from './doors/doors.js';
import type { BackendHost } from './pool/backend.js';
import { InstanceMove } from './online/instance-move.js';
import { MigratingRouter } from './online/migrating-router.js';
import { MirrorRouter } from './online/mirror-router.js';
import { Backend } from './pool/backend.js';
import { HotCache } from './pool/hot-cache.js';
import { KeyWatch } from './pool/key-watch.js';
import { authOf, makeRouter } from './pool/make-router.js';
import { NutcrackerRouter } from './pool/nutcracker-router.js';
import { Pool, type PoolOptions } from './pool/pool.js';
import type { Plan } from './routing/plan.js';
import { type Router, settleRouter } from './routing/router.js';
import { connectSecurely } from './doors/secure-wire.js';
import { RepeatedLines } from './doors/tls-failure.js';
import { Dispatcher, type DispatcherHost } from './session/dispatcher.js';
import { PubSubHub } from './session/pubsub-hub.js';
import { Session } from './session/session.js';
import { ProxyUsers } from './session/users.js';
import {
  statisticsHealth,
  statisticsInfo,
  statisticsJson,
  statisticsMetrics,
  type StatisticsSource,
} from './stats/statistics.js';
import type { ExpositionFormat } from '../service/metrics/exposition.js';
import { answerRequest, type Health, httpBytes } from '../service/metrics/scrape-door.js';
import { Turn } from './wire/output.js';

const SHUTDOWN_POLL_MS = 20;
/** How long a migration's beginning waits for the replies to what was asked before. */
const SETTLE_MS_MAX = 10_000;
/** How long the statistics port waits for somebody to ask in HTTP, and then for the whole request. */
const STATISTICS_WAIT_MS = 50;
const STATISTICS_REQUEST_MS = 10_000;
const STATISTICS_REQUEST_BYTES = 16 << 10;

export interface ProxyOptions {
  readonly environment: Environment;
  readonly log: (level: LogLevel, text: string) => void;
  /** All commands that servers may have. */
  readonly declarations: readonly CommandDeclaration<never>[];
  readonly hostName: string;
  readonly memoryBytes: () => number;
  /** Reads the configuration anew. */
  readonly readPools: () => { readonly pools: readonly PoolConfig[]; readonly mistakes: readonly string[] };
  readonly stopped: () => void;
}

interface RunningPool {
  config: PoolConfig;
  readonly pool: Pool;
  readonly hub: PubSubHub;
  doors: Door[];
  move: InstanceMove | undefined;
}

export class Proxy implements DispatcherHost, LocalHost, StatisticsSource {
  readonly table: CommandTable<never>;
  readonly sessions = new Map<number, Session>();
  readonly startedMs: number;
  totalConnections = 0;
  private readonly turn: Turn;
  private readonly dispatcher: Dispatcher;
  private readonly running = new Map<string, RunningPool>();
  readonly random: Prng;
  private readonly tlsFailures: RepeatedLines;
  private nextId = 1;
  private statsListener: Listener | undefined;
  private isStopping = false;

  constructor(private readonly options: ProxyOptions) {
    const { environment, declarations } = options;
    const { clock } = environment;
    this.table = new CommandTable<never>([
      ...declarations,
      ...ownDeclarations.filter(({ name }) => !declarations.some((other) => other.name === name)),
    ]);
    this.turn = new Turn(clock);
    this.dispatcher = new Dispatcher(this.table, this.turn, clock, this);
    this.startedMs = clock.wallMs();
    this.tlsFailures = new RepeatedLines(clock, options.log);
    const [a, b, c, d] = environment.entropy(4);
    this.random = new Prng((a! << 24) | (b! << 16) | (c! << 8) | d!);
  }

  // --- pools

  /** The proxy as the servers of a pool need it. */
  backendHost(config: PoolConfig): BackendHost {
    const { environment, log } = this.options;
    const { serverTls, timeoutMs } = config;
    return {
      clock: environment.clock,
      network: environment.network,
      turn: this.turn,
      log,
      ...(serverTls === undefined
        ? {}
        : {
            connectSecurely: (server, events) =>
              connectSecurely(server, serverTls, timeoutMs, this.tlsFailures, events),
          }),
    };
  }

  private poolOptions(config: PoolConfig, router: Router): PoolOptions {
    const users = config.users.length === 0 ? undefined : new ProxyUsers(this.table);
    for (const line of config.users) {
      const mistake = users!.add(splitWords(line) ?? []);
      if (mistake !== undefined) throw new Error(`pool '${config.name}', user '${line}': ${mistake}`);
    }
    return {
      name: config.name,
      router,
      password: config.password,
      users,
      isLikeTwemproxy: config.kind === 'twemproxy',
      databaseCount: config.databaseCount,
      clientLimit: config.clientLimit,
      subscriberLimit: config.subscriberLimit,
      ...this.watchOf(config),
      log: this.options.log,
    };
  }

  /** The router of a pool; one that migrates or has a mirror has that of the other pool inside. */
  private makeRouter(config: PoolConfig): Router {
    const { clock } = this.options.environment;
    const make = (of: PoolConfig): Router => makeRouter(of, this.backendHost(of), clock, this.random);
    const otherName = config.migrateTo === '' ? config.mirrorTo : config.migrateTo;
    if (otherName === '') return make(config);
    const other = this.configs.find(({ name }) => name === otherName);
    if (other === undefined) throw new Error(`pool '${config.name}' names a pool that there is not: '${otherName}'`);
    const parts = {
      clock,
      databaseCount: Math.min(config.databaseCount, other.databaseCount),
      planOf: (name: string) => this.dispatcher.plans[this.table.commands.get(name)!.id]!,
      log: (level: LogLevel, text: string) => this.options.log(level, `pool '${config.name}': ${text}`),
    };
    // A key must be looked for at its own server, not at the one that would have it while that is ejected.
    if (config.migrateTo !== '')
      return new MigratingRouter(make({ ...config, ejects: false }), make({ ...other, ejects: false }), parts);
    // By one connection to each server, the writes of all clients reach both pools in the same order.
    return new MirrorRouter(make({ ...config, serverConnections: 1 }), make({ ...other, serverConnections: 1 }), parts);
  }

  private configs: readonly PoolConfig[] = [];

  private watchOf(config: PoolConfig): { watch: KeyWatch | undefined; cache: HotCache | undefined } {
    const watch = config.watchesKeys ? new KeyWatch(this.options.environment.clock) : undefined;
    const cache =
      watch === undefined || config.cachedKeysMax === 0 ? undefined : new HotCache(watch, config.cachedKeysMax);
    return { watch, cache };
  }

  /** Opens all pools; rejects with what is wrong with the first that does not open. */
  async start(configs: readonly PoolConfig[]): Promise<void> {
    this.configs = configs;
    for (const config of configs) await this.open(config);
  }

  /** Opens a pool; `router` is for a scheme that gets its servers from elsewhere. */
  async open(config: PoolConfig, router: Router = this.makeRouter(config)): Promise<void> {
    const pool = new Pool(this.poolOptions(config, router));
    const hub = new PubSubHub(router, this.options.environment.clock);
    const running: RunningPool = { config, pool, hub, doors: [], move: undefined };
    if (router instanceof MigratingRouter) void router.begin(Promise.resolve());
    try {
      running.doors = await openDoors(
        this.options.environment.network,
        config,
        (wire) => this.accept(pool, wire),
        this.tlsFailures,
      );
    } catch (error) {
      router.close();
      throw new Error(`pool '${config.name}' cannot listen on ${config.listen.text}: ${systemErrorText(error)}`, {
        cause: error,
      });
    }
    this.running.set(config.name, running);
    if (config.preconnects) for (const backend of router.backends) backend.preconnect();
    if (config.reusePort && !sharesPorts())
      this.options.log(
        'warning',
        `pool '${config.name}': reuseport has no effect, and no other process can listen on its port: Node 22.12, 23.1 and later can share a port, and this is Node ${process.versions.node}`,
      );
    this.options.log(
      'notice',
      `pool '${config.name}' listens on ${running.doors.map((door) => door.text).join(' and ')}`,
    );
  }

  private accept(pool: Pool, wire: Wire): WireEvents {
    const id = this.nextId++;
    const session = new Session(id, id, pool, this.dispatcher);
    session.attachTo(wire);
    this.totalConnections++;
    pool.counters.clientConnections++;
    this.sessions.set(id, session);
    const max = this.running.get(pool.name)?.config.clientConnections ?? 0;
    if (this.isStopping || (max > 0 && pool.counters.clientConnections > max)) {
      session.answerError(this.isStopping ? 'ERR the proxy is shutting down' : 'ERR max number of clients reached');
      session.closeAfterReplies();
    }
    return session;
  }

  sessionClosed(session: Session, error: Error | undefined): void {
    this.hubOf(session.pool)?.forget(session);
    const pool = session.home;
    this.sessions.delete(session.id);
    pool.counters.clientConnections--;
    if (error === undefined) pool.counters.clientEofs++;
    else pool.counters.clientErrors++;
  }

  private hubOf(pool: Pool): PubSubHub | undefined {
    return this.running.get(pool.name)?.hub;
  }

  /** Compares with what runs; resolves with the mistakes, and changes nothing when there are any. */
  async reload(): Promise<readonly string[]> {
    const { pools, mistakes } = this.options.readPools();
    if (mistakes.length > 0) {
      for (const mistake of mistakes) this.options.log('warning', `the configuration stays as it was: ${mistake}`);
      return mistakes;
    }
    this.configs = pools;
    const failures: string[] = [];
    for (const [name, running] of [...this.running]) {
      if (pools.some((config) => config.name === name)) continue;
      for (const door of running.doors) door.close();
      this.running.delete(name);
      for (const session of this.sessions.values())
        if (session.pool === running.pool || session.home === running.pool) session.closeAfterReplies();
      running.hub.close();
      running.pool.router.close();
      this.options.log('notice', `pool '${name}' is gone`);
    }
    for (const config of pools) {
      try {
        const running = this.running.get(config.name);
        if (running === undefined) await this.open(config);
        else await this.change(running, config);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.options.log('warning', text);
        failures.push(text);
      }
    }
    this.options.log('notice', 'the configuration is reloaded');
    return failures;
  }

  private async change(running: RunningPool, config: PoolConfig): Promise<void> {
    const old = running.config;
    if (describe(old) === describe(config) && this.otherIsSame(config)) {
      for (const door of running.doors) door.renew?.(config.listenTlsFiles);
      return;
    }
    const options = this.poolOptions(config, this.makeRouter(config));
    try {
      await this.changeDoors(running, config);
    } catch (error) {
      options.router.close();
      throw new Error(`pool '${config.name}' stays as it was: ${systemErrorText(error)}`, { cause: error });
    }
    running.config = config;
    this.changeRouter(running.pool, options);
    running.hub.useRouter(options.router);
    if (config.preconnects) for (const backend of options.router.backends) backend.preconnect();
    this.options.log('notice', `pool '${config.name}' has ${config.servers.length} servers now`);
  }

  /** The new router may have to wait for what the old one has sent. */
  private changeRouter(pool: Pool, options: PoolOptions): void {
    const { router: old } = pool;
    const { router } = options;
    if (router instanceof MigratingRouter) {
      const { backends } = old;
      // A server that answers nothing holds up the others' keys for so long at most.
      const settled = Promise.race([settleRouter(old), delay(this.options.environment.clock, SETTLE_MS_MAX)]);
      // Transactions, and those who wait for a list, would go on at servers where their keys are no more.
      void router.begin(settled.then(() => backends.forEach((backend) => backend.cutOff())));
    }
    pool.change(options);
  }

  /** Doors that stay where they are stay open. */
  private async changeDoors(running: RunningPool, config: PoolConfig): Promise<void> {
    const asksForCertificate = (of: PoolConfig): boolean => of.listenTlsFiles.caFile !== undefined;
    let kept = running.doors;
    if (asksForCertificate(running.config) !== asksForCertificate(config)) {
      // This is settled when a door opens, and another at the same place cannot open before it is closed.
      for (const door of kept) if (door.renew !== undefined) door.close();
      kept = kept.filter((door) => door.renew === undefined);
    }
    for (const door of kept) door.renew?.(config.listenTlsFiles);
    const { network } = this.options.environment;
    const doors = await openDoors(network, config, (wire) => this.accept(running.pool, wire), this.tlsFailures, kept);
    for (const door of kept) if (!doors.includes(door)) door.close();
    running.doors = doors;
  }

  /** Whether the pool that a pool leads to is as it was when its router was made. */
  private otherIsSame(config: PoolConfig): boolean {
    const name = config.migrateTo === '' ? config.mirrorTo : config.migrateTo;
    if (name === '') return true;
    const before = this.running.get(name)?.config;
    const now = this.configs.find((other) => other.name === name);
    return before !== undefined && now !== undefined && describe(before) === describe(now);
  }

  // --- tenants and moves

  enterAs(session: Session, userName: string): void {
    const { home } = session;
    const running = this.running.get(home.name);
    const name = running?.config.tenants.get(userName);
    const pool = name === undefined ? home : this.running.get(name)?.pool;
    if (pool === undefined || pool === session.pool) return;
    this.hubOf(session.pool)?.forget(session);
    session.pool = pool;
  }

  moveOf(session: Session): InstanceMove | undefined {
    return this.running.get(session.pool.name)?.move;
  }

  moveServer(session: Session, name: string, address: string): InstanceMove | string {
    const running = this.running.get(session.pool.name);
    const router = running?.pool.router;
    if (running === undefined || !(router instanceof NutcrackerRouter))
      return 'servers of this kind of pool find each other';
    if (running.move !== undefined && running.move.stage !== 'done' && running.move.stage !== 'failed')
      return `server '${running.move.old.options.name}' is being moved`;
    const old = router.backends.find(({ options }) => options.name === name || options.label === name);
    if (old === undefined) return `the pool has no server '${name}'`;
    const colon = address.lastIndexOf(':');
    const port = Number(address.slice(colon + 1));
    if (colon <= 0 || !(port >= 1 && port <= 65535)) return `'${address}' is no host:port`;
    const { name: placedName, weight, timeoutMs, keepAliveSeconds, connectionCount, auth: serverAuth } = old.options;
    const by = new Backend(old.host, {
      host: address.slice(0, colon),
      port,
      label: `${address}:${weight}`,
      name: placedName,
      weight,
      timeoutMs,
      keepAliveSeconds,
      connectionCount,
      auth: serverAuth,
      databaseIndex: old.options.databaseIndex,
    });
    const { clock } = this.options.environment;
    const auth = authOf(running.config);
    running.move = new InstanceMove(router, old, by, clock, auth, (level, text) => this.options.log(level, text));
    void running.move.run().then(() => running.hub.serverGone(old));
    return running.move;
  }

  // --- commands

  runLocal(session: Session, plan: Plan, call: Call): void {
    runLocalCommand(this, session, plan, call);
  }

  runPubSub(session: Session, plan: Plan, call: Call): void {
    const hub = this.hubOf(session.pool);
    if (hub === undefined) session.answerError('ERR this pool is gone');
    else runPubSubCommand(hub, this.dispatcher, session, plan, call);
  }

  forget(session: Session): void {
    this.hubOf(session.pool)?.forget(session);
  }

  runSchemeCommand(session: Session, plan: Plan, call: Call): boolean {
    const { router } = session.pool;
    const top = plan.command.parent?.name ?? plan.command.name;
    if (top === 'cluster') return runClusterCommand(session, plan, call);
    if (top === 'sentinel') return runSentinelCommand(session, call);
    return router instanceof CodisRouter && runSlotCommand(router, session, plan, call);
  }

  settings(): ReadonlyMap<string, string> {
    const settings = new Map<string, string>();
    for (const { config } of this.running.values()) {
      settings.set(`${config.name}.listen`, config.listen.text);
      settings.set(`${config.name}.timeout`, String(config.timeoutMs));
      settings.set(`${config.name}.hash`, config.hash);
      settings.set(`${config.name}.distribution`, config.distribution);
      settings.set(`${config.name}.auto_eject_hosts`, String(config.ejects));
    }
    // Clients ask for these before they do anything.
    settings.set(
      'databases',
      String(Math.max(1, ...[...this.running.values()].map(({ config }) => config.databaseCount))),
    );
    settings.set('maxmemory', '0');
    settings.set('save', '');
    settings.set('appendonly', 'no');
    return settings;
  }

  set(name: string): string | undefined {
    return `ERR CONFIG SET failed (possibly related to argument '${name}') - edit the proxy's file and call PROXY RELOAD`;
  }

  resetStatistics(): void {
    this.totalConnections = 0;
    for (const plan of this.plans) {
      plan.calls = 0;
      plan.failures = 0;
    }
  }

  servers(session: Session): string {
    return session.pool.router.backends
      .map(
        (backend) =>
          `${backend.options.name} ${backend.options.label} weight=${backend.options.weight} connections=${backend.openCount} ejected=${backend.ejectedUntilMs > 0 ? 1 : 0}\n`,
      )
      .join('');
  }

  // --- statistics

  get hostName(): string {
    return this.options.hostName;
  }

  get processId(): number {
    return this.options.environment.processId;
  }

  get memoryBytes(): number {
    return this.options.memoryBytes();
  }

  get currentConnections(): number {
    return this.sessions.size;
  }

  get pools(): Pool[] {
    return [...this.running.values()].map(({ pool }) => pool);
  }

  get plans(): Plan[] {
    return this.dispatcher.plans.flatMap((plan) =>
      plan === undefined ? [] : [plan, ...(plan.subplans?.values() ?? [])],
    );
  }

  nowMs(): number {
    return this.options.environment.clock.wallMs();
  }

  /** The part of codis's statistics that is about requests and clients. */
  codisStats(withCommands: boolean): Readonly<Record<string, unknown>> {
    const called = this.plans.filter(({ calls }) => calls > 0);
    const fails = this.pools.reduce((sum, { counters }) => sum + counters.forwardErrors, 0);
    const cmd = called.map(({ command, calls, failures }) => ({
      opstr: command.fullName.toUpperCase(),
      calls,
      fails: failures,
    }));
    return {
      ops: {
        total: called.reduce((sum, { calls }) => sum + calls, 0),
        fails,
        redis: { errors: 0 },
        ...(withCommands ? { cmd } : {}),
      },
      sessions: { total: this.totalConnections, alive: this.currentConnections },
    };
  }

  info(sections: readonly string[]): string {
    return statisticsInfo(this, sections);
  }

  statistics(): string {
    return statisticsJson(this);
  }

  metrics(format: ExpositionFormat = 'prometheus'): string {
    return statisticsMetrics(this, format);
  }

  health(): Health {
    const { isHealthy, details } = statisticsHealth(this);
    return { isHealthy: isHealthy && !this.isStopping, details };
  }

  /**
   * Opens the port of the statistics: plain JSON for any connection; /metrics and /health too for a request in HTTP.
   */
  async openStatistics(host: string, port: number): Promise<void> {
    const { clock, network } = this.options.environment;
    this.statsListener = await network.listen({ host, port, backlog: 128, keepAliveSeconds: () => 0 }, (wire) => {
      // twemproxy writes at once and closes. A client of HTTP has sent the beginning of its request by then.
      let timer = clock.after(STATISTICS_WAIT_MS, () => answer(utf8(statisticsJson(this))));
      let request = '';
      let isDone = false;
      const answer = (bytes: Uint8Array): void => {
        if (isDone) return;
        isDone = true;
        timer.cancel();
        wire.write(bytes);
        wire.end();
      };
      return {
        onData: (bytes, count) => {
          if (isDone) return;
          if (request === '') {
            timer.cancel();
            timer = clock.after(STATISTICS_REQUEST_MS, () => wire.destroy());
          }
          request += Buffer.from(bytes.subarray(0, count)).toString('latin1');
          const end = request.indexOf('\r\n\r\n');
          if ('GET '.startsWith(request) || 'HEAD '.startsWith(request)) return;
          if (!/^(GET|HEAD) /.test(request)) answer(utf8(statisticsJson(this)));
          else if (end >= 0) answer(this.answerHttp(request.slice(0, end)));
          else if (request.length > STATISTICS_REQUEST_BYTES) wire.destroy();
        },
        onDrain: () => undefined,
        onEnd: () => answer(utf8(statisticsJson(this))),
        onClose: () => timer.cancel(),
      };
    });
  }

  /** Every path but those of a monitoring system has the statistics. */
  private answerHttp(head: string): Uint8Array {
    if (/^\w+ \/(metrics|healthz?)[ ?]/.test(head)) return answerRequest(this, head);
    return httpBytes(
      { status: 200, contentType: 'application/json', body: statisticsJson(this) },
      !head.startsWith('HEAD'),
    );
  }

  // --- the end

  /** Accepts nobody any more, answers what is asked already, then calls `stopped`. */
  shutdown(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.options.log('notice', 'shutting down: open requests are answered first');
    for (const { doors } of this.running.values()) for (const door of doors) door.close();
    this.statsListener?.close();
    for (const session of this.sessions.values()) session.closeAfterReplies();
    const giveUpMs = this.nowMs() + 10_000;
    const poll = (): void => {
      if (this.sessions.size > 0 && this.nowMs() < giveUpMs) {
        this.options.environment.clock.after(SHUTDOWN_POLL_MS, poll, true);
        return;
      }
      for (const session of [...this.sessions.values()]) session.destroy();
      for (const { pool, hub } of this.running.values()) {
        hub.close();
        pool.router.close();
      }
      this.options.stopped();
    };
    poll();
  }
}

/** A configuration as text, to see whether it has changed. */
function describe(config: PoolConfig): string {
  return JSON.stringify({ ...config, line: 0, tenants: [...config.tenants] });
}
