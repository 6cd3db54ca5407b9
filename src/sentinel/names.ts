// names: looks host names up in the background and remembers their last addresses.
//
// A failover must not wait for a name server, which may be what has failed. So asking is synchronous and answers from memory; a
// name that was not asked for a while is looked up anew meanwhile, and one that stops resolving keeps its last address.

import type { Clock } from '../io/clock.js';
import { ipVersion } from '../io/ip-address.js';
import type { Names } from './address.js';

/** Resolves to the IP addresses of a name; rejects when it has none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

interface Known {
  ip: string;
  askedMs: number;
  isAsking: boolean;
  /** Counts questions: the answer to an older one than the last means nothing. */
  question: number;
  hasFailed: boolean;
}

const REFRESH_MS = 1000;
/** The wait for a name ends after so long, without its address. */
const PREPARE_MS_MAX = 5000;
/** A name server that has not answered by then is asked again. */
const ANSWER_MS_MAX = 30_000;
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
    if (this.clock.steadyMs() - known.askedMs > (known.isAsking ? ANSWER_MS_MAX : REFRESH_MS)) void this.look(name);
    return known.ip;
  }

  /** Waits until a name has been looked up, but not for long; its address then, or empty. */
  async prepare(host: string): Promise<string> {
    if (ipVersion(host) !== 0) return host;
    const limit = new Promise<void>((resolve) => this.clock.after(PREPARE_MS_MAX, resolve));
    await Promise.race([this.look(host.toLowerCase()), limit]);
    return this.known.get(host.toLowerCase())?.ip ?? '';
  }

  private async look(name: string): Promise<void> {
    let known = this.known.get(name);
    if (known === undefined) {
      if (this.known.size >= NAMES_MAX) this.known.delete(this.known.keys().next().value!);
      known = { ip: '', askedMs: 0, isAsking: false, question: 0, hasFailed: false };
      this.known.set(name, known);
    }
    known.isAsking = true;
    known.askedMs = this.clock.steadyMs();
    const question = ++known.question;
    try {
      const ips = await this.resolve(name);
      if (question !== known.question) return;
      if (known.hasFailed) this.onChange(name, true);
      // A name with several addresses names them in any order: the one in use stays while it is among them.
      if (!ips.includes(known.ip)) known.ip = ips[0] ?? known.ip;
      known.hasFailed = false;
    } catch {
      if (question !== known.question) return;
      if (!known.hasFailed) this.onChange(name, false);
      known.hasFailed = true;
    }
    known.isAsking = false;
    known.askedMs = this.clock.steadyMs();
  }
}
