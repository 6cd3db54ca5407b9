// data-transfer: the data set as a master sends it: its beginning, its end, and the bytes between.
//
//   $<length>\r\n<bytes>               the master had a file, so the length is known
//   $EOF:<mark>\r\n<bytes><mark>       the master sends while it encodes; the mark is 40 random bytes
//
// Empty lines before the header keep the connection alive. After a mark the master sends nothing until it is acknowledged,
// so the mark is looked for only where the bytes at hand end: 40 bytes are kept back for that.

const MARK_BYTES = 40;
const HEADER_BYTES_MAX = 128;

export interface TransferEvents {
  /** The header has come. `bytes`: the length, -1 where it is not known. */
  onHeader(bytes: number): void;
  /** Bytes of the data, void after the call. */
  onBytes(bytes: Uint8Array): void;
  /** All has come; `rest` belongs to the stream of writes. */
  onEnd(rest: Uint8Array): void;
  /** The master does not keep to the format; nothing follows. */
  onFailure(reason: string): void;
}

const NONE = new Uint8Array(0);

export class DataTransfer {
  private header = '';
  private state: 'header' | 'counted' | 'marked' | 'over' = 'header';
  private left = 0;
  private mark = NONE;
  /** The last bytes that came, which may be the mark. */
  private tail: Uint8Array = NONE;
  /** Bytes of the data so far. */
  receivedBytes = 0;

  constructor(private readonly events: TransferEvents) {}

  get isOver(): boolean {
    return this.state === 'over';
  }

  /** Takes what has come; the bytes are copied where they are kept. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (this.state === 'header' && at < bytes.length) at = this.takeHeader(bytes, at);
    if (at >= bytes.length && this.state === 'header') return;
    if (this.state === 'counted') this.takeCounted(bytes.subarray(at));
    else if (this.state === 'marked') this.takeMarked(bytes.subarray(at));
  }

  private fail(reason: string): void {
    this.state = 'over';
    this.events.onFailure(reason);
  }

  /** Takes a line, or what has come of it; returns where the rest begins. */
  private takeHeader(bytes: Uint8Array, from: number): number {
    const found = bytes.indexOf(10, from);
    const end = found < 0 ? bytes.length : found;
    this.header += Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString('latin1');
    if (this.header.length > HEADER_BYTES_MAX) {
      this.fail('the line before the data is too long');
      return bytes.length;
    }
    if (found < 0) return end;
    const line = this.header.replace(/\r$/, '');
    this.header = '';
    if (line !== '') this.readHeader(line);
    return found + 1;
  }

  private readHeader(line: string): void {
    const counted = /^\$(\d{1,15})$/.exec(line);
    if (counted !== null) {
      this.left = Number(counted[1]);
      this.state = 'counted';
      this.events.onHeader(this.left);
    } else if (line.startsWith('$EOF:') && line.length === 5 + MARK_BYTES) {
      this.mark = Buffer.from(line.slice(5), 'latin1');
      this.state = 'marked';
      this.events.onHeader(-1);
    } else if (line.startsWith('-')) this.fail(`the master has aborted the synchronisation: ${line.slice(1)}`);
    else this.fail(`the master sends '${line.replace(/[^\x20-\x7e]/g, '?')}' instead of the data`);
  }

  private takeCounted(bytes: Uint8Array): void {
    const count = Math.min(bytes.length, this.left);
    this.left -= count;
    this.receivedBytes += count;
    if (count > 0) this.events.onBytes(bytes.subarray(0, count));
    if (this.left > 0 || this.isOver) return;
    this.state = 'over';
    this.events.onEnd(bytes.subarray(count));
  }

  private takeMarked(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // Bytes are passed on once 40 others follow them.
    const { tail } = this;
    const passed = Math.max(0, tail.length + bytes.length - MARK_BYTES);
    const fromTail = Math.min(passed, tail.length);
    const fromBytes = passed - fromTail;
    this.receivedBytes += passed;
    if (fromTail > 0) this.events.onBytes(tail.subarray(0, fromTail));
    if (fromBytes > 0 && !this.isOver) this.events.onBytes(bytes.subarray(0, fromBytes));
    if (this.isOver) return;
    const rest = new Uint8Array(tail.length - fromTail + bytes.length - fromBytes);
    rest.set(tail.subarray(fromTail));
    rest.set(bytes.subarray(fromBytes), tail.length - fromTail);
    this.tail = rest;
    if (rest.length !== MARK_BYTES || !rest.every((byte, index) => byte === this.mark[index])) return;
    this.state = 'over';
    this.events.onEnd(NONE);
  }
}
