// migrating-load: clients that write through a proxy that is killed under them, and know what the end must be.
import { Prng } from '../../src/base/prng.js';
import { KnownKeys } from '../../src/simulation/known-keys.js';
import { RawClient } from './raw-client.js';

const KEYS = 40;

/** A reply as a text: 'OK', '12', '(nil)', '-ERR ...', '[a b]'. */
function textOf(reply: string): string {
  const lines = reply.slice(1, -2).split('\r\n');
  switch (reply[0]) {
    case '$':
      return lines[0] === '-1' ? '(nil)' : lines.slice(1).join('\r\n');
    case '*':
      return `[${lines.filter((_, index) => index > 0 && index % 2 === 0).join(' ')}]`;
    case '-':
      return reply.slice(0, -2);
    default:
      return lines[0]!;
  }
}

export class MigratingLoad {
  readonly failures: string[] = [];
  /** Requests that were answered. */
  answered = 0;
  /** Requests that were not: the proxy was gone. */
  lost = 0;
  private readonly known: KnownKeys[] = [];
  private isOver = false;
  private loops: Promise<void>[] = [];

  constructor(
    private readonly port: number,
    private readonly seed: number,
    /** Errors that a client may get, and after which it does not know. */
    private readonly mayFail: RegExp,
  ) {}

  start(clientCount: number): void {
    this.loops = Array.from({ length: clientCount }, (_, index) => this.run(index));
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  private async connect(): Promise<RawClient | undefined> {
    while (!this.isOver) {
      try {
        return await RawClient.open(this.port);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    return undefined;
  }

  private async run(index: number): Promise<void> {
    const prng = new Prng(this.seed + index);
    const known = new KnownKeys(String(index), KEYS, (text) => this.failures.push(`KVASIR_SEED=${this.seed}: ${text}`));
    this.known.push(known);
    let client = await this.connect();
    for (let round = 0; client !== undefined && !this.isOver; round++) {
      const requests = Array.from({ length: 1 + prng.below(8) }, (_, place) =>
        known.draw(prng, `${index}.${round}.${place}`),
      );
      const replies = await client.pipeline(requests.map(({ words }) => words));
      for (const [place, request] of requests.entries()) {
        const reply = replies[place];
        if (reply === undefined) this.lost++;
        else this.answered++;
        request.take(reply === undefined || this.mayFail.test(reply) ? undefined : textOf(reply));
      }
      if (this.failures.length > 3) break;
      if (client.isClosed) client = await this.connect();
    }
    client?.close();
  }

  /** Reads all keys; how many there are. */
  async check(client: RawClient): Promise<number> {
    let keyCount = 0;
    for (const known of this.known)
      keyCount += await known.check(async (words) => textOf((await client.call(...words)) ?? '-closed\r\n'));
    return keyCount;
  }
}
