// node-runner: runs the machine of one node in its environment: sockets and timers give it inputs, its actions are done here.
//
// Its owner is a data server, or a simulation that has no data.
//
// Not here: the protocol (step and what it calls), commands of users (cluster).

import type { LogLevel } from '../base/log-level.js';
import type { RandomSource } from '../base/prng.js';
import { systemErrorText } from '../base/system-error.js';
import type { Clock, Timer } from '../io/clock.js';
import type { ConnectEvents } from '../io/network.js';
import type { Wire } from '../io/wire.js';
import { Bus, type BusAction, type BusSettings, type BusWorld } from './bus.js';
import { Links, type LinksOwner } from './links.js';
import { type BusMessage, MessageType } from './message.js';
import { HeaderAt } from './message-layout.js';
import { type BusLink, ClusterNode, NodeFlag } from './node.js';
import type { NodesFile } from './nodes-file.js';
import { fileText } from './nodes-text.js';
import { ClusterState } from './state.js';
import { type BusInput, change, step, type Times } from './step.js';
import { TICK_MS } from './tick.js';

/** The machine takes 0 for "never": its clock begins far above. */
const STEADY_BEGINS_MS = 1e9;
/** A save that failed is tried again so often. */
const RETRY_SAVE_MS = 1000;

export interface RunnerOwner extends BusWorld {
  readonly settings: BusSettings;
  readonly random: RandomSource;
  readonly clock: Clock;
  /** cluster-link-sendbuf-limit. */
  readonly sendBufferLimit: number;
  log(level: LogLevel, text: string): void;
  connect(host: string, port: number, events: ConnectEvents): Wire;
  /** Follows this master, wherever it is now. */
  follow(master: ClusterNode): void;
  promote(): void;
  /** Deletes all keys. */
  flush(): void;
  pauseWrites(durationMs: number): void;
  resumeWrites(): void;
  dropKeys(slots: readonly number[]): void;
  deliver(sharded: boolean, channel: Uint8Array, payload: Uint8Array): void;
  changed(): void;
}

export class NodeRunner implements LinksOwner {
  readonly bus: Bus;
  readonly links: Links = new Links(this);
  private timer: Timer | undefined;
  private isUnsaved = false;
  private triedSaveMs = -Infinity;
  private isStopped = false;
  /** Messages of this type are dropped, for tests. */
  droppedType = -1;

  /** Begins with what the file holds, or as a new node; throws a NodesFileError. */
  constructor(
    private readonly owner: RunnerOwner,
    private readonly file: NodesFile,
  ) {
    const nowMs = this.times().steadyMs;
    const { usesTls } = owner.settings;
    const loaded = file.load({ nowMs, usesTls, newId: () => owner.newId() });
    if (loaded === undefined) {
      const flags = NodeFlag.myself | NodeFlag.master;
      this.bus = new Bus(new ClusterState(new ClusterNode(owner.newId(), owner.newId(), flags, nowMs)), owner, nowMs);
      owner.log('notice', `No cluster configuration found, I'm ${this.bus.state.myself.id}`);
      this.save();
    } else {
      this.bus = new Bus(loaded, owner, nowMs);
      owner.log('notice', `Node configuration loaded, I'm ${loaded.myself.id}`);
    }
  }

  times(): Times {
    const { clock } = this.owner;
    return { steadyMs: clock.steadyMs() + STEADY_BEGINS_MS, wallMs: clock.wallMs() };
  }

  /** Time begins; connections can come and go. */
  start(): void {
    const run = (): void => {
      this.timer = this.owner.clock.after(TICK_MS, run);
      this.tick();
    };
    run();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.links.closeAll();
  }

  private tick(): void {
    this.links.enforceLimit(this.owner.sendBufferLimit);
    if (this.isUnsaved && this.times().steadyMs - this.triedSaveMs >= RETRY_SAVE_MS) this.save();
    this.input({ kind: 'tick' });
  }

  private input(input: BusInput): void {
    if (!this.isStopped) this.perform(step(this.bus, input, this.times()));
  }

  /** Runs a command of a user. */
  change<Result>(run: (bus: Bus) => Result): Result {
    const { result, actions } = change(this.bus, this.times(), () => run(this.bus));
    this.perform(actions);
    return result;
  }

  private perform(actions: readonly BusAction[]): void {
    let isSaved = true;
    for (const action of actions) {
      if (action.kind === 'save') isSaved = this.save() === undefined;
      // A promise must survive a crash, so it is not sent unless it is saved.
      else if (!isSaved && action.kind === 'send' && isPromise(action.bytes)) continue;
      else this.do(action);
    }
  }

  private do(action: Exclude<BusAction, { kind: 'save' }>): void {
    const { owner, links } = this;
    switch (action.kind) {
      case 'connect':
        links.connect(action.link, action.host, action.port);
        return;
      case 'send':
        links.send(action.link, action.bytes);
        return;
      case 'close':
        links.close(action.link);
        return;
      case 'log':
        owner.log(action.level, action.text);
        return;
      case 'follow':
        owner.follow(action.master);
        return;
      case 'promote':
        owner.promote();
        return;
      case 'flush':
        owner.flush();
        return;
      case 'pause':
        owner.pauseWrites(action.durationMs);
        return;
      case 'unpause':
        owner.resumeWrites();
        return;
      case 'dropKeys':
        owner.dropKeys(action.slots);
        return;
      case 'publish':
        owner.deliver(action.sharded, action.channel, action.payload);
        return;
      case 'changed':
        owner.changed();
    }
  }

  /** The last attempt to write nodes.conf has failed. */
  get lacksFile(): boolean {
    return this.isUnsaved;
  }

  /** Writes nodes.conf; returns why it could not. It is tried again later. */
  save(): string | undefined {
    this.triedSaveMs = this.times().steadyMs;
    try {
      this.file.save(fileText(this.bus));
      this.isUnsaved = false;
      return undefined;
    } catch (error) {
      const reason = systemErrorText(error);
      if (!this.isUnsaved)
        this.owner.log(
          'warning',
          `Cannot write the cluster config file ${this.file.path}: ${reason}. No votes until it can be written.`,
        );
      this.isUnsaved = true;
      return reason;
    }
  }

  // --- LinksOwner -----------------------------------------------------------------------------------------------------

  get clock(): Clock {
    return this.owner.clock;
  }

  log(level: LogLevel, text: string): void {
    this.owner.log(level, text);
  }

  connect(host: string, port: number, events: ConnectEvents): Wire {
    return this.owner.connect(host, port, events);
  }

  newInboundLink(remoteAddress: string, localAddress: string): BusLink {
    return this.bus.newInboundLink(remoteAddress, localAddress, this.times().steadyMs);
  }

  opened(link: BusLink): void {
    this.input({ kind: 'opened', link });
  }

  closed(link: BusLink): void {
    this.input({ kind: 'closed', link });
  }

  message(link: BusLink, message: BusMessage): void {
    if (message.header.type === this.droppedType) return;
    this.input({ kind: 'message', link, message });
  }
}

/** A vote, or the request for one: it holds in an epoch that must not be forgotten. */
function isPromise(bytes: Uint8Array): boolean {
  const type = (bytes[HeaderAt.type]! << 8) | bytes[HeaderAt.type + 1]!;
  return type === MessageType.authAck || type === MessageType.authRequest;
}
