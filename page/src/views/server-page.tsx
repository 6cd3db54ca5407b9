// server-page: one server: its head with databases and marks, the tabs that fit its kind, and the view of the chosen tab.
import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { get, mayAs, type Me, type Role, ServerApi } from '../base/api.js';
import { Boundary } from '../base/boundary.js';
import { shownStart } from '../base/bytes.js';
import { brief } from '../base/format.js';
import { Glyph } from '../base/icons.js';
import { said, t } from '../base/i18n.js';
import { lazy, type LazyView } from '../base/lazy.js';
import { goTo, linkTo, usePlace } from '../base/router.js';
import { answersAgain, Failure, type Loaded, Loading, useLoad } from '../base/ui.js';
import type { About } from './about.js';
import type { ServerItem } from './server-item.js';
import { UndoNotice } from './flush.js';
import { OverviewView } from './overview.js';

export interface ViewProps {
  readonly me: Me;
  readonly server: ServerApi;
  readonly about: About;
  readonly reloadAbout: () => void;
  readonly servers: readonly ServerItem[];
}

interface Tab {
  readonly name: string;
  readonly text: string;
  readonly role?: Role;
  readonly kinds: readonly About['kind'][];
  /** Shown also to people who are limited to prefixes. */
  readonly fitsPrefixes?: true;
  readonly isFull?: true;
  /** Only for servers that name the dashboard of their codis. */
  readonly needsCodis?: true;
  readonly View: ComponentType<ViewProps> | LazyView<ViewProps>;
}

const data = ['standalone', 'cluster', 'proxy'] as const;
const servers = ['standalone', 'cluster'] as const;
const all = ['standalone', 'cluster', 'sentinel', 'proxy'] as const;

const tabs: readonly Tab[] = [
  { name: 'overview', text: 'Overview', kinds: all, fitsPrefixes: true, View: OverviewView },
  {
    name: 'keys',
    text: 'Keys',
    kinds: data,
    fitsPrefixes: true,
    isFull: true,
    View: lazy(async () => (await import('./keys.js')).KeysView),
  },
  {
    name: 'analysis',
    text: 'Analysis',
    kinds: data,
    fitsPrefixes: true,
    View: lazy(async () => (await import('./analysis.js')).AnalysisView),
  },
  {
    name: 'bulk',
    text: 'Search & bulk',
    kinds: data,
    fitsPrefixes: true,
    View: lazy(async () => (await import('./bulk.js')).BulkView),
  },
  {
    name: 'console',
    text: 'Console',
    kinds: all,
    fitsPrefixes: true,
    isFull: true,
    View: lazy(async () => (await import('./console.js')).ConsoleView),
  },
  {
    name: 'cluster',
    text: 'Cluster',
    kinds: ['cluster'],
    View: lazy(async () => (await import('./cluster.js')).ClusterView),
  },
  {
    name: 'sentinel',
    text: 'Sentinel',
    kinds: ['sentinel'],
    View: lazy(async () => (await import('./sentinel.js')).SentinelView),
  },
  { name: 'proxy', text: 'Proxy', kinds: ['proxy'], View: lazy(async () => (await import('./proxy.js')).ProxyView) },
  {
    name: 'codis',
    text: 'Codis',
    kinds: all,
    needsCodis: true,
    View: lazy(async () => (await import('./codis.js')).CodisView),
  },
  { name: 'history', text: 'History', kinds: all, View: lazy(async () => (await import('./history.js')).HistoryView) },
  {
    name: 'slowlog',
    text: 'Slow log',
    kinds: servers,
    View: lazy(async () => (await import('./slowlog.js')).SlowLogView),
  },
  {
    name: 'clients',
    text: 'Clients',
    kinds: servers,
    View: lazy(async () => (await import('./clients.js')).ClientsView),
  },
  {
    name: 'pubsub',
    text: 'Pub/Sub',
    kinds: ['standalone', 'cluster', 'sentinel'],
    isFull: true,
    View: lazy(async () => (await import('./pubsub.js')).PubSubView),
  },
  {
    name: 'monitor',
    text: 'Monitor',
    role: 'operator',
    kinds: servers,
    isFull: true,
    View: lazy(async () => (await import('./monitor.js')).MonitorView),
  },
  {
    name: 'config',
    text: 'Config',
    role: 'operator',
    kinds: ['standalone', 'cluster', 'proxy'],
    View: lazy(async () => (await import('./config.js')).ConfigView),
  },
  {
    name: 'scripts',
    text: 'Scripts',
    kinds: servers,
    View: lazy(async () => (await import('./scripts.js')).ScriptsView),
  },
  {
    name: 'acl',
    text: 'ACL',
    role: 'admin',
    kinds: ['standalone', 'cluster', 'sentinel'],
    View: lazy(async () => (await import('./acl.js')).AclView),
  },
  {
    name: 'exchange',
    text: 'Transfer',
    kinds: data,
    fitsPrefixes: true,
    View: lazy(async () => (await import('./exchange.js')).ExchangeView),
  },
];

export function ServerPage({
  me,
  id,
  servers: list,
  menu,
}: {
  me: Me;
  id: string;
  servers: readonly ServerItem[];
  menu: ComponentChildren;
}) {
  const { parts, query } = usePlace();
  const about = useLoad((signal) => get<About>(`/api/servers/${encodeURIComponent(id)}/about`, signal), [id], 2000);
  const isDown = about.error !== undefined;
  const wasDown = useRef(false);
  useEffect(() => {
    if (wasDown.current && !isDown) dispatchEvent(new Event(answersAgain));
    wasDown.current = isDown;
  }, [isDown]);
  const item = list.find((server) => server.id === id);
  const name = item?.name ?? about.value?.name ?? '';
  const database = Number(query.get('db') ?? 0) || 0;
  const server = useMemo(() => new ServerApi(id, name, database), [id, name, database]);
  const kind = about.value?.kind;
  const shown = tabs.filter(
    (tab) =>
      (kind === undefined || tab.kinds.includes(kind)) &&
      mayAs(me, tab.role ?? 'viewer') &&
      (tab.needsCodis !== true || item?.codisDashboard !== undefined) &&
      (me.prefixes.length === 0 || tab.fitsPrefixes === true),
  );
  const tab = shown.find((one) => one.name === (parts[2] ?? 'overview')) ?? shown[0]!;
  useEffect(() => {
    if ('preload' in tab.View) tab.View.preload();
  }, [tab]);
  const strip = useRef<HTMLElement>(null);
  // On a phone the strip of tabs is longer than the screen.
  useEffect(() => {
    const current = strip.current?.querySelector<HTMLElement>('[aria-current]') ?? null;
    if (current !== null) strip.current!.scrollLeft = current.offsetLeft - strip.current!.clientWidth / 3;
  }, [tab, shown.length]);
  useEffect(() => {
    document.title = `${name} · ${t(tab.text)} · Kvasir`;
  }, [name, tab]);
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1>{name}</h1>
          <Marks about={about} />
          <span class="grow" />
          {about.value !== undefined && about.value.databaseCount > 1 && (
            <DatabaseChoice
              about={about.value}
              database={database}
              onChoose={(db) => goTo(['s', id, tab.name], db === 0 ? {} : { db })}
            />
          )}
        </div>
        <nav class="tabs" ref={strip} aria-label={t('Pages of {name}', { name })}>
          {shown.map(({ name: tabName, text }) => (
            <a
              key={tabName}
              href={linkTo(['s', id, tabName], database === 0 ? {} : { db: database })}
              aria-current={tabName === tab.name ? 'page' : undefined}
            >
              {t(text)}
            </a>
          ))}
        </nav>
      </div>
      <div class={`content ${tab.isFull === true && about.value !== undefined ? 'full' : ''}`}>
        {about.value === undefined ? (
          about.error === undefined ? (
            <Loading />
          ) : (
            <Failure error={about.error} retry={about.reload} />
          )
        ) : (
          <>
            {isDown && (
              <Failure
                error={about.error}
                hint={t('It is asked again every two seconds. Figures are those of its last answer.')}
              />
            )}
            <UndoNotice me={me} server={server} about={about.value} reloadAbout={about.reload} servers={list} />
            <Boundary key={`${tab.name}/${database}`}>
              <tab.View me={me} server={server} about={about.value} reloadAbout={about.reload} servers={list} />
            </Boundary>
          </>
        )}
      </div>
    </>
  );
}

function Marks({ about: { value, error } }: { about: Loaded<About> }) {
  if (value === undefined) return error === undefined ? null : <span class="badge danger">{t('down')}</span>;
  return (
    <>
      <span class={`badge ${error === undefined ? 'accent' : 'danger'}`}>
        {error === undefined
          ? value.product === 'other'
            ? t(value.kind)
            : `${value.product} ${shownStart(value.version, 40)}`
          : t('down')}
      </span>
      <span class="badge">{value.kind === 'standalone' ? t(value.role) : t(value.kind)}</span>
      {value.readOnlyReason !== undefined && (
        <span class="badge warn" title={said(value.readOnlyReason)}>
          <Glyph name="lock" /> {t('read-only')}
        </span>
      )}
    </>
  );
}

function DatabaseChoice({
  about,
  database,
  onChoose,
}: {
  about: About;
  database: number;
  onChoose: (index: number) => void;
}) {
  const keys = new Map(about.databases.map(({ index, keys: count }) => [index, count]));
  // Empty ones are hidden but for the first, the chosen one, and the next free one.
  const free = Array.from({ length: about.databaseCount }, (_, index) => index).find((index) => !keys.has(index));
  const shown = [...new Set([0, database, ...keys.keys(), ...(free === undefined ? [] : [free])])].sort(
    (a, b) => a - b,
  );
  return (
    <label class="row tight">
      <span class="muted small">{t('Database')}</span>
      <select value={String(database)} onChange={(event) => onChoose(Number(event.currentTarget.value))}>
        {shown.map((index) => (
          <option key={index} value={String(index)}>
            {keys.has(index) ? `${index} (${brief(keys.get(index)!)})` : `${index} (${t('empty')})`}
          </option>
        ))}
      </select>
    </label>
  );
}
