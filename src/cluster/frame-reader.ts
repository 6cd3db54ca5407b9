// frame-reader: cuts the bytes of a connection of the bus into whole messages.
//
// Each begins with a signature and its length. Memory grows with the bytes that have come, never with a length that was only
// announced, and not beyond the bound that the reader has for its peer.

import { BusFormatError } from './decode.js';
import { HEADER_BYTES, SIGNATURE } from './message-layout.js';

const PREFIX_BYTES = 8;
const ROOM_BYTES_MIN = 4096;

export class FrameReader {
  private room = new Uint8Array(ROOM_BYTES_MIN);
  private filled = 0;

  /** Bytes that are kept for a message that has not come whole. */
  get roomBytes(): number {
    return this.room.length;
  }

  /**
   * Takes bytes; calls `take` with each whole message, which is void after the call. `take` returns false when no more may come.
   * `bytesMax` is asked for each message. Throws a BusFormatError when what comes can be no message.
   */
  push(bytes: Uint8Array, bytesMax: () => number, take: (message: Uint8Array) => boolean): void {
    this.reserve(this.filled + bytes.length);
    this.room.set(bytes, this.filled);
    this.filled += bytes.length;
    let at = 0;
    while (this.filled - at >= PREFIX_BYTES) {
      const length = this.lengthAt(at, bytesMax());
      if (this.filled - at < length) break;
      at += length;
      if (!take(this.room.subarray(at - length, at))) {
        this.filled = 0;
        return;
      }
    }
    if (at > 0) {
      this.room.copyWithin(0, at, this.filled);
      this.filled -= at;
    }
    if (this.room.length > ROOM_BYTES_MIN && this.filled <= ROOM_BYTES_MIN / 2) this.shrink();
  }

  private lengthAt(at: number, bytesMax: number): number {
    const view = new DataView(this.room.buffer, at, PREFIX_BYTES);
    if (view.getUint32(0) !== SIGNATURE) throw new BusFormatError('it does not begin with RCmb');
    const length = view.getUint32(4);
    if (length < HEADER_BYTES) throw new BusFormatError(`its length of ${length} bytes is less than a header`);
    if (length > bytesMax)
      throw new BusFormatError(`its length of ${length} bytes is more than the ${bytesMax} that may come`);
    return length;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.room.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.room.length * 2));
    grown.set(this.room.subarray(0, this.filled));
    this.room = grown;
  }

  private shrink(): void {
    const small = new Uint8Array(ROOM_BYTES_MIN);
    small.set(this.room.subarray(0, this.filled));
    this.room = small;
  }
}
