// pipe: --pipe sends raw protocol from standard input and counts the replies.
//
// Both directions run at once, so that neither side waits with full buffers. The end is found by an ECHO of random bytes
// after the input: its reply is the last. It starts with a line end, so that it still stands alone when the input is cut
// off within a line.
import { randomBytes } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { ReplyProtocolError, ReplyReader } from '../../client/reply-reader.js';
import { replyText } from '../../client/reply.js';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { Progress } from './progress.js';

const magicBytes = 20;

export async function runPipe(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const { stream, rest } = session.connection!.detach();
  session.connection = undefined;
  const reader = new ReplyReader();
  reader.feed(rest);
  const progress = new Progress(console, 'bytes', inputSize());
  const magic = randomBytes(magicBytes);
  let errors = 0;
  let replies = 0;
  let sentBytes = 0;
  let inputEnded = false;
  let lastReadMs = performance.now();

  const status = await new Promise<number>((resolve) => {
    const timer = setInterval(checkTimeout, 250);
    let settled = false;
    function finish(result: number): void {
      if (settled) return;
      settled = true;
      clearInterval(timer);
      progress.clear();
      resolve(result);
    }
    function fail(message: string): void {
      if (settled) return;
      progress.clear();
      console.complain(`${message}\n`);
      finish(1);
    }
    function report(): void {
      progress.clear();
      console.write(`errors: ${errors}, replies: ${replies}\n`);
      finish(errors > 0 ? 1 : 0);
    }
    function checkTimeout(): void {
      if (!inputEnded) progress.update(sentBytes);
      if (!inputEnded || options.pipeTimeoutSeconds <= 0) return;
      if (performance.now() - lastReadMs <= options.pipeTimeoutSeconds * 1000) return;
      progress.clear();
      console.complain(`No replies for ${options.pipeTimeoutSeconds} seconds: exiting.\n`);
      errors++;
      report();
    }
    function readReplies(): void {
      for (;;) {
        const reply = reader.next();
        if (reply === undefined) return;
        lastReadMs = performance.now();
        if (reply.kind === 'error') {
          progress.clear();
          console.complainBytes(`${replyText(reply)}\n`);
          errors++;
        } else if (
          inputEnded &&
          reply.kind === 'bulk' &&
          reply.bytes.length === magicBytes &&
          magic.equals(reply.bytes)
        ) {
          progress.clear();
          console.write('Last reply received from server.\n');
          report();
          return;
        } else if (reply.kind === 'push') {
          continue;
        }
        replies++;
      }
    }
    stream.on('data', (chunk: Buffer) => {
      reader.feed(chunk);
      try {
        readReplies();
      } catch (error) {
        if (!(error instanceof ReplyProtocolError)) throw error;
        fail('Error reading replies from server');
      }
    });
    stream.on('error', (error) => {
      fail(
        errorCode(error) === 'EPIPE'
          ? `Error writing to the server: ${systemErrorText(error)}`
          : 'Error reading replies from server',
      );
    });
    stream.on('close', () => fail('Error reading replies from server'));
    stream.on('end', () => fail('Error reading replies from server'));
    stream.resume();

    const input = process.stdin;
    let begun = false;
    // A server that closes says why before. A failed write would throw away what has come and was not read, so each write
    // waits for a turn of the loop, in which all that has come is read.
    const send = (...parts: readonly (Buffer | string)[]): void => {
      input.pause();
      setImmediate(() => {
        if (settled || stream.destroyed) return;
        let takesMore = true;
        for (const part of parts) takesMore = stream.write(part);
        if (takesMore) input.resume();
      });
    };
    input.on('data', (chunk: Buffer) => {
      if (settled) return;
      if (!begun && chunk.length >= 9 && /^REDIS\d{4}$/.test(chunk.toString('latin1', 0, 9))) {
        fail(
          'Standard input begins with an RDB file (an AOF can do so too), which holds no commands that could be sent.',
        );
        return;
      }
      begun = true;
      sentBytes += chunk.length;
      send(chunk);
      progress.update(sentBytes);
    });
    stream.on('drain', () => input.resume());
    input.on('end', () => {
      if (settled) return;
      inputEnded = true;
      lastReadMs = performance.now();
      send('\r\n*2\r\n$4\r\nECHO\r\n$20\r\n', magic, '\r\n');
      progress.clear();
      console.write('All data transferred. Waiting for the last reply...\n');
      console.flush();
    });
    input.on('error', (error) => fail(`Error reading from stdin: ${systemErrorText(error)}`));
  });
  stream.destroy();
  return status;
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
