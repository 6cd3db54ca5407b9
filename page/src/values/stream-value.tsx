// stream-value: a stream: its entries from the newest on, its groups with consumers and pending entries.
import { useState } from 'preact/hooks';
import { fieldsIn, listIn, type Reply, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { count, duration, time } from '../base/format.js';
import { t } from '../base/i18n.js';
import {
  ask,
  type Column,
  Failure,
  IconButton,
  Loading,
  say,
  sayError,
  Segmented,
  Table,
  useLoad,
} from '../base/ui.js';
import { Cell } from './cell.js';
import { ElementDialog } from './element-dialog.js';
import type { ValueProps } from './value-props.js';

const pageSize = 50;

interface Entry {
  readonly id: string;
  readonly text: string;
}

function entriesIn(reply: Reply): Entry[] {
  return listIn(reply).map((entry) => {
    const [id, pairs] = listIn(entry);
    const words = listIn(pairs).map(textIn);
    const shownPairs = words.flatMap((word, index) =>
      index % 2 === 0 ? [`${shownStart(word)}: ${words[index + 1] ?? ''}`] : [],
    );
    return { id: textIn(id), text: shownPairs.join('\n') };
  });
}

export function StreamValue(props: ValueProps) {
  const [part, setPart] = useState<'entries' | 'groups'>('entries');
  return (
    <div class="stack">
      <Segmented
        label={t('Part')}
        choices={[
          ['entries', t('Entries')],
          ['groups', t('Groups')],
        ]}
        chosen={part}
        onChoose={setPart}
      />
      {part === 'entries' ? <Entries {...props} /> : <Groups {...props} />}
    </div>
  );
}

function Entries({ server, name, canWrite, onChanged }: ValueProps) {
  const [ends, setEnds] = useState<readonly string[]>(['+']);
  const [isAdding, setAdding] = useState(false);
  const end = ends.at(-1)!;
  const page = useLoad(
    async () => entriesIn(await server.one('XREVRANGE', name, end, '-', 'COUNT', String(pageSize + 1))),
    [server, name, end],
  );
  const changed = (): void => {
    page.reload();
    onChanged();
  };
  const remove = async (id: string): Promise<void> => {
    if ((await ask(t('Delete this element?'), id, t('Delete'))) === false) return;
    try {
      await server.one('XDEL', name, id);
      say(t('Deleted'));
      changed();
    } catch (error) {
      sayError(error);
    }
  };
  if (page.value === undefined)
    return page.error === undefined ? <Loading /> : <Failure error={page.error} retry={page.reload} />;
  const entries = page.value.slice(0, pageSize);
  const next = page.value[pageSize]?.id;
  const columns: Column<Entry>[] = [
    {
      name: 'ID',
      show: ({ id }) => (
        <span class="mono nowrap" title={time(Number(id.split('-')[0]))}>
          {shownStart(id, 50)}
        </span>
      ),
    },
    { name: t('Fields'), show: ({ text }) => <Cell text={text} /> },
  ];
  if (canWrite)
    columns.push({
      name: '',
      show: ({ id }) => <IconButton icon="trash" label={t('Delete')} onClick={() => void remove(id)} />,
    });
  return (
    <>
      <div class="value-tools">
        <span class="grow" />
        {canWrite && (
          <button type="button" onClick={() => setAdding(true)}>
            {t('Add entry')}
          </button>
        )}
      </div>
      <div class="panel">
        <Table label={t('Entries')} columns={columns} rows={entries} keyOf={({ id }) => id} />
      </div>
      <div class="row">
        <button type="button" disabled={ends.length < 2} onClick={() => setEnds(ends.slice(0, -1))}>
          {t('Newer')}
        </button>
        <button type="button" disabled={next === undefined} onClick={() => setEnds([...ends, next!])}>
          {t('Older')}
        </button>
      </div>
      {isAdding && (
        <ElementDialog
          title={t('Add entry')}
          fields={[
            { name: 'id', text: 'ID', value: '*' },
            {
              name: 'pairs',
              text: t('Fields'),
              value: 'field: value',
              isLong: true,
              help: t('One a line: name: value'),
            },
          ]}
          onClose={() => setAdding(false)}
          onSave={async ({ id = '*', pairs = '' }) => {
            const words = pairs
              .split('\n')
              .filter((line) => line.trim() !== '')
              .flatMap((line) => {
                const colon = line.indexOf(':');
                return [
                  line.slice(0, colon < 0 ? line.length : colon).trim(),
                  colon < 0 ? '' : line.slice(colon + 1).trimStart(),
                ];
              });
            await server.one('XADD', name, id, ...words);
            changed();
          }}
        />
      )}
    </>
  );
}

function Groups({ server, name, canWrite, onChanged }: ValueProps) {
  const [open, setOpen] = useState<string | undefined>();
  const [isAdding, setAdding] = useState(false);
  const groups = useLoad(async () => listIn(await server.one('XINFO', 'GROUPS', name)).map(fieldsIn), [server, name]);
  if (groups.value === undefined)
    return groups.error === undefined ? <Loading /> : <Failure error={groups.error} retry={groups.reload} />;
  const columns: Column<Map<string, Reply>>[] = [
    {
      name: t('Group'),
      show: (group) => (
        <button
          type="button"
          class="plain mono"
          aria-expanded={open === textIn(group.get('name'))}
          onClick={() => setOpen(textIn(group.get('name')))}
        >
          {shownStart(textIn(group.get('name')))}
        </button>
      ),
    },
    { name: t('Consumers'), isNumber: true, show: (group) => textIn(group.get('consumers')) },
    { name: t('Pending'), isNumber: true, show: (group) => textIn(group.get('pending')) },
    {
      name: t('Last delivered'),
      show: (group) => <span class="mono">{shownStart(textIn(group.get('last-delivered-id')), 50)}</span>,
    },
    { name: t('Lag'), isNumber: true, show: (group) => textIn(group.get('lag')) || '–' },
  ];
  const remove = async (group: string): Promise<void> => {
    if (
      (await ask(
        t('Delete the group {name}?', { name: shownStart(group) }),
        t('Its consumers and pending entries go with it.'),
        t('Delete'),
      )) === false
    )
      return;
    try {
      await server.one('XGROUP', 'DESTROY', name, group);
      setOpen(undefined);
      groups.reload();
      onChanged();
    } catch (error) {
      sayError(error);
    }
  };
  if (canWrite)
    columns.push({
      name: '',
      show: (group) => (
        <IconButton icon="trash" label={t('Delete')} onClick={() => void remove(textIn(group.get('name')))} />
      ),
    });
  return (
    <>
      <div class="value-tools">
        <span class="grow" />
        {canWrite && (
          <button type="button" onClick={() => setAdding(true)}>
            {t('Add group')}
          </button>
        )}
      </div>
      <div class="panel">
        <Table label={t('Groups')} columns={columns} rows={groups.value} keyOf={(group) => textIn(group.get('name'))} />
      </div>
      {open !== undefined && (
        <GroupDetail server={server} name={name} canWrite={canWrite} onChanged={onChanged} group={open} />
      )}
      {isAdding && (
        <ElementDialog
          title={t('Add group')}
          fields={[
            { name: 'group', text: t('Group'), value: '' },
            { name: 'id', text: t('Begins after'), value: '$', help: t('$: new entries only; 0: all entries.') },
          ]}
          onClose={() => setAdding(false)}
          onSave={async ({ group = '', id = '$' }) => {
            await server.one('XGROUP', 'CREATE', name, group, id);
            groups.reload();
          }}
        />
      )}
    </>
  );
}

function GroupDetail({ server, name, canWrite, group }: ValueProps & { group: string }) {
  const detail = useLoad(async () => {
    const [consumers, pending] = await server.run([
      ['XINFO', 'CONSUMERS', name, group],
      ['XPENDING', name, group, '-', '+', '100'],
    ]);
    return {
      consumers: listIn(consumers).map(fieldsIn),
      pending: listIn(pending).map((entry) => listIn(entry).map(textIn)),
    };
  }, [server, name, group]);
  if (detail.value === undefined) return detail.error === undefined ? <Loading /> : <Failure error={detail.error} />;
  const { consumers, pending } = detail.value;
  const acknowledge = async (id: string): Promise<void> => {
    try {
      await server.one('XACK', name, group, id);
      detail.reload();
    } catch (error) {
      sayError(error);
    }
  };
  return (
    <>
      <h3>{t('Consumers of {name}', { name: shownStart(group) })}</h3>
      <div class="panel">
        <Table
          label={t('Consumers')}
          columns={[
            { name: t('Consumer'), show: (one) => <span class="mono">{shownStart(textIn(one.get('name')))}</span> },
            { name: t('Pending'), isNumber: true, show: (one) => textIn(one.get('pending')) },
            { name: t('Idle'), isNumber: true, show: (one) => duration(Number(textIn(one.get('idle'))) / 1000) },
          ]}
          rows={consumers}
          keyOf={(one) => textIn(one.get('name'))}
        />
      </div>
      <h3>
        {t('Pending entries')} ({count(pending.length)})
      </h3>
      <div class="panel">
        <Table
          label={t('Pending entries')}
          columns={[
            { name: 'ID', show: ([id = '']) => <span class="mono">{shownStart(id, 50)}</span> },
            { name: t('Consumer'), show: ([, consumer]) => <span class="mono">{shownStart(consumer ?? '')}</span> },
            { name: t('Idle'), isNumber: true, show: ([, , idle]) => duration(Number(idle) / 1000) },
            { name: t('Deliveries'), isNumber: true, show: ([, , , deliveries]) => deliveries },
            ...(canWrite
              ? [
                  {
                    name: '',
                    show: ([id]: string[]) => (
                      <button type="button" class="plain" onClick={() => void acknowledge(id!)}>
                        {t('Acknowledge')}
                      </button>
                    ),
                  },
                ]
              : []),
          ]}
          rows={pending}
          keyOf={([id]) => id!}
        />
      </div>
    </>
  );
}
