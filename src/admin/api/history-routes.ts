// history-routes: what the monitor keeps: curves, events, and alerts with their rules.
import { AlertError, eventKinds } from '../../monitor/alerts/rule.js';
import { figures } from '../../monitor/figures.js';
import type { Monitor } from '../../monitor/monitor.js';
import { reachesServer, refuseLimited } from '../access/roles.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';

const pointsMax = 5000;
const metricsMax = 40;
/** The last moment that a Date has. */
const dateMsMax = 8.64e15;
const silenceMsMax = 30 * 86_400_000;

export function historyRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'GET', path: '/api/servers/:id/series', role: 'viewer', run: (visit) => series(admin, visit) },
    { method: 'GET', path: '/api/servers/:id/events', role: 'viewer', run: (visit) => events(admin, visit) },
    { method: 'GET', path: '/api/alerts', role: 'viewer', run: (visit) => alerts(admin, visit) },
    { method: 'GET', path: '/api/alerts/vocabulary', role: 'viewer', run: vocabulary },
    {
      method: 'POST',
      path: '/api/alerts/silence',
      role: 'operator',
      run: (visit) =>
        change(admin, visit, 'silence alert', ({ alerts: all }) => {
          const { input, rights } = visit;
          const rule = input.text('rule', { max: 100 });
          const target = input.optionalText('target', 64) ?? '';
          refuseFurther(admin, visit, target);
          all.silence({
            rule,
            target,
            forMs: input.integer('forMs', 1000, silenceMsMax),
            by: rights.name,
          });
          return rule;
        }),
    },
    {
      method: 'POST',
      path: '/api/alerts/silences/:silence/end',
      role: 'operator',
      run: (visit) =>
        change(admin, visit, 'end silence', ({ alerts: all }) => {
          const ended = all.silences.find(({ id }) => id === visit.params.silence);
          if (ended !== undefined) refuseFurther(admin, visit, ended.target);
          all.endSilence(visit.params.silence!);
          return visit.params.silence!;
        }),
    },
    {
      method: 'POST',
      path: '/api/alerts/rules',
      role: 'admin',
      run: (visit) =>
        change(admin, visit, 'set alert rule', ({ alerts: all }) => all.setRule(visit.input.value('rule')).name),
    },
    {
      method: 'POST',
      path: '/api/alerts/rules/:rule/delete',
      role: 'admin',
      run: (visit) =>
        change(admin, visit, 'delete alert rule', ({ alerts: all }) => {
          all.removeRule(visit.params.rule!);
          return visit.params.rule!;
        }),
    },
    {
      method: 'POST',
      path: '/api/alerts/channels',
      role: 'admin',
      run: (visit) =>
        change(admin, visit, 'set alert channel', ({ alerts: all }) => {
          const channel = visit.input.value('channel');
          // An admin of the page is not yet somebody who may run programs on this machine.
          if ((channel as { type?: unknown } | undefined)?.type === 'command')
            throw new ApiError(
              'forbidden',
              'A channel that runs a program is written into monitor/alerts.json by hand.',
            );
          return all.setChannel(channel).id;
        }),
    },
    {
      method: 'POST',
      path: '/api/alerts/channels/:channel/delete',
      role: 'admin',
      run: (visit) =>
        change(admin, visit, 'delete alert channel', ({ alerts: all }) => {
          all.removeChannel(visit.params.channel!);
          return visit.params.channel!;
        }),
    },
    {
      method: 'POST',
      path: '/api/alerts/channels/:channel/test',
      role: 'admin',
      run: (visit) => monitorOf(admin).alerts.test(visit.params.channel!),
    },
  ];
}

function monitorOf(admin: AdminContext): Monitor {
  const { monitor } = admin.parts;
  if (monitor === undefined) throw new ApiError('conflict', 'This program keeps no history.');
  return monitor;
}

function spanOf({ query }: Visit): { fromMs: number; toMs: number } {
  const fromMs = Number(query.get('from'));
  const toMs = Number(query.get('to'));
  if (!(fromMs >= 0 && toMs > fromMs && toMs <= dateMsMax))
    throw new ApiError('bad-input', 'from and to must be milliseconds since 1970.');
  return { fromMs, toMs };
}

async function series(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { monitor } = admin.parts;
  const entry = admin.entry(visit, visit.params.id!);
  if (monitor === undefined) return { hasHistory: false, series: {} };
  const { fromMs, toMs } = spanOf(visit);
  const stepMs = Math.max(Number(visit.query.get('step')) || 0, Math.ceil((toMs - fromMs) / pointsMax));
  const metrics = visit.query.getAll('metric').slice(0, metricsMax);
  const found = await Promise.all(metrics.map((metric) => monitor.series(entry.id, metric, fromMs, toMs, stepMs)));
  return { hasHistory: true, series: Object.fromEntries(metrics.map((metric, index) => [metric, found[index]])) };
}

function events(admin: AdminContext, visit: Visit): unknown {
  const { monitor } = admin.parts;
  const entry = admin.entry(visit, visit.params.id!);
  if (monitor === undefined) return { hasHistory: false, events: [] };
  const { fromMs, toMs } = spanOf(visit);
  return { hasHistory: true, events: monitor.events(entry.id, fromMs, toMs) };
}

/** The figures that rules may be about. */
function vocabulary(): unknown {
  return { figures: figures.map(({ name, unit, help }) => ({ name, unit, help })), events: [...eventKinds] };
}

/** Channels without their addresses, which are often secrets. */
function alerts(admin: AdminContext, { rights }: Visit): unknown {
  const { alerts: all } = monitorOf(admin);
  return {
    current: all.current().filter(({ target }) => reachesServer(rights, target)),
    rules: all.rules,
    channels: all.channels.map(({ id, name, type }) => ({ id, name, type })),
    silences: all.silences.filter(({ target }) => target === '' || reachesServer(rights, target)),
  };
}

/** A silence of all servers, which has no target, is for people who reach them all. */
function refuseFurther(admin: AdminContext, visit: Visit, target: string): void {
  if (target !== '') admin.entry(visit, target);
  else if (!visit.rights.servers.includes('*'))
    throw new ApiError('forbidden', 'Your rights are limited to some servers: name one of them.');
}

function change(admin: AdminContext, visit: Visit, action: string, run: (monitor: Monitor) => string): unknown {
  refuseLimited(visit);
  try {
    const detail = run(monitorOf(admin));
    admin.record(visit, undefined, action, 'ok', { detail });
    return {};
  } catch (error) {
    throw error instanceof AlertError ? new ApiError('bad-input', error.message) : error;
  }
}
