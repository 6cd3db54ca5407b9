// key-detail: one key: type, encoding, size, time to live, what can be done with it, and its value.
import { useState } from 'preact/hooks';
import { textIn } from '../base/api.js';
import { shown, shownStart, unshown } from '../base/bytes.js';
import { bytes, count, duration } from '../base/format.js';
import { FormDialog } from '../base/form.js';
import { t } from '../base/i18n.js';
import { NameText } from '../base/name-text.js';
import { ask, Check, CopyButton, Failure, Field, IconButton, Loading, say, sayError, useLoad } from '../base/ui.js';
import { HashValue, ListValue, SetValue, SortedSetValue } from '../values/collections.js';
import { StreamValue } from '../values/stream-value.js';
import { StringValue } from '../values/string-value.js';
import type { ValueProps } from '../values/value-props.js';
import type { ViewProps } from './server-page.js';

const titleMax = 500;
/** May scroll, which takes the focus of the keyboard. */
const titleLong = 60;

interface Props extends ViewProps {
  readonly name: string;
  readonly canWrite: boolean;
  readonly onBack: () => void;
  readonly onGone: () => void;
  readonly onRenamed: (to: string) => void;
  readonly onCopied: (to: string) => void;
}

interface Kind {
  readonly View: (props: ValueProps) => preact.JSX.Element;
  readonly sizeCommand: string;
}

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['string', { View: StringValue, sizeCommand: 'STRLEN' }],
  ['hash', { View: HashValue, sizeCommand: 'HLEN' }],
  ['list', { View: ListValue, sizeCommand: 'LLEN' }],
  ['set', { View: SetValue, sizeCommand: 'SCARD' }],
  ['zset', { View: SortedSetValue, sizeCommand: 'ZCARD' }],
  ['stream', { View: StreamValue, sizeCommand: 'XLEN' }],
]);

export function KeyDetail({ server, name, canWrite, onBack, onGone, onRenamed, onCopied, reloadAbout }: Props) {
  const [dialog, setDialog] = useState<'rename' | 'copy' | 'ttl' | undefined>();
  const [round, setRound] = useState(0);
  const about = useLoad(async () => {
    const type = textIn(await server.one('TYPE', name));
    const sizeCommand = kinds.get(type)?.sizeCommand;
    const [ttl, encoding, memory, size] = await server.run(
      [
        ['PTTL', name],
        ['OBJECT', 'ENCODING', name],
        ['MEMORY', 'USAGE', name],
        ...(sizeCommand === undefined ? [] : [[sizeCommand, name]]),
      ],
      { keepsErrors: true },
    );
    return {
      type,
      ttlMs: Number(textIn(ttl)),
      encoding: textIn(encoding),
      memory: Number(textIn(memory) || NaN),
      size: Number(textIn(size)),
    };
  }, [server, name, round]);
  if (about.value === undefined)
    return about.error === undefined ? <Loading /> : <Failure error={about.error} retry={about.reload} />;
  const { type, ttlMs, encoding, memory, size } = about.value;
  const remove = async (): Promise<void> => {
    if ((await ask(t('Delete this key?'), shownStart(name), t('Delete'))) === false) return;
    try {
      await server.one('DEL', name);
      say(t('Deleted'));
      reloadAbout();
      onGone();
    } catch (error) {
      sayError(error);
    }
  };
  const View = kinds.get(type)?.View;
  return (
    <div class="stack">
      <div class="row">
        <IconButton icon="back" label={t('Back to the keys')} class="plain icon back" onClick={onBack} />
        <h2 class="key-title grow" tabIndex={name.length > titleLong ? 0 : undefined}>
          <NameText text={name} lengthMax={titleMax} />
        </h2>
        <CopyButton text={shown(name)} />
        <IconButton icon="refresh" label={t('Load again')} onClick={() => setRound(round + 1)} />
      </div>
      {type === 'none' ? (
        <div class="notice warn">{t('The key is gone: it expired or somebody deleted it.')}</div>
      ) : (
        <>
          <div class="row">
            <span class={`type ${type}`}>{shownStart(type, 20)}</span>
            <span class="badge">{shownStart(encoding, 40)}</span>
            <span class="muted small">{type === 'string' ? bytes(size) : t('{n} elements', { n: count(size) })}</span>
            {!Number.isNaN(memory) && <span class="muted small">{t('{n} in memory', { n: bytes(memory) })}</span>}
            <span class="muted small">
              {ttlMs < 0 ? t('does not expire') : t('expires in {time}', { time: duration(ttlMs / 1000) })}
            </span>
            <span class="grow" />
            {canWrite && (
              <span class="row tight">
                <button type="button" onClick={() => setDialog('ttl')}>
                  {t('Time to live')}
                </button>
                <button type="button" onClick={() => setDialog('rename')}>
                  {t('Rename')}
                </button>
                <button type="button" onClick={() => setDialog('copy')}>
                  {t('Copy to')}
                </button>
                <button type="button" class="danger" onClick={() => void remove()}>
                  {t('Delete')}
                </button>
              </span>
            )}
          </div>
          {View === undefined ? (
            <div class="notice">
              {t('This page does not know values of type {type}; use the console.', { type: shownStart(type, 40) })}
            </div>
          ) : (
            <View server={server} name={name} canWrite={canWrite} round={round} onChanged={about.reload} />
          )}
        </>
      )}
      {dialog === 'ttl' && (
        <TtlDialog
          seconds={ttlMs < 0 ? undefined : Math.ceil(ttlMs / 1000)}
          onClose={() => setDialog(undefined)}
          onSave={async (seconds) => {
            await (seconds === undefined ? server.one('PERSIST', name) : server.one('EXPIRE', name, String(seconds)));
            about.reload();
          }}
        />
      )}
      {(dialog === 'rename' || dialog === 'copy') && (
        <NameDialog
          name={name}
          title={dialog === 'rename' ? t('Rename') : t('Copy to')}
          onClose={() => setDialog(undefined)}
          onSave={async (to, replaces) => {
            if (dialog === 'rename') {
              const isDone = textIn(await server.one(replaces ? 'RENAME' : 'RENAMENX', name, to)) !== '0';
              if (!isDone) throw new Error(t('There is a key with this name.'));
              onRenamed(to);
            } else {
              const isDone = textIn(await server.one('COPY', name, to, ...(replaces ? ['REPLACE'] : []))) !== '0';
              if (!isDone) throw new Error(t('There is a key with this name.'));
              onCopied(to);
            }
            reloadAbout();
            say(t('Done'));
          }}
        />
      )}
    </div>
  );
}

function TtlDialog({
  seconds,
  onClose,
  onSave,
}: {
  seconds: number | undefined;
  onClose: () => void;
  onSave: (seconds: number | undefined) => Promise<void>;
}) {
  const [expires, setExpires] = useState(seconds !== undefined);
  const [value, setValue] = useState(String(seconds ?? 3600));
  return (
    <FormDialog
      title={t('Time to live')}
      onClose={onClose}
      onSubmit={() => onSave(expires ? Number(value) : undefined)}
    >
      <Check label={t('The key expires')} checked={expires} onChange={setExpires} />
      {expires && (
        <Field label={t('Seconds')}>
          <input
            type="number"
            min="1"
            step="1"
            required
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </Field>
      )}
    </FormDialog>
  );
}

function NameDialog({
  name,
  title,
  onClose,
  onSave,
}: {
  name: string;
  title: string;
  onClose: () => void;
  onSave: (to: string, replaces: boolean) => Promise<void>;
}) {
  const [to, setTo] = useState(shown(name));
  const [replaces, setReplaces] = useState(false);
  return (
    <FormDialog title={title} action={title} onClose={onClose} onSubmit={() => onSave(unshown(to), replaces)}>
      <Field label={t('New name')}>
        <input
          class="wide mono"
          value={to}
          required
          spellcheck={false}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </Field>
      <Check label={t('Replace a key that has this name')} checked={replaces} onChange={setReplaces} />
    </FormDialog>
  );
}
