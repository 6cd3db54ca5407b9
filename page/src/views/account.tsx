// account: the person's own rights and password.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Me, post } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { FormPanel } from '../base/form.js';
import { t } from '../base/i18n.js';
import { Failure, Field, say } from '../base/ui.js';

export function AccountView({ me, menu }: { me: Me; menu: ComponentChildren }) {
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [error, setError] = useState<unknown>();
  const submit = (): void => {
    setError(undefined);
    if (next !== again) {
      setError(new Error(t('The two passwords differ.')));
      return;
    }
    post('/api/password', { old, new: next }).then(() => {
      say(t('Saved'));
      setOld('');
      setNext('');
      setAgain('');
    }, setError);
  };
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1 class="grow">{me.name}</h1>
        </div>
        <div class="tabs" />
      </div>
      <div class="content">
        <div class="stack">
          <section class="panel">
            <div class="body">
              <p>
                {t('Role')}: <span class="badge accent">{t(me.role)}</span>
              </p>
              <p>
                {t('Keys')}:{' '}
                {me.prefixes.length === 0 ? (
                  t('all')
                ) : (
                  <span class="mono">{me.prefixes.map((prefix) => `${shownStart(prefix)}*`).join(' ')}</span>
                )}
              </p>
            </div>
          </section>
          <FormPanel title={t('Change the password')} onSubmit={submit}>
            <div class="form narrow">
              <Field label={t('Old password')}>
                <input
                  type="password"
                  required
                  autocomplete="current-password"
                  value={old}
                  onInput={(event) => setOld(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('New password')} help={t('At least 8 characters.')}>
                <input
                  type="password"
                  required
                  minLength={8}
                  autocomplete="new-password"
                  value={next}
                  onInput={(event) => setNext(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('Password again')}>
                <input
                  type="password"
                  required
                  autocomplete="new-password"
                  value={again}
                  onInput={(event) => setAgain(event.currentTarget.value)}
                />
              </Field>
              {error !== undefined && <Failure error={error} />}
              <div class="row">
                <button type="submit" class="primary">
                  {t('Save')}
                </button>
              </div>
            </div>
          </FormPanel>
        </div>
      </div>
    </>
  );
}
