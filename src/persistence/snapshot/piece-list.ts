// piece-list: encoded bytes that wait for their turn, in pieces, so that a list that grows is never copied.

import { RdbWriter } from '../rdb/writer.js';

const FIRST_BYTES = 1024;
const PIECE_BYTES = 256 * 1024;

export class PieceList {
  private pieces: RdbWriter[] = [];
  private fullBytes = 0;

  constructor(private readonly compression: number) {}

  /** Where the next bytes go; to be asked for before each string or element. */
  get writer(): RdbWriter {
    const last = this.pieces[this.pieces.length - 1];
    if (last !== undefined && last.length < PIECE_BYTES) return last;
    this.fullBytes += last === undefined ? 0 : last.length;
    const made = new RdbWriter(this.compression, last === undefined ? FIRST_BYTES : PIECE_BYTES);
    this.pieces.push(made);
    return made;
  }

  get length(): number {
    const last = this.pieces[this.pieces.length - 1];
    return last === undefined ? 0 : this.fullBytes + last.length;
  }

  /** Takes all pieces out, in order. */
  take(): readonly RdbWriter[] {
    const { pieces } = this;
    this.pieces = [];
    this.fullBytes = 0;
    return pieces;
  }
}
