// servers: all servers as cards with what matters at a glance; and their forms: add, change, find others through one.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { get, mayAs, type Me, post } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { brief, bytes, count, duration } from '../base/format.js';
import { Glyph } from '../base/icons.js';
import { t } from '../base/i18n.js';
import { linkTo } from '../base/router.js';
import { ask, Check, Dialog, Failure, Field, IconButton, say, sayError, useLoad } from '../base/ui.js';
import type { ServerItem } from './server-item.js';
import { infoNumber, type About } from './about.js';

export function ServersView({
  me,
  servers,
  menu,
  reload,
}: {
  me: Me;
  servers: readonly ServerItem[];
  menu: ComponentChildren;
  reload: () => void;
}) {
  const [editing, setEditing] = useState<ServerItem | 'new' | undefined>();
  const isAdmin = mayAs(me, 'admin');
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1 class="grow">{t('Servers')}</h1>
          {isAdmin && (
            <button type="button" class="primary" onClick={() => setEditing('new')}>
              <Glyph name="plus" /> {t('Add server')}
            </button>
          )}
        </div>
        <div class="tabs" />
      </div>
      <div class="content">
        {servers.length === 0 && (
          <div class="panel empty">
            <p>
              {isAdmin
                ? t(
                    'No server yet. Add one by its address, or name a sentinel or a node of a cluster to find the others.',
                  )
                : t('No server that you may see.')}
            </p>
            {isAdmin && (
              <button type="button" class="primary" onClick={() => setEditing('new')}>
                {t('Add server')}
              </button>
            )}
          </div>
        )}
        <div class="server-grid">
          {servers.map((server) => (
            <ServerCard key={server.id} server={server} {...(isAdmin ? { onEdit: () => setEditing(server) } : {})} />
          ))}
        </div>
      </div>
      {editing !== undefined && (
        <ServerForm
          server={editing === 'new' ? undefined : editing}
          onClose={() => setEditing(undefined)}
          onSaved={() => {
            setEditing(undefined);
            reload();
          }}
        />
      )}
    </>
  );
}

function ServerCard({ server, onEdit }: { server: ServerItem; onEdit?: () => void }) {
  const about = useLoad((signal) => get<About>(`/api/servers/${server.id}/about`, signal), [server.id], 5000);
  const { value } = about;
  const isDown = about.error !== undefined;
  return (
    <section class="card server-card" aria-label={server.name}>
      <div class="row">
        <span
          class={`dot ${isDown ? 'down' : value === undefined ? '' : 'up'}`}
          role="img"
          aria-label={isDown ? t('down') : t('up')}
        />
        <a class="title grow" href={linkTo(['s', server.id, 'overview'])}>
          {server.name}
        </a>
        {onEdit !== undefined && server.isFixed !== true && (
          <IconButton icon="edit" label={t('Change {name}', { name: server.name })} onClick={onEdit} />
        )}
      </div>
      <div class="row tight">
        {value !== undefined && (
          <span class="badge accent">
            {value.product === 'other' ? t(value.kind) : `${value.product} ${shownStart(value.version, 40)}`}
          </span>
        )}
        {value !== undefined && (
          <span class="badge">{value.kind === 'standalone' ? t(value.role) : t(value.kind)}</span>
        )}
        {(server.readOnly || value?.readOnlyReason !== undefined) && <span class="badge warn">{t('read-only')}</span>}
      </div>
      <div class="muted small mono">
        {server.nodes.slice(0, 2).join(', ')}
        {server.nodes.length > 2 ? ` +${server.nodes.length - 2}` : ''}
      </div>
      {isDown && <Failure error={about.error} />}
      {value !== undefined && !isDown && (
        <div class="row small muted">
          {glance(value).map((text, index) => (
            <span key={index}>{text}</span>
          ))}
        </div>
      )}
    </section>
  );
}

/** The figures that matter most of a server of each kind. */
function glance({ kind, info, databases }: About): string[] {
  const figure = (name: string): number => infoNumber(info, name);
  const uptime = duration(figure('uptime_in_seconds'));
  if (kind === 'sentinel') return [t('{n} masters', { n: count(figure('sentinel_masters')) }), uptime];
  if (kind === 'proxy')
    return [
      t('{n} pools', { n: [...info.matchAll(/^pool_[^:]*:(?!name=)/gm)].length }),
      t('{n} clients', { n: count(figure('connected_clients')) }),
      uptime,
    ];
  return [
    t('{n} keys', { n: brief(databases.reduce((sum, one) => sum + one.keys, 0)) }),
    bytes(figure('used_memory')),
    t('{n} ops/s', { n: brief(figure('instantaneous_ops_per_sec')) }),
    uptime,
  ];
}

interface Found {
  readonly name: string;
  readonly nodes: string[];
  readonly sentinelMaster?: string;
  readonly kind: string;
}

function ServerForm({
  server,
  onClose,
  onSaved,
}: {
  server: ServerItem | undefined;
  onClose: () => void;
  onSaved: () => void;
}) {
  const [name, setName] = useState(server?.name ?? '');
  const [nodes, setNodes] = useState(server?.nodes.join(', ') ?? '127.0.0.1:6379');
  const [user, setUser] = useState(server?.user ?? '');
  const [password, setPassword] = useState<string | undefined>(undefined);
  const [sentinelMaster, setMaster] = useState(server?.sentinelMaster ?? '');
  const [codisDashboard, setDashboard] = useState(server?.codisDashboard ?? '');
  const [group, setGroup] = useState(server?.group ?? '');
  const [separator, setSeparator] = useState(server?.separator ?? ':');
  const [isReadOnly, setReadOnly] = useState(server?.readOnly ?? false);
  const [tls, setTls] = useState<Readonly<Record<string, string | boolean>> | undefined>(server?.tls);
  const [result, setResult] = useState<string | Error | undefined>();
  const [found, setFound] = useState<Found[] | undefined>();
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const fields = (): Record<string, unknown> => ({
    name: name.trim() === '' ? nodes.split(',')[0]!.trim() : name,
    nodes: nodes.split(/[,\s]+/),
    ...(user === '' ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(sentinelMaster === '' ? {} : { sentinelMaster }),
    ...(codisDashboard === '' ? {} : { codisDashboard }),
    ...(group === '' ? {} : { group }),
    ...(tls === undefined ? {} : { tls }),
    ...(server === undefined ? {} : { id: server.id }),
    separator,
    readOnly: isReadOnly,
  });
  const busily = async (run: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setResult(undefined);
    try {
      await run();
    } catch (error) {
      setResult(error as Error);
    } finally {
      setBusy(false);
    }
  };
  const tryOut = (): Promise<void> =>
    busily(async () => {
      const { kind, role, product, version } = await post<{
        kind: string;
        role: string;
        product: string;
        version: string;
      }>('/api/servers/try', fields());
      setResult(
        t('It answers: {product} {version}, {kind}, {role}.', {
          product,
          version: shownStart(version, 40),
          kind: t(kind),
          role: t(role),
        }),
      );
    });
  const discover = (): Promise<void> =>
    busily(async () => {
      const list = (await post<{ found: Found[] }>('/api/servers/discover', fields())).found;
      setFound(list);
      setChosen(new Set(list.keys()));
    });
  const save = (): Promise<void> =>
    busily(async () => {
      await post(server === undefined ? '/api/servers' : `/api/servers/${server.id}`, fields());
      onSaved();
    });
  const addFound = (): Promise<void> =>
    busily(async () => {
      for (const [index, one] of found!.entries()) {
        if (!chosen.has(index)) continue;
        const { sentinelMaster: master, nodes: addresses } = one;
        await post('/api/servers', {
          ...fields(),
          name: one.name,
          nodes: addresses,
          sentinelMaster: master,
          id: undefined,
          password: one.kind === 'sentinel' ? undefined : password,
        });
      }
      onSaved();
    });
  const remove = async (): Promise<void> => {
    const answer = await ask(
      t('Remove {name} from the list', { name: server!.name }),
      t('The server itself is left alone.'),
      t('Remove'),
    );
    if (answer === false) return;
    try {
      await post(`/api/servers/${server!.id}/delete`);
      say(t('Removed'));
      onSaved();
    } catch (error) {
      sayError(error);
    }
  };
  return (
    <Dialog
      title={server === undefined ? t('Add server') : t('Change {name}', { name: server.name })}
      onClose={onClose}
    >
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void (found === undefined ? save() : addFound());
        }}
      >
        {found === undefined ? (
          <>
            <div class="form two">
              <Field label={t('Name')}>
                <input
                  class="wide"
                  value={name}
                  placeholder={nodes.split(',')[0]}
                  maxLength={100}
                  onInput={(event) => setName(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Group')}>
                <input
                  class="wide"
                  value={group}
                  maxLength={100}
                  onInput={(event) => setGroup(event.currentTarget.value)}
                />
              </Field>
            </div>
            <Field
              label={t('Address')}
              help={t('host:port, or the path of a socket; several nodes of a cluster or sentinels with commas.')}
            >
              <input
                class="wide mono"
                value={nodes}
                required
                spellcheck={false}
                onInput={(event) => setNodes(event.currentTarget.value)}
              />
            </Field>
            <div class="form two">
              <Field label={t('ACL user')}>
                <input
                  class="wide"
                  value={user}
                  autocomplete="off"
                  placeholder="default"
                  onInput={(event) => setUser(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Password')}>
                <input
                  class="wide"
                  type="password"
                  autocomplete="new-password"
                  value={password ?? ''}
                  placeholder={server?.hasPassword === true && password === undefined ? '••••••••' : ''}
                  onInput={(event) => setPassword(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Master behind sentinels')} help={t('The addresses are then sentinels.')}>
                <input
                  class="wide"
                  value={sentinelMaster}
                  placeholder="mymaster"
                  onInput={(event) => setMaster(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Dashboard of codis')} help={t('For proxies of a codis: host:port.')}>
                <input
                  class="wide"
                  value={codisDashboard}
                  placeholder="127.0.0.1:18080"
                  onInput={(event) => setDashboard(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Separator of the tree')}>
                <input
                  class="wide mono"
                  value={separator}
                  maxLength={10}
                  onInput={(event) => setSeparator(event.currentTarget.value)}
                />
              </Field>
            </div>
            <Check
              label={t('Read-only: nothing on it can be changed here')}
              checked={isReadOnly}
              onChange={setReadOnly}
            />
            <Check
              label={t('Connect by TLS')}
              checked={tls !== undefined}
              onChange={(checked) => setTls(checked ? {} : undefined)}
            />
            {tls !== undefined && (
              <div class="form two">
                {(['caFile', 'certFile', 'keyFile'] as const).map((file) => (
                  <Field
                    key={file}
                    label={
                      {
                        caFile: t('CA certificate (file)'),
                        certFile: t('Client certificate (file)'),
                        keyFile: t('Private key (file)'),
                      }[file]
                    }
                  >
                    <input
                      class="wide mono"
                      value={String(tls[file] ?? '')}
                      onInput={(event) => setTls({ ...tls, [file]: event.currentTarget.value })}
                    />
                  </Field>
                ))}
                <Check
                  label={t('Accept any certificate')}
                  checked={tls.insecure === true}
                  onChange={(insecure) => setTls({ ...tls, insecure })}
                />
              </div>
            )}
          </>
        ) : (
          <fieldset>
            <legend>{t('Found: add which?')}</legend>
            <div class="stack">
              {found.map((one, index) => (
                <Check
                  key={index}
                  label={`${shownStart(one.name)} (${t(one.kind)})`}
                  checked={chosen.has(index)}
                  onChange={(checked) => {
                    const next = new Set(chosen);
                    if (checked) next.add(index);
                    else next.delete(index);
                    setChosen(next);
                  }}
                />
              ))}
            </div>
          </fieldset>
        )}
        {result instanceof Error ? (
          <Failure error={result} />
        ) : (
          result !== undefined && (
            <div class="notice" role="status">
              {result}
            </div>
          )
        )}
        <footer>
          {server !== undefined && (
            <button type="button" class="danger" onClick={() => void remove()}>
              {t('Remove')}
            </button>
          )}
          <span class="grow" />
          {found === undefined && (
            <button type="button" disabled={isBusy} onClick={() => void tryOut()}>
              {t('Try')}
            </button>
          )}
          {server === undefined && found === undefined && (
            <button type="button" disabled={isBusy} onClick={() => void discover()}>
              {t('Find others')}
            </button>
          )}
          <button type="submit" class="primary" disabled={isBusy}>
            {found === undefined ? t('Save') : t('Add')}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
