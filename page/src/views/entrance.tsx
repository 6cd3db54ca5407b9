// entrance: the login, and the making of the first user by the link that the program printed.
import { useEffect, useState } from 'preact/hooks';
import { get, post } from '../base/api.js';
import { language, t } from '../base/i18n.js';
import { Field } from '../base/ui.js';

interface Hello {
  readonly needsSetup: boolean;
  readonly aclLogin?: readonly { id: string; name: string }[];
}

export function Entrance({
  onEnter,
  onLanguage,
}: {
  onEnter: () => Promise<void>;
  onLanguage: (language: 'en' | 'zh-CN') => Promise<void>;
}) {
  const [hello, setHello] = useState<Hello | undefined>();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [server, setServer] = useState('');
  const [error, setError] = useState('');
  const [isBusy, setBusy] = useState(false);
  const token = /^#setup=([\w-]+)$/.exec(location.hash)?.[1];
  const isSetup = hello?.needsSetup === true && token !== undefined;
  useEffect(() => void get<Hello>('/api/hello').then(setHello, (failure: Error) => setError(failure.message)), []);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError('');
    if (isSetup && password !== again) {
      setError(t('The two passwords differ.'));
      return;
    }
    setBusy(true);
    try {
      if (isSetup) await post('/api/setup', { token, name, password });
      else await post('/api/login', { name, password, ...(server === '' ? {} : { server }) });
      if (token !== undefined) history.replaceState(null, '', '#/');
      await onEnter();
    } catch (failure) {
      setError((failure as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="login">
      <form class="panel stack" onSubmit={(event) => void submit(event)}>
        <div class="row">
          <img src="icon.svg" width="36" height="36" alt="" />
          <h1 class="grow">Kvasir</h1>
          <button type="button" class="plain" onClick={() => void onLanguage(language() === 'en' ? 'zh-CN' : 'en')}>
            {language() === 'en' ? '中文' : 'English'}
          </button>
        </div>
        {isSetup && <p class="muted">{t('Make the first user. It becomes an admin, who can make others.')}</p>}
        {hello?.needsSetup === true && token === undefined && (
          <div class="notice warn">
            {t('There is no user yet. Open the link that kvasir-admin printed when it started.')}
          </div>
        )}
        {hello?.aclLogin !== undefined && !isSetup && (
          <Field label={t('Log in as')}>
            <select class="wide" value={server} onChange={(event) => setServer(event.currentTarget.value)}>
              <option value="">{t('user of this page')}</option>
              {hello.aclLogin.map(({ id, name: text }) => (
                <option key={id} value={id}>
                  {t('ACL user of {name}', { name: text })}
                </option>
              ))}
            </select>
          </Field>
        )}
        <Field label={t('Name')}>
          <input
            class="wide"
            value={name}
            required
            autocomplete="username"
            autofocus
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field label={t('Password')} {...(isSetup ? { help: t('At least 8 characters.') } : {})}>
          <input
            class="wide"
            type="password"
            value={password}
            required
            autocomplete={isSetup ? 'new-password' : 'current-password'}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </Field>
        {isSetup && (
          <Field label={t('Password again')}>
            <input
              class="wide"
              type="password"
              value={again}
              required
              autocomplete="new-password"
              onInput={(event) => setAgain(event.currentTarget.value)}
            />
          </Field>
        )}
        {error !== '' && (
          <div class="notice error" role="alert">
            {error}
          </div>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {isSetup ? t('Make the user') : t('Log in')}
        </button>
      </form>
    </main>
  );
}
