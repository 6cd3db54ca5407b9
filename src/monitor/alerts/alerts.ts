// alerts: rules, the state of each at each target, silences, and the channels of notifications; kept in one JSON file.
//
// The file is replaced as a whole when something changes, so that after a crash no notification is sent twice, and an
// alert that was firing still ends. `seal` encrypts the secrets of channels; without it they stand in the file as they
// are.

import { utf8 } from '../../base/bytes.js';
import { systemErrorText } from '../../base/system-error.js';
import type { Clock } from '../../io/clock.js';
import { type Files, readWhole, replaceFile } from '../../io/files.js';
import type { MonitorEvent, Severity } from '../events/event.js';
import { AlertState, type Outcome, type StoredAlert } from './alert-state.js';
import { type Channel, readChannel, shownChannel } from './channel.js';
import { Delivery, type DeliveryRecord } from './delivery.js';
import { type Notification, notificationLine } from './notification.js';
import type { Outlets } from './outlets.js';
import { AlertError, defaultRules, readRule, type Rule } from './rule.js';
import { isSilenced, readSilence, type Silence } from './silence.js';

export interface AlertsHost {
  readonly environment: { readonly clock: Clock; readonly files: Files };
  readonly path: string;
  readonly log: (text: string) => void;
  readonly outlets: Outlets;
  readonly nameOf: (target: string) => string;
  /** Called with each notification, whether it is sent or not. */
  readonly told: (target: string, severity: Severity, text: string) => void;
  readonly secrets?: { seal(text: string): string; open(text: string): string };
}

export interface TestResult {
  readonly isDelivered: boolean;
  readonly error: string;
}

/** An alert as a page shows it. */
export interface AlertView extends StoredAlert {
  readonly ruleName: string;
  readonly severity: Severity;
  readonly isSilenced: boolean;
}

const FILE_BYTES_MAX = 16 << 20;
const RULE_COUNT_MAX = 1000;

export class Alerts {
  private ruleList: Rule[] = [...defaultRules];
  private channelList: Channel[] = [];
  private silenceList: Silence[] = [];
  private readonly states = new Map<string, AlertState>();
  private readonly delivery: Delivery;
  private readonly clock: Clock;
  private isChanged = false;
  private hasComplained = false;

  constructor(private readonly host: AlertsHost) {
    this.clock = host.environment.clock;
    this.delivery = new Delivery(
      this.clock,
      host.outlets,
      (id) => this.channelList.find((channel) => channel.id === id),
      host.log,
    );
    this.load();
  }

  // --- rules, channels, silences ------------------------------------------------------------------------------------

  get rules(): readonly Rule[] {
    return this.ruleList;
  }

  /** Adds a rule, or puts it in the place of the one with its id. Throws an AlertError. */
  setRule(value: unknown): Rule {
    const rule = readRule(value);
    const index = this.ruleList.findIndex(({ id }) => id === rule.id);
    if (index < 0 && this.ruleList.length >= RULE_COUNT_MAX) throw new AlertError('there are too many rules');
    if (index < 0) this.ruleList.push(rule);
    else this.ruleList[index] = rule;
    // Observations of the old rule say nothing about the new one.
    for (const [key, state] of this.states) if (state.rule.id === rule.id) this.states.delete(key);
    this.save();
    return rule;
  }

  removeRule(id: string): void {
    this.ruleList = this.ruleList.filter((rule) => rule.id !== id);
    for (const [key, state] of this.states) if (state.rule.id === id) this.states.delete(key);
    this.save();
  }

  /** The channels, their secrets hidden. */
  get channels(): readonly Channel[] {
    return this.channelList.map(shownChannel);
  }

  /** Adds a channel, or puts it in the place of the one with its id; secrets that come back hidden are kept. Throws an AlertError. */
  setChannel(value: unknown): Channel {
    const id = (value as { id?: unknown } | null)?.id;
    const index = this.channelList.findIndex((channel) => channel.id === id);
    const channel = readChannel(value, this.channelList[index]);
    if (index < 0) this.channelList.push(channel);
    else this.channelList[index] = channel;
    this.save();
    return shownChannel(channel);
  }

  removeChannel(id: string): void {
    this.channelList = this.channelList.filter((channel) => channel.id !== id);
    this.save();
  }

  get silences(): readonly Silence[] {
    const nowMs = this.clock.wallMs();
    return this.silenceList.filter(({ untilMs }) => untilMs > nowMs);
  }

  /** Begins a silence. Throws an AlertError. */
  silence(wanted: { rule?: string; target?: string; forMs: number; by?: string; comment?: string }): Silence {
    const nowMs = this.clock.wallMs();
    if (!(wanted.forMs > 0)) throw new AlertError('forMs is no time in milliseconds');
    this.silenceList = [...this.silences];
    const last = this.silenceList.reduce((most, { id }) => Math.max(most, Number(id) || 0), 0);
    const silence = readSilence({ ...wanted, id: String(Math.max(nowMs, last + 1)), untilMs: nowMs + wanted.forMs });
    this.silenceList.push(silence);
    this.save();
    return silence;
  }

  endSilence(id: string): void {
    this.silenceList = this.silences.filter((silence) => silence.id !== id);
    this.save();
  }

  /** Alerts that fire or are about to. */
  current(): AlertView[] {
    const nowMs = this.clock.wallMs();
    return [...this.states.values()]
      .filter(({ phase }) => phase !== 'ok')
      .map((state) => ({
        ...state.stored(),
        ruleName: state.rule.name,
        severity: state.rule.severity,
        isSilenced: isSilenced(this.silenceList, state.rule.id, state.target, nowMs),
      }));
  }

  /** Outcomes of the last notifications, latest last. */
  get deliveries(): readonly DeliveryRecord[] {
    return this.delivery.records;
  }

  /** Sends a test by one channel, now. */
  async test(channelId: string): Promise<TestResult> {
    const channel = this.channelList.find(({ id }) => id === channelId);
    if (channel === undefined) return { isDelivered: false, error: `there is no channel "${channelId}"` };
    const nowMs = this.clock.wallMs();
    try {
      await this.delivery.send(channel, {
        kind: 'test',
        rule: 'test',
        ruleName: 'Test',
        severity: 'info',
        target: '',
        targetName: 'kvasir',
        text: `a test of the channel ${channel.name}`,
        value: null,
        at: nowMs,
        since: nowMs,
      });
      return { isDelivered: true, error: '' };
    } catch (error) {
      return { isDelivered: false, error: error instanceof Error ? error.message : String(error) };
    }
  }

  // --- what happens -------------------------------------------------------------------------------------------------

  sampled(target: string, values: ReadonlyMap<string, number>): void {
    const nowMs = this.clock.wallMs();
    for (const state of this.statesOf(target)) this.follow(state, () => state.sampled(values, nowMs));
    this.flush();
  }

  happened(event: MonitorEvent): void {
    const nowMs = this.clock.wallMs();
    for (const state of this.statesOf(event.target)) this.follow(state, () => state.happened(event, nowMs));
    this.flush();
  }

  /** Time passes: alerts of events end, silences end, and lasting alerts repeat their notification. */
  tick(): void {
    const nowMs = this.clock.wallMs();
    for (const state of this.states.values()) {
      this.follow(state, () => state.tick(nowMs));
      const wasSilenced = state.phase === 'firing' && !state.isTold;
      if (wasSilenced) this.tell(state, 'fired');
      else if (state.isDue(nowMs)) this.tell(state, 'repeated');
    }
    this.flush();
  }

  forgetTarget(target: string): void {
    for (const [key, state] of this.states) if (state.target === target) this.states.delete(key);
    this.save();
  }

  close(): Promise<void> {
    this.delivery.close();
    this.isChanged = true;
    this.flush();
    return Promise.resolve();
  }

  private *statesOf(target: string): IterableIterator<AlertState> {
    for (const rule of this.ruleList) {
      if (!rule.isEnabled || (rule.targets.length > 0 && !rule.targets.includes(target))) continue;
      const key = `${rule.id}\n${target}`;
      let state = this.states.get(key);
      if (state === undefined) this.states.set(key, (state = new AlertState(rule, target)));
      yield state;
    }
  }

  private follow(state: AlertState, step: () => Outcome): void {
    const before = state.phase;
    const outcome = step();
    // A pending alert begins anew after a restart, so only the change from or to firing is saved.
    if (state.phase !== before && (state.phase === 'firing' || before === 'firing')) this.isChanged = true;
    if (outcome === undefined) return;
    if (outcome === 'fired') {
      state.isTold = false;
      this.tell(state, 'fired');
    } else {
      // An alert that was not sent needs no message about its end.
      if (state.isTold) this.tell(state, 'resolved');
      state.isTold = false;
    }
  }

  private tell(state: AlertState, kind: Notification['kind']): void {
    const { rule, target } = state;
    const nowMs = this.clock.wallMs();
    const notification: Notification = {
      kind,
      rule: rule.id,
      ruleName: rule.name,
      severity: rule.severity,
      target,
      targetName: this.host.nameOf(target),
      text: state.text,
      value: state.value ?? null,
      at: nowMs,
      since: state.sinceMs,
    };
    if (isSilenced(this.silenceList, rule.id, target, nowMs)) return;
    this.isChanged = true;
    state.isTold = kind !== 'resolved';
    state.toldMs = nowMs;
    this.host.told(target, kind === 'resolved' ? 'info' : rule.severity, notificationLine(notification));
    for (const { id } of this.channelList)
      if (rule.channels.length === 0 || rule.channels.includes(id)) this.delivery.add(id, notification);
  }

  // --- the file -----------------------------------------------------------------------------------------------------

  private load(): void {
    const { environment, path, log } = this.host;
    const size = environment.files.sizeOf(path);
    if (size <= 0) return;
    let stored: Readonly<Record<string, unknown>>;
    try {
      if (size > FILE_BYTES_MAX) throw new Error('it is too large');
      stored = JSON.parse(Buffer.from(readWhole(environment.files, path)).toString()) as typeof stored;
      if (typeof stored !== 'object' || stored === null) throw new Error('it is no object');
    } catch (error) {
      log(`${path}: cannot be read, alerts begin anew: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const each = <Part>(name: string, read: (value: unknown) => Part): Part[] | undefined => {
      const list = stored[name];
      if (!Array.isArray(list)) return undefined;
      return list.flatMap((value): Part[] => {
        try {
          return [read(value)];
        } catch (error) {
          log(`${path}: one of ${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
          return [];
        }
      });
    };
    this.ruleList = each('rules', readRule) ?? [...defaultRules];
    this.channelList = each('channels', (value) => this.opened(readChannel(value))) ?? [];
    this.silenceList = each('silences', readSilence) ?? [];
    for (const alert of each('alerts', (value) => value as StoredAlert) ?? []) this.restore(alert);
  }

  private restore(alert: StoredAlert): void {
    const rule = this.ruleList.find(({ id }) => id === alert.rule);
    const isSound =
      rule !== undefined &&
      typeof alert.target === 'string' &&
      Number.isFinite(alert.sinceMs) &&
      alert.phase === 'firing' &&
      typeof alert.text === 'string';
    if (!isSound) return;
    const state = new AlertState(rule, alert.target);
    state.restore({
      ...alert,
      toldMs: Number.isFinite(alert.toldMs) ? alert.toldMs : 0,
      isTold: alert.isTold === true,
    });
    this.states.set(`${rule.id}\n${alert.target}`, state);
  }

  private save(): void {
    this.isChanged = true;
    this.flush();
  }

  private flush(): void {
    if (!this.isChanged) return;
    const { environment, path, log } = this.host;
    const alerts = [...this.states.values()].filter(({ phase }) => phase === 'firing').map((state) => state.stored());
    const content = {
      rules: this.ruleList,
      channels: this.channelList.map((channel) => this.sealed(channel)),
      silences: this.silenceList,
      alerts,
    };
    try {
      replaceFile(environment.files, path, `${path}.new`, utf8(`${JSON.stringify(content, undefined, 2)}\n`));
      this.isChanged = false;
      this.hasComplained = false;
    } catch (error) {
      if (!this.hasComplained) log(`${path}: alerts cannot be kept: ${systemErrorText(error)}`);
      this.hasComplained = true;
    }
  }

  private sealed(channel: Channel): Channel {
    const { secrets } = this.host;
    return secrets === undefined ? channel : withSecrets(channel, (text) => secrets.seal(text));
  }

  private opened(channel: Channel): Channel {
    const { secrets } = this.host;
    return secrets === undefined ? channel : withSecrets(channel, (text) => secrets.open(text));
  }
}

/** A channel whose secrets have been changed into something else. */
function withSecrets(channel: Channel, change: (text: string) => string): Channel {
  const changed = (text: string): string => (text === '' ? '' : change(text));
  switch (channel.type) {
    case 'mail':
      return { ...channel, password: changed(channel.password) };
    case 'webhook':
      return {
        ...channel,
        headers: Object.fromEntries(Object.entries(channel.headers).map(([name, text]) => [name, changed(text)])),
      };
    case 'command':
      return channel;
  }
}
