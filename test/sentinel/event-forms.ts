// event-forms: the texts of a sentinel's events as sentinel.c of Redis makes them, for sentinels of both kinds.

import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import type { SentinelProcess } from './fleet.js';

const host = String.raw`[\w.:-]+ \d+`;
const id = '[0-9a-f]{40}';
const master = `master \\S+ ${host}`;
const at = `@ \\S+ ${host}`;
const slave = `slave \\S+ ${host} ${at}`;
const sentinel = `sentinel ${id} ${host} ${at}`;
const any = `(${master}|${slave}|${sentinel})`;
const server = `(${master}|${slave})`;

/** Event -> its text. */
const forms: Readonly<Record<string, string>> = {
  '+monitor': `${master} quorum \\d+`,
  '+reset-master': master,
  '+slave': slave,
  '+sentinel': sentinel,
  '+sdown': any,
  '-sdown': any,
  '+odown': `${master} #quorum \\d+/\\d+`,
  '-odown': master,
  '+new-epoch': '\\d+',
  '+try-failover': master,
  '+vote-for-leader': `${id} \\d+`,
  '+elected-leader': master,
  '+failover-state-select-slave': master,
  '+selected-slave': slave,
  '+failover-state-send-slaveof-noone': slave,
  '+failover-state-wait-promotion': slave,
  '+promoted-slave': slave,
  '+failover-state-reconf-slaves': master,
  '+slave-reconf-sent': slave,
  '+slave-reconf-inprog': slave,
  '+slave-reconf-done': slave,
  '-slave-reconf-sent-timeout': slave,
  '+slave-reconf-sent-be': slave,
  '+failover-end': master,
  '+failover-end-for-timeout': master,
  '-failover-abort-not-elected': master,
  '-failover-abort-no-good-slave': master,
  '-failover-abort-slave-timeout': master,
  '+switch-master': `\\S+ ${host} ${host}`,
  '+config-update-from': sentinel,
  '+role-change': `${server} new reported role is (master|slave)`,
  '-role-change': `${server} new reported role is (master|slave)`,
  '+convert-to-slave': slave,
  '+fix-slave-config': slave,
  '+reboot': server,
  '+tilt': '#tilt mode entered',
  '-tilt': '#tilt mode exited',
};

/** Listens to the events of a sentinel. */
export class EventListener {
  readonly events: { type: string; text: string }[] = [];

  private constructor(
    private readonly client: Redis,
    readonly kind: string,
  ) {}

  static async to({ port, kind }: SentinelProcess): Promise<EventListener> {
    const client = new Redis(port, '127.0.0.1', { enableReadyCheck: false });
    const listener = new EventListener(client, kind);
    client.on('pmessage', (_pattern, type, text) => listener.events.push({ type, text }));
    await client.psubscribe('*');
    return listener;
  }

  has(type: string): boolean {
    return this.events.some((event) => event.type === type);
  }

  close(): void {
    this.client.disconnect();
  }

  /** Every event that came has the form of its kind, and those that are named have come. */
  check(expected: readonly string[]): void {
    for (const { type, text } of this.events) {
      const form = forms[type];
      if (form !== undefined) assert.match(text, new RegExp(`^${form}$`), `${this.kind}: ${type}`);
      else
        assert.match(
          type,
          /^[+-](cmd|pubsub)-link-reconnection$|^-dup-|^\+sentinel-(address|invalid)|^-script-/,
          `${this.kind}: ${type} ${text}`,
        );
    }
    for (const type of expected) assert.ok(this.has(type), `${this.kind}: ${type} has not come`);
  }
}
