// slow-source: a database in virtual time: so many connections, each query takes its time, and whoever comes when all are busy waits.

import type { Surroundings } from '../surroundings.js';

/** Queries that wait longer end with an error, as with the pool of a driver. */
const WAIT_MS_MAX = 3000;

export class SlowSource {
  private busy = 0;
  private readonly line: { readonly sinceMs: number; readonly go: (isIn: boolean) => void }[] = [];
  /** Called for each query that begins. */
  onQuery: () => void = () => undefined;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly connections: number,
    private readonly queryMs: number,
  ) {}

  /** A row; undefined if there is none. Rejects when the wait for a connection was too long. */
  async query<T>(row: T | undefined): Promise<T | undefined> {
    this.onQuery();
    if (this.busy >= this.connections) {
      const sinceMs = this.surroundings.steadyMs();
      const isIn = await new Promise<boolean>((resolve) => this.line.push({ sinceMs, go: resolve }));
      if (!isIn) throw new Error('the database is overloaded');
    } else this.busy++;
    await new Promise<void>((resolve) => this.surroundings.after(this.queryMs, resolve));
    this.next();
    return row;
  }

  private next(): void {
    const nowMs = this.surroundings.steadyMs();
    for (;;) {
      const waiter = this.line.shift();
      if (waiter === undefined) {
        this.busy--;
        return;
      }
      const isInTime = nowMs - waiter.sinceMs <= WAIT_MS_MAX;
      waiter.go(isInTime);
      if (isInTime) return;
    }
  }
}
