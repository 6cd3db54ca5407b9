// console: commands by hand, in tabs with connections of their own, with completion and history.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure, get, mayAs, post, type Reply, type Role } from '../base/api.js';
import { isBinary, printable, shownLines } from '../base/bytes.js';
import { t } from '../base/i18n.js';
import { IconButton, Loading, useLoad, withConfirm } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

interface Command {
  readonly name: string;
  readonly args: string;
  readonly summary: string;
  readonly group: string;
  readonly role: Role;
}

interface Line {
  readonly command: string;
  readonly output: string;
  readonly isError: boolean;
}

interface Tab {
  readonly id: string;
  readonly lines: readonly Line[];
}

const linesMax = 500;
const historyMax = 500;
const hintsMax = 30;
interface Tabs {
  readonly tabs: readonly Tab[];
  /** The id of the one in front. */
  readonly active: string;
}

const kept = new Map<string, Tabs>();
let nextTab = 1;
/** The program knows tabs by their ids: those of another window, or of this one before it was loaded again, are others. */
const windowId = crypto.getRandomValues(new Uint32Array(3)).join('-');
const newTab = (): Tab => ({ id: `${windowId}/${nextTab++}`, lines: [] });

/** With one more, which is in front. */
function withTab(tabs: readonly Tab[]): Tabs {
  const tab = newTab();
  return { tabs: [...tabs, tab], active: tab.id };
}

export function ConsoleView({ server, about, me }: ViewProps) {
  const commands = useLoad(async () => (await get<{ commands: Command[] }>('/api/commands')).commands, []);
  const place = `${server.id}/${server.database}`;
  const [state, setState] = useState(() => kept.get(place) ?? withTab([]));
  kept.set(place, state);
  const tab = state.tabs.find(({ id }) => id === state.active) ?? state.tabs[0]!;
  const update = (change: (tab: Tab) => Tab): void =>
    setState((old) => ({ ...old, tabs: old.tabs.map((one) => (one.id === tab.id ? change(one) : one)) }));
  const add = (line: Line): void => update((old) => ({ ...old, lines: [...old.lines, line].slice(-linesMax) }));
  const close = (id: string): void => {
    post(`${server.path}/console/close`, { tab: id }).catch(() => undefined); // its connection ends with the session at the latest
    setState((old) => {
      const tabs = old.tabs.filter((one) => one.id !== id);
      return tabs.length === 0 ? withTab([]) : { tabs, active: tabs.at(-1)!.id };
    });
  };
  if (commands.value === undefined) return <Loading />;
  return (
    <div class="console">
      <div class="tabs">
        <div role="tablist" aria-label={t('Consoles')}>
          {state.tabs.map(({ id }, index) => (
            <button
              type="button"
              key={id}
              role="tab"
              aria-selected={id === tab.id}
              onClick={() => setState((old) => ({ ...old, active: id }))}
            >
              {t('Console')} {index + 1}
            </button>
          ))}
        </div>
        <IconButton icon="plus" label={t('New tab')} onClick={() => setState((old) => withTab(old.tabs))} />
        {state.tabs.length > 1 && <IconButton icon="close" label={t('Close tab')} onClick={() => close(tab.id)} />}
        <span class="grow" />
        <button type="button" class="plain" onClick={() => update((old) => ({ ...old, lines: [] }))}>
          {t('Clear')}
        </button>
      </div>
      <Output
        lines={tab.lines}
        greeting={`${about.product} ${printable(about.version.slice(0, 40))} · ${server.name}`}
      />
      <Prompt
        key={tab.id}
        commands={commands.value.filter(({ role }) => mayAs(me, role))}
        onRun={async (line) => {
          try {
            const result = await withConfirm(
              server.name,
              line.split(/\s+/).slice(0, 2).join(' ').toUpperCase(),
              (confirm) =>
                post<{ reply: Reply; kind?: string }>(`${server.path}/console`, {
                  line,
                  tab: tab.id,
                  database: server.database,
                  confirm,
                }),
            );
            if (result === undefined) return;
            const isError = result.kind === 'error';
            add({
              command: line,
              output: formatTop(result.reply, result.kind),
              isError,
            });
          } catch (error) {
            add({ command: line, output: error instanceof ApiFailure ? error.message : String(error), isError: true });
          }
        }}
      />
    </div>
  );
}

function Output({ lines, greeting }: { lines: readonly Line[]; greeting: string }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: 'nearest' }), [lines.length]);
  return (
    <div class="out" role="log" aria-label={t('Replies')} tabIndex={0}>
      <div class="muted">
        {greeting} · {t('Tab completes, ↑ brings back')}
      </div>
      {lines.map(({ command, output, isError }, index) => (
        <div key={index}>
          <div class="cmd">&gt; {printable(command)}</div>
          <pre class={isError ? 'err' : ''}>{output}</pre>
        </div>
      ))}
      <div ref={end} />
    </div>
  );
}

/** Texts of several lines, such as INFO's, as they are. */
function formatTop(reply: Reply, kind: string | undefined): string {
  const isText = typeof reply === 'string' && (kind === 'status' || (/\n/.test(reply) && !isBinary(reply)));
  return isText ? shownLines(reply.replaceAll('\r\n', '\n').trimEnd()) : formatReply(reply, 0);
}

/** As redis-cli shows it. */
export function formatReply(reply: Reply, indent: number): string {
  if (reply === null) return '(nil)';
  if (typeof reply === 'number') return `(integer) ${reply}`;
  if (typeof reply === 'boolean') return reply ? '(true)' : '(false)';
  if (typeof reply === 'string') return quoted(reply);
  if (Array.isArray(reply)) return formatList(reply, reply.length, indent);
  if (reply.error !== undefined) return `(error) ${printable(reply.error)}`;
  if (reply.big !== undefined) return `(integer) ${reply.big}`;
  if (reply.double !== undefined) return `(double) ${reply.double}`;
  if (reply.cut !== undefined) return `${quoted(reply.cut)} … (${reply.bytes} bytes)`;
  if (reply.list !== undefined) return formatList(reply.list, reply.count ?? reply.list.length, indent);
  return formatList(reply.map ?? [], (reply.map ?? []).length, indent);
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  return `"${printable(text.replace(/["\\]/g, '\\$&').replace(/[\n\r\t]/g, (one) => escapes[one]!))}"`;
}

function formatList(list: readonly Reply[], count: number, indent: number): string {
  if (list.length === 0) return '(empty array)';
  const width = String(list.length).length;
  const lines = list.map(
    (element, index) =>
      `${index === 0 ? '' : ' '.repeat(indent)}${String(index + 1).padStart(width)}) ${formatReply(element, indent + width + 2)}`,
  );
  if (count > list.length) lines.push(`${' '.repeat(indent)}… ${count - list.length}`);
  return lines.join('\n');
}

function storedHistory(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem('console') ?? '[]') as string[];
  } catch {
    return [];
  }
}

const secrets = /^\s*(auth|hello|acl\s+setuser|(config|sentinel|migrate)\b.*(pass|auth))/i;

function Prompt({ commands, onRun }: { commands: readonly Command[]; onRun: (line: string) => Promise<void> }) {
  const [line, setLine] = useState('');
  const [selected, setSelected] = useState(-1);
  const [areShown, setShown] = useState(false);
  const [running, setRunning] = useState(0);
  /** Lines that are entered while one runs wait for it, as in a terminal. */
  const last = useRef(Promise.resolve());
  const history = useRef(storedHistory());
  const back = useRef(0);
  const input = useRef<HTMLInputElement>(null);
  const typed = line.trimStart().toUpperCase();
  const exact = commands
    .filter(({ name }) => typed === name || typed.startsWith(`${name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
  const hints =
    areShown && typed !== '' && !line.includes('"')
      ? commands.filter(({ name }) => name.startsWith(typed)).slice(0, hintsMax)
      : [];
  const take = (name: string): void => {
    setLine(`${name} `);
    setSelected(-1);
    setShown(false);
    input.current?.focus();
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (selected >= 0 && hints[selected] !== undefined) {
      take(hints[selected].name);
      return;
    }
    if (line.trim() === '') return;
    if (!secrets.test(line)) {
      history.current = [...history.current.filter((old) => old !== line), line].slice(-historyMax);
      sessionStorage.setItem('console', JSON.stringify(history.current));
    }
    back.current = 0;
    setShown(false);
    setLine('');
    setRunning((count) => count + 1);
    last.current = last.current.then(() => onRun(line));
    await last.current;
    setRunning((count) => count - 1);
    input.current?.focus();
  };
  const bring = (step: number): void => {
    back.current = Math.max(0, Math.min(history.current.length, back.current + step));
    setLine(back.current === 0 ? '' : history.current.at(-back.current)!);
    setShown(false);
  };
  const onKey = (event: KeyboardEvent): void => {
    const steps: Record<string, () => void> = {
      ArrowUp: () => (selected >= 0 ? setSelected(selected - 1) : bring(1)),
      ArrowDown: () =>
        hints.length > 0 && back.current === 0 ? setSelected(Math.min(hints.length - 1, selected + 1)) : bring(-1),
      Escape: () => setShown(false),
    };
    if (
      event.key === 'Tab' &&
      hints.length > 0 &&
      !event.shiftKey &&
      (selected >= 0 || hints[0]!.name !== typed.trim())
    ) {
      event.preventDefault();
      take(hints[Math.max(0, selected)]!.name);
      return;
    }
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    step();
  };
  return (
    <>
      <form onSubmit={(event) => void submit(event)}>
        {hints.length > 0 && (
          <div class="hints" role="listbox" id="console-hints" aria-label={t('Commands')}>
            {hints.map(({ name, args, summary }, index) => (
              <div
                key={name}
                id={`hint-${index}`}
                role="option"
                aria-selected={index === selected}
                onMouseDown={(event) => {
                  event.preventDefault();
                  take(name);
                }}
              >
                <span class="mono nowrap">
                  <b>{name}</b> <span class="muted">{args.slice(0, 60)}</span>
                </span>
                <span class="muted small wide-only">{summary}</span>
              </div>
            ))}
          </div>
        )}
        <input
          ref={input}
          value={line}
          autofocus
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          role="combobox"
          aria-expanded={hints.length > 0}
          aria-controls="console-hints"
          aria-activedescendant={selected >= 0 ? `hint-${selected}` : undefined}
          aria-label={t('Command')}
          placeholder={t('Command, for example: GET key')}
          onInput={(event) => {
            setLine(event.currentTarget.value);
            setSelected(-1);
            setShown(true);
          }}
          onKeyDown={onKey}
          onBlur={() => setShown(false)}
        />
        <button type="submit" class="primary">
          {t('Run')}
        </button>
      </form>
      <div class="hint-line">
        {exact !== undefined ? `${exact.name} ${exact.args}` : running > 0 ? `${t('running')} …` : ' '}
      </div>
    </>
  );
}
