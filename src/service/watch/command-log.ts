// command-log: the last commands that passed a limit: slow ones (SLOWLOG), large requests, large replies (COMMANDLOG).
//
// Entries hold copies that are cut: at most 32 arguments of at most 128 bytes, so that the log's memory is bounded.
//
// Not here: which arguments are secret (secrets), the limits (configuration).
import { latin1Bytes } from '../../base/bytes.js';

const argumentCountMax = 32;
const argumentBytesMax = 128;

export interface CommandLogEntry {
  readonly id: number;
  readonly timeSeconds: number;
  /** Microseconds of a slow command, bytes of a large request or reply. */
  readonly value: number;
  readonly args: readonly Uint8Array[];
  readonly peer: string;
  readonly clientName: string;
}

export class CommandLog {
  /** Newest first. */
  private entries: CommandLogEntry[] = [];
  private nextId = 0;

  get length(): number {
    return this.entries.length;
  }

  /** `args` are kept: they must be copies (see `cutArguments`). */
  add(
    args: readonly Uint8Array[],
    value: number,
    timeSeconds: number,
    peer: string,
    clientName: string,
    limit: number,
  ): void {
    if (limit <= 0) {
      this.entries = [];
      return;
    }
    this.entries.unshift({ id: this.nextId++, timeSeconds, value, args, peer, clientName });
    if (this.entries.length > limit) this.entries.length = limit;
  }

  /** The newest `count`; all when it is negative. */
  latest(count: number): readonly CommandLogEntry[] {
    return count < 0 ? this.entries : this.entries.slice(0, count);
  }

  reset(): void {
    this.entries = [];
  }
}

/** Copies of arguments as the log keeps them; `argument` gives a view of one, or what stands for a secret. */
export function cutArguments(count: number, argument: (index: number) => Uint8Array): Uint8Array[] {
  const kept = count > argumentCountMax ? argumentCountMax - 1 : count;
  const args: Uint8Array[] = [];
  for (let index = 0; index < kept; index++) {
    const whole = argument(index);
    if (whole.length <= argumentBytesMax) {
      args.push(whole.slice());
      continue;
    }
    const note = latin1Bytes(`... (${whole.length - argumentBytesMax} more bytes)`);
    const cut = new Uint8Array(argumentBytesMax + note.length);
    cut.set(whole.subarray(0, argumentBytesMax));
    cut.set(note, argumentBytesMax);
    args.push(cut);
  }
  if (kept < count) args.push(latin1Bytes(`... (${count - kept} more arguments)`));
  return args;
}
