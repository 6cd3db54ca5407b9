// text-sinks: keys as lines for people and spreadsheets: commands that make them again, and CSV.
//
// A line of commands is in redis-cli's grammar, so that `redis-cli < file` and the page's import read it. CSV has the columns
// key, type, expires at, value; a collection has one row for each element, with the field or the score in a column of its own.
// Bytes that are no UTF-8 are written as \xHH in CSV.
import { latin1 } from '../../base/bytes.js';
import { quote } from '../../base/quoting.js';
import { expireCommand, valueCommands, type Word } from '../../transfer/record/commands.js';
import { valueOf } from '../../transfer/record/decode.js';
import { type Batch, type KeyRecord, NO_EXPIRY, type Sink } from '../../transfer/record/record.js';
import type { Value } from '../../transfer/record/values.js';
import type { Output } from '../../transfer/program/output.js';
import { textOfBytes } from '../text-bytes.js';

abstract class LineSink implements Sink {
  constructor(protected readonly output: Output) {}

  get name(): string {
    return this.output.name;
  }

  protected abstract put(record: KeyRecord, value: Value): void;

  async write(batch: Batch): Promise<void> {
    for (const record of batch.records) {
      if (record.what !== 'key') continue;
      this.put(record, valueOf(record));
      await this.output.flush();
    }
  }

  flush(): Promise<void> {
    return this.output.flush();
  }

  close(): Promise<void> {
    return this.output.finish();
  }
}

export class CommandSink extends LineSink {
  private database = 0;

  protected put(record: KeyRecord, value: Value): void {
    if (record.database !== this.database) {
      this.database = record.database;
      this.line(['SELECT', String(record.database)]);
    }
    if (record.part === 'whole' || record.part === 'first') this.line(['DEL', record.key]);
    const isThere = valueCommands(record.key, value, (words) => this.line(words));
    if (!isThere) this.output.write(`# ${quote(latin1(record.key))} is a value of a module, which no command makes\n`);
    if (record.part === 'whole' || record.part === 'last')
      expireCommand(record.key, record.expireAtMs, (words) => this.line(words));
  }

  private line(words: readonly Word[]): void {
    this.output.write(`${words.map(shownWord).join(' ')}\n`);
  }
}

function shownWord(word: Word): string {
  const text = typeof word === 'string' ? word : latin1(word);
  return /^[\w:.+-]+$/.test(text) ? text : quote(text);
}

export class CsvSink extends LineSink {
  private hasHeader = false;

  protected put(record: KeyRecord, value: Value): void {
    if (!this.hasHeader) this.output.write('database,key,type,expires_at,field,value\r\n');
    this.hasHeader = true;
    const expires = record.expireAtMs === NO_EXPIRY ? '' : new Date(Math.max(0, record.expireAtMs)).toISOString();
    const head = [String(record.database), cell(record.key), value.kind, expires].join(',');
    for (const [field, text] of rowsOf(value)) this.output.write(`${head},${field},${text}\r\n`);
  }
}

function* rowsOf(value: Value): Generator<readonly [string, string]> {
  switch (value.kind) {
    case 'string':
      yield ['', cell(value.bytes)];
      return;
    case 'list':
    case 'set':
      for (const element of value.elements) yield ['', cell(element)];
      return;
    case 'zset':
      for (const [index, element] of value.elements.entries()) yield [String(value.scores[index]), cell(element)];
      return;
    case 'hash':
      for (const [index, field] of value.fields.entries()) yield [cell(field), cell(value.values[index]!)];
      return;
    case 'stream':
      for (const { id, pairs } of value.entries)
        yield [id, cell(Buffer.from(pairs.map((part) => textOfBytes(part)).join(' ')))];
      return;
    case 'module':
      yield ['', ''];
  }
}

/** A cell that a spreadsheet does not take for a formula. */
function cell(bytes: Uint8Array): string {
  const text = textOfBytes(bytes).replace(
    /[\udc80-\udcff]/g,
    (one) => `\\x${(one.charCodeAt(0) - 0xdc00).toString(16)}`,
  );
  const safe = /^[=+@\t\r-]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
