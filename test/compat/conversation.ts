// conversation: sends commands over a connection and shows the replies as short texts: +OK, :1, $text, null, [..], -ERR ...
import { connect, type Socket } from 'node:net';

export type Shown = string | null | readonly Shown[];

/** A value and where the next one begins; undefined while bytes are missing. */
function parse(text: string, at: number): readonly [Shown, number] | undefined {
  const end = text.indexOf('\r\n', at);
  if (end < 0) return undefined;
  const kind = text[at]!;
  const line = text.slice(at + 1, end);
  if (kind === '$' || kind === '=') {
    const length = Number(line);
    if (length < 0) return [null, end + 2];
    const stop = end + 2 + length;
    return stop + 2 > text.length ? undefined : [`$${text.slice(end + 2, stop)}`, stop + 2];
  }
  if (kind !== '*' && kind !== '~' && kind !== '>' && kind !== '%') return [kind + line, end + 2];
  const count = Number(line) * (kind === '%' ? 2 : 1);
  if (count < 0) return [null, end + 2];
  const items: Shown[] = [];
  let next = end + 2;
  for (let index = 0; index < count; index++) {
    const item = parse(text, next);
    if (item === undefined) return undefined;
    items.push(item[0]);
    next = item[1];
  }
  return [items, next];
}

export class Conversation {
  private text = '';
  private wake: () => void = () => undefined;
  private closed = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  static async open(port: number): Promise<Conversation> {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    return new Conversation(socket);
  }

  /** Sends the commands together; one reply for each. */
  async ask(commands: readonly (readonly string[])[]): Promise<Shown[]> {
    const parts = commands.map(
      (words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`,
    );
    this.socket.write(Buffer.from(parts.join(''), 'latin1'));
    const replies: Shown[] = [];
    while (replies.length < commands.length) {
      const next = parse(this.text, 0);
      if (next !== undefined) {
        replies.push(next[0]);
        this.text = this.text.slice(next[1]);
        continue;
      }
      if (this.closed) throw new Error(`closed after ${JSON.stringify(replies)}`);
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
    return replies;
  }

  close(): void {
    this.socket.destroy();
  }
}
