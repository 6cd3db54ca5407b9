// csv-reader: rows of CSV out of chunks of bytes (RFC 4180: quotes double inside quotes; lines end with LF or CRLF).
//
// Cells are byte strings, a character a byte. Memory holds one row and one chunk: a cell has a bound, as a quote that nobody
// closes would take the rest of the file into one.
import { TransferError } from '../../transfer/record/record.js';

const cellBytesMax = 64 << 20;
const cellsMax = 100;

/** Where the next byte lies: before the first of a cell, in one without quotes, in quotes, or after a quote that may be half of a pair. */
type State = 'cell' | 'bare' | 'quoted' | 'after-quote';

export class CsvReader {
  /** The line of the file in which the row under way began. */
  line = 1;
  private linesPassed = 1;
  private state: State = 'cell';
  private cells: string[] = [];
  private cell = '';

  constructor(private readonly name: string) {}

  /** Calls `take` with each row that ends in the text. */
  push(text: string, take: (cells: readonly string[]) => void): void {
    for (let at = 0; at < text.length;) {
      at = this.state === 'quoted' ? this.takeQuoted(text, at) : this.takeBare(text, at, take);
      if (this.cell.length > cellBytesMax)
        throw new TransferError(`${this.name}: a cell of line ${this.line} is longer than 64 MB: is its quote closed?`);
    }
  }

  end(take: (cells: readonly string[]) => void): void {
    if (this.state === 'quoted') throw new TransferError(`${this.name}: the quote in line ${this.line} is not closed`);
    if (this.state !== 'cell' || this.cells.length > 0) this.endRow(take);
  }

  private takeQuoted(text: string, at: number): number {
    const close = text.indexOf('"', at);
    const part = text.slice(at, close < 0 ? text.length : close);
    this.cell += part;
    for (let feed = part.indexOf('\n'); feed >= 0; feed = part.indexOf('\n', feed + 1)) this.linesPassed++;
    if (close < 0) return text.length;
    this.state = 'after-quote';
    return close + 1;
  }

  private takeBare(text: string, at: number, take: (cells: readonly string[]) => void): number {
    const character = text[at]!;
    if (character === '"' && this.state !== 'bare') {
      if (this.state === 'after-quote') this.cell += '"';
      this.state = 'quoted';
      return at + 1;
    }
    if (character === ',') this.endCell();
    else if (character === '\n') {
      this.linesPassed++;
      this.endRow(take);
    } else {
      this.state = 'bare';
      const rest = /[,\n]/g;
      rest.lastIndex = at;
      const end = rest.exec(text)?.index ?? text.length;
      this.cell += text.slice(at, end);
      return end;
    }
    return at + 1;
  }

  private endCell(): void {
    this.cells.push(this.cell);
    this.cell = '';
    this.state = 'cell';
    if (this.cells.length > cellsMax)
      throw new TransferError(`${this.name}: line ${this.line} has more than ${cellsMax} cells`);
  }

  private endRow(take: (cells: readonly string[]) => void): void {
    // Of CRLF, the CR came in as the end of the last cell.
    if (this.state === 'bare' && this.cell.endsWith('\r')) this.cell = this.cell.slice(0, -1);
    this.endCell();
    const { cells } = this;
    this.cells = [];
    if (cells.length > 1 || cells[0] !== '') take(cells);
    this.line = this.linesPassed;
  }
}
