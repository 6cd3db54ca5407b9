// names: looks host names up in the background and remembers what they last resolved to.
//
// A failover must not wait for a name server, which may be what has failed. So asking is synchronous and answers from memory; a
// name that was not asked for a while is looked up anew meanwhile, and one that stops resolving keeps its last address.

import type { Clock } from '../io/clock.js';
import { ipVersion } from '../io/ip-address.js';
import type { Names } from './address.js';

/** Resolves to an IP address; rejects when the name has none. */
export type Resolve = (host: string) => Promise<string>;

interface Known {
  ip: string;
  askedMs: number;
  isAsking: boolean;
  hasFailed: boolean;
}

const REFRESH_MS = 1000;
/** A flood of names fills no more than this. */
const NAMES_MAX = 4096;

export class NameCache implements Names {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly resolve: Resolve,
    private readonly clock: Clock,
    /** Told when a name begins or ceases to resolve. */
    private readonly onChange: (host: string, resolves: boolean) => void,
  ) {}

  ip(host: string): string {
    if (ipVersion(host) !== 0) return host;
    const name = host.toLowerCase();
    const known = this.known.get(name);
    if (known === undefined) {
      void this.look(name);
      return '';
    }
    if (!known.isAsking && this.clock.steadyMs() - known.askedMs > REFRESH_MS) void this.look(name);
    return known.ip;
  }

  /** Waits until a name has been looked up; its address then, or empty. */
  async prepare(host: string): Promise<string> {
    if (ipVersion(host) !== 0) return host;
    await this.look(host.toLowerCase());
    return this.known.get(host.toLowerCase())?.ip ?? '';
  }

  private async look(name: string): Promise<void> {
    let known = this.known.get(name);
    if (known === undefined) {
      if (this.known.size >= NAMES_MAX) this.known.delete(this.known.keys().next().value!);
      known = { ip: '', askedMs: 0, isAsking: false, hasFailed: false };
      this.known.set(name, known);
    }
    known.isAsking = true;
    try {
      const ip = await this.resolve(name);
      if (known.hasFailed) this.onChange(name, true);
      known.ip = ip;
      known.hasFailed = false;
    } catch {
      if (!known.hasFailed) this.onChange(name, false);
      known.hasFailed = true;
    }
    known.isAsking = false;
    known.askedMs = this.clock.steadyMs();
  }
}
