// config: the configuration with help and marks at what differs from the default; changes ask for the server's name.
import { useState } from 'preact/hooks';
import { get } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { FormDialog } from '../base/form.js';
import { t } from '../base/i18n.js';
import { Check, Failure, Field, Loading, say, sayError, Table, useLoad, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

const valueMax = 2000;

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly isSecret: boolean;
  readonly help?: string;
  readonly initial?: string;
  readonly isImmutable?: boolean;
  readonly choices?: readonly string[];
  readonly isChanged: boolean;
}

export function ConfigView({ server }: ViewProps) {
  const [filter, setFilter] = useState('');
  const [isChangedOnly, setChangedOnly] = useState(false);
  const [editing, setEditing] = useState<Setting | undefined>();
  const loaded = useLoad((signal) => get<{ settings: Setting[] }>(`${server.path}/config`, signal), [server]);
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const wanted = filter.toLowerCase();
  const rows = loaded.value.settings.filter(
    ({ name, value, help = '', isChanged }) =>
      (!isChangedOnly || isChanged) && (wanted === '' || `${name} ${value} ${help}`.toLowerCase().includes(wanted)),
  );
  const rewrite = (): void => {
    server.one('CONFIG', 'REWRITE').then(() => say(t('The configuration file is written.')), sayError);
  };
  const save = async (setting: Setting, value: string): Promise<boolean> => {
    const done = await withConfirm(server.name, `CONFIG SET ${setting.name}`, (confirm) =>
      server.run([['CONFIG', 'SET', setting.name, value]], confirm === undefined ? {} : { confirm }),
    );
    if (done === undefined) return false;
    say(t('Saved'));
    loaded.reload();
    return true;
  };
  return (
    <section class="panel">
      <header>
        <h2 class="grow">{t('Configuration')}</h2>
        <Check label={t('Changed only')} checked={isChangedOnly} onChange={setChangedOnly} />
        <input
          type="search"
          placeholder={t('Filter')}
          aria-label={t('Filter')}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="button" onClick={rewrite}>
          {t('Write to the file')}
        </button>
      </header>
      <Table
        label={t('Configuration')}
        columns={[
          {
            name: t('Name'),
            show: ({ name, isChanged }) => (
              <>
                <span class="mono">{shownStart(name)}</span>{' '}
                {isChanged && <span class="badge accent">{t('changed')}</span>}
              </>
            ),
            sort: ({ name }) => name,
          },
          {
            name: t('Value'),
            show: ({ value, initial, isChanged }) => (
              <>
                <span class="mono">{value === '' ? '""' : shownStart(value, valueMax)}</span>
                {isChanged && <div class="muted small">{t('default: {value}', { value: initial || '""' })}</div>}
              </>
            ),
          },
          { name: t('Meaning'), show: ({ help = '' }) => <span class="muted small">{help}</span> },
          {
            name: '',
            show: (setting) =>
              setting.isImmutable === true ? (
                <span class="muted small">{t('at start only')}</span>
              ) : (
                <button
                  type="button"
                  class="plain"
                  aria-label={`${t('Edit')} ${setting.name}`}
                  onClick={() => setEditing(setting)}
                >
                  {t('Edit')}
                </button>
              ),
          },
        ]}
        rows={rows}
        keyOf={({ name }) => name}
      />
      {editing !== undefined && (
        <SettingDialog
          setting={editing}
          onClose={() => setEditing(undefined)}
          onSave={(value) => save(editing, value)}
        />
      )}
    </section>
  );
}

function SettingDialog({
  setting,
  onClose,
  onSave,
}: {
  setting: Setting;
  onClose: () => void;
  onSave: (value: string) => Promise<boolean>;
}) {
  const { name, help, choices, isSecret } = setting;
  const [value, setValue] = useState(isSecret ? '' : setting.value);
  return (
    <FormDialog title={shownStart(name)} onClose={onClose} onSubmit={() => onSave(value)}>
      {help !== undefined && <p class="muted">{help}</p>}
      <Field label={t('Value')}>
        {choices === undefined ? (
          <input
            class="wide mono"
            {...(isSecret ? { type: 'password' as const } : {})}
            autocomplete="off"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        ) : (
          <select class="wide" value={value} onChange={(event) => setValue(event.currentTarget.value)}>
            {choices.map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </select>
        )}
      </Field>
    </FormDialog>
  );
}
