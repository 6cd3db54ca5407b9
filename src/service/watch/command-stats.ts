// command-stats: how often each command ran, failed and was refused, and how long it took.

/** One command's figures, as in INFO commandstats. */
export interface CommandFigures {
  calls: number;
  microseconds: number;
  rejected: number;
  failed: number;
}

const RARE_CALLS_MAX = 64;
/** With so many different codes, errors are no longer told apart: scripts make up their own. */
const ERROR_CODES_MAX = 128;

/** Stands in INFO errorstats for all codes when there were too many. */
const ERRORS_DISABLED = 'ERRORSTATS_DISABLED';

export class CommandStats {
  connections = 0;
  rejectedConnections = 0;
  outputLimitDisconnections = 0;
  queryLimitDisconnections = 0;
  /** These and the denials stay when the others are reset, as in Redis: they are evidence. */
  authFailures = 0;
  /** By the number of `denials`. */
  aclDenials = [0, 0, 0, 0, 0];
  /**
   * Sums that pass 2^31: a field that does so changes the shape of its object, and all compiled code that counts commands would be
   * thrown away in the middle of the work. Fields that are doubles from the start, as in Connection, would keep it as
   * well; counted for each command they were slower.
   */
  private readonly sums = new Float64Array(6);
  private calls = new Float64Array(1024);
  private micros = new Float64Array(1024);
  private failed = new Float64Array(1024);
  private refused = new Float64Array(1024);
  /** Error replies by their code. */
  readonly errors = new Map<string, number>();
  errorReplies = 0;
  /** Errors of commands that came from the master, where none should be. */
  unexpectedErrors = 0;

  /** Of clients that are gone; those that are here have their own counts. (Below zero after CONFIG RESETSTAT: see Cron.) */
  get bytesIn(): number {
    return this.sums[0]!;
  }
  set bytesIn(bytes: number) {
    this.sums[0] = bytes;
  }
  get bytesOut(): number {
    return this.sums[1]!;
  }
  set bytesOut(bytes: number) {
    this.sums[1] = bytes;
  }
  get reads(): number {
    return this.sums[2]!;
  }
  set reads(count: number) {
    this.sums[2] = count;
  }
  get writes(): number {
    return this.sums[3]!;
  }
  set writes(count: number) {
    this.sums[3] = count;
  }
  /** All commands that ran. */
  get processed(): number {
    return this.sums[4]!;
  }
  set processed(count: number) {
    this.sums[4] = count;
  }
  /** Microseconds that all commands took. */
  get commandMicros(): number {
    return this.sums[5]!;
  }

  /** @hot */
  count(id: number): void {
    if (id >= this.calls.length) this.grow(id);
    this.calls[id]!++;
    this.sums[4]!++;
  }

  /** Whether the command ran only a few times: then each run is measured. @hot */
  isRare(id: number): boolean {
    return id >= this.calls.length || this.calls[id]! < RARE_CALLS_MAX;
  }

  addTime(id: number, microseconds: number): void {
    if (id >= this.calls.length) this.grow(id);
    this.micros[id]! += microseconds;
    this.sums[5]! += microseconds;
  }

  countError(id: number, text: string): void {
    if (id >= this.calls.length) this.grow(id);
    this.failed[id]!++;
    this.countErrorReply(text);
  }

  /** The command failed; its error reply was or will be counted elsewhere. */
  countFailed(id: number): void {
    if (id >= this.calls.length) this.grow(id);
    this.failed[id]!++;
  }

  countRefused(id: number, text: string): void {
    if (id >= this.calls.length) this.grow(id);
    this.refused[id]!++;
    this.countErrorReply(text);
  }

  /** As `countRefused`, where the reply is counted by the caller. */
  countRefusal(id: number): void {
    if (id >= this.calls.length) this.grow(id);
    this.refused[id]!++;
  }

  countErrorReply(text: string): void {
    this.errorReplies++;
    if (this.errors.has(ERRORS_DISABLED)) return;
    const space = text.indexOf(' ');
    const code = space < 0 ? text : text.slice(0, space);
    const count = this.errors.get(code);
    if (count === undefined && this.errors.size >= ERROR_CODES_MAX) {
      this.onTooManyErrorCodes([...this.errors.keys()]);
      this.errors.clear();
      this.errors.set(ERRORS_DISABLED, 1);
    } else {
      this.errors.set(code, (count ?? 0) + 1);
    }
  }

  /** Told once when there are more codes of errors than are counted. */
  onTooManyErrorCodes: (codes: readonly string[]) => void = () => undefined;

  figures(id: number): CommandFigures {
    return {
      calls: this.calls[id] ?? 0,
      microseconds: this.micros[id] ?? 0,
      rejected: this.refused[id] ?? 0,
      failed: this.failed[id] ?? 0,
    };
  }

  reset(): void {
    this.connections = 0;
    this.rejectedConnections = 0;
    this.outputLimitDisconnections = 0;
    this.queryLimitDisconnections = 0;
    this.processed = 0;
    this.sums[5] = 0;
    this.errorReplies = 0;
    this.unexpectedErrors = 0;
    this.calls.fill(0);
    this.micros.fill(0);
    this.failed.fill(0);
    this.refused.fill(0);
    this.errors.clear();
  }

  private grow(id: number): void {
    const size = Math.max(id + 1, this.calls.length * 2);
    const larger = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const made = new Float64Array(size);
      made.set(old);
      return made;
    };
    this.calls = larger(this.calls);
    this.micros = larger(this.micros);
    this.failed = larger(this.failed);
    this.refused = larger(this.refused);
  }
}
