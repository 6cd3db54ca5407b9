// durability: ties persistence to the data server: the facts that it reads, and the moments when the server calls it.
//
//   start        `load` before the first client is served; the LOADING gate is up meanwhile
//   a write      effects -> the AOF's buffer
//   end of turn  the buffer is written once; with appendfsync always it is durable before the turn's replies are sent
//   tick         cron; CONFIG SET, FLUSHALL, SHUTDOWN, DEBUG and INFO come through the server's hooks
//
// Not here: persistence itself (persistence), replies that wait (service/clients/connection), the commands fed to it
// (effects).

import type { ReplicationPort } from './replication-port.js';
import type { Scripting } from './scripting/scripting.js';
import type { Transactions } from './transactions.js';
import type { Info } from '../service/info/info.js';
import type { CommandStats } from '../service/watch/command-stats.js';
import type { FunctionStore, ServerOptions, ShutdownOptions } from './call.js';
import type { Config } from '../service/config/config.js';
import type { Files } from '../io/files.js';
import type { DataLimits } from '../registry/data-limits.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Clock } from '../io/clock.js';
import type { LogLevel } from '../base/log-level.js';
import type { CommandPlaces, PersistenceHost } from '../persistence/host.js';
import { Persistence } from '../persistence/persistence.js';
import type { SnapshotFileOptions } from '../persistence/snapshot/snapshot-file.js';
import { DirectFileSink, WorkerFileSink, type SnapshotSink } from '../persistence/snapshot/snapshot-sink.js';
import { type Client, Gate } from '../service/clients/client.js';
import type { OptionName } from '../service/config/options.js';
import { fromByteString } from '../service/config/special-settings.js';
import type { Effects, EffectSink } from './effects.js';
import type { Hooks } from './hooks.js';
import { SERVER_VERSION } from '../base/version.js';

/** The part of the server that persistence reads, and the places where it hooks in. */
export interface DurabilityHost {
  readonly keyspace: Keyspace;
  readonly limits: DataLimits;
  readonly files: Files;
  readonly clock: Clock;
  readonly config: Config;
  readonly options: ServerOptions;
  readonly stats: CommandStats;
  readonly info: Info;
  readonly effects: Effects;
  readonly transactions: Transactions;
  readonly scripting: Scripting;
  readonly functionStore: FunctionStore;
  readonly role: 'master' | 'replica';
  readonly replication: ReplicationPort | undefined;
  readonly cron: { aofMicros: number; freeSoon(): void };
  readonly blocking: { allChanged(): void };
  readonly hooks: Hooks;
  gates: number;
  loading: boolean;
  holdsReplies: boolean;
  log(level: LogLevel, text: string): void;
  noteLatency(event: string, milliseconds: number): void;
  inTransaction(): boolean;
  internalClient(): Client;
  obey(client: Client, command: CommandPlaces): { readonly unknown?: string };
  releaseReplies(isDurable: boolean): void;
}

/** Directives that persistence acts on at once; it reads the others when it needs them. */
const watchedOptions: readonly OptionName[] = [
  'appendonly',
  'appendfsync',
  'save',
  'aof-timestamp-enabled',
  'stop-writes-on-bgsave-error',
];

export class ServerPersistenceHost implements PersistenceHost {
  readonly serverVersion = SERVER_VERSION;
  onRefusalChanged: () => void = () => undefined;
  private replayClient: Client | undefined;

  constructor(private readonly server: DurabilityHost) {}

  get keyspace(): DurabilityHost['keyspace'] {
    return this.server.keyspace;
  }

  get limits(): DurabilityHost['limits'] {
    return this.server.limits;
  }

  get files(): DurabilityHost['files'] {
    return this.server.files;
  }

  option(name: string): string | number | boolean {
    const { config } = this.server;
    if (name === 'dir') return config.path('dir');
    const setting = config.find(name);
    if (setting === undefined) throw new Error(`persistence asks for ${name}, which is no directive`);
    const { kind } = setting.option;
    if (kind === 'flag') return config.flag(name as 'appendonly').value;
    if (kind === 'number') return config.number(name as 'hz').value;
    return fromByteString(setting.print());
  }

  get processId(): number {
    return this.server.options.environment.processId;
  }

  get clock(): Clock {
    return this.server.clock;
  }

  log(level: LogLevel, text: string): void {
    this.server.log(level, text);
  }

  noteLatency(event: string, milliseconds: number): void {
    this.server.noteLatency(event, milliseconds);
  }

  get commandCount(): number {
    return this.server.stats.processed;
  }

  functionLibraries(): readonly Uint8Array[] {
    return this.server.functionStore.codes();
  }

  get inTransaction(): boolean {
    return this.server.inTransaction();
  }

  loadFunction(code: Uint8Array, replaces: boolean): void {
    this.server.functionStore.load(code, replaces);
  }

  clearFunctions(): void {
    this.server.functionStore.clear();
  }

  streamOffset(): number {
    return this.server.replication?.offset ?? 0;
  }

  replicationAux(): readonly (readonly [string, string])[] {
    return this.server.replication?.auxFields() ?? [];
  }

  /** Also while data is loaded at the start, when the role that is configured has not been taken yet. */
  get isMaster(): boolean {
    const { config, role } = this.server;
    return role === 'master' && config.special('replicaof').value === undefined;
  }

  beginReplay(): void {
    this.replayClient = this.server.internalClient();
    this.replayClient.obeyed = true;
    this.server.effects.muted = true;
    this.server.effects.update();
  }

  /** Runs a command as a client's would be, but past the gates, which are for clients. */
  replay(command: CommandPlaces): string | undefined {
    const { unknown } = this.server.obey(this.replayClient!, command);
    return unknown === undefined ? undefined : `Unknown command '${unknown}'`;
  }

  get replayInTransaction(): boolean {
    return this.replayClient !== undefined && (this.replayClient.gates & Gate.MULTI) !== 0;
  }

  endReplay(): void {
    if (this.replayClient !== undefined) this.server.transactions.forget(this.replayClient);
    this.replayClient = undefined;
    this.server.effects.muted = false;
    this.server.effects.update();
  }

  loadingChanged(isLoading: boolean): void {
    const { server } = this;
    server.loading = isLoading;
    server.gates = isLoading ? server.gates | Gate.LOADING : server.gates & ~Gate.LOADING;
  }

  loadingAsideChanged(isLoading: boolean): void {
    const { server } = this;
    server.gates = isLoading ? server.gates | Gate.LOADING_ASIDE : server.gates & ~Gate.LOADING_ASIDE;
  }

  dataWillGo(): void {
    this.server.transactions.databaseChanged(-1);
  }

  dataCame(): void {
    const { server } = this;
    // The data set is another than that of the last save.
    server.keyspace.dirty++;
    server.blocking.allChanged();
    for (const replaced of server.hooks.replacements) replaced();
    server.cron.freeSoon();
  }

  refusalChanged(): void {
    this.onRefusalChanged();
  }

  makeSink(options: SnapshotFileOptions): SnapshotSink {
    const { hasThreads, files } = this.server.options.environment;
    return hasThreads ? new WorkerFileSink(options) : new DirectFileSink(files, options);
  }
}

/** Ends the turn's work for the AOF, and lets the replies go that waited for it. */
class Turns {
  private isOpen = false;

  constructor(
    private readonly server: DurabilityHost,
    private readonly persistence: Persistence,
  ) {}

  readonly open = (): void => {
    if (this.isOpen) return;
    this.isOpen = true;
    this.server.clock.soon(this.endSlowly);
  };

  /** The replies wait for as long as the sync takes, with those to all that is asked meanwhile. */
  private readonly endSlowly = (): void => {
    const { server } = this;
    const { syncMs = 0 } = server.files;
    if (syncMs === 0 || !this.persistence.syncsBeforeReplies) {
      this.end();
      return;
    }
    server.clock.after(syncMs, () => {
      server.noteLatency('aof-fsync-always', syncMs);
      this.end();
    });
  };

  private end(): void {
    const { server } = this;
    this.isOpen = false;
    const startMs = server.clock.steadyMs();
    const isDurable = this.persistence.beforeReplies();
    server.cron.aofMicros += (server.clock.steadyMs() - startMs) * 1000;
    server.releaseReplies(isDurable);
  }
}

function sinkOf(persistence: Persistence, turns: Turns): EffectSink {
  return {
    bit: 1,
    get wants() {
      return persistence.isLogging;
    },
    append(database, call) {
      persistence.append(database, call);
      turns.open();
    },
    appendParts(database, parts) {
      persistence.appendParts(database, parts);
      turns.open();
    },
  };
}

/** Why the server must not end now, or undefined when its data is saved as `how` says. */
async function saveBeforeShutdown(
  server: DurabilityHost,
  persistence: Persistence,
  how: ShutdownOptions,
): Promise<string | undefined> {
  // The log was turned on and does not hold the data yet: the next start of the server would find nothing.
  if (persistence.aof.state === 'waiting' && !how.force) return "Writing initial AOF, can't exit.";
  if (how.save !== false) await server.scripting.parked.settle();
  const refusal = persistence.shutdown(how.save ?? persistence.hasSaveRules);
  if (refusal === undefined || how.force) return undefined;
  server.scripting.parked.serveAgain();
  return refusal;
}

/** Gives a server its persistence; `load` is for the starter to call. */
export function attachPersistence(server: DurabilityHost): Persistence {
  const host = new ServerPersistenceHost(server);
  const persistence = new Persistence(host);
  const turns = new Turns(server, persistence);
  /** The AOF is opened and closed by commands, by the cron and by snapshots that end. */
  const update = (): void => {
    server.effects.update();
    server.holdsReplies = persistence.holdsReplies;
  };
  persistence.aof.log.onOpenChanged = update;
  server.effects.attach(sinkOf(persistence, turns));
  joinHooks(server, persistence, turns, update);
  for (const name of watchedOptions) {
    server.config.onSet([name], () => {
      const refusal = persistence.optionChanged(name);
      update();
      return refusal;
    });
  }
  // The gate costs a look at every command, so it is only up while there may be a reason.
  host.onRefusalChanged = () => {
    if (persistence.writesRefused !== undefined) server.gates |= Gate.WRITES;
  };
  server.info.provide('persistence', () => persistence.info());
  return persistence;
}

function joinHooks(server: DurabilityHost, persistence: Persistence, turns: Turns, update: () => void): void {
  const { hooks } = server;
  hooks.repliesHeld.push(turns.open);
  hooks.ticks.push(() => persistence.cron());
  hooks.flushes.push((index) => {
    // The effects of a debugged script are undone, so the file on disk remains valid.
    const isUndone = server.scripting.session?.isSilent === true;
    if (index < 0 && !server.loading && !isUndone) persistence.flushedAll();
  });
  hooks.beforeServing.push(async () => {
    await persistence.load();
    update();
  });
  hooks.beforeShutdown.push((how) => saveBeforeShutdown(server, persistence, how));
  hooks.stops.push(() => {
    persistence.shutdown(false);
    return Promise.resolve();
  });
  hooks.writeRefusals.push(() => persistence.writesRefused);
  hooks.pingRefusals.push(() => persistence.writesRefused);
}
