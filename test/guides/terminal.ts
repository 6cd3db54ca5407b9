// terminal: a shell of a guide's reader: commands run one after the other, with what the shell remembers between them.
//
// Commands come over a pipe of their own (3), so that standard input is free for what a person types; 8 and 9 are the
// terminal's input and output, by which the wrappers of the command line know that they are at the terminal and not in
// a pipeline (see programs.ts). After each command the shell prints its status between two bytes that nothing else
// prints.
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const mark = '\u001e';
const loop = `
exec 2>&1 8<&0 9>&1
while IFS= read -r -d '' -u 3 command; do
  eval "$command" 3<&-
  printf '${mark}%d${mark}' $?
done`;

export interface Ended {
  readonly output: string;
  /** Undefined while the command runs. */
  readonly status: number | undefined;
}

export class Terminal {
  private readonly shell: ChildProcess;
  private printed = '';
  private changed: (() => void) | undefined;
  private isRunning = false;

  constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.shell = spawn('bash', ['--norc', '--noprofile', '-c', loop], {
      cwd: folder,
      env: environment,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.shell.stdin!, this.shell.stdio[3]!]) stream.on('error', () => undefined);
    for (const stream of [this.shell.stdout!, this.shell.stderr!])
      stream.on('data', (bytes: Buffer) => {
        this.printed += bytes.toString();
        this.changed?.();
      });
    this.shell.on('exit', () => this.changed?.());
  }

  /** Sends the command, and all that is typed while it runs. */
  start(command: string, typed: readonly string[]): void {
    if (this.isRunning) throw new Error('the last command of this terminal still runs');
    this.isRunning = true;
    this.printed = '';
    (this.shell.stdio[3] as Writable).write(`${command}\0`);
    for (const line of typed) this.shell.stdin!.write(`${line}\n`);
  }

  /** Waits until the command has ended, or until `isEnough` of what it has printed; gives up after so many milliseconds. */
  async wait(timeoutMs: number, isEnough?: (output: string) => boolean): Promise<Ended> {
    const giveUpMs = performance.now() + timeoutMs;
    for (;;) {
      const end = this.printed.indexOf(mark);
      const close = end < 0 ? -1 : this.printed.indexOf(mark, end + 1);
      if (close >= 0) {
        this.isRunning = false;
        const output = this.printed.slice(0, end);
        const status = Number(this.printed.slice(end + 1, close));
        this.printed = '';
        return { output, status };
      }
      if (this.shell.exitCode !== null || this.shell.signalCode !== null) return { output: this.printed, status: 255 };
      if (isEnough?.(this.printed) === true || performance.now() > giveUpMs) {
        const output = this.printed;
        return { output, status: undefined };
      }
      await Promise.race([
        new Promise<void>((resolve) => (this.changed = resolve)),
        sleep(Math.max(1, giveUpMs - performance.now()), undefined, { ref: false }),
      ]);
    }
  }

  /** Forgets what was printed so far, so that the next wait sees what comes then. */
  forget(bytes: number): void {
    this.printed = this.printed.slice(bytes);
  }

  close(): void {
    try {
      process.kill(-this.shell.pid!, 'SIGKILL');
    } catch {
      // The shell has ended, and its group with it.
    }
  }
}
