// flush: deletes all keys of a database or of the server, with a copy before, and offers the undo on every tab while there is one.
import { useEffect, useState } from 'preact/hooks';
import { mayAs } from '../base/api.js';
import { brief, bytes, clockTime, count } from '../base/format.js';
import { FormPanel } from '../base/form.js';
import { t } from '../base/i18n.js';
import { JobView, useJob } from '../base/job.js';
import { ask, Check, Field, sayError, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

export function FlushPanel({ server, about, me, reloadAbout }: ViewProps) {
  const [what, setWhat] = useState<'one' | 'all'>('one');
  const [keepsCopy, setKeepsCopy] = useState(true);
  const [id, setId] = useState<string | undefined>();
  const job = useJob<{ keys?: number; canUndo: boolean }>(id);
  const state = job.job?.state;
  useEffect(() => {
    if (state !== undefined && state !== 'running') reloadAbout();
  }, [state]);
  if (!mayAs(me, 'operator') || me.prefixes.length > 0 || about.readOnlyReason !== undefined || about.kind === 'proxy')
    return null;
  const start = (): void => {
    const body = { ...(what === 'one' ? { onlyDatabase: server.database } : {}), withoutCopy: !keepsCopy };
    const title = what === 'one' ? t('Delete all keys of database {n}', { n: server.database }) : t('Delete all keys');
    withConfirm(server.name, title, (confirm) => server.post<{ job: string }>('flush', { ...body, confirm })).then(
      (started) => started !== undefined && setId(started.job),
      sayError,
    );
  };
  return (
    <FormPanel title={t('Delete all keys')} onSubmit={start}>
      {about.databaseCount > 1 && (
        <Field label={t('Keys of')}>
          <select value={what} onChange={(event) => setWhat(event.currentTarget.value as 'one' | 'all')}>
            <option value="one">{t('database {n} (FLUSHDB)', { n: server.database })}</option>
            <option value="all">{t('all databases (FLUSHALL)')}</option>
          </select>
        </Field>
      )}
      <Check
        label={t('Keep a copy for an hour, so that it can be undone')}
        checked={keepsCopy}
        onChange={setKeepsCopy}
      />
      <div class="row">
        <button type="submit" class="danger" disabled={state === 'running'}>
          {t('Delete all keys')} …
        </button>
      </div>
      <JobView {...job} unit={t('Keys copied:')} />
    </FormPanel>
  );
}

export function UndoNotice({ server, about, reloadAbout }: ViewProps) {
  const [id, setId] = useState<string | undefined>();
  const job = useJob<{ keys: number }>(id);
  const state = job.job?.state;
  useEffect(() => {
    if (state !== undefined && state !== 'running') reloadAbout();
  }, [state]);
  const { undo } = about;
  if (undo === undefined && job.job === undefined) return null;
  const drop = async (): Promise<void> => {
    const text = t('The deleted keys cannot be brought back then.');
    if ((await ask(t('Discard the copy?'), text, t('Discard'))) === false) return;
    server.post('undo/drop').then(reloadAbout, sayError);
  };
  return (
    <section class="notice stack undo" aria-label={t('Undo')}>
      {undo !== undefined && (
        <div class="row">
          <span class="grow">
            {t('{what} deleted {n} keys at {time}; a copy ({size}) is kept until {until}.', {
              what: undo.what,
              n: brief(undo.keys),
              time: clockTime(undo.atMs),
              size: bytes(undo.bytes),
              until: clockTime(undo.untilMs),
            })}
          </span>
          <button
            type="button"
            class="primary"
            disabled={state === 'running' || about.readOnlyReason !== undefined}
            onClick={() => void server.post<{ job: string }>('undo').then((started) => setId(started.job), sayError)}
          >
            {t('Undo')}
          </button>
          <button type="button" disabled={state === 'running'} onClick={() => void drop()}>
            {t('Discard')}
          </button>
        </div>
      )}
      <JobView {...job} unit={t('Bytes:')} />
      {job.job?.result !== undefined && <p>{t('{n} keys came in', { n: count(job.job.result.keys) })}</p>}
    </section>
  );
}
