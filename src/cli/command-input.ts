// command-input: arguments as the bytes that they were, from the command line and from standard input.
import { readFileSync, readSync } from 'node:fs';

/** The command's words as the bytes that the shell passed; Node has decoded them, with loss where they are no UTF-8. */
export function commandBytes(command: readonly string[]): Uint8Array[] {
  if (!command.some((word) => word.includes('\ufffd'))) return command.map((word) => Buffer.from(word));
  try {
    const whole = readFileSync('/proc/self/cmdline');
    const words: Uint8Array[] = [];
    for (let start = 0; start < whole.length;) {
      const end = whole.indexOf(0, start);
      words.push(whole.subarray(start, end < 0 ? whole.length : end));
      start = end < 0 ? whole.length : end + 1;
    }
    return words.slice(-command.length);
  } catch {
    return command.map((word) => Buffer.from(word)); // no such file on other systems
  }
}

/** All of standard input. */
export function readStandardInput(): Buffer {
  const parts: Buffer[] = [];
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const part = Buffer.allocUnsafe(64 * 1024);
    try {
      const count = readSync(0, part, 0, part.length, null);
      if (count === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, count));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EOF') return Buffer.concat(parts); // how Windows reports the end of a pipe
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}
