// keys: the tree of keys at one side, the chosen key at the other.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { mayAs } from '../base/api.js';
import { shown, shownStart, unshown } from '../base/bytes.js';
import { brief, count } from '../base/format.js';
import { Glyph } from '../base/icons.js';
import { t } from '../base/i18n.js';
import { NameText } from '../base/name-text.js';
import { goInstead, goTo, usePlace } from '../base/router.js';
import { answersAgain, IconButton } from '../base/ui.js';
import { AddKey } from './add-key.js';
import { KeyDetail } from './key-detail.js';
import { linkedMax } from './key-link.js';
import type { ViewProps } from './server-page.js';
import { scrollScale } from './scroll-scale.js';
import { type Row, TreeModel } from './tree-model.js';

const rowHeight = 30;
const rowsBeyond = 12;
const titleMax = 1000;
const typesAtOnce = 200;
const types = ['string', 'hash', 'list', 'set', 'zset', 'stream'] as const;

export function KeysView(props: ViewProps) {
  const { server, about, me } = props;
  const { query } = usePlace();
  // What is looked at is in the address, for Back, for loading again, and for sending to somebody.
  const pattern = query.get('match') ?? '';
  const type = query.get('type') ?? '';
  const linked = query.get('key') ?? undefined;
  const [typed, setTyped] = useState(pattern);
  useEffect(() => setTyped(pattern), [pattern]);
  const [round, setRound] = useState(0);
  const [, redraw] = useState(0);
  const [isAdding, setAdding] = useState(false);
  /** A name that is too long for an address. */
  const [unlinked, setUnlinked] = useState<string | undefined>(undefined);
  useEffect(() => setUnlinked(undefined), [linked]);
  const chosen = unlinked ?? (linked === undefined ? undefined : unshown(linked));
  const look = (
    at: { match?: string | undefined; type?: string | undefined; key?: string | undefined },
    go: typeof goTo = goTo,
  ): void => {
    const all = { match: pattern, type, key: linked, ...at };
    go(['s', server.id, 'keys'], {
      ...(server.database === 0 ? {} : { db: server.database }),
      ...(all.match === '' || all.match === undefined ? {} : { match: all.match }),
      ...(all.type === '' || all.type === undefined ? {} : { type: all.type }),
      ...(all.key === undefined ? {} : { key: all.key }),
    });
  };
  const choose = (key: string | undefined, go: typeof goTo = goTo): void => {
    if (key !== undefined && key.length > linkedMax) setUnlinked(key);
    else {
      setUnlinked(undefined);
      look({ key: key === undefined ? undefined : shown(key) }, go);
    }
  };
  const separator = about.separator;
  const model = useMemo(
    () =>
      new TreeModel(server, separator, patternOf(pattern), type === '' ? undefined : type, () =>
        redraw((old) => old + 1),
      ),
    [server, separator, pattern, type, round],
  );
  useEffect(() => {
    void model.load(model.root);
    const again = (): void => {
      if (model.root.error !== undefined) void model.load(model.root);
    };
    addEventListener(answersAgain, again);
    return () => {
      removeEventListener(answersAgain, again);
      model.close();
    };
  }, [model]);
  const total = about.databases.find(({ index }) => index === server.database)?.keys ?? 0;
  const canWrite = mayAs(me, 'editor') && about.readOnlyReason === undefined;
  const { root } = model;
  // INFO may be older than the tree.
  const { known } = model;
  const isFiltered = pattern !== '' || type !== '';
  return (
    <div class={`keys ${chosen === undefined ? '' : 'has-detail'}`}>
      <section class="browser" aria-label={t('Keys')}>
        <form
          class="tools"
          onSubmit={(event) => {
            event.preventDefault();
            if (typed === pattern) setRound((old) => old + 1);
            else look({ match: typed });
          }}
        >
          <div class="row">
            <input
              type="search"
              class="grow"
              value={typed}
              placeholder={t('Pattern: user:* or text')}
              aria-label={t('Pattern')}
              spellcheck={false}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
            <IconButton icon="search" label={t('Search')} type="submit" />
            <IconButton icon="refresh" label={t('Load again')} onClick={() => setRound((old) => old + 1)} />
          </div>
          <div class="row">
            <select aria-label={t('Type')} value={type} onChange={(event) => look({ type: event.currentTarget.value })}>
              <option value="">{t('All types')}</option>
              {types.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
            <span class="grow" />
            {canWrite && (
              <button type="button" onClick={() => setAdding(true)}>
                <Glyph name="plus" /> {t('Add key')}
              </button>
            )}
          </div>
        </form>
        <Tree model={model} chosen={chosen} onChoose={choose} server={server} />
        <div class="foot" role="status">
          <span class="grow">
            {root.isDone
              ? isFiltered
                ? t('{n} keys fit', { n: count(known) })
                : t('{n} keys in all', { n: count(Math.max(total, known)) })
              : t('{seen} of {total} looked at', { seen: brief(Math.min(root.scanned, total)), total: brief(total) })}
          </span>
          {!root.isDone && !root.isLoading && (
            <button type="button" class="plain" onClick={() => void model.load(root, true)}>
              {t('Load all')}
            </button>
          )}
          {root.isLoading && (
            <>
              <progress aria-label={t('Loading …')} max={Math.max(1, total)} value={Math.min(root.scanned, total)} />
              <button type="button" class="plain" onClick={() => model.halt()}>
                {t('Stop')}
              </button>
            </>
          )}
        </div>
      </section>
      <section class="detail" aria-label={t('Key')}>
        {chosen === undefined ? (
          <div class="empty">
            <p>{t('Choose a key to see its value.')}</p>
            <p class="small">{t('Folders load when they are opened; nothing walks the whole keyspace.')}</p>
          </div>
        ) : (
          <KeyDetail
            {...props}
            key={chosen}
            name={chosen}
            canWrite={canWrite}
            onBack={() => choose(undefined)}
            onGone={() => {
              model.remove(chosen);
              choose(undefined, goInstead);
            }}
            onRenamed={(to) => {
              model.remove(chosen);
              model.add(to);
              choose(to, goInstead);
            }}
            onCopied={(to) => model.add(to)}
          />
        )}
      </section>
      {isAdding && (
        <AddKey
          server={server}
          prefix={me.prefixes[0] ?? ''}
          onClose={() => setAdding(false)}
          onAdded={(key) => {
            setAdding(false);
            model.add(key);
            choose(key);
            props.reloadAbout();
          }}
        />
      )}
    </div>
  );
}

/** A text without special characters is looked for anywhere in the name. */
function patternOf(text: string): string {
  const wanted = unshown(text.trim());
  return wanted === '' || /[*?[\]]/.test(wanted) ? wanted : `*${wanted}*`;
}

function Tree({
  model,
  chosen,
  onChoose,
  server,
}: {
  model: TreeModel;
  chosen: string | undefined;
  onChoose: (key: string) => void;
  server: ViewProps['server'];
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [focused, setFocused] = useState(0);
  const { rowCount } = model;
  const { height, topOf, scrollOf } = scrollScale(rowCount * rowHeight, view.height);
  const top = topOf(view.top);
  const shift = top - view.top;
  const first = Math.max(0, Math.floor(top / rowHeight) - rowsBeyond);
  const last = Math.min(rowCount, Math.ceil((top + view.height) / rowHeight) + rowsBeyond);
  const seen = model.rowsFrom(first, last);
  const kinds = useTypes(server, seen);
  useEffect(() => {
    const element = scroller.current!;
    const measure = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    measure();
    const resized = new ResizeObserver(measure);
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  const act = (row: Row): void => {
    if (row.kind === 'folder') model.toggle(row);
    else if (row.kind === 'key') onChoose(row.key);
    else void model.load(row.folder);
  };
  const move = (to: number): void => {
    const index = Math.max(0, Math.min(rowCount - 1, to));
    setFocused(index);
    const element = scroller.current!;
    const seenFrom = topOf(element.scrollTop);
    if (index * rowHeight < seenFrom) element.scrollTop = scrollOf(index * rowHeight);
    else if ((index + 1) * rowHeight > seenFrom + element.clientHeight)
      element.scrollTop = scrollOf((index + 1) * rowHeight - element.clientHeight);
  };
  const onKey = (event: KeyboardEvent): void => {
    const row = model.rowAt(focused);
    const page = Math.floor(view.height / rowHeight) - 1;
    const steps: Record<string, () => void> = {
      ArrowDown: () => move(focused + 1),
      ArrowUp: () => move(focused - 1),
      PageDown: () => move(focused + page),
      PageUp: () => move(focused - page),
      Home: () => move(0),
      End: () => move(rowCount - 1),
      ArrowRight: () => (row?.kind === 'folder' && !row.isOpen ? model.toggle(row) : move(focused + 1)),
      ArrowLeft: () => {
        if (row?.kind === 'folder' && row.isOpen) model.toggle(row);
        else if (model.parentIndex(focused) >= 0) move(model.parentIndex(focused));
      },
      Enter: () => row !== undefined && act(row),
      ' ': () => row !== undefined && act(row),
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    step();
  };
  const active = focused >= rowCount ? undefined : `row-${focused}`;
  return (
    <div
      ref={scroller}
      class="tree"
      // A tree without an item would be a fault of access.
      role={rowCount === 0 ? 'group' : 'tree'}
      aria-label={t('Keys')}
      aria-activedescendant={active}
      tabIndex={0}
      onScroll={(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}
      onKeyDown={onKey}
    >
      <div class="sizer" role="presentation" style={{ height: `${height}px` }}>
        {seen.map((row, index) => {
          const at = first + index;
          return (
            <TreeRow
              key={
                row.kind === 'folder' ? `f${row.prefix}` : row.kind === 'key' ? `k${row.key}` : `m${row.folder.prefix}`
              }
              row={row}
              at={at}
              top={at * rowHeight - shift}
              kind={row.kind === 'key' ? kinds.get(row.key) : undefined}
              isChosen={row.kind === 'key' && row.key === chosen}
              isFocused={at === focused}
              onAct={() => {
                setFocused(at);
                act(row);
              }}
            />
          );
        })}
      </div>
      {rowCount === 0 && <div class="empty">{model.isLoading ? t('Loading …') : t('No keys.')}</div>}
    </div>
  );
}

function TreeRow({
  row,
  at,
  top,
  kind,
  isChosen,
  isFocused,
  onAct,
}: {
  row: Row;
  at: number;
  top: number;
  kind: string | undefined;
  isChosen: boolean;
  isFocused: boolean;
  onAct: () => void;
}) {
  const common = {
    id: `row-${at}`,
    role: 'treeitem',
    'aria-level': row.depth + 1,
    class: `node ${isChosen ? 'selected' : ''} ${isFocused ? 'focused' : ''}`,
    style: { top: `${top}px`, paddingLeft: `${8 + row.depth * 16}px` },
    onClick: onAct,
  } as const;
  if (row.kind === 'folder')
    return (
      <div {...common} aria-expanded={row.isOpen} aria-selected={false}>
        <span class="twist" aria-hidden="true">
          {row.isOpen ? '▾' : '▸'}
        </span>
        <span class="label" title={shownStart(row.prefix, titleMax)}>
          {shownStart(row.name)}
        </span>
        <span class="count">{brief(row.count)}</span>
      </div>
    );
  if (row.kind === 'more')
    return (
      <div {...common} aria-selected={false}>
        <span class="twist" aria-hidden="true">
          {row.folder.isLoading ? '…' : '+'}
        </span>
        <span class="label muted">{row.folder.error ?? (row.folder.isLoading ? t('Loading …') : t('Load more'))}</span>
      </div>
    );
  return (
    <div {...common} aria-selected={isChosen}>
      <span class={`type ${kind ?? ''}`}>{shownStart(kind ?? '·', 20)}</span>
      <span class="label" title={shownStart(row.key, titleMax)}>
        <NameText text={row.key} />
      </span>
    </div>
  );
}

/** The types of the keys that are seen, asked for together and kept. */
function useTypes(server: ViewProps['server'], seen: readonly Row[]): ReadonlyMap<string, string> {
  const known = useRef(new Map<string, string>());
  const [, redraw] = useState(0);
  const missing = seen.flatMap((row) => (row.kind === 'key' && !known.current.has(row.key) ? [row.key] : []));
  useEffect(() => {
    if (missing.length === 0) return;
    const timer = setTimeout(async () => {
      const asked = missing.slice(0, typesAtOnce);
      for (const key of asked) known.current.set(key, '');
      try {
        const replies = await server.run(
          asked.map((key) => ['TYPE', key]),
          { keepsErrors: true },
        );
        for (const [index, reply] of replies.entries())
          known.current.set(asked[index]!, typeof reply === 'string' ? reply : '');
        redraw((old) => old + 1);
      } catch {
        // The tree is of use without the types; the next scroll asks again.
        for (const key of asked) known.current.delete(key);
      }
    }, 60);
    return () => clearTimeout(timer);
  }, [missing.join('\n')]);
  return known.current;
}
