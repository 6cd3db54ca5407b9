// audit: every change, newest first, and a check of the chain of hashes.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { get } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { count, time } from '../base/format.js';
import { t } from '../base/i18n.js';
import { Failure, Loading, sayError, Table, useLoad } from '../base/ui.js';

interface AuditLine {
  readonly n: number;
  readonly at: string;
  readonly user: string;
  readonly address: string;
  readonly server?: string;
  readonly action: string;
  readonly keys?: readonly string[];
  readonly moreKeys?: number;
  readonly detail?: string;
  readonly result: string;
}

export function AuditView({ menu }: { menu: ComponentChildren }) {
  const [before, setBefore] = useState<readonly number[]>([]);
  const [check, setCheck] = useState<{ lines: number; brokenAt?: number } | undefined>();
  const from = before.at(-1);
  const loaded = useLoad(
    (signal) => get<{ lines: AuditLine[] }>(`/api/audit${from === undefined ? '' : `?before=${from}`}`, signal),
    [from],
  );
  const lines = loaded.value?.lines ?? [];
  return (
    <>
      <div class="top">
        <div class="line">
          {menu}
          <h1 class="grow">{t('Audit log')}</h1>
          <button
            type="button"
            onClick={() => get<{ lines: number; brokenAt?: number }>('/api/audit/check').then(setCheck, sayError)}
          >
            {t('Check the chain')}
          </button>
        </div>
        <div class="tabs" />
      </div>
      <div class="content">
        <div class="stack">
          {check !== undefined && (
            <div class={`notice ${check.brokenAt === undefined ? '' : 'error'}`} role="status">
              {check.brokenAt === undefined
                ? t('All {n} lines are as they were written.', { n: count(check.lines) })
                : t('Line {n} was changed, or a line before it is missing.', { n: check.brokenAt })}
            </div>
          )}
          {loaded.error !== undefined && <Failure error={loaded.error} retry={loaded.reload} />}
          {loaded.value === undefined ? (
            loaded.error === undefined && <Loading />
          ) : (
            <section class="panel">
              <Table
                label={t('Audit log')}
                columns={[
                  { name: t('Time'), show: ({ at }) => <span class="nowrap">{time(Date.parse(at))}</span> },
                  {
                    name: t('User'),
                    show: ({ user, address }) => (
                      <>
                        {shownStart(user)}
                        <div class="muted small mono">{address}</div>
                      </>
                    ),
                  },
                  { name: t('Server'), show: ({ server }) => server ?? '' },
                  {
                    name: t('Action'),
                    show: ({ action, detail }) => (
                      <>
                        <span class="mono">{action}</span>
                        {detail !== undefined && <div class="muted small mono">{shownStart(detail, 1000)}</div>}
                      </>
                    ),
                  },
                  {
                    name: t('Keys'),
                    show: ({ keys = [], moreKeys = 0 }) =>
                      keys.length > 0 && (
                        <span class="mono small">
                          {keys.map((key) => shownStart(key)).join(', ')}
                          {moreKeys > 0 && ` +${moreKeys}`}
                        </span>
                      ),
                  },
                  {
                    name: t('Result'),
                    show: ({ result }) => (
                      <span class={`badge ${/^(ok|started|done)$/.test(result) ? '' : 'danger'}`}>
                        {shownStart(result)}
                      </span>
                    ),
                  },
                ]}
                rows={lines}
                keyOf={({ n }) => String(n)}
              />
            </section>
          )}
          <div class="row">
            <button type="button" disabled={before.length === 0} onClick={() => setBefore(before.slice(0, -1))}>
              {t('Newer')}
            </button>
            <button
              type="button"
              disabled={lines.length === 0 || lines.at(-1)!.n <= 1}
              onClick={() => setBefore([...before, lines.at(-1)!.n])}
            >
              {t('Older')}
            </button>
          </div>
        </div>
      </div>
    </>
  );
}
