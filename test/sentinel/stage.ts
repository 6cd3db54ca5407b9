// stage: the machine of a sentinel with a port that records and a clock that the test moves, watching the master m at 10.0.0.1.

import { Prng } from '../../src/base/prng.js';
import type { Reply } from '../../src/client/reply.js';
import { type Names, noNames } from '../../src/sentinel/address.js';
import type { Link } from '../../src/sentinel/instance.js';
import { Machine } from '../../src/sentinel/machine.js';
import type { SentinelPort } from '../../src/sentinel/port.js';
import { SentinelState } from '../../src/sentinel/state.js';

export interface Sent {
  readonly link: Link;
  readonly args: readonly string[];
  readonly answered: (reply: Reply) => void;
}

export const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text) });
export const status = (text: string): Reply => ({ kind: 'status', bytes: Buffer.from(text) });

export class Stage {
  readonly events: string[] = [];
  readonly sent: Sent[] = [];
  readonly scripts: string[][] = [];
  readonly opened: string[] = [];
  readonly moved: string[] = [];
  saves = 0;
  crashes = 0;
  canSave = true;
  readonly state: SentinelState;
  readonly machine: Machine;
  nowMs = 1_000_000;

  constructor(names: Names = noNames) {
    const port: SentinelPort = {
      open: (_link, channel, { host, ip, port: at }) => void this.opened.push(`${channel} ${host} ${ip} ${at}`),
      close: () => undefined,
      send: (link, _channel, args, answered) => void this.sent.push({ link, args, answered }),
      localHost: () => '10.0.0.9',
      event: ({ type, text }) => void this.events.push(`${type} ${text}`),
      log: () => undefined,
      save: () => ++this.saves > 0 && this.canSave,
      runScript: (path, args) => void this.scripts.push([path, ...args]),
      masterMoved: ({ currentAddress }) => void this.moved.push(currentAddress.host),
      crash: () => void this.crashes++,
    };
    this.state = new SentinelState(port, new Prng(1), names);
    this.machine = new Machine(this.state);
    this.state.nowMs = this.nowMs;
    this.state.myId = 'f'.repeat(40);
    this.state.addMaster('m', { host: '10.0.0.1', ip: '10.0.0.1', port: 6379 }, 2);
  }

  get master() {
    return this.state.master('m')!;
  }

  /** Lets time pass in ticks of a tenth of a second; `answer` gives replies. */
  pass(ms: number, answer: (args: readonly string[], link: Link) => Reply | undefined = () => undefined): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += 100;
      this.machine.tick(this.nowMs, this.nowMs);
      for (const { link, args, answered } of this.sent.splice(0)) {
        const reply = answer(args, link);
        if (reply !== undefined) answered(reply);
      }
    }
  }

  hello(digit: string, more: { epoch?: number; config?: number; port?: number; master?: string } = {}): void {
    const { config = 0, epoch = config, port = 26380, master = '10.0.0.1,6379' } = more;
    this.machine.pubSubMessage(
      this.master.link,
      `10.0.1.${digit.charCodeAt(0)},${port},${digit.repeat(40)},${epoch},m,${master},${config}`,
      this.nowMs,
    );
  }

  happened(type: string): boolean {
    return this.events.some((event) => event.startsWith(`${type} `));
  }
}

export const error = (text: string): Reply => ({ kind: 'error', bytes: Buffer.from(text) });

/** Answers PING, and nothing else. */
export const alive = (args: readonly string[]): Reply | undefined => (args[0] === 'PING' ? status('PONG') : undefined);

/** A flat array of texts in arrays, as SENTINEL REPLICAS and its kin reply. */
export function lists(entries: readonly (readonly string[])[]): Reply {
  return {
    kind: 'array',
    elements: entries.map((words) => ({ kind: 'array', elements: words.map((word) => bulk(word)) })),
  };
}
