// exchange: keys as a download, and out of a file into the server.
import { useEffect, useRef, useState } from 'preact/hooks';
import { mayAs, upload } from '../base/api.js';
import { base64UrlOf, unshown } from '../base/bytes.js';
import { bytes, count } from '../base/format.js';
import { FormPanel } from '../base/form.js';
import { Glyph } from '../base/icons.js';
import { t } from '../base/i18n.js';
import { JobView, useJob } from '../base/job.js';
import { Check, Field, sayError } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

export function ExchangeView({ server, about, me }: ViewProps) {
  const [format, setFormat] = useState('json');
  const [pattern, setPattern] = useState('');
  const [file, setFile] = useState<File | undefined>();
  const [importFormat, setImportFormat] = useState('json');
  const [mode, setMode] = useState('skip');
  const [keepsDatabases, setKeepsDatabases] = useState(false);
  const [jobId, setJobId] = useState<string | undefined>();
  /** Bytes of the file that are on their way to the program; undefined while none is sent. */
  const [sentBytes, setSentBytes] = useState<number | undefined>();
  const sending = useRef(new AbortController());
  useEffect(() => () => sending.current.abort(), []);
  const job = useJob<{ keys?: number; commands?: number }>(jobId);
  const canWrite = mayAs(me, 'editor') && about.readOnlyReason === undefined;
  const choose = (chosen: File | undefined): void => {
    setFile(chosen);
    if (chosen === undefined) return;
    if (/\.rdb$/i.test(chosen.name)) setImportFormat('rdb');
    else if (/\.csv$/i.test(chosen.name)) setImportFormat('csv');
    else if (/\.(redis|txt|aof)$/i.test(chosen.name)) setImportFormat('commands');
    else setImportFormat('json');
  };
  const start = async (): Promise<void> => {
    sending.current = new AbortController();
    setJobId(undefined);
    setSentBytes(0);
    try {
      const words = new URLSearchParams({
        format: importFormat,
        mode,
        name: file!.name,
        ...(keepsDatabases ? {} : { database: String(server.database) }),
      });
      const path = `${server.path}/import?${words.toString()}`;
      setJobId((await upload<{ job: string }>(path, file!, setSentBytes, sending.current.signal))?.job);
    } catch (error) {
      sayError(error);
    } finally {
      setSentBytes(undefined);
    }
  };
  const query = new URLSearchParams({
    format,
    database: String(server.database),
    pattern64: base64UrlOf(unshown(pattern)),
  });
  const result = job.job?.result;
  return (
    <div class="stack">
      <section class="panel">
        <header>
          <h2>{t('Export')}</h2>
        </header>
        <div class="body stack">
          <div class="form two">
            <Field label={t('Format')}>
              <select class="wide" value={format} onChange={(event) => setFormat(event.currentTarget.value)}>
                <option value="json">{t('JSON lines (kvasir-dump)')}</option>
                <option value="csv">CSV</option>
                <option value="commands">{t('Commands')}</option>
                <option value="rdb">RDB</option>
              </select>
            </Field>
            <Field label={t('Pattern')}>
              <input
                class="wide mono"
                value={pattern}
                placeholder="*"
                spellcheck={false}
                onInput={(event) => setPattern(event.currentTarget.value)}
              />
            </Field>
          </div>
          <div class="row">
            <a class="button" href={`${server.path}/export?${query.toString()}`} download="">
              <Glyph name="download" /> {t('Download database {n}', { n: server.database })}
            </a>
          </div>
        </div>
      </section>
      {canWrite && (
        <FormPanel title={t('Import')} onSubmit={() => void start()}>
          <div class="form two">
            <Field label={t('File')}>
              <input class="wide" type="file" required onChange={(event) => choose(event.currentTarget.files?.[0])} />
            </Field>
            <Field label={t('Format')}>
              <select
                class="wide"
                value={importFormat}
                onChange={(event) => setImportFormat(event.currentTarget.value)}
              >
                <option value="json">{t('JSON lines (kvasir-dump, redis-dump)')}</option>
                <option value="csv">CSV</option>
                <option value="rdb">RDB</option>
                <option value="commands">{t('Commands')}</option>
              </select>
            </Field>
            {importFormat !== 'commands' && (
              <Field label={t('Keys that are there')}>
                <select class="wide" value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
                  <option value="skip">{t('stay as they are')}</option>
                  <option value="replace">{t('are replaced')}</option>
                  <option value="merge">{t('get the elements added')}</option>
                </select>
              </Field>
            )}
          </div>
          {about.databaseCount > 1 && (
            <Check
              label={t('Keep the databases of the file (else all keys go into database {n})', { n: server.database })}
              checked={keepsDatabases}
              onChange={setKeepsDatabases}
            />
          )}
          <div class="row">
            <button
              type="submit"
              class="primary"
              disabled={sentBytes !== undefined || file === undefined || job.job?.state === 'running'}
            >
              <Glyph name="upload" /> {t('Import')} {file !== undefined && `(${bytes(file.size)})`}
            </button>
          </div>
          {sentBytes !== undefined && file !== undefined && (
            <section class="stack" aria-label={t('Upload')}>
              <div class="row" role="status">
                <span class="badge">{t('running')}</span>
                <span class="grow">
                  {t('Upload')} {bytes(sentBytes)} / {bytes(file.size)}
                </span>
                <button type="button" onClick={() => sending.current.abort()}>
                  {t('Cancel')}
                </button>
              </div>
              <progress aria-label={t('Upload')} max={file.size || 1} value={Math.min(sentBytes, file.size)} />
            </section>
          )}
          <JobView {...job} unit={t('Bytes:')} />
          {result?.keys !== undefined && <p>{t('{n} keys came in', { n: count(result.keys) })}</p>}
          {result?.commands !== undefined && <p>{t('{n} commands ran', { n: count(result.commands) })}</p>}
        </FormPanel>
      )}
    </div>
  );
}
