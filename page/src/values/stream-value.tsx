// stream-value: a stream: its entries from the newest on, or its groups.
import { useState } from 'preact/hooks';
import { listIn, type Reply, textIn } from '../base/api.js';
import { shownStart, unshown } from '../base/bytes.js';
import { time } from '../base/format.js';
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
import { Groups } from './stream-groups.js';
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
    // The further lines of a value stand further in, or they would look like fields.
    const shownPairs = words.flatMap((word, index) =>
      index % 2 === 0 ? [`${shownStart(word)}: ${(words[index + 1] ?? '').replaceAll('\n', '\n  ')}`] : [],
    );
    return { id: textIn(id), text: shownPairs.join('\n') };
  });
}

/** The fields of a new entry: a line each, `name: value`, in which \xHH stands for a byte, so that a value may hold a line break. */
function pairsIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 0
        ? [unshown(line.trim()), '']
        : [unshown(line.slice(0, colon).trim()), unshown(line.slice(colon + 1).trimStart())];
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

function Entries({ server, name, canWrite, round, onChanged }: ValueProps) {
  const [ends, setEnds] = useState<readonly string[]>(['+']);
  const [isAdding, setAdding] = useState(false);
  const end = ends.at(-1)!;
  const page = useLoad(
    async () => entriesIn(await server.one('XREVRANGE', name, end, '-', 'COUNT', String(pageSize + 1))),
    [server, name, end, round],
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
              isRaw: true,
              help: t('One a line: name: value'),
            },
          ]}
          onClose={() => setAdding(false)}
          onSave={async ({ id = '*', pairs = '' }) => {
            await server.one('XADD', name, id, ...pairsIn(pairs));
            say(t('Saved'));
            // Where the new entry is.
            setEnds(['+']);
            changed();
          }}
        />
      )}
    </>
  );
}
