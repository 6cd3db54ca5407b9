// console: standard output and standard error, written the way a C program writes them.
//
// Replies are bytes, so text here is one character per byte (`write`), and raw bytes go through unchanged. To a pipe or
// file it is written synchronously in large pieces at `flush`, so nothing is lost when the program exits right after.
// A reader that went away (`| head`) ends the program by SIGPIPE, as it ends any Unix tool.
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Exit } from './exit.js';

const flushBytes = 64 * 1024;

export interface ByteSink {
  /** Text with one character per byte. */
  write(text: string): void;
  writeBytes(bytes: Uint8Array): void;
}

export class Console implements ByteSink {
  readonly stdinTerminal = isatty(0);
  readonly stdoutTerminal = isatty(1);
  readonly stderrTerminal = isatty(2);
  /** The kind of output to imitate: FAKETTY in the environment stands in for a terminal in tests. */
  readonly formatsForTerminal = this.stdoutTerminal || process.env.FAKETTY !== undefined;
  /** Colours: at a terminal, unless NO_COLOR is set or the terminal is dumb. */
  readonly colors = this.stdoutTerminal && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  /** The reaction to a vanished reader: end the program, or (at the prompt) nothing. */
  endOnBrokenPipe = true;
  private text = '';
  private parts: Uint8Array[] = [];
  private partBytes = 0;

  write(text: string): void {
    this.text += text;
    if (this.text.length + this.partBytes > flushBytes) this.flush();
  }

  writeBytes(bytes: Uint8Array): void {
    if (bytes.length < 1024) {
      this.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'));
      return;
    }
    this.sealText();
    this.parts.push(bytes);
    this.partBytes += bytes.length;
    if (this.partBytes > flushBytes) this.flush();
  }

  /** Ordinary text, written as UTF-8. */
  print(text: string): void {
    this.write(Buffer.from(text).toString('latin1'));
  }

  flush(): void {
    this.sealText();
    const { parts } = this;
    if (parts.length === 0) return;
    this.parts = [];
    this.partBytes = 0;
    for (const part of parts) this.put(1, part);
  }

  /** A message for standard error, after what was printed before. */
  complain(text: string): void {
    this.flush();
    this.put(2, Buffer.from(text));
  }

  /** As `complain`, for text of one character per byte. */
  complainBytes(text: string): void {
    this.flush();
    this.put(2, Buffer.from(text, 'latin1'));
  }

  private sealText(): void {
    if (this.text === '') return;
    const bytes = Buffer.from(this.text, 'latin1');
    this.text = '';
    this.parts.push(bytes);
    this.partBytes += bytes.length;
  }

  private put(descriptor: 1 | 2, bytes: Uint8Array): void {
    if (descriptor === 1 ? this.stdoutTerminal : this.stderrTerminal) {
      (descriptor === 1 ? process.stdout : process.stderr).write(bytes);
      return;
    }
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(descriptor, bytes, written);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'EAGAIN') {
          waitMs(1); // somebody made the pipe non-blocking and its reader is slow
          continue;
        }
        if (code === 'EPIPE' && descriptor === 1 && this.endOnBrokenPipe) endBySigpipe();
        return; // nobody can be told
      }
    }
  }
}

function waitMs(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function endBySigpipe(): never {
  // Node ignores SIGPIPE; a handler that comes and goes puts the system's default back.
  if (process.platform !== 'win32') {
    const handler = (): void => undefined;
    process.on('SIGPIPE', handler);
    process.removeListener('SIGPIPE', handler);
    process.kill(process.pid, 'SIGPIPE');
  }
  throw new Exit(1);
}
