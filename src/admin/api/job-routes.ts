// job-routes: starts searches, bulk changes and previews; shows how far jobs are, and cancels them.
import type { AdminContext } from '../admin-context.js';
import { hasRole, reachesKey } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';
import type { Input } from '../input.js';
import { type Change, runBulk } from '../jobs/bulk-job.js';
import { jobJson } from '../jobs/jobs.js';
import { type Conditions, searchKeys } from '../jobs/key-search.js';
import type { SampledKey } from '../keys/key-sample.js';
import { textOfBytes } from '../text-bytes.js';
import { DATABASE_MAX, readDatabase, readType } from './key-routes.js';

const foundMax = 10_000;
const previewKeys = 100;

export function jobRoutes(admin: AdminContext): Route[] {
  const { jobs } = admin.parts;
  return [
    {
      method: 'GET',
      path: '/api/jobs',
      role: 'viewer',
      run: ({ rights }) => ({
        jobs: jobs.of(rights.name).map((job) => ({ ...jobJson(job), lines: [], result: undefined })),
      }),
    },
    {
      method: 'GET',
      path: '/api/jobs/:job',
      role: 'viewer',
      run: ({ rights, params, query }) =>
        jobJson(jobs.find(params.job!, rights.name), Number(query.get('from') ?? 0) || 0),
    },
    {
      method: 'POST',
      path: '/api/jobs/:job/cancel',
      role: 'viewer',
      run: ({ rights, params }) => {
        jobs.find(params.job!, rights.name).isCancelled = true;
        return {};
      },
    },
    { method: 'POST', path: '/api/servers/:id/search', role: 'viewer', run: (visit) => search(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/bulk', role: 'editor', run: (visit) => bulk(admin, visit) },
  ];
}

function readConditions({ input, rights }: Visit): Conditions {
  return {
    database: readDatabase(input),
    pattern: input.optionalText('pattern', 10_000) ?? '',
    type: readType(input),
    bytesMin: input.integer('bytesMin', 0, Number.MAX_SAFE_INTEGER, 0),
    ttl: input.has('ttl') ? input.choice('ttl', ['with', 'without']) : undefined,
    ttlSecondsMax: input.has('ttlSecondsMax') ? input.integer('ttlSecondsMax', 1, 1e10) : undefined,
    contains: input.optionalText('contains', 10_000) ?? '',
    limits: rights.prefixes,
  };
}

/** Finds keys: up to 10,000 are kept, or the first hundred; all are counted, and the end has the token of a preview. */
function search(admin: AdminContext, visit: Visit): unknown {
  const link = admin.link(visit, visit.params.id!);
  const conditions = readConditions(visit);
  const { previews } = admin.parts;
  const kept = visit.input.flag('preview') ? previewKeys : foundMax;
  const title = conditions.pattern === '' ? '*' : conditions.pattern;
  const job = admin.parts.jobs.start(
    { owner: visit.rights.name, serverId: link.entry.id, kind: 'search', title },
    async (running) => {
      const keys: string[] = [];
      const measured: SampledKey[] = [];
      await searchKeys(link, admin.parts.clock, conditions, running, (found, about) => {
        for (const [index, key] of found.entries()) {
          if (keys.length >= kept) break;
          keys.push(textOfBytes(key));
          if (about !== undefined) measured.push(about[index]!);
        }
        running.result = { keys, measured, isCut: running.matched > keys.length };
        return true;
      });
      const { matched } = running;
      const token = running.isCancelled
        ? undefined
        : previews.add(visit.rights.name, link.entry.id, conditions, matched);
      running.result = { keys, measured, isCut: matched > keys.length, preview: token };
    },
  );
  return { job: job.id };
}

async function bulk(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input, rights } = visit;
  const link = admin.link(visit, visit.params.id!);
  await admin.requireWritable(visit, link);
  const conditions = readConditions(visit);
  const change = await readChange(admin, visit, input);
  if (change.kind === 'delete')
    admin.checkTyped(link.entry, 'This deletes many keys', input.optionalText('confirm', 200));
  const preview = input.optionalText('preview', 100);
  const count = admin.parts.previews.find(preview, rights.name, link.entry.id, conditions);
  const title = `${change.kind} ${conditions.pattern === '' ? '*' : conditions.pattern}`;
  const detail = JSON.stringify({
    ...conditions,
    limits: undefined,
    ...(change.kind === 'copy' ? { to: change.target.name, toDatabase: change.database } : change),
  });
  admin.parts.previews.use(preview!);
  admin.record(visit, link.entry, `bulk ${change.kind}`, 'started', { detail });
  const job = admin.parts.jobs.start(
    {
      owner: rights.name,
      serverId: link.entry.id,
      kind: `bulk ${change.kind}`,
      title,
      onEnd: (ended) =>
        admin.record(visit, link.entry, `bulk ${change.kind}`, ended.message ?? ended.state, {
          detail: `${JSON.stringify(ended.result ?? {})} errors: ${ended.errors}`,
        }),
    },
    (running) => runBulk(link, admin.parts.clock, conditions, change, count, running),
  );
  return { job: job.id };
}

async function readChange(admin: AdminContext, visit: Visit, input: Input): Promise<Change> {
  const kind = input.choice('change', ['delete', 'expire', 'persist', 'rename', 'copy']);
  if (kind === 'expire') return { kind, seconds: input.integer('seconds', 1, 1e10) };
  if (kind === 'rename') {
    const from = input.text('from', { max: 10_000 });
    const to = input.text('to', { max: 10_000 });
    if (from === to) throw new ApiError('bad-input', 'The new prefix is the old one.');
    if (!reachesKey(visit.rights, to))
      throw new ApiError('forbidden', `Your keys begin with ${visit.rights.prefixes.join(', ')}.`);
    // SCAN would find a renamed key again if its new name fits the pattern too; a longer prefix would grow for ever.
    if (to.startsWith(from)) throw new ApiError('bad-input', 'The new prefix must not begin with the old one.');
    return { kind, from, to, replaces: input.flag('replaces') };
  }
  if (kind !== 'copy') return { kind };
  if (!hasRole(visit.rights.role, 'editor')) throw new ApiError('forbidden', 'This needs the role editor.');
  const target = admin.link(visit, input.text('target', { max: 64 }));
  await admin.requireWritable(visit, target);
  const database = input.integer('targetDatabase', 0, DATABASE_MAX, 0);
  if (target.entry.id === visit.params.id && database === readDatabase(input))
    throw new ApiError('bad-input', 'The target is the source.');
  return { kind, target, database, replaces: input.flag('replaces') };
}
