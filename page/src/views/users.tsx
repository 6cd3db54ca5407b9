// users: who may log in, with roles and limits, and who is logged in now.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { get, type Me, post, type Role } from '../base/api.js';
import { shown, shownStart, unshown } from '../base/bytes.js';
import { time } from '../base/format.js';
import { t } from '../base/i18n.js';
import { FormDialog } from '../base/form.js';
import { ask, Check, Failure, Field, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import type { ServerItem } from './server-item.js';

interface User {
  readonly name: string;
  readonly role: Role;
  readonly servers: readonly string[];
  readonly prefixes: readonly string[];
}

interface SessionItem {
  readonly id: string;
  readonly user: string;
  readonly address: string;
  readonly createdMs: number;
  readonly seenMs: number;
}

export function UsersView({ me, servers, menu }: { me: Me; servers: readonly ServerItem[]; menu: ComponentChildren }) {
  const [editing, setEditing] = useState<User | 'new' | undefined>();
  const loaded = useLoad((signal) => get<{ users: User[]; sessions: SessionItem[] }>('/api/users', signal), []);
  const remove = async (name: string): Promise<void> => {
    if (
      (await ask(t('Delete the user {name}?', { name }), t('The sessions of this user end at once.'), t('Delete'))) ===
      false
    )
      return;
    post(`/api/users/${encodeURIComponent(name)}/delete`).then(loaded.reload, sayError);
  };
  const end = (id: string): void => {
    post(`/api/sessions/${id}/end`).then(loaded.reload, sayError);
  };
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1 class="grow">{t('Users')}</h1>
          <button type="button" class="primary" onClick={() => setEditing('new')}>
            {t('Add user')}
          </button>
        </div>
        <div class="tabs" />
      </div>
      <div class="content">
        {loaded.error !== undefined && <Failure error={loaded.error} retry={loaded.reload} />}
        {loaded.value === undefined ? (
          loaded.error === undefined && <Loading />
        ) : (
          <div class="stack">
            <section class="panel">
              <Table
                label={t('Users')}
                columns={[
                  { name: t('Name'), show: ({ name }) => <b>{name}</b>, sort: ({ name }) => name },
                  { name: t('Role'), show: ({ role }) => <span class="badge accent">{t(role)}</span> },
                  {
                    name: t('Servers'),
                    show: (user) =>
                      user.servers.includes('*')
                        ? t('all')
                        : user.servers.map((id) => servers.find((server) => server.id === id)?.name ?? id).join(', '),
                  },
                  {
                    name: t('Keys'),
                    show: ({ prefixes }) =>
                      prefixes.length === 0 ? (
                        t('all')
                      ) : (
                        <span class="mono">{prefixes.map((prefix) => `${shownStart(prefix)}*`).join(' ')}</span>
                      ),
                  },
                  {
                    name: '',
                    show: (user) => (
                      <span class="row tight nowrap">
                        <button type="button" class="plain" onClick={() => setEditing(user)}>
                          {t('Change')}
                        </button>
                        {user.name !== me.name && (
                          <button type="button" class="plain danger" onClick={() => void remove(user.name)}>
                            {t('Delete')}
                          </button>
                        )}
                      </span>
                    ),
                  },
                ]}
                rows={loaded.value.users}
                keyOf={({ name }) => name}
              />
            </section>
            <section class="panel">
              <header>
                <h2>{t('Logged in now')}</h2>
              </header>
              <Table
                label={t('Logged in now')}
                columns={[
                  { name: t('User'), show: ({ user }) => user },
                  { name: t('Address'), show: ({ address }) => <span class="mono">{address}</span> },
                  { name: t('Since'), show: ({ createdMs }) => time(createdMs) },
                  { name: t('Last seen'), show: ({ seenMs }) => time(seenMs) },
                  {
                    name: '',
                    show: ({ id }) => (
                      <button type="button" class="plain danger" onClick={() => end(id)}>
                        {t('Log out')}
                      </button>
                    ),
                  },
                ]}
                rows={loaded.value.sessions}
                keyOf={({ id }) => id}
              />
            </section>
          </div>
        )}
      </div>
      {editing !== undefined && (
        <UserDialog
          user={editing === 'new' ? undefined : editing}
          servers={servers}
          onClose={() => setEditing(undefined)}
          onSaved={() => {
            setEditing(undefined);
            say(t('Saved'));
            loaded.reload();
          }}
        />
      )}
    </>
  );
}

const roleTexts: Readonly<Record<Role, string>> = {
  viewer: 'reads keys and figures',
  editor: 'changes keys as well',
  operator: 'runs servers as well: configuration, clients, scripts, clusters',
  admin: 'manages users and the list of servers as well',
};

function UserDialog({
  user,
  servers,
  onClose,
  onSaved,
}: {
  user: User | undefined;
  servers: readonly ServerItem[];
  onClose: () => void;
  onSaved: () => void;
}) {
  const [name, setName] = useState(user?.name ?? '');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Role>(user?.role ?? 'viewer');
  const [isAll, setAll] = useState(user === undefined || user.servers.includes('*'));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(user?.servers.filter((id) => id !== '*') ?? []));
  const [prefixes, setPrefixes] = useState(user?.prefixes.map(shown).join('\n') ?? '');
  const submit = async (): Promise<void> => {
    const body = {
      name,
      role,
      servers: isAll ? ['*'] : [...chosen],
      prefixes: prefixes
        .split('\n')
        .filter((line) => line !== '')
        .map(unshown),
      ...(password === '' ? {} : { password }),
    };
    await post('/api/users', body);
    onSaved();
  };
  return (
    <FormDialog
      title={user === undefined ? t('Add user') : t('Change {name}', { name: user.name })}
      onClose={onClose}
      onSubmit={submit}
    >
      <div class="form two">
        <Field label={t('Name')}>
          <input
            class="wide"
            required
            maxLength={64}
            value={name}
            disabled={user !== undefined}
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field
          label={t('Password')}
          help={user === undefined ? t('At least 8 characters.') : t('Empty: it stays as it is.')}
        >
          <input
            class="wide"
            type="password"
            autocomplete="new-password"
            required={user === undefined}
            minLength={8}
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </Field>
      </div>
      <Field label={t('Role')} help={t(roleTexts[role])}>
        <select class="wide" value={role} onChange={(event) => setRole(event.currentTarget.value as Role)}>
          {Object.keys(roleTexts).map((one) => (
            <option key={one} value={one}>
              {t(one)}
            </option>
          ))}
        </select>
      </Field>
      <fieldset>
        <legend>{t('Servers')}</legend>
        <div class="stack">
          <Check label={t('All servers')} checked={isAll} onChange={setAll} />
          {!isAll &&
            servers.map(({ id, name: text }) => (
              <Check
                key={id}
                label={text}
                checked={chosen.has(id)}
                onChange={(checked) => {
                  const next = new Set(chosen);
                  if (checked) next.add(id);
                  else next.delete(id);
                  setChosen(next);
                }}
              />
            ))}
        </div>
      </fieldset>
      <Field
        label={t('Prefixes of keys')}
        help={t(
          'One a line; none: all keys. Limited users see and change these keys only, and nothing that is about the whole server.',
        )}
      >
        <textarea
          rows={3}
          spellcheck={false}
          value={prefixes}
          onInput={(event) => setPrefixes(event.currentTarget.value)}
        />
      </Field>
    </FormDialog>
  );
}
