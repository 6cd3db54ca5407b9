// target-watch: looks after one target: connects, asks for INFO at every tick, and reports its findings.
//
// One request is under way at a time: a server that is slow is asked less often, not more. A connection that ends is opened again at
// once, because servers close idle or killed clients; a server is down when that fails, when INFO is refused, or when it does not
// answer for long. Replies are not trusted: one that is too long ends the connection, and INFO is read as a stranger's
// text.
//
// Nodes of a cluster are asked for CLUSTER INFO too, and now and then for their slots; every server for its configuration.

import { infoNumber, type InfoText, parseInfoText } from '../base/info-text.js';
import { systemErrorText } from '../base/system-error.js';
import type { Connection } from '../client/connection.js';
import { isError, type Reply, replyText } from '../client/reply.js';
import type { Clock } from '../io/clock.js';
import { type ConfigValues, configValues, describeConfigChange } from './events/config-changes.js';
import { type Change, changesBetween, serverState, type ServerState, shown } from './events/server-state.js';
import { slotCount, ownSlots, type Slots, slotsAdded } from './events/slots.js';
import { SentinelEars } from './sentinel-ears.js';
import { SampleMaker, type Values } from './sample.js';

export interface MonitorTarget {
  /** Names the target in files, events and rules; never changes. */
  readonly id: string;
  /** Name for people. */
  readonly name: string;
  /** Opens a connection that has logged in; rejects with the reason. */
  readonly connect: () => Promise<Connection>;
}

export type TargetState = 'unknown' | 'up' | 'down';

export interface WatchListener {
  sampled(watch: TargetWatch, values: Values): void;
  changed(watch: TargetWatch, changes: readonly Change[]): void;
}

export interface WatchTimes {
  /** A reply, or a connection, that takes longer means that the server is down. */
  readonly timeoutMs: number;
  readonly slotsEveryMs: number;
  readonly configEveryMs: number;
}

export const defaultWatchTimes: WatchTimes = { timeoutMs: 10_000, slotsEveryMs: 10_000, configEveryMs: 30_000 };

/** INFO of a server with ten thousand replicas, and the nodes of a large cluster, are shorter. */
const REPLY_BYTES_MAX = 16 << 20;

/** A failure whose words are for people. */
class WatchError extends Error {}

export class TargetWatch {
  state: TargetState = 'unknown';
  /** Why it is down; empty otherwise. */
  error = '';
  /** When the state began, in ms since 1970. */
  sinceMs: number;
  /** The last INFO; undefined while the target is not up. */
  info: InfoText | undefined;
  cluster: InfoText | undefined;
  /** The last figures. */
  values: Values = new Map();
  private readonly maker = new SampleMaker();
  private readonly ears: SentinelEars;
  private connection: Connection | undefined;
  private before: ServerState | undefined;
  private config: ConfigValues | undefined;
  private slots: Slots | undefined;
  private slotsAskedMs = -Infinity;
  private configAskedMs = -Infinity;
  private isBusy = false;
  private isStopped = false;

  constructor(
    readonly target: MonitorTarget,
    private readonly clock: Clock,
    private readonly listener: WatchListener,
    private readonly times: WatchTimes = defaultWatchTimes,
  ) {
    this.sinceMs = clock.wallMs();
    this.ears = new SentinelEars(target.connect, (change) => this.listener.changed(this, [change]));
  }

  /** Asks once; resolves when the answer, or a failure, has been told. Does nothing while it waits for an answer already. */
  async tick(): Promise<void> {
    if (this.isBusy || this.isStopped) return;
    this.isBusy = true;
    try {
      await this.look();
    } catch (error) {
      if (!this.isStopped) this.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.isBusy = false;
    }
  }

  stop(): void {
    this.isStopped = true;
    this.ears.close();
    this.connection?.close();
    this.connection = undefined;
  }

  private async look(): Promise<void> {
    const isOld = this.connection !== undefined && this.connection.lost === undefined;
    try {
      await this.ask(isOld ? this.connection! : await this.open());
    } catch (error) {
      // The server may have closed a connection that was idle; a new one shows whether it still runs.
      if (!isOld || error instanceof WatchError || this.isStopped) throw error;
      this.drop();
      await this.ask(await this.open());
    }
  }

  private async open(): Promise<Connection> {
    const opening = this.target.connect();
    let isLate = false;
    // A connection that comes after the time is over is not needed any more.
    opening.then(
      (late) => (isLate || this.isStopped) && late.close(),
      () => undefined,
    );
    try {
      const connection = await this.within(opening, 'no connection');
      connection.replyBytesMax = REPLY_BYTES_MAX;
      this.connection = connection;
      return connection;
    } catch (error) {
      isLate = true;
      throw error;
    }
  }

  /** Waits no longer than the server may take. */
  private within<Result>(promise: Promise<Result>, what: string): Promise<Result> {
    const { clock, times } = this;
    return new Promise((resolve, reject) => {
      const timer = clock.after(times.timeoutMs, () => reject(new WatchError(`${what} within ${times.timeoutMs} ms`)));
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private async ask(connection: Connection): Promise<void> {
    const { clock } = this;
    const beganMs = clock.steadyMs();
    const reply = await this.within(connection.call('INFO', 'all'), 'no reply');
    const steadyMs = clock.steadyMs();
    if (isError(reply)) throw new WatchError(shown(`INFO is refused: ${replyText(reply)}`));
    const info = parseInfoText(textOf(reply));
    if (info.fields.size === 0) throw new WatchError('the reply to INFO is none');
    if (this.state !== 'up') this.maker.reset();
    const changes: Change[] = [];
    if (info.fields.get('cluster_enabled') === '1') await this.askCluster(connection, changes);
    else this.cluster = undefined;
    if (info.fields.get('redis_mode') === 'sentinel') this.ears.listen();
    await this.askConfig(connection, changes);
    if (this.isStopped) return;
    this.info = info;
    this.values = this.maker.make(info, {
      wallMs: clock.wallMs(),
      steadyMs,
      responseMs: steadyMs - beganMs,
      certificateEndsMs: connection.certificateEndsMs,
      cluster: this.cluster,
      slotCount: this.slots === undefined ? undefined : slotCount(this.slots),
    });
    this.takeState(serverState(info, this.cluster), changes);
    this.listener.sampled(this, this.values);
  }

  private takeState(now: ServerState, changes: Change[]): void {
    if (this.state === 'down') changes.push(['up', 'answers again']);
    if (this.before !== undefined) changes.push(...changesBetween(this.before, now));
    this.before = now;
    this.enter('up', '');
    if (changes.length > 0) this.listener.changed(this, changes);
  }

  private async askCluster(connection: Connection, changes: Change[]): Promise<void> {
    const status = await this.within(connection.call('CLUSTER', 'INFO'), 'no reply');
    this.cluster = isError(status) ? undefined : parseInfoText(textOf(status));
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.slotsAskedMs < this.times.slotsEveryMs) return;
    this.slotsAskedMs = nowMs;
    const nodes = await this.within(connection.call('CLUSTER', 'NODES'), 'no reply');
    const slots = isError(nodes) ? undefined : ownSlots(textOf(nodes));
    if (slots !== undefined && this.slots !== undefined) {
      const gained = slotsAdded(this.slots, slots);
      const lost = slotsAdded(slots, this.slots);
      if (gained !== '') changes.push(['slots-gained', `gained slots ${gained}`]);
      if (lost !== '') changes.push(['slots-lost', `lost slots ${lost}`]);
    }
    this.slots = slots ?? this.slots;
  }

  private async askConfig(connection: Connection, changes: Change[]): Promise<void> {
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.configAskedMs < this.times.configEveryMs) return;
    this.configAskedMs = nowMs;
    // Refused (by ACL, or because CONFIG has another name), it is simply not known.
    const config = configValues(await this.within(connection.call('CONFIG', 'GET', '*'), 'no reply'));
    if (config === undefined) return;
    const text = this.config === undefined ? undefined : describeConfigChange(this.config, config);
    if (text !== undefined) changes.push(['config', text]);
    this.config = config;
  }

  private fail(error: Error): void {
    this.drop();
    this.info = undefined;
    this.cluster = undefined;
    const text = shown(error instanceof WatchError ? error.message : systemErrorText(error));
    const wasDown = this.state === 'down';
    this.enter('down', text);
    this.values = new Map([['up', 0]]);
    if (!wasDown) this.listener.changed(this, [['down', `does not answer: ${text}`]]);
    this.listener.sampled(this, this.values);
  }

  private drop(): void {
    this.connection?.close();
    this.connection = undefined;
  }

  private enter(state: TargetState, error: string): void {
    if (state !== this.state) this.sinceMs = this.clock.wallMs();
    this.state = state;
    this.error = error;
  }

  /** Seconds since the server started; undefined when it does not tell. */
  get uptimeSeconds(): number | undefined {
    return infoNumber(this.info?.fields.get('uptime_in_seconds'));
  }
}

/** A reply's text as people read it; bytes that are no UTF-8 are marked. */
function textOf(reply: Reply): string {
  return 'bytes' in reply ? Buffer.from(reply.bytes).toString('utf8') : '';
}
