// scripts: function libraries with their code, loading and deleting them, and what runs now.
import { useState } from 'preact/hooks';
import { errorIn, fieldsIn, listIn, mayAs, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import type { CodeEditorProps } from '../base/code-editor.js';
import { t } from '../base/i18n.js';
import { lazy } from '../base/lazy.js';
import { FormDialog } from '../base/form.js';
import { Check, Failure, Loading, say, sayError, useLoad, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

const CodeEditor = lazy<CodeEditorProps>(async () => (await import('../base/code-editor.js')).CodeEditor);

export function ScriptsView({ server, me }: ViewProps) {
  const [isAdding, setAdding] = useState(false);
  const loaded = useLoad(async () => {
    const [list, stats] = await server.run(
      [
        ['FUNCTION', 'LIST', 'WITHCODE'],
        ['FUNCTION', 'STATS'],
      ],
      { keepsErrors: true },
    );
    return {
      problem: errorIn(list),
      libraries: listIn(list).map(fieldsIn),
      running: listIn(fieldsIn(stats).get('running_script')).map(textIn),
    };
  }, [server]);
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const { problem, libraries, running } = loaded.value;
  const canWrite = mayAs(me, 'operator');
  const remove = (name: string): void => {
    withConfirm(server.name, t('Delete the library {name}?', { name: shownStart(name) }), (confirm) =>
      server.run([['FUNCTION', 'DELETE', name]], confirm === undefined ? {} : { confirm }),
    ).then((done) => done !== undefined && loaded.reload(), sayError);
  };
  const kill = (): void => {
    server.run([['SCRIPT', 'KILL']]).then(
      () => say(t('Killed')),
      () => server.one('FUNCTION', 'KILL').then(() => say(t('Killed')), sayError),
    );
  };
  return (
    <div class="stack">
      {running.length > 0 && (
        <div class="notice warn">
          {t('A script is running:')} <code>{shownStart(running.join(' '), 2000)}</code>
        </div>
      )}
      {problem !== undefined && <div class="notice warn">{shownStart(problem, 2000)}</div>}
      <div class="row">
        <h2 class="grow">{t('Function libraries')}</h2>
        {canWrite && (
          <button type="button" onClick={kill}>
            {t('Kill the running script')}
          </button>
        )}
        {canWrite && (
          <button type="button" class="primary" onClick={() => setAdding(true)}>
            {t('Load library')}
          </button>
        )}
      </div>
      {libraries.length === 0 && <div class="panel empty">{t('No libraries.')}</div>}
      {libraries.map((library) => {
        const name = textIn(library.get('library_name'));
        return (
          <section class="panel" key={name}>
            <header>
              <h3 class="grow mono">{shownStart(name)}</h3>
              <span class="badge">{shownStart(textIn(library.get('engine')))}</span>
              {canWrite && (
                <button type="button" class="danger" onClick={() => remove(name)}>
                  {t('Delete')}
                </button>
              )}
            </header>
            <div class="body stack">
              <div class="row">
                {listIn(library.get('functions')).map((entry) => {
                  const fields = fieldsIn(entry);
                  return (
                    <span
                      class="badge accent"
                      key={textIn(fields.get('name'))}
                      title={shownStart(listIn(fields.get('flags')).map(textIn).join(' '))}
                    >
                      {shownStart(textIn(fields.get('name')))}
                    </span>
                  );
                })}
              </div>
              <details>
                <summary>{t('Code')}</summary>
                <CodeEditor text={textIn(library.get('library_code'))} language="lua" label={t('Code')} />
              </details>
            </div>
          </section>
        );
      })}
      {isAdding && <LibraryDialog server={server} onClose={() => setAdding(false)} onAdded={loaded.reload} />}
    </div>
  );
}

function LibraryDialog({
  server,
  onClose,
  onAdded,
}: {
  server: ViewProps['server'];
  onClose: () => void;
  onAdded: () => void;
}) {
  const [code, setCode] = useState(
    "#!lua name=mylib\nredis.register_function('hello', function(keys, args)\n  return 'hello'\nend)\n",
  );
  const [replaces, setReplaces] = useState(false);
  const submit = async (): Promise<void> => {
    await server.one('FUNCTION', 'LOAD', ...(replaces ? ['REPLACE'] : []), code);
    onAdded();
  };
  return (
    <FormDialog title={t('Load library')} action={t('Load library')} onClose={onClose} onSubmit={submit} isWide>
      <CodeEditor text={code} language="lua" label={t('Code')} onChange={setCode} />
      <Check label={t('Replace a library of the same name')} checked={replaces} onChange={setReplaces} />
    </FormDialog>
  );
}
