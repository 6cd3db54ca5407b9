// resp2-reader: turns the bytes of RESP2 replies into values, in whatever pieces they come.
//
// The bytes that are not understood yet are kept, and tried again from the start of their reply when more come. A reply of many
// pieces is therefore read several times; recipes have short ones.

const BYTES_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 32;

/** The reply is not complete yet. */
const incomplete = Symbol('incomplete');

export class Resp2Reader {
  private bytes: Buffer = Buffer.alloc(0);
  private at = 0;

  /** `take` gets each reply: text, numbers, null, lists; an Error for an error reply. */
  constructor(private readonly take: (reply: unknown) => void) {}

  /** Throws an Error for bytes that are no RESP2. */
  add(bytes: Uint8Array): void {
    this.bytes = this.bytes.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.bytes, bytes]);
    for (;;) {
      this.at = 0;
      const reply = this.read(0);
      if (reply === incomplete) return;
      this.bytes = this.bytes.subarray(this.at);
      this.take(reply);
    }
  }

  private read(depth: number): unknown {
    const end = this.bytes.indexOf('\r\n', this.at);
    if (end < 0) return incomplete;
    const kind = String.fromCharCode(this.bytes[this.at]!);
    const line = this.bytes.toString('utf8', this.at + 1, end);
    this.at = end + 2;
    if (kind === '+') return line;
    if (kind === '-') return new Error(line);
    const number = Number(line);
    if (!/^-?\d+$/.test(line)) throw new Error(`not a reply of RESP2: ${JSON.stringify((kind + line).slice(0, 40))}`);
    if (kind === ':') return number;
    if (kind === '$') return number < 0 ? null : this.readBulk(number);
    if (kind === '*') return number < 0 ? null : this.readList(number, depth);
    throw new Error(`not a reply of RESP2: ${JSON.stringify((kind + line).slice(0, 40))}`);
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
