// sender: sends a byte stream to a server in parts, lets the server come to its end, and collects all that comes back.
//
// redis-server drops replies that it has not sent when a client closes its side. So before that, a second connection
// asks for two PONGs: a server that answers them has read and answered what was written before.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

const patienceMs = 180_000;
const roundsToSettle = 2;

export interface Answer {
  readonly bytes: Buffer;
  /** The server did not end the connection. */
  readonly timedOut: boolean;
  /** A write met a connection that the server had closed: what came before and was not read yet is lost. */
  readonly wasReset: boolean;
}

/** `path`: a unix socket, because a hundred thousand TCP connections would use up the ports. */
export class Sender {
  private answered: () => void = () => undefined;
  /** Questions go one after the other: a stream that was cut short may still have one under way. */
  private settled: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private readonly control: Socket,
  ) {
    control.on('data', () => this.answered());
    control.on('error', () => undefined);
    control.on('close', () => this.answered());
  }

  static async connect(path: string): Promise<Sender> {
    const control = createConnection({ path });
    await once(control, 'connect');
    return new Sender(path, control);
  }

  close(): void {
    this.control.destroy();
  }

  send(parts: readonly Buffer[]): Promise<Answer> {
    return new Promise((resolve) => {
      const collected: Buffer[] = [];
      const socket = createConnection({ path: this.path, allowHalfOpen: true });
      let timedOut = false;
      let wasReset = false;
      const timer = setTimeout(() => {
        timedOut = true;
        socket.destroy();
      }, patienceMs);
      let greeted = false;
      socket.on('data', (bytes) => {
        collected.push(bytes);
        if (greeted) return;
        greeted = true;
        void this.sendAll(socket, parts);
      });
      socket.on('error', () => (wasReset = true)); // a server that closes after an error resets what it did not read
      socket.on('end', () => socket.end());
      socket.on('close', () => {
        clearTimeout(timer);
        resolve({ bytes: Buffer.concat(collected), timedOut, wasReset });
      });
      // The answer to this shows that the connection was accepted; the control connection cannot know that.
      socket.once('connect', () => socket.write('PING\r\n'));
    });
  }

  /** Lets the server read each part before the next; stops when it closes, as a write after that would lose its answer. */
  private async sendAll(socket: Socket, parts: readonly Buffer[]): Promise<void> {
    for (const part of parts) {
      if (socket.destroyed || socket.readableEnded) return;
      socket.write(part);
      await this.settle();
    }
    socket.end();
  }

  private settle(): Promise<void> {
    this.settled = this.settled.then(() => this.askTwice());
    return this.settled;
  }

  private async askTwice(): Promise<void> {
    for (let left = roundsToSettle; left > 0 && !this.control.destroyed; left--) {
      const answer = new Promise<void>((resolve) => (this.answered = resolve));
      this.control.write('PING\r\n');
      await answer;
    }
    // Bytes that came for the stream in the same moment are read first.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
