// statistics: what an RDB file holds: memory by type, encoding and prefix, times to live, the biggest keys.

import { latin1 } from '../../base/bytes.js';
import { escape } from '../../base/quoting.js';
import { humanBytes } from '../program/progress.js';
import { valueOf } from '../record/decode.js';
import { type KeyRecord, NO_EXPIRY, type TransferRecord } from '../record/record.js';
import { elementCount, kindName } from '../record/values.js';
import { encodingOf, keyOverhead, longestElement, valueBytes } from './memory.js';

interface Group {
  keys: number;
  bytes: number;
  elements: number;
}

export interface BigKey {
  readonly database: number;
  readonly key: string;
  readonly type: string;
  readonly encoding: string;
  readonly bytes: number;
  readonly elements: number;
}

/** More prefixes than that are put together as `...`. */
const PREFIXES_MAX = 10_000;
const ttlSteps: readonly (readonly [string, number])[] = [
  ['expired', 0],
  ['< 1 minute', 60],
  ['< 1 hour', 3600],
  ['< 1 day', 86_400],
  ['< 1 week', 604_800],
  ['< 30 days', 2_592_000],
  ['30 days or more', Infinity],
];

/** A line of the CSV report, with the columns of rdb-tools. */
export const CSV_HEADER = 'database,type,key,size_in_bytes,encoding,num_elements,len_largest_element,expiry\n';

const csvTypes: Readonly<Record<string, string>> = { zset: 'sortedset' };

function csvText(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export class RdbStatistics {
  keys = 0;
  bytes = 0;
  functions = 0;
  readonly types = new Map<string, Group>();
  readonly encodings = new Map<string, Group>();
  readonly prefixes = new Map<string, Group>();
  readonly databases = new Map<string, Group>();
  readonly ttl = new Map<string, number>();
  readonly biggest: BigKey[] = [];
  readonly aux: Record<string, string> = {};
  private pending: { head: KeyRecord; bytes: number; elements: number; longest: number; encoding: string } | undefined;

  constructor(
    private readonly options: {
      readonly nowMs: number;
      readonly separator: string;
      readonly depth: number;
      readonly top: number;
      /** Gets the lines of the CSV report. */
      readonly csv?: ((line: string) => void) | undefined;
    },
  ) {}

  take(record: TransferRecord): void {
    if (record.what === 'aux') this.aux[record.name] = record.text;
    if (record.what === 'function') this.functions++;
    if (record.what !== 'key') return;
    const value = valueOf(record);
    const isFirst = record.part === 'whole' || record.part === 'first';
    if (isFirst)
      this.pending = {
        head: record,
        bytes: keyOverhead(record.key.length, record.expireAtMs !== NO_EXPIRY),
        elements: 0,
        longest: 0,
        encoding: encodingOf(record, value),
      };
    const { pending } = this;
    if (pending === undefined) return;
    pending.bytes += valueBytes(record, value);
    pending.elements += elementCount(value);
    pending.longest = Math.max(pending.longest, longestElement(value));
    // Values are only looked at once.
    record.value = undefined;
    if (record.part === 'whole' || record.part === 'last') this.finish();
  }

  private finish(): void {
    const { head, bytes: exact, elements, longest, encoding } = this.pending!;
    this.pending = undefined;
    const bytes = Math.round(exact);
    const type = kindName(head.kind);
    const key = latin1(head.key);
    this.keys++;
    this.bytes += bytes;
    for (const [groups, name] of [
      [this.types, type],
      [this.encodings, `${type} ${encoding}`],
      [this.databases, String(head.database)],
      [this.prefixes, this.prefixOf(key)],
    ] as const)
      add(groups, name, bytes, elements);
    const ttl = this.ttlName(head.expireAtMs);
    this.ttl.set(ttl, (this.ttl.get(ttl) ?? 0) + 1);
    this.note({ database: head.database, key: escape(key), type, encoding, bytes, elements });
    if (this.options.csv === undefined) return;
    const expiry = head.expireAtMs === NO_EXPIRY ? '' : new Date(head.expireAtMs).toISOString().replace('Z', '');
    this.options.csv(
      `${head.database},${csvTypes[type] ?? type},${csvText(escape(key))},${bytes},${encoding},${elements},${longest},${expiry}\n`,
    );
  }

  private prefixOf(key: string): string {
    const { separator, depth } = this.options;
    let at = -1;
    for (let level = 0; level < depth; level++) {
      const next = key.indexOf(separator, at + 1);
      if (next < 0) break;
      at = next;
    }
    const name = at < 0 ? '(no prefix)' : `${escape(key.slice(0, at))}${separator}*`;
    return this.prefixes.has(name) || this.prefixes.size < PREFIXES_MAX ? name : '...';
  }

  private ttlName(expireAtMs: number): string {
    if (expireAtMs === NO_EXPIRY) return 'none';
    const seconds = (expireAtMs - this.options.nowMs) / 1000;
    return ttlSteps.find(([, limit]) => seconds < limit || (limit === 0 && seconds <= 0))?.[0] ?? 'none';
  }

  private note(key: BigKey): void {
    const { biggest } = this;
    const { top } = this.options;
    if (top <= 0) return;
    if (biggest.length >= top && key.bytes <= biggest[biggest.length - 1]!.bytes) return;
    let at = biggest.length;
    while (at > 0 && biggest[at - 1]!.bytes < key.bytes) at--;
    biggest.splice(at, 0, key);
    if (biggest.length > top) biggest.pop();
  }

  toJson(): Record<string, unknown> {
    const plain = (groups: Map<string, Group>): Record<string, Group> => Object.fromEntries(sorted(groups));
    return {
      keys: this.keys,
      bytes: this.bytes,
      functions: this.functions,
      aux: this.aux,
      databases: plain(this.databases),
      types: plain(this.types),
      encodings: plain(this.encodings),
      prefixes: plain(this.prefixes),
      ttl: Object.fromEntries(this.ttl),
      biggest: this.biggest,
    };
  }

  toText(prefixesShown: number): string {
    const lines = [`${this.keys} keys, about ${humanBytes(this.bytes)} in redis-server`];
    if (this.functions > 0) lines.push(`${this.functions} function libraries`);
    const section = (title: string, groups: Map<string, Group>, most = Infinity): void => {
      lines.push('', `${title.padEnd(34)} ${'keys'.padStart(12)} ${'elements'.padStart(14)} ${'memory'.padStart(10)}`);
      for (const [name, group] of sorted(groups).slice(0, most))
        lines.push(
          `${name.padEnd(34)} ${String(group.keys).padStart(12)} ${String(group.elements).padStart(14)} ${humanBytes(group.bytes).padStart(10)}`,
        );
    };
    section('type', this.types);
    section('encoding', this.encodings);
    section('database', this.databases);
    section('prefix', this.prefixes, prefixesShown);
    lines.push('', `${'time to live'.padEnd(34)} ${'keys'.padStart(12)}`);
    for (const name of ['none', ...ttlSteps.map(([step]) => step)])
      if (this.ttl.has(name)) lines.push(`${name.padEnd(34)} ${String(this.ttl.get(name)).padStart(12)}`);
    lines.push('', 'biggest keys');
    for (const { database, key, type, encoding, bytes, elements } of this.biggest)
      lines.push(
        `${humanBytes(bytes).padStart(10)}  db ${database}  ${key}  (${type}, ${encoding}, ${elements} elements)`,
      );
    return `${lines.join('\n')}\n`;
  }
}

function sorted(groups: Map<string, Group>): [string, Group][] {
  return [...groups].sort((a, b) => b[1].bytes - a[1].bytes || (a[0] < b[0] ? -1 : 1));
}

function add(groups: Map<string, Group>, name: string, bytes: number, elements: number): void {
  const group = groups.get(name) ?? { keys: 0, bytes: 0, elements: 0 };
  group.keys++;
  group.bytes += bytes;
  group.elements += elements;
  groups.set(name, group);
}
