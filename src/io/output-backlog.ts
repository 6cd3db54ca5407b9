// output-backlog: bytes that wait for a socket to take those before them.
//
// A client that sends requests and reads nothing makes a small reply per request. Were each of them a write of its own,
// the objects around them would take a hundred times their bytes. So short parts are copied into chunks, and only one write
// is on its way at a time. Long parts stay where they are: they must not change.

const CHUNK_BYTES = 16 * 1024;
/** Parts that are at least this long are not copied. */
const LONG_BYTES = 4096;

export class OutputBacklog {
  /** Bytes that wait. */
  bytes = 0;
  private parts: Uint8Array[] = [];
  /** The first of `parts` that waits. */
  private first = 0;
  /** The last part, while it is a chunk with room; its first `chunkBytes` bytes are taken. */
  private chunk: Uint8Array | undefined;
  private chunkBytes = 0;

  add(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    if (bytes.length >= LONG_BYTES) {
      this.closeChunk();
      this.parts.push(bytes);
      return;
    }
    let { chunk } = this;
    if (chunk === undefined || this.chunkBytes + bytes.length > CHUNK_BYTES) {
      this.closeChunk();
      chunk = this.chunk = new Uint8Array(CHUNK_BYTES);
    }
    chunk.set(bytes, this.chunkBytes);
    this.chunkBytes += bytes.length;
  }

  /** The part that was added first, which waits no longer; undefined when none is left. */
  take(): Uint8Array | undefined {
    if (this.first === this.parts.length) this.closeChunk();
    const part = this.parts[this.first];
    if (part === undefined) return undefined;
    this.bytes -= part.length;
    this.first++;
    if (this.first === this.parts.length) {
      this.parts = [];
      this.first = 0;
    } else if (this.first >= 1024) {
      this.parts = this.parts.slice(this.first);
      this.first = 0;
    }
    return part;
  }

  private closeChunk(): void {
    if (this.chunk !== undefined) this.parts.push(this.chunk.subarray(0, this.chunkBytes));
    this.chunk = undefined;
    this.chunkBytes = 0;
  }
}
