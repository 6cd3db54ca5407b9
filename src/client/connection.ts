// connection: commands out, replies in, in order, over one stream.
//
// The caller pulls: `readReply` gives the next reply or push message. Nobody pulling for a while is fine: above a mark the
// stream is paused, so a chatty server fills its own buffers and not our memory. After an error or the end every read
// and write fails with the same `ConnectionLost`.
import type { Duplex } from 'node:stream';
import { encodeCommand, type CommandArgument } from './encode-command.js';
import { openStream, type Endpoint } from './open-stream.js';
import { streamErrorText } from './tls-words.js';
import { ReplyReader } from './reply-reader.js';
import type { AggregateReply, Reply } from './reply.js';
import { errorCode } from '../base/system-error.js';

/** Waiting bytes above which reading stops until somebody asks for a reply. */
const readAheadBytesMax = 1 << 20;

/** The connection ended. `how`: the peer closed, the system reported an error, or the peer does not speak RESP. */
export class ConnectionLost extends Error {
  constructor(
    readonly how: 'closed' | 'system' | 'protocol',
    message: string,
    readonly code?: string,
  ) {
    super(message);
  }
}

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: ConnectionLost): void;
}

export class Connection {
  private readonly reader = new ReplyReader();
  private readonly waiters: Waiter[] = [];
  private waitingBytes = 0;
  /** Bytes since the last reply that was whole. */
  private incompleteBytes = 0;
  /** A longer reply ends the connection; set it where the server is a stranger. */
  replyBytesMax = Infinity;
  private failure: ConnectionLost | undefined;
  /** Told when the connection ends while nobody reads. */
  onLost: ((error: ConnectionLost) => void) | undefined;
  /** Told when bytes arrive while nobody reads (a push message, a notice before the close). */
  onIdleData: (() => void) | undefined;
  /** Gets push messages that arrive while `call` waits for its reply; without it they are dropped. */
  onPush: ((push: AggregateReply) => void) | undefined;

  constructor(private readonly stream: Duplex) {
    stream.on('data', this.onData);
    stream.on('error', this.onError);
    stream.on('close', this.onClose);
    stream.on('end', this.onClose);
  }

  static async open(endpoint: Endpoint): Promise<Connection> {
    return new Connection(await openStream(endpoint));
  }

  /** Why the connection ended, or undefined while it lives. */
  get lost(): ConnectionLost | undefined {
    return this.failure;
  }

  /** When the certificate that the server has shown ends, in ms since 1970; undefined without TLS. */
  get certificateEndsMs(): number | undefined {
    const { getPeerCertificate } = this.stream as { getPeerCertificate?: () => { valid_to?: string } | null };
    const ends = Date.parse(getPeerCertificate?.call(this.stream)?.valid_to ?? '');
    return Number.isNaN(ends) ? undefined : ends;
  }

  /** Sends a command without waiting; false asks to wait for `drained` first (as streams do). */
  send(args: readonly CommandArgument[]): boolean {
    return this.write(encodeCommand(args));
  }

  write(bytes: Uint8Array): boolean {
    if (this.failure !== undefined) throw this.failure;
    return this.stream.write(bytes);
  }

  async drained(): Promise<void> {
    if (this.failure !== undefined || !this.stream.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.stream.removeListener('drain', done);
        this.stream.removeListener('close', done);
        resolve();
      };
      this.stream.once('drain', done);
      this.stream.once('close', done);
    });
  }

  /** The next reply or push message in the order of arrival. */
  readReply(): Promise<Reply> {
    const reply = this.takeReply();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  /** A reply that has come already, without waiting. */
  takeReply(): Reply | undefined {
    if (this.waiters.length > 0) return undefined;
    const reply = this.parse();
    if (reply === undefined && this.failure === undefined) {
      this.waitingBytes = 0;
      if (this.stream.isPaused()) this.stream.resume();
    }
    return reply;
  }

  /** Sends a command and waits for its reply; push messages in between go to `onPush`. */
  async call(...args: CommandArgument[]): Promise<Reply> {
    this.send(args);
    return this.readAnswer();
  }

  /** The next reply that is no push message. */
  async readAnswer(): Promise<Reply> {
    for (;;) {
      const reply = await this.readReply();
      if (reply.kind !== 'push') return reply;
      this.onPush?.(reply);
    }
  }

  /** Gives the stream away, with the bytes that were read ahead; the connection must not be used afterwards. */
  detach(): { stream: Duplex; rest: Uint8Array } {
    this.stream.pause();
    this.unlisten();
    return { stream: this.stream, rest: this.reader.takeRest() };
  }

  /** Ends the connection; replies that have not come are given up. */
  close(): void {
    this.unlisten();
    this.stream.on('error', () => undefined); // an error on the way out is nobody's concern
    this.fail(new ConnectionLost('closed', 'Connection closed'));
    this.stream.destroy();
  }

  private unlisten(): void {
    this.stream.removeListener('data', this.onData);
    this.stream.removeListener('error', this.onError);
    this.stream.removeListener('close', this.onClose);
    this.stream.removeListener('end', this.onClose);
  }

  private readonly onData = (chunk: Buffer): void => {
    this.reader.feed(chunk);
    this.incompleteBytes += chunk.length;
    if (this.incompleteBytes > this.replyBytesMax) {
      this.fail(new ConnectionLost('protocol', `a reply of more than ${this.replyBytesMax} bytes`));
      this.stream.destroy();
      return;
    }
    if (this.waiters.length === 0) {
      this.waitingBytes += chunk.length;
      if (this.waitingBytes > readAheadBytesMax) this.stream.pause();
      this.onIdleData?.();
      return;
    }
    while (this.waiters.length > 0) {
      const reply = this.parse();
      if (reply === undefined) return;
      this.waiters.shift()!.resolve(reply);
    }
  };

  private readonly onError = (error: Error): void => {
    this.fail(new ConnectionLost('system', streamErrorText(error), errorCode(error)));
  };

  private readonly onClose = (): void => {
    this.fail(new ConnectionLost('closed', 'Server closed the connection'));
  };

  private parse(): Reply | undefined {
    try {
      const reply = this.reader.next();
      if (reply !== undefined) this.incompleteBytes = 0;
      return reply;
    } catch (error) {
      this.fail(new ConnectionLost('protocol', error instanceof Error ? error.message : String(error)));
      this.stream.destroy();
      return undefined;
    }
  }

  private fail(error: ConnectionLost): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const waiters = this.waiters.splice(0);
    for (const waiter of waiters) waiter.reject(error);
    if (waiters.length === 0) this.onLost?.(error);
  }
}
