// pipeline: many commands to one server, their replies in order, with a bound on what is on its way.
//
// `add` only encodes; `send` writes what was added. Each command has a function that takes its reply, so a caller sees replies
// without an array in between. `ready` waits while more than WINDOW_BYTES or WINDOW_COMMANDS wait for replies.

import type { Duplex } from 'node:stream';
import { openStream } from '../../client/open-stream.js';
import { streamErrorText } from '../../client/tls-words.js';
import { ReplyReader } from '../../client/reply-reader.js';
import { isError, type Reply, replyText } from '../../client/reply.js';
import { TransferError } from '../record/record.js';
import type { Word } from '../record/commands.js';
import { noteBytes } from '../garbage.js';
import type { ServerAddress } from './address.js';
import { RespEncoder } from './resp-encoder.js';

const WINDOW_BYTES = 4 << 20;
const WINDOW_COMMANDS = 10_000;
const SEND_BYTES = 256 * 1024;

export type TakeReply = (reply: Reply) => void;
/** Gets the error reply to a command of a group, by the command's place in it. */
export type TakeRefusal = (index: number, reply: Reply) => void;

/** Commands of which only the errors are of interest. */
class Group {
  answered = 0;

  constructor(
    readonly count: number,
    readonly refused: TakeRefusal,
  ) {}
}

/** The connection is gone. Unanswered commands may have run or not. */
export class LinkLost extends TransferError {
  constructor(
    message: string,
    /** Why no connection came about. */
    readonly failure?: unknown,
  ) {
    super(message);
  }
}

export class Pipeline {
  /** For callers that write commands word by word: `added` after each. */
  readonly encoder = new RespEncoder();
  /** Bytes of the encoder that were counted. */
  private counted = 0;
  private readonly reader = new ReplyReader();
  /** Replies that are waited for: what takes them, and the bytes of the command. */
  private readonly takers: (TakeReply | Group | undefined)[] = [];
  private readonly sizes: number[] = [];
  private taken = 0;
  private bytesOut = 0;
  private failure: LinkLost | undefined;
  private waiting: (() => void)[] = [];
  private addedCount = 0;
  private answeredCount = 0;
  /** Push messages, and messages of subscriptions once `takesMessages`. */
  onPush: ((reply: Reply) => void) | undefined;
  takesMessages = false;

  /** When the last bytes came, or when the first reply was owed since. */
  private heardMs = 0;
  private silence: NodeJS.Timeout | undefined;

  private constructor(
    private readonly stream: Duplex,
    readonly name: string,
    private readonly replyMs = 0,
  ) {
    stream.on('data', (chunk: Buffer) => this.receive(chunk));
    stream.on('error', (error) => this.fail(streamErrorText(error)));
    stream.on('close', () => this.fail('the server closed the connection'));
    stream.on('end', () => this.fail('the server closed the connection'));
  }

  /** Connects, authenticates and selects the address's database. */
  static async open(address: ServerAddress): Promise<Pipeline> {
    let stream: Duplex;
    try {
      stream = await openStream(address.endpoint);
    } catch (error) {
      throw new LinkLost(
        `cannot connect to ${address.name}: ${error instanceof Error ? error.message : String(error)}`,
        error,
      );
    }
    const pipeline = new Pipeline(stream, address.name, address.replyMs);
    if (address.password !== undefined) {
      const words = address.user === undefined ? [address.password] : [address.user, address.password];
      const reply = await pipeline.call('AUTH', ...words);
      if (isError(reply)) {
        pipeline.close();
        throw new TransferError(`${address.name} refuses the password: ${replyText(reply)}`);
      }
    }
    return pipeline;
  }

  get pending(): number {
    return this.addedCount - this.answeredCount;
  }

  add(words: readonly Word[], take?: TakeReply): void {
    this.encoder.command(words);
    this.added(take);
  }

  /** Counts the command that was written into `encoder`. */
  added(take?: TakeReply): void {
    this.note(1, take);
  }

  /** Counts several commands that were written into `encoder`. */
  addedGroup(count: number, refused: TakeRefusal): void {
    if (count > 0) this.note(count, new Group(count, refused));
  }

  private note(count: number, take: TakeReply | Group | undefined): void {
    const bytes = this.encoder.length - this.counted;
    this.counted = this.encoder.length;
    this.addedCount += count;
    if (this.replyMs > 0 && this.silence === undefined) this.watchSilence();
    this.takers.push(take);
    this.sizes.push(bytes);
    this.bytesOut += bytes;
    if (this.encoder.length >= SEND_BYTES) this.send();
  }

  send(): void {
    if (this.encoder.length === 0) return;
    const bytes = this.encoder.take();
    this.counted = 0;
    if (this.failure === undefined) this.stream.write(bytes, () => this.encoder.giveBack(bytes));
  }

  /** Whether the next command has to wait for `ready`. */
  get isFull(): boolean {
    return this.bytesOut > WINDOW_BYTES || this.pending > WINDOW_COMMANDS || this.failure !== undefined;
  }

  /** Waits until there is room for more commands. */
  async ready(): Promise<void> {
    while (this.failure === undefined && this.isFull) await this.progress();
    this.check();
  }

  /** Sends everything and waits for all replies. */
  async drain(): Promise<void> {
    while (this.pending > 0) await this.progress();
    this.check();
  }

  /** Sends everything and waits for the replies of what was added so far; others may add meanwhile. */
  async settled(): Promise<void> {
    const until = this.addedCount;
    while (this.answeredCount < until) await this.progress();
    this.check();
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async progress(): Promise<void> {
    this.send();
    this.check();
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  call(...words: Word[]): Promise<Reply> {
    const reply = new Promise<Reply>((resolve, reject) => {
      this.check();
      this.add(words, (answer) => {
        if (this.failure !== undefined) reject(this.failure);
        else resolve(answer);
      });
      this.send();
    });
    // Of several calls, a caller awaits one after the other: the first reports a lost link, and the others must not end
    // the process as rejections that nobody handles.
    reply.catch(() => undefined);
    return reply;
  }

  /** The reply of a command that must not fail. */
  async must(...words: Word[]): Promise<Reply> {
    const reply = await this.call(...words);
    if (isError(reply)) throw new TransferError(`${this.name} replies to ${String(words[0])}: ${replyText(reply)}`);
    return reply;
  }

  /** Ends the connection when replies are owed and nothing comes for too long. */
  private watchSilence(): void {
    this.heardMs = performance.now();
    const look = (): void => {
      this.silence = undefined;
      if (this.pending === 0 || this.failure !== undefined) return;
      const leftMs = this.heardMs + this.replyMs - performance.now();
      if (leftMs > 0) this.silence = setTimeout(look, leftMs);
      else {
        this.fail(`no reply for ${this.replyMs / 1000} s`);
        this.stream.destroy();
      }
    };
    this.silence = setTimeout(look, this.replyMs);
  }

  private receive(chunk: Buffer): void {
    if (this.replyMs > 0) this.heardMs = performance.now();
    noteBytes(chunk.length);
    this.reader.feed(chunk);
    try {
      for (;;) {
        const first = this.takers[this.taken];
        if (first instanceof Group) this.answerGroup(first, this.reader.passOver(first.count - first.answered));
        const reply = this.reader.next();
        if (reply === undefined) break;
        if (reply.kind === 'push' || (this.takesMessages && isMessage(reply))) this.onPush?.(reply);
        else this.answer(reply);
      }
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
      this.stream.destroy();
    }
    this.wake();
  }

  private answer(reply: Reply): void {
    if (this.pending === 0) return;
    const take = this.takers[this.taken];
    if (take instanceof Group) {
      if (isError(reply)) take.refused(take.answered, reply);
      this.answerGroup(take, 1);
      return;
    }
    this.answeredCount++;
    this.drop();
    take?.(reply);
  }

  private answerGroup(group: Group, count: number): void {
    group.answered += count;
    this.answeredCount += count;
    if (group.answered === group.count) this.drop();
  }

  /** Forgets the first taker, all of whose replies came. */
  private drop(): void {
    // Its reply would stay with it until the list is cut.
    this.takers[this.taken] = undefined;
    this.bytesOut -= this.sizes[this.taken]!;
    this.taken++;
    if (this.taken > 4096 && this.taken * 2 > this.takers.length) {
      this.takers.splice(0, this.taken);
      this.sizes.splice(0, this.taken);
      this.taken = 0;
    }
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private fail(reason: string): void {
    if (this.failure !== undefined) return;
    clearTimeout(this.silence);
    this.failure = new LinkLost(`${this.name}: ${reason}`);
    const lost: Reply = { kind: 'error', bytes: Buffer.from(`ERR ${reason}`) };
    while (this.pending > 0) this.answer(lost);
    this.wake();
  }

  get lost(): LinkLost | undefined {
    return this.failure;
  }

  close(): void {
    clearTimeout(this.silence);
    this.failure ??= new LinkLost(`${this.name}: closed`);
    this.stream.destroy();
    this.wake();
  }
}

function isMessage(reply: Reply): boolean {
  if (reply.kind !== 'array') return false;
  const kind = replyText(reply.elements[0]);
  return kind === 'message' || kind === 'pmessage';
}
