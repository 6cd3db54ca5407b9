// csv-source: keys out of CSV, as the page's export writes it or as somebody made it in a spreadsheet.
//
// The first line names the columns, in any order; unknown ones are left out. `key` and `value` must be there. `type` is string
// without that column, `database` 0, `expires_at` (ISO 8601, or milliseconds since 1970) never. `field` is the field of a hash,
// the score of a sorted set, the id of an entry of a stream. Rows of one key that follow upon each other are one value. A row
// that makes no sense is told and left out.
import { splitBytes } from '../../base/quoting.js';
import {
  type Batch,
  type KeyRecord,
  keyRecord,
  NO_EXPIRY,
  PART_BYTES,
  type Source,
  TransferError,
} from '../../transfer/record/record.js';
import { isStreamId, splitId } from '../../transfer/record/stream-ids.js';
import { elementCount, emptyValue, kindNumber, type Value } from '../../transfer/record/values.js';
import { bytesOfCell, wordsOfCell } from './csv-cells.js';
import { CsvReader } from './csv-reader.js';

const recordsPerBatch = 1000;
const columnNames = ['database', 'key', 'type', 'expires_at', 'field', 'value'] as const;
type Column = (typeof columnNames)[number];
type Row = (name: Column) => string | undefined;
const databaseMax = 1_000_000;

interface Head {
  readonly database: number;
  readonly key: Uint8Array;
  readonly type: string;
  readonly expireAtMs: number;
}

/** The key under way: its rows so far, and whether a part of it went out before. */
interface Open {
  readonly name: string;
  readonly head: Head;
  readonly kind: number;
  value: Value;
  bytes: number;
  hasParts: boolean;
}

export class CsvSource implements Source {
  readonly totalKeys = undefined;
  readonly warnings: string[] = [];
  private readonly reader: CsvReader;
  private columns: ReadonlyMap<Column, number> | undefined;
  private open: Open | undefined;
  private records: KeyRecord[] = [];

  constructor(
    readonly name: string,
    private readonly chunks: Iterable<Uint8Array>,
    readonly totalBytes: number | undefined,
    private readonly onBadRow: (where: string, reason: string) => void,
  ) {
    this.reader = new CsvReader(name);
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const take = (cells: readonly string[]): void => this.takeRow(cells);
    let sourceBytes = 0;
    for (const chunk of this.chunks) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1');
      this.reader.push(sourceBytes === 0 ? text.replace(/^\xef\xbb\xbf/, '') : text, take);
      sourceBytes += chunk.length;
      while (this.records.length >= recordsPerBatch)
        yield { records: this.records.splice(0, recordsPerBatch), sourceBytes };
    }
    this.reader.end(take);
    if (this.columns === undefined) throw new TransferError(`${this.name}: there is no line with the names of columns`);
    this.close('last');
    yield { records: this.records.splice(0), sourceBytes };
  }

  private takeRow(cells: readonly string[]): void {
    const { columns } = this;
    if (columns === undefined) {
      this.columns = this.readColumns(cells);
      return;
    }
    const row: Row = (name) => {
      const index = columns.get(name);
      return index === undefined ? undefined : cells[index];
    };
    try {
      this.add(row);
    } catch (error) {
      this.onBadRow(`line ${this.reader.line}`, (error as Error).message);
    }
  }

  private readColumns(cells: readonly string[]): ReadonlyMap<Column, number> {
    const columns = new Map<Column, number>();
    for (const [index, cell] of cells.entries()) {
      const name = columnNames.find((one) => one === cell.trim().toLowerCase());
      if (name !== undefined && !columns.has(name)) columns.set(name, index);
    }
    for (const name of ['key', 'value'] as const)
      if (!columns.has(name)) throw new TransferError(`${this.name}: the first line names no column ${name}`);
    return columns;
  }

  private add(row: Row): void {
    const head = readHead(row);
    const name = `${head.database} ${head.type} ${head.expireAtMs} ${Buffer.from(head.key).toString('latin1')}`;
    const element = readElement(head.type, row);
    if (this.open === undefined || this.open.name !== name || head.type === 'string') {
      this.close('last');
      const kind = kindNumber(head.type);
      this.open = { name, head, kind, value: emptyValue(kind), bytes: 0, hasParts: false };
    }
    // A stream goes as a whole.
    if (this.open.bytes >= PART_BYTES && head.type !== 'stream') this.close('more');
    this.open.bytes += element(this.open);
  }

  /** Passes on what came in of the key under way. */
  private close(part: 'more' | 'last'): void {
    const { open } = this;
    if (open === undefined) return;
    const { head, kind, value, hasParts } = open;
    const name = part === 'more' ? (hasParts ? 'more' : 'first') : hasParts ? 'last' : 'whole';
    // All rows of it made no sense.
    const isNothing = !hasParts && elementCount(value) === 0;
    if (!isNothing)
      this.records.push(
        keyRecord({ database: head.database, key: head.key, kind, expireAtMs: head.expireAtMs, part: name, value }),
      );
    if (part === 'last') this.open = undefined;
    else Object.assign(open, { value: emptyValue(kind), bytes: 0, hasParts: true });
  }
}

function readHead(row: Row): Head {
  const key = bytesOfCell(row('key') ?? '');
  if (key.length === 0) throw new Error('the key is missing');
  const type = (row('type') ?? '').trim().toLowerCase() || 'string';
  if (!['string', 'list', 'set', 'zset', 'hash', 'stream'].includes(type))
    throw new Error(`no type ${type.slice(0, 40)}`);
  const database = Number((row('database') ?? '').trim());
  if (!Number.isInteger(database) || database < 0 || database > databaseMax) throw new Error('no number of a database');
  return { database, key, type, expireAtMs: readTime((row('expires_at') ?? '').trim()) };
}

function readTime(text: string): number {
  if (text === '') return NO_EXPIRY;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isSafeInteger(ms) || ms < 0) throw new Error('expires_at is no time');
  return ms;
}

/** Checks a row, and returns what adds it to the value of its key; that returns its bytes. */
function readElement(type: string, row: Row): (open: Open) => number {
  const raw = row('value');
  if (raw === undefined) throw new Error('the value is missing');
  const field = row('field') ?? '';
  if (type === 'stream') return readEntry(field.trim(), raw);
  const bytes = bytesOfCell(raw);
  if (type === 'zset' && !isScore(field.trim())) throw new Error('the score is no number');
  const name = bytesOfCell(field);
  return (open) => {
    const { value } = open;
    switch (value.kind) {
      case 'string':
        open.value = { kind: 'string', bytes };
        break;
      case 'zset':
        value.elements.push(bytes);
        value.scores.push(scoreOf(field.trim()));
        break;
      case 'hash':
        value.fields.push(name);
        value.values.push(bytes);
        break;
      case 'list':
      case 'set':
        value.elements.push(bytes);
    }
    return bytes.length + name.length;
  };
}

function readEntry(id: string, raw: string): (open: Open) => number {
  if (!isStreamId(id)) throw new Error('the id of an entry must be ms-seq');
  const line = wordsOfCell(raw);
  const pairs = splitBytes(line, 0, line.length);
  if (pairs === undefined || pairs.length === 0 || pairs.length % 2 !== 0)
    throw new Error('an entry must be fields and values in turn');
  return ({ value }) => {
    if (value.kind !== 'stream') return 0;
    const [ms, sequence] = splitId(id);
    const [lastMs, lastSequence] = splitId(value.lastId);
    if (ms < lastMs || (ms === lastMs && sequence <= lastSequence)) throw new Error('the ids of entries must grow');
    value.entries.push({ id, pairs });
    value.lastId = id;
    value.entriesAdded++;
    return line.length;
  };
}

function isScore(text: string): boolean {
  return /^[+-]?inf$/i.test(text) || (text !== '' && Number.isFinite(Number(text)));
}

function scoreOf(text: string): number {
  if (!/inf$/i.test(text)) return Number(text);
  return text.startsWith('-') ? -Infinity : Infinity;
}
