// ask-nodes: asks all of several independent servers at once, and goes on when enough have answered.

import { type Commands, requireCount } from '../commands.js';
import { inTime, machineSurroundings } from '../surroundings.js';
import { type ReplicaOptions, requireQuorum, TOMBSTONE_MS } from './replica-options.js';

/** Too few servers answered. A write may have reached some of them, and may yet spread to the others by a read. */
export class QuorumError extends Error {
  override readonly name = 'QuorumError';
}

export interface Answer<T> {
  readonly node: number;
  readonly value: T;
}

/** Answers of enough servers, and those that come after. */
export class Answers<T> {
  private readonly waiting: Answer<T>[] = [];
  private listener: ((answer: Answer<T>) => void) | undefined;

  constructor(readonly list: readonly Answer<T>[]) {}

  add(answer: Answer<T>): void {
    if (this.listener === undefined) this.waiting.push(answer);
    else this.listener(answer);
  }

  /** Calls for answers that came, or come, after the others. */
  onLate(listener: (answer: Answer<T>) => void): void {
    this.listener = listener;
    for (const answer of this.waiting.splice(0)) listener(answer);
  }
}

export class Nodes {
  readonly writeQuorum: number;
  readonly readQuorum: number;
  private readonly timeoutMs: number;
  private readonly background = new Set<Promise<unknown>>();

  constructor(
    private readonly nodes: readonly Commands[],
    private readonly options: ReplicaOptions,
  ) {
    const majority = Math.floor(nodes.length / 2) + 1;
    this.writeQuorum = requireQuorum('writeQuorum', options.writeQuorum ?? majority, nodes.length);
    this.readQuorum = requireQuorum('readQuorum', options.readQuorum ?? majority, nodes.length);
    this.timeoutMs = requireCount('timeoutMs', options.timeoutMs ?? 1000);
    requireCount('tombstoneMs', options.tombstoneMs ?? TOMBSTONE_MS);
  }

  /**
   * Asks some servers (all if absent); resolves with the answers so far as soon as `quorum` of them have answered. Rejects with a
   * QuorumError when that cannot happen any more.
   */
  ask<T>(
    what: string,
    quorum: number,
    question: (node: Commands, index: number) => Promise<T>,
    only: readonly number[] = [...this.nodes.keys()],
  ): Promise<Answers<T>> {
    return new Promise((resolve, reject) => {
      const list: Answer<T>[] = [];
      const failures: unknown[] = [];
      let isDecided = false;
      let answers: Answers<T> | undefined;
      const decide = (): void => {
        if (isDecided) return;
        if (list.length >= quorum) {
          isDecided = true;
          answers = new Answers(list);
          resolve(answers);
        } else if (failures.length > only.length - quorum) {
          isDecided = true;
          const cause = failures[0];
          const text = cause instanceof Error ? cause.message : String(cause);
          reject(new QuorumError(`${what}: ${list.length} of ${quorum} servers answered: ${text}`, { cause }));
        }
      };
      const { surroundings = machineSurroundings } = this.options;
      const late = (): Error => new Error(`no answer within ${this.timeoutMs} ms`);
      for (const node of only)
        this.track(
          inTime(surroundings, this.timeoutMs, question(this.nodes[node]!, node), late).then(
            (value) => {
              if (!isDecided) list.push({ node, value });
              else answers?.add({ node, value });
              decide();
            },
            (error: unknown) => {
              failures.push(error);
              this.options.onError?.(error, node);
              decide();
            },
          ),
        );
      decide();
    });
  }

  /** Work that nobody waits for, a repair for instance. */
  inBackground(work: Promise<unknown>): void {
    this.track(work.catch(() => undefined));
  }

  /** Resolves when late answers and repairs are done with. */
  async settled(): Promise<void> {
    while (this.background.size > 0) await Promise.all(this.background);
  }

  private track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.background.delete(tracked));
    this.background.add(tracked);
  }
}
