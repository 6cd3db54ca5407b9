// pipe: --pipe sends raw protocol from standard input and counts the replies.
//
// Both directions run at once, so that neither side waits with full buffers. The end is found by an ECHO of random bytes
// after the input: its reply is the last. It starts with a line end, so that it still stands alone when the input is cut
// off within a line.
import { randomBytes } from 'node:crypto';
import { fstatSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { ReplyProtocolError, ReplyReader } from '../../client/reply-reader.js';
import { type Reply, replyText } from '../../client/reply.js';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import { isTlsAlert, streamErrorText } from '../../client/tls-words.js';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { Progress } from './progress.js';

const magicBytes = 20;
const timeoutCheckMs = 250;

export async function runPipe(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const { stream, rest } = session.connection!.detach();
  session.connection = undefined;
  const status = await new Promise<number>((resolve) => {
    new Pipe(stream, rest, options, console, resolve).begin();
  });
  stream.destroy();
  return status;
}

class Pipe {
  private readonly reader = new ReplyReader();
  private readonly progress: Progress;
  private readonly input = process.stdin;
  private readonly magic = randomBytes(magicBytes);
  private readonly timer = setInterval(() => this.checkTimeout(), timeoutCheckMs);
  private errors = 0;
  private replies = 0;
  private sentBytes = 0;
  private inputBegun = false;
  private inputEnded = false;
  private lastReadMs = performance.now();
  private settled = false;
  /** Set when the server takes no more; what it has sent is still read. */
  private writeError: Error | undefined;

  /** `rest` is what came before the first command; `settle` gets the exit code. */
  constructor(
    private readonly stream: Duplex,
    rest: Uint8Array,
    private readonly options: CliOptions,
    private readonly console: Console,
    private readonly settle: (status: number) => void,
  ) {
    this.reader.feed(rest);
    this.progress = new Progress(console, 'bytes', inputSize());
  }

  begin(): void {
    const { stream, input } = this;
    this.readAfterFailedWrite();
    stream.on('data', (chunk: Buffer) => this.receive(chunk));
    stream.on('error', (error) => this.lose(error));
    stream.on('close', () => this.lose());
    stream.on('end', () => this.lose());
    stream.on('drain', () => input.resume());
    stream.resume();
    input.on('data', (chunk: Buffer) => this.pass(chunk));
    input.on('end', () => this.endInput());
    input.on('error', (error) => this.fail(`Error reading from stdin: ${systemErrorText(error)}`));
  }

  private finish(status: number): void {
    if (this.settled) return;
    this.settled = true;
    clearInterval(this.timer);
    this.progress.clear();
    this.settle(status);
  }

  private fail(message: string): void {
    if (this.settled) return;
    this.progress.clear();
    this.console.complain(`${message}\n`);
    this.finish(1);
  }

  /** The server has closed. */
  private lose(error?: Error): void {
    const cause = this.writeError ?? error;
    // After the handshake a server of TLS 1.3 says by an alert that it wants a certificate.
    const alert = [error, cause].find((each) => isTlsAlert(each));
    if (alert !== undefined) return this.fail(`Error: ${streamErrorText(alert)}`);
    this.fail(
      errorCode(cause) === 'EPIPE'
        ? `Error writing to the server: ${systemErrorText(cause)}`
        : 'Error reading replies from server',
    );
  }

  private report(): void {
    this.progress.clear();
    this.console.write(`errors: ${this.errors}, replies: ${this.replies}\n`);
    this.finish(this.errors > 0 ? 1 : 0);
  }

  private checkTimeout(): void {
    const { pipeTimeoutSeconds } = this.options;
    if (!this.inputEnded) this.progress.update(this.sentBytes);
    if (!this.inputEnded || pipeTimeoutSeconds <= 0) return;
    if (performance.now() - this.lastReadMs <= pipeTimeoutSeconds * 1000) return;
    this.progress.clear();
    this.console.complain(`No replies for ${pipeTimeoutSeconds} seconds: exiting.\n`);
    this.errors++;
    this.report();
  }

  // --- replies ------------------------------------------------------------------------------------------------------

  private receive(chunk: Buffer): void {
    this.reader.feed(chunk);
    try {
      this.readReplies();
    } catch (error) {
      if (!(error instanceof ReplyProtocolError)) throw error;
      this.fail('Error reading replies from server');
    }
  }

  private readReplies(): void {
    for (let reply = this.reader.next(); reply !== undefined; reply = this.reader.next()) {
      this.lastReadMs = performance.now();
      if (this.isLast(reply)) {
        this.progress.clear();
        this.console.write('Last reply received from server.\n');
        this.report();
        return;
      }
      if (reply.kind === 'push') continue;
      if (reply.kind === 'error') {
        this.progress.clear();
        this.console.complainBytes(`${replyText(reply)}\n`);
        this.errors++;
      }
      this.replies++;
    }
  }

  private isLast(reply: Reply): boolean {
    return this.inputEnded && reply.kind === 'bulk' && this.magic.equals(reply.bytes);
  }

  // --- input --------------------------------------------------------------------------------------------------------

  /**
   * A server that closes says why before. A stream whose write fails reads no more, and what has come is lost; so this one
   * does not learn of it, and stays until its end has been read.
   */
  private readAfterFailedWrite(): void {
    const { stream } = this;
    const write = stream._write.bind(stream);
    const until =
      (done: (error?: Error | null) => void) =>
      (error?: Error | null): void => {
        if (error instanceof Error) this.writeError ??= error;
        else done();
      };
    stream._write = (chunk, encoding, done) => write(chunk, encoding, until(done));
    const writev = stream._writev?.bind(stream);
    if (writev !== undefined) stream._writev = (chunks, done) => writev(chunks, until(done));
  }

  private send(bytes: Buffer): void {
    const { input, stream } = this;
    if (this.settled || stream.destroyed || this.writeError !== undefined) return;
    if (!stream.write(bytes)) input.pause();
  }

  private pass(chunk: Buffer): void {
    if (this.settled) return;
    if (!this.inputBegun && chunk.length >= 9 && /^REDIS\d{4}$/.test(chunk.toString('latin1', 0, 9))) {
      this.fail(
        'Standard input begins with an RDB file (an AOF can do so too), which holds no commands that could be sent.',
      );
      return;
    }
    this.inputBegun = true;
    this.sentBytes += chunk.length;
    this.send(chunk);
    this.progress.update(this.sentBytes);
  }

  private endInput(): void {
    if (this.settled) return;
    this.inputEnded = true;
    this.lastReadMs = performance.now();
    this.send(Buffer.concat([Buffer.from('\r\n*2\r\n$4\r\nECHO\r\n$20\r\n'), this.magic, Buffer.from('\r\n')]));
    this.progress.clear();
    this.console.write('All data transferred. Waiting for the last reply...\n');
    this.console.flush();
  }
}

/** The size of standard input when it is a file. */
function inputSize(): number | undefined {
  try {
    const info = fstatSync(0);
    return info.isFile() ? info.size : undefined;
  } catch {
    return undefined;
  }
}
