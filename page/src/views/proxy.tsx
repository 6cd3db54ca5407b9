// proxy: the pools of kvasir-proxy and their servers, from its INFO.
import { mayAs } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { brief, count } from '../base/format.js';
import { t } from '../base/i18n.js';
import { say, sayError, Table } from '../base/ui.js';
import { infoSections } from './about.js';
import type { ViewProps } from './server-page.js';

type Fields = Readonly<Record<string, string>>;

/** Figures of a pool by the names that nutcracker gave them. */
const figureNames = [
  ['client_connections', 'Clients'],
  ['client_eof', 'Clients that left'],
  ['client_err', 'Errors of clients'],
  ['server_ejects', 'Ejections'],
  ['forward_error', 'Not forwarded'],
  ['fragments', 'Split requests'],
  ['client_over_limit', 'Over the limit'],
] as const;

const isFault = (figure: string): boolean => /err|ejects|limit/.test(figure);

export function ProxyView({ server, about, me, reloadAbout }: ViewProps) {
  const fields = infoSections(about.info).find(([name]) => name === 'Pools')?.[1] ?? [];
  const pools = new Map<string, { figures: Fields; servers: Fields[] }>();
  for (const [name, value] of fields) {
    if (!name.startsWith('pool_')) continue;
    const figures = Object.fromEntries(
      value.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
    // Servers have a name; a pool may have one that ends as theirs do.
    const isServer = figures.name !== undefined;
    const poolName = name.slice('pool_'.length).replace(isServer ? /_server\d+$/ : '', '');
    const pool = pools.get(poolName) ?? { figures: {}, servers: [] };
    if (isServer) pool.servers.push(figures);
    else pool.figures = figures;
    pools.set(poolName, pool);
  }
  const reload = (): void => {
    server.one('PROXY', 'RELOAD').then(() => {
      say(t('The configuration is read again.'));
      reloadAbout();
    }, sayError);
  };
  return (
    <div class="stack">
      <div class="row">
        <h2 class="grow">{t('{n} pools', { n: pools.size })}</h2>
        {mayAs(me, 'operator') && (
          <button type="button" onClick={reload}>
            {t('Read the configuration again')}
          </button>
        )}
      </div>
      {[...pools].map(([name, { figures, servers }]) => (
        <section class="panel" key={name}>
          <header>
            <h3 class="grow">{shownStart(name)}</h3>
            <span class="badge">{t('{n} servers', { n: servers.length })}</span>
          </header>
          <dl class="figures">
            {figureNames
              .filter(([figure]) => figures[figure] !== undefined)
              .map(([figure, text]) => (
                <div key={figure} title={figure}>
                  <dt>{t(text)}</dt>
                  <dd class={isFault(figure) && figures[figure] !== '0' ? 'bad' : ''}>
                    {brief(Number(figures[figure]))}
                  </dd>
                </div>
              ))}
          </dl>
          <Table
            label={t('Servers of {name}', { name: shownStart(name) })}
            columns={[
              {
                name: t('Server'),
                show: (one) => (
                  <>
                    <span class="mono">{shownStart(one.name ?? '')}</span>{' '}
                    <span class="muted small mono">{shownStart(one.address ?? '')}</span>
                  </>
                ),
              },
              {
                name: t('State'),
                show: (one) => (
                  <span
                    class={`badge ${one.state === 'ejected' ? 'danger' : one.state === 'connected' ? 'accent' : ''}`}
                  >
                    {t(shownStart(one.state ?? ''))}
                  </span>
                ),
              },
              {
                name: t('Requests'),
                isNumber: true,
                show: (one) => brief(Number(one.requests)),
                sort: (one) => Number(one.requests),
              },
              {
                name: t('Errors'),
                isNumber: true,
                show: (one) => count(Number(one.server_err) + Number(one.server_timedout)),
              },
              { name: t('Connections'), isNumber: true, show: (one) => shownStart(one.server_connections ?? '') },
              {
                name: t('Waiting'),
                isNumber: true,
                show: (one) => count(Number(one.in_queue) + Number(one.out_queue)),
              },
            ]}
            rows={servers}
            keyOf={(one, index) => `${one.name ?? ''}${index}`}
          />
        </section>
      ))}
    </div>
  );
}
