// key-sizes: types and sizes of a batch of keys, pipelined.
import { isError, replyText } from '../../client/reply.js';
import { Exit } from '../exit.js';
import type { Session } from '../session.js';
import { keyText } from './scan-keys.js';
import { callAll } from './server-call.js';

export interface TypeTotals {
  readonly name: string;
  /** The command that tells the size; undefined for the types of modules, of which only the memory is known. */
  readonly sizeCommand: string | undefined;
  readonly unit: string;
  count: number;
  totalSize: number;
  biggest: number;
  biggestKey: string | undefined;
}

/** Totals for every type, in the order in which redis-cli lists them. */
export class TypeTable {
  private readonly types = new Map<string, TypeTotals>();

  constructor() {
    this.add('list', 'LLEN', 'items');
    this.add('hash', 'HLEN', 'fields');
    this.add('string', 'STRLEN', 'bytes');
    this.add('stream', 'XLEN', 'entries');
    this.add('set', 'SCARD', 'members');
    this.add('zset', 'ZCARD', 'members');
  }

  get all(): Iterable<TypeTotals> {
    return this.types.values();
  }

  get(name: string): TypeTotals {
    return this.types.get(name) ?? this.add(name, undefined, '?');
  }

  private add(name: string, sizeCommand: string | undefined, unit: string): TypeTotals {
    const totals = { name, sizeCommand, unit, count: 0, totalSize: 0, biggest: 0, biggestKey: undefined };
    this.types.set(name, totals);
    return totals;
  }
}

/** The type of each key; undefined for one that has gone since. */
export async function readTypes(session: Session, keys: readonly Uint8Array[]): Promise<(string | undefined)[]> {
  const replies = await callAll(
    session,
    keys.map((key) => ['TYPE', key]),
  );
  return replies.map((reply, index) => {
    if (reply.kind === 'status') {
      const name = replyText(reply);
      return name === 'none' ? undefined : name;
    }
    const message = isError(reply)
      ? `TYPE returned an error: ${replyText(reply)}`
      : `Invalid reply type (${reply.kind}) for TYPE on key '${keyText(keys[index]!)}'!`;
    session.console.complainBytes(`${message}\n`);
    throw new Exit(1);
  });
}

/** The number of elements of each key; 0 where it cannot be told. */
export async function readLengths(
  session: Session,
  keys: readonly Uint8Array[],
  types: readonly (TypeTotals | undefined)[],
): Promise<number[]> {
  return readSizes(
    session,
    keys,
    types.map((type) => type?.sizeCommand),
    (command, key) => [command, key],
  );
}

/** The bytes of memory of each key. */
export async function readMemory(
  session: Session,
  keys: readonly Uint8Array[],
  types: readonly (TypeTotals | undefined)[],
  samples: number | undefined,
): Promise<number[]> {
  const sampling = samples === undefined ? [] : ['SAMPLES', String(samples)];
  const commands = types.map((type) => (type === undefined ? undefined : 'MEMORY USAGE'));
  return readSizes(session, keys, commands, (_command, key) => ['MEMORY', 'USAGE', key, ...sampling]);
}

async function readSizes(
  session: Session,
  keys: readonly Uint8Array[],
  names: readonly (string | undefined)[],
  command: (name: string, key: Uint8Array) => (string | Uint8Array)[],
): Promise<number[]> {
  const asked = keys.flatMap((key, index) => (names[index] === undefined ? [] : [command(names[index], key)]));
  const replies = await callAll(session, asked);
  let next = 0;
  return keys.map((key, index) => {
    if (names[index] === undefined) return 0;
    const reply = replies[next++]!;
    if (reply.kind === 'integer') return Number(reply.value);
    session.console.complainBytes(`Warning:  ${names[index]} on '${keyText(key)}' failed (may have changed type)\n`);
    return 0;
  });
}
