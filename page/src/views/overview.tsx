// overview: a server at a glance: the figures that matter, curves while the page is open, and all of INFO.
import { useEffect, useRef, useState } from 'preact/hooks';
import { shownStart } from '../base/bytes.js';
import { brief, bytes, count, duration, percent } from '../base/format.js';
import { t } from '../base/i18n.js';
import { Chart, type Curve } from '../base/chart.js';
import { infoNumber, infoSections, infoText } from './about.js';
import type { ViewProps } from './server-page.js';

const pointsMax = 720;
/** Characters of a field of INFO. */
const fieldMax = 2000;

interface Point {
  readonly atMs: number;
  readonly ops: number;
  readonly memory: number;
  readonly clients: number;
  readonly hits: number;
  readonly cpu: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

export function OverviewView({ about, server }: ViewProps) {
  const { info } = about;
  const points = usePoints(server.id, info);
  const [filter, setFilter] = useState('');
  const number = (name: string): number => infoNumber(info, name);
  const keys = about.databases.reduce((sum, one) => sum + one.keys, 0);
  const hits = number('keyspace_hits');
  const misses = number('keyspace_misses');
  const maxmemory = number('maxmemory');
  const last = points.at(-1);
  const wanted = filter.trim().toLowerCase();
  const sections = infoSections(info)
    .map(
      ([name, fields]) =>
        [
          name,
          fields.filter(([field, value]) => wanted === '' || `${field} ${value}`.toLowerCase().includes(wanted)),
        ] as const,
    )
    .filter(([, fields]) => fields.length > 0);
  const isServer = about.kind === 'standalone' || about.kind === 'cluster';
  return (
    <div class="stack">
      {about.kind === 'cluster' && (
        <p class="muted small">{t('Figures of one node; the page Cluster has those of all.')}</p>
      )}
      <div class="cards">
        {isServer && (
          <Card
            label={t('Keys')}
            value={count(keys)}
            more={`${t('{n} with a time to live', { n: brief(expiring(info)) })}`}
          />
        )}
        {isServer && (
          <Card
            label={t('Memory')}
            value={bytes(number('used_memory'))}
            more={
              maxmemory > 0
                ? t('{share} of {limit}', {
                    share: percent(number('used_memory') / maxmemory),
                    limit: bytes(maxmemory),
                  })
                : t('no limit')
            }
          />
        )}
        {isServer && (
          <Card
            label={t('Commands a second')}
            value={brief(number('instantaneous_ops_per_sec'))}
            more={t('{n} so far', { n: brief(number('total_commands_processed')) })}
          />
        )}
        {isServer && (
          <Card
            label={t('Hit rate')}
            value={hits + misses > 0 ? percent(hits / (hits + misses)) : '–'}
            more={t('{n} evicted', { n: brief(number('evicted_keys')) })}
          />
        )}
        <Card
          label={t('Clients')}
          value={count(number('connected_clients'))}
          more={t('{n} blocked', { n: count(number('blocked_clients') || 0) })}
        />
        <Card
          label={t('Running for')}
          value={duration(number('uptime_in_seconds'))}
          more={shownStart(infoText(info, 'os') ?? '')}
        />
        {isServer && (
          <Card
            label={t('Processor')}
            value={last === undefined || Number.isNaN(last.cpu) ? '–' : percent(last.cpu)}
            more={t('of one core')}
          />
        )}
        {isServer && <Card label={t('Persistence')} value={persistence(info)} more={lastSave(info)} />}
        {about.role !== 'none' && isServer && (
          <Card label={t('Replication')} value={t(about.role)} more={replication(info)} />
        )}
      </div>
      {isServer && (
        <div class="charts">
          <Curves
            title={t('Commands a second')}
            points={points}
            curves={[{ label: t('commands'), of: (point) => point.ops }]}
            show={brief}
            least={10}
          />
          <Curves
            title={t('Memory')}
            points={points}
            curves={[{ label: t('used'), of: (point) => point.memory }]}
            show={bytes}
            least={1024}
          />
          <Curves
            title={t('Hit rate')}
            points={points}
            curves={[{ label: t('hits'), of: (point) => point.hits }]}
            show={percent}
          />
          <Curves
            title={t('Network, bytes a second')}
            points={points}
            curves={[
              { label: t('in'), of: (point) => point.inBytes },
              { label: t('out'), of: (point) => point.outBytes },
            ]}
            show={bytes}
            least={1024}
          />
        </div>
      )}
      <section class="panel">
        <header>
          <h2 class="grow">INFO</h2>
          <input
            type="search"
            placeholder={t('Filter')}
            aria-label={t('Filter INFO')}
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
        </header>
        <div class="body">
          <div class="charts">
            {sections.map(([name, fields]) => (
              <div key={name}>
                <h3>{shownStart(name)}</h3>
                <table>
                  <tbody>
                    {fields.map(([field, value]) => (
                      <tr key={field}>
                        <th scope="row" class="mono">
                          {shownStart(field)}
                        </th>
                        <td class="mono">{shownStart(value, fieldMax)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ))}
          </div>
        </div>
      </section>
    </div>
  );
}

function Card({ label, value, more }: { label: string; value: string; more: string }) {
  return (
    <div class="card">
      <div class="label">{label}</div>
      <div class="value">{value}</div>
      <div class="more">{more}</div>
    </div>
  );
}

function Curves({
  title,
  points,
  curves,
  show,
  least = 1,
}: {
  least?: number;
  title: string;
  points: readonly Point[];
  curves: readonly { label: string; of: (point: Point) => number }[];
  show: (value: number) => string;
}) {
  const drawn: Curve[] = curves.map(({ label, of }) => ({ label, values: points.map(of) }));
  return (
    <section class="panel" aria-label={title}>
      <header>
        <h3 class="grow">{title}</h3>
        <span class="muted small">
          {curves.map(({ of }) => (points.length === 0 ? '–' : show(of(points.at(-1)!)))).join(' / ')}
        </span>
      </header>
      <Chart times={points.map(({ atMs }) => atMs)} curves={drawn} show={show} least={least} />
    </section>
  );
}

const kept = new Map<string, Point[]>();

/** The points that the page has seen since it was opened; the monitor has the history. */
function usePoints(id: string, info: string): readonly Point[] {
  const before = useRef<{ info: string; atMs: number } | undefined>(undefined);
  const [points, setPoints] = useState<readonly Point[]>(kept.get(id) ?? []);
  useEffect(() => {
    const nowMs = Date.now();
    const old = before.current;
    before.current = { info, atMs: nowMs };
    const seconds = old === undefined ? NaN : (nowMs - old.atMs) / 1000;
    const rate = (name: string): number =>
      old === undefined ? NaN : (infoNumber(info, name) - infoNumber(old.info, name)) / seconds;
    const hits = rate('keyspace_hits');
    const misses = rate('keyspace_misses');
    const point: Point = {
      atMs: nowMs,
      ops: infoNumber(info, 'instantaneous_ops_per_sec'),
      memory: infoNumber(info, 'used_memory'),
      clients: infoNumber(info, 'connected_clients'),
      hits: hits + misses > 0 ? hits / (hits + misses) : NaN,
      cpu: rate('used_cpu_sys') + rate('used_cpu_user'),
      inBytes: rate('total_net_input_bytes'),
      outBytes: rate('total_net_output_bytes'),
    };
    const next = [...(kept.get(id) ?? []), point].slice(-pointsMax);
    kept.set(id, next);
    setPoints(next);
  }, [info]);
  return points;
}

function expiring(info: string): number {
  let sum = 0;
  for (const [, expires] of info.matchAll(/^db\d+:keys=\d+,expires=(\d+)/gm)) sum += Number(expires);
  return sum;
}

function persistence(info: string): string {
  const aof = infoText(info, 'aof_enabled') === '1';
  if (infoText(info, 'rdb_bgsave_in_progress') === '1') return t('saving');
  return aof ? 'AOF' : 'RDB';
}

function lastSave(info: string): string {
  if (infoText(info, 'rdb_last_bgsave_status') === 'err') return t('the last save failed');
  const at = infoNumber(info, 'rdb_last_save_time');
  const changes = infoNumber(info, 'rdb_changes_since_last_save');
  return Number.isNaN(at) ? '' : t('{n} changes since the last save', { n: brief(changes) });
}

function replication(info: string): string {
  const master = infoText(info, 'master_host');
  if (master !== undefined)
    return t('of {master}, link {state}', {
      master: shownStart(`${master}:${infoText(info, 'master_port') ?? ''}`),
      state: shownStart(infoText(info, 'master_link_status') ?? '?'),
    });
  return t('{n} replicas', { n: infoNumber(info, 'connected_slaves') || 0 });
}
