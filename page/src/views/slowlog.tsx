// slowlog: slow commands, and what the latency monitor has seen.
import { errorIn, listIn, mayAs, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { duration, time } from '../base/format.js';
import { t } from '../base/i18n.js';
import { ask, Failure, Loading, sayError, Table, useLoad } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

const commandMax = 4000;

interface Slow {
  readonly id: string;
  readonly atMs: number;
  readonly seconds: number;
  readonly command: string;
  readonly client: string;
}

export function SlowLogView({ server, me }: ViewProps) {
  const loaded = useLoad(
    async () => {
      const [slow, latency] = await server.run(
        [
          ['SLOWLOG', 'GET', '128'],
          ['LATENCY', 'LATEST'],
        ],
        { keepsErrors: true },
      );
      return {
        problem: errorIn(slow),
        slow: listIn(slow).map((entry): Slow => {
          const [id, at, micros, args, address, name] = listIn(entry);
          return {
            id: textIn(id),
            atMs: Number(textIn(at)) * 1000,
            seconds: Number(textIn(micros)) / 1e6,
            command: listIn(args).map(textIn).join(' '),
            client: [textIn(address), textIn(name)].filter((part) => part !== '').join(' '),
          };
        }),
        latency: listIn(latency).map((event) => listIn(event).map(textIn)),
      };
    },
    [server],
    5000,
  );
  const reset = async (): Promise<void> => {
    if ((await ask(t('Empty the slow log?'), server.name, t('Empty'))) === false) return;
    server.one('SLOWLOG', 'RESET').then(loaded.reload, sayError);
  };
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const longest = Math.max(...loaded.value.slow.map(({ seconds }) => seconds), 0);
  const { problem } = loaded.value;
  return (
    <div class="stack">
      {problem !== undefined && <div class="notice warn">{shownStart(problem, 1000)}</div>}
      <section class="panel">
        <header>
          <h2 class="grow">{t('Slow commands')}</h2>
          {mayAs(me, 'operator') && (
            <button type="button" onClick={() => void reset()}>
              {t('Empty')}
            </button>
          )}
        </header>
        <Table
          label={t('Slow commands')}
          first={{ column: 0, isDown: true }}
          columns={[
            { name: t('Time'), show: ({ atMs }) => <span class="nowrap">{time(atMs)}</span>, sort: ({ atMs }) => atMs },
            {
              name: t('Duration'),
              isNumber: true,
              show: ({ seconds }) => (
                <>
                  {seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms` : duration(seconds)}
                  <Bar share={seconds / longest} />
                </>
              ),
              sort: ({ seconds }) => seconds,
            },
            {
              name: t('Command'),
              show: ({ command }) => <span class="mono clip">{shownStart(command, commandMax)}</span>,
              sort: ({ command }) => command,
            },
            { name: t('Client'), show: ({ client }) => <span class="mono small">{shownStart(client)}</span> },
          ]}
          rows={loaded.value.slow}
          keyOf={({ id }) => id}
        />
      </section>
      <section class="panel">
        <header>
          <h2>{t('Latency events')}</h2>
        </header>
        <Table
          label={t('Latency events')}
          columns={[
            { name: t('Event'), show: ([event = '']) => shownStart(event) },
            { name: t('Last'), show: ([, at]) => time(Number(at) * 1000) },
            { name: t('Latest, ms'), isNumber: true, show: ([, , latest = '']) => shownStart(latest) },
            { name: t('Longest, ms'), isNumber: true, show: ([, , , most = '']) => shownStart(most) },
          ]}
          rows={loaded.value.latency}
          keyOf={([event]) => event!}
        />
      </section>
    </div>
  );
}

export function Bar({ share }: { share: number }) {
  return (
    <span class="bar" style={{ display: 'block' }} aria-hidden="true">
      <i style={{ width: `${Math.max(1, Math.min(100, share * 100))}%` }} />
    </span>
  );
}
