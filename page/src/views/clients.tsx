// clients: who is connected, and killing connections.
import { useState } from 'preact/hooks';
import { mayAs, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { bytes, duration } from '../base/format.js';
import { t } from '../base/i18n.js';
import { ask, Failure, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

const text = (client: ReadonlyMap<string, string>, name: string): string => shownStart(client.get(name) ?? '');

export function ClientsView({ server, me }: ViewProps) {
  const [filter, setFilter] = useState('');
  const loaded = useLoad(
    async () =>
      textIn(await server.one('CLIENT', 'LIST'))
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map(fieldsOf),
    [server],
    5000,
  );
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const kill = async (client: Map<string, string>): Promise<void> => {
    if ((await ask(t('Kill this connection?'), `${text(client, 'addr')} ${text(client, 'name')}`, t('Kill'))) === false)
      return;
    try {
      await server.one('CLIENT', 'KILL', 'ID', client.get('id') ?? '');
      say(t('Killed'));
      loaded.reload();
    } catch (error) {
      sayError(error);
    }
  };
  const wanted = filter.toLowerCase();
  const rows = loaded.value.filter(
    (client) => wanted === '' || [...client.values()].join(' ').toLowerCase().includes(wanted),
  );
  const number = (client: Map<string, string>, name: string): number => Number(client.get(name) ?? 0);
  return (
    <section class="panel">
      <header>
        <h2 class="grow">{t('{n} clients', { n: loaded.value.length })}</h2>
        <input
          type="search"
          placeholder={t('Filter')}
          aria-label={t('Filter')}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
      </header>
      <Table
        label={t('Clients')}
        columns={[
          {
            name: t('Address'),
            show: (client) => <span class="mono">{text(client, 'addr')}</span>,
            sort: (client) => client.get('addr') ?? '',
          },
          {
            name: t('Name'),
            show: (client) => text(client, 'name') || '–',
            sort: (client) => client.get('name') ?? '',
          },
          { name: t('User'), show: (client) => text(client, 'user'), sort: (client) => client.get('user') ?? '' },
          {
            name: t('Last command'),
            show: (client) => <span class="mono">{text(client, 'cmd')}</span>,
            sort: (client) => client.get('cmd') ?? '',
          },
          {
            name: t('Age'),
            isNumber: true,
            show: (client) => duration(number(client, 'age')),
            sort: (client) => number(client, 'age'),
          },
          {
            name: t('Idle'),
            isNumber: true,
            show: (client) => duration(number(client, 'idle')),
            sort: (client) => number(client, 'idle'),
          },
          {
            name: t('Memory'),
            isNumber: true,
            show: (client) => bytes(number(client, 'tot-mem')),
            sort: (client) => number(client, 'tot-mem'),
          },
          { name: t('Flags'), show: (client) => text(client, 'flags') },
          ...(mayAs(me, 'operator')
            ? [
                {
                  name: '',
                  show: (client: Map<string, string>) => (
                    <button type="button" class="plain danger" onClick={() => void kill(client)}>
                      {t('Kill')}
                    </button>
                  ),
                },
              ]
            : []),
        ]}
        rows={rows}
        keyOf={(client, index) => client.get('id') ?? String(index)}
      />
    </section>
  );
}

function fieldsOf(line: string): Map<string, string> {
  return new Map(
    line
      .trim()
      .split(' ')
      .map((part) => {
        const equals = part.indexOf('=');
        return [part.slice(0, equals), part.slice(equals + 1)] as const;
      }),
  );
}
