// text-sinks: keys as lines for people and spreadsheets: commands that make them again, and CSV.
//
// A line of commands is in redis-cli's grammar, so that `redis-cli < file` and the page's import read it. CSV has one row for each
// element, with the field, the score or the id in a column of its own; csv-source reads it. Times to live of fields and the groups
// of streams have no place in it.
import { latin1 } from '../../base/bytes.js';
import { quote } from '../../base/quoting.js';
import { expireCommand, valueCommands, type Word } from '../../transfer/record/commands.js';
import { valueOf } from '../../transfer/record/decode.js';
import { type Batch, type KeyRecord, NO_EXPIRY, type Sink } from '../../transfer/record/record.js';
import { scoreText, type Value } from '../../transfer/record/values.js';
import type { Output } from '../../transfer/program/output.js';
import { cellOf, wordsCellOf } from './csv-cells.js';

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
    this.writeHeader();
    const expires = record.expireAtMs === NO_EXPIRY ? '' : new Date(Math.max(0, record.expireAtMs)).toISOString();
    const head = [String(record.database), cellOf(record.key), value.kind, expires].join(',');
    for (const [field, text] of rowsOf(value)) this.output.write(`${head},${field},${text}\r\n`);
  }

  override close(): Promise<void> {
    this.writeHeader();
    return super.close();
  }

  private writeHeader(): void {
    if (!this.hasHeader) this.output.write('database,key,type,expires_at,field,value\r\n');
    this.hasHeader = true;
  }
}

function* rowsOf(value: Value): Generator<readonly [string, string]> {
  switch (value.kind) {
    case 'string':
      yield ['', cellOf(value.bytes)];
      return;
    case 'list':
    case 'set':
      for (const element of value.elements) yield ['', cellOf(element)];
      return;
    case 'zset':
      for (const [index, element] of value.elements.entries()) yield [scoreText(value.scores[index]!), cellOf(element)];
      return;
    case 'hash':
      for (const [index, field] of value.fields.entries()) yield [cellOf(field), cellOf(value.values[index]!)];
      return;
    case 'stream':
      for (const { id, pairs } of value.entries) yield [id, wordsCellOf(pairs)];
      return;
    case 'module':
      yield ['', ''];
  }
}
