// flush-routes: flushes that can be undone: the flush with its copy, and the undo while the copy exists.
import { hasRole, refuseLimited } from '../access/roles.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import { importKeys } from '../exchange/import.js';
import type { Route, Visit } from '../http/route.js';
import { runFlush } from '../jobs/flush-job.js';
import type { Job } from '../jobs/jobs.js';
import { COPY_KEPT_MS } from '../store/flush-copies.js';
import { DATABASE_MAX } from './key-routes.js';

export function flushRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'POST', path: '/api/servers/:id/flush', role: 'operator', run: (visit) => flush(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/undo', role: 'operator', run: (visit) => undo(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/undo/drop', role: 'operator', run: (visit) => drop(admin, visit) },
  ];
}

/** The undo that the page offers; undefined for people who may not run it. */
export function shownUndo(admin: AdminContext, { rights, params }: Visit): unknown {
  const copy = admin.parts.copies.find(params.id!);
  if (copy === undefined || !hasRole(rights.role, 'operator') || rights.prefixes.length > 0) return undefined;
  const { what, keys, bytes, atMs } = copy;
  return { what, keys, bytes, atMs, untilMs: atMs + COPY_KEPT_MS };
}

async function flush(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input, rights } = visit;
  const link = admin.link(visit, visit.params.id!);
  const database = input.has('onlyDatabase') ? input.integer('onlyDatabase', 0, DATABASE_MAX) : undefined;
  const command = [Buffer.from(database === undefined ? 'FLUSHALL' : 'FLUSHDB')];
  const meaning = await admin.check(visit, link, command, input.optionalText('confirm', 200), false);
  refuseSecond(admin, link.entry.id);
  const keepsCopy = !input.flag('withoutCopy');
  const { clock, copies, jobs } = admin.parts;
  const title = database === undefined ? 'FLUSHALL' : `FLUSHDB ${database}`;
  admin.record(visit, link.entry, meaning.name, 'started', { detail: keepsCopy ? `${title}, with a copy` : title });
  const job = jobs.start(
    {
      owner: rights.name,
      serverId: link.entry.id,
      kind: 'flush',
      title,
      onEnd: (ended) => admin.record(visit, link.entry, meaning.name, outcomeOf(ended)),
    },
    (running) => runFlush(link, clock, copies, { database, keepsCopy }, running),
  );
  return { job: job.id };
}

async function undo(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { rights } = visit;
  const link = admin.link(visit, visit.params.id!);
  const { id } = link.entry;
  refuseLimited(visit);
  await admin.requireWritable(visit, link);
  refuseSecond(admin, id);
  const { clock, copies, jobs } = admin.parts;
  const copy = copies.find(id);
  if (copy === undefined) throw new ApiError('not-found', 'There is no flush that could be undone.');
  admin.record(visit, link.entry, 'undo flush', 'started', { detail: copy.what });
  const job = jobs.start(
    {
      owner: rights.name,
      serverId: id,
      kind: 'undo',
      title: copy.what,
      onEnd: (ended) => {
        // An undo that failed in part can be tried again: existing keys stay as they are.
        if (ended.state === 'done' && ended.errors === 0) copies.drop(id);
        admin.record(visit, link.entry, 'undo flush', outcomeOf(ended), { detail: copy.what });
      },
    },
    (running) =>
      importKeys(
        link,
        clock,
        { path: copies.pathOf(copy), format: 'json', mode: 'skip', database: undefined, reaches: () => true },
        running,
      ),
  );
  return { job: job.id };
}

function drop(admin: AdminContext, visit: Visit): unknown {
  const entry = admin.entry(visit, visit.params.id!);
  refuseLimited(visit);
  refuseSecond(admin, entry.id);
  admin.parts.copies.drop(entry.id);
  admin.record(visit, entry, 'drop undo copy', 'ok');
  return {};
}

/** A flush and an undo of the same server would undo each other. */
function refuseSecond(admin: AdminContext, serverId: string): void {
  if (admin.parts.jobs.isRunning(serverId, ['flush', 'undo']))
    throw new ApiError('conflict', 'A flush or an undo of this server is under way.');
}

function outcomeOf(ended: Job): string {
  return `${ended.message ?? ended.state}${ended.errors > 0 ? `, errors: ${ended.errors}` : ''}`;
}
