// codis: the groups of a codis with their servers, who has which slots, what moves, and its proxies, by its dashboard.
import { useState } from 'preact/hooks';
import { get, mayAs } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { brief, bytes, count } from '../base/format.js';
import { t } from '../base/i18n.js';
import { ask, Failure, Field, Loading, say, sayError, Table, useLoad, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

interface GroupServer {
  readonly address: string;
  readonly role: string;
  readonly says: string;
  readonly link: string;
  readonly action: string;
  readonly keys: number;
  readonly memory: number;
  readonly problem?: string;
}

interface Codis {
  readonly product: string;
  readonly version: string;
  readonly groups: readonly { id: number; promoting: string; isOutOfSync: boolean; servers: readonly GroupServer[] }[];
  readonly slots: readonly { first: number; last: number; group: number; state: string; target?: number }[];
  readonly proxies: readonly {
    id: number;
    token: string;
    address: string;
    isOnline: boolean;
    sessions: number;
    commands: number;
    perSecond: number;
    errors: number;
    problem?: string;
  }[];
  readonly sentinels: readonly string[];
  readonly moving: { isDisabled: boolean; status: string };
}

export function CodisView({ server, me }: ViewProps) {
  const loaded = useLoad((signal) => get<Codis>(`${server.path}/codis`, signal), [server.id], 2000);
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const codis = loaded.value;
  const canChange = mayAs(me, 'operator');
  const change = (title: string, body: Record<string, unknown>): void => {
    withConfirm(server.name, title, (confirm) => server.post('codis', { ...body, confirm })).then((done) => {
      if (done === undefined) return;
      say(t('Done'));
      loaded.reload();
    }, sayError);
  };
  const rebalance = async (): Promise<void> => {
    const { result } = await server.post<{ result: Record<string, number> }>('codis', {
      command: 'rebalance',
      plan: true,
    });
    const moves = Object.keys(result).length;
    if (moves === 0) say(t('The slots are balanced.'));
    else if ((await ask(t('Rebalance'), t('{n} slots would move.', { n: moves }), t('Rebalance'))) !== false)
      change(t('Rebalance'), { command: 'rebalance' });
  };
  const slotsOf = (id: number): number =>
    codis.slots.reduce((sum, one) => sum + (one.group === id ? one.last - one.first + 1 : 0), 0);
  return (
    <div class="stack">
      {loaded.error !== undefined && <Failure error={loaded.error} />}
      <div class="row">
        <h2 class="grow">
          {shownStart(codis.product)} <span class="muted small">{shownStart(codis.version)}</span>
        </h2>
        {codis.moving.isDisabled && <span class="badge warn">{t('moves are paused')}</span>}
        {canChange && (
          <button type="button" onClick={() => rebalance().catch(sayError)}>
            {t('Rebalance')} …
          </button>
        )}
        {canChange && (
          <button
            type="button"
            onClick={() =>
              change(codis.moving.isDisabled ? t('Resume moves') : t('Pause moves'), {
                command: codis.moving.isDisabled ? 'resume' : 'pause',
              })
            }
          >
            {codis.moving.isDisabled ? t('Resume moves') : t('Pause moves')}
          </button>
        )}
      </div>
      {codis.moving.status !== '' && <div class="notice">{shownStart(codis.moving.status)}</div>}
      {codis.groups.map(({ id, servers, promoting, isOutOfSync }) => (
        <section class="panel" key={id}>
          <header>
            <h3 class="grow">{t('Group {n}', { n: id })}</h3>
            {promoting !== '' && <span class="badge warn">{shownStart(promoting)}</span>}
            {isOutOfSync && <span class="badge warn">{t('out of sync')}</span>}
            <span class="muted small">{t('{n} slots', { n: slotsOf(id) })}</span>
          </header>
          <Table
            label={t('Servers of group {n}', { n: id })}
            rows={servers}
            keyOf={({ address }) => address}
            columns={[
              { name: t('Server'), show: ({ address }) => <span class="mono">{shownStart(address)}</span> },
              {
                name: t('Role'),
                show: (one) => (
                  <>
                    <span class={`badge ${one.role === 'master' ? 'accent' : ''}`}>{t(one.role)}</span>{' '}
                    {one.problem !== undefined && <span class="badge danger">{shownStart(one.problem)}</span>}
                    {one.link !== '' && one.link !== 'up' && <span class="badge warn">{t('link down')}</span>}
                    {one.action !== '' && <span class="badge">{shownStart(one.action)}</span>}
                  </>
                ),
              },
              { name: t('Keys'), isNumber: true, show: ({ keys }) => count(keys) },
              { name: t('Memory'), isNumber: true, show: ({ memory }) => bytes(memory) },
              {
                name: '',
                show: (one) =>
                  canChange &&
                  one.role !== 'master' && (
                    <button
                      type="button"
                      onClick={() =>
                        change(t('Promote {server}', { server: shownStart(one.address) }), {
                          command: 'promote',
                          group: id,
                          server: one.address,
                        })
                      }
                    >
                      {t('Promote')}
                    </button>
                  ),
              },
            ]}
          />
        </section>
      ))}
      <section class="panel">
        <header>
          <h3 class="grow">{t('Slots')}</h3>
        </header>
        <Table
          label={t('Slots')}
          rows={codis.slots}
          keyOf={({ first }) => String(first)}
          columns={[
            {
              name: t('Slots'),
              show: ({ first, last }) => <span class="mono">{first === last ? first : `${first}–${last}`}</span>,
            },
            { name: t('Number'), isNumber: true, show: ({ first, last }) => count(last - first + 1) },
            {
              name: t('Group'),
              show: ({ group }) =>
                group === 0 ? <span class="badge danger">{t('none')}</span> : t('Group {n}', { n: group }),
            },
            {
              name: t('State'),
              show: ({ state, target }) =>
                state !== '' && (
                  <span class="badge warn">
                    {shownStart(state)} → {t('Group {n}', { n: target ?? 0 })}
                  </span>
                ),
            },
          ]}
        />
        {canChange && <MoveForm groups={codis.groups.map(({ id }) => id)} onMove={change} />}
      </section>
      <section class="panel">
        <header>
          <h3 class="grow">{t('Proxies')}</h3>
          {codis.sentinels.length > 0 && (
            <span class="muted small">{t('Sentinels: {list}', { list: shownStart(codis.sentinels.join(', ')) })}</span>
          )}
        </header>
        <Table
          label={t('Proxies')}
          rows={codis.proxies}
          keyOf={({ token }) => token}
          columns={[
            { name: t('Proxy'), show: ({ address }) => <span class="mono">{shownStart(address)}</span> },
            {
              name: t('State'),
              show: ({ isOnline, problem }) => (
                <span class={`badge ${isOnline ? 'accent' : 'danger'}`}>
                  {shownStart(problem ?? (isOnline ? t('online') : t('offline')))}
                </span>
              ),
            },
            { name: t('Clients'), isNumber: true, show: ({ sessions }) => count(sessions) },
            { name: t('Commands a second'), isNumber: true, show: ({ perSecond }) => brief(perSecond) },
            { name: t('Commands'), isNumber: true, show: ({ commands }) => brief(commands) },
            { name: t('Errors'), isNumber: true, show: ({ errors }) => count(errors) },
          ]}
        />
      </section>
    </div>
  );
}

function MoveForm({
  groups,
  onMove,
}: {
  groups: readonly number[];
  onMove: (title: string, body: Record<string, unknown>) => void;
}) {
  const [first, setFirst] = useState('0');
  const [last, setLast] = useState('0');
  const [group, setGroup] = useState(String(groups[0] ?? 1));
  const number = (label: string, value: string, set: (value: string) => void) => (
    <Field label={label}>
      <input
        type="number"
        min="0"
        max="1023"
        required
        value={value}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
  return (
    <form
      class="body stack"
      onSubmit={(event) => {
        event.preventDefault();
        const order = { command: 'move', first: Number(first), last: Number(last), group: Number(group) };
        onMove(t('Move slots {first} to {last}', { first, last }), order);
      }}
    >
      <div class="form two">
        {number(t('First slot'), first, setFirst)}
        {number(t('Last slot'), last, setLast)}
        <Field label={t('To group')}>
          <select value={group} onChange={(event) => setGroup(event.currentTarget.value)}>
            {groups.map((id) => (
              <option key={id} value={String(id)}>
                {id}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <div class="row">
        <button type="submit">{t('Move slots')} …</button>
      </div>
    </form>
  );
}
