// collections: hashes, lists, sets and sorted sets, a page at a time.
import { useState } from 'preact/hooks';
import { shownStart } from '../base/bytes.js';
import { count, duration } from '../base/format.js';
import { t } from '../base/i18n.js';
import { ask, type Column, Failure, IconButton, Loading, say, sayError, Table, useLoad } from '../base/ui.js';
import { Cell } from './cell.js';
import { type CollectionKind, type Element, hash, list, set, sortedSet } from './collection-kinds.js';
import { ElementDialog } from './element-dialog.js';
import { GeoMap } from './geo-map.js';
import type { ValueProps } from './value-props.js';

type Columns = (elements: readonly Element[]) => readonly Column<Element>[];

const hashColumns: Columns = (elements) => [
  { name: t('Field'), show: ({ name }) => <Cell text={name} />, sort: ({ name }) => name },
  { name: t('Value'), show: ({ value }) => <Cell text={value} />, sort: ({ value }) => value },
  ...(elements.some(({ ttlSeconds }) => ttlSeconds !== undefined)
    ? [
        {
          name: t('Time to live'),
          show: ({ ttlSeconds }: Element) => (ttlSeconds === undefined || ttlSeconds < 0 ? '–' : duration(ttlSeconds)),
        },
      ]
    : []),
];

const listColumns: Columns = () => [
  { name: t('Index'), isNumber: true, show: ({ name }) => name },
  { name: t('Value'), show: ({ value }) => <Cell text={value} /> },
];

const setColumns: Columns = () => [
  { name: t('Member'), show: ({ name }) => <Cell text={name} />, sort: ({ name }) => name },
];

const sortedSetColumns: Columns = () => [
  { name: t('Score'), isNumber: true, show: ({ value }) => value, sort: ({ value }) => Number(value) },
  { name: t('Member'), show: ({ name }) => <Cell text={name} />, sort: ({ name }) => name },
];

export const HashValue = (props: ValueProps) => <Collection {...props} kind={hash} columnsOf={hashColumns} />;
export const ListValue = (props: ValueProps) => <Collection {...props} kind={list} columnsOf={listColumns} />;
export const SetValue = (props: ValueProps) => <Collection {...props} kind={set} columnsOf={setColumns} />;
export const SortedSetValue = (props: ValueProps) => (
  <Collection {...props} kind={sortedSet} columnsOf={sortedSetColumns} isSortedSet />
);

function Collection({
  server,
  name,
  canWrite,
  round,
  onChanged,
  kind,
  columnsOf,
  isSortedSet,
}: ValueProps & { kind: CollectionKind; columnsOf: Columns; isSortedSet?: boolean }) {
  const [starts, setStarts] = useState<readonly string[]>(['']);
  const [match, setMatch] = useState('');
  const [typed, setTyped] = useState('');
  const [editing, setEditing] = useState<Element | 'new' | undefined>();
  const from = starts.at(-1)!;
  const hasPlaces = kind.hasPlaces && match === '';
  const [place, setPlace] = useState('');
  const page = useLoad(
    async () => ({ from, match, ...(await kind.load(server, name, from, match)) }),
    [server, name, from, match, round],
  );
  // While the next page loads, the one before is shown: its end is no longer where the next one begins.
  const isCurrent = page.value?.from === from && page.value.match === match;
  const changed = (): void => {
    page.reload();
    onChanged();
  };
  const remove = async (element: Element): Promise<void> => {
    const answer = await ask(t('Delete this element?'), shownStart(element.name), t('Delete'));
    if (answer === false) return;
    try {
      await kind.remove(server, name, element);
      say(t('Deleted'));
      changed();
    } catch (error) {
      sayError(error);
    }
  };
  const elements = page.value?.elements ?? [];
  const columns: Column<Element>[] = [...columnsOf(elements)];
  if (canWrite)
    columns.push({
      name: '',
      show: (element) => (
        <span class="row tight nowrap">
          {element.cut !== undefined && <span class="badge warn">{t('cut off')}</span>}
          {element.cut === undefined && (
            <IconButton icon="edit" label={t('Edit')} onClick={() => setEditing(element)} />
          )}
          {element.cut !== 'name' && (
            <IconButton icon="trash" label={t('Delete')} onClick={() => void remove(element)} />
          )}
        </span>
      ),
    });
  return (
    <div class="stack">
      <div class="value-tools">
        {kind.canMatch && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              setStarts(['']);
              setMatch(typed === '' || /[*?[]/.test(typed) ? typed : `*${typed}*`);
            }}
          >
            <input
              type="search"
              placeholder={t('Find in it')}
              aria-label={t('Find in it')}
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </form>
        )}
        {hasPlaces && (starts.length > 1 || page.value?.next !== undefined) && (
          <form
            class="row tight"
            onSubmit={(event) => {
              event.preventDefault();
              if (place !== '' && place !== from) setStarts([...starts, place]);
            }}
          >
            <input
              type="number"
              class="place"
              min="0"
              step="1"
              placeholder={t('Place')}
              aria-label={t('Place')}
              value={place}
              onInput={(event) => setPlace(event.currentTarget.value)}
            />
            <button type="submit">{t('Go to')}</button>
          </form>
        )}
        <span class="grow" />
        {canWrite && (
          <button type="button" onClick={() => setEditing('new')}>
            {t('Add element')}
          </button>
        )}
      </div>
      {page.value === undefined ? (
        page.error === undefined && <Loading />
      ) : (
        <div class="panel">
          <Table
            label={t('Elements')}
            columns={columns}
            rows={elements}
            keyOf={({ name: element }, index) => `${element}/${index}`}
          />
        </div>
      )}
      {page.error !== undefined && <Failure error={page.error} retry={page.reload} />}
      <div class="row">
        <button type="button" disabled={starts.length < 2} onClick={() => setStarts(starts.slice(0, -1))}>
          {t('Back')}
        </button>
        <button
          type="button"
          disabled={!isCurrent || page.value?.next === undefined}
          onClick={() => setStarts([...starts, page.value!.next!])}
        >
          {t('Next')}
        </button>
        <span class="muted small" role="status">
          {!isCurrent
            ? page.error === undefined && page.value !== undefined && t('Loading …')
            : !hasPlaces || elements.length === 0
              ? t('Page {n}', { n: starts.length })
              : t('Places {first} to {last}', {
                  first: count(Number(from)),
                  last: count(Number(from) + elements.length - 1),
                })}
          {match !== '' && isCurrent && page.value?.next !== undefined && ` · ${t('Next looks at further elements.')}`}
        </span>
      </div>
      {isSortedSet === true && elements.length > 0 && (
        <GeoMap server={server} name={name} members={elements.map(({ name: member }) => member)} />
      )}
      {editing !== undefined && (
        <ElementDialog
          title={editing === 'new' ? t('Add element') : t('Edit')}
          fields={kind.fields(editing === 'new' ? undefined : editing)}
          onClose={() => setEditing(undefined)}
          onSave={async (values) => {
            await kind.save(server, name, editing === 'new' ? undefined : editing, values);
            say(t('Saved'));
            changed();
          }}
        />
      )}
    </div>
  );
}
