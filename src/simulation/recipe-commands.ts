// recipe-commands: what the recipes need, on a host of a simulated world: a client that finds the master anew, and the host's time and chance.

import type { Reply } from '../client/reply.js';
import type { CommandArgument, Commands } from '../recipes/commands.js';
import { surroundingsOf } from '../recipes/clock-surroundings.js';
import type { Surroundings } from '../recipes/surroundings.js';
import { Prng } from '../base/prng.js';
import { Lost, SimulatedClient, type Target } from './client.js';
import type { Host } from './host.js';

/** A reply that does not come makes a client of a real library give up as well. */
const REPLY_MS_MAX = 1000;

/** Commands to whatever server `target` names when a connection is needed. A broken connection rejects what was sent over it. */
export class RecipeClient implements Commands {
  private readonly client: SimulatedClient;
  private connecting: Promise<void> | undefined;

  constructor(
    readonly host: Host,
    private readonly target: () => Target | undefined,
  ) {
    this.client = new SimulatedClient(host, host.name);
  }

  async send(command: string, args: readonly CommandArgument[]): Promise<unknown> {
    if (!this.client.isOpen) await this.connect();
    const words = [command, ...args.map((arg) => (typeof arg === 'number' ? String(arg) : arg))];
    const reply = await this.inTime(this.client.call(...words));
    const value = plain(reply);
    if (!(value instanceof Error)) return value;
    // A master that became a replica: the next command looks for the new one.
    if (/^(READONLY|MASTERDOWN|LOADING|UNBLOCKED)/.test(value.message)) this.client.close();
    throw value;
  }

  private connect(): Promise<void> {
    const target = this.target();
    if (target === undefined) return Promise.reject(new Lost('nobody is the master'));
    this.connecting ??= this.client.connect(target, REPLY_MS_MAX).finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  private inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.host.clock.after(REPLY_MS_MAX, () => {
        this.client.close();
        reject(new Lost('no reply'));
      });
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

function plain(reply: Reply): unknown {
  switch (reply.kind) {
    case 'status':
    case 'bulk':
    case 'verbatim':
      return new TextDecoder().decode(reply.bytes);
    case 'error':
      return new Error(new TextDecoder().decode(reply.bytes));
    case 'integer':
      return Number(reply.value);
    case 'double':
    case 'bignumber':
      return reply.text;
    case 'boolean':
      return reply.value;
    case 'nil':
      return null;
    default:
      return reply.elements.map(plain);
  }
}

/** Time and chance of a host, for recipes. */
export function hostSurroundings(host: Host): Surroundings {
  return surroundingsOf(host.clock, new Prng(host.world.random.uint32() | 0), host.name);
}
