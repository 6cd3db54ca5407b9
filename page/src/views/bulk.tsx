// bulk: looks for keys by what they are and what they hold, and changes all that fit after showing how many they are.
import { useState } from 'preact/hooks';
import { mayAs } from '../base/api.js';
import { shownStart, unshown } from '../base/bytes.js';
import { bytes, count, duration } from '../base/format.js';
import { FormPanel } from '../base/form.js';
import { t } from '../base/i18n.js';
import { JobView, useJob } from '../base/job.js';
import { goInstead, usePlace } from '../base/router.js';
import { Check, Field, sayError, Segmented, Table, withConfirm } from '../base/ui.js';
import { KeyLink, linkedMax } from './key-link.js';
import { FlushPanel } from './flush.js';
import type { ViewProps } from './server-page.js';

interface Found {
  readonly keys: readonly string[];
  readonly measured: readonly { key: string; type: string; bytes: number; ttlMs: number }[];
  readonly isCut: boolean;
  readonly preview?: string;
}

type Change = 'delete' | 'expire' | 'persist' | 'rename' | 'copy';

export function BulkView(props: ViewProps) {
  const { server, about, me, servers } = props;
  const { query } = usePlace();
  const [pattern, setPattern] = useState(query.get('match') ?? '*');
  const [type, setType] = useState(query.get('type') ?? '');
  const [bytesMin, setBytesMin] = useState(query.get('kb') ?? '');
  const [ttl, setTtl] = useState(query.get('ttl') ?? '');
  const [ttlSecondsMax, setTtlSecondsMax] = useState(query.get('within') ?? '');
  const [contains, setContains] = useState('');
  const [searchId, setSearchId] = useState<string | undefined>();
  const [bulkId, setBulkId] = useState<string | undefined>();
  const search = useJob<Found>(searchId);
  const bulk = useJob<{ changed: number }>(bulkId);
  const conditions = {
    pattern: pattern === '*' ? '' : unshown(pattern),
    ...(type === '' ? {} : { type }),
    ...(bytesMin === '' ? {} : { bytesMin: Math.round(Number(bytesMin) * 1024) }),
    ...(ttl === '' ? {} : { ttl }),
    ...(ttlSecondsMax === '' ? {} : { ttlSecondsMax: Number(ttlSecondsMax) }),
    contains: unshown(contains),
  };
  const start = async (what: string, body: Record<string, unknown>): Promise<string> =>
    (await server.post<{ job: string }>(what, { ...conditions, ...body })).job;
  const find = (): void => {
    // For Back and for loading again; not what values contain, which may be a secret.
    const place = { match: pattern === '*' ? '' : pattern, type, kb: bytesMin, ttl, within: ttlSecondsMax };
    const typed = Object.entries(place).filter(([, value]) => value !== '' && value.length <= linkedMax);
    goInstead(['s', server.id, 'bulk'], {
      ...(server.database === 0 ? {} : { db: server.database }),
      ...Object.fromEntries(typed),
    });
    setBulkId(undefined);
    start('search', {}).then(setSearchId, sayError);
  };
  const found = search.job?.state === 'running' ? undefined : search.job?.result;
  const canWrite = mayAs(me, 'editor') && about.readOnlyReason === undefined;
  return (
    <div class="stack">
      <FormPanel title={t('Search')} onSubmit={find}>
        <div class="form two">
          <Field label={t('Pattern')}>
            <input
              class="wide mono"
              required
              value={pattern}
              spellcheck={false}
              onInput={(event) => setPattern(event.currentTarget.value)}
            />
          </Field>
          <Field label={t('Type')}>
            <select class="wide" value={type} onChange={(event) => setType(event.currentTarget.value)}>
              <option value="">{t('All types')}</option>
              {['string', 'hash', 'list', 'set', 'zset', 'stream'].map((one) => (
                <option key={one} value={one}>
                  {one}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t('At least so many KB of memory')}>
            <input
              class="wide"
              type="number"
              min="0"
              step="any"
              value={bytesMin}
              onInput={(event) => setBytesMin(event.currentTarget.value)}
            />
          </Field>
          <Field label={t('Time to live')}>
            <select class="wide" value={ttl} onChange={(event) => setTtl(event.currentTarget.value)}>
              <option value="">{t('with or without')}</option>
              <option value="with">{t('with')}</option>
              <option value="without">{t('without')}</option>
            </select>
          </Field>
          <Field label={t('Expires within seconds')}>
            <input
              class="wide"
              type="number"
              min="1"
              value={ttlSecondsMax}
              onInput={(event) => setTtlSecondsMax(event.currentTarget.value)}
            />
          </Field>
          <Field
            label={t('Value contains')}
            help={t('In the first megabyte of a string, the first 2,000 elements of others.')}
          >
            <input
              class="wide mono"
              value={contains}
              spellcheck={false}
              onInput={(event) => setContains(event.currentTarget.value)}
            />
          </Field>
        </div>
        <div class="row">
          <button type="submit" class="primary" disabled={search.job?.state === 'running'}>
            {t('Search')}
          </button>
        </div>
        <JobView {...search} unit={t('Keys looked at:')} />
      </FormPanel>
      {found !== undefined && (
        <section class="panel">
          <header>
            <h2 class="grow">{t('{n} keys fit', { n: count(search.job!.matched) })}</h2>
            {found.isCut && (
              <span class="muted small">{t('The first {n} are listed.', { n: count(found.keys.length) })}</span>
            )}
          </header>
          <Table
            label={t('Keys')}
            columns={[
              {
                name: t('Key'),
                show: ({ key }) => <KeyLink server={server} name={key} />,
                sort: ({ key }) => key,
              },
              ...(found.measured.length > 0
                ? [
                    {
                      name: t('Type'),
                      show: ({ type: kind = '' }: Measured) => (
                        <span class={`type ${kind}`}>{shownStart(kind, 20)}</span>
                      ),
                    },
                    {
                      name: t('Memory'),
                      isNumber: true,
                      show: (one: Measured) => bytes(one.bytes ?? NaN),
                      sort: (one: Measured) => one.bytes ?? 0,
                    },
                    {
                      name: t('Time to live'),
                      isNumber: true,
                      show: ({ ttlMs = -1 }: Measured) => (ttlMs < 0 ? '–' : duration(ttlMs / 1000)),
                      sort: ({ ttlMs = -1 }: Measured) => ttlMs,
                    },
                  ]
                : []),
            ]}
            rows={(found.measured.length > 0 ? found.measured : found.keys.map((key): Measured => ({ key }))).slice(
              0,
              1000,
            )}
            keyOf={({ key }) => key}
          />
          {canWrite && search.job!.matched > 0 && found.preview !== undefined && bulkId === undefined && (
            <BulkForm
              server={server}
              servers={servers}
              pattern={pattern}
              onStart={(change, body) => {
                const run = (confirm?: string): Promise<string> =>
                  start('bulk', { change, ...body, preview: found.preview, confirm });
                withConfirm(
                  server.name,
                  t('Change {n} keys: {change}', { n: count(search.job!.matched), change: t(change) }),
                  run,
                ).then((id) => id !== undefined && setBulkId(id), sayError);
              }}
            />
          )}
          <div class="body">
            <JobView {...bulk} unit={t('Keys looked at:')} />
            {bulk.job?.result !== undefined && <p>{t('{n} keys changed', { n: count(bulk.job.result.changed) })}</p>}
          </div>
        </section>
      )}
      <FlushPanel {...props} />
    </div>
  );
}

interface Measured {
  readonly key: string;
  readonly type?: string;
  readonly bytes?: number;
  readonly ttlMs?: number;
}

function BulkForm({
  server,
  servers,
  pattern,
  onStart,
}: {
  server: ViewProps['server'];
  servers: ViewProps['servers'];
  pattern: string;
  onStart: (change: Change, body: Record<string, unknown>) => void;
}) {
  const [change, setChange] = useState<Change>('expire');
  const [seconds, setSeconds] = useState('3600');
  const [from, setFrom] = useState(pattern.replace(/\*.*$/, ''));
  const [to, setTo] = useState('');
  const [replaces, setReplaces] = useState(false);
  const [target, setTarget] = useState(servers.find(({ id }) => id !== server.id)?.id ?? server.id);
  const [targetDatabase, setTargetDatabase] = useState('0');
  const body = {
    expire: { seconds: Number(seconds) },
    rename: { from: unshown(from), to: unshown(to), replaces },
    copy: { target, targetDatabase: Number(targetDatabase), replaces },
    delete: {},
    persist: {},
  }[change];
  return (
    <form
      class="body stack"
      onSubmit={(event) => {
        event.preventDefault();
        onStart(change, body);
      }}
    >
      <h3>{t('Change all that fit')}</h3>
      <Segmented
        label={t('Change')}
        choices={[
          ['expire', t('expire')],
          ['persist', t('persist')],
          ['rename', t('rename')],
          ['copy', t('copy')],
          ['delete', t('delete')],
        ]}
        chosen={change}
        onChoose={setChange}
      />
      <div class="form two">
        {change === 'expire' && (
          <Field label={t('Seconds')}>
            <input
              type="number"
              min="1"
              required
              value={seconds}
              onInput={(event) => setSeconds(event.currentTarget.value)}
            />
          </Field>
        )}
        {change === 'rename' && (
          <Field label={t('Old prefix')}>
            <input class="mono" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
          </Field>
        )}
        {change === 'rename' && (
          <Field label={t('New prefix')}>
            <input class="mono" required value={to} onInput={(event) => setTo(event.currentTarget.value)} />
          </Field>
        )}
        {change === 'copy' && (
          <Field label={t('To server')}>
            <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
              {servers.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </Field>
        )}
        {change === 'copy' && (
          <Field label={t('Database')}>
            <input
              type="number"
              min="0"
              value={targetDatabase}
              onInput={(event) => setTargetDatabase(event.currentTarget.value)}
            />
          </Field>
        )}
      </div>
      {(change === 'rename' || change === 'copy') && (
        <Check label={t('Replace keys that are there')} checked={replaces} onChange={setReplaces} />
      )}
      <div class="row">
        <button type="submit" class="danger">
          {t('Start')}
        </button>
      </div>
    </form>
  );
}
