// byte-source: pulls raw bytes from a connection that has left RESP, as SYNC and PSYNC do.
import type { Duplex } from 'node:stream';

export class ByteSource {
  private readonly iterator: AsyncIterator<Buffer>;
  private readonly waiting: Buffer[] = [];

  /** `rest`: bytes that were read ahead from the stream. */
  constructor(stream: Duplex, rest: Uint8Array) {
    if (rest.length > 0) this.waiting.push(Buffer.from(rest.buffer, rest.byteOffset, rest.length));
    this.iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Some bytes; undefined at the end. System errors come as exceptions. */
  async read(): Promise<Buffer | undefined> {
    const first = this.waiting.shift();
    if (first !== undefined) return first;
    const { value, done } = await this.iterator.next();
    return done === true ? undefined : value;
  }

  /** Puts bytes back in front. */
  unread(bytes: Buffer): void {
    if (bytes.length > 0) this.waiting.unshift(bytes);
  }

  /**
   * A line without its end. Empty lines are passed over: a master sends them to keep the link alive while it prepares a
   * snapshot. Undefined when the stream ends first or the line is longer than `bytesMax`.
   */
  async readLine(bytesMax: number): Promise<string | undefined> {
    let line = '';
    for (;;) {
      const chunk = await this.read();
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(10);
      line += chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
      if (line.length > bytesMax) return undefined;
      if (end < 0) continue;
      this.unread(chunk.subarray(end + 1));
      line = line.replace(/\r$/, '');
      if (line !== '') return line;
    }
  }
}
