// reply-reader: turns the bytes of replies (RESP2 and RESP3) into values, in whatever pieces they come.
//
// The bytes that are not understood yet are kept, and tried again from the start of their reply when more come. A reply of many
// pieces is therefore read several times; recipes have short ones. Maps come as flat lists, as in RESP2.

const BYTES_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 32;

/** The reply is not complete yet. */
const incomplete = Symbol('incomplete');

export class ReplyReader {
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;
  private isPush = false;

  /** `take` gets each reply: text, numbers, null, lists; an Error for an error reply. `push` gets what comes unasked in RESP3. */
  constructor(
    private readonly take: (reply: unknown) => void,
    private readonly push: (message: readonly unknown[]) => void = () => undefined,
  ) {}

  /** Throws an Error for bytes that are no replies. */
  add(bytes: Uint8Array): void {
    this.bytes = this.bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.bytes, bytes]);
    for (;;) {
      this.at = 0;
      this.isPush = false;
      const reply = this.read(0);
      if (reply === incomplete) return;
      this.bytes = this.bytes.subarray(this.at);
      if (this.isPush) this.push(reply as readonly unknown[]);
      else this.take(reply);
    }
  }

  private read(depth: number): unknown {
    const end = this.bytes.indexOf('\r\n', this.at);
    if (end < 0) return incomplete;
    const kind = String.fromCharCode(this.bytes[this.at]!);
    const line = this.bytes.toString('utf8', this.at + 1, end);
    this.at = end + 2;
    switch (kind) {
      case '+':
        return line;
      case '-':
        return new Error(line);
      case '_':
        return null;
      case '#':
        return line === 't';
      case ',':
        return line === 'inf' ? Infinity : line === '-inf' ? -Infinity : Number(line);
      case '(':
        return line;
      default:
        return this.readCounted(kind, line, depth);
    }
  }

  private readCounted(kind: string, line: string, depth: number): unknown {
    const number = Number(line);
    if (!/^-?\d+$/.test(line)) throw new Error(`not a reply: ${JSON.stringify((kind + line).slice(0, 40))}`);
    switch (kind) {
      case ':':
        return number;
      case '$':
        return number < 0 ? null : this.readBulk(number);
      case '=': {
        const text = this.readBulk(number);
        return typeof text === 'string' ? text.slice(4) : text; // after 'txt:'
      }
      case '!': {
        const text = this.readBulk(number);
        return typeof text === 'string' ? new Error(text) : text;
      }
      case '>':
        if (depth === 0) this.isPush = true;
        return this.readList(number, depth);
      case '*':
      case '~':
        return number < 0 ? null : this.readList(number, depth);
      case '%':
        return this.readList(number * 2, depth);
      case '|': {
        const attributes = this.readList(number * 2, depth);
        return attributes === incomplete ? incomplete : this.read(depth + 1);
      }
      default:
        throw new Error(`not a reply: ${JSON.stringify((kind + line).slice(0, 40))}`);
    }
  }

  private readBulk(length: number): unknown {
    if (length > BYTES_MAX) throw new Error(`a reply of ${length} bytes is too long`);
    if (this.bytes.length < this.at + length + 2) return incomplete;
    const text = this.bytes.toString('utf8', this.at, this.at + length);
    this.at += length + 2;
    return text;
  }

  private readList(length: number, depth: number): unknown {
    if (depth === DEPTH_MAX) throw new Error('a reply is nested too deeply');
    const items: unknown[] = [];
    for (let index = 0; index < length; index++) {
      const item = this.read(depth + 1);
      if (item === incomplete) return incomplete;
      items.push(item);
    }
    return items;
  }
}
