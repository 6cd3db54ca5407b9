// acl: the server's own users and what was denied.
import { useState } from 'preact/hooks';
import { fieldsIn, listIn, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { duration } from '../base/format.js';
import { t } from '../base/i18n.js';
import { FormDialog } from '../base/form.js';
import { Failure, Field, Loading, say, sayError, Table, useLoad, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

interface AclUser {
  readonly name: string;
  readonly rules: string;
}

const rulesMax = 2000;

export function AclView({ server }: ViewProps) {
  const [editing, setEditing] = useState<AclUser | undefined>();
  const loaded = useLoad(async () => {
    const [list, log] = await server.run([
      ['ACL', 'LIST'],
      ['ACL', 'LOG', '50'],
    ]);
    const users = listIn(list).map((line): AclUser => {
      const [, name = '', ...rules] = textIn(line).split(' ');
      // Hashes of passwords are of no use to a reader.
      return { name, rules: rules.map((rule) => (rule.startsWith('#') ? '#…' : rule)).join(' ') };
    });
    return { users, denials: listIn(log).map(fieldsIn) };
  }, [server]);
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const remove = async (name: string): Promise<void> => {
    try {
      if (
        (await withConfirm(server.name, `ACL DELUSER ${shownStart(name)}`, (confirm) =>
          server.run([['ACL', 'DELUSER', name]], confirm === undefined ? {} : { confirm }),
        )) === undefined
      )
        return;
      loaded.reload();
    } catch (error) {
      sayError(error);
    }
  };
  return (
    <div class="stack">
      <section class="panel">
        <header>
          <h2 class="grow">{t('ACL users')}</h2>
          <button type="button" onClick={() => server.one('ACL', 'SAVE').then(() => say(t('Saved')), sayError)}>
            {t('Write to the file')}
          </button>
          <button
            type="button"
            class="primary"
            onClick={() => setEditing({ name: '', rules: 'on >password ~app:* +@read' })}
          >
            {t('Add user')}
          </button>
        </header>
        <Table
          label={t('ACL users')}
          columns={[
            { name: t('Name'), show: ({ name }) => <span class="mono">{shownStart(name)}</span> },
            { name: t('Rules'), show: ({ rules }) => <span class="mono">{shownStart(rules, rulesMax)}</span> },
            {
              name: '',
              show: (user) => (
                <span class="row tight nowrap">
                  <button type="button" class="plain" onClick={() => setEditing({ name: user.name, rules: '' })}>
                    {t('Change')}
                  </button>
                  {user.name !== 'default' && (
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
          <h2>{t('Denied')}</h2>
        </header>
        <Table
          label={t('Denied')}
          columns={[
            { name: t('User'), show: (one) => shownStart(textIn(one.get('username'))) },
            { name: t('Reason'), show: (one) => shownStart(textIn(one.get('reason'))) },
            { name: t('Object'), show: (one) => <span class="mono">{shownStart(textIn(one.get('object')))}</span> },
            { name: t('Count'), isNumber: true, show: (one) => shownStart(textIn(one.get('count'))) },
            { name: t('Age'), isNumber: true, show: (one) => duration(Number(textIn(one.get('age-seconds')))) },
          ]}
          rows={loaded.value.denials}
          keyOf={(_, index) => String(index)}
        />
      </section>
      {editing !== undefined && (
        <AclDialog server={server} user={editing} onClose={() => setEditing(undefined)} onSaved={loaded.reload} />
      )}
    </div>
  );
}

function AclDialog({
  server,
  user,
  onClose,
  onSaved,
}: {
  server: ViewProps['server'];
  user: AclUser;
  onClose: () => void;
  onSaved: () => void;
}) {
  const [name, setName] = useState(user.name);
  const [rules, setRules] = useState(user.rules);
  return (
    <FormDialog
      title={user.name === '' ? t('Add user') : t('Change {name}', { name: shownStart(user.name) })}
      onClose={onClose}
      onSubmit={async () => {
        await server.one('ACL', 'SETUSER', name, ...rules.split(/\s+/).filter((rule) => rule !== ''));
        onSaved();
      }}
    >
      <Field label={t('Name')}>
        <input
          class="wide mono"
          required
          value={name}
          disabled={user.name !== ''}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </Field>
      <Field
        label={t('Rules')}
        help={t(
          'As in ACL SETUSER; they are added to what the user has. on, off, >password, ~pattern, &channel, +command, -command, +@category, reset',
        )}
      >
        <input
          class="wide mono"
          value={rules}
          spellcheck={false}
          onInput={(event) => setRules(event.currentTarget.value)}
        />
      </Field>
    </FormDialog>
  );
}
