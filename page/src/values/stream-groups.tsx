// stream-groups: the groups of a stream, and of a chosen one its consumers and its pending entries.
import { useState } from 'preact/hooks';
import { fieldsIn, listIn, type Reply, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { count, duration } from '../base/format.js';
import { t } from '../base/i18n.js';
import { ask, type Column, Failure, IconButton, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import { ElementDialog } from './element-dialog.js';
import type { ValueProps } from './value-props.js';

type Fields = ReadonlyMap<string, Reply>;

const pendingPageSize = 50;
const idLengthMax = 50;
const nameOf = (fields: Fields): string => textIn(fields.get('name'));

/** Runs a change, says how it went, and true after one that succeeded. */
async function succeeds(change: () => Promise<unknown>): Promise<boolean> {
  try {
    await change();
    say(t('Done'));
    return true;
  } catch (error) {
    sayError(error);
    return false;
  }
}

export function Groups({ server, name, canWrite, round, onChanged }: ValueProps) {
  const [open, setOpen] = useState<string | undefined>();
  const [editing, setEditing] = useState<Fields | 'new' | undefined>();
  const groups = useLoad(
    async () => listIn(await server.one('XINFO', 'GROUPS', name)).map(fieldsIn),
    [server, name, round],
  );
  if (groups.value === undefined)
    return groups.error === undefined ? <Loading /> : <Failure error={groups.error} retry={groups.reload} />;
  const changed = (): void => {
    groups.reload();
    onChanged();
  };
  const remove = async (group: string): Promise<void> => {
    const title = t('Delete the group {name}?', { name: shownStart(group) });
    if ((await ask(title, t('Its consumers and pending entries go with it.'), t('Delete'))) === false) return;
    if (!(await succeeds(() => server.one('XGROUP', 'DESTROY', name, group)))) return;
    setOpen(undefined);
    changed();
  };
  const columns: Column<Fields>[] = [
    {
      name: t('Group'),
      show: (group) => (
        <button
          type="button"
          class="plain mono"
          aria-expanded={open === nameOf(group)}
          onClick={() => setOpen(open === nameOf(group) ? undefined : nameOf(group))}
        >
          {shownStart(nameOf(group))}
        </button>
      ),
    },
    { name: t('Consumers'), isNumber: true, show: (group) => textIn(group.get('consumers')) },
    { name: t('Pending'), isNumber: true, show: (group) => textIn(group.get('pending')) },
    {
      name: t('Last delivered'),
      show: (group) => <span class="mono">{shownStart(textIn(group.get('last-delivered-id')), idLengthMax)}</span>,
    },
    { name: t('Lag'), isNumber: true, show: (group) => textIn(group.get('lag')) || '–' },
  ];
  if (canWrite)
    columns.push({
      name: '',
      show: (group) => (
        <span class="row tight nowrap">
          <IconButton icon="edit" label={t('Edit')} onClick={() => setEditing(group)} />
          <IconButton icon="trash" label={t('Delete')} onClick={() => void remove(nameOf(group))} />
        </span>
      ),
    });
  const isNew = editing === 'new';
  return (
    <>
      <div class="value-tools">
        <span class="grow" />
        {canWrite && (
          <button type="button" onClick={() => setEditing('new')}>
            {t('Add group')}
          </button>
        )}
      </div>
      <div class="panel">
        <Table label={t('Groups')} columns={columns} rows={groups.value} keyOf={nameOf} />
      </div>
      {open !== undefined && (
        <GroupDetail {...{ server, name, canWrite, round }} key={open} onChanged={changed} group={open} />
      )}
      {editing !== undefined && (
        <ElementDialog
          title={isNew ? t('Add group') : t('Edit')}
          fields={[
            { name: 'group', text: t('Group'), value: isNew ? '' : nameOf(editing), isFixed: !isNew },
            {
              name: 'id',
              text: t('Begins after'),
              value: isNew ? '$' : textIn(editing.get('last-delivered-id')),
              help: t('$: new entries only; 0: all entries.'),
            },
          ]}
          onClose={() => setEditing(undefined)}
          onSave={async ({ group = '', id = '$' }) => {
            await server.one('XGROUP', isNew ? 'CREATE' : 'SETID', name, group, id);
            say(t('Saved'));
            changed();
          }}
        />
      )}
    </>
  );
}

function GroupDetail({ server, name, canWrite, round, onChanged, group }: ValueProps & { group: string }) {
  /** The ids that the pages of pending entries begin after; the last is that of the page which is shown. */
  const [starts, setStarts] = useState<readonly string[]>(['']);
  const [claimed, setClaimed] = useState<string | undefined>();
  const from = starts.at(-1)!;
  const detail = useLoad(async () => {
    const [consumers, summary, pending] = await server.run([
      ['XINFO', 'CONSUMERS', name, group],
      ['XPENDING', name, group],
      ['XPENDING', name, group, from === '' ? '-' : `(${from}`, '+', String(pendingPageSize + 1)],
    ]);
    return {
      consumers: listIn(consumers).map(fieldsIn),
      pendingCount: Number(textIn(listIn(summary)[0])),
      pending: listIn(pending).map((entry) => listIn(entry).map(textIn)),
    };
  }, [server, name, group, from, round]);
  if (detail.value === undefined)
    return detail.error === undefined ? <Loading /> : <Failure error={detail.error} retry={detail.reload} />;
  const { consumers, pendingCount } = detail.value;
  const pending = detail.value.pending.slice(0, pendingPageSize);
  const hasNext = detail.value.pending.length > pendingPageSize;
  const changed = (): void => {
    detail.reload();
    onChanged();
  };
  const acknowledge = async (id: string): Promise<void> => {
    if (await succeeds(() => server.one('XACK', name, group, id))) changed();
  };
  const removeConsumer = async (consumer: Fields): Promise<void> => {
    const title = t('Delete the consumer {name}?', { name: shownStart(nameOf(consumer)) });
    const text = t('Its {n} pending entries go with it.', { n: textIn(consumer.get('pending')) });
    if ((await ask(title, text, t('Delete'))) === false) return;
    if (await succeeds(() => server.one('XGROUP', 'DELCONSUMER', name, group, nameOf(consumer)))) changed();
  };
  const consumerColumns: Column<Fields>[] = [
    { name: t('Consumer'), show: (one) => <span class="mono">{shownStart(nameOf(one))}</span> },
    { name: t('Pending'), isNumber: true, show: (one) => textIn(one.get('pending')) },
    { name: t('Idle'), isNumber: true, show: (one) => duration(Number(textIn(one.get('idle'))) / 1000) },
  ];
  const pendingColumns: Column<string[]>[] = [
    { name: 'ID', show: ([id = '']) => <span class="mono">{shownStart(id, idLengthMax)}</span> },
    { name: t('Consumer'), show: ([, consumer = '']) => <span class="mono">{shownStart(consumer)}</span> },
    { name: t('Idle'), isNumber: true, show: ([, , idle]) => duration(Number(idle) / 1000) },
    { name: t('Deliveries'), isNumber: true, show: ([, , , deliveries]) => deliveries },
  ];
  if (canWrite) {
    consumerColumns.push({
      name: '',
      show: (one) => <IconButton icon="trash" label={t('Delete')} onClick={() => void removeConsumer(one)} />,
    });
    pendingColumns.push({
      name: '',
      show: ([id = '']) => (
        <span class="row tight nowrap">
          <button type="button" class="plain" onClick={() => void acknowledge(id)}>
            {t('Acknowledge')}
          </button>
          <button type="button" class="plain" onClick={() => setClaimed(id)}>
            {t('Hand over')}
          </button>
        </span>
      ),
    });
  }
  return (
    <>
      <h3>{t('Consumers of {name}', { name: shownStart(group) })}</h3>
      <div class="panel">
        <Table label={t('Consumers')} columns={consumerColumns} rows={consumers} keyOf={nameOf} />
      </div>
      <h3>
        {t('Pending entries')} ({count(pendingCount)})
      </h3>
      <div class="panel">
        <Table label={t('Pending entries')} columns={pendingColumns} rows={pending} keyOf={([id]) => id!} />
      </div>
      {(starts.length > 1 || hasNext) && (
        <div class="row">
          <button type="button" disabled={starts.length < 2} onClick={() => setStarts(starts.slice(0, -1))}>
            {t('Back')}
          </button>
          <button type="button" disabled={!hasNext} onClick={() => setStarts([...starts, pending.at(-1)![0]!])}>
            {t('Next')}
          </button>
          <span class="muted small">{t('Page {n}', { n: starts.length })}</span>
        </div>
      )}
      {claimed !== undefined && (
        <ElementDialog
          title={t('Hand over')}
          fields={[
            { name: 'id', text: 'ID', value: claimed, isFixed: true },
            { name: 'consumer', text: t('To the consumer'), value: '' },
          ]}
          onClose={() => setClaimed(undefined)}
          onSave={async ({ consumer = '' }) => {
            // JUSTID: nobody has been given the entry now, so it counts as no delivery.
            await server.one('XCLAIM', name, group, consumer, '0', claimed, 'JUSTID');
            say(t('Saved'));
            changed();
          }}
        />
      )}
    </>
  );
}
