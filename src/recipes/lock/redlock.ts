// redlock: a lock over several independent masters, which a majority of them must grant (Redis's documentation, "Redlock").
//
// It survives the loss of a minority of nodes, which a lock on one master does not. It is still a lock by time: Kleppmann's
// criticism ("How to do distributed locking", 2016) is that a process can stand still between the grant and the write, that
// clocks can jump, that a node that restarts without fsync forgets a grant, and that it has no fencing token. So use it to
// avoid work done twice, never alone where two writers would do harm.

import { type Commands, replyNumber, replyText, requireCount } from '../commands.js';
import { makeScript, runScript } from '../script.js';
import { inTime, machineSurroundings, pause, type Surroundings } from '../surroundings.js';
import { Held, LockTimeoutError } from './held.js';

export interface RedlockOptions {
  readonly ttlMs?: number | undefined;
  /** How often the lock is tried; 3 if absent. */
  readonly attempts?: number | undefined;
  /** The pause between tries is drawn between half of this and this; 200 if absent. */
  readonly retryMs?: number | undefined;
  /** A node that has not answered after this counts as a refusal; a tenth of `ttlMs` if absent. */
  readonly nodeTimeoutMs?: number | undefined;
  readonly renews?: boolean | undefined;
  readonly surroundings?: Surroundings | undefined;
}

const compareAndExpire = /* @__PURE__ */ makeScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
`);

const compareAndDelete = /* @__PURE__ */ makeScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
`);

/** A lock over independent masters. Costs one round trip to each of them, at once, to take, to extend and to release. */
export class Redlock {
  private readonly quorum: number;
  private readonly ttlMs: number;
  private readonly nodeTimeoutMs: number;
  private readonly surroundings: Surroundings;

  constructor(
    private readonly nodes: readonly Commands[],
    private readonly options: RedlockOptions = {},
  ) {
    requireCount('the number of nodes', nodes.length);
    this.quorum = Math.floor(nodes.length / 2) + 1;
    this.ttlMs = requireCount('ttlMs', options.ttlMs ?? 10_000);
    this.nodeTimeoutMs = requireCount('nodeTimeoutMs', options.nodeTimeoutMs ?? Math.ceil(this.ttlMs / 10));
    requireCount('attempts', options.attempts ?? 3);
    requireCount('retryMs', options.retryMs ?? 200);
    if (this.driftMs >= this.ttlMs) throw new RangeError(`a ttlMs of ${this.ttlMs} leaves no time to hold the lock`);
    this.surroundings = options.surroundings ?? machineSurroundings;
  }

  /** Takes the lock on a majority. Rejects with a LockTimeoutError after the last attempt, whose cause is the first error of a node. */
  async acquire(key: string): Promise<Held> {
    const { attempts = 3, retryMs = 200, renews = true } = this.options;
    const failures: unknown[] = [];
    for (let attempt = 0; attempt < attempts; attempt++) {
      const token = this.surroundings.token();
      const sinceMs = this.surroundings.steadyMs();
      const isGranted = await this.ask(
        async (node) => replyText(await node.send('SET', [key, token, 'NX', 'PX', this.ttlMs])) === 'OK',
        failures,
      );
      if (isGranted && this.surroundings.steadyMs() - sinceMs < this.ttlMs - this.driftMs)
        return new Held(this.surroundings, {
          what: `redlock ${key}`,
          ttlMs: this.ttlMs - this.driftMs,
          sinceMs,
          fence: 0,
          renews,
          extend: () => this.extend(key, token),
          release: () => this.release(key, token),
        });
      await this.release(key, token);
      if (attempt + 1 < attempts) await pause(this.surroundings, retryMs * (0.5 + this.surroundings.random() / 2));
    }
    const [cause] = failures;
    throw new LockTimeoutError(
      `redlock ${key} was not granted by ${this.quorum} of ${this.nodes.length} nodes${cause instanceof Error ? `: ${cause.message}` : ''}`,
      { cause },
    );
  }

  /** Clocks of nodes may run faster than ours: 1 % and 2 ms are taken off. */
  private get driftMs(): number {
    return this.ttlMs / 100 + 2;
  }

  private extend(key: string, token: string): Promise<boolean> {
    return this.ask(
      async (node) => replyNumber(await runScript(node, compareAndExpire, [key], [token, this.ttlMs])) === 1,
    );
  }

  private release(key: string, token: string): Promise<boolean> {
    return this.ask(async (node) => replyNumber(await runScript(node, compareAndDelete, [key], [token])) === 1);
  }

  /** True if a majority says yes. Waits for all, each at most for its timeout: a late grant must not come after a release. */
  private async ask(question: (node: Commands) => Promise<boolean>, failures: unknown[] = []): Promise<boolean> {
    const late = (): Error => new Error(`no answer within ${this.nodeTimeoutMs} ms`);
    const answers = await Promise.all(
      this.nodes.map((node) =>
        inTime(this.surroundings, this.nodeTimeoutMs, question(node), late).catch((error: unknown) => {
          failures.push(error);
          return false;
        }),
      ),
    );
    return answers.filter((answer) => answer).length >= this.quorum;
  }
}
