// analysis: what the keyspace is made of, estimated from keys at random places.
import { useState } from 'preact/hooks';
import { escapedPattern, shown, shownStart } from '../base/bytes.js';
import { brief, bytes, count, duration, percent } from '../base/format.js';
import { t } from '../base/i18n.js';
import { linkTo } from '../base/router.js';
import { Failure, Loading, Table, useLoad } from '../base/ui.js';
import { KeyLink, linkedMax } from './key-link.js';
import type { ViewProps } from './server-page.js';
import { Bar } from './slowlog.js';

interface Sample {
  readonly total: number;
  readonly sampled: number;
  readonly isExact: boolean;
  readonly hasExactPrefixes: boolean;
  readonly prefixes: readonly { prefix: string; keys: number; bytes: number }[];
  readonly types: readonly { type: string; keys: number; bytes: number }[];
  readonly ttls: readonly { below: number; keys: number }[];
  readonly biggest: readonly { key: string; type: string; bytes: number; ttlMs: number }[];
}

export function AnalysisView({ server, about }: ViewProps) {
  const [round, setRound] = useState(0);
  const loaded = useLoad(
    (signal) => server.post<Sample>('sample', { separator: about.separator }, signal),
    [server, round],
  );
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const { total, sampled, isExact, hasExactPrefixes, prefixes, types, ttls, biggest } = loaded.value;
  const allBytes = types.reduce((sum, one) => sum + one.bytes, 0);
  const allKeys = types.reduce((sum, one) => sum + one.keys, 0);
  const about2 = isExact ? '' : '≈ ';
  const ttlName = (below: number): string =>
    below === -1
      ? t('does not expire')
      : below === 0
        ? t('over 30 days')
        : t('under {time}', { time: duration(below) });
  return (
    <div class="stack">
      <div class="notice row">
        <span class="grow">
          {isExact
            ? t('All {n} keys were looked at.', { n: count(total) })
            : t('Estimated from {sampled} keys at random places of {total}: shares are right within a few percent.', {
                sampled: count(sampled),
                total: count(total),
              })}
        </span>
        <button type="button" disabled={loaded.isLoading} onClick={() => setRound((old) => old + 1)}>
          {t('Again')}
        </button>
      </div>
      <div class="charts">
        <section class="panel">
          <header>
            <h2>{t('Types')}</h2>
          </header>
          <Table
            label={t('Types')}
            columns={[
              { name: t('Type'), show: ({ type }) => <span class={`type ${type}`}>{shownStart(type, 20)}</span> },
              {
                name: t('Keys'),
                isNumber: true,
                show: ({ keys }) => (
                  <>
                    {about2}
                    {brief(keys)}
                    <Bar share={keys / allKeys} />
                  </>
                ),
                sort: ({ keys }) => keys,
              },
              {
                name: t('Memory'),
                isNumber: true,
                show: (one) => (
                  <>
                    {about2}
                    {bytes(one.bytes)}
                    <Bar share={one.bytes / allBytes} />
                  </>
                ),
                sort: (one) => one.bytes,
              },
            ]}
            rows={types}
            keyOf={({ type }) => type}
          />
        </section>
        <section class="panel">
          <header>
            <h2>{t('Time to live')}</h2>
          </header>
          <Table
            label={t('Time to live')}
            columns={[
              { name: t('Expires'), show: ({ below }) => ttlName(below) },
              {
                name: t('Keys'),
                isNumber: true,
                show: ({ keys }) => (
                  <>
                    {about2}
                    {brief(keys)} <span class="muted">{percent(keys / allKeys)}</span>
                    <Bar share={keys / allKeys} />
                  </>
                ),
              },
            ]}
            rows={ttls}
            keyOf={({ below }) => String(below)}
          />
        </section>
      </div>
      <section class="panel">
        <header>
          <h2 class="grow">{t('Memory by prefix')}</h2>
          {hasExactPrefixes && <span class="badge accent">{t('keys counted by the server')}</span>}
        </header>
        <Table
          label={t('Memory by prefix')}
          first={{ column: 2, isDown: true }}
          columns={[
            {
              name: t('Prefix'),
              show: ({ prefix }) => (
                <a
                  class="mono"
                  href={linkTo(['s', server.id, 'keys'], {
                    db: server.database,
                    match: `${shown(escapedPattern(prefix.slice(0, linkedMax)))}*`,
                  })}
                >
                  {shownStart(prefix)}
                </a>
              ),
              sort: ({ prefix }) => prefix,
            },
            {
              name: t('Keys'),
              isNumber: true,
              show: ({ keys }) => `${hasExactPrefixes ? '' : about2}${brief(keys)}`,
              sort: ({ keys }) => keys,
            },
            {
              name: t('Memory'),
              isNumber: true,
              show: (one) => (
                <>
                  {about2}
                  {bytes(one.bytes)} <span class="muted">{percent(one.bytes / allBytes)}</span>
                  <Bar share={one.bytes / allBytes} />
                </>
              ),
              sort: (one) => one.bytes,
            },
            {
              name: t('Bytes a key'),
              isNumber: true,
              show: (one) => bytes(one.bytes / Math.max(1, one.keys)),
              sort: (one) => one.bytes / Math.max(1, one.keys),
            },
          ]}
          rows={prefixes}
          keyOf={({ prefix }) => prefix}
        />
      </section>
      <section class="panel">
        <header>
          <h2>{isExact ? t('Biggest keys') : t('Biggest keys of the sample')}</h2>
        </header>
        <Table
          label={t('Biggest keys')}
          columns={[
            {
              name: t('Key'),
              show: ({ key }) => <KeyLink server={server} name={key} />,
            },
            { name: t('Type'), show: ({ type }) => <span class={`type ${type}`}>{shownStart(type, 20)}</span> },
            { name: t('Memory'), isNumber: true, show: (one) => bytes(one.bytes), sort: (one) => one.bytes },
            {
              name: t('Time to live'),
              isNumber: true,
              show: ({ ttlMs }) => (ttlMs < 0 ? '–' : duration(ttlMs / 1000)),
            },
          ]}
          rows={biggest}
          keyOf={({ key }) => key}
        />
      </section>
    </div>
  );
}
