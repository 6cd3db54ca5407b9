// alerts: what fires now, the rules, where they are sent, and silences.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { get, mayAs, type Me, post } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { time } from '../base/format.js';
import { said, t } from '../base/i18n.js';
import { ask, Failure, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import { type Channel, ChannelDialog, type Rule, RuleDialog } from './alert-forms.js';
import type { ServerItem } from './server-item.js';

interface Alert {
  readonly rule: string;
  readonly target: string;
  readonly phase: string;
  readonly sinceMs: number;
  readonly text: string;
  readonly ruleName: string;
  readonly severity: string;
  readonly isSilenced: boolean;
}

interface Silence {
  readonly id: string;
  readonly rule: string;
  readonly target: string;
  readonly untilMs: number;
  readonly by: string;
}

interface AlertState {
  readonly current: readonly Alert[];
  readonly rules: readonly Rule[];
  readonly channels: readonly Channel[];
  readonly silences: readonly Silence[];
}

const hourMs = 3600_000;

export function AlertsView({ me, servers, menu }: { me: Me; servers: readonly ServerItem[]; menu: ComponentChildren }) {
  const [editing, setEditing] = useState<Rule | 'new-rule' | 'new-channel' | undefined>();
  const loaded = useLoad((signal) => get<AlertState>('/api/alerts', signal), [], 4000);
  const nameOf = (id: string): string => servers.find((server) => server.id === id)?.name ?? id;
  const change = (path: string, body: Record<string, unknown> = {}): void => {
    post(path, body).then(() => {
      say(t('Done'));
      loaded.reload();
    }, sayError);
  };
  const remove = async (path: string, name: string): Promise<void> => {
    if ((await ask(t('Delete {name}?', { name: shownStart(name) }), '', t('Delete'))) !== false) change(path);
  };
  const test = (id: string): void => {
    post<{ isDelivered: boolean; error: string }>(`/api/alerts/channels/${encodeURIComponent(id)}/test`).then(
      ({ isDelivered, error }) => say(isDelivered ? t('Delivered') : error, isDelivered ? 'good' : 'error'),
      sayError,
    );
  };
  const isOperator = mayAs(me, 'operator');
  const isAdmin = mayAs(me, 'admin');
  const { value } = loaded;
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1 class="grow">{t('Alerts')}</h1>
        </div>
        <div class="tabs" />
      </div>
      <div class="content">
        {loaded.error !== undefined && <Failure error={loaded.error} retry={loaded.reload} />}
        {value === undefined ? (
          loaded.error === undefined && <Loading />
        ) : (
          <div class="stack">
            <section class="panel">
              <header>
                <h2>{t('Now')}</h2>
              </header>
              <Table
                label={t('Now')}
                columns={[
                  {
                    name: t('Alert'),
                    show: (alert) => (
                      <>
                        <span class={`badge ${alert.severity === 'critical' ? 'danger' : 'warn'}`}>
                          {t(alert.severity)}
                        </span>{' '}
                        <b>{shownStart(said(alert.ruleName))}</b>{' '}
                        {alert.isSilenced && <span class="badge">{t('silenced')}</span>}
                      </>
                    ),
                  },
                  { name: t('Server'), show: ({ target }) => nameOf(target) },
                  { name: t('State'), show: ({ phase }) => t(phase) },
                  { name: t('Detail'), show: ({ text }) => shownStart(text, 1000) },
                  { name: t('Since'), show: ({ sinceMs }) => <span class="nowrap">{time(sinceMs)}</span> },
                  ...(isOperator
                    ? [
                        {
                          name: '',
                          show: ({ rule, target, isSilenced }: Alert) =>
                            !isSilenced && (
                              <button
                                type="button"
                                class="plain"
                                onClick={() => change('/api/alerts/silence', { rule, target, forMs: hourMs })}
                              >
                                {t('Silence for an hour')}
                              </button>
                            ),
                        },
                      ]
                    : []),
                ]}
                rows={value.current}
                keyOf={({ rule, target }) => `${rule}/${target}`}
              />
            </section>
            <section class="panel">
              <header>
                <h2 class="grow">{t('Rules')}</h2>
                {isAdmin && (
                  <button type="button" onClick={() => setEditing('new-rule')}>
                    {t('Add rule')}
                  </button>
                )}
              </header>
              <Table
                label={t('Rules')}
                columns={[
                  {
                    name: t('Name'),
                    show: (rule) => (
                      <>
                        {shownStart(said(rule.name))} {!rule.isEnabled && <span class="badge">{t('off')}</span>}
                      </>
                    ),
                    sort: ({ name }) => name,
                  },
                  {
                    name: t('Severity'),
                    show: ({ severity }) => (
                      <span
                        class={`badge ${severity === 'critical' ? 'danger' : severity === 'warning' ? 'warn' : ''}`}
                      >
                        {t(severity)}
                      </span>
                    ),
                  },
                  {
                    name: t('Condition'),
                    show: ({ condition }) => <span class="mono small">{conditionText(condition)}</span>,
                  },
                  ...(isAdmin
                    ? [
                        {
                          name: '',
                          show: (rule: Rule) => (
                            <>
                              <button type="button" class="plain" onClick={() => setEditing(rule)}>
                                {t('Change')}
                              </button>
                              <button
                                type="button"
                                class="plain danger"
                                onClick={() =>
                                  void remove(`/api/alerts/rules/${encodeURIComponent(rule.id)}/delete`, rule.name)
                                }
                              >
                                {t('Delete')}
                              </button>
                            </>
                          ),
                        },
                      ]
                    : []),
                ]}
                rows={value.rules}
                keyOf={({ id }) => id}
              />
            </section>
            <section class="panel">
              <header>
                <h2 class="grow">{t('Sent to')}</h2>
                {isAdmin && (
                  <button type="button" onClick={() => setEditing('new-channel')}>
                    {t('Add channel')}
                  </button>
                )}
              </header>
              <Table
                label={t('Sent to')}
                columns={[
                  { name: t('Name'), show: ({ name }) => shownStart(name) },
                  { name: t('Type'), show: ({ type }) => t(type) },
                  ...(isAdmin
                    ? [
                        {
                          name: '',
                          show: ({ id, name }: Channel) => (
                            <>
                              <button type="button" class="plain" onClick={() => test(id)}>
                                {t('Test')}
                              </button>
                              <button
                                type="button"
                                class="plain danger"
                                onClick={() =>
                                  void remove(`/api/alerts/channels/${encodeURIComponent(id)}/delete`, name)
                                }
                              >
                                {t('Delete')}
                              </button>
                            </>
                          ),
                        },
                      ]
                    : []),
                ]}
                rows={value.channels}
                keyOf={({ id }) => id}
              />
            </section>
            {value.silences.length > 0 && (
              <section class="panel">
                <header>
                  <h2>{t('Silences')}</h2>
                </header>
                <Table
                  label={t('Silences')}
                  columns={[
                    {
                      name: t('Alert'),
                      show: ({ rule }) => said(value.rules.find(({ id }) => id === rule)?.name ?? t('all')),
                    },
                    { name: t('Server'), show: ({ target }) => (target === '' ? t('all') : nameOf(target)) },
                    { name: t('Until'), show: ({ untilMs }) => time(untilMs) },
                    { name: t('User'), show: ({ by }) => by },
                    ...(isOperator
                      ? [
                          {
                            name: '',
                            show: ({ id }: Silence) => (
                              <button
                                type="button"
                                class="plain"
                                onClick={() => change(`/api/alerts/silences/${encodeURIComponent(id)}/end`)}
                              >
                                {t('End')}
                              </button>
                            ),
                          },
                        ]
                      : []),
                  ]}
                  rows={value.silences}
                  keyOf={({ id }) => id}
                />
              </section>
            )}
          </div>
        )}
      </div>
      {editing === 'new-channel' && value !== undefined && (
        <ChannelDialog channels={value.channels} onClose={() => setEditing(undefined)} onSaved={loaded.reload} />
      )}
      {editing !== undefined && editing !== 'new-channel' && value !== undefined && (
        <RuleDialog
          rule={editing === 'new-rule' ? undefined : editing}
          rules={value.rules}
          channels={value.channels}
          servers={servers}
          onClose={() => setEditing(undefined)}
          onSaved={loaded.reload}
        />
      )}
    </>
  );
}

function conditionText({ kind, figure, op, value, events }: Rule['condition']): string {
  if (kind === 'figure') return `${figure} ${op} ${value}`;
  return kind === 'event' ? (events ?? []).map(said).join(', ') : t('No answer');
}
