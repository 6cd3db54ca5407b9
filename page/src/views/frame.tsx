// frame: the list of servers at the side, and beside it the view that the address names.
import { useEffect, useState } from 'preact/hooks';
import { get, mayAs, type Me, post } from '../base/api.js';
import { Boundary } from '../base/boundary.js';
import { Glyph } from '../base/icons.js';
import { language, t } from '../base/i18n.js';
import { linkTo, usePlace } from '../base/router.js';
import { theme, toggleTheme } from '../base/theme.js';
import { Failure, IconButton, Loading, sayError, useLoad } from '../base/ui.js';
import { lazy } from '../base/lazy.js';
import type { ServerItem } from './server-item.js';
import { ServerPage } from './server-page.js';
import { ServersView } from './servers.js';

const UsersView = lazy(async () => (await import('./users.js')).UsersView);
const AuditView = lazy(async () => (await import('./audit.js')).AuditView);
const AlertsView = lazy(async () => (await import('./alerts.js')).AlertsView);
const AccountView = lazy(async () => (await import('./account.js')).AccountView);

export function Frame({
  me,
  onLeave,
  onLanguage,
}: {
  me: Me;
  onLeave: () => void;
  onLanguage: (language: 'en' | 'zh-CN') => Promise<void>;
}) {
  const { parts } = usePlace();
  const [isOpen, setOpen] = useState(false);
  const servers = useLoad(
    (signal) => get<{ servers: ServerItem[] }>('/api/servers', signal),
    [
      // Others may have changed the list since it was looked at.
      parts[0],
    ],
  );
  const [, setThemeName] = useState(theme());
  useEffect(() => setOpen(false), [parts.join('/')]);
  useEffect(() => {
    const redraw = (): void => setThemeName(theme());
    addEventListener('themechange', redraw);
    return () => removeEventListener('themechange', redraw);
  }, []);
  const list = servers.value?.servers ?? [];
  const leave = async (): Promise<void> => {
    try {
      await post('/api/logout');
    } catch (error) {
      sayError(error);
    }
    onLeave();
  };
  const menu = (
    <IconButton icon="menu" label={t('Menu')} class="plain icon menu-button" onClick={() => setOpen(true)} />
  );
  return (
    <div class="frame">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        {t('Skip to the content')}
      </a>
      <button
        type="button"
        class={`scrim ${isOpen ? 'open' : ''}`}
        aria-label={t('Close')}
        tabIndex={-1}
        onClick={() => setOpen(false)}
      />
      <aside class={`side ${isOpen ? 'open' : ''}`} aria-label={t('Menu')}>
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" /> Kvasir
        </a>
        <nav aria-label={t('Servers')}>
          <a class="item" href="#/" aria-current={parts.length === 0 ? 'page' : undefined}>
            <Glyph name="server" /> <span class="name">{t('All servers')}</span>
          </a>
          {me.hasMonitor && (
            <a class="item" href="#/alerts" aria-current={parts[0] === 'alerts' ? 'page' : undefined}>
              <Glyph name="bell" /> <span class="name">{t('Alerts')}</span>
            </a>
          )}
          {grouped(list).map(([group, members]) => (
            <div key={group} role="group" aria-label={group === '' ? t('Servers') : group}>
              <div class="group">{group === '' ? t('Servers') : group}</div>
              {members.map(({ id, name, readOnly }) => (
                <a
                  key={id}
                  class="item"
                  href={linkTo(['s', id, parts[0] === 's' ? (parts[2] ?? 'overview') : 'overview'])}
                  aria-current={parts[0] === 's' && parts[1] === id ? 'page' : undefined}
                >
                  <span class="name">{name}</span>
                  {readOnly && <Glyph name="lock" />}
                </a>
              ))}
            </div>
          ))}
          {mayAs(me, 'admin') && (
            <div role="group" aria-label={t('Administration')}>
              <div class="group">{t('Administration')}</div>
              <a class="item" href="#/users" aria-current={parts[0] === 'users' ? 'page' : undefined}>
                <Glyph name="user" /> <span class="name">{t('Users')}</span>
              </a>
              <a class="item" href="#/audit" aria-current={parts[0] === 'audit' ? 'page' : undefined}>
                <Glyph name="list" /> <span class="name">{t('Audit log')}</span>
              </a>
            </div>
          )}
        </nav>
        <footer>
          <a class="item" href="#/account">
            <Glyph name="user" />
            <span class="name">{me.name}</span>
            <span class="badge">{t(me.role)}</span>
          </a>
          <div class="row tight">
            <IconButton
              icon={theme() === 'dark' ? 'sun' : 'moon'}
              label={theme() === 'dark' ? t('Light colours') : t('Dark colours')}
              onClick={toggleTheme}
            />
            <button
              type="button"
              class="plain"
              onClick={() => void onLanguage(language() === 'en' ? 'zh-CN' : 'en').then(() => setThemeName(theme()))}
            >
              <Glyph name="globe" /> {language() === 'en' ? '中文' : 'English'}
            </button>
            <span class="grow" />
            <IconButton icon="out" label={t('Log out')} onClick={() => void leave()} />
          </div>
        </footer>
      </aside>
      <main class="main" id="main" tabIndex={-1}>
        {servers.error !== undefined && <Failure error={servers.error} retry={servers.reload} />}
        <Boundary key={parts.slice(0, 2).join('/')}>
          {parts[0] === 's' && parts[1] !== undefined ? (
            <ServerPage key={parts[1]} me={me} id={parts[1]} servers={list} menu={menu} />
          ) : parts[0] === 'users' ? (
            <UsersView me={me} servers={list} menu={menu} />
          ) : parts[0] === 'audit' ? (
            <AuditView menu={menu} />
          ) : parts[0] === 'alerts' ? (
            <AlertsView me={me} servers={list} menu={menu} />
          ) : parts[0] === 'account' ? (
            <AccountView me={me} menu={menu} />
          ) : servers.value === undefined ? (
            <Loading />
          ) : (
            <ServersView me={me} servers={list} menu={menu} reload={servers.reload} />
          )}
        </Boundary>
      </main>
    </div>
  );
}

function grouped(list: readonly ServerItem[]): [string, ServerItem[]][] {
  const groups = new Map<string, ServerItem[]>();
  for (const server of list) {
    const members = groups.get(server.group ?? '') ?? [];
    members.push(server);
    groups.set(server.group ?? '', members);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}
