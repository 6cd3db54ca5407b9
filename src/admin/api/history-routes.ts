// history-routes: what the monitor has kept: curves and events.
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';

const pointsMax = 5000;
const metricsMax = 20;

export function historyRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'GET', path: '/api/servers/:id/series', role: 'viewer', run: (visit) => series(admin, visit) },
    { method: 'GET', path: '/api/servers/:id/events', role: 'viewer', run: (visit) => events(admin, visit) },
  ];
}

function spanOf({ query }: Visit): { fromMs: number; toMs: number } {
  const fromMs = Number(query.get('from'));
  const toMs = Number(query.get('to'));
  if (!(fromMs >= 0 && toMs > fromMs)) throw new ApiError('bad-input', 'from and to must be milliseconds since 1970.');
  return { fromMs, toMs };
}

function series(admin: AdminContext, visit: Visit): unknown {
  const { monitor } = admin.parts;
  const entry = admin.entry(visit, visit.params.id!);
  if (monitor === undefined) return { hasHistory: false, series: {} };
  const { fromMs, toMs } = spanOf(visit);
  const stepMs = Math.max(Number(visit.query.get('step')) || 0, Math.ceil((toMs - fromMs) / pointsMax));
  const metrics = visit.query.getAll('metric').slice(0, metricsMax);
  return {
    hasHistory: true,
    series: Object.fromEntries(
      metrics.map((metric) => [metric, monitor.series(entry.id, metric, fromMs, toMs, stepMs)]),
    ),
  };
}

function events(admin: AdminContext, visit: Visit): unknown {
  const { monitor } = admin.parts;
  const entry = admin.entry(visit, visit.params.id!);
  if (monitor === undefined) return { hasHistory: false, events: [] };
  const { fromMs, toMs } = spanOf(visit);
  return { hasHistory: true, events: monitor.events(entry.id, fromMs, toMs) };
}
