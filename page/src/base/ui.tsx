// ui: the parts that all views use: dialogs, messages, fields, tables, states of loading.
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { useCallback, useEffect, useId, useRef, useState } from 'preact/hooks';
import { ApiFailure } from './api.js';
import { shownStart } from './bytes.js';
import { Glyph, type IconName } from './icons.js';
import { t } from './i18n.js';

// ---- messages

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: 'good' | 'error';
}

/** Servers repeat what they were sent, which may be long. */
const messageMax = 1000;
let toasts: Toast[] = [];
let nextToast = 1;
let showToasts: (list: Toast[]) => void = () => undefined;

export function say(text: string, kind: Toast['kind'] = 'good'): void {
  const toast = { id: nextToast++, text: shownStart(text, messageMax), kind };
  toasts = [...toasts.slice(-3), toast];
  showToasts(toasts);
  setTimeout(() => drop(toast.id), kind === 'error' ? 12_000 : 4000);
}

function drop(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
  showToasts(toasts);
}

export function sayError(error: unknown): void {
  say(messageOf(error), 'error');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function Toasts() {
  const [list, setList] = useState<Toast[]>([]);
  showToasts = setList;
  return (
    <div class="toasts" role="status" aria-live="polite">
      {list.map(({ id, text, kind }) => (
        <div key={id} class={`toast ${kind}`}>
          <span class="grow">{text}</span>
          <IconButton icon="close" label={t('Close')} onClick={() => drop(id)} />
        </div>
      ))}
    </div>
  );
}

// ---- buttons and fields

export function IconButton({
  icon,
  label,
  ...rest
}: { icon: IconName; label: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" class="plain icon" aria-label={label} title={label} {...rest}>
      <Glyph name={icon} />
    </button>
  );
}

export function Field({ label, help, children }: { label: string; help?: string; children: ComponentChildren }) {
  return (
    <div class="field">
      <label class="field">
        <span>{label}</span>
        {children}
      </label>
      {help !== undefined && <small class="muted">{help}</small>}
    </div>
  );
}

export function Check({
  label,
  checked,
  onChange,
  disabled,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

export function Segmented<Name extends string>({
  label,
  choices,
  chosen,
  onChoose,
}: {
  label: string;
  choices: readonly (readonly [Name, string])[];
  chosen: Name;
  onChoose: (name: Name) => void;
}) {
  return (
    <div class="segmented" role="group" aria-label={label}>
      {choices.map(([name, text]) => (
        <button type="button" key={name} aria-pressed={name === chosen} onClick={() => onChoose(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function CopyButton({ text }: { text: string }) {
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      say(t('Copied'));
    } catch {
      say(t('The browser does not allow copying here.'), 'error');
    }
  };
  return <IconButton icon="copy" label={t('Copy')} onClick={() => void copy()} />;
}

// ---- states

export function Loading() {
  return (
    <div class="empty" role="status">
      {t('Loading …')}
    </div>
  );
}

export function Failure({ error, retry, hint }: { error: unknown; retry?: () => void; hint?: string }) {
  return (
    <div class="notice error" role="alert">
      <p>{shownStart(messageOf(error), messageMax)}</p>
      {hint !== undefined && <p class="small muted">{hint}</p>}
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          {t('Try again')}
        </button>
      )}
    </div>
  );
}

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: unknown;
  readonly isLoading: boolean;
  reload(): void;
}

/** After a reload, which follows a change by hand, what is loaded again and again comes sooner for a while: a failover takes seconds. */
const hurryMs = 10_000;
const hurriedMs = 500;

/** The event of the window after which everything is loaded that could not be: the server of the page answers again. */
export const answersAgain = 'answersagain';

/** Loads when the names in `of` change; with `everyMs` again and again while the page is seen. */
export function useLoad<T>(
  load: (signal: AbortSignal) => Promise<T>,
  of: readonly unknown[],
  everyMs?: number,
): Loaded<T> {
  const [state, setState] = useState<{ value: T | undefined; error: unknown; isLoading: boolean }>({
    value: undefined,
    error: undefined,
    isLoading: true,
  });
  const [round, setRound] = useState(0);
  const hurriesUntilMs = useRef(0);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isFirst = true;
    const runLater = (): void => {
      if (everyMs === undefined) return;
      const isHurried = performance.now() < hurriesUntilMs.current;
      timer = setTimeout(() => void run(), isHurried ? Math.min(hurriedMs, everyMs) : everyMs);
    };
    const run = async (): Promise<void> => {
      if (!isFirst && document.hidden) {
        runLater();
        return;
      }
      if (isFirst) setState((old) => ({ ...old, isLoading: true }));
      isFirst = false;
      try {
        const value = await load(abort.signal);
        if (!abort.signal.aborted) setState({ value, error: undefined, isLoading: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        setState((old) => ({ value: old.value, error, isLoading: false }));
      }
      if (!abort.signal.aborted) runLater();
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [...of, round, everyMs]);
  const reload = useCallback(() => {
    hurriesUntilMs.current = performance.now() + hurryMs;
    setRound((old) => old + 1);
  }, []);
  const hasFailed = state.error !== undefined;
  useEffect(() => {
    if (!hasFailed || everyMs !== undefined) return;
    addEventListener(answersAgain, reload);
    return () => removeEventListener(answersAgain, reload);
  }, [hasFailed, everyMs]);
  return { ...state, reload };
}

// ---- dialogs

export function Dialog({
  title,
  onClose,
  children,
  isWide,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  isWide?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // Not the button that closes it, which comes first.
    dialog.current?.querySelector<HTMLElement>('[autofocus], input, select, textarea')?.focus();
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide === true ? 'wide' : ''}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div>
        <div class="row">
          <h2 id={heading} class="grow">
            {title}
          </h2>
          <IconButton icon="close" label={t('Close')} onClick={onClose} />
        </div>
        {children}
      </div>
    </dialog>
  );
}

interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** The text that has to be typed; undefined: none. */
  readonly typed: string | undefined;
  readonly answer: (confirm: string | undefined | false) => void;
}

let question: Question | undefined;
let showQuestion: (question: Question | undefined) => void = () => undefined;

/** Asks before something that cannot be undone; resolves with false, or with what was typed. */
export function ask(title: string, text: string, action: string, typed?: string): Promise<string | undefined | false> {
  return new Promise((resolve) => {
    question = {
      title,
      text,
      action,
      typed,
      answer: (confirm) => {
        question = undefined;
        showQuestion(undefined);
        resolve(confirm);
      },
    };
    showQuestion(question);
  });
}

export function Questions() {
  const [shownQuestion, setShown] = useState<Question | undefined>(question);
  const [typed, setTyped] = useState('');
  showQuestion = (next) => {
    setTyped('');
    setShown(next);
  };
  if (shownQuestion === undefined) return null;
  const { title, text, action, answer } = shownQuestion;
  const isReady = shownQuestion.typed === undefined || typed === shownQuestion.typed;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (isReady) answer(shownQuestion.typed === undefined ? undefined : typed);
  };
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <form class="stack" onSubmit={submit}>
        <p>{text}</p>
        {shownQuestion.typed !== undefined && (
          <Field label={t('Type the name of the server to go on: {name}', { name: shownQuestion.typed })}>
            <input
              value={typed}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </Field>
        )}
        <footer>
          <button type="button" onClick={() => answer(false)}>
            {t('Cancel')}
          </button>
          <button type="submit" class="danger" disabled={!isReady}>
            {action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Runs what may need the server's name typed: asks for it when the program says so, and tries again. */
export async function withConfirm<T>(
  serverName: string,
  what: string,
  run: (confirm?: string) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.code !== 'confirm') throw error;
    const typed = await ask(what, t('This is dangerous on {name}.', { name: serverName }), what, serverName);
    return typed === false ? undefined : run(typed ?? serverName);
  }
}

// ---- tables

export interface Column<Row> {
  readonly name: string;
  readonly isNumber?: boolean;
  readonly show: (row: Row) => ComponentChildren;
  readonly sort?: (row: Row) => number | string;
}

/** On a phone, rows of many columns or texts become cards in which each value has its column's name. */
function stacks<Row>(columns: readonly Column<Row>[]): boolean {
  return columns.length > 4 || columns.filter(({ isNumber }) => isNumber !== true).length > 2;
}

export function Table<Row>({
  columns,
  rows,
  label,
  keyOf,
  first,
}: {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  label: string;
  keyOf: (row: Row, index: number) => string;
  first?: { column: number; isDown: boolean };
}) {
  const [order, setOrder] = useState<{ column: number; isDown: boolean } | undefined>(first);
  let sorted = rows;
  const by = order === undefined ? undefined : columns[order.column]?.sort;
  if (by !== undefined) {
    const sign = order!.isDown ? -1 : 1;
    sorted = [...rows].sort((a, b) => {
      const [one, other] = [by(a), by(b)];
      return one < other ? -sign : one > other ? sign : 0;
    });
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class={stacks(columns) ? 'stacks' : ''} role="table">
        <thead role="rowgroup">
          <tr role="row" data-sort={columns.some(({ sort }) => sort !== undefined) ? t('Sort by') : undefined}>
            {columns.map((column, index) => (
              <th
                key={index}
                scope="col"
                role="columnheader"
                class={`${column.isNumber === true ? 'num' : ''} ${column.sort === undefined ? 'no-sort' : ''}`}
                aria-sort={order?.column === index ? (order.isDown ? 'descending' : 'ascending') : undefined}
              >
                {column.sort === undefined ? (
                  column.name
                ) : (
                  <button
                    type="button"
                    onClick={() =>
                      setOrder({
                        column: index,
                        isDown: order?.column === index ? !order.isDown : column.isNumber === true,
                      })
                    }
                  >
                    {column.name} {order?.column === index ? (order.isDown ? '↓' : '↑') : ''}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {sorted.map((row, index) => (
            <tr key={keyOf(row, index)} role="row">
              {columns.map((column, at) => (
                <td
                  key={at}
                  role="cell"
                  data-name={column.name}
                  class={column.isNumber === true ? 'num' : column.name === '' ? 'actions' : ''}
                >
                  <div class="cell">{column.show(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <div class="empty">{t('Nothing here.')}</div>}
    </div>
  );
}
