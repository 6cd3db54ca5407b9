// sweep: finds what Redis has in the keys of a mapping and no row put there, and removes it.

import { replyText, type Reply } from '../../client/reply.js';
import { elementsOf, listOf } from '../../transfer/link/replies.js';
import type { MappingTarget } from '../config/sync-config.js';
import type { Command } from '../mapping/effects.js';
import type { PlacedCommand, RedisTarget } from '../target/redis-target.js';
import { type KeyOwners, templatePattern } from './key-owner.js';
import type { Wanted } from './snapshotter.js';
import type { TablePlan } from './table-plan.js';

export interface Leftover {
  readonly key: Uint8Array;
  /** The member or field; undefined for the whole key. */
  readonly part: Uint8Array | undefined;
  readonly removal: readonly (string | Uint8Array)[];
}

const typeOfKind: Readonly<Record<MappingTarget['kind'], string>> = {
  hash: 'hash',
  json: 'string',
  string: 'string',
  field: 'hash',
  set: 'set',
  zset: 'zset',
  list: 'list',
  stream: 'stream',
};

const CHUNK = 500;

/** The unwanted keys and members that Redis has for a target. */
export async function* leftoversOf(
  plan: TablePlan,
  target: MappingTarget,
  wanted: Wanted,
  owners: KeyOwners,
  redis: RedisTarget,
): AsyncGenerator<Leftover> {
  if (target.kind === 'stream') return;
  for await (const found of redis.scan(target.key.glob)) {
    const keys = found.filter((key) => owners.owns(target, key));
    for (let at = 0; at < keys.length; at += CHUNK) {
      const chunk = keys.slice(at, at + CHUNK);
      const isWhole =
        target.kind === 'hash' || target.kind === 'json' || target.kind === 'string' || target.kind === 'list';
      const candidates = isWhole ? chunk.filter((key) => !wanted.keys.has(key)) : chunk;
      const types = await redis.read(candidates.map((key): Command => ({ key, words: ['TYPE', key] })));
      for (const [index, key] of candidates.entries()) {
        if (replyText(types[index]) !== typeOfKind[target.kind]) continue;
        if (target.kind === 'hash' && target.isShared) continue;
        if (isWhole) yield { key, part: undefined, removal: ['DEL', key] };
        else yield* partsOf(plan, target, key, wanted, redis);
      }
    }
  }
}

async function* partsOf(
  plan: TablePlan,
  target: MappingTarget,
  key: Uint8Array,
  wanted: Wanted,
  redis: RedisTarget,
): AsyncGenerator<Leftover> {
  const [scan, remove, step] =
    target.kind === 'set' ? ['SSCAN', 'SREM', 1] : target.kind === 'zset' ? ['ZSCAN', 'ZREM', 2] : ['HSCAN', 'HDEL', 2];
  const fields = target.kind === 'field' ? templatePattern(target.field, plan) : undefined;
  let cursor = '0';
  do {
    const [reply] = await redis.read([{ key, words: [scan as string, key, cursor, 'COUNT', '1000'] }]);
    const [next, list] = elementsOf(reply as Reply);
    cursor = replyText(next);
    const members = listOf(list);
    for (let index = 0; index < members.length; index += step as number) {
      const part = members[index]!;
      if (fields !== undefined && !fields.test(Buffer.from(part).toString('latin1'))) continue;
      if (!wanted.parts.has(key, part)) yield { key, part, removal: [remove as string, key, part] };
    }
  } while (cursor !== '0' && cursor !== '');
}

/** Removes them; returns how many there were. */
export async function sweep(
  plan: TablePlan,
  wanted: ReadonlyMap<MappingTarget, Wanted>,
  owners: KeyOwners,
  redis: RedisTarget,
): Promise<number> {
  let count = 0;
  let commands: PlacedCommand[] = [];
  const send = async (): Promise<void> => {
    if (commands.length > 0) await redis.apply({ commands, state: new Map(), mark: undefined });
    commands = [];
  };
  for (const target of plan.config.targets) {
    for await (const { key, removal } of leftoversOf(plan, target, wanted.get(target)!, owners, redis)) {
      count++;
      commands.push({ key, words: removal });
      if (commands.length >= CHUNK) await send();
    }
  }
  await send();
  return count;
}
