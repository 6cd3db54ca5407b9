// history: curves of what the monitor has kept, with marks at events.
import { get, type Me, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { Chart } from '../base/chart.js';
import { brief, bytes, percent, time } from '../base/format.js';
import { said, t } from '../base/i18n.js';
import { goTo, usePlace } from '../base/router.js';
import { Failure, IconButton, Loading, Segmented, Table, useLoad } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

interface Series {
  readonly hasHistory: boolean;
  readonly series: Readonly<Record<string, { t: number[]; v: (number | null)[] }>>;
}

interface MonitorEvent {
  readonly at: number;
  readonly kind: string;
  readonly text: string;
}

interface Shown {
  readonly title: string;
  readonly metrics: readonly (readonly [string, string])[];
  readonly show: (value: number) => string;
}

const spans = [
  ['10m', 600e3],
  ['1h', 3600e3],
  ['6h', 6 * 3600e3],
  ['24h', 24 * 3600e3],
  ['7d', 7 * 24 * 3600e3],
  ['30d', 30 * 24 * 3600e3],
  ['1y', 365 * 24 * 3600e3],
] as const;
const pointsWanted = 600;

/** Servers that are laid over the page's own: one more colour each. */
const overlaysMax = 4;
const commandsShown = 5;

function charts(commands: readonly string[]): readonly Shown[] {
  const share = (value: number): string => percent(value / 100);
  const micros = (value: number): string => `${brief(value)} µs`;
  const ratio = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
  return [
    { title: t('Commands a second'), metrics: [['commands', t('commands')]], show: brief },
    ...(commands.length === 0
      ? []
      : [
          {
            title: t('The most frequent commands, a second'),
            metrics: commands.map((name) => [`command:${name}`, name.replace('|', ' ').toUpperCase()] as const),
            show: brief,
          },
        ]),
    {
      title: t('Memory'),
      metrics: [
        ['memory_used', t('used')],
        ['memory_rss', t('of the process')],
      ],
      show: bytes,
    },
    { title: t('Fragmentation'), metrics: [['fragmentation', t('process by used')]], show: ratio },
    { title: t('Hit rate'), metrics: [['hit_rate', t('hits')]], show: share },
    { title: t('Processor'), metrics: [['cpu', t('of one core')]], show: share },
    {
      title: t('Slowest commands'),
      metrics: [
        ['p999_us', 'p99.9'],
        ['p99_us', 'p99'],
        ['p50_us', 'p50'],
      ],
      show: micros,
    },
    {
      title: t('Network, bytes a second'),
      metrics: [
        ['net_in', t('in')],
        ['net_out', t('out')],
      ],
      show: bytes,
    },
    { title: t('Clients'), metrics: [['clients', t('clients')]], show: brief },
    { title: t('Keys'), metrics: [['keys', t('keys')]], show: brief },
    {
      title: t('Expired and evicted a second'),
      metrics: [
        ['expired', t('expired')],
        ['evicted', t('evicted')],
      ],
      show: brief,
    },
    { title: t('Pauses of the event loop'), metrics: [['loop_pause_us', t('longest')]], show: micros },
    { title: t('Replication lag'), metrics: [['lag_bytes', t('behind')]], show: bytes },
  ];
}

export function HistoryView({ server, me, servers }: ViewProps) {
  const { query } = usePlace();
  const span = (spans.find(([name]) => name === query.get('span')) ?? spans[1])[0];
  const others = (query.get('over') ?? '')
    .split(',')
    .filter((id) => id !== server.id && servers.some((one) => one.id === id))
    .slice(0, overlaysMax);
  const show = (name: string, over: readonly string[]): void =>
    goTo(['s', server.id, 'history'], {
      ...(server.database === 0 ? {} : { db: server.database }),
      span: name,
      ...(over.length === 0 ? {} : { over: over.join() }),
    });
  const commands = useLoad(() => frequentCommands(server), [server]).value;
  const lengthMs = spans.find(([name]) => name === span)![1];
  const loaded = useLoad(
    async (signal) => {
      const toMs = Date.now();
      const fromMs = toMs - lengthMs;
      const metrics = charts(commands ?? [])
        .flatMap((one) => one.metrics.map(([name]) => `metric=${encodeURIComponent(name)}`))
        .join('&');
      const range = `from=${fromMs}&to=${toMs}`;
      const words = `series?${range}&step=${Math.round(lengthMs / pointsWanted)}&${metrics}`;
      const [series, events, ...overlays] = await Promise.all([
        get<Series>(`${server.path}/${words}`, signal),
        get<{ events: MonitorEvent[] }>(`${server.path}/events?${range}`, signal),
        ...others.map((id) => get<Series>(`/api/servers/${encodeURIComponent(id)}/${words}`, signal)),
      ]);
      return {
        ...series,
        ...events,
        overlays: overlays.map((one, index) => ({ id: others[index]!, series: one.series })),
      };
    },
    [server, lengthMs, others.join(), commands?.join()],
    10_000,
  );
  if (!hasMonitor(me)) return <NoHistory />;
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  if (!loaded.value.hasHistory) return <NoHistory />;
  const { series, events, overlays } = loaded.value;
  const nameOf = (id: string): string => servers.find((one) => one.id === id)?.name ?? '';
  const marks = events.slice(-50).map(({ at, kind }) => ({ atMs: at, text: said(kind) }));
  return (
    <div class="stack">
      <div class="row">
        <Segmented
          label={t('Span')}
          choices={spans.map(([name]) => [name, t(name)] as const)}
          chosen={span}
          onChoose={(name) => show(name, others)}
        />
        {servers.length > 1 + others.length && others.length < overlaysMax && (
          <select
            aria-label={t('Lay over it')}
            value=""
            onChange={(event) => show(span, [...others, event.currentTarget.value])}
          >
            <option value="">{t('Lay over it …')}</option>
            {servers
              .filter(({ id }) => id !== server.id && !others.includes(id))
              .map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
          </select>
        )}
        {others.map((id) => (
          <span key={id} class="badge">
            {nameOf(id)}
            <IconButton
              icon="close"
              label={t('Take {name} away', { name: nameOf(id) })}
              onClick={() =>
                show(
                  span,
                  others.filter((one) => one !== id),
                )
              }
            />
          </span>
        ))}
        <span class="muted small">{t('Drag over a chart to zoom in, double-click to zoom out.')}</span>
      </div>
      <div class="charts">
        {charts(commands ?? []).map(({ title, metrics, show }) => {
          const found = metrics.map(([name]) => series[name]);
          return (
            <section class="panel" key={title} aria-label={title}>
              <header>
                <h3>{title}</h3>
              </header>
              <Chart
                key={span}
                times={found[0]?.t ?? []}
                curves={[
                  ...metrics.map(([, label], index) => ({ label, values: found[index]?.v ?? [] })),
                  ...(metrics.length > 3 ? [] : overlays).flatMap(({ id, series: other }) =>
                    metrics.map(([name, label]) => ({
                      label: `${label} (${nameOf(id)})`,
                      values: other[name]?.v ?? [],
                    })),
                  ),
                ]}
                show={show}
                marks={marks}
              />
            </section>
          );
        })}
      </div>
      <section class="panel">
        <header>
          <h2>{t('Events')}</h2>
        </header>
        <Table
          label={t('Events')}
          first={{ column: 0, isDown: true }}
          columns={[
            { name: t('Time'), show: ({ at }) => <span class="nowrap">{time(at)}</span>, sort: ({ at }) => at },
            { name: t('Event'), show: ({ kind }) => <span class="badge">{said(kind)}</span> },
            { name: t('Detail'), show: ({ text }) => shownStart(text, 1000) },
          ]}
          rows={events}
          keyOf={(event, index) => `${event.at}${index}`}
        />
      </section>
    </div>
  );
}

/** The commands that the server ran most often since it started; none where INFO may not be read. */
async function frequentCommands(server: ViewProps['server']): Promise<string[]> {
  const [reply] = await server.run([['INFO', 'commandstats']], { keepsErrors: true });
  return [...textIn(reply).matchAll(/^cmdstat_([\w|-]+):calls=(\d+)/gm)]
    .sort(([, , one], [, , other]) => Number(other) - Number(one))
    .slice(0, commandsShown)
    .map(([, name]) => name!);
}

function hasMonitor(me: Me): boolean {
  return me.hasMonitor;
}

function NoHistory() {
  return (
    <div class="panel empty">{t('No history is kept: the overview has the curves since this page was opened.')}</div>
  );
}
