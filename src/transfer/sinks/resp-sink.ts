// resp-sink: writes records as RESP commands: an append-only file, or the input of `redis-cli --pipe`.
//
// Commands of a live stream are written as they come, so that the file can follow a server: a server that loads it has the same data.

import { latin1 } from '../../base/bytes.js';
import { CommandEncoder } from '../link/command-encoder.js';
import { RespEncoder } from '../link/resp-encoder.js';
import type { Output } from '../program/output.js';
import type { Batch, KeyRecord, Sink } from '../record/record.js';
import { RdbError } from '../../persistence/rdb/reader.js';

const HAND_BYTES = 256 * 1024;
const nothing = (): void => undefined;

export interface RespSinkOptions {
  /** Told of keys that no command makes. */
  readonly onUnfit: (record: KeyRecord, reason: string) => void;
  /** Whether a DEL comes before each key: for targets that are not empty. */
  readonly deletes: boolean;
}

export class RespSink implements Sink {
  private readonly encoder = new RespEncoder();
  private readonly commands = new CommandEncoder(this.encoder);
  private database = 0;

  constructor(
    private readonly output: Output,
    private readonly options: RespSinkOptions,
  ) {}

  get name(): string {
    return this.output.name;
  }

  async write(batch: Batch): Promise<void> {
    const { encoder, output } = this;
    for (const record of batch.records) {
      if (record.what === 'function') encoder.command(['FUNCTION', 'LOAD', 'REPLACE', record.code]);
      else if (record.what === 'key') this.put(record);
      else if (record.what === 'command' && !isMessage(record.args[0]!)) {
        this.select(record.database);
        encoder.command(record.args);
      }
      if (encoder.length > HAND_BYTES) this.hand();
    }
    this.hand();
    await output.flush();
  }

  private hand(): void {
    const bytes = this.encoder.take();
    if (this.output.write(bytes)) this.encoder.giveBack(bytes);
  }

  private select(database: number): void {
    if (database !== this.database) this.encoder.command(['SELECT', String(database)]);
    this.database = database;
  }

  private put(record: KeyRecord): void {
    const { commands, options } = this;
    const isFirst = record.part === 'whole' || record.part === 'first';
    const isLast = record.part === 'whole' || record.part === 'last';
    this.select(record.database);
    try {
      if (!commands.value(record, options.deletes && isFirst, nothing))
        options.onUnfit(record, 'no command makes a value of a module');
      else if (isLast) commands.expiry(record, nothing);
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      options.onUnfit(record, `damaged value: ${error.reason}`);
    }
  }

  flush(): Promise<void> {
    return this.output.flush();
  }

  close(): Promise<void> {
    return this.output.finish();
  }
}

/** PUBLISH is in the stream of a master, and no change of data. */
function isMessage(name: Uint8Array): boolean {
  return /^S?PUBLISH$/i.test(latin1(name));
}
