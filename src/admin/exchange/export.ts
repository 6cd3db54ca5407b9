// export: the keys of a server, or those that fit a pattern, as a download: JSON lines, CSV, commands, or an RDB file.
import type { Sink } from '../../transfer/record/record.js';
import type { ServerAddress } from '../../transfer/link/address.js';
import { Pipeline } from '../../transfer/link/pipeline.js';
import { JsonSink } from '../../transfer/sinks/json-sink.js';
import { RdbSink } from '../../transfer/sinks/rdb-sink.js';
import { ScanSource } from '../../transfer/sources/scan-source.js';
import type { Clock } from '../../io/clock.js';
import type { NodeAddress } from '../../client/slot-map.js';
import { startingWith } from '../keys/key-scan.js';
import type { ServerLink } from '../link/server-link.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';
import type { Output } from '../../transfer/program/output.js';
import { CommandSink, CsvSink } from './text-sinks.js';

export const exportFormats = ['json', 'csv', 'commands', 'rdb'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** The version that redis-server 7.0 reads. */
const rdbVersion = 10;
const keysAtOnce = 500;

export interface ExportQuery {
  readonly format: ExportFormat;
  /** undefined: all. */
  readonly database: number | undefined;
  readonly pattern: string;
  readonly limits: readonly string[];
  /** Told how many keys went out so far. */
  readonly onKeys?: (count: number) => void;
}

/** Where an export goes; it ends when nobody wants it any more. */
export interface ExportOutput extends Output {
  readonly isGone: boolean;
}

export async function exportKeys(
  link: ServerLink,
  clock: Clock,
  query: ExportQuery,
  output: ExportOutput,
): Promise<number> {
  const sink = makeSink(query.format, clock, output);
  const { limits, pattern } = query;
  const match = pattern !== '' ? bytesOfText(pattern) : limits.length === 1 ? startingWith(limits[0]!) : undefined;
  let count = 0;
  for (const node of await link.dataNodes()) {
    const pipeline = await Pipeline.open(await addressOf(link, node));
    try {
      const source = new ScanSource(pipeline, {
        databases: query.database === undefined ? undefined : [query.database],
        match,
        count: keysAtOnce,
        nowMs: () => clock.wallMs(),
        withFunctions: false,
        isStopping: () => output.isGone,
      });
      for await (const batch of source.batches()) {
        const records = batch.records.filter(
          (record) =>
            record.what === 'key' &&
            (limits.length === 0 || limits.some((limit) => textOfBytes(record.key).startsWith(limit))),
        );
        for (const record of records)
          if (record.what === 'key' && (record.part === 'whole' || record.part === 'last')) count++;
        await sink.write({ records, sourceBytes: batch.sourceBytes });
        query.onKeys?.(count);
        if (output.isGone) return count;
      }
    } finally {
      pipeline.close();
    }
  }
  if (sink instanceof RdbSink) await sink.write({ records: [], sourceBytes: 0 });
  await sink.flush();
  await sink.close();
  return count;
}

function makeSink(format: ExportFormat, clock: Clock, output: Output): Sink {
  const nowMs = (): number => clock.wallMs();
  switch (format) {
    case 'json':
      return new JsonSink(output, { format: 'kvasir', base64: false, nowMs, onUnfit: () => undefined });
    case 'csv':
      return new CsvSink(output);
    case 'commands':
      return new CommandSink(output);
    case 'rdb':
      return new RdbSink(output, { version: rdbVersion, nowMs, compresses: true });
  }
}

export async function addressOf(link: ServerLink, node?: NodeAddress): Promise<ServerAddress> {
  const endpoint = await link.endpoint(node);
  const { user, password } = link.credentials;
  return {
    endpoint,
    user,
    password,
    database: undefined,
    name: node === undefined ? link.name : `${node.host}:${node.port}`,
  };
}
