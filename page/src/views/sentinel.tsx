// sentinel: the masters that it watches with their replicas and other sentinels, failover by hand, and events as they happen.
import { useState } from 'preact/hooks';
import { fieldsIn, listIn, mayAs, type Reply, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { duration } from '../base/format.js';
import { t } from '../base/i18n.js';
import { useLive } from '../base/live.js';
import { ask, Failure, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

type Fields = ReadonlyMap<string, Reply>;
const flagsMax = 20;

const text = (fields: Fields, name: string): string => textIn(fields.get(name));
const shownText = (fields: Fields, name: string): string => shownStart(text(fields, name));
const address = (fields: Fields): string => `${shownText(fields, 'ip')}:${shownText(fields, 'port')}`;

export function SentinelView({ server, me }: ViewProps) {
  const [open, setOpen] = useState<string | undefined>();
  const masters = useLoad(async () => listIn(await server.one('SENTINEL', 'MASTERS')).map(fieldsIn), [server], 4000);
  if (masters.value === undefined)
    return masters.error === undefined ? <Loading /> : <Failure error={masters.error} retry={masters.reload} />;
  const failover = async (name: string): Promise<void> => {
    if (
      (await ask(
        t('Fail over {name} now?', { name: shownStart(name) }),
        t('A replica becomes the master; clients follow within seconds.'),
        t('Failover'),
      )) === false
    )
      return;
    server.one('SENTINEL', 'FAILOVER', name).then(() => say(t('The failover has begun.')), sayError);
  };
  return (
    <div class="stack">
      <section class="panel">
        <header>
          <h2>{t('Masters')}</h2>
        </header>
        <Table
          label={t('Masters')}
          columns={[
            {
              name: t('Name'),
              show: (master) => (
                <button
                  type="button"
                  class="plain"
                  aria-expanded={open === text(master, 'name')}
                  onClick={() => setOpen(open === text(master, 'name') ? undefined : text(master, 'name'))}
                >
                  <b>{shownText(master, 'name')}</b>
                </button>
              ),
            },
            {
              name: t('Address'),
              show: (master) => <span class="mono">{address(master)}</span>,
            },
            { name: t('State'), show: (master) => <Flags flags={text(master, 'flags')} /> },
            { name: t('Replicas'), isNumber: true, show: (master) => shownText(master, 'num-slaves') },
            { name: t('Other sentinels'), isNumber: true, show: (master) => shownText(master, 'num-other-sentinels') },
            { name: t('Quorum'), isNumber: true, show: (master) => shownText(master, 'quorum') },
            {
              name: t('Last answer'),
              isNumber: true,
              show: (master) => duration(Number(text(master, 'last-ok-ping-reply')) / 1000),
            },
            ...(mayAs(me, 'operator')
              ? [
                  {
                    name: '',
                    show: (master: Fields) => (
                      <button type="button" class="plain danger" onClick={() => void failover(text(master, 'name'))}>
                        {t('Failover')}
                      </button>
                    ),
                  },
                ]
              : []),
          ]}
          rows={masters.value}
          keyOf={(master) => text(master, 'name')}
        />
      </section>
      {open !== undefined && <MasterDetail server={server} name={open} />}
      <Events server={server} />
    </div>
  );
}

function Flags({ flags }: { flags: string }) {
  return (
    <>
      {flags.split(',', flagsMax).map((flag) => (
        <span
          key={flag}
          class={`badge spaced ${/down|disconnected/.test(flag) ? 'danger' : flag === 'master' ? 'accent' : ''}`}
        >
          {shownStart(flag)}
        </span>
      ))}
    </>
  );
}

function MasterDetail({ server, name }: { server: ViewProps['server']; name: string }) {
  const loaded = useLoad(
    async () => {
      const [replicas, sentinels, quorum] = await server.run(
        [
          ['SENTINEL', 'REPLICAS', name],
          ['SENTINEL', 'SENTINELS', name],
          ['SENTINEL', 'CKQUORUM', name],
        ],
        { keepsErrors: true },
      );
      return {
        replicas: listIn(replicas).map(fieldsIn),
        sentinels: listIn(sentinels).map(fieldsIn),
        quorum: typeof quorum === 'string' ? quorum : ((quorum as { error?: string }).error ?? ''),
      };
    },
    [server, name],
    4000,
  );
  if (loaded.value === undefined) return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} />;
  const { replicas, sentinels, quorum } = loaded.value;
  return (
    <section class="panel">
      <header>
        <h2 class="grow">{shownStart(name)}</h2>
        <span class={`badge wraps ${quorum.startsWith('OK') ? 'accent' : 'danger'}`}>{shownStart(quorum)}</span>
      </header>
      <Table
        label={t('Replicas')}
        columns={[
          {
            name: t('Replica'),
            show: (one) => <span class="mono">{address(one)}</span>,
          },
          { name: t('State'), show: (one) => <Flags flags={text(one, 'flags')} /> },
          { name: t('Link'), show: (one) => shownText(one, 'master-link-status') },
          { name: t('Priority'), isNumber: true, show: (one) => shownText(one, 'slave-priority') },
          { name: t('Offset'), isNumber: true, show: (one) => shownText(one, 'slave-repl-offset') },
        ]}
        rows={replicas}
        keyOf={(one) => text(one, 'name')}
      />
      <h3 class="between">{t('Other sentinels')}</h3>
      <Table
        label={t('Other sentinels')}
        columns={[
          {
            name: t('Sentinel'),
            show: (one) => <span class="mono">{address(one)}</span>,
          },
          { name: t('State'), show: (one) => <Flags flags={text(one, 'flags')} /> },
          {
            name: t('Last hello'),
            isNumber: true,
            show: (one) => duration(Number(text(one, 'last-hello-message')) / 1000),
          },
        ]}
        rows={sentinels}
        keyOf={(one) => text(one, 'name')}
      />
    </section>
  );
}

function Events({ server }: { server: ViewProps['server'] }) {
  const live = useLive<{ channel: string; text: string }>('message');
  return (
    <section class="panel">
      <header>
        <h2 class="grow">{t('Events')}</h2>
        {live.state === 'on' ? (
          <button type="button" onClick={live.stop}>
            {t('Stop')}
          </button>
        ) : (
          <button type="button" onClick={() => live.start(`${server.path}/subscribe?kind=pattern&channel=*`)}>
            {t('Follow')}
          </button>
        )}
      </header>
      <div class="live" role="log" aria-label={t('Events')} tabIndex={0}>
        {live.events.map((event, index) => (
          <div key={index}>
            <b>{shownStart(event.channel)}</b> {shownStart(event.text, 4000)}
          </div>
        ))}
        {live.events.length === 0 && <span class="muted">{live.state === 'on' ? t('Nothing yet.') : live.reason}</span>}
      </div>
    </section>
  );
}
