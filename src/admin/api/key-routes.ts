// key-routes: the tree of keys, what is known of single keys, and estimates of what a keyspace is made of.
import { randomInt } from 'node:crypto';
import type { AdminContext } from '../admin-context.js';
import { reachesKey } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';
import type { Input } from '../input.js';
import { measure, sampleKeys } from '../keys/key-sample.js';
import { treeStep } from '../keys/key-tree.js';
import { bytesOfText } from '../text-bytes.js';

export const DATABASE_MAX = 1_000_000;
const keyTypes = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const;

export function readDatabase(input: Input): number {
  return input.integer('database', 0, DATABASE_MAX, 0);
}

export function readType(input: Input): string | undefined {
  return input.has('type') ? input.choice('type', keyTypes) : undefined;
}

export function keyRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'POST', path: '/api/servers/:id/tree', role: 'viewer', run: (visit) => tree(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/keys', role: 'viewer', run: (visit) => keys(admin, visit) },
    {
      method: 'POST',
      path: '/api/servers/:id/sample',
      role: 'viewer',
      run: (visit) => {
        const link = admin.link(visit, visit.params.id!);
        const separator = visit.input.optionalText('separator', 10) ?? ':';
        const random = (): number => randomInt(2 ** 32) / 2 ** 32;
        return sampleKeys(link, readDatabase(visit.input), separator, visit.rights.prefixes, random);
      },
    },
  ];
}

function tree(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input, rights } = visit;
  return treeStep(admin.link(visit, visit.params.id!), admin.parts.clock, {
    database: readDatabase(input),
    prefix: input.optionalText('prefix') ?? '',
    separator: input.optionalText('separator', 10) ?? ':',
    pattern: input.optionalText('pattern') ?? '',
    type: readType(input),
    position: input.optionalText('position', 40) ?? '',
    limits: rights.prefixes,
  });
}

/** Type, size and time to live of keys that the page shows. */
async function keys(admin: AdminContext, visit: Visit): Promise<unknown> {
  const names = visit.input.texts('keys', 200);
  if (names.some((name) => !reachesKey(visit.rights, name)))
    throw new ApiError('forbidden', 'These are not your keys.');
  const link = admin.link(visit, visit.params.id!);
  return { keys: await measure(link, readDatabase(visit.input), names.map(bytesOfText)) };
}
