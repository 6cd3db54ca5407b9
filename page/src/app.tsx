// app: the start of the page: who is logged in, which language, and then the frame with the view that the address names.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiFailure, get, type Me, setSession } from './base/api.js';
import { chooseLanguage, firstLanguage } from './base/i18n.js';
import { applyTheme } from './base/theme.js';
import { Failure, Loading, Questions, Toasts } from './base/ui.js';
import { Frame } from './views/frame.js';
import { Entrance } from './views/entrance.js';

function App() {
  const [me, setMe] = useState<Me | undefined>();
  const [state, setState] = useState<'loading' | 'out' | 'in' | Error>('loading');
  const [, setLanguage] = useState('');
  const enter = async (): Promise<void> => {
    try {
      const found = await get<Me>('/api/session');
      setSession(found.csrfToken, () => setState('out'));
      setMe(found);
      setState('in');
    } catch (error) {
      setState(error instanceof ApiFailure && error.code === 'no-session' ? 'out' : (error as Error));
    }
  };
  useEffect(() => void enter(), []);
  const onLanguage = async (wanted: 'en' | 'zh-CN'): Promise<void> => {
    await chooseLanguage(wanted);
    setLanguage(wanted);
  };
  return (
    <>
      {state === 'loading' && <Loading />}
      {state instanceof Error && <Failure error={state} retry={() => void enter()} />}
      {state === 'out' && <Entrance onEnter={enter} onLanguage={onLanguage} />}
      {state === 'in' && me !== undefined && <Frame me={me} onLeave={() => setState('out')} onLanguage={onLanguage} />}
      <Questions />
      <Toasts />
    </>
  );
}

applyTheme();
await chooseLanguage(firstLanguage());
render(<App />, document.getElementById('app')!);
