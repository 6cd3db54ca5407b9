// sentinel-server: the machine as a RESP server: clients' commands, links to what is watched, events to subscribers, and the config
// file that the state is kept in.

import type { LogLevel } from '../base/log-level.js';
import { latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { systemErrorText } from '../base/system-error.js';
import type { Environment } from '../io/environment.js';
import { CommandTable } from '../registry/table.js';
import type { CallFor, CommandFor, RunCall } from '../service/call.js';
import type { Config } from '../service/config/config.js';
import { rewriteConfigFile } from '../service/config/rewrite.js';
import { provideServiceInfo } from '../service/info/service-fields.js';
import { RespServer } from '../service/resp-server.js';
import { replyText } from '../client/reply.js';
import { noNames } from './address.js';
import { selfProbeFault } from './advice.js';
import { sentinelCommands } from './commands/index.js';
import { type IsExecutable } from './config-reader.js';
import { stateLines } from './config-writer.js';
import { type History } from './history.js';
import { provideSentinelInfo } from './info-sections.js';
import { Link } from './instance.js';
import { type Dial, Links } from './links.js';
import { Machine } from './machine.js';
import { NameCache, type Resolve } from './names.js';
import type { SentinelEvent, SentinelPort } from './port.js';
import { ScriptQueue, type Spawn } from './scripts.js';
import { SentinelState } from './state.js';
import { type AddressHost, VirtualAddresses } from './virtual-address.js';

/** Parts of the machine that a sentinel uses besides its environment. */
export interface SentinelMeans {
  readonly environment: Environment;
  readonly log: (level: LogLevel, text: string) => void;
  readonly config: Config;
  readonly dial: Dial;
  readonly resolve: Resolve;
  readonly spawn: Spawn;
  readonly isExecutable: IsExecutable;
  readonly addressHost: AddressHost;
  readonly history: History | undefined;
  readonly setLogLevel: (level: string) => void;
  /** Ends the process, or what stands for it. */
  readonly exit: (code: number) => void;
}

/** Ticks a second; each has a random delay added, so that sentinels do not keep in step. */
const TICKS_MIN = 10;
const TICKS_MORE = 10;
/** As redis-sentinel exits when SENTINEL SIMULATE-FAILURE takes effect. */
const CRASH_EXIT_CODE = 99;
const SECOND_MS = 1000;
/** How long the answer to a connection to oneself may take. */
const PROBE_MS = 5000;

export function makeSentinelTable(): CommandTable<RunCall<undefined>> {
  return new CommandTable<CallFor<never>>(sentinelCommands) as unknown as CommandTable<RunCall<undefined>>;
}

export class SentinelServer extends RespServer {
  readonly state: SentinelState;
  readonly machine: Machine;
  readonly scripts: ScriptQueue;
  readonly names: NameCache;
  private readonly links: Links;
  private readonly virtualAddresses: VirtualAddresses;
  private readonly random: Prng;
  private readonly beganWallMs: number;
  private readonly beganSteadyMs: number;
  private secondMs = 0;
  isStopped = false;
  /** The rim ends the server by it. */
  onShutdown: () => void = () => undefined;

  constructor(readonly means: SentinelMeans) {
    super({ ...means, runId: Buffer.from(means.environment.entropy(20)).toString('hex') }, makeSentinelTable());
    const { environment } = means;
    this.mode = 'sentinel';
    this.beganWallMs = this.clock.wallMs();
    this.beganSteadyMs = this.clock.steadyMs();
    this.random = new Prng(Buffer.from(environment.entropy(4)).readInt32LE(0));
    this.state = new SentinelState(this.makePort(), this.random, noNames);
    this.names = new NameCache(means.resolve, this.clock, (host, resolves) => this.nameChanged(host, resolves));
    this.machine = new Machine(this.state);
    this.scripts = new ScriptQueue(
      means.spawn,
      this.state.timing,
      (level, type, text) => this.publishEvent({ level, type, text, master: undefined }),
      () => this.state.nowMs,
    );
    this.virtualAddresses = new VirtualAddresses(this.state, means.addressHost, (level, text) => this.log(level, text));
    this.links = new Links(means.dial, {
      lost: (link, channel, reason) => this.machine.linkLost(link, channel, this.steadyNow(), reason),
      heard: (link, text) => this.machine.pubSubMessage(link, text, this.steadyNow()),
    });
    // With `resolve-hostnames no`, a name is an error and nothing is looked up.
    this.state.names = { ip: (host) => (this.state.settings.resolveHostnames ? this.names : noNames).ip(host) };
    this.followSettings();
    this.addServiceFeatures();
    this.state.nowMs = this.steadyNow();
    provideServiceInfo(this);
    provideSentinelInfo(this);
  }

  get history(): History | undefined {
    return this.means.history;
  }

  get isExecutable(): IsExecutable {
    return this.means.isExecutable;
  }

  /** See SentinelState.nowMs. */
  private steadyNow(): number {
    return this.beganWallMs + (this.clock.steadyMs() - this.beganSteadyMs);
  }

  override beginTurn(): void {
    super.beginTurn();
    // The constructor of the base class calls this before there is a state.
    if ((this.state as SentinelState | undefined) !== undefined) this.state.nowMs = this.steadyNow();
  }

  /** Begins to watch. */
  start(): void {
    for (const master of this.state.masters.values())
      this.state.event('warning', '+monitor', master, ` quorum ${master.quorum}`);
    this.nextTick();
  }

  private nextTick(): void {
    const perSecond = TICKS_MIN + this.random.below(TICKS_MORE);
    this.clock.after(
      SECOND_MS / perSecond,
      () => {
        if (this.isStopped) return;
        try {
          this.runTick();
        } catch (error) {
          this.log('warning', `Internal error in the timer: ${error instanceof Error ? error.stack : String(error)}`);
        }
        this.nextTick();
      },
      true,
    );
  }

  private runTick(): void {
    this.tick();
    this.machine.tick(this.state.nowMs, this.clock.wallMs());
    this.scripts.tick();
    if (this.state.nowMs - this.secondMs < SECOND_MS) return;
    this.secondMs = this.state.nowMs;
    this.virtualAddresses.tick();
  }

  /** Ends all connections and scripts. */
  stop(): void {
    this.isStopped = true;
    this.links.closeAll();
    this.scripts.stop();
    this.means.history?.close();
  }

  /** Connects to the address that this sentinel announces, and warns when it does not answer there. */
  probeSelf(): void {
    const { announceIp, announcePort } = this.state.settings;
    if (announceIp === '') return;
    const address = { host: announceIp, ip: this.state.names.ip(announceIp), port: announcePort || this.state.port };
    const link = new Link(this.state.nowMs);
    let outcome: 'reached' | 'other' | 'silent' = 'silent';
    this.links.open(link, 'commands', address);
    this.links.send(link, 'commands', ['SENTINEL', 'MYID'], (reply) => {
      outcome = reply.kind === 'error' || replyText(reply) === this.state.myId ? 'reached' : 'other';
    });
    this.clock.after(PROBE_MS, () => {
      this.links.close(link, 'commands');
      const fault = selfProbeFault(`${announceIp}:${address.port}`, outcome);
      if (fault !== undefined && !this.isStopped) this.log('warning', fault);
    });
  }

  shutdown(): void {
    this.log('warning', 'User requested shutdown...');
    this.onShutdown();
  }

  private nameChanged(host: string, resolves: boolean): void {
    if (resolves) this.log('notice', `The name ${host} resolves again`);
    else this.log('warning', `The name ${host} does not resolve: what is known by it keeps its last address`);
  }

  prepareName(host: string): Promise<string> {
    return this.names.prepare(host);
  }

  get logLevel(): string {
    return this.config.choice('loglevel').value;
  }

  setLogLevel(level: string): boolean {
    const reason = this.config.choice('loglevel').assign([level]);
    if (reason === undefined) this.means.setLogLevel(level);
    return reason === undefined;
  }

  // --- the machine's port -------------------------------------------------------------------------------------------

  private makePort(): SentinelPort {
    return {
      open: (link, channel, address) => this.links.open(link, channel, address),
      close: (link, channel) => this.links.close(link, channel),
      send: (link, channel, args, answered) => this.links.send(link, channel, args, answered),
      localHost: (link) => this.links.localHost(link).replace(/^::ffff:/, ''),
      event: (event) => this.publishEvent(event),
      log: (level, text) => this.log(level, text),
      save: () => this.save(),
      runScript: (path, args) => this.scripts.add(path, args),
      masterMoved: (master) => this.virtualAddresses.masterMoved(master),
      crash: () => this.crash(),
    };
  }

  private publishEvent(event: SentinelEvent): void {
    const { level, type, text, master } = event;
    this.log(level, `${type} ${text}`);
    if (level === 'debug') return;
    this.pubsub.publish(latin1Bytes(type), latin1Bytes(text));
    this.means.history?.add({ at: this.clock.wallMs(), type, master: master?.name ?? '', text });
  }

  save(): boolean {
    if (this.config.file === undefined) return true;
    try {
      const users = this.config.text('aclfile').value === '' ? this.acl.describe() : undefined;
      // One name for all saves, so that the file that a kill leaves behind is used again.
      rewriteConfigFile(this.files, this.config, users, 'temp', false, stateLines(this.state));
      this.log('notice', 'Sentinel new configuration saved on disk');
      return true;
    } catch (error) {
      this.log(
        'warning',
        `WARNING: Sentinel was not able to save the new configuration on disk!!!: ${systemErrorText(error)}`,
      );
      return false;
    }
  }

  private crash(): void {
    this.log('warning', 'Sentinel CRASH because of SENTINEL simulate-failure');
    this.means.exit(CRASH_EXIT_CODE);
  }
}

/** The compiler checks here that a sentinel has everything that its commands reach. */
sentinelCommands satisfies readonly CommandFor<SentinelServer>[];
