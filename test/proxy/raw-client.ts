// raw-client: sends requests to a server and gives back its replies as the bytes they are, for comparing.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodeCommand } from '../../src/client/encode-command.js';
import { COMPLETE } from '../../src/protocol/request.js';
import { ReplyScanner } from '../../src/proxy/wire/reply-scanner.js';

export class RawClient {
  private kept = Buffer.alloc(0);
  private readonly scanner = new ReplyScanner();
  private waiting: ((reply: string | undefined) => void)[] = [];
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.kept = Buffer.concat([this.kept, chunk]);
      this.deliver();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
      for (const waiter of this.waiting.splice(0)) waiter(undefined);
    });
  }

  static async open(place: number | string): Promise<RawClient> {
    const socket = typeof place === 'string' ? connect(place) : connect(place, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** On a connection that is open: one with TLS. */
  static on(socket: Socket): RawClient {
    return new RawClient(socket);
  }

  private deliver(): void {
    if (this.waiting.length === 0 || this.kept.length === 0) return;
    const bytes = new Uint8Array(this.kept);
    let at = 0;
    while (this.waiting.length > 0 && at < bytes.length) {
      if (this.scanner.scan(bytes, at, bytes.length) !== COMPLETE) break;
      const { end } = this.scanner;
      const reply = this.kept.toString('latin1', at, end);
      at = end;
      this.waiting.shift()!(reply);
    }
    this.kept = this.kept.subarray(at);
  }

  /** The next reply; undefined when the connection ends before. */
  next(): Promise<string | undefined> {
    if (this.isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.deliver();
    });
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  call(...words: (string | Uint8Array)[]): Promise<string | undefined> {
    this.socket.write(encodeCommand(words));
    return this.next();
  }

  /** Sends all at once. */
  pipeline(commands: readonly (readonly (string | Uint8Array)[])[]): Promise<(string | undefined)[]> {
    this.socket.write(Buffer.concat(commands.map((words) => encodeCommand(words))));
    return Promise.all(commands.map(() => this.next()));
  }

  close(): void {
    this.socket.destroy();
  }
}
