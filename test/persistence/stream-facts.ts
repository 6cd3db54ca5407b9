// stream-facts: what XINFO STREAM FULL tells of a stream, as far as it does not depend on who is asked and when.

import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText, type Reply } from '../../src/client/reply.js';

type Told = string | readonly Told[];

export interface GroupFacts {
  readonly figures: readonly string[];
  /** id, consumer, time of delivery, count of deliveries. */
  readonly pending: readonly (readonly string[])[];
  readonly consumers: readonly string[];
}

export interface StreamFacts {
  readonly figures: readonly string[];
  readonly entries: readonly string[];
  readonly groups: readonly GroupFacts[];
}

function told(reply: Reply): Told {
  return isAggregate(reply) ? reply.elements.map(told) : reply.kind === 'nil' ? 'nil' : replyText(reply);
}

function fieldOf(pairs: Told, name: string): Told {
  const found = (pairs as readonly Told[]).indexOf(name);
  if (found < 0) throw new Error(`there is no ${name} in ${JSON.stringify(pairs)}`);
  return pairs[found + 1]!;
}

/** The facts of a stream; undefined where there is none. */
async function factsOf(connection: Connection, key: string): Promise<StreamFacts | undefined> {
  const reply = told(await connection.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'));
  if (typeof reply === 'string') return undefined;
  const figures = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id'];
  const groups = fieldOf(reply, 'groups') as readonly Told[];
  return {
    figures: figures.map((name) => `${name} ${String(fieldOf(reply, name))}`),
    entries: (fieldOf(reply, 'entries') as readonly Told[]).map((entry) => JSON.stringify(entry)),
    groups: groups.map((group) => ({
      figures: ['name', 'last-delivered-id', 'entries-read', 'lag'].map(
        (name) => `${name} ${String(fieldOf(group, name))}`,
      ),
      pending: (fieldOf(group, 'pending') as readonly (readonly Told[])[]).map((entry) => entry.map(String)),
      consumers: (fieldOf(group, 'consumers') as readonly Told[]).map((consumer) => String(fieldOf(consumer, 'name'))),
    })),
  };
}

export async function streamFacts(port: number, keys: readonly string[]): Promise<(StreamFacts | undefined)[]> {
  const connection = await Connection.open({ host: '127.0.0.1', port });
  try {
    const facts: (StreamFacts | undefined)[] = [];
    for (const key of keys) facts.push(await factsOf(connection, key));
    return facts;
  } finally {
    connection.close();
  }
}

/** Without pending entries whose entry is deleted: they cannot be claimed, so a rewritten AOF has none. */
export function withoutLostPending(facts: StreamFacts | undefined): StreamFacts | undefined {
  if (facts === undefined) return undefined;
  const ids = new Set(facts.entries.map((entry) => (JSON.parse(entry) as [string])[0]));
  const groups = facts.groups.map((group) => ({ ...group, pending: group.pending.filter(([id]) => ids.has(id!)) }));
  return { ...facts, groups };
}

/**
 * Without what versions see otherwise: the lag of a group whose last entry was trimmed, which Redis estimated before 7.4, and consumers
 * without pending entries, which an XCLAIM that claims nothing makes since 7.2.
 */
export function sharedFacts(facts: StreamFacts | undefined): StreamFacts | undefined {
  if (facts === undefined) return undefined;
  const groups = facts.groups.map(({ figures, pending, consumers }) => ({
    figures: figures.filter((figure) => !figure.startsWith('lag ')),
    pending,
    consumers: consumers.filter((name) => pending.some(([, owner]) => owner === name)),
  }));
  return { ...facts, groups };
}
